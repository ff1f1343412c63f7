//! A settlement run whose server is killed in the middle: what it posted stands, the next run posts the rest, and every
//! line is what an undisturbed run would have posted.

use super::imports::post;
use super::place::{BINARY, Place, packs_with};
use packwork_tests::process::{Answer, Client, Launch, Process};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread::JoinHandle;

const CARRIERS: usize = 40;
const EACH: usize = 50;
const FACTS: usize = CARRIERS * EACH;
const RUN: &str = "/api/v1/settlement/runs";

#[test]
fn a_run_killed_in_the_middle_is_finished_by_the_next_one_on_sqlite() {
    survives(Place::sqlite());
}

#[test]
fn a_run_killed_in_the_middle_is_finished_by_the_next_one_on_postgres() {
    survives(Place::postgres());
}

#[test]
fn a_run_is_cancelled_and_the_next_one_does_the_rest_on_sqlite() {
    stops(Place::sqlite());
}

#[test]
fn a_run_is_cancelled_and_the_next_one_does_the_rest_on_postgres() {
    stops(Place::postgres());
}

fn pieces(at: usize) -> usize {
    1 + at * 7 % 11
}

fn day(at: usize) -> String {
    format!("2026-03-{:02}", 1 + at * 13 % 28)
}

fn asked() -> Json {
    json!({"plan": "delivery_fee", "period": "2026-03"})
}

fn get(client: &mut Client, path: &str) -> Json {
    let answer = client.send("GET", path, None, None).expect("nobody kills the server now");
    assert_eq!(answer.status, 200, "{path}: {:#}", answer.json);
    answer.json
}

/// The deliveries by carrier, each with its day, id and pieces.
fn deliver(server: &Process) -> BTreeMap<usize, Vec<(String, String, usize)>> {
    post(server, "/records/legal_entity", json!({"code": "le", "name": "Entity"}));
    post(server, "/records/department", json!({"code": "store", "name": "Store", "legal_entity": "le"}));
    for carrier in 0..CARRIERS {
        let (code, name) = (format!("c{carrier}"), format!("Carrier {carrier}"));
        post(server, "/records/department", json!({"code": code, "name": name, "legal_entity": "le"}));
    }
    let mut made: BTreeMap<usize, Vec<(String, String, usize)>> = BTreeMap::new();
    let all: Vec<usize> = (0..FACTS).collect();
    for part in all.chunks(1_000) {
        let create = |at: &usize| {
            json!({"op": "create", "data": {"code": format!("d{at:05}"), "kind": "usual", "store": "store",
                "carrier": format!("c{}", at % CARRIERS), "pieces": pieces(*at), "day": day(*at)}})
        };
        let body = json!({"atomic": true, "operations": part.iter().map(create).collect::<Vec<_>>()});
        let answer = server.client().send("POST", "/api/v1/records/delivery/bulk", Some(&body), None);
        let answer = answer.expect("nobody kills the server now");
        assert_eq!(answer.status, 200, "{:#}", answer.json);
        for (at, result) in part.iter().zip(answer.json["results"].as_array().expect("results")) {
            let id = result["id"].as_str().expect("a created record has an id").to_owned();
            made.entry(at % CARRIERS).or_default().push((day(*at), id, pieces(*at)));
        }
    }
    made
}

/// What each delivery costs, told by the definition's sentence and nothing of the product: the first hundred pieces of a
/// carrier's month at 5, the others at 4, in the order of day and id.
fn owed(made: BTreeMap<usize, Vec<(String, String, usize)>>) -> BTreeMap<String, Decimal> {
    let cost = |pieces: usize| 5 * pieces.min(100) + 4 * pieces.saturating_sub(100);
    let mut owed = BTreeMap::new();
    for mut own in made.into_values() {
        own.sort();
        let mut before = 0;
        for (_, id, pieces) in own {
            owed.insert(id, Decimal::from(cost(before + pieces) - cost(before)));
            before += pieces;
        }
    }
    owed
}

fn posted(client: &mut Client) -> BTreeMap<String, Decimal> {
    let mut posted = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = get(client, &format!("/api/v1/settlement/lines?limit=200{cursor}"));
        for line in page["data"].as_array().expect("a page has lines") {
            assert_eq!(line["kind"], "charge", "{line:#}");
            let fact = line["fact"]["id"].as_str().expect("a line has a fact").to_owned();
            let amount = line["amount"].as_str().and_then(|text| text.parse().ok()).expect("a line has an amount");
            assert_eq!(posted.insert(fact, amount), None, "a fact has one line");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return posted,
        }
    }
}

/// Deliveries with their price, before any run; what each costs.
fn priced(server: &Process) -> BTreeMap<String, Decimal> {
    let owed = owed(deliver(server));
    let price = json!({"mode": "apply", "rows": [{"id": "usual", "kind": "usual", "price": {"schedule": "fee_steps"}, "valid": ["2026-01-01", null]}]});
    post(server, "/settlement/rate-tables/fee/changes", price);
    assert_eq!(posted(&mut server.client()).len(), 0, "nothing is settled before the run");
    owed
}

/// Starts a run and comes back when a part of it is done.
fn under_way(server: &Process) -> JoinHandle<std::io::Result<Answer>> {
    let (address, token) = (server.address, server.token.clone());
    let run = std::thread::spawn(move || Client::new(address, &token).send("POST", RUN, Some(&asked()), None));
    let mut client = server.client();
    loop {
        let runs = get(&mut client, RUN);
        let done = runs["data"][0]["done"].as_u64().unwrap_or(0);
        assert_ne!(runs["data"][0]["status"], "completed", "the run was over too early: the test tests nothing");
        if done > 0 {
            return run;
        }
    }
}

fn stops(place: Place) {
    let packs = packs_with("deliveries");
    let (binary, database) = (Path::new(BINARY), place.database.as_deref());
    let launch = Launch { binary, data: &place.folder, packs: &packs, database };
    let server = launch.start().expect("the server starts");
    let owed = priced(&server);
    let run = under_way(&server);
    let mut client = server.client();
    let id = get(&mut client, RUN)["data"][0]["id"].as_str().expect("a run has an id").to_owned();
    let cancel = format!("{RUN}/{id}/cancel");
    let mut stop = || client.send("POST", &cancel, None, None).expect("the server answers");
    assert_eq!(stop().status, 202);
    let ended = run.join().expect("the thread ends").expect("the server answers").json;
    assert_eq!(ended["status"], "cancelled", "{ended:#}");
    assert_eq!((stop().status, &stop().json["code"]), (409, &json!("run_ended")));
    let before = posted(&mut client);
    assert_eq!(Some(before.len() as u64), ended["lines"].as_u64(), "what it posted stands");
    assert!(!before.is_empty() && before.len() < FACTS, "{} lines when it was cancelled", before.len());
    let rest = client.send("POST", RUN, Some(&asked()), None).expect("the server answers").json;
    assert_eq!((&rest["status"], rest["lines"].as_u64()), (&json!("completed"), Some((FACTS - before.len()) as u64)));
    assert_eq!(posted(&mut client), owed);
}

fn survives(place: Place) {
    let packs = packs_with("deliveries");
    let launch = || Launch {
        binary: Path::new(BINARY),
        data: &place.folder,
        packs: &packs,
        database: place.database.as_deref(),
    };
    let server = launch().start().expect("the server starts");
    let owed = priced(&server);
    let run = under_way(&server);
    server.kill().expect("a child can be killed");
    assert!(run.join().expect("the thread ends").is_err(), "the killed server answers nobody");

    let server = launch().start().expect("the server starts after the kill");
    let mut client = server.client();
    let before = posted(&mut client);
    assert!(!before.is_empty() && before.len() < FACTS, "{} lines when it was killed", before.len());
    assert_eq!(get(&mut client, RUN)["data"][0]["status"], "failed", "nobody carries the killed run out");
    let answer = client.send("POST", RUN, Some(&asked()), None).expect("nobody kills the server now");
    assert_eq!(answer.status, 200, "{:#}", answer.json);
    let rest = answer.json["lines"].as_u64().and_then(|lines| usize::try_from(lines).ok());
    assert_eq!(rest, Some(FACTS - before.len()), "{:#}", answer.json);
    let after = posted(&mut client);
    assert!(before.iter().all(|(fact, amount)| after.get(fact) == Some(amount)), "what was posted stands");
    assert_eq!(after, owed);
    let again = client.send("POST", RUN, Some(&asked()), None).expect("nobody kills the server now");
    assert_eq!((&again.json["lines"], &again.json["input_hash"]), (&json!(0), &answer.json["input_hash"]));
    server.kill().expect("a child can be killed");
    let _ = std::fs::remove_dir_all(&packs);
}
