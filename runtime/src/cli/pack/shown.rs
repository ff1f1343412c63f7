//! A plan as people read it, in their language.

use crate::packs::words;
use crate::service::Locale;
use serde_json::Value as Json;

pub(super) fn print_plan(plan: &Json, locale: &str) {
    let locale = Locale::named(locale).unwrap_or_default();
    let chinese = locale == Locale::Chinese;
    for pack in items(&plan["packs"]) {
        let version = |of: &Json| of.as_str().unwrap_or("-").to_owned();
        let signer = plan["signers"][text(&pack["name"])].as_str();
        let signer = signer.map(|signer| format!(" ({signer})")).unwrap_or_default();
        let older = match (pack["older"] == true, chinese) {
            (false, _) => "",
            (true, true) => "（降级：回到较早的版本）",
            (true, false) => " (a downgrade: an older version)",
        };
        println!("{}: {} -> {}{older}{signer}", text(&pack["name"]), version(&pack["from"]), version(&pack["to"]));
    }
    for asked in items(&plan["capabilities"]).iter().filter(|asked| asked["granted"] == false) {
        let (pack, capability) = (text(&asked["pack"]), text(&asked["capability"]));
        let title = text(&asked["words"][locale.as_str()]);
        match chinese {
            true => println!("  扩展包“{pack}”的脚本申请 {capability}：{title}（执行时加 --grant 授予）"),
            false => {
                println!("  the scripts of `{pack}` ask for {capability}: {title} (--grant gives it when applied)")
            }
        }
    }
    for change in items(&plan["changes"]) {
        println!("  {}", text(&change["words"][locale.as_str()]));
    }
    for change in items(&plan["database"]) {
        let column = change["column"].as_str().map(|column| format!(".{column}")).unwrap_or_default();
        match chinese {
            true => println!("  {}（{} 条记录）", text(&change["words"][locale.as_str()]), change["rows"]),
            false => {
                println!(
                    "  {} {}{column} ({} records)",
                    text(&change["action"]),
                    text(&change["object"]),
                    change["rows"]
                );
            }
        }
    }
    for conflict in items(&plan["conflicts"]) {
        let (property, winner) = (text(&conflict["property"]), text(&conflict["resolution"]));
        let (tenant, pack) = (&conflict["tenant"], &conflict["pack"]);
        match chinese {
            true => println!("  冲突 {property}：本租户 {tenant} / 扩展包 {pack} -> {}", winner_in_chinese(&winner)),
            false => println!("  conflict {property}: tenant {tenant} / pack {pack} -> {winner}"),
        }
    }
    for broken in items(&plan["broken"]) {
        let (what, kind, name) = (text(&broken["what"]), text(&broken["by_kind"]), text(&broken["by_name"]));
        let path = text(&broken["path"]);
        if let Some(words) = broken["words"][locale.as_str()].as_str() {
            println!("  {what}: {words}");
            continue;
        }
        match chinese {
            true => println!("  {what} 仍被 {kind} {name} {path} 使用"),
            false => println!("  {what} is used by {kind} {name} {path}"),
        }
    }
    for finding in items(&plan["findings"]) {
        let message = words::sentence(locale, &text(&finding["code"]), &text(&finding["message"]));
        let severity = if chinese { "错误" } else { "error" };
        let (code, file, pointer) = (text(&finding["code"]), text(&finding["file"]), text(&finding["pointer"]));
        println!("  {severity}[{code}] {file} {pointer}: {message}");
    }
    for pack in items(&plan["cases"]["packs"]).iter().filter(|pack| pack["differ"] != 0) {
        println!("  {}", text(&pack["words"][locale.as_str()]));
    }
    for case in items(&plan["cases"]["differ"]) {
        println!("    {}/{}: {}", text(&case["pack"]), text(&case["case"]), text(&case["difference"]));
    }
    let reasons: Vec<String> = items(&plan["blocked"]).iter().map(text).collect();
    match (reasons.is_empty(), chinese) {
        (true, true) => println!("计划 {}", text(&plan["plan"])),
        (true, false) => println!("plan {}", text(&plan["plan"])),
        (false, true) => println!("不能执行：{}", reasons.join("、")),
        (false, false) => println!("cannot be applied: {}", reasons.join(", ")),
    }
}

fn winner_in_chinese(winner: &str) -> &str {
    match winner {
        "pack" => "取扩展包的",
        "tenant" => "取本租户的",
        _ => "待定",
    }
}

pub(super) fn items(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text(json: &Json) -> String {
    json.as_str().map_or_else(String::new, str::to_owned)
}
