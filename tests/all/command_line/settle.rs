//! `packwork settle explain --replay`: a line computed again from what is stored, and what scripts learn of it.

use crate::faults::place::Place;
use serde_json::Value as Json;
use std::process::Output;

const LINE: &str = "00000000-0000-7000-8000-000000000001";

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A line of 8 at 95.00, tax included, as it is stored.
fn posted(place: &Place) {
    let (id, one, amounts, rate, standing) = match &place.database {
        None => (format!("x'{}'", LINE.replace('-', "")), "8000000", "7600000, 7169800, 430200", "60000", "1"),
        Some(_) => (format!("'{LINE}'"), "8", "760.00, 716.98, 43.02", "0.06", "true"),
    };
    let trace = r#"{"v":1,"plan":"p","price":{"quantity":"8","parts":[{"quantity":"8","rate":"95","amount":"760"}],"amount":"760"},
        "rounded":[{"point":"line","before":"760","after":"760.00","mode":"half_up","places":2},
        {"point":"tax","before":"43.018867924528301886792452830","after":"43.02","mode":"half_up","places":2}],
        "tax":{"kind":"inclusive","rate":"0.06","gross":"760.00","net":"716.98","tax":"43.02"}}"#;
    place.tamper(&format!(
        "INSERT INTO settlement_line (id, plan, line, fact_object, fact, payer_object, payer, payee_object, payee,
         business_date, period, service_period, quantity, gross, net, tax, tax_rate, tax_kind, currency, dimensions, trace,
         posted_at, standing) VALUES ({id}, 'p', 'l', 'parcel', {id}, 'depot', {id}, 'depot', {id}, '2026-03-01',
         '2026-03', '2026-03', {one}, {amounts}, {rate}, 'inclusive', 'CNY', '{{}}', '{trace}', 0, {standing})"
    ));
}

fn check(place: &Place) {
    // Makes the tenant; the commands then do without a server.
    place.launch().start().and_then(|server| server.kill()).expect("the server starts");
    posted(place);
    let explain = |more: &[&str]| place.run(&[&["settle", "explain", LINE], more].concat());

    let plain = explain(&["--lang", "en"]);
    assert_eq!(plain.status.code(), Some(0), "{}", said(&plain));
    assert!(!said(&plain).contains("computed again"), "{}", said(&plain));
    let again = explain(&["--replay", "--lang", "en"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("computed again: all 6 steps agree with what is stored"), "{}", said(&again));
    let chinese = explain(&["--replay"]);
    assert!(said(&chinese).contains("复算一致：6 步均与记录相符"), "{}", said(&chinese));

    // A cent more in one place only: the line does not come out again.
    let more = if place.database.is_some() { "0.01" } else { "100" };
    place.tamper(&format!("UPDATE settlement_line SET gross = gross + {more}, net = net + {more}"));
    let differs = explain(&["--replay", "--lang", "en"]);
    assert_eq!(differs.status.code(), Some(2), "{}", said(&differs));
    assert!(said(&differs).contains("2 of 6 steps differ from what is stored"), "{}", said(&differs));
    let json = explain(&["--replay", "--json"]);
    assert_eq!(json.status.code(), Some(2));
    let json: Json = serde_json::from_slice(&json.stdout).expect("the answer is JSON");
    let steps = json["replay"]["steps"].as_array().expect("there are steps");
    let wrong: Vec<&str> = steps
        .iter()
        .filter(|step| step["agrees"] == false)
        .map(|step| step["step"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(wrong, ["net", "gross"]);
    assert_eq!(
        (&json["replay"]["agrees"], &steps[5]["stored"], &steps[5]["computed"]),
        (&false.into(), &"760.01".into(), &"760".into())
    );
}

#[test]
fn a_line_is_computed_again_and_scripts_learn_when_it_differs_on_sqlite() {
    check(&Place::sqlite());
}

#[test]
fn a_line_is_computed_again_and_scripts_learn_when_it_differs_on_postgres() {
    check(&Place::postgres());
}
