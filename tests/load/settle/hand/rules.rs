//! The rules of this one settlement: which price, which tier, which tax, and the trace that says so.

use super::rows::Line;
use super::sql;
use crate::settle::connection::Connection;
use anyhow::{Context, Result, bail};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use uuid::Uuid;

/// One completed work order with what decides its price.
pub struct Fact {
    id: Uuid,
    date: String,
    quantity: i64,
    service: Uuid,
    region: Uuid,
    pub department: Uuid,
    pub partner: Uuid,
    customer: Uuid,
    owner: Option<Uuid>,
    mode: String,
    within_one_entity: bool,
}

/// A row of `Texts::facts`.
pub type FactRow = (Uuid, String, i64, Uuid, Uuid, Uuid, Uuid, Uuid, Option<Uuid>, String, bool);

impl Fact {
    pub fn of(row: FactRow) -> Fact {
        let (id, date, quantity, service, region, department, partner, customer, owner, mode, within_one_entity) = row;
        Fact { id, date, quantity, service, region, department, partner, customer, owner, mode, within_one_entity }
    }
}

struct Dated<T> {
    from: String,
    to: Option<String>,
    value: T,
}

impl<T> Dated<T> {
    fn holds_on(&self, date: &str) -> bool {
        *self.from <= *date && self.to.as_deref().is_none_or(|to| date < to)
    }
}

struct Price {
    tier: Option<String>,
    mode: Option<String>,
    id: Uuid,
    row: String,
    /// Absent for the schedule.
    price: Option<Decimal>,
}

struct TaxRate {
    id: Uuid,
    row: String,
    rate: Decimal,
}

/// Where a line is put.
pub struct Place {
    pub id: Uuid,
    pub statement: Uuid,
    pub run: Uuid,
    pub at: i64,
}

/// Everything that is read once.
pub struct Books {
    digest: String,
    parents: BTreeMap<Uuid, Uuid>,
    tiers: BTreeMap<Uuid, Vec<Dated<String>>>,
    areas: BTreeMap<Uuid, Vec<Dated<String>>>,
    /// By service; `None` holds for every service.
    prices: BTreeMap<Option<Uuid>, Vec<Dated<Price>>>,
    taxes: BTreeMap<Option<Uuid>, Vec<Dated<TaxRate>>>,
    price_revision: i64,
    tax_revision: i64,
}

/// Quantity of each partner and tiered row so far.
pub type Running = BTreeMap<(Uuid, Uuid), Decimal>;

/// `joint_steps`: up to 10, up to 50, above.
const STEPS: [(Option<i64>, i64); 3] = [(Some(10), 9_500), (Some(50), 9_000), (None, 8_500)];

impl Books {
    pub async fn read(connection: &mut Connection, digest: &str) -> Result<Books> {
        let texts = sql::texts(connection);
        let regions: Vec<(Uuid, Option<Uuid>)> = connection.rows("reading regions", sql::REGIONS).await?;
        let tiers = classes(connection, texts.tiers).await?;
        let areas = classes(connection, texts.areas).await?;
        let mut prices: BTreeMap<Option<Uuid>, Vec<Dated<Price>>> = BTreeMap::new();
        type PriceRow = (
            Uuid,
            String,
            Option<Uuid>,
            Option<String>,
            Option<String>,
            Option<i64>,
            Option<String>,
            String,
            Option<String>,
        );
        let rows: Vec<PriceRow> = connection.rows("reading prices", texts.prices).await?;
        for (id, row, service, tier, mode, price, schedule, from, to) in rows {
            let price = price.filter(|_| schedule.is_none()).map(|price| Decimal::new(price, 4));
            prices.entry(service).or_default().push(Dated { from, to, value: Price { tier, mode, id, row, price } });
        }
        let mut taxes: BTreeMap<Option<Uuid>, Vec<Dated<TaxRate>>> = BTreeMap::new();
        type TaxRow = (Uuid, String, Option<Uuid>, i64, String, Option<String>);
        let rows: Vec<TaxRow> = connection.rows("reading tax rates", texts.taxes).await?;
        for (id, row, service, rate, from, to) in rows {
            taxes.entry(service).or_default().push(Dated {
                from,
                to,
                value: TaxRate { id, row, rate: Decimal::new(rate, 6) },
            });
        }
        let (price_revision, tax_revision) = connection.row("reading revisions", sql::REVISIONS).await?;
        Ok(Books {
            digest: digest.to_owned(),
            parents: regions.into_iter().filter_map(|(id, parent)| Some((id, parent?))).collect(),
            tiers,
            areas,
            prices,
            taxes,
            price_revision,
            tax_revision,
        })
    }

    /// The line a work order owes. Work orders come in the order of partner, date and id.
    pub fn settle(&self, running: &mut Running, fact: &Fact, place: Place) -> Result<Line> {
        let tier = self.class(&self.tiers, fact.region, &fact.date).unwrap_or("tier3");
        let area = self.class(&self.areas, fact.region, &fact.date);
        let price = self.price(fact, tier)?;
        let tax_rate = self.tax(fact)?;
        let quantity = Decimal::new(fact.quantity, 2);
        let mut group = None;
        let mut priced = PriceTrace {
            quantity,
            before: None,
            schedule: None,
            parts: Vec::new(),
            to_next: None,
            amount: Decimal::ZERO,
        };
        match price.price {
            Some(rate) => {
                priced.amount = rate * quantity;
                priced.parts.push(Part { quantity, rate, amount: priced.amount });
            }
            None => {
                group = Some(group_digest(fact.partner, price.id));
                let running = running.entry((fact.partner, price.id)).or_default();
                let before = *running;
                *running += quantity;
                priced.before = Some(before);
                priced.schedule = Some("joint_steps");
                step(before, before + quantity, &mut priced);
            }
        }
        let gross = rounded(priced.amount);
        let mut rounds = vec![Rounded {
            point: "line",
            before: priced.amount.normalize(),
            after: gross,
            mode: "half_up",
            places: 2,
        }];
        let (kind, rate, tax) = match fact.within_one_entity {
            true => ("not_taxed", Decimal::ZERO, Decimal::new(0, 2)),
            false => {
                let exact = gross / (Decimal::ONE + tax_rate.rate) * tax_rate.rate;
                let tax = rounded(exact);
                rounds.push(Rounded {
                    point: "tax",
                    before: exact.normalize(),
                    after: tax,
                    mode: "half_up",
                    places: 2,
                });
                ("inclusive", tax_rate.rate, tax)
            }
        };
        let net = gross - tax;
        let mut lookups = vec![LookUp {
            step: "row",
            table: "internal_price",
            revision: self.price_revision,
            row: &price.row,
            row_record: price.id,
            date: &fact.date,
            inputs: Inputs { mode: Some(&fact.mode), service: fact.service, tier: Some(tier) },
            values: match price.price {
                Some(amount) => Values::Price { price: Amount { amount, currency: "CNY" } },
                None => Values::Schedule { price: Schedule { currency: "CNY", schedule: "joint_steps" } },
            },
        }];
        if !fact.within_one_entity {
            lookups.push(LookUp {
                step: "tax",
                table: "vat",
                revision: self.tax_revision,
                row: &tax_rate.row,
                row_record: tax_rate.id,
                date: &fact.date,
                inputs: Inputs { mode: None, service: fact.service, tier: None },
                values: Values::Rate { rate: tax_rate.rate },
            });
        }
        let trace = Trace {
            v: 1,
            plan: &self.digest,
            lookups,
            price: priced,
            rounded: rounds,
            tax: TaxTrace { kind, rate, gross, net, tax },
        };
        let dimensions = Dimensions {
            area,
            customer: Id { id: fact.customer },
            mode: &fact.mode,
            partner: Id { id: fact.partner },
            region: Id { id: fact.region },
            salesperson: fact.owner.map(|id| Id { id }),
            service_item: Id { id: fact.service },
            tier,
        };
        Ok(Line {
            id: place.id,
            fact: fact.id,
            payer: fact.department,
            payee: fact.partner,
            date: fact.date.clone(),
            group,
            quantity: fact.quantity * 10_000,
            gross: stored(gross, 4)?,
            net: stored(net, 4)?,
            tax: stored(tax, 4)?,
            tax_rate: stored(rate, 6)?,
            tax_kind: kind,
            dimensions: serde_json::to_string(&dimensions).context("writing dimensions")?,
            trace: serde_json::to_string(&trace).context("writing a trace")?,
            statement: place.statement,
            run: place.run,
            at: place.at,
        })
    }

    /// The class of a region, or of the nearest one above it.
    fn class<'b>(&self, classes: &'b BTreeMap<Uuid, Vec<Dated<String>>>, region: Uuid, date: &str) -> Option<&'b str> {
        let mut at = region;
        loop {
            if let Some(class) = classes.get(&at).and_then(|dated| dated.iter().find(|class| class.holds_on(date))) {
                return Some(&class.value);
            }
            at = *self.parents.get(&at)?;
        }
    }

    /// The most specific price: service before tier before mode.
    fn price(&self, fact: &Fact, tier: &str) -> Result<&Price> {
        for key in [Some(fact.service), None] {
            let fits = |price: &&Dated<Price>| {
                let Price { tier: of_tier, mode, .. } = &price.value;
                of_tier.as_deref().is_none_or(|of_tier| of_tier == tier)
                    && mode.as_deref().is_none_or(|mode| mode == fact.mode)
            };
            let dated = self.prices.get(&key).into_iter().flatten().filter(|price| price.holds_on(&fact.date));
            if let Some(price) =
                dated.filter(fits).max_by_key(|price| (price.value.tier.is_some(), price.value.mode.is_some()))
            {
                return Ok(&price.value);
            }
        }
        bail!("no price for the work order {}", fact.id)
    }

    fn tax(&self, fact: &Fact) -> Result<&TaxRate> {
        for key in [Some(fact.service), None] {
            if let Some(rate) =
                self.taxes.get(&key).and_then(|dated| dated.iter().find(|rate| rate.holds_on(&fact.date)))
            {
                return Ok(&rate.value);
            }
        }
        bail!("no tax rate for the work order {}", fact.id)
    }
}

async fn classes(connection: &mut Connection, text: &'static str) -> Result<BTreeMap<Uuid, Vec<Dated<String>>>> {
    let rows: Vec<(Uuid, String, String, Option<String>)> = connection.rows("reading classes", text).await?;
    let mut classes: BTreeMap<Uuid, Vec<Dated<String>>> = BTreeMap::new();
    for (region, value, from, to) in rows {
        classes.entry(region).or_default().push(Dated { from, to, value });
    }
    Ok(classes)
}

fn rounded(amount: Decimal) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded
}

fn stored(mut number: Decimal, scale: u32) -> Result<i64> {
    number.rescale(scale);
    i64::try_from(number.mantissa()).context("an amount has too many digits")
}

/// The parts of the quantity between two places in the month, by step.
fn step(before: Decimal, after: Decimal, priced: &mut PriceTrace) {
    let mut below = Decimal::ZERO;
    for (up_to, rate) in STEPS {
        let (up_to, rate) = (up_to.map(Decimal::from), Decimal::new(rate, 2));
        let within = |total: Decimal| (total > below).then(|| up_to.map_or(total, |up_to| up_to.min(total)) - below);
        if let Some(mut quantity) = within(after) {
            let mut amount = quantity * rate;
            if let Some(earlier) = within(before) {
                quantity -= earlier;
                amount -= earlier * rate;
            }
            if !quantity.is_zero() {
                priced.amount += amount;
                priced.parts.push(Part { quantity, rate, amount });
            }
            priced.to_next = up_to.filter(|up_to| after <= *up_to).map(|up_to| up_to - after);
        }
        match up_to {
            Some(up_to) => below = up_to,
            None => break,
        }
    }
}

fn group_digest(partner: Uuid, row: Uuid) -> String {
    let mut hash = Sha256::new();
    for part in [format!("partner/{partner}"), row.to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut text = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[derive(Serialize)]
struct Trace<'t> {
    v: u32,
    plan: &'t str,
    lookups: Vec<LookUp<'t>>,
    price: PriceTrace,
    rounded: Vec<Rounded>,
    tax: TaxTrace,
}

#[derive(Serialize)]
struct LookUp<'t> {
    step: &'static str,
    table: &'static str,
    revision: i64,
    row: &'t str,
    row_record: Uuid,
    date: &'t str,
    inputs: Inputs<'t>,
    values: Values,
}

#[derive(Serialize)]
struct Inputs<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'t str>,
    service: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'t str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    Price { price: Amount },
    Schedule { price: Schedule },
    Rate { rate: Decimal },
}

#[derive(Serialize)]
struct Amount {
    amount: Decimal,
    currency: &'static str,
}

#[derive(Serialize)]
struct Schedule {
    currency: &'static str,
    schedule: &'static str,
}

#[derive(Serialize)]
struct PriceTrace {
    quantity: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'static str>,
    parts: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_next: Option<Decimal>,
    amount: Decimal,
}

#[derive(Serialize)]
struct Part {
    quantity: Decimal,
    rate: Decimal,
    amount: Decimal,
}

#[derive(Serialize)]
struct Rounded {
    point: &'static str,
    before: Decimal,
    after: Decimal,
    mode: &'static str,
    places: u32,
}

#[derive(Serialize)]
struct TaxTrace {
    kind: &'static str,
    rate: Decimal,
    gross: Decimal,
    net: Decimal,
    tax: Decimal,
}

#[derive(Serialize)]
struct Dimensions<'t> {
    area: Option<&'t str>,
    customer: Id,
    mode: &'t str,
    partner: Id,
    region: Id,
    salesperson: Option<Id>,
    service_item: Id,
    tier: &'t str,
}

#[derive(Serialize)]
struct Id {
    id: Uuid,
}
