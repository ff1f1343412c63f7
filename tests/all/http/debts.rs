//! Debts of payees over HTTP, on both databases: a claw-back that is more than what is due is carried on, invoiced or given
//! up, as the statement's definition says.

use packwork_tests::app::{On, TestApp};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Commissions of partners, some of them taken back, on a statement with this policy.
fn pack(negative: &str) -> BTreeMap<String, Vec<u8>> {
    let mut form = json!({"negative": negative});
    if negative == "write_off" {
        form["write_off"] = json!("bad_debt");
    }
    commissions(form, Json::Null)
}

/// Commissions, on a statement that says this besides, taxed so.
pub(super) fn commissions(more: Json, tax: Json) -> BTreeMap<String, Vec<u8>> {
    let object = json!({"kind": "object", "name": "commission", "title": "Commission", "plural": "Commissions",
    "display": "code", "key": "code", "fields": {
        "code": {"type": "text", "title": "Code", "required": true, "unique": true},
        "payer": {"type": "reference", "title": "Payer", "to": "department", "required": true},
        "partner": {"type": "reference", "title": "Partner", "to": "partner", "required": true},
        "day": {"type": "date", "title": "Day", "required": true},
        "amount": {"type": "decimal", "title": "Amount", "scale": 2, "required": true}
    }});
    let life = json!({"kind": "lifecycle", "name": "commission", "title": "Commission", "on": "commission",
        "initial": "draft", "states": {"draft": {"title": "Draft"}, "due": {"title": "Due"}},
        "transitions": {"confirm": {"title": "Confirm", "from": ["draft"], "to": "due"}}});
    let mut plan = json!({"kind": "settlement_plan", "name": "commission", "title": "Commission",
        "on": {"object": "commission", "state": "due"}, "each": "record", "business_date": "day",
        "period_calendar": "months", "posting": "commission", "statement": "partner_paper",
        "lines": [{"id": "fee", "title": "Fee", "payer": "record.payer", "payee": "record.partner",
            "amount": "record.amount", "round": {"at": "line", "mode": "half_up"},
            "dimensions": {"partner": "record.partner"}}]});
    if !tax.is_null() {
        plan["lines"][0]["tax"] = tax;
    }
    let calendar = json!({"kind": "period_calendar", "name": "months", "title": "Months", "every": "month"});
    let posting = |name: &str, debit: &str, credit: &str, amounts: &[&str]| {
        let expense = debit;
        let entry = |amount: &&str| json!({"id": amount, "debit": debit, "credit": credit, "amount": amount});
        let kind = |account: &str| if account == expense { "expense" } else { "liability" };
        json!({"kind": "posting", "name": name, "title": name,
            "accounts": {debit: {"title": debit, "type": kind(debit)}, credit: {"title": credit, "type": kind(credit)}},
            "entries": amounts.iter().map(entry).collect::<Vec<_>>()})
    };
    let mut form = json!({"kind": "statement", "name": "partner_paper", "title": "Paper", "period_calendar": "months",
        "number": "P-{seq:3}"});
    if let (Some(form), Json::Object(more)) = (form.as_object_mut(), more) {
        form.extend(more);
    }
    let mut texts: Map<String, Json> = Map::new();
    let mut say = |path: String| drop(texts.insert(path, json!("文")));
    for path in ["pack/title", "pack/description", "object/commission/title", "object/commission/plural"] {
        say(path.to_owned());
    }
    for field in object["fields"].as_object().into_iter().flat_map(Map::keys) {
        say(format!("object/commission/fields/{field}/title"));
    }
    for path in ["", "states/draft/", "states/due/", "transitions/confirm/"] {
        say(format!("lifecycle/commission/{path}title"));
    }
    for path in [
        "settlement_plan/commission/title",
        "settlement_plan/commission/lines/fee/title",
        "period_calendar/months/title",
        "statement/partner_paper/title",
        "posting/commission/title",
        "posting/commission/accounts/cost/title",
        "posting/commission/accounts/payable/title",
        "posting/bad_debt/title",
        "posting/bad_debt/accounts/loss/title",
        "posting/bad_debt/accounts/payable/title",
    ] {
        say(path.to_owned());
    }
    let manifest = json!({"name": "commissions", "version": "0.1.0", "title": "Commissions", "description": "Of partners.",
        "license": "Apache-2.0", "requires": {"base": "^0.1"}});
    let files = [
        ("pack.json", manifest),
        ("objects/commission.json", object),
        ("lifecycles/commission.json", life),
        ("settlement/commission.json", plan),
        ("settlement/months.json", calendar),
        ("settlement/partner_paper.json", form),
        ("postings/commission.json", posting("commission", "cost", "payable", &["net", "tax"])),
        ("postings/bad_debt.json", posting("bad_debt", "loss", "payable", &["gross"])),
        ("i18n/zh-CN.json", Json::Object(texts)),
    ];
    files.into_iter().map(|(path, json)| (path.to_owned(), json.to_string().into_bytes())).collect()
}

struct Debts {
    test: TestApp,
    known: usize,
}

impl Debts {
    async fn with(on: On, negative: &str) -> Debts {
        let test = TestApp::of(on, pack(negative)).await;
        test.post("/records/legal_entity", json!({"code": "le", "name": "总部"})).await.ok();
        test.post("/records/department", json!({"code": "hq", "name": "总部", "legal_entity": "le"})).await.ok();
        let partner = json!({"code": "p", "name": "p", "mode": "direct", "legal_entity": "le"});
        test.post("/records/partner", partner).await.ok();
        Debts { test, known: 0 }
    }

    async fn post(&mut self, amount: &str) {
        self.known += 1;
        let code = format!("c{}", self.known);
        let record = json!({"code": code, "payer": "hq", "partner": "p", "day": "2026-03-10", "amount": amount});
        self.test.post("/records/commission", record).await.ok();
        self.test.post(&format!("/records/commission/{code}/transitions/confirm"), json!({})).await.ok();
    }

    /// The newest statement, issued.
    async fn issued(&self) -> Json {
        let newest = self.test.get("/statements").await.ok()["data"][0].clone();
        self.step(&newest, "issue", json!({})).await
    }

    async fn step(&self, statement: &Json, step: &str, mut body: Json) -> Json {
        let path = format!("/statements/{}", statement["id"].as_str().unwrap_or_default());
        body["version"] = self.test.get(&path).await.ok()["version"].clone();
        self.test.post(&format!("{path}/{step}"), body).await.ok()
    }
}

fn amounts(statement: &Json) -> [&str; 4] {
    ["gross", "opening", "debt", "payable"].map(|name| statement[name].as_str().unwrap_or_default())
}

/// Acceptance case `clawback-debt`: 30 available, 50 clawed back, then 35: a debt of 20, and 15 paid.
async fn a_clawback_becomes_debt_and_the_next_commission_pays_it(on: On) {
    let mut debts = Debts::with(on, "carry_debt").await;
    debts.post("30").await;
    debts.post("-50").await;
    let first = debts.issued().await;
    assert_eq!(amounts(&first), ["-20.00", "0.00", "-20.00", "0.00"]);
    debts.post("35").await;
    let next = debts.issued().await;
    assert_eq!(amounts(&next), ["35.00", "-20.00", "0.00", "15.00"]);
    // Confirmed and paid, it is done with; what comes after owes nothing of it.
    debts.step(&next, "confirm", json!({})).await;
    assert_eq!(amounts(&debts.step(&next, "pay", json!({})).await), ["35.00", "-20.00", "0.00", "15.00"]);
    debts.post("5").await;
    assert_eq!(amounts(&debts.issued().await), ["5.00", "0.00", "0.00", "5.00"]);
}

async fn a_debt_is_invoiced_or_given_up(on: On) {
    let mut debts = Debts::with(on, "invoice").await;
    debts.post("-20").await;
    assert_eq!(amounts(&debts.issued().await), ["-20.00", "0.00", "0.00", "-20.00"]);
    debts.post("35").await;
    assert_eq!(amounts(&debts.issued().await), ["35.00", "0.00", "0.00", "35.00"]);

    let mut debts = Debts::with(on, "write_off").await;
    debts.post("-20").await;
    let owing = debts.issued().await;
    assert_eq!(amounts(&owing), ["-20.00", "0.00", "-20.00", "0.00"]);
    debts.post("35").await;
    assert_eq!(amounts(&debts.issued().await), ["35.00", "0.00", "0.00", "35.00"], "it waits to be given up");
    let given_up = debts.step(&owing, "write_off", json!({"reason": "公司已注销"})).await;
    assert_eq!((amounts(&given_up), &given_up["carried_to"]), (["-20.00", "0.00", "-20.00", "0.00"], &Json::Null));
    let test = &debts.test;
    let path = format!("/statements/{}/write_off", given_up["id"].as_str().unwrap_or_default());
    let again = json!({"version": given_up["version"], "reason": "x"});
    test.post(&path, again).await.refused(409, "no_debt");
    // Its entries have no line: they stand without a partner, and every view comes to the trial balance.
    let balance = test.get("/settlement/balances?by=account,partner").await.ok();
    let row = balance["data"].as_array().into_iter().flatten().find(|row| row["account"] == "loss");
    let row = row.expect("the loss is there");
    assert_eq!((&row["balance"], &row["partner"]), (&json!("20.00"), &Json::Null));
    assert_eq!(balance["totals"][0]["balance"], "0.00");
    assert_eq!(test.get("/settlement/trial-balance").await.ok()["balanced"], true);
}

#[tokio::test]
async fn a_clawback_becomes_debt_on_sqlite() {
    a_clawback_becomes_debt_and_the_next_commission_pays_it(On::Sqlite).await;
}

#[tokio::test]
async fn a_clawback_becomes_debt_on_postgres() {
    a_clawback_becomes_debt_and_the_next_commission_pays_it(On::Postgres).await;
}

#[tokio::test]
async fn a_debt_is_invoiced_or_given_up_on_sqlite() {
    a_debt_is_invoiced_or_given_up(On::Sqlite).await;
}

#[tokio::test]
async fn a_debt_is_invoiced_or_given_up_on_postgres() {
    a_debt_is_invoiced_or_given_up(On::Postgres).await;
}
