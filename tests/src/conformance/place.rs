//! Where cases are tried: on the engine by itself, or in tenants behind HTTP. A case of definitions and facts asks the
//! place; what only the engine's own functions can be asked says so.

use super::tenant::Tenant;
use super::world::{Definitions, World};
use crate::app::On;
use anyhow::{Result, bail};
use packwork_engine::moment::Moment;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::trace::Trace;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Engine,
    Http(On),
}

thread_local! {
    /// The place of the case at hand. Families do not pass it through all their arithmetic.
    static PLACE: Cell<Place> = const { Cell::new(Place::Engine) };
    /// Tenants the case at hand had.
    static TENANTS: Cell<usize> = const { Cell::new(0) };
}

/// The place of the case at hand.
pub fn place() -> Place {
    PLACE.get()
}

/// Tries a case in a place; how many tenants it had there.
pub fn within<T>(place: Place, case: impl FnOnce() -> T) -> (T, usize) {
    TENANTS.set(0);
    let before = PLACE.replace(place);
    let came = case();
    PLACE.set(before);
    (came, TENANTS.get())
}

/// What nothing in the API expresses; such a case is left out over HTTP.
#[derive(Debug)]
pub struct EngineOnly(&'static str);

impl fmt::Display for EngineOnly {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "only the engine can be asked for {}", self.0)
    }
}

impl std::error::Error for EngineOnly {}

/// Goes on where the engine's own functions may be asked.
pub fn engine_only(what: &'static str) -> Result<()> {
    match place() {
        Place::Engine => Ok(()),
        Place::Http(_) => bail!(EngineOnly(what)),
    }
}

/// What works with the definitions of a case and answers it.
pub trait Ground {
    fn create(&mut self, object: &str, input: Map<String, Json>, at: Moment) -> Result<Uuid>;
    /// A record as its readers see it.
    fn read(&mut self, object: &str, id: Uuid) -> Result<Json>;
    /// The records of an object in the order of a field.
    fn sorted(&mut self, object: &str, field: &str) -> Result<Vec<Uuid>>;
    /// Changes some fields of a record.
    fn change(&mut self, object: &str, id: Uuid, input: Map<String, Json>, at: Moment) -> Result<()>;
    fn close(&mut self, calendar: &str, period: &str, at: Moment) -> Result<()>;
    fn run(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran>;
    /// The same with the rows that are known by now, not those its lines were posted with.
    fn run_again_by_latest(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran>;
    /// Adds a row to a rate table; it ends those that hold on its first day.
    fn add_row(&mut self, table: &str, row: Map<String, Json>, at: Moment) -> Result<()>;
    /// The newest statement, issued.
    fn issue_newest(&mut self, at: Moment) -> Result<Json>;
    /// What stands on the accounts of the ledger: debits less credits.
    fn balances(&mut self) -> Result<BTreeMap<String, Decimal>>;
    /// The lines posted after the first so many, in their order; each comes out again from its own trace.
    fn lines(&mut self, after: usize) -> Result<Vec<Posted>>;
}

impl<G: Ground + ?Sized> Ground for Box<G> {
    fn create(&mut self, object: &str, input: Map<String, Json>, at: Moment) -> Result<Uuid> {
        (**self).create(object, input, at)
    }

    fn read(&mut self, object: &str, id: Uuid) -> Result<Json> {
        (**self).read(object, id)
    }

    fn sorted(&mut self, object: &str, field: &str) -> Result<Vec<Uuid>> {
        (**self).sorted(object, field)
    }

    fn change(&mut self, object: &str, id: Uuid, input: Map<String, Json>, at: Moment) -> Result<()> {
        (**self).change(object, id, input, at)
    }

    fn close(&mut self, calendar: &str, period: &str, at: Moment) -> Result<()> {
        (**self).close(calendar, period, at)
    }

    fn run(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran> {
        (**self).run(plan, period, at)
    }

    fn run_again_by_latest(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran> {
        (**self).run_again_by_latest(plan, period, at)
    }

    fn add_row(&mut self, table: &str, row: Map<String, Json>, at: Moment) -> Result<()> {
        (**self).add_row(table, row, at)
    }

    fn issue_newest(&mut self, at: Moment) -> Result<Json> {
        (**self).issue_newest(at)
    }

    fn balances(&mut self) -> Result<BTreeMap<String, Decimal>> {
        (**self).balances()
    }

    fn lines(&mut self, after: usize) -> Result<Vec<Posted>> {
        (**self).lines(after)
    }
}

/// What a run came to.
pub struct Ran {
    /// How many lines were written.
    pub lines: usize,
    pub failures: Vec<Refused>,
}

/// What a unit of a run, or a command, was refused for.
#[derive(Clone, Debug)]
pub struct Refused {
    pub fact: Option<Uuid>,
    pub code: String,
    pub detail: String,
    pub params: Json,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Refused {}

/// The ground of the case at hand for these definitions.
pub fn fresh(world: World, at: Moment) -> Result<Box<dyn Ground>> {
    Ok(match tenant(&world.definitions, at)? {
        None => Box::new(world),
        Some(tenant) => Box::new(tenant),
    })
}

/// A tenant with these definitions, where the case is tried over HTTP.
pub fn tenant(definitions: &Definitions, at: Moment) -> Result<Option<Tenant>> {
    let Place::Http(on) = place() else { return Ok(None) };
    TENANTS.set(TENANTS.get() + 1);
    Tenant::open(on, definitions, at).map(Some)
}

/// A posted line, as both grounds tell of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    pub id: Uuid,
    /// The line of the plan it is.
    pub line: String,
    pub fact: Uuid,
    pub payer: Uuid,
    pub payee: Uuid,
    pub currency: String,
    pub period: String,
    pub service_period: String,
    pub corrects: Option<String>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub trace: Arc<Trace>,
}

impl From<&Line> for Posted {
    fn from(line: &Line) -> Posted {
        Posted {
            id: line.id,
            line: line.line.to_string(),
            fact: line.fact,
            payer: line.payer.id,
            payee: line.payee.id,
            currency: line.currency.to_string(),
            period: line.period.to_string(),
            service_period: line.service_period.to_string(),
            corrects: line.corrects.as_ref().map(ToString::to_string),
            gross: line.gross,
            net: line.net,
            tax: line.tax,
            trace: line.trace.clone(),
        }
    }
}
