//! Backups are taken while clients write and are put back whole or not at all; the doctor finds what does not fit.

use super::clients::Writer;
use super::place::Place;
use packwork_tests::process::Process;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

#[test]
fn a_backup_taken_under_load_is_whole_on_sqlite() {
    whole(&Place::sqlite());
}

#[test]
fn a_backup_taken_under_load_is_whole_on_postgres() {
    whole(&Place::postgres());
}

#[test]
fn the_doctor_finds_every_kind_of_drift_on_sqlite() {
    drift(&Place::sqlite());
}

#[test]
fn the_doctor_finds_every_kind_of_drift_on_postgres() {
    drift(&Place::postgres());
}

fn whole(place: &Place) {
    let server = place.launch().start().expect("the server starts");
    let mut writers: Vec<Writer> = (0..4).map(|writer| Writer::new(&format!("w{writer}"), 900 + writer)).collect();
    for writer in &mut writers {
        writer.insist(&server, 15, &|| {});
    }
    let before: Vec<(String, u64)> = writers
        .iter()
        .flat_map(|writer| writer.parcels.values().map(|parcel| (parcel.id.clone(), parcel.version)))
        .collect();
    // The folder of attachments belongs to it, whoever writes there.
    std::fs::create_dir_all(place.folder.join("attachments/ab")).expect("the folder takes it");
    std::fs::write(place.folder.join("attachments/ab/cd"), vec![7_u8; 100_000]).expect("the folder takes it");
    let under_load = place.folder.join("under-load.tar");
    std::thread::scope(|scope| {
        for writer in &mut writers {
            let server = &server;
            scope.spawn(|| writer.insist(server, 30, &|| {}));
        }
        ok(&place.run(&["backup", "--to", text(&under_load)]));
    });
    let restored = restore(place, &under_load);
    ok(&restored.run(&["doctor"]));
    let other = restored.launch().start().expect("a restored server starts");
    for (id, version) in &before {
        let found = get(&other, &format!("/api/v1/records/parcel/{id}"));
        assert!(found["version"].as_u64() >= Some(*version), "{found:#}");
    }
    other.kill().expect("a child can be killed");
    // Nobody writes any more: what is put back is what is there, to the last member.
    let at_rest = place.folder.join("at-rest.tar");
    ok(&place.run(&["backup", "--to", text(&at_rest)]));
    let again = place.run(&["backup", "--to", text(&at_rest)]);
    assert!(!again.status.success() && said(&again).contains("exists already"), "{}", said(&again));
    let restored = restore(place, &at_rest);
    let kept = std::fs::read(restored.folder.join("attachments/ab/cd")).expect("it was put back");
    assert_eq!(kept, vec![7_u8; 100_000]);
    let other = restored.launch().start().expect("a restored server starts");
    for id in writers.iter().flat_map(|writer| writer.parcels.values().map(|parcel| parcel.id.clone())) {
        for path in [format!("/api/v1/records/parcel/{id}"), format!("/api/v1/records/parcel/{id}/history")] {
            assert_eq!(get(&server, &path), get(&other, &path));
        }
    }
    // And writing goes on there: identities and sequences go on where they were.
    for writer in &mut writers {
        writer.insist(&other, 5, &|| {});
    }
    let occupied = restored.run(&["restore", text(&at_rest)]);
    assert!(!occupied.status.success() && said(&occupied).contains("empty"), "{}", said(&occupied));
    other.kill().expect("a child can be killed");
    ok(&restored.run(&["doctor"]));
    damaged(place, &at_rest);
}

fn restore(place: &Place, archive: &Path) -> Place {
    let restored = place.beside();
    ok(&restored.run(&["restore", text(archive)]));
    restored
}

/// A damaged archive is refused, and leaves nothing behind.
fn damaged(place: &Place, archive: &Path) {
    let bytes = std::fs::read(archive).expect("the archive is there");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 3] ^= 1;
    for (name, bytes) in [("flipped", flipped), ("short", bytes[..bytes.len() / 2].to_vec()), ("empty", Vec::new())] {
        let file = place.folder.join(name);
        std::fs::write(&file, bytes).expect("the folder takes it");
        let target = place.beside();
        let refused = target.run(&["restore", text(&file)]);
        assert!(!refused.status.success() && said(&refused).contains("no whole backup"), "{name}: {}", said(&refused));
        assert!(!target.folder.exists(), "{name} left something behind");
        if target.database.is_some() {
            assert_eq!(target.number("SELECT count(*) FROM pg_tables WHERE schemaname = 't_main'"), 0);
        }
    }
}

fn drift(place: &Place) {
    let server = place.launch().start().expect("the server starts");
    let mut client = server.client();
    let mut create = |object: &str, body: Json| {
        let path = format!("/api/v1/records/{object}");
        let created = client.send("POST", &path, Some(&body), None).expect("the server lives");
        assert_eq!(created.status, 201, "{:#}", created.json);
        created.json["id"].as_str().unwrap_or_default().to_owned()
    };
    let unit = create("unit", json!({"code": "one", "name": "One"}));
    let other_unit = create("unit", json!({"code": "two", "name": "Two"}));
    let caller = create("customer", json!({"code": "c1", "name": "One", "phone": "13800000001"}));
    let stray = create("customer", json!({"code": "c2", "name": "Two", "phone": "13800000002"}));
    let (depot, empty) =
        (create("depot", json!({"code": "d1", "name": "One"})), create("depot", json!({"code": "d2", "name": "Two"})));
    let truck = json!({"code": "t", "depot": depot, "load": "1.25", "toll": "2.00", "stops": [{"weight": "1"}, {"weight": "2"}]});
    let truck = create("truck", truck);
    let mut parcel = |code: &str| {
        create("parcel", json!({"code": code, "count": 3, "unit": unit, "rows": [{"name": "a", "weight": "1.5"}]}))
    };
    let (changed, summed, referring, silent) = (parcel("a"), parcel("b"), parcel("c"), parcel("d"));
    let attached = |id: &str| {
        let (path, file) = (format!("/api/v1/records/parcel/{id}/attachments?name=a.txt"), json!("some words"));
        let made = server.client().send("POST", &path, Some(&file), None).expect("the server lives");
        assert_eq!(made.status, 201, "{:#}", made.json);
        made.json["id"].as_str().unwrap_or_default().replace('-', "")
    };
    let (kept, lost, bent) = (attached(&silent), attached(&referring), attached(&summed));
    let sound = place.run(&["doctor", "--json"]);
    assert!(sound.status.success(), "{}", said(&sound));
    server.kill().expect("a child can be killed");
    let id = |id: &str| match place.database {
        None => format!("x'{}'", id.replace('-', "")),
        Some(_) => format!("'{id}'"),
    };
    let nobody = id("00000000-0000-7000-8000-000000000000");
    place.tamper(&format!("UPDATE o_parcel SET f_count = f_count + 1 WHERE f_id = {}", id(&changed)));
    place.tamper(&format!("UPDATE o_parcel SET f_weight = f_weight + 1 WHERE f_id = {}", id(&summed)));
    place.tamper(&format!("UPDATE o_truck_stop SET f_toll = f_toll + 1 WHERE f_item_of = {}", id(&truck)));
    place.tamper(&format!("UPDATE o_parcel SET f_unit = {nobody} WHERE f_id = {}", id(&referring)));
    place.tamper(&format!("DELETE FROM event WHERE record = {}", id(&silent)));
    place.tamper(&format!("UPDATE o_parcel_row SET f_item_of = {nobody} WHERE f_item_of = {}", id(&changed)));
    place.tamper(&format!("UPDATE duplicate_key SET value = 'another' WHERE record = {}", id(&caller)));
    place.tamper(&format!("DELETE FROM duplicate_key WHERE record = {}", id(&stray)));
    place.tamper(&format!("UPDATE child_total SET total = total + 1 WHERE parent = {}", id(&depot)));
    place.tamper(&format!(
        "INSERT INTO child_total (rollup, parent, records, filled, total) VALUES ('depot.load', {}, 1, 0, 0)",
        id(&empty)
    ));
    place.tamper(&format!("UPDATE o_parcel SET f_code = NULL WHERE f_id = {}", id(&silent)));
    place.tamper("DROP INDEX u_unit_f_code; UPDATE o_unit SET f_code = 'one'");
    place.tamper(&format!(
        "INSERT INTO ledger_entry (id, posting, account, debit, credit, currency, period, payer_object, payer,
         payee_object, payee, posted_at) VALUES ({nobody}, 'p', 'a', 100, 0, 'CNY', '2026-03', 'x', {nobody}, 'x', {nobody}, 0)"
    ));
    place.tamper(&format!(
        "INSERT INTO settlement_line (id, plan, line, fact_object, fact, payer_object, payer, payee_object, payee,
         business_date, period, service_period, quantity, gross, net, tax, tax_rate, tax_kind, currency, dimensions, trace,
         posted_at, standing) VALUES ({nobody}, 'p', 'l', 'x', {nobody}, 'x', {nobody}, 'x', {nobody}, '2026-03-01',
         '2026-03', '2026-03', 1, 100, 90, 9, 0, 'none', 'CNY', '{{}}', '{{}}', 0, {})",
        if place.database.is_some() { "true" } else { "1" }
    ));
    place.tamper(
        "INSERT INTO cumulation_day (group_digest, group_period, plan, business_date, line, quantity, gross)
         VALUES ('g', '2026-03', 'p', '2026-03-01', 'l', 1, 0)",
    );
    let file = |id: &str| place.folder.join("attachments/main").join(&id[id.len() - 2..]).join(id);
    assert!(file(&kept).exists());
    std::fs::remove_file(file(&lost)).expect("it is there");
    std::fs::write(file(&bent), "other words").expect("it is there");
    let found = place.run(&["doctor", "--json"]);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let found: BTreeSet<(&str, &str, &str)> = lines
        .iter()
        .filter(|line| line["check"].is_string())
        .map(|line| {
            let part = |name: &str| line[name].as_str().unwrap_or_default();
            (part("check"), part("record"), part("field"))
        })
        .collect();
    for (check, record, field) in [
        ("history", &*changed, "count"),
        ("history", &*summed, "weight"),
        ("rollup", &*summed, "weight"),
        ("rollup", &*changed, "weight"),
        ("share", &*truck, "toll"),
        ("duplicate_key", &*caller, "same_phone"),
        ("duplicate_key", &*stray, "same_phone"),
        ("total", &*depot, "load"),
        ("total", &*empty, "load"),
        ("required", &*silent, "code"),
        ("reference", &*referring, "unit"),
        ("history", &*silent, ""),
        ("unique", &*unit.clone().max(other_unit), "code"),
        ("ledger", "", ""),
        ("cumulation", "", ""),
        ("line", "00000000-0000-7000-8000-000000000000", ""),
        ("attachment", &*referring, ""),
        ("attachment", &*summed, ""),
    ] {
        assert!(found.contains(&(check, record, field)), "{check} {record} {field} is not in {text}");
    }
    assert!(found.iter().any(|(check, _, _)| *check == "orphan"), "{text}");
    assert_eq!(lines.last().and_then(|line| line["findings"].as_u64()), Some(lines.len() as u64 - 1));
    // What is made from records or lines alone is made anew; the rest is for people.
    let repaired = place.run(&["doctor", "--json", "--repair"]);
    assert_eq!(repaired.status.code(), Some(1), "{}", said(&repaired));
    let left = said(&place.run(&["doctor", "--json"]));
    for renewed in ["duplicate_key", "\"total\"", "\"cumulation\""] {
        assert!(!left.contains(renewed), "{renewed} in {left}");
    }
    assert!(left.contains("\"required\""), "{left}");
}

#[test]
fn the_command_line_knows_what_the_tenant_changed_on_sqlite() {
    overlay(&Place::sqlite());
}

#[test]
fn the_command_line_knows_what_the_tenant_changed_on_postgres() {
    overlay(&Place::postgres());
}

/// An administrator's field is checked, is no surprise to a start, and is purged once it is gone.
fn overlay(place: &Place) {
    let server = place.launch().start().expect("the server starts");
    let send = |method: &str, path: &str, body: Json| {
        let answer = server.client().send(method, &format!("/api/v1{path}"), Some(&body), None);
        let answer = answer.expect("the server lives");
        assert!(answer.status < 300, "{path} {:#}", answer.json);
        answer.json
    };
    let publish = |definition: &Json| {
        send("PUT", "/definitions/object/parcel", definition.clone());
        let plan = send("POST", "/definitions/plan", json!({}));
        send("POST", "/definitions/apply", json!({"plan": plan["plan"]}));
    };
    let plain = get(&server, "/api/v1/definitions/object/parcel");
    let mut wider = plain.clone();
    wider["fields"]["x_dock"] = json!({"type": "integer", "title": "Dock", "index": true});
    publish(&wider);
    let made = send("POST", "/records/parcel", json!({"code": "a", "count": 1, "x_dock": 7}));
    ok(&place.run(&["doctor"]));
    let plan = place.run(&["db", "plan"]);
    assert_eq!(said(&plan), "nothing to change\n");
    let tampered = |place: &Place| place.tamper("UPDATE o_parcel SET f_x_dock = f_x_dock + 1");
    tampered(place);
    let found = place.run(&["doctor", "--json"]);
    let first: Json = serde_json::from_str(said(&found).lines().next().unwrap_or_default()).expect("a line is JSON");
    assert_eq!(
        (&first["check"], &first["record"], &first["field"]),
        (&json!("history"), &made["id"], &json!("x_dock"))
    );
    publish(&plain);
    let list = |arguments: &[&str]| -> Json {
        let listed = place.run(arguments);
        ok(&listed);
        serde_json::from_slice(&listed.stdout).expect("it is JSON")
    };
    let kept = list(&["purge", "--json"]);
    assert_eq!((&kept["data"][0]["field"], &kept["data"][0]["rows"]), (&json!("x_dock"), &json!(1)));
    let refused = place.run(&["purge", "--yes"]);
    assert!(!refused.status.success() && said(&refused).contains("--older-than"), "{}", said(&refused));
    assert_eq!(list(&["purge", "--older-than", "1d", "--yes", "--json"])["purged"], json!([]));
    assert_eq!(list(&["purge", "--older-than", "0", "--yes", "--json"])["purged"][0]["field"], "x_dock");
    assert_eq!(list(&["purge", "--json"])["data"], json!([]));
    server.kill().expect("a child can be killed");
}

fn get(server: &Process, path: &str) -> Json {
    let answer = server.client().send("GET", path, None, None).expect("the server lives");
    assert_eq!(answer.status, 200, "{path} {:#}", answer.json);
    answer.json
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ok(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary folder has a name that is text")
}
