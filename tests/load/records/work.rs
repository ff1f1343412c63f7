//! The kinds of work both servers are asked for, and that their answers are the same.

use super::client::{Connection, Request};
use super::rows;
use anyhow::{Result, bail, ensure};
use serde_json::{Value as Json, json};

const RECORDS: &str = "/api/v1/records/sale";
const PAGE: u64 = 50;
/// Records of one bulk request.
pub const BULK: u64 = 1_000;
const CHANNELS: [&str; 4] = ["shop", "phone", "web", "partner"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Create,
    Read,
    Page,
    Bulk,
    Aggregate,
}

/// Which of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Product,
    Hand,
}

impl Work {
    pub const ALL: [Work; 5] = [Work::Create, Work::Read, Work::Page, Work::Bulk, Work::Aggregate];

    pub fn name(self) -> &'static str {
        match self {
            Work::Create => "create",
            Work::Read => "read",
            Work::Page => "page",
            Work::Bulk => "bulk",
            Work::Aggregate => "aggregate",
        }
    }

    pub fn named(name: &str) -> Option<Work> {
        Work::ALL.into_iter().find(|work| work.name() == name)
    }

    pub fn described(self) -> &'static str {
        match self {
            Work::Create => "create a record of 15 fields",
            Work::Read => "read by id",
            Work::Page => "filtered, sorted page of 50",
            Work::Bulk => "bulk create, 1,000 a request",
            Work::Aggregate => "aggregate by two fields",
        }
    }

    /// Hundredths of the hand-written server's rate.
    pub fn goal(self) -> u64 {
        match self {
            Work::Create => 50,
            Work::Read | Work::Page => 70,
            Work::Bulk => 40,
            Work::Aggregate => 80,
        }
    }

    /// Connections that ask at once.
    pub fn connections(self) -> u32 {
        match self {
            Work::Create | Work::Read | Work::Page => 32,
            Work::Bulk => 4,
            Work::Aggregate => 2,
        }
    }

    /// What one request counts for in the rates: itself, but for the records of a bulk.
    pub fn counts(self) -> u64 {
        if self == Work::Bulk { BULK } else { 1 }
    }

    /// The request of a number, over a table of so many rows.
    pub fn request(self, side: Side, number: u64, rows: u64) -> Request {
        // Spreads the numbers over the table without a pattern a cache could follow.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        match (self, side) {
            (Work::Create, _) => {
                let path = if side == Side::Product { RECORDS } else { "/sales" };
                let key = format!("load-{number:012}");
                Request::post(path, rows::fresh(&format!("N{number:012}"), number).to_string(), Some(key))
            }
            (Work::Read, Side::Product) => Request::get(format!("{RECORDS}/{}", rows::sale(spread % rows))),
            (Work::Read, Side::Hand) => Request::get(format!("/sales/{}", rows::sale(spread % rows))),
            (Work::Page, side) => page(side, CHANNELS[(number % 4) as usize], &rows::day(100 + spread % 900)),
            (Work::Bulk, side) => {
                let sales = (0..BULK).map(|index| {
                    let number = number * BULK + index;
                    rows::fresh(&format!("B{number:012}"), number)
                });
                bulk(side, sales.collect())
            }
            (Work::Aggregate, side) => {
                // A tenth of the days, so a tenth of the rows.
                let first = spread % (rows::DAYS * 9 / 10);
                totals(side, &rows::day(first), &rows::day(first + rows::DAYS / 10 - 1))
            }
        }
    }
}

fn page(side: Side, channel: &str, until: &str) -> Request {
    match side {
        Side::Product => {
            let filter = json!({"channel": channel, "signed_on": {"lte": until}}).to_string();
            Request::get(format!("{RECORDS}?filter={}&sort=-signed_on&limit={PAGE}", encoded(&filter)))
        }
        Side::Hand => Request::get(format!("/sales?channel={channel}&until={until}&limit={PAGE}")),
    }
}

fn bulk(side: Side, sales: Vec<Json>) -> Request {
    match side {
        Side::Product => {
            let operations: Vec<Json> = sales.into_iter().map(|data| json!({"op": "create", "data": data})).collect();
            let body = json!({"operations": operations, "atomic": true}).to_string();
            Request::post(&format!("{RECORDS}/bulk"), body, None)
        }
        Side::Hand => Request::post("/sales/bulk", json!({"sales": sales}).to_string(), None),
    }
}

fn totals(side: Side, from: &str, to: &str) -> Request {
    match side {
        Side::Product => {
            let body = json!({
                "filter": {"signed_on": {"gte": from, "lte": to}},
                "group_by": ["channel", "stage"],
                "measures": {"total": {"sum": "amount"}, "n": {"count": true}},
            });
            Request::post(&format!("{RECORDS}/aggregate"), body.to_string(), None)
        }
        Side::Hand => Request::get(format!("/sales/totals?from={from}&to={to}")),
    }
}

/// Percent-encodes what a query string cannot hold.
fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// Asks both servers for the same and compares what matters of the answers.
pub async fn same_answers(work: Work, product: &mut Connection, hand: &mut Connection, rows: u64) -> Result<()> {
    for number in [3, 71, 402] {
        // Creates and bulks of the check take numbers that the measurement never reaches.
        let number = 900_000_000 + number;
        let ours = answer(product, &work.request(Side::Product, number, rows)).await?;
        let theirs = answer(hand, &work.request(Side::Hand, number, rows)).await?;
        let (ours, theirs) = (compared(work, &ours), compared(work, &theirs));
        ensure!(ours == theirs, "the answers to `{}` differ: {}", work.name(), difference(&ours, &theirs));
        if work == Work::Create {
            let again = answer(product, &work.request(Side::Product, number, rows)).await?;
            ensure!(compared(work, &again) == ours, "a repeated key was answered with something else: {again:#}");
        }
    }
    Ok(())
}

/// The first item that differs, of both.
fn difference(ours: &Json, theirs: &Json) -> String {
    match (ours, theirs) {
        (Json::Array(ours), Json::Array(theirs)) if ours.len() == theirs.len() => {
            let first = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
            first.map(|(ours, theirs)| difference(ours, theirs)).unwrap_or_default()
        }
        (Json::Array(ours), Json::Array(theirs)) => format!("{} items and {}", ours.len(), theirs.len()),
        _ => format!("{ours} and {theirs}"),
    }
}

async fn answer(connection: &mut Connection, request: &Request) -> Result<Json> {
    let (status, body) = connection.ask(request).await?;
    if !(200..300).contains(&status) {
        bail!("{} {} was answered with {status}: {}", request.method, request.path, String::from_utf8_lossy(body));
    }
    Ok(serde_json::from_slice(body)?)
}

fn compared(work: Work, answer: &Json) -> Json {
    match work {
        Work::Create => record(answer, false),
        Work::Read => record(answer, true),
        Work::Page => answer["data"].as_array().into_iter().flatten().map(|sale| record(sale, true)).collect(),
        Work::Bulk => json!([answer["succeeded"], answer["failed"]]),
        Work::Aggregate => {
            let groups = answer["data"].as_array().into_iter().flatten();
            groups.map(|group| json!([group["channel"], group["stage"], group["total"], group["n"]])).collect()
        }
    }
}

/// Fields and titles; of a record that both have in their tables its id too.
fn record(sale: &Json, with_id: bool) -> Json {
    let fields = [
        "version",
        "code",
        "subject",
        "channel",
        "stage",
        "account",
        "article",
        "quantity",
        "discount",
        "price",
        "amount",
        "signed_on",
        "due_on",
        "delivered_at",
        "urgent",
        "note",
        "_title",
    ];
    let mut compared: Vec<Json> = fields.iter().map(|name| sale[*name].clone()).collect();
    compared.extend(["account", "article", "owner"].iter().map(|name| sale["_refs"][*name]["title"].clone()));
    if with_id {
        compared.push(sale["id"].clone());
    }
    Json::Array(compared)
}
