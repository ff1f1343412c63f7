//! Checking plans, accumulators and chains together: what does not fit is told at its place, with a way out.

use super::findings;
use serde_json::{Value as Json, json};

const DEALER: &str = r#"{"kind": "object", "name": "dealer", "title": "Dealer", "display": "code", "key": "code",
  "traits": {"party": {}}, "fields": {
    "code": {"type": "text", "title": "Code", "unique": true}, "rank": {"type": "text", "title": "Rank"},
    "upline": {"type": "reference", "title": "Upline", "to": "dealer"}}}"#;
const SALE: &str = r#"{"kind": "object", "name": "sale", "title": "Sale", "display": "code", "key": "code", "fields": {
    "code": {"type": "text", "title": "Code", "unique": true},
    "dealer": {"type": "reference", "title": "Dealer", "to": "dealer"},
    "sold_on": {"type": "date", "title": "Sold on"}, "colour": {"type": "text", "title": "Colour"},
    "net": {"type": "money", "title": "Net", "currency": "CNY"}}}"#;
const LIFE: &str = r#"{"kind": "lifecycle", "name": "sale", "title": "Life", "on": "sale", "initial": "done", "states": {"done": {"title": "Done"}}}"#;
const MONTH: &str = r#"{"kind": "period_calendar", "name": "month", "title": "Month", "every": "month"}"#;
const STEPS: &str = r#"{"kind": "schedule", "name": "steps", "title": "Steps", "mode": "volume_percentage", "tiers": [{"up_to": null, "rate": "0.01"}]}"#;

fn accumulator() -> Json {
    json!({"kind": "accumulator", "name": "net", "title": "Net", "by": ["dealer"], "period": "month",
           "of": [{"object": "sale", "state": "done", "date": "sold_on", "sum": "net"}]})
}

fn chain() -> Json {
    json!({"kind": "chain", "name": "uplines", "title": "Uplines", "party": "dealer", "path": "party.upline",
           "method": {"levels": {"rates": ["0.1", "0.05"]}}})
}

fn plan_of_facts(line: Json) -> Json {
    json!({"kind": "settlement_plan", "name": "plan", "title": "Plan", "on": {"object": "sale", "state": "done"},
           "business_date": "sold_on", "period_calendar": "month", "lines": [line]})
}

fn plan_of_periods(line: Json) -> Json {
    json!({"kind": "settlement_plan", "name": "plan", "title": "Plan", "on": {"close": "month"}, "for_each": "dealer",
           "let": {"total": {"accumulator": "net"}}, "lines": [line]})
}

fn line(more: Json) -> Json {
    let mut line = json!({"id": "fee", "title": "Fee", "payer": {"value": "dealer/hq"}});
    if let (Some(line), Json::Object(more)) = (line.as_object_mut(), more) {
        line.extend(more);
    }
    line
}

/// What is found of a plan beside an accumulator `net` and a chain `uplines`; every finding has a hint where one is asked for.
fn check(accumulator: &Json, chain: &Json, plan: &Json, expect: &[&str]) {
    check_files(accumulator, chain, plan, &[], expect);
}

/// The same of a plan beside one more file.
fn check_beside(file: (&str, &str), plan: &Json, expect: &[&str]) {
    check_files(&accumulator(), &chain(), plan, &[file], expect);
}

fn check_files(accumulator: &Json, chain: &Json, plan: &Json, more: &[(&str, &str)], expect: &[&str]) {
    let (accumulator, chain, plan) = (accumulator.to_string(), chain.to_string(), plan.to_string());
    let mut files = vec![
        ("objects/dealer.json", DEALER),
        ("objects/sale.json", SALE),
        ("lifecycles/sale.json", LIFE),
        ("settlement/month.json", MONTH),
        ("settlement/steps.json", STEPS),
        ("settlement/net.json", &accumulator),
        ("settlement/uplines.json", &chain),
        ("settlement/plan.json", &plan),
    ];
    files.extend(more);
    let (_, found) = findings(&files);
    let lines: Vec<String> = found
        .iter()
        // Not every plan needs both.
        .filter(|finding| finding.code.as_str() != "unused_definition")
        .map(|finding| format!("{} {}#{}", finding.code, finding.file.trim_start_matches("shop/"), finding.pointer))
        .collect();
    assert_eq!(lines, expect, "{found:#?}");
}

#[test]
fn sound_plans_of_each_kind_compile() {
    check(
        &accumulator(),
        &chain(),
        &plan_of_facts(line(json!({"payee": "record.dealer", "chain": "uplines", "base": "record.net"}))),
        &[],
    );
    let entitled = json!({"payee": "dealer", "entitled": {"apply": "steps", "to": "total"}});
    check(&accumulator(), &chain(), &plan_of_periods(line(entitled)), &[]);
    let capped =
        json!({"payee": "record.dealer", "amount": "record.net", "adjust": [{"id": "cap", "cap": {"value": "100"}}]});
    check(&accumulator(), &chain(), &plan_of_facts(line(capped)), &[]);
}

#[test]
fn a_hold_has_days_and_a_statement_to_wait_for() {
    let month =
        r#"{"kind": "statement", "name": "paper", "title": "Paper", "period_calendar": "month", "number": "{seq:3}"}"#;
    let held = |days: u16, more: Json| {
        let mut line = line(more);
        line["hold"] = json!({"days": days});
        plan_of_facts(line)
    };
    let fee = || json!({"payee": "record.dealer", "amount": "record.net"});
    let stated = |mut plan: Json| {
        plan["statement"] = json!("paper");
        plan
    };
    let checked = |plan: &Json, expect: &[&str]| check_beside(("settlement/paper.json", month), plan, expect);
    checked(&stated(held(7, fee())), &[]);
    checked(&stated(held(0, fee())), &["out_of_range settlement/plan.json#/lines/0/hold/days"]);
    checked(&stated(held(367, fee())), &["out_of_range settlement/plan.json#/lines/0/hold/days"]);
    checked(&held(7, fee()), &["bad_property settlement/plan.json#/lines/0/hold"]);
    let until = |hold: Json| {
        let mut line = line(fee());
        line["hold"] = hold;
        stated(plan_of_facts(line))
    };
    checked(&until(json!({"until": "record.sold_on"})), &[]);
    checked(&until(json!({"days": 7, "until": "record.sold_on"})), &[]);
    checked(&until(json!({"until": "record.net"})), &["script_type settlement/plan.json#/lines/0/hold/until"]);
    checked(
        &until(json!({"until": "record.window"})),
        &["script_unknown_name settlement/plan.json#/lines/0/hold/until"],
    );
    checked(&until(json!({})), &["missing_property settlement/plan.json#/lines/0/hold"]);
}

#[test]
fn totals_name_accumulators_that_know_their_dates_and_filters() {
    let entitled = || line(json!({"payee": "dealer", "entitled": {"apply": "steps", "to": "total"}}));
    let mut unknown = plan_of_periods(entitled());
    unknown["on"]["object"] = json!("dealer");
    unknown["let"]["total"]["accumulator"] = json!("nett");
    check(
        &accumulator(),
        &chain(),
        &unknown,
        &[
            "unknown_reference settlement/plan.json#/let/total/accumulator",
            "script_unknown_name settlement/plan.json#/lines/0/entitled/to",
        ],
    );
    let mut undated = accumulator();
    undated["of"][0]["date"] = Json::Null;
    let expect = ["missing_property settlement/plan.json#/let/total/accumulator"];
    check(&undated, &chain(), &plan_of_periods(entitled()), &expect);
    let mut filtered = accumulator();
    filtered["where"] = json!({"color": "red"});
    check(&filtered, &chain(), &plan_of_periods(entitled()), &["unknown_field settlement/net.json#/where/color"]);
    filtered["where"] = json!({"colour": {"in": ["red"]}});
    check(&filtered, &chain(), &plan_of_periods(entitled()), &[]);
    let mut nobody = plan_of_periods(entitled());
    nobody["for_each"] = json!("customer");
    check(&accumulator(), &chain(), &nobody, &["unknown_reference settlement/plan.json#/for_each"]);
}

#[test]
fn lines_have_no_fields_to_filter_by_and_are_those_of_a_plan() {
    let fee = plan_of_facts(line(json!({"payee": "record.dealer", "amount": "record.net"})));
    let mut of_lines = accumulator();
    of_lines["of"] = json!([{"line": "fee", "sum": "amount"}]);
    of_lines["by"] = json!(["payee"]);
    check(&of_lines, &chain(), &fee, &[]);
    of_lines["where"] = json!({"colour": "red"});
    check(&of_lines, &chain(), &fee, &["bad_property settlement/net.json#/where"]);
    of_lines["where"] = Json::Null;
    of_lines["of"][0]["line"] = json!("fees");
    check(&of_lines, &chain(), &fee, &["unknown_reference settlement/net.json#/of/0/line"]);
}

#[test]
fn what_belongs_to_the_end_of_a_period_is_refused_for_facts() {
    let facts = |line: Json, expect: &[&str]| check(&accumulator(), &chain(), &plan_of_facts(line), expect);
    facts(
        line(json!({"payee": "record.dealer", "entitled": {"apply": "steps", "to": "record.net"}})),
        &["bad_property settlement/plan.json#/lines/0/entitled"],
    );
    let minimum = json!([{"id": "least", "min": {"value": "100"}, "used": {"accumulator": "net"}}]);
    facts(
        line(json!({"payee": "record.dealer", "amount": "record.net", "adjust": minimum})),
        &["bad_property settlement/plan.json#/lines/0/adjust/0/min"],
    );
    facts(
        line(json!({"payee": "record.dealer", "amount": "record.net", "chain": "uplines"})),
        &["bad_property settlement/plan.json#/lines/0"],
    );
    let mut whole = plan_of_facts(line(json!({"payee": "record.dealer", "amount": "total"})));
    whole["let"] = json!({"total": {"accumulator": "net", "to": "whole"}});
    check(&accumulator(), &chain(), &whole, &["bad_property settlement/plan.json#/let/total/to"]);
}

#[test]
fn chains_say_whose_they_are_and_where_they_begin() {
    let paying = |payee: Json| plan_of_facts(line(json!({"payee": payee, "chain": "uplines", "base": "record.net"})));
    let mut nobody = chain();
    nobody["party"] = Json::Null;
    let expect = ["missing_property settlement/plan.json#/lines/0/chain"];
    check(&accumulator(), &nobody, &paying(json!("record.dealer")), &expect);
    check(&accumulator(), &chain(), &paying(Json::Null), &expect);
    let mut misspelt = chain();
    misspelt["path"] = json!("party.uplin");
    check(
        &accumulator(),
        &misspelt,
        &paying(json!("record.dealer")),
        &["script_unknown_name settlement/uplines.json#/path"],
    );
    let mut baseless = paying(json!("record.dealer"));
    baseless["lines"][0]["base"] = Json::Null;
    check(&accumulator(), &chain(), &baseless, &["missing_property settlement/plan.json#/lines/0/base"]);
}
