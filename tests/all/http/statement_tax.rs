//! Tax that is rounded once for a whole statement, over HTTP on both databases: at issue, beside the line that is furthest
//! off, balanced in the ledger, left alone by runs, and taken back with its statement.

use super::debts::commissions;
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// A partner of another legal entity, with confirmed commissions of these amounts.
async fn earned(on: On, mode: &str, amounts: &[&str]) -> TestApp {
    let tax = json!({"rate": {"value": "0.13"}, "mode": mode});
    let test = TestApp::of(on, commissions(json!({"tax": {"at": "document"}}), tax)).await;
    for code in ["le", "le_p"] {
        test.post("/records/legal_entity", json!({"code": code, "name": code})).await.ok();
    }
    test.post("/records/department", json!({"code": "hq", "name": "总部", "legal_entity": "le"})).await.ok();
    let partner = json!({"code": "p", "name": "p", "mode": "direct", "legal_entity": "le_p"});
    test.post("/records/partner", partner).await.ok();
    for (number, amount) in amounts.iter().enumerate() {
        let code = format!("c{number}");
        let record = json!({"code": code, "payer": "hq", "partner": "p", "day": "2026-03-10", "amount": amount});
        test.post("/records/commission", record).await.ok();
        test.post(&format!("/records/commission/{code}/transitions/confirm"), json!({})).await.ok();
    }
    test
}

async fn step(test: &TestApp, statement: &Json, step: &str, mut body: Json) -> Json {
    let path = format!("/statements/{}", statement["id"].as_str().unwrap_or_default());
    body["version"] = test.get(&path).await.ok()["version"].clone();
    test.post(&format!("{path}/{step}"), body).await.ok();
    test.get(&path).await.ok()
}

async fn draft(test: &TestApp) -> Json {
    let statements = test.get("/statements").await.ok();
    let found = statements["data"].as_array().into_iter().flatten().find(|statement| statement["status"] == "draft");
    found.cloned().unwrap_or_default()
}

fn amounts(of: &Json, gross: &str) -> [String; 3] {
    [gross, "net", "tax"].map(|name| of[name].as_str().unwrap_or_default().to_owned())
}

/// The lines that round, with their amounts.
async fn rounding(test: &TestApp, statement: &Json) -> Vec<Json> {
    let path = format!("/settlement/lines?statement={}", statement["id"].as_str().unwrap_or_default());
    let found = test.get(&path).await.ok()["data"].as_array().cloned().unwrap_or_default();
    found.into_iter().filter(|line| line["line"] == "fee.rounding").collect()
}

async fn tax_is_rounded_once(on: On, mode: &str, own: &[&str], before: [&str; 3], after: [&str; 3], line: [&str; 3]) {
    let test = earned(on, mode, own).await;
    let open = draft(&test).await;
    assert_eq!(amounts(&open, "gross"), before, "{mode}: line by line while it is a draft");
    let issued = step(&test, &open, "issue", json!({})).await;
    assert_eq!(amounts(&issued, "gross"), after, "{mode}: {issued:#}");
    let lines = rounding(&test, &issued).await;
    assert_eq!(lines.iter().map(|line| amounts(line, "amount")).collect::<Vec<_>>(), [line], "{mode}");
    let balance = test.get("/settlement/balances?by=account").await.ok();
    let sums = balance["totals"][0].clone();
    assert_eq!(sums["debit"], sums["credit"], "{mode}: {balance:#}");

    let id = lines[0]["id"].as_str().unwrap_or_default();
    for (locale, word) in [("zh-CN", "整单计税"), ("en", "the statement's tax")] {
        let path = format!("/settlement/lines/{id}/explain?replay=true");
        let told = test.ask_in(locale, Method::GET, &path, None).await.ok();
        assert_eq!(told["replay"]["agrees"], true, "{told:#}");
        assert!(told["sentence"].as_str().unwrap_or_default().contains(word), "{told:#}");
    }

    // A run leaves it alone; taken back with its statement it is mirrored, and the next statement rounds anew.
    let ran = test.post("/settlement/runs", json!({"plan": "commission", "period": "2026-03"})).await.ok();
    assert_eq!(ran["status"], "unchanged", "{ran:#}");
    step(&test, &issued, "reverse", json!({"reason": "wrong address"})).await;
    let ran = test.post("/settlement/runs", json!({"plan": "commission", "period": "2026-03"})).await.ok();
    assert_eq!((&ran["status"], &ran["lines"]), (&json!("completed"), &json!(own.len())), "{ran:#}");
    let again = step(&test, &draft(&test).await, "issue", json!({})).await;
    assert_eq!(amounts(&again, "gross"), after, "{mode}: {again:#}");
    let all = test.get("/statements").await.ok();
    let papers = all["data"].as_array().into_iter().flatten();
    let mirrored = papers.filter(|paper| !paper["reverses"].is_null()).map(|paper| amounts(paper, "gross"));
    assert_eq!(mirrored.collect::<Vec<_>>(), [after.map(|amount| format!("-{amount}"))], "{mode}: {all:#}");
}

async fn both_ways(on: On) {
    let (own, line) = (["1.00", "1.00", "1.00"], ["0.00", "0.01", "-0.01"]);
    tax_is_rounded_once(on, "inclusive", &own, ["3.00", "2.64", "0.36"], ["3.00", "2.65", "0.35"], line).await;
    let (own, line) = (["0.35", "0.35", "0.35"], ["-0.01", "0.00", "-0.01"]);
    tax_is_rounded_once(on, "exclusive", &own, ["1.20", "1.05", "0.15"], ["1.19", "1.05", "0.14"], line).await;
}

#[tokio::test]
async fn tax_is_rounded_once_on_sqlite() {
    both_ways(On::Sqlite).await;
}

#[tokio::test]
async fn tax_is_rounded_once_on_postgres() {
    both_ways(On::Postgres).await;
}
