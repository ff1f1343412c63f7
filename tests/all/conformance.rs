//! The acceptance cases of settlement: all of them are run, and those of a shape of their own are named by a test.

use crate::repository::{files, report};
use packwork_tests::app::On;
use packwork_tests::conformance::{self, Place};
use std::collections::BTreeSet;

const CASES: &str = include_str!("../conformance/cases/settlement-cases.json");

/// The cases the product was accepted with.
const CASES_COUNT: usize = 192;

/// Cases that nothing in the API expresses, by the reason: only the engine's functions are asked for them.
const ENGINE_ONLY: &[(&str, &[&str])] = &[(
    "a posting debits and credits one amount: entries that do not balance cannot be said",
    &["ledger-balanced-per-currency"],
)];

#[test]
fn every_acceptance_case_is_covered() {
    let ran = conformance::run(CASES).expect("the file is a list of cases");
    assert_eq!(ran.passed.len() + ran.failed.len(), CASES_COUNT);
    let mut findings: Vec<String> = Vec::new();
    let sources: Vec<_> = files("engine/src", &[".rs"])
        .into_iter()
        .chain(files("tests/all", &[".rs"]))
        .chain(files("packs", &[".json"]))
        .filter(|file| file.path.contains("tests") || file.path.contains("/cases/"))
        .collect();
    for failure in &ran.failed {
        if failure.is_mapped {
            let differences: Vec<String> = failure.differences.iter().map(ToString::to_string).collect();
            findings.push(format!("{}: {}", failure.id, differences.join("; ")));
        } else if !sources.iter().any(|file| file.text.contains(&failure.id)) {
            findings.push(format!("{}: no family knows `{}` and no test names it", failure.id, failure.model));
        }
    }
    report(
        "each acceptance case is run by a family of tests/src/conformance, or named by the test that shows it:",
        &findings,
    );
}

async fn every_acceptance_case_passes_over_http(on: On) {
    let ran = tokio::task::spawn_blocking(move || conformance::run_in(Place::Http(on), CASES));
    let ran = ran.await.expect("cases do not panic").expect("the file is a list of cases");
    assert!(ran.failed.is_empty(), "{ran}");
    let left_out: Vec<&str> = ran.left_out.iter().map(|(id, _)| id.as_str()).collect();
    let expected: Vec<&str> = ENGINE_ONLY.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let listed = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(listed(&left_out), listed(&expected), "cases that are not tried over HTTP, and those that are listed");
    assert_eq!(ran.passed.len() + ran.left_out.len(), CASES_COUNT);
}

#[tokio::test]
async fn every_acceptance_case_passes_over_http_on_sqlite() {
    every_acceptance_case_passes_over_http(On::Sqlite).await;
}

#[tokio::test]
async fn every_acceptance_case_passes_over_http_on_postgres() {
    every_acceptance_case_passes_over_http(On::Postgres).await;
}

/// Further cases of the families, worked out with another program's decimal arithmetic: bounds met exactly, returns,
/// zeros, currencies without and with three places, more parties than cents.
const EDGES: &str = include_str!("../conformance/cases/edge-cases.json");

#[test]
fn every_family_holds_at_its_edges() {
    let ran = conformance::run(EDGES).expect("the file is a list of cases");
    assert!(ran.failed.is_empty(), "{ran}");
    assert!(ran.passed.len() > 220, "only {} cases ran", ran.passed.len());
}

/// Numbers of a case are changed, and the case must fail: a comparison that cannot fail shows nothing.
#[test]
fn a_case_with_another_number_fails() {
    let mut cases: Vec<serde_json::Value> = serde_json::from_str(CASES).expect("the file is a list of cases");
    let mut changed = 0;
    for case in &mut cases {
        changed += usize::from(change(&mut case["expected"]));
    }
    let ran = conformance::run(&serde_json::Value::from(cases).to_string()).expect("a list of cases");
    assert!(changed > 170, "only {changed} cases have a number");
    let kept: Vec<&String> = ran.passed.iter().filter(|id| !UNCHANGED.contains(&id.as_str())).collect();
    assert_eq!(kept, Vec::<&String>::new(), "these pass whatever they expect");
}

/// Cases without a number to change.
const UNCHANGED: &[&str] = &[
    "erpnext-conflict",
    "numscript-insufficient",
    "erpnext-over-allocate",
    "region-tier-from-address",
    "dmn-0109-rule-order",
    "dmn-0110-output-order",
    "dmn-0118-priority",
    "zen-negative-missing-field",
    "rebate-growth-zero-base",
    "salesforce-grace-days",
    "oca-settled-immutable",
];

/// Adds one to the first number; members that speak of other systems are left alone.
fn change(json: &mut serde_json::Value) -> bool {
    use serde_json::Value as Json;
    const OTHERS: &[&str] = &[
        "system_gave",
        "published_test_value",
        "zen_published_row",
        "zen_published_output",
        "adjustment_on_last_minor",
        "note",
    ];
    match json {
        Json::String(text) => match text.parse::<rust_decimal::Decimal>() {
            Ok(number) => {
                *text = (number + rust_decimal::Decimal::ONE).to_string();
                true
            }
            Err(_) => false,
        },
        Json::Number(number) => match number.as_i64() {
            Some(whole) => {
                *json = (whole + 1).into();
                true
            }
            None => false,
        },
        Json::Array(items) => items.iter_mut().any(change),
        Json::Object(members) => {
            members.iter_mut().any(|(name, member)| !OTHERS.contains(&name.as_str()) && change(member))
        }
        _ => false,
    }
}

#[test]
fn what_cannot_be_mapped_fails_in_words_and_never_panics() {
    let broken = r#"[
        {"id": "no-model", "input": {}, "expected": {}},
        {"id": "no-input", "model": "tier.volume", "expected": {}},
        {"id": "empty", "model": "tier.volume", "input": {}, "expected": {"amounts": []}},
        {"id": "no-tiers", "model": "tier.graduated", "input": {"schedule": {"mode": "graduated", "tiers": []}, "quantities": ["1"]}, "expected": {"amounts": ["1"]}},
        {"id": "words", "model": "tier.package", "input": {"schedule": {"mode": "package", "block": "ten", "price": "1"}, "quantities": ["1"]}, "expected": {"amounts": ["1"]}},
        {"id": "huge", "model": "tier.volume", "input": {"schedule": {"mode": "volume", "tiers": [{"up_to": null, "unit": "1"}]}, "quantities": ["79228162514264337593543950335"]}, "expected": {"amounts": ["1"]}},
        {"id": "odd-member", "model": "allocation.first", "input": {"total": "1", "weights": ["1"], "unit": "1", "more": "1"}, "expected": {"shares": ["1"]}},
        {"id": "no-weight", "model": "allocation.last", "input": {"total": "1", "weights": ["0"], "unit": "1"}, "expected": {"shares": ["1"]}},
        {"id": "unknown-rank", "model": "distribution.differential", "input": {"sale": "1", "chain_bottom_up": ["x"], "rates": {"a": "0.1"}}, "expected": {"payouts": ["1"]}},
        {"id": "no-member", "model": "ledger.split", "input": {"amount": "10", "kept": "1"}, "expected": {"left": "9"}},
        7
    ]"#;
    let ran = conformance::run(broken).expect("a list of cases");
    assert_eq!(ran.passed, Vec::<String>::new());
    for failure in &ran.failed {
        let said: Vec<String> = failure.differences.iter().map(ToString::to_string).collect();
        assert!(said.iter().all(|said| said.len() > 10 && !said.contains("panicked")), "{}: {said:?}", failure.id);
    }
    assert!(ran.to_string().ends_with("0 passed, 11 failed\n"));
}
