//! Groups that several payees share: tiers count the quantities of all of them in the order of their days, however a run
//! divides its facts.

use axum::http::Method;
use packwork_engine::model::Settings;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Installed, On, TestApp};
use packwork_tests::dice::Dice;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A house that pays what its parties sell, by tiers over the sales of all of them.
async fn house(on: On, lines: [&str; 2]) -> TestApp {
    let now = Moment::parse("2026-03-31T01:00:00Z").expect("the constant is a moment");
    let test = TestApp::copied(on, now, Installed::Objects, Settings::default()).await;
    let text = |title: &str| json!({"type": "text", "title": title, "required": true, "unique": true});
    let party = json!({"display": "code", "key": "code", "traits": {"party": {}}, "fields": {"code": text("Code")}});
    let sale = json!({
        "display": "code", "key": "code",
        "fields": {
            "code": text("Code"),
            "party": {"type": "reference", "title": "Party", "to": "party", "required": true},
            "kind": {"type": "text", "title": "Kind"},
            "sold_on": {"type": "date", "title": "Sold on", "required": true},
            "amount": {"type": "decimal", "title": "Amount", "scale": 2},
        },
    });
    let tiers = json!([{"up_to": "10", "unit": "10"}, {"up_to": null, "unit": "1"}]);
    let line = |by: &str| {
        let key = if by == "kind" { "record.kind" } else { by };
        json!({
            "id": by, "title": by, "payer": {"value": "party/house"}, "payee": "record.party",
            "amount": {"apply": "s", "to": "record.amount", "cumulate": {"by": [key], "period": "month"}},
        })
    };
    let definitions = [
        ("object", "party", party),
        ("object", "sale", sale),
        ("lifecycle", "sale", json!({"on": "sale", "initial": "done", "states": {"done": {"title": "Done"}}})),
        ("period_calendar", "month", json!({"every": "month"})),
        ("schedule", "s", json!({"mode": "graduated", "tiers": tiers})),
        (
            "settlement_plan",
            "plan",
            json!({
                "on": {"object": "sale", "state": "done"}, "business_date": "sold_on", "period_calendar": "month",
                "lines": lines.map(line),
            }),
        ),
    ];
    let manifest = json!({"name": "house", "version": "1.0.0", "title": "House", "description": "A house"});
    let mut files = Map::from_iter([("pack.json".to_owned(), json!(manifest.to_string()))]);
    for (kind, name, mut definition) in definitions {
        for (member, text) in [("kind", kind), ("name", name), ("title", name)] {
            definition[member] = json!(text);
        }
        let folder = match kind {
            "object" => "objects",
            "lifecycle" => "lifecycles",
            _ => "settlement",
        };
        files.insert(format!("{folder}/{kind}-{name}.json"), json!(definition.to_string()));
    }
    let plan = test.post("/packs/plan", json!({"packs": [{"files": files}]})).await.ok();
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    test.post("/packs/apply", json!({"plan": plan["plan"]})).await.ok();
    for code in ["house", "a", "b", "c"] {
        test.post("/records/party", json!({"code": code})).await.ok();
    }
    test
}

/// What happened to the sales of a house.
struct Shop {
    test: TestApp,
    /// By the keys of the groups that the lines of its plan count in.
    lines: [&'static str; 2],
    sales: Vec<Sale>,
}

#[derive(Clone)]
struct Sale {
    id: String,
    party: &'static str,
    kind: &'static str,
    day: usize,
    amount: Decimal,
}

impl Shop {
    async fn sold(&mut self, party: &'static str, kind: &'static str, day: usize, amount: i32) {
        let code = format!("s{:02}", self.sales.len());
        let sale = json!({"code": code, "party": party, "kind": kind, "sold_on": format!("2026-03-{day:02}"), "amount": amount.to_string()});
        self.test.advance(1);
        let made = self.test.post("/records/sale", sale).await.ok();
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        self.sales.push(Sale { id, party, kind, day, amount: amount.into() });
    }

    async fn changed(&mut self, place: usize, day: usize, amount: i32) {
        let path = format!("/records/sale/{}", self.sales[place].id);
        let version = self.test.get(&path).await.ok()["version"].clone();
        let change = json!({"version": version, "sold_on": format!("2026-03-{day:02}"), "amount": amount.to_string()});
        self.test.system(Method::PATCH, &path, Some(change)).await.ok();
        (self.sales[place].day, self.sales[place].amount) = (day, amount.into());
    }

    async fn run(&self, mode: &str) -> Json {
        self.test.advance(1);
        self.test.post("/settlement/runs", json!({"plan": "plan", "period": "2026-03", "mode": mode})).await.ok()
    }

    /// What each line of the plan comes to for each sale, in the order of their days.
    fn owed(&self) -> BTreeMap<(String, String), Decimal> {
        // What is taken back is the mirror of what it would cost.
        let price = |quantity: Decimal| {
            let first = quantity.abs().min(Decimal::TEN);
            let whole = first * Decimal::TEN + (quantity.abs() - first);
            if quantity < Decimal::ZERO { -whole } else { whole }
        };
        let mut sales = self.sales.clone();
        sales.sort_by(|one, other| (one.day, &one.id).cmp(&(other.day, &other.id)));
        let mut owed = BTreeMap::new();
        for line in self.lines {
            let mut before: BTreeMap<&str, Decimal> = BTreeMap::new();
            for sale in &sales {
                let group = match line {
                    "payer" => "house",
                    "payee" => sale.party,
                    _ => sale.kind,
                };
                let before = before.entry(group).or_default();
                owed.insert((sale.id.clone(), line.to_owned()), price(*before + sale.amount) - price(*before));
                *before += sale.amount;
            }
        }
        owed
    }

    async fn posted(&self) -> BTreeMap<(String, String), Decimal> {
        let mut posted = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.test.get(&format!("/settlement/lines?limit=200{cursor}")).await.ok();
            for line in page["data"].as_array().into_iter().flatten() {
                let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
                let amount: Decimal = text(&line["amount"]).parse().expect("an amount");
                *posted.entry((text(&line["fact"]["id"]), text(&line["line"]))).or_insert(Decimal::ZERO) += amount;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return posted,
            }
        }
    }
}

async fn shop(on: On, lines: [&'static str; 2]) -> Shop {
    Shop { test: house(on, lines).await, lines, sales: Vec::new() }
}

/// Sales that no command settled are settled by one run, whoever made them.
async fn a_run_counts_across_payees(on: On) {
    let mut shop = shop(on, ["payer", "kind"]).await;
    for (party, kind, day) in [("a", "x", 1), ("b", "y", 2), ("a", "y", 3), ("b", "x", 4), ("a", "x", 4)] {
        shop.sold(party, kind, day, 6).await;
    }
    let run = shop.run("commit").await;
    assert_eq!(run["failed"], 0, "{run:#}");
    assert_eq!(shop.posted().await, shop.owed());
    let again = shop.run("preview").await;
    assert_eq!(again["lines"], 0, "{again:#}");
}

/// A change looks at those behind it in its own groups; where they count in other groups, too, facts of others stand
/// between them there.
async fn a_change_counts_those_between(on: On) {
    let mut shop = shop(on, ["payee", "kind"]).await;
    for (party, kind, day) in [("a", "x", 1), ("a", "y", 3), ("b", "y", 5), ("a", "y", 6)] {
        shop.sold(party, kind, day, 6).await;
    }
    shop.run("commit").await;
    assert_eq!(shop.posted().await, shop.owed());
    shop.changed(0, 1, 8).await;
    assert_eq!(shop.posted().await, shop.owed());
}

/// Sales of 1 to 9, and returns of 1 to 4.
fn amount(dice: &mut Dice) -> i32 {
    let (sides, sign) = if dice.roll(6) == 0 { (4, -1) } else { (9, 1) };
    sign * i32::try_from(1 + dice.roll(sides)).unwrap_or(1)
}

async fn whatever_happens_days_decide(on: On) {
    for (seed, lines) in [(20_261_123_u64, ["payee", "kind"]), (5, ["payer", "kind"])] {
        let mut shop = shop(on, lines).await;
        let mut dice = Dice(seed);
        for round in 0..40 {
            match dice.roll(3) {
                0 if shop.sales.len() > 3 => {
                    let place = dice.roll(shop.sales.len());
                    shop.changed(place, 1 + dice.roll(28), amount(&mut dice)).await;
                }
                _ => {
                    let (party, kind) = (["a", "b", "c"][dice.roll(3)], ["x", "y"][dice.roll(2)]);
                    shop.sold(party, kind, 1 + dice.roll(28), amount(&mut dice)).await;
                }
            }
            if dice.roll(4) == 0 {
                shop.run("commit").await;
                assert_eq!(shop.posted().await, shop.owed(), "seed {seed}, round {round}");
                let again = shop.run("preview").await;
                assert_eq!(again["lines"], 0, "seed {seed}, round {round}: {again:#}");
            }
        }
        assert_eq!(shop.test.drift().await, []);
    }
}

#[tokio::test]
async fn a_run_counts_across_payees_on_sqlite() {
    a_run_counts_across_payees(On::Sqlite).await;
}

#[tokio::test]
async fn a_run_counts_across_payees_on_postgres() {
    a_run_counts_across_payees(On::Postgres).await;
}

#[tokio::test]
async fn a_change_counts_those_between_on_sqlite() {
    a_change_counts_those_between(On::Sqlite).await;
}

#[tokio::test]
async fn a_change_counts_those_between_on_postgres() {
    a_change_counts_those_between(On::Postgres).await;
}

#[tokio::test]
async fn whatever_happens_days_decide_on_sqlite() {
    whatever_happens_days_decide(On::Sqlite).await;
}

#[tokio::test]
async fn whatever_happens_days_decide_on_postgres() {
    whatever_happens_days_decide(On::Postgres).await;
}
