//! What must hold after any fault: each acknowledged write is there once, events fold to the records, nothing is left
//! without an owner.

use super::clients::{Parcel, Writer, seen};
use super::place::Place;
use packwork_tests::process::Process;
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(super) fn check(place: &Place, server: &Process, writers: &[Writer]) {
    let mut wanted: BTreeMap<&str, &Parcel> = BTreeMap::new();
    for (code, parcel) in writers.iter().flat_map(|writer| &writer.parcels) {
        wanted.insert(code, parcel);
    }
    let found = listed(server);
    let codes: Vec<&str> = found.iter().map(|(code, _)| &**code).collect();
    assert_eq!(codes, wanted.keys().copied().collect::<Vec<_>>(), "each code once, and none besides");
    let mut client = server.client();
    for (code, id) in &found {
        let path = format!("/api/v1/records/parcel/{id}");
        let record = client.send("GET", &path, None, None).expect("nobody kills the server now").json;
        let parcel = seen(&record);
        assert_eq!(&parcel, wanted[&**code], "{code}");
        let history = client.send("GET", &format!("{path}/history"), None, None).expect("nobody kills the server now");
        fold(code, &record, &history.json);
    }
    let acknowledged: u64 = writers.iter().map(|writer| writer.acknowledged).sum();
    let versions: u64 = wanted.values().map(|parcel| parcel.version).sum();
    let rows: usize = wanted.values().map(|parcel| parcel.rows.len()).sum();
    let count = |sql: &str| u64::try_from(place.number(sql)).expect("a count is not negative");
    assert_eq!(acknowledged, versions, "each write raised one version");
    assert_eq!(count("SELECT count(*) FROM command WHERE subject_object = 'parcel'"), acknowledged);
    assert_eq!(count("SELECT count(*) FROM event WHERE object = 'parcel'"), acknowledged);
    assert_eq!(count("SELECT count(*) FROM o_parcel_row"), rows as u64);
    let orphans = "SELECT count(*) FROM o_parcel_row WHERE f_item_of NOT IN (SELECT f_id FROM o_parcel)";
    assert_eq!(count(orphans), 0);
    let strangers = "SELECT count(*) FROM event WHERE command NOT IN (SELECT id FROM command)";
    assert_eq!(count(strangers), 0);
    if place.database.is_none() {
        let sound = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'";
        assert_eq!(count(sound), 1);
        assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    }
}

/// Codes and ids of all records, in the order of the codes.
fn listed(server: &Process) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut client = server.client();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/records/parcel?fields=code&sort=code&limit=200{cursor}");
        let page = client.send("GET", &path, None, None).expect("nobody kills the server now").json;
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        for record in page["data"].as_array().into_iter().flatten() {
            found.push((text(&record["code"]), text(&record["id"])));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// The changes of a record's events, from the first to the last, make the record.
fn fold(code: &str, record: &Json, history: &Json) {
    let events = history["data"].as_array().cloned().unwrap_or_default();
    let mut folded: BTreeMap<&str, &Json> = BTreeMap::new();
    for event in events.iter().rev() {
        for (field, change) in event["changes"].as_object().into_iter().flatten() {
            if let Some(before) = folded.get(&**field) {
                assert_eq!(**before, change["old"], "{code}.{field} was something else before {event:#}");
            }
            folded.insert(field, &change["new"]);
        }
    }
    assert_eq!(Some(events.len() as u64), record["version"].as_u64(), "{code} has an event for each version");
    for field in ["code", "count", "twice", "value", "weight"] {
        assert_eq!(folded.get(field).copied(), Some(&record[field]), "{code}.{field}");
    }
}
