//! A sale as the hand-written server knows it: what comes in, what goes out, what is written of its event.

use jiff::civil::Date;
use jiff::{Timestamp, tz};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Shop,
    Phone,
    Web,
    Partner,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Open,
    Won,
    Lost,
    Parked,
}

impl Channel {
    pub fn text(self) -> &'static str {
        ["shop", "phone", "web", "partner"][self as usize]
    }
}

impl Stage {
    pub fn text(self) -> &'static str {
        ["open", "won", "lost", "parked"][self as usize]
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: Decimal,
    pub currency: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSale {
    pub code: String,
    pub subject: String,
    pub channel: Channel,
    pub stage: Stage,
    pub account: Uuid,
    pub article: Uuid,
    pub quantity: Decimal,
    pub discount: Option<Decimal>,
    pub price: Money,
    pub amount: Money,
    pub signed_on: Date,
    pub due_on: Option<Date>,
    pub delivered_at: Option<Timestamp>,
    pub urgent: Option<bool>,
    pub note: Option<String>,
}

pub enum Problem {
    Bad(String),
    NotFound,
    NotUnique,
    KeyUsed,
    Failed(String),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Problem::NotUnique,
            _ => Problem::Failed(error.to_string()),
        }
    }
}

impl NewSale {
    /// Lengths, digits, currencies and bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let bad = |what: &str| Err(Problem::Bad(format!("`{what}` does not fit")));
        let long = |text: &str, most: usize| text.is_empty() || text.chars().count() > most || text.contains('\0');
        let digits = |number: Decimal, scale: u32| number.normalize().scale() > scale;
        if long(&self.code, 40) {
            return bad("code");
        }
        if long(&self.subject, 120) {
            return bad("subject");
        }
        if self.note.as_ref().is_some_and(|note| long(note, 20_000)) {
            return bad("note");
        }
        if digits(self.quantity, 2) || self.quantity < Decimal::new(1, 2) {
            return bad("quantity");
        }
        if self.discount.is_some_and(|discount| digits(discount, 4)) {
            return bad("discount");
        }
        for money in [&self.price, &self.amount] {
            if digits(money.amount, 2) || money.currency != "CNY" {
                return bad("money");
            }
        }
        Ok(())
    }

    /// The business date of the delivery.
    pub fn delivered_day(&self) -> Option<Date> {
        // The tenant's zone, Asia/Shanghai, has had this offset since 1991.
        self.delivered_at.map(|at| tz::offset(8).to_datetime(at).date())
    }
}

/// A sale to be written.
pub struct Create {
    pub id: Uuid,
    pub event: Uuid,
    pub command: Uuid,
    pub at: i64,
    pub clerk: Uuid,
    pub sale: NewSale,
    pub key: Option<String>,
    pub digest: Option<String>,
}

impl Create {
    /// The event's changes, field by field.
    pub fn changes(&self) -> String {
        let sale = &self.sale;
        let change = |new: Value| json!({"old": null, "new": new});
        let mut changes = serde_json::Map::new();
        let mut add = |name: &str, new: Value| {
            if !new.is_null() {
                changes.insert(name.to_owned(), change(new));
            }
        };
        add("account", json!(sale.account));
        add("amount", json!(sale.amount));
        add("article", json!(sale.article));
        add("channel", json!(sale.channel));
        add("code", json!(sale.code));
        add("delivered_at", json!(sale.delivered_at));
        add("discount", json!(sale.discount));
        add("due_on", json!(sale.due_on));
        add("note", json!(sale.note));
        add("owner", json!(self.clerk));
        add("price", json!(sale.price));
        add("quantity", json!(sale.quantity));
        add("signed_on", json!(sale.signed_on));
        add("stage", json!(sale.stage));
        add("subject", json!(sale.subject));
        add("urgent", json!(sale.urgent));
        Value::Object(changes).to_string()
    }

    /// The record as it is answered.
    pub fn answer(&self, account: &str, article: &str, clerk: &str) -> Sale {
        let (sale, at) = (&self.sale, moment(self.at));
        let reference = |object: &'static str, id: Uuid, title: &str| Reference { object, id, title: title.to_owned() };
        Sale {
            id: self.id,
            version: 1,
            state: None,
            template: None,
            created_at: at,
            created_by: Some(self.clerk),
            updated_at: at,
            updated_by: Some(self.clerk),
            owner: Some(self.clerk),
            department: None,
            code: sale.code.clone(),
            subject: sale.subject.clone(),
            channel: sale.channel.text().into(),
            stage: sale.stage.text().into(),
            account: sale.account,
            article: sale.article,
            quantity: sale.quantity,
            discount: sale.discount,
            price: sale.price.clone(),
            amount: sale.amount.clone(),
            signed_on: sale.signed_on.to_string(),
            due_on: sale.due_on.map(|day| day.to_string()),
            delivered_at: sale.delivered_at,
            urgent: sale.urgent,
            note: sale.note.clone(),
            title: sale.code.clone(),
            refs: References {
                created_by: reference("user", self.clerk, clerk),
                updated_by: reference("user", self.clerk, clerk),
                owner: reference("user", self.clerk, clerk),
                account: reference("account", sale.account, account),
                article: reference("article", sale.article, article),
            },
        }
    }
}

pub fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

#[derive(Serialize)]
pub struct Reference {
    pub object: &'static str,
    pub id: Uuid,
    pub title: String,
}

#[derive(Serialize)]
pub struct References {
    pub created_by: Reference,
    pub updated_by: Reference,
    pub owner: Reference,
    pub account: Reference,
    pub article: Reference,
}

/// A sale as answered: the members of the product's record but for what may be done with it.
#[derive(Serialize)]
pub struct Sale {
    pub id: Uuid,
    pub version: i64,
    pub state: Option<String>,
    pub template: Option<String>,
    pub created_at: Timestamp,
    pub created_by: Option<Uuid>,
    pub updated_at: Timestamp,
    pub updated_by: Option<Uuid>,
    pub owner: Option<Uuid>,
    pub department: Option<Uuid>,
    pub code: String,
    pub subject: String,
    pub channel: String,
    pub stage: String,
    pub account: Uuid,
    pub article: Uuid,
    pub quantity: Decimal,
    pub discount: Option<Decimal>,
    pub price: Money,
    pub amount: Money,
    pub signed_on: String,
    pub due_on: Option<String>,
    pub delivered_at: Option<Timestamp>,
    pub urgent: Option<bool>,
    pub note: Option<String>,
    #[serde(rename = "_title")]
    pub title: String,
    #[serde(rename = "_refs")]
    pub refs: References,
}

/// One row of the totals.
#[derive(Serialize)]
pub struct Group {
    pub channel: String,
    pub stage: String,
    pub total: Decimal,
    pub n: i64,
}
