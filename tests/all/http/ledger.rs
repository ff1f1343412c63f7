//! The ledger over HTTP, on both databases: balances by any dimension come to the trial balance, entries come in pages and
//! as a file.

use super::settlement::Example;
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

fn sum(rows: &[Json], name: &str) -> Decimal {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().parse::<Decimal>().expect("an amount")).sum()
}

fn rows(answer: &Json) -> Vec<Json> {
    answer["data"].as_array().cloned().unwrap_or_default()
}

async fn filled(on: On) -> Example {
    let example = Example::new(on).await;
    example.to("2026-03-28T01:00:00Z");
    example.completed("joint1", "8", "2026-03-10T10:00:00+08:00").await;
    example.completed("direct1", "2", "2026-03-11T10:00:00+08:00").await;
    let gone = example.completed("direct1", "3", "2026-03-12T10:00:00+08:00").await;
    let path = format!("/records/work_order/{}/transitions/reopen", gone["id"].as_str().unwrap_or_default());
    example.test.post(&path, json!({})).await.ok();
    example
}

async fn balances_by_anything_come_to_the_ledger(on: On) {
    let example = filled(on).await;
    let test = &example.test;
    let trial = rows(&test.get("/settlement/trial-balance?period=2026-03").await.ok());
    let view = async |by: &str| test.get(&format!("/settlement/balances?by={by}&period=2026-03")).await.ok();
    let accounts = rows(&view("account").await);
    for row in &trial {
        let found = accounts.iter().find(|found| found["account"] == row["account"]).expect("the account is there");
        let same = ["debit", "credit", "title", "currency"].iter().all(|name| found[*name] == row[*name]);
        assert!(same, "{found:#} against {row:#}");
    }
    assert_eq!(accounts.len(), trial.len());
    // 760.00 and 240.00 with 6 % tax in them; what was reopened is gone.
    let partners = rows(&view("account,partner").await);
    let cost = |partner: &str| {
        let of = |row: &&Json| row["account"] == "settlement_cost" && row["partner"]["title"] == partner;
        partners.iter().find(of).map(|row| row["balance"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!((cost("joint1"), cost("direct1")), (Some("716.98".into()), Some("226.42".into())));
    for by in ["account,customer", "service_item,mode,account", "salesperson", "tier"] {
        let view = view(by).await;
        let found = rows(&view);
        assert_eq!(
            (sum(&found, "debit"), sum(&found, "credit")),
            (sum(&trial, "debit"), sum(&trial, "credit")),
            "{by}"
        );
        assert_eq!(view["totals"][0]["balance"], "0.00", "{by}");
    }
    assert_eq!(rows(&test.get("/settlement/balances?by=account&period=2026-04").await.ok()), Vec::<Json>::new());
    for by in ["", "account,account", "colour", "account,customer,mode,tier,area"] {
        test.get(&format!("/settlement/balances?by={by}")).await.refused(400, "bad_parameter");
    }
}

async fn entries_come_in_pages_and_as_a_file(on: On) {
    let example = filled(on).await;
    let test = &example.test;
    let all = rows(&test.get("/settlement/entries?limit=200").await.ok());
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = test.get(&format!("/settlement/entries?limit=2{cursor}")).await.ok();
        paged.extend(rows(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(paged.len() > 4, "{}", paged.len());
    assert_eq!(paged, all);
    assert_eq!(sum(&all, "debit"), sum(&all, "credit"));
    let costs = rows(&test.get("/settlement/entries?account=settlement_cost&period=2026-03").await.ok());
    assert!(!costs.is_empty() && costs.iter().all(|row| row["account"] == "settlement_cost"));
    assert_eq!((&costs[0]["payee"]["title"], &costs[0]["debit"]), (&json!("joint1"), &json!("716.98")));

    let file = async |format: &str| {
        let token = test.local.expose().to_owned();
        let path = format!("/settlement/entries?format={format}");
        String::from_utf8(test.bytes(&token, Method::GET, &path, None).await.1).expect("the file is text")
    };
    let csv = file("csv").await;
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), all.len() + 1);
    assert!(lines[1].contains(",2026-03,internal_settlement,"), "{}", lines[1]);
    assert!(csv.contains("joint1") && csv.contains("716.98"), "{csv}");
    assert_eq!(file("ndjson").await.lines().count(), all.len());
    test.get("/settlement/entries?format=pdf").await.refused(400, "bad_parameter");
    test.get("/settlement/entries?cursor=x").await.refused(400, "bad_cursor");
    nobody_else(test).await;
}

/// Parties read their own lines and statements, not the ledger.
async fn nobody_else(test: &TestApp) {
    let token = test.user("own", &["partner_portal"], json!({"partner": "joint1"})).await;
    for path in ["/settlement/entries", "/settlement/entries?format=csv", "/settlement/balances?by=account"] {
        test.by(&token, Method::GET, path, None).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn balances_by_anything_come_to_the_ledger_on_sqlite() {
    balances_by_anything_come_to_the_ledger(On::Sqlite).await;
}

#[tokio::test]
async fn balances_by_anything_come_to_the_ledger_on_postgres() {
    balances_by_anything_come_to_the_ledger(On::Postgres).await;
}

#[tokio::test]
async fn entries_come_in_pages_and_as_a_file_on_sqlite() {
    entries_come_in_pages_and_as_a_file(On::Sqlite).await;
}

#[tokio::test]
async fn entries_come_in_pages_and_as_a_file_on_postgres() {
    entries_come_in_pages_and_as_a_file(On::Postgres).await;
}
