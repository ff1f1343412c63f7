//! Drafts tried out on what happened: totals before and after, by payee and fact, on both databases; nothing is written.

use super::settlement::Example;
use axum::http::Method;
use packwork::service::settlement::facts;
use packwork::service::settlement::lineset::{Basis, Side};
use packwork_tests::app::{On, TestApp};
use packwork_tests::dump::dump;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const PLAN: &str = "internal_settlement";
const CHANGES: &str = "/settlement/rate-tables/internal_price/changes";

async fn settled(on: On) -> Example {
    let example = Example::new(on).await;
    example.to("2026-03-28T01:00:00Z");
    for (partner, quantity, day) in [
        ("joint1", "8", "10"),
        ("joint1", "7", "12"),
        ("joint1", "40", "20"),
        ("direct1", "2", "11"),
        ("direct1", "1", "21"),
    ] {
        example.completed(partner, quantity, &format!("2026-03-{day}T10:00:00+08:00")).await;
    }
    example
}

fn totals(told: &Json) -> [&str; 3] {
    ["before", "after", "delta"].map(|name| told["totals"][0][name].as_str().unwrap_or("?"))
}

/// Every row of every table.
async fn stored(test: &TestApp) -> Vec<(String, Vec<String>)> {
    dump(test).await.into_iter().map(|table| (table.name, table.rows)).collect()
}

async fn draft_rows_move_only_what_they_are_for(on: On) {
    let example = settled(on).await;
    let test = &example.test;
    let before = stored(test).await;
    let body = json!({
        "mode": "simulate", "plan": PLAN, "period": "2026-03",
        "rates": {"internal_price": {"changes": [{"op": "change", "row": "r1", "set": {"price": "125.00"}}]}},
    });
    let told = test.post("/settlement/runs", body.clone()).await.ok();
    // Three units of the direct partner at 125 instead of 120; the steps of the other one stay.
    assert_eq!(totals(&told), ["5335.00", "5350.00", "15.00"], "{told:#}");
    assert_eq!((&told["facts"], &told["id"], &told["failures"]), (&json!(5), &Json::Null, &json!([])));
    assert_eq!(told["payees_changed"], 1);
    let first = &told["payees"][0];
    assert_eq!(
        (&first["before"], &first["after"], &first["delta"]),
        (&json!("360.00"), &json!("375.00"), &json!("15.00"))
    );
    let movers: Vec<&Json> = told["movers"].as_array().expect("movers").iter().map(|mover| &mover["delta"]).collect();
    assert_eq!(movers, ["10.00", "5.00"]);
    assert_eq!(told["differences_total"], 2);
    assert_eq!(told["differences"][0]["line"], "service_fee");

    // A draft schedule: the first ten units of the month cost five more, whoever's fact they are.
    let mut steps = test.get("/definitions/schedule/joint_steps").await.ok();
    steps["tiers"][0]["price"] = json!("100.00");
    let drafted = json!({"mode": "simulate", "plan": PLAN, "period": "2026-03", "definitions": [steps]});
    let told = test.post("/settlement/runs", drafted).await.ok();
    assert_eq!(totals(&told), ["5335.00", "5385.00", "50.00"], "{told:#}");
    let movers: Vec<&Json> = told["movers"].as_array().expect("movers").iter().map(|mover| &mover["delta"]).collect();
    assert_eq!(movers, ["40.00", "10.00"]);

    // Facts the draft has no price for are named, on its side.
    let body = json!({
        "mode": "simulate", "plan": PLAN, "periods": ["2026-03", "2026-04"],
        "rates": {"internal_price": {"changes": [{"op": "close", "row": "r1", "valid_to": "2026-03-20"}, {"op": "close", "row": "r5", "valid_to": "2026-03-20"}]}},
    });
    let told = test.post("/settlement/runs", body).await.ok();
    assert_eq!((&told["left"]["failed"], &told["right"]["failed"]), (&json!(0), &json!(1)), "{told:#}");
    assert_eq!(
        (&told["failures"][0]["side"], &told["failures"][0]["code"]),
        (&json!("right"), &json!("price_pending"))
    );
    assert_eq!(totals(&told)[2], "-120.00");

    let same = json!({"mode": "compare", "plan": PLAN, "period": "2026-03"});
    let told = test.post("/settlement/runs", same.clone()).await.ok();
    assert_eq!((totals(&told)[2], &told["differences_total"]), ("0.00", &json!(0)), "{told:#}");
    assert_eq!(stored(test).await, before, "nothing was written");

    // The same change approved: what was recorded stays, the latest rows say what the simulation said.
    let change = json!({"mode": "apply", "changes": [{"op": "change", "row": "r1", "set": {"price": "125.00"}}]});
    test.post(CHANGES, change).await.ok();
    let told = test.post("/settlement/runs", same).await.ok();
    assert_eq!(totals(&told), ["5335.00", "5350.00", "15.00"]);
    let pinned =
        json!({"mode": "compare", "plan": PLAN, "period": "2026-03", "left": "posted", "right": "as_recorded"});
    let told = test.post("/settlement/runs", pinned).await.ok();
    assert_eq!((totals(&told)[2], &told["differences_total"]), ("0.00", &json!(0)));
}

#[tokio::test]
async fn draft_rows_move_only_what_they_are_for_on_sqlite() {
    draft_rows_move_only_what_they_are_for(On::Sqlite).await;
}

#[tokio::test]
async fn draft_rows_move_only_what_they_are_for_on_postgres() {
    draft_rows_move_only_what_they_are_for(On::Postgres).await;
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_and_not_everybody_may_ask() {
    let example = Example::new(On::Sqlite).await;
    let test = &example.test;
    let ask = |body: Json| test.post("/settlement/runs", body);
    ask(json!({"mode": "simulate", "plan": PLAN, "period": "2026-03"})).await.refused(422, "required");
    ask(json!({"mode": "compare", "plan": PLAN})).await.refused(400, "bad_parameter");
    ask(json!({"mode": "compare", "plan": PLAN, "period": "2026-03", "left": "best"}))
        .await
        .refused(400, "bad_parameter");
    ask(json!({"mode": "compare", "plan": "nothing", "period": "2026-03"})).await.refused(404, "unknown_definition");
    ask(json!({"mode": "dream", "plan": PLAN, "period": "2026-03"})).await.refused(400, "bad_parameter");
    let rates = |changes: Json| json!({"mode": "simulate", "plan": PLAN, "period": "2026-03", "rates": {"internal_price": {"changes": changes}}});
    let refused = ask(rates(json!([{"op": "close", "row": "nobody", "valid_to": "2026-03-01"}]))).await;
    assert_eq!(refused.refused(422, "bad_reference")["errors"][0]["pointer"], "/changes/0/row");
    let object = json!({"mode": "simulate", "plan": PLAN, "period": "2026-03", "definitions": [{"kind": "object", "name": "x"}]});
    ask(object).await.refused(400, "bad_parameter");
    let broken = json!([{"kind": "schedule", "name": "joint_steps", "mode": "graduated", "tiers": []}]);
    ask(json!({"mode": "simulate", "plan": PLAN, "period": "2026-03", "definitions": broken}))
        .await
        .refused(409, "plan_blocked");
    let other = test.user("other", &[], json!({})).await;
    let body = json!({"mode": "compare", "plan": PLAN, "period": "2026-03"});
    test.by(&other, Method::POST, "/settlement/runs", Some(body)).await.refused(403, "forbidden");
    let finance = test.user("fin", &["finance"], json!({})).await;
    let drafted = rates(json!([{"op": "close", "row": "r5", "valid_to": "2026-03-20"}]));
    test.by(&finance, Method::POST, "/settlement/runs", Some(drafted)).await.refused(403, "forbidden");
}

/// Chunks are only how much is decided at once: steps that count over the month come out the same.
#[tokio::test]
async fn lines_do_not_depend_on_how_many_facts_are_decided_together() {
    let example = settled(On::Sqlite).await;
    let app = &example.test.app;
    let model = app.model();
    let scope = app.system();
    let plan = &model.plans[PLAN];
    let period = model.calendars[&plan.calendar].named("2026-03").expect("a period");
    let facts = facts::facts(app, &model, &scope, plan, &period).await.expect("facts");
    let mut found = Vec::new();
    for size in [1, 2, 100] {
        let mut side = Side::new(Basis::Latest, model.clone());
        let mut amounts: BTreeMap<Uuid, Decimal> = BTreeMap::new();
        for unit in &facts.units {
            for chunk in unit.facts.chunks(size) {
                let made = side.lines(app, &scope, &plan.name, &facts, chunk).await.expect("lines");
                assert!(made.failures.is_empty() && made.refused.is_none());
                made.lines.iter().for_each(|line| *amounts.entry(line.fact).or_default() += line.gross);
            }
        }
        assert_eq!(amounts.values().sum::<Decimal>(), Decimal::new(533_500, 2));
        found.push(amounts);
    }
    assert!(found.iter().all(|amounts| *amounts == found[0]), "{found:#?}");
}

#[tokio::test]
async fn a_run_by_the_latest_rates_posts_what_the_comparison_said() {
    let example = settled(On::Sqlite).await;
    let test = &example.test;
    let change = json!({"mode": "apply", "changes": [{"op": "change", "row": "r1", "set": {"price": "125.00"}}]});
    test.post(CHANGES, change).await.ok();
    let run = json!({"plan": PLAN, "period": "2026-03"});
    assert_eq!(test.post("/settlement/runs", run).await.ok()["lines"], 0, "what was recorded stays");
    let latest = |mode: &str| json!({"plan": PLAN, "period": "2026-03", "mode": mode, "pin": "latest"});
    let preview = test.post("/settlement/runs", latest("preview")).await.ok();
    assert_eq!(
        (&preview["lines"], &preview["amount"], &preview["pin"]),
        (&json!(4), &json!("15.00"), &json!("latest"))
    );
    let posted = test.post("/settlement/runs", latest("commit")).await.ok();
    assert_eq!((&posted["lines"], &posted["reversed"], &posted["amount"]), (&json!(4), &json!(2), &json!("15.00")));
    assert_eq!(test.post("/settlement/runs", latest("commit")).await.ok()["lines"], 0);
    let told = test.post("/settlement/runs", json!({"mode": "compare", "plan": PLAN, "period": "2026-03"})).await.ok();
    assert_eq!(totals(&told), ["5350.00", "5350.00", "0.00"]);
    let wrong = json!({"plan": PLAN, "period": "2026-03", "pin": "best"});
    test.post("/settlement/runs", wrong).await.refused(400, "bad_parameter");
}
