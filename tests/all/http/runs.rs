//! Runs side by side: two on one plan and period are never both; what they find is posted once.

use super::settlement::Example;
use futures_util::future::join_all;
use packwork_engine::definition::Kind;
use packwork_tests::app::On;
use packwork_tests::conformance::planned::{Company, PLAN, company};
use packwork_tests::conformance::{Place, within};
use serde_json::{Value as Json, json};

const CHANGES: &str = "/settlement/rate-tables/internal_price/changes";

async fn of_many_runs_at_once_one_posts_and_nothing_is_posted_twice(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let close = json!([{"op": "close", "row": "r1", "valid_to": "2026-01-02"}, {"op": "close", "row": "r5", "valid_to": "2026-01-02"}]);
    test.post(CHANGES, json!({"mode": "apply", "changes": close})).await.ok();
    for day in 10..18 {
        let order = example.completed("direct1", "1", &format!("2026-03-{day}T10:00:00+08:00")).await;
        assert_eq!(order["_settlement"]["status"], "pending");
    }
    let open = json!([{"op": "reopen", "row": "r1", "valid_to": "2026-07-01"}]);
    test.post(CHANGES, json!({"mode": "apply", "changes": open})).await.ok();
    let body = json!({"plan": "internal_settlement", "period": "2026-03"});
    let replies = join_all((0..6).map(|_| test.post("/settlement/runs", body.clone()))).await;
    let mut posted = 0;
    for reply in replies {
        match reply.status.as_u16() {
            200 => posted += reply.json["lines"].as_u64().expect("a run counts its lines"),
            _ => {
                let refused = reply.refused(409, "run_active");
                let place = (&refused["params"]["plan"], &refused["params"]["period"]);
                assert_eq!(place, (&json!("internal_settlement"), &json!("2026-03")));
            }
        }
    }
    assert_eq!(posted, 8);
    let lines = test.get("/settlement/lines?plan=internal_settlement").await.ok();
    let amounts: Vec<&Json> = lines["data"].as_array().expect("lines").iter().map(|line| &line["amount"]).collect();
    assert_eq!(amounts, vec![&json!("120.00"); 8]);
    let again = test.post("/settlement/runs", body).await.ok();
    assert_eq!(again["lines"], 0);
}

#[tokio::test]
async fn of_many_runs_at_once_one_posts_and_nothing_is_posted_twice_on_sqlite() {
    of_many_runs_at_once_one_posts_and_nothing_is_posted_twice(On::Sqlite).await;
}

#[tokio::test]
async fn of_many_runs_at_once_one_posts_and_nothing_is_posted_twice_on_postgres() {
    of_many_runs_at_once_one_posts_and_nothing_is_posted_twice(On::Postgres).await;
}

async fn an_amount_that_is_too_large_fails_its_fact_alone(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let negative = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": "-3", "partner": "joint1", "department": "hq"});
    let refused = test.post("/records/work_order", negative).await.refused(422, "out_of_range");
    assert_eq!(refused["errors"][0]["pointer"], "/quantity");
    let fine = example.completed("direct1", "1", "2026-03-10T10:00:00+08:00").await;
    let large = example.completed("direct1", "9999999999999.00", "2026-03-11T10:00:00+08:00").await;
    let run = test.post("/settlement/runs", json!({"plan": "internal_settlement", "period": "2026-03"})).await.ok();
    assert_eq!(
        (&run["status"], &run["failed"], &run["unchanged"]),
        (&json!("partial"), &json!(1), &json!(1)),
        "{run:#}"
    );
    let failure = &run["failures"][0];
    assert_eq!((&failure["code"], &failure["fact"]["id"]), (&json!("amount_overflow"), &large["id"]), "{run:#}");
    let lines = test.get("/settlement/lines?plan=internal_settlement").await.ok();
    assert_eq!(lines["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(lines["data"][0]["fact"]["id"], fine["id"]);
}

#[tokio::test]
async fn an_amount_that_is_too_large_fails_its_fact_alone_on_sqlite() {
    an_amount_that_is_too_large_fails_its_fact_alone(On::Sqlite).await;
}

#[tokio::test]
async fn an_amount_that_is_too_large_fails_its_fact_alone_on_postgres() {
    an_amount_that_is_too_large_fails_its_fact_alone(On::Postgres).await;
}

/// A quantity with more digits than a line keeps is refused by the database, not by the engine: the others are posted.
fn what_a_line_cannot_keep_fails_its_fact_alone() -> anyhow::Result<()> {
    let quantities = ["1", "2.5", "0.1234567", "4"].map(|text| text.parse().expect("a number"));
    let tiers = json!([{"up_to": "3", "rate": "10"}, {"up_to": null, "rate": "8"}]);
    let amount = json!({"apply": "s", "to": "record.amount", "cumulate": {"by": ["payee"], "period": "year"}});
    let definitions = company(&quantities)
        .with(Kind::Schedule, "s", json!({"mode": "graduated", "tiers": tiers}))
        .settling_sales(json!({"payee": "record.party", "amount": amount}));
    let mut company = Company::open(definitions)?;
    company.party("left", json!({}))?;
    let mut sales = Vec::new();
    for (day, quantity) in quantities.iter().enumerate() {
        sales.push(company.sale("left", day, *quantity, json!({}))?);
    }
    let ran = company.ground.run(PLAN, "2026", company.at)?;
    let failures: Vec<_> = ran.failures.iter().map(|failure| (failure.fact, failure.code.as_str())).collect();
    assert_eq!((ran.lines, failures), (3, vec![(Some(sales[2]), "too_many_digits")]));
    let lines = company.lines()?;
    let paid: Vec<_> =
        sales.iter().map(|sale| lines.iter().find(|line| line.fact == *sale).map(|line| line.gross)).collect();
    assert_eq!(paid, [Some(10.into()), Some(24.into()), None, Some(32.into())]);
    Ok(())
}

#[test]
fn what_a_line_cannot_keep_fails_its_fact_alone_on_sqlite() {
    within(Place::Http(On::Sqlite), what_a_line_cannot_keep_fails_its_fact_alone).0.expect("the company works");
}

#[test]
fn what_a_line_cannot_keep_fails_its_fact_alone_on_postgres() {
    within(Place::Http(On::Postgres), what_a_line_cannot_keep_fails_its_fact_alone).0.expect("the company works");
}
