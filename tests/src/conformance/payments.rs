//! Payments over HTTP, as definitions: rows of a payment name invoices and what is open of them, and share the payment in
//! their order; an invoice is open for what no payment's row has taken. The API has no other matching.

use super::place::{Ground, Refused, fresh};
use super::read::Input;
use super::world::{Definitions, all_shown, shown};
use anyhow::{Context, Result, bail};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Moment;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

fn number(more: Json) -> Json {
    let mut field = json!({"type": "decimal", "title": "Number", "scale": 4});
    if let (Some(field), Json::Object(more)) = (field.as_object_mut(), more) {
        field.extend(more);
    }
    field
}

fn definitions() -> Definitions {
    let code = json!({"type": "text", "title": "Code", "required": true, "unique": true});
    let invoice = json!({
        "code": code,
        "due": {"type": "date", "title": "Due"},
        "amount": number(json!({})),
        "rate": number(json!({})),
        "paid": {"type": "rollup", "title": "Paid", "of": "payment_line.invoice", "sum": "taken"},
        "open": number(json!({"formula": "amount - paid", "live": true})),
    });
    let payment = json!({
        "code": code,
        "amount": number(json!({})),
        "lines": {"type": "items", "title": "Lines", "to": "payment_line"},
        "open": {"type": "rollup", "title": "Open", "of": "lines", "sum": "open"},
        "chosen": {"type": "rollup", "title": "Chosen", "of": "lines", "sum": "chosen"},
        "applied": number(json!({"formula": "min(amount, open)"})),
        "unapplied": number(json!({"formula": "amount - max(applied, chosen)"})),
    });
    let line = json!({
        "invoice": {"type": "reference", "title": "Invoice", "to": "invoice"},
        "open": number(json!({"default_formula": "if invoice == () { () } else { invoice.amount - invoice.paid }"})),
        "taken": number(json!({"share": {"of": "applied", "by": "open", "method": "in_order"}})),
        "chosen": number(json!({})),
        "rate": number(json!({})),
        "difference": number(json!({"formula":
            "if rate == () { () } else { round(taken * rate, 2, \"half_up\") - round(taken * invoice.rate, 2, \"half_up\") }"})),
    });
    let object = |fields: Json| json!({"display": "code", "key": "code", "fields": fields});
    let mut payment = object(payment);
    payment["rules"] = json!({"enough": {"require": "chosen <= amount", "message": "more than the payment has"}});
    Definitions::new().with(Kind::Object, "invoice", object(invoice)).with(Kind::Object, "payment", payment).with(
        Kind::Object,
        "payment_line",
        json!({"owned_by": "payment", "fields": line}),
    )
}

/// A tenant that is owed something.
struct Creditor {
    ground: Box<dyn Ground>,
    at: Moment,
    payments: usize,
}

impl Creditor {
    fn new() -> Result<Creditor> {
        let at = Moment::parse("2026-06-01T00:00:00Z").context("the moment is one")?;
        Ok(Creditor { ground: fresh(definitions().compile()?, at)?, at, payments: 0 })
    }

    fn create(&mut self, object: &str, input: Json) -> Result<Uuid> {
        let Json::Object(input) = input else { bail!("a record is an object") };
        self.ground.create(object, input, self.at)
    }

    fn invoice(&mut self, code: &str, amount: Decimal, more: Json) -> Result<Uuid> {
        let mut invoice = json!({"code": code, "amount": amount.to_string()});
        if let (Some(invoice), Json::Object(more)) = (invoice.as_object_mut(), more) {
            invoice.extend(more);
        }
        self.create("invoice", invoice)
    }

    fn pay(&mut self, amount: Decimal, lines: Vec<Json>) -> Result<Json> {
        self.payments += 1;
        let payment = json!({"code": format!("p{}", self.payments), "amount": amount.to_string(), "lines": lines});
        let id = self.create("payment", payment)?;
        self.ground.read("payment", id)
    }

    fn open(&mut self, invoice: Uuid) -> Result<Decimal> {
        figure(&self.ground.read("invoice", invoice)?, "open")
    }
}

fn figure(json: &Json, name: &str) -> Result<Decimal> {
    Input::of(json).get(name)?.decimal()
}

/// One payment after the other on one invoice.
pub fn partial(open: Decimal, payments: &[Decimal]) -> Result<Json> {
    let mut creditor = Creditor::new()?;
    let invoice = creditor.invoice("invoice", open, json!({}))?;
    let mut outstanding = Vec::new();
    for payment in payments {
        creditor.pay(*payment, vec![json!({"invoice": invoice.to_string()})])?;
        outstanding.push(creditor.open(invoice)?);
    }
    Ok(json!({"outstanding": all_shown(outstanding)}))
}

/// What somebody chooses of a payment of which a part is taken already.
pub fn chosen(payment: Decimal, already: Decimal, chosen: Decimal) -> Result<Json> {
    let row = |amount: Decimal| json!({"chosen": amount.to_string()});
    let mut creditor = Creditor::new()?;
    let before = creditor.pay(payment, vec![row(already)])?;
    let kept = json!({"id": before["lines"][0]["id"], "chosen": already.to_string()});
    let mut lines = Map::new();
    lines.insert("lines".to_owned(), json!([kept, row(chosen)]));
    let id: Uuid = before["id"].as_str().unwrap_or_default().parse()?;
    let at = creditor.at;
    match creditor.ground.change("payment", id, lines, at) {
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.code == "rule_broken" => Ok(json!({"error": "ValidationError"})),
            _ => Err(error),
        },
        Ok(()) => {
            let payment = creditor.ground.read("payment", id)?;
            Ok(json!({
                "error": null,
                "allocated": shown(figure(&payment, "chosen")?),
                "unallocated": shown(figure(&payment, "unapplied")?),
                "unapplied": shown(figure(&payment, "unapplied")?),
            }))
        }
    }
}

/// A payment over invoices, in the order in which the list of them sorts by due date.
pub fn oldest_first(payment: Decimal, invoices: &[Input<'_>]) -> Result<Json> {
    let mut creditor = Creditor::new()?;
    let mut known = Vec::new();
    for invoice in invoices {
        let code = invoice.get("id")?.text()?;
        let due = invoice.find("due").map_or(Json::Null, |due| due.json.clone());
        known.push((code, creditor.invoice(code, invoice.get("open")?.decimal()?, json!({"due": due}))?));
    }
    let sorted = creditor.ground.sorted("invoice", "due")?;
    let lines = sorted.iter().map(|invoice| json!({"invoice": invoice.to_string()})).collect();
    let paid = creditor.pay(payment, lines)?;
    let (mut allocated, mut open) = (Map::new(), Map::new());
    for (code, id) in known {
        let place = sorted.iter().position(|invoice| *invoice == id).context("an invoice is listed")?;
        allocated.insert(code.to_owned(), shown(figure(&paid["lines"][place], "taken")?));
        open.insert(code.to_owned(), shown(creditor.open(id)?));
    }
    Ok(json!({"allocated": allocated, "open": open, "unapplied": shown(figure(&paid, "unapplied")?)}))
}

/// A payment at another rate than that of its invoice: what is gained or lost by it.
pub fn at_rates(invoice: (Decimal, Decimal), payment: (Decimal, Decimal)) -> Result<Json> {
    let mut creditor = Creditor::new()?;
    let id = creditor.invoice("invoice", invoice.0, json!({"rate": invoice.1.to_string()}))?;
    let row = json!({"invoice": id.to_string(), "rate": payment.1.to_string()});
    let paid = creditor.pay(payment.0, vec![row])?;
    Ok(json!({
        "open": shown(creditor.open(id)?),
        "unapplied": shown(figure(&paid, "unapplied")?),
        "fx_result_base": shown(figure(&paid["lines"][0], "difference")?),
    }))
}
