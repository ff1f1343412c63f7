//! Lines that are held, on both databases: posted at once, on the statement of the period in which the goods may no longer
//! come back, and whatever takes them back beside them.

use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Industry, On, TestApp};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const CHANNEL: Industry = &[("channel", "1.0.0")];

/// A channel whose commissions are held for seven days; `a` sells, below `b`.
async fn channel(on: On) -> TestApp {
    let now = Moment::parse("2026-03-29T01:00:00Z").expect("the constant is a moment");
    let test = TestApp::with(on, now, CHANNEL).await;
    for (code, name) in [("le_hq", "总部"), ("le_x", "渠道")] {
        test.post("/records/legal_entity", json!({"code": code, "name": name})).await.ok();
    }
    for code in ["hq", "platform"] {
        test.post("/records/department", json!({"code": code, "name": code, "legal_entity": "le_hq"})).await.ok();
    }
    for (code, upline) in [("b", None), ("a", Some("b"))] {
        let partner = json!({"code": code, "name": code, "mode": "distribution", "legal_entity": "le_x", "rank": code, "upline": upline});
        test.post("/records/partner", partner).await.ok();
    }
    test
}

async fn confirmed(test: &TestApp, object: &str, record: Json) {
    let path = format!("/records/{object}/{}", record["number"].as_str().unwrap_or_default());
    test.post(&format!("/records/{object}"), record).await.ok();
    test.post(&format!("{path}/transitions/confirm"), json!({})).await.ok();
}

/// The lines of `a`: the period each is posted in, that of its statement, and the amount.
async fn lines(test: &TestApp) -> Vec<[String; 3]> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut periods: BTreeMap<String, String> = BTreeMap::new();
    for statement in test.get("/statements").await.ok()["data"].as_array().into_iter().flatten() {
        periods.insert(text(&statement["id"]), text(&statement["period"]));
    }
    let found = test.get("/settlement/lines?limit=100").await.ok();
    let mut lines = Vec::new();
    for line in found["data"].as_array().into_iter().flatten().filter(|line| line["payee"]["title"] == "a") {
        let statement = text(&line["statement"]["id"]);
        let on = periods.get(&statement).cloned().unwrap_or_default();
        lines.push([text(&line["period"]), on, text(&line["amount"])]);
    }
    lines.sort();
    lines
}

fn expected(lines: &[[&str; 3]]) -> Vec<[String; 3]> {
    let mut lines: Vec<[String; 3]> = lines.iter().map(|line| line.map(str::to_owned)).collect();
    lines.sort();
    lines
}

async fn a_held_line_waits_for_its_statement(on: On) {
    let test = channel(on).await;
    let sale = |number: &str, day: &str| json!({"number": number, "sold_on": day, "net": "100.00", "seller": "a"});
    confirmed(&test, "channel_sale", sale("s1", "2026-03-10")).await;
    confirmed(&test, "channel_sale", sale("s2", "2026-03-24")).await;
    confirmed(&test, "channel_sale", sale("s3", "2026-03-28")).await;
    let first = [["2026-03", "2026-03", "5.00"], ["2026-03", "2026-03", "5.00"], ["2026-03", "2026-04", "5.00"]];
    assert_eq!(lines(&test).await, expected(&first), "seven days after the 24th are over on the 31st");

    // What comes back within the days, and a sale that is opened again, stand where the commission does.
    confirmed(
        &test,
        "channel_return",
        json!({"number": "r1", "returned_on": "2026-03-29", "net": "50.00", "sale": "s3"}),
    )
    .await;
    test.post("/records/channel_sale/s1/transitions/reopen", json!({})).await.ok();
    let mut all = first.to_vec();
    all.extend([["2026-03", "2026-04", "-2.50"], ["2026-03", "2026-03", "-5.00"]]);
    assert_eq!(lines(&test).await, expected(&all));

    // A run over the month finds it so.
    for plan in ["distribution", "distribution_return"] {
        let run = test.post("/settlement/runs", json!({"plan": plan, "period": "2026-03"})).await.ok();
        assert_eq!(run["status"], "unchanged", "{run:#}");
    }

    // The month is closed: what was held stays where it is, and what comes late is held from its own day.
    test.advance(5 * 86_400);
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    confirmed(&test, "channel_sale", sale("s4", "2026-03-30")).await;
    test.post("/records/channel_sale/s3/transitions/reopen", json!({})).await.ok();
    all.extend([["2026-04", "2026-04", "5.00"], ["2026-04", "2026-04", "-5.00"]]);
    assert_eq!(lines(&test).await, expected(&all));
}

/// A sale with an after-sale window of its own is held until that is over, and moves with it while its month is open.
async fn a_line_is_held_until_a_date_of_its_fact(on: On) {
    let test = channel(on).await;
    let sale = |number: &str, until: Json| json!({"number": number, "sold_on": "2026-03-10", "net": "100.00", "seller": "a", "after_sale_until": until});
    confirmed(&test, "channel_sale", sale("s1", json!("2026-05-02"))).await;
    confirmed(&test, "channel_sale", sale("s2", json!("2026-03-12"))).await;
    confirmed(&test, "channel_sale", sale("s3", Json::Null)).await;
    let held = ["2026-03", "2026-03", "5.00"];
    assert_eq!(lines(&test).await, expected(&[["2026-03", "2026-05", "5.00"], held, held]));

    // Half of it comes back: it meets the commission on its statement.
    let back = json!({"number": "r1", "returned_on": "2026-03-20", "net": "50.00", "sale": "s1"});
    confirmed(&test, "channel_return", back).await;
    let mut all = vec![["2026-03", "2026-05", "5.00"], ["2026-03", "2026-05", "-2.50"], held, held];
    assert_eq!(lines(&test).await, expected(&all));

    // The window of another one becomes longer: it is taken back where it stood and held until the new day.
    let longer = json!({"version": 2, "after_sale_until": "2026-04-15"});
    test.system(Method::PATCH, "/records/channel_sale/s2", Some(longer)).await.ok();
    all.extend([["2026-03", "2026-03", "-5.00"], ["2026-03", "2026-04", "5.00"]]);
    assert_eq!(lines(&test).await, expected(&all));
    let run = test.post("/settlement/runs", json!({"plan": "distribution", "period": "2026-03"})).await.ok();
    assert_eq!(run["status"], "unchanged", "{run:#}");

    // More than a year is not charged; a run says why.
    confirmed(&test, "channel_sale", sale("s4", json!("2027-03-12"))).await;
    let run = test.post("/settlement/runs", json!({"plan": "distribution", "period": "2026-03"})).await.ok();
    assert_eq!((&run["failures"][0]["code"], &run["failed"]), (&json!("out_of_range"), &json!(1)), "{run:#}");
    assert_eq!(lines(&test).await, expected(&all));
}

/// The explanation says until when.
async fn an_explanation_says_until_when(on: On) {
    let test = channel(on).await;
    confirmed(&test, "channel_sale", json!({"number": "s1", "sold_on": "2026-03-28", "net": "100.00", "seller": "a"}))
        .await;
    let found = test.get("/settlement/lines?limit=100").await.ok();
    assert_eq!(found["data"][0]["held_until"], "2026-04-04");
    let id = found["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    for (locale, label) in [("zh-CN", "暂缓至"), ("en", "Held until")] {
        let told =
            test.ask_in(locale, Method::GET, &format!("/settlement/lines/{id}/explain?replay=true"), None).await.ok();
        let node = told["tree"].as_array().into_iter().flatten().find(|node| node["label"] == label);
        assert_eq!(node.map(|node| &node["value"]), Some(&json!("2026-04-04")), "{told:#}");
        assert_eq!(told["replay"]["agrees"], true, "{told:#}");
    }
}

#[tokio::test]
async fn held_on_sqlite() {
    a_held_line_waits_for_its_statement(On::Sqlite).await;
    a_line_is_held_until_a_date_of_its_fact(On::Sqlite).await;
    an_explanation_says_until_when(On::Sqlite).await;
}

#[tokio::test]
async fn held_on_postgres() {
    a_held_line_waits_for_its_statement(On::Postgres).await;
    a_line_is_held_until_a_date_of_its_fact(On::Postgres).await;
    an_explanation_says_until_when(On::Postgres).await;
}
