//! What becomes of statements over HTTP, on both databases: lines are disputed, statements taken back, pairs netted and
//! debts carried on, and whatever happens the statements come to what is owed.

use super::settlement::Example;
use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{On, Reply, TestApp};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json[name].as_str().unwrap_or_default()
}

fn amounts<const N: usize>(json: &Json, names: [&str; N]) -> [String; N] {
    names.map(|name| text(json, name).to_owned())
}

fn line_of(order: &Json) -> String {
    text(&order["_settlement"]["lines"][0], "id").to_owned()
}

/// The statements of a payee, oldest first.
async fn statements(test: &TestApp, payee: &str) -> Vec<Json> {
    let mut found = test.get(&format!("/statements?payee={payee}")).await.ok()["data"].as_array().cloned();
    found.iter_mut().for_each(|list| list.reverse());
    found.unwrap_or_default()
}

async fn one(test: &TestApp, statement: &Json) -> Json {
    test.get(&format!("/statements/{}", text(statement, "id"))).await.ok()
}

/// Takes a step with the version the statement has now.
async fn step(test: &TestApp, statement: &Json, name: &str, mut body: Json) -> Reply {
    body["version"] = one(test, statement).await["version"].clone();
    test.post(&format!("/statements/{}/{name}", text(statement, "id")), body).await
}

fn sum(statements: &[Json], name: &str) -> Decimal {
    statements.iter().map(|statement| text(statement, name).parse::<Decimal>().expect("an amount")).sum()
}

async fn balanced(test: &TestApp) {
    assert_eq!(test.get("/settlement/trial-balance").await.ok()["balanced"], true);
}

async fn transition(test: &TestApp, order: &Json, name: &str) -> Json {
    let path = format!("/records/work_order/{}/transitions/{name}", text(order, "id"));
    test.post(&path, json!({})).await.ok()
}

fn says(statement: &Json, words: &str) -> bool {
    statement["notes"].as_array().into_iter().flatten().any(|note| note.as_str().is_some_and(|it| it.contains(words)))
}

async fn a_dispute_holds_only_its_lines(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    example.completed("joint1", "8", "2026-03-10T10:00:00+08:00").await;
    let seven = example.completed("joint1", "7", "2026-03-12T10:00:00+08:00").await;
    let forty = example.completed("joint1", "40", "2026-03-20T10:00:00+08:00").await;
    let own = test.user("own", &["partner_portal"], json!({"partner": "joint1"})).await;
    let other = test.user("other", &["partner_portal"], json!({"partner": "direct1"})).await;
    let statement = statements(test, "joint1").await.remove(0);
    let path = format!("/statements/{}/disputes", text(&statement, "id"));
    let body = |version: &Json, lines: &[&str], reason: &str| {
        Some(json!({"version": version, "lines": lines, "reason": reason}))
    };
    let line = line_of(&seven);
    let objection = body(&statement["version"], &[&line], "数量应为 6");
    test.by(&own, Method::POST, &path, objection.clone()).await.refused(409, "statement_draft");
    let issued = step(test, &statement, "issue", json!({})).await.ok();
    let version = &issued["version"];

    test.by(&other, Method::POST, &path, body(version, &[&line], "x")).await.refused(404, "not_found");
    test.by(&own, Method::POST, &path, objection).await.refused(409, "stale_version");
    test.by(&own, Method::POST, &path, body(version, &[&line], "  ")).await.refused(422, "required");
    test.by(&own, Method::POST, &path, body(version, &[], "x")).await.refused(422, "out_of_range");
    test.by(&own, Method::POST, &path, body(version, &["seven"], "x")).await.refused(400, "bad_parameter");
    let nowhere = text(&statement, "id").to_owned();
    test.by(&own, Method::POST, &path, body(version, &[&nowhere], "x")).await.refused(409, "line_not_on_statement");
    let disputed = test.by(&own, Method::POST, &path, body(version, &[&line], "数量应为 6")).await.ok();
    let names = ["gross", "disputed", "undisputed", "payable"];
    assert_eq!(amounts(&disputed, names), ["4975.00", "640.00", "4335.00", "4335.00"]);
    let dispute = &disputed["disputes"][0];
    assert_eq!(
        (text(dispute, "status"), text(dispute, "reason"), text(dispute, "line")),
        ("open", "数量应为 6", &*line)
    );
    assert_eq!(text(&dispute["opened_by"], "title"), "own");
    assert!(says(&disputed, "1 line(s) are disputed and hold 640.00 CNY"), "{:#}", disputed["notes"]);
    let again = body(&disputed["version"], &[&line], "x");
    test.by(&own, Method::POST, &path, again).await.refused(409, "line_disputed");

    // The rest is confirmed by the partner and paid.
    let taken = format!("/statements/{}/confirm", text(&statement, "id"));
    let confirm = Some(json!({"version": disputed["version"]}));
    let confirmed = test.by(&own, Method::POST, &taken, confirm).await.ok();
    test.by(&own, Method::POST, &path, body(&confirmed["version"], &[&line_of(&forty)], "x"))
        .await
        .refused(409, "statement_state");
    let paid = step(test, &statement, "pay", json!({})).await.ok();
    assert_eq!(amounts(&paid, ["status", "payable"]), ["paid", "4335.00"]);

    // Upheld by who issues, not by who objected: the line leaves for the next draft.
    let end = format!("{path}/{}", text(dispute, "id"));
    let uphold = json!({"version": paid["version"], "note": "按 6 台重开"});
    test.by(&own, Method::POST, &format!("{end}/uphold"), Some(uphold.clone())).await.refused(403, "forbidden");
    test.post(&format!("{end}/agree"), uphold.clone()).await.refused(422, "unknown_transition");
    test.post(&format!("{path}/{nowhere}/uphold"), uphold.clone()).await.refused(404, "not_found");
    let settled = test.post(&format!("{end}/uphold"), uphold).await.ok();
    assert_eq!(amounts(&settled, ["gross", "disputed", "withdrawn"]), ["4335.00", "0.00", "640.00"]);
    let next = statements(test, "joint1").await.remove(1);
    assert_eq!(settled["disputes"][0]["moved_to"]["id"], next["id"]);
    assert_eq!(
        (amounts(&next, ["status", "gross"]), &next["line_count"]),
        (["draft".into(), "640.00".into()], &json!(1))
    );
    let late = json!({"version": settled["version"]});
    test.post(&format!("{end}/accept"), late).await.refused(409, "dispute_settled");

    // The facts change: the line is taken back where it stands now, and everything comes to what 48 cost.
    transition(test, &seven, "reopen").await;
    let all = statements(test, "joint1").await;
    assert_eq!(sum(&all, "gross"), Decimal::from(4370));
    balanced(test).await;
}

async fn what_is_disputed_and_taken_back_is_held_nowhere(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let two = example.completed("direct1", "2", "2026-03-10T10:00:00+08:00").await;
    example.completed("direct1", "3", "2026-03-11T10:00:00+08:00").await;
    let statement = statements(test, "direct1").await.remove(0);
    step(test, &statement, "issue", json!({})).await.ok();
    let dispute = json!({"lines": [line_of(&two)], "reason": "not done"});
    let disputed = step(test, &statement, "disputes", dispute.clone()).await.ok();
    // Accepted as it is: nothing has happened, and it can be disputed again.
    let end = format!("disputes/{}/accept", text(&disputed["disputes"][0], "id"));
    let accepted = step(test, &statement, &end, json!({})).await.ok();
    assert_eq!(amounts(&accepted, ["gross", "disputed", "payable"]), ["600.00", "0.00", "600.00"]);
    assert_eq!(accepted["disputes"][0]["status"], "accepted");
    step(test, &statement, "disputes", dispute).await.ok();

    transition(test, &two, "reopen").await;
    let shown = one(test, &statement).await;
    assert_eq!(amounts(&shown, ["gross", "disputed", "withdrawn", "payable"]), ["360.00", "0.00", "240.00", "360.00"]);
    assert_eq!(shown["disputes"][1]["status"], "reversed");
    let draft = one(test, &statements(test, "direct1").await[1]).await;
    assert_eq!((amounts(&draft, ["gross"]), &draft["line_count"]), (["0.00".into()], &json!(2)));
    let taken_back = json!({"lines": [line_of(&two)], "reason": "again"});
    step(test, &statement, "disputes", taken_back).await.refused(409, "line_not_on_statement");
    balanced(test).await;
}

async fn a_statement_is_taken_back_by_a_paper_of_its_own(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let orders = [
        example.completed("joint1", "8", "2026-03-10T10:00:00+08:00").await,
        example.completed("joint1", "7", "2026-03-12T10:00:00+08:00").await,
    ];
    let statement = statements(test, "joint1").await.remove(0);
    step(test, &statement, "reverse", json!({"reason": "x"})).await.refused(409, "statement_state");
    step(test, &statement, "issue", json!({})).await.ok();
    step(test, &statement, "reverse", json!({})).await.refused(422, "required");
    let token = test.user("own", &["partner_portal"], json!({"partner": "joint1"})).await;
    let path = format!("/statements/{}/reverse", text(&statement, "id"));
    let body = json!({"version": 2, "reason": "价格有误"});
    test.by(&token, Method::POST, &path, Some(body.clone())).await.refused(403, "forbidden");
    test.post(&path, json!({"version": 1, "reason": "x"})).await.refused(409, "stale_version");
    let reversed = test.post(&path, body).await.ok();
    assert_eq!(
        amounts(&reversed, ["status", "gross", "payable", "reason"]),
        ["reversed", "1400.00", "0.00", "价格有误"]
    );
    assert_eq!(reversed["_actions"], json!([]));

    let all = statements(test, "joint1").await;
    let paper = one(test, &all[1]).await;
    let names = ["status", "gross", "tax", "net", "payable"];
    assert_eq!(amounts(&paper, names), ["issued", "-1400.00", "-79.25", "-1320.75", "0.00"]);
    assert_eq!((&paper["reverses"]["id"], &reversed["reversed_by"]["id"]), (&reversed["id"], &paper["id"]));
    let numbers: Vec<&str> = all.iter().map(|statement| text(statement, "number")).collect();
    assert!(numbers[0].ends_with("-0001") && numbers[1].ends_with("-0002"), "{numbers:?}");
    assert!(says(&reversed, &format!("Taken back in full by {}", numbers[1])), "{:#}", reversed["notes"]);
    assert!(says(&paper, &format!("Takes back {}", numbers[0])), "{:#}", paper["notes"]);
    for (line, order) in paper["lines"].as_array().into_iter().flatten().zip(&orders) {
        assert_eq!((text(line, "kind"), text(line, "reverses")), ("reversal", &*line_of(order)));
    }
    step(test, &statement, "reverse", json!({"reason": "x"})).await.refused(409, "statement_reversed");
    step(test, &paper, "reverse", json!({"reason": "x"})).await.refused(409, "statement_reversed");
    step(test, &paper, "confirm", json!({})).await.refused(409, "statement_reversed");

    // The ledger has nothing left, the facts are open, and the next run charges them on a new draft.
    let balance = test.get("/settlement/trial-balance").await.ok();
    let rows = balance["data"].as_array().cloned().unwrap_or_default();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["debit"] == row["credit"]), "{balance:#}");
    let order = test.get(&format!("/records/work_order/{}", text(&orders[0], "id"))).await.ok();
    assert_eq!(order["_settlement"]["status"], "pending");
    let run = json!({"plan": "internal_settlement", "period": "2026-03"});
    let done = test.post("/settlement/runs", run.clone()).await.ok();
    assert_eq!((&done["status"], &done["lines"]), (&json!("completed"), &json!(2)));
    assert_eq!(test.post("/settlement/runs", run).await.ok()["status"], "unchanged");
    let again = statements(test, "joint1").await.remove(2);
    assert_eq!(amounts(&again, ["status", "gross"]), ["draft", "1400.00"]);
    let issued = step(test, &again, "issue", json!({})).await.ok();
    assert!(text(&issued, "number").ends_with("-0003"), "{}", issued["number"]);
    step(test, &again, "confirm", json!({})).await.ok();
    step(test, &again, "pay", json!({})).await.ok();
    step(test, &again, "reverse", json!({"reason": "x"})).await.refused(409, "statement_paid");
    balanced(test).await;
}

async fn papers_follow_each_other_and_closed_periods_stay(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let order = example.completed("direct1", "2", "2026-03-10T10:00:00+08:00").await;
    let joint = example.completed("joint1", "2", "2026-03-10T10:00:00+08:00").await;
    example.to("2026-04-02T01:00:00Z");
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    let first = statements(test, "direct1").await.remove(0);
    let march = test.get("/settlement/trial-balance?period=2026-03").await.ok();

    // The order is reopened: a draft of April takes its line back. Issued, it must go first.
    transition(test, &order, "reopen").await;
    let second = statements(test, "direct1").await.remove(1);
    assert_eq!(amounts(&second, ["period", "gross"]), ["2026-04", "-240.00"]);
    step(test, &second, "issue", json!({})).await.ok();
    step(test, &first, "reverse", json!({"reason": "x"})).await.refused(409, "statement_followed");
    step(test, &first, "reverse", json!({"reason": "x", "period": "2026-03"})).await.refused(409, "period_closed");
    step(test, &second, "reverse", json!({"reason": "x", "period": "2026-02"})).await.refused(422, "unknown_period");
    step(test, &second, "reverse", json!({"reason": "wrong order"})).await.ok();
    // What was taken back stands again, so the run takes it back once more; a draft, so the first can go now.
    let run = json!({"plan": "internal_settlement", "period": "2026-03"});
    assert_eq!(test.post("/settlement/runs", run.clone()).await.ok()["lines"], 1);
    step(test, &first, "reverse", json!({"reason": "all of it"})).await.ok();
    let all = statements(test, "direct1").await;
    assert_eq!(sum(&all, "gross"), Decimal::ZERO, "{all:#?}");
    let paper = one(test, all.iter().find(|it| it["reverses"]["id"] == first["id"]).expect("there is a paper")).await;
    assert_eq!(amounts(&paper, ["period", "gross"]), ["2026-04", "-240.00"]);
    assert_eq!(test.get("/settlement/trial-balance?period=2026-03").await.ok(), march, "a closed period stays");
    assert_eq!(test.post("/settlement/runs", run.clone()).await.ok()["status"], "unchanged");

    // What was posted in the closed period is mirrored in the open one, and charged there again.
    let closed = statements(test, "joint1").await.remove(0);
    step(test, &closed, "reverse", json!({"reason": "x"})).await.ok();
    let done = test.post("/settlement/runs", run).await.ok();
    assert_eq!(done["lines"], 1, "{done:#}");
    let lines = test.get(&format!("/settlement/lines?fact={}", text(&joint, "id"))).await.ok();
    let lines: Vec<_> = lines["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| (text(line, "kind"), text(line, "amount"), text(line, "period"), text(line, "corrects")))
        .collect();
    let expect = [
        ("charge", "190.00", "2026-03", ""),
        ("reversal", "-190.00", "2026-04", "2026-03"),
        ("correction", "190.00", "2026-04", "2026-03"),
    ];
    assert_eq!(lines, expect);
    assert_eq!(test.get("/settlement/trial-balance?period=2026-03").await.ok(), march, "a closed period stays");
    balanced(test).await;
}

async fn stores_are_netted_and_paid_together(on: On) {
    let now = Moment::parse("2026-03-10T02:00:00Z").expect("a moment");
    let test = &TestApp::at(on, now).await;
    test.post("/records/legal_entity", json!({"code": "le", "name": "总部"})).await.ok();
    for code in ["store_a", "store_b"] {
        let store = json!({"code": code, "name": code, "kind": "store", "legal_entity": "le"});
        test.post("/records/department", store).await.ok();
    }
    for (number, from, to, quantity, price) in
        [("T1", "store_a", "store_b", "20", "35.00"), ("T2", "store_b", "store_a", "10", "50.00")]
    {
        let transfer = json!({"number": number, "from_store": from, "to_store": to, "transferred_on": "2026-03-05",
            "quantity": quantity, "price": price});
        test.post("/records/store_transfer", transfer).await.ok();
        test.post(&format!("/records/store_transfer/{number}/transitions/receive"), json!({})).await.ok();
    }
    let owed = statements(test, "store_a").await.remove(0);
    let counter = statements(test, "store_b").await.remove(0);
    for statement in [&owed, &counter] {
        let position = &statement["net_position"];
        assert_eq!(amounts(position, ["owed", "counter", "net", "open"]), ["700.00", "500.00", "200.00", "200.00"]);
        let parties = (text(&position["payer"], "title"), text(&position["payee"], "title"));
        assert_eq!(parties, ("store_b", "store_a"));
    }
    assert!(says(&one(test, &owed).await, "store_b pays store_a 200.00 CNY"));
    let positions = test.get("/statements/positions?period=2026-03").await.ok();
    let [position] = positions["data"].as_array().expect("a list").as_slice() else { panic!("{positions:#}") };
    assert_eq!(amounts(position, ["owed", "counter", "net", "open"]), ["700.00", "500.00", "200.00", "200.00"]);
    assert_eq!((text(&position["payer"], "title"), text(&position["payee"], "title")), ("store_b", "store_a"));
    assert_eq!(position["statements"].as_array().map(Vec::len), Some(2));
    assert_eq!(amounts(&positions["totals"][0], ["moved", "net", "open"]), ["1200.00", "200.00", "200.00"]);
    let of_store = test.get("/statements/positions?period=2026-03&party=store_a").await.ok();
    assert_eq!(of_store["data"], positions["data"]);
    assert_eq!(test.get("/statements/positions?period=2026-02").await.ok()["data"], json!([]));
    test.get("/statements/positions").await.refused(400, "bad_parameter");
    // One's income is the other's cost: nothing for the group, and no tax within one legal entity.
    let totals = test.get("/settlement/attribution?by=product&period=2026-03").await.ok();
    assert_eq!(amounts(&totals["totals"][0], ["income", "cost", "profit"]), ["1200.00", "1200.00", "0.00"]);
    assert_eq!([text(&owed, "tax"), text(&counter, "tax")], ["0.00", "0.00"]);

    step(test, &owed, "issue", json!({})).await.ok();
    step(test, &owed, "confirm", json!({})).await.ok();
    step(test, &owed, "pay", json!({})).await.refused(409, "position_open");
    step(test, &counter, "issue", json!({})).await.ok();
    let refused = step(test, &owed, "pay", json!({})).await.refused(409, "position_open");
    assert_eq!(refused["params"]["status"], "issued");
    step(test, &counter, "confirm", json!({})).await.ok();
    let paid = step(test, &owed, "pay", json!({})).await.ok();
    assert_eq!((text(&paid, "status"), text(&paid["net_position"], "open")), ("paid", "0.00"));
    assert_eq!(one(test, &counter).await["status"], "paid", "one payment settles both");
    balanced(test).await;
}

async fn a_debt_is_carried_to_the_next_statement(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    example.to("2026-03-28T01:00:00Z");
    let order = example.completed("direct1", "2", "2026-03-10T10:00:00+08:00").await;
    example.to("2026-04-02T01:00:00Z");
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    transition(test, &order, "reopen").await;
    let april = statements(test, "direct1").await.remove(1);
    let owing = step(test, &april, "issue", json!({})).await.ok();
    assert_eq!(amounts(&owing, ["gross", "debt", "payable"]), ["-240.00", "-240.00", "0.00"]);
    assert!(says(&owing, "debt of 240.00 CNY is carried to the next statement"), "{:#}", owing["notes"]);
    step(test, &april, "write_off", json!({"reason": "x"})).await.refused(409, "no_debt");

    example.to("2026-05-20T01:00:00Z");
    example.completed("direct1", "3", "2026-05-10T10:00:00+08:00").await;
    let may = one(test, &statements(test, "direct1").await[2]).await;
    assert_eq!(amounts(&may, ["gross", "opening", "payable"]), ["360.00", "-240.00", "120.00"]);
    let issued = step(test, &may, "issue", json!({})).await.ok();
    assert_eq!(amounts(&issued, ["opening", "payable"]), ["-240.00", "120.00"]);
    assert!(says(&issued, "Opening balance: direct1 owes 240.00 CNY"), "{:#}", issued["notes"]);
    let carried = one(test, &april).await;
    assert_eq!(carried["carried_to"]["id"], may["id"]);
    assert_eq!(amounts(&carried, ["debt", "payable"]), ["-240.00", "0.00"]);
    step(test, &april, "reverse", json!({"reason": "x"})).await.refused(409, "statement_followed");
    // The next is taken back, so the debt waits for another; the draft after it takes it over.
    step(test, &may, "reverse", json!({"reason": "x"})).await.ok();
    assert_eq!(one(test, &april).await["carried_to"], Json::Null);
    let run = json!({"plan": "internal_settlement", "period": "2026-05"});
    test.post("/settlement/runs", run).await.ok();
    let all = statements(test, "direct1").await;
    assert_eq!(amounts(&all[4], ["status", "opening", "payable"]), ["draft", "-240.00", "120.00"]);
    let payable: Decimal = sum(&all, "gross");
    assert_eq!(payable, Decimal::from(360), "two reopened and gone, three to be paid");
    balanced(test).await;
}

macro_rules! on_both {
    ($($name:ident: $sqlite:ident, $postgres:ident;)*) => { $(
        #[tokio::test]
        async fn $sqlite() {
            $name(On::Sqlite).await;
        }

        #[tokio::test]
        async fn $postgres() {
            $name(On::Postgres).await;
        }
    )* };
}

on_both! {
    a_dispute_holds_only_its_lines: disputes_on_sqlite, disputes_on_postgres;
    what_is_disputed_and_taken_back_is_held_nowhere: disputes_of_what_is_taken_back_on_sqlite, disputes_of_what_is_taken_back_on_postgres;
    a_statement_is_taken_back_by_a_paper_of_its_own: reversal_on_sqlite, reversal_on_postgres;
    papers_follow_each_other_and_closed_periods_stay: reversal_in_closed_periods_on_sqlite, reversal_in_closed_periods_on_postgres;
    stores_are_netted_and_paid_together: netting_on_sqlite, netting_on_postgres;
    a_debt_is_carried_to_the_next_statement: debts_on_sqlite, debts_on_postgres;
}
