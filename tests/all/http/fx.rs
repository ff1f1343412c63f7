//! Amounts in several currencies: converted by dated rows, rounded once, explained and computed again; a rate that is
//! missing is that fact's own error. On both databases.

use super::settlement::Example;
use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Industry, On, TestApp};
use serde_json::{Value as Json, json};

const PACK: Industry = &[("foreign-fees", "0.1.0")];

async fn line(test: &TestApp, plan: &str, fact: &Json) -> Json {
    let path = format!("/settlement/lines?plan={plan}&fact={}", fact["id"].as_str().expect("an id"));
    test.get(&path).await.ok()["data"][0].clone()
}

async fn amounts_are_converted_by_dated_rows(on: On) {
    let now = Moment::parse("2026-03-01T01:00:00Z").expect("a moment");
    let example = Example::over(TestApp::with(on, now, PACK).await).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let early = example.completed("direct1", "3", "2026-03-10T10:00:00+08:00").await;
    // 3 x 13.33 = 39.99 dollars at 7.1234.
    let direct = line(test, "foreign_fee", &early).await;
    assert_eq!((&direct["amount"], &direct["currency"]), (&json!("284.86"), &json!("CNY")), "{direct:#}");
    // By way of Hong Kong dollars, as the plan says, at 7.8 x 0.912345, cut off.
    let through = line(test, "foreign_fee_through", &early).await;
    assert_eq!(through["amount"], "284.58", "{through:#}");
    for told in [&direct, &through] {
        let path = format!("/settlement/lines/{}/explain?replay=true", told["id"].as_str().expect("an id"));
        let why = test.get(&path).await.ok();
        assert_eq!(why["replay"]["agrees"], true, "{:#}", why["replay"]);
        let steps = why["replay"]["steps"].as_array().expect("steps");
        assert!(
            steps.iter().any(|step| step["step"] == "converted" && step["computed"] == told["amount"]),
            "{steps:#?}"
        );
        let text = why["tree"].to_string();
        assert!(text.contains("USD 39.99 × ") && text.contains(" = CNY 284."), "{text}");
        let rows: Vec<&Json> =
            why["trace"]["lookups"].as_array().expect("look-ups").iter().map(|look| &look["row"]).collect();
        assert!(rows.contains(&&json!("any")), "{rows:?}");
    }
    let posted = test.get("/settlement/trial-balance").await.ok();
    assert_eq!(posted["balanced"], true);

    // After the last rate: this fact alone fails, and says which rate on which day; the other plan goes on.
    let late = example.completed("direct1", "1", "2026-03-25T10:00:00+08:00").await;
    assert_eq!(line(test, "foreign_fee", &late).await, Json::Null);
    assert_eq!(line(test, "foreign_fee_through", &late).await["amount"], "94.86");
    let run = test.post("/settlement/runs", json!({"plan": "foreign_fee", "period": "2026-03"})).await.ok();
    assert_eq!(
        (&run["status"], &run["failed"], &run["unchanged"]),
        (&json!("partial"), &json!(1), &json!(1)),
        "{run:#}"
    );
    let failure = &run["failures"][0];
    assert_eq!((&failure["code"], &failure["fact"]["id"]), (&json!("fx_rate_missing"), &late["id"]));
    let place = ["table", "step", "from", "to", "date"].map(|name| failure["params"][name].as_str().unwrap_or("?"));
    assert_eq!(place, ["fx_rate", "fx", "USD", "CNY", "2026-03-25"]);
    let told = test
        .ask_in("zh-CN", Method::GET, &format!("/settlement/runs/{}", run["id"].as_str().expect("an id")), None)
        .await
        .ok();
    assert!(told["failures"][0]["detail"].as_str().is_some_and(|text| text.contains("汇率")), "{told:#}");

    // A rate that is added later settles it; one that is changed leaves what was recorded.
    let rows = json!([{"op": "add", "row": {"id": "usd_late", "from": "USD", "to": "CNY", "rate": "7.2", "valid": ["2026-03-20", null]}},
                      {"op": "change", "row": "usd", "set": {"rate": "9.9"}}]);
    test.post("/settlement/rate-tables/fx_rate/changes", json!({"mode": "apply", "changes": rows})).await.ok();
    let run = test.post("/settlement/runs", json!({"plan": "foreign_fee", "period": "2026-03"})).await.ok();
    assert_eq!((&run["status"], &run["lines"]), (&json!("completed"), &json!(1)), "{run:#}");
    assert_eq!(line(test, "foreign_fee", &late).await["amount"], "95.98");
    assert_eq!(line(test, "foreign_fee", &early).await["amount"], "284.86");
    let undo = json!({"mode": "apply", "changes": [{"op": "undo", "row": "usd_late"}]});
    test.post("/settlement/rate-tables/fx_rate/changes", undo).await.refused(409, "rate_row_in_use");
    // By the rates of now the first fact would come to 39.99 x 9.9 = 395.901.
    let compared = json!({"mode": "compare", "plan": "foreign_fee", "period": "2026-03"});
    let told = test.post("/settlement/runs", compared).await.ok();
    assert_eq!(told["totals"][0]["delta"], "111.04", "{told:#}");
}

#[tokio::test]
async fn amounts_are_converted_by_dated_rows_on_sqlite() {
    amounts_are_converted_by_dated_rows(On::Sqlite).await;
}

#[tokio::test]
async fn amounts_are_converted_by_dated_rows_on_postgres() {
    amounts_are_converted_by_dated_rows(On::Postgres).await;
}
