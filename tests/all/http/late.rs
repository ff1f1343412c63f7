//! Runs after few changes: they settle only what changed and who stands behind it, and come to what a run over everything
//! would. Whatever happens between two runs, after the second nothing is left to do. Seeds are fixed.

use super::settlement::Example;
use axum::http::Method;
use packwork_tests::app::On;
use packwork_tests::dice::Dice;
use serde_json::{Value as Json, json};

const PARTNERS: [&str; 3] = ["joint1", "joint2", "direct1"];
const ROUNDS: usize = 24;

/// One company, and what has happened in it.
struct Month {
    example: Example,
    orders: Vec<String>,
    modes: [bool; PARTNERS.len()],
}

impl Month {
    async fn new(on: On) -> Month {
        let example = Example::new(on).await;
        let partner = json!({"code": "joint2", "name": "joint2", "mode": "joint", "legal_entity": "le_a"});
        example.test.post("/records/partner", partner).await.ok();
        example.to("2026-03-31T01:00:00Z");
        Month { example, orders: Vec::new(), modes: [true, true, false] }
    }

    async fn completed(&mut self, partner: &str, quantity: usize, day: usize) {
        let at = format!("2026-03-{day:02}T10:00:00+08:00");
        let order = self.example.completed(partner, &quantity.to_string(), &at).await;
        self.orders.push(order["id"].as_str().unwrap_or_default().to_owned());
    }

    async fn reopened(&mut self, place: usize) {
        let id = self.orders.swap_remove(place);
        self.example.test.post(&format!("/records/work_order/{id}/transitions/reopen"), json!({})).await.ok();
    }

    /// Another mode is another price, which no command of an order notices.
    async fn other_mode(&mut self, place: usize) {
        let path = format!("/records/partner/{}", PARTNERS[place]);
        self.modes[place] = !self.modes[place];
        let mode = if self.modes[place] { "joint" } else { "direct" };
        let stands = self.example.test.get(&path).await.ok();
        let body = json!({"mode": mode, "version": stands["version"]});
        self.example.test.system(Method::PATCH, &path, Some(body)).await.ok();
    }

    /// A partner's statement is issued and taken back: its lines stand no longer, and no order says so.
    async fn taken_back(&self, partner: &str) {
        let test = &self.example.test;
        let found = test.get(&format!("/statements?payee={partner}&period=2026-03&status=draft")).await.ok();
        let Some(statement) = found["data"].as_array().and_then(|data| data.first()) else { return };
        let path = |step: &str| format!("/statements/{}/{step}", statement["id"].as_str().unwrap_or_default());
        let issued = test.post(&path("issue"), json!({"version": statement["version"]})).await.ok();
        test.post(&path("reverse"), json!({"version": issued["version"], "reason": "x"})).await.ok();
    }

    async fn run(&self, mode: &str) -> Json {
        self.example.test.advance(1);
        let body = json!({"plan": "internal_settlement", "period": "2026-03", "mode": mode});
        self.example.test.post("/settlement/runs", body).await.ok()
    }
}

async fn runs_after_few_changes_leave_nothing_to_do(on: On) {
    for seed in [20_261_122_u64, 7] {
        let mut month = Month::new(on).await;
        let mut dice = Dice(seed);
        let (mut partial, mut posted) = (0, 0);
        for round in 0..ROUNDS {
            for _ in 0..=dice.roll(2) {
                let partner = dice.roll(PARTNERS.len());
                match dice.roll(8) {
                    0 if !month.orders.is_empty() => month.reopened(dice.roll(month.orders.len())).await,
                    1 | 2 => month.other_mode(partner).await,
                    3 => month.taken_back(PARTNERS[partner]).await,
                    _ => month.completed(PARTNERS[partner], 1 + dice.roll(9), 1 + dice.roll(28)).await,
                }
            }
            let run = month.run("commit").await;
            partial += usize::from(!run["after"].is_null());
            posted += usize::from(!run["after"].is_null() && run["lines"] != 0);
            // A preview looks at every fact.
            let all = month.run("preview").await;
            assert_eq!((&all["lines"], &all["failed"]), (&json!(0), &json!(0)), "seed {seed}, round {round}: {all:#}");
            assert_eq!(run["facts"], all["facts"], "seed {seed}, round {round}: {run:#}");
        }
        assert!(partial > ROUNDS / 2 && posted > 3, "{partial} of {ROUNDS} runs looked at few facts, {posted} posted");
        assert_eq!(month.example.test.get("/settlement/trial-balance").await.ok()["balanced"], true);
        assert_eq!(month.example.test.drift().await, []);
    }
}

#[tokio::test]
async fn runs_after_few_changes_leave_nothing_to_do_on_sqlite() {
    runs_after_few_changes_leave_nothing_to_do(On::Sqlite).await;
}

#[tokio::test]
async fn runs_after_few_changes_leave_nothing_to_do_on_postgres() {
    runs_after_few_changes_leave_nothing_to_do(On::Postgres).await;
}

async fn a_run_says_after_which_it_looked_and_at_what(on: On) {
    let mut month = Month::new(on).await;
    for day in [3, 5, 8] {
        month.completed("joint1", 4, day).await;
        month.completed("direct1", 1, day).await;
    }
    let first = month.run("commit").await;
    assert_eq!((&first["after"], &first["facts"], &first["units"]), (&Json::Null, &json!(6), &json!(2)));
    // Two orders of the other partner are behind it; none of this one's are looked at.
    month.completed("joint1", 4, 4).await;
    let second = month.run("commit").await;
    assert_eq!((&second["after"], &second["facts"], &second["unchanged"]), (&first["id"], &json!(7), &json!(7)));
    assert_eq!((&second["units"], &second["done"]), (&json!(1), &json!(7)));
    assert_ne!(second["input_hash"], first["input_hash"]);

    // A row of a table concerns whoever looks it up; a new partner nobody yet.
    let row = json!({"id": "new", "service": "inspection", "tier": "*", "mode": "direct", "price": "1.00", "valid": ["2027-01-01", null]});
    month.example.test.post("/records/internal_price", row).await.ok();
    assert_eq!(month.run("commit").await["after"], Json::Null);
    let partner = json!({"code": "joint3", "name": "joint3", "mode": "joint", "legal_entity": "le_a"});
    month.example.test.post("/records/partner", partner).await.ok();
    let nobody = month.run("commit").await;
    assert_eq!((&nobody["units"], &nobody["unchanged"]), (&json!(0), &json!(7)));

    // A mode that has no price yet fails its orders; they are looked at again though nothing else changed.
    let failing = json!([{"op": "close", "row": "r1", "valid_to": "2026-01-02"}, {"op": "close", "row": "r5", "valid_to": "2026-01-02"}]);
    let changes = "/settlement/rate-tables/internal_price/changes";
    month.example.test.post(changes, json!({"mode": "apply", "changes": failing})).await.ok();
    month.completed("direct1", 1, 9).await;
    let failed = month.run("commit").await;
    assert_eq!((&failed["failed"], &failed["after"]), (&json!(1), &Json::Null), "{failed:#}");
    let again = month.run("commit").await;
    assert_eq!(
        (&again["failed"], &again["after"], &again["units"]),
        (&json!(1), &failed["id"], &json!(1)),
        "{again:#}"
    );
    assert_eq!((&again["facts"], &again["unchanged"]), (&json!(8), &json!(7)));
}

#[tokio::test]
async fn a_run_says_after_which_it_looked_and_at_what_on_sqlite() {
    a_run_says_after_which_it_looked_and_at_what(On::Sqlite).await;
}

#[tokio::test]
async fn a_run_says_after_which_it_looked_and_at_what_on_postgres() {
    a_run_says_after_which_it_looked_and_at_what(On::Postgres).await;
}

async fn a_late_order_makes_up_for_what_was_taken_back_out_of_a_closed_month(on: On) {
    let mut month = Month::new(on).await;
    month.completed("joint1", 8, 5).await;
    month.completed("joint1", 7, 6).await;
    let test = &month.example.test;
    month.example.to("2026-04-02T01:00:00Z");
    test.post("/settlement/periods/2026-03/close", json!({})).await.ok();
    let first = month.orders.swap_remove(0);
    test.post(&format!("/records/work_order/{first}/transitions/reopen"), json!({})).await.ok();

    // Ten pieces cost 950.00; 640.00 stand for the second order, which was priced behind the first.
    let late = month.example.completed("joint1", "3", "2026-03-20T10:00:00+08:00").await;
    let line = &late["_settlement"]["lines"][0];
    assert_eq!((&line["period"], &line["amount"]), (&json!("2026-04"), &json!("310.00")), "{line:#}");
    let why = format!("/settlement/lines/{}/explain?replay=true", line["id"].as_str().unwrap_or_default());
    let told = test.get(&why).await.ok();
    let sentence = told["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("3 × 95.00 + 25.00 that earlier lines are short of = 310.00"), "{sentence}");
    assert_eq!(told["replay"]["agrees"], true, "{told:#}");

    // The next has nothing to make up for, and a run finds nothing.
    let next = month.example.completed("joint1", "3", "2026-03-21T10:00:00+08:00").await;
    assert_eq!(next["_settlement"]["lines"][0]["amount"], "270.00");
    assert_eq!(month.run("commit").await["lines"], 0);
}

#[tokio::test]
async fn a_late_order_makes_up_for_what_was_taken_back_out_of_a_closed_month_on_sqlite() {
    a_late_order_makes_up_for_what_was_taken_back_out_of_a_closed_month(On::Sqlite).await;
}

#[tokio::test]
async fn a_late_order_makes_up_for_what_was_taken_back_out_of_a_closed_month_on_postgres() {
    a_late_order_makes_up_for_what_was_taken_back_out_of_a_closed_month(On::Postgres).await;
}
