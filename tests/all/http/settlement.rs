//! The worked example over HTTP, on both databases: priced, completed, settled, explained, stated, closed.

use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

pub(super) struct Example {
    pub(super) test: TestApp,
}

impl Example {
    pub(super) async fn new(on: On) -> Example {
        Example::over(TestApp::at(on, Moment::parse("2026-03-01T01:00:00Z").expect("a moment")).await).await
    }

    /// The same in an application that is there.
    pub(super) async fn over(test: TestApp) -> Example {
        for (code, name) in [("le_hq", "总部"), ("le_a", "甲公司"), ("le_b", "乙公司")] {
            test.post("/records/legal_entity", json!({"code": code, "name": name})).await.ok();
        }
        test.post("/records/department", json!({"code": "hq", "name": "总部", "legal_entity": "le_hq"})).await.ok();
        for (code, mode, entity) in [("direct1", "direct", "le_a"), ("joint1", "joint", "le_b")] {
            test.post("/records/partner", json!({"code": code, "name": code, "mode": mode, "legal_entity": entity}))
                .await
                .ok();
        }
        let customer = json!({"code": "c1", "name": "上海客户", "contact": "张三", "phone": "021-50801234", "address": "上海市浦东新区张江路88号"});
        test.post("/records/customer", customer).await.ok();
        Example { test }
    }

    pub(super) async fn completed(&self, partner: &str, quantity: &str, finished_at: &str) -> Json {
        let order = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": quantity, "partner": partner, "department": "hq"});
        let id = self.test.post("/records/work_order", order).await.ok()["id"].as_str().unwrap_or_default().to_owned();
        let step = |name: &str, input: Json| {
            let path = format!("/records/work_order/{id}/transitions/{name}");
            async move { self.test.post(&path, json!({"input": input})).await.ok() }
        };
        step("dispatch", json!({})).await;
        step("start", json!({})).await;
        step("complete", json!({"finished_at": finished_at})).await
    }

    pub(super) fn to(&self, moment: &str) {
        let wanted = Moment::parse(moment).expect("a moment").micros() - self.test.clock.now().micros();
        self.test.advance(u64::try_from(wanted / 1_000_000).expect("the example goes forward"));
    }
}

fn amounts(record: &Json) -> (String, String, String) {
    let line = &record["_settlement"]["lines"][0];
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    (text("amount"), text("tax"), text("net"))
}

fn triple(amount: &str, tax: &str, net: &str) -> (String, String, String) {
    (amount.to_owned(), tax.to_owned(), net.to_owned())
}

async fn the_worked_example_comes_out(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let eight = example.completed("joint1", "8", "2026-03-10T10:00:00+08:00").await;
    assert_eq!(amounts(&eight), triple("760.00", "43.02", "716.98"));
    assert_eq!(eight["_settlement"]["status"], "charged");
    let seven = example.completed("joint1", "7", "2026-03-12T10:00:00+08:00").await;
    assert_eq!(amounts(&seven), triple("640.00", "36.23", "603.77"));
    let forty = example.completed("joint1", "40", "2026-03-20T10:00:00+08:00").await;
    assert_eq!(amounts(&forty), triple("3575.00", "202.36", "3372.64"));

    let line = eight["_settlement"]["lines"][0]["id"].as_str().unwrap_or_default().to_owned();
    let why = test.get(&format!("/settlement/lines/{line}/explain")).await.ok();
    assert!(why["sentence"].as_str().is_some_and(|text| text.contains("8 × 95.00 = 760.00")), "{}", why["sentence"]);

    assert!(why["replay"].is_null(), "{}", why["replay"]);
    for order in [&eight, &seven, &forty] {
        let line = order["_settlement"]["lines"][0]["id"].as_str().unwrap_or_default();
        let again = test.get(&format!("/settlement/lines/{line}/explain?replay=true")).await.ok();
        assert_eq!(again["replay"]["agrees"], true, "{:#}", again["replay"]);
    }
    test.get(&format!("/settlement/lines/{line}/explain?replay=maybe")).await.refused(400, "bad_parameter");

    let statements = test.get("/statements?payee=joint1&period=2026-03").await.ok();
    let statement = &statements["data"][0];
    let sums = ["gross", "tax", "net"].map(|name| statement[name].as_str().unwrap_or_default());
    assert_eq!(sums, ["4975.00", "281.61", "4693.39"]);

    // Everything was settled at completion: a run finds nothing to do, however often.
    let body = json!({"plan": "internal_settlement", "period": "2026-03"});
    let preview = test
        .post("/settlement/runs", json!({"plan": "internal_settlement", "period": "2026-03", "mode": "preview"}))
        .await
        .ok();
    assert_eq!((&preview["mode"], &preview["facts"], &preview["lines"]), (&json!("preview"), &json!(3), &json!(0)));
    let first = test.post("/settlement/runs", body.clone()).await.ok();
    assert_eq!((&first["status"], &first["lines"], &first["unchanged"]), (&json!("unchanged"), &json!(0), &json!(3)));
    let second = test.post("/settlement/runs", body).await.ok();
    assert_eq!((&second["input_hash"], &second["output_hash"]), (&first["input_hash"], &first["output_hash"]));
    assert_eq!(test.get("/settlement/trial-balance").await.ok()["balanced"], true);
    test.post("/settlement/runs", json!({"plan": "internal_settlement", "period": "2026-13"}))
        .await
        .refused(422, "unknown_period");
    test.post("/settlement/runs", json!({"plan": "nothing", "period": "2026-03"}))
        .await
        .refused(404, "unknown_definition");

    // The month ends and is closed: its statement gets a number; the second closing is refused.
    test.post("/settlement/periods/2026-03/close", json!({})).await.refused(409, "period_not_ready");
    example.to("2026-04-02T01:00:00Z");
    let closed = test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    assert_eq!((&closed["status"], &closed["lines"]), (&json!("closed"), &json!(3)));
    test.post("/settlement/periods/2026-03/close", json!({})).await.refused(409, "period_closed");
    let id = statement["id"].as_str().unwrap_or_default();
    let issued = test.get(&format!("/statements/{id}")).await.ok();
    assert_eq!((&issued["status"], issued["number"].is_string()), (&json!("issued"), true));
    assert_eq!(issued["lines"].as_array().map(Vec::len), Some(3));

    // A late order lands in the open period and says what it makes up for: 55 before, two more at 85.00.
    let late = example.completed("joint1", "2", "2026-03-25T10:00:00+08:00").await;
    let line = &late["_settlement"]["lines"][0];
    assert_eq!(
        (&line["kind"], &line["period"], &line["corrects"], &line["amount"]),
        (&json!("correction"), &json!("2026-04"), &json!("2026-03"), &json!("170.00"))
    );
    let april = test.get("/statements?payee=joint1&period=2026-04").await.ok();
    let april = test.get(&format!("/statements/{}", april["data"][0]["id"].as_str().unwrap_or_default())).await.ok();
    assert!(
        april["corrections"][0].as_str().is_some_and(|text| text.contains("2026-03")),
        "{:#}",
        april["corrections"]
    );

    // Confirm and pay; a draft cannot be paid.
    let step = |name: &str| format!("/statements/{id}/{name}");
    test.post(&step("pay"), json!({"version": issued["version"]})).await.refused(409, "statement_state");
    test.post(&step("confirm"), json!({"version": 99})).await.refused(409, "stale_version");
    let confirmed = test.post(&step("confirm"), json!({"version": issued["version"]})).await.ok();
    let paid = test.post(&step("pay"), json!({"version": confirmed["version"]})).await.ok();
    assert_eq!(paid["status"], "paid");
    let order = test.get(&format!("/records/work_order/{}", eight["id"].as_str().unwrap_or_default())).await.ok();
    assert_eq!(order["_settlement"]["status"], "paid");
}

#[tokio::test]
async fn the_worked_example_comes_out_on_sqlite() {
    the_worked_example_comes_out(On::Sqlite).await;
}

#[tokio::test]
async fn the_worked_example_comes_out_on_postgres() {
    the_worked_example_comes_out(On::Postgres).await;
}

#[tokio::test]
async fn prices_change_at_local_midnight_and_reopening_takes_the_line_back() {
    let example = Example::new(On::Sqlite).await;
    example.to("2026-07-02T01:00:00Z");
    let before = example.completed("direct1", "2", "2026-06-30T23:30:00+08:00").await;
    assert_eq!(amounts(&before), triple("240.00", "13.58", "226.42"));
    let after = example.completed("direct1", "2", "2026-07-01T00:10:00+08:00").await;
    assert_eq!(amounts(&after), triple("256.00", "14.49", "241.51"));

    let id = after["id"].as_str().unwrap_or_default();
    let reopened = example.test.post(&format!("/records/work_order/{id}/transitions/reopen"), json!({})).await.ok();
    assert_eq!(reopened["_settlement"]["status"], "none");
    let lines = example.test.get(&format!("/settlement/lines?fact={id}")).await.ok();
    let kinds: Vec<&str> =
        lines["data"].as_array().into_iter().flatten().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["charge", "reversal"]);
    assert_eq!(lines["data"][1]["amount"], "-256.00");
}

async fn a_run_looks_again_only_where_something_changed(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    example.completed("joint1", "2", "2026-03-10T10:00:00+08:00").await;
    let run = || async {
        test.advance(1);
        test.post("/settlement/runs", json!({"plan": "internal_settlement", "period": "2026-03"})).await.ok()
    };
    let first = run().await;
    assert_eq!(
        (&first["status"], &first["unchanged"], &first["same_as"]),
        (&json!("unchanged"), &json!(1), &Json::Null)
    );
    let second = run().await;
    assert_eq!(
        (&second["status"], &second["unchanged"], &second["same_as"]),
        (&json!("unchanged"), &json!(1), &first["id"])
    );
    assert_eq!((&second["input_hash"], &second["output_hash"]), (&first["input_hash"], &first["output_hash"]));

    // What no line is made from changes nothing; another fact is looked at, though it was settled when it was completed.
    test.post("/records/legal_entity", json!({"code": "le_c", "name": "丙公司"})).await.ok();
    assert_eq!(run().await["same_as"], first["id"]);
    example.completed("joint1", "3", "2026-03-11T10:00:00+08:00").await;
    let third = run().await;
    assert_eq!((&third["unchanged"], &third["same_as"]), (&json!(2), &Json::Null));
    assert_eq!(run().await["same_as"], third["id"]);

    // Another mode of the partner is another price.
    let partner = test.get("/records/partner/joint1").await.ok();
    let mode = json!({"mode": "direct", "version": partner["version"]});
    test.system(Method::PATCH, "/records/partner/joint1", Some(mode)).await.ok();
    let moved = run().await;
    assert_eq!(
        (&moved["status"], &moved["reversed"], &moved["same_as"]),
        (&json!("completed"), &json!(2), &Json::Null)
    );
    assert_eq!(run().await["same_as"], moved["id"]);
    // And so is another row of a table, though what was posted keeps the price it was recorded with.
    let row = json!({"id": "new", "service": "inspection", "tier": "*", "mode": "direct", "price": "1.00", "valid": ["2027-01-01", null]});
    test.post("/records/internal_price", row).await.ok();
    let looked = run().await;
    assert_eq!((&looked["status"], &looked["same_as"]), (&json!("unchanged"), &Json::Null));

    // The period ends: what a late order corrects is told by a run that looks.
    example.to("2026-04-02T01:00:00Z");
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    let closed = run().await;
    assert_eq!((&closed["status"], &closed["same_as"]), (&json!("unchanged"), &Json::Null));
}

#[tokio::test]
async fn a_run_looks_again_only_where_something_changed_on_sqlite() {
    a_run_looks_again_only_where_something_changed(On::Sqlite).await;
}

#[tokio::test]
async fn a_run_looks_again_only_where_something_changed_on_postgres() {
    a_run_looks_again_only_where_something_changed(On::Postgres).await;
}

#[tokio::test]
async fn a_period_closes_when_what_failed_is_mended() {
    let example = Example::new(On::Sqlite).await;
    let test = &example.test;
    let nowhere =
        json!({"code": "c2", "name": "某客户", "contact": "李四", "phone": "021-50801235", "address": "地址待补"});
    test.post("/records/customer", nowhere).await.ok();
    let order = json!({"template": "inspection", "customer": "c2", "service": "inspection", "quantity": "1", "partner": "direct1", "department": "hq"});
    let made = test.post("/records/work_order", order).await.ok();
    assert_eq!(made["pricing"], "region_pending");
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(test.get("/tasks").await.ok()["data"][0]["record"]["id"], id);
    let step = |name: &str| format!("/records/work_order/{id}/transitions/{name}");
    for name in ["dispatch", "start", "complete"] {
        test.post(&step(name), json!({})).await.ok();
    }
    let run = json!({"plan": "internal_settlement", "period": "2026-03"});
    let partial = test.post("/settlement/runs", run).await.ok();
    assert_eq!((&partial["status"], &partial["failures"][0]["fact"]["id"]), (&json!("partial"), &json!(id)));
    let order = test.get(&format!("/records/work_order/{id}")).await.ok();
    assert_eq!(order["_settlement"]["status"], "pending");

    example.to("2026-04-01T01:00:00Z");
    let refused = test.post("/settlement/periods/2026-03/close", json!({})).await.refused(409, "period_not_ready");
    assert_eq!(refused["params"]["checklist"][1], json!({"check": "failures", "ok": false, "count": 1}));
    assert_eq!(test.get("/statements").await.ok()["data"], json!([]), "nothing was issued on the way");

    let reopened = test.post(&step("reopen"), json!({})).await.ok();
    let mended = json!({"address": "上海市浦东新区张江路88号", "version": reopened["version"]});
    test.system(Method::PATCH, &format!("/records/work_order/{id}"), Some(mended)).await.ok();
    assert_eq!(test.get("/tasks").await.ok()["count"], 0);
    let done = test.post(&step("complete"), json!({"input": {"finished_at": "2026-03-20T10:00:00+08:00"}})).await.ok();
    assert_eq!(done["_settlement"]["status"], "charged");
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
}

#[tokio::test]
async fn a_partner_sees_their_own_settlement_and_nothing_else() {
    let example = Example::new(On::Sqlite).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let own = example.completed("direct1", "2", "2026-03-10T10:00:00+08:00").await;
    let other = example.completed("joint1", "2", "2026-03-11T10:00:00+08:00").await;
    let token = test.user("he", &["partner_portal"], json!({"partner": "direct1"})).await;
    let line = |order: &Json| order["_settlement"]["lines"][0]["id"].as_str().unwrap_or_default().to_owned();
    let lines = test.by(&token, Method::GET, "/settlement/lines", None).await.ok();
    assert_eq!((lines["data"].as_array().map(Vec::len), &lines["data"][0]["id"]), (Some(1), &json!(line(&own))));
    let path = format!("/settlement/lines/{}/explain", line(&other));
    test.by(&token, Method::GET, &path, None).await.refused(404, "not_found");
    let statements = test.by(&token, Method::GET, "/statements", None).await.ok();
    assert_eq!(statements["data"].as_array().map(Vec::len), Some(1));
    test.by(&token, Method::GET, "/settlement/periods", None).await.refused(403, "forbidden");
    test.by(&token, Method::GET, "/settlement/runs", None).await.refused(403, "forbidden");
}
