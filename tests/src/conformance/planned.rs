//! Cases that go the whole way: records of a small company become facts, a plan settles them in the engine as it settles
//! anybody's, and its lines are the answer.

use super::world::{Definitions, PLACES, World, any_date};
use anyhow::{Context as _, Result, anyhow, bail};
use jiff::ToSpan;
use packwork_engine::decision::{Command, Context};
use packwork_engine::definition::Kind;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::replay::Replay;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use uuid::Uuid;

/// The plan every case settles by.
const PLAN: &str = "plan";
/// Days of a year after its first one: so many facts have a day of their own.
pub const DAYS_MAX: usize = 360;

/// Places of amounts beyond which there is little room left before the point: a stored number has 18 digits.
const SCALE_MAX: u32 = 10;

/// Parties, sales that are facts as soon as they exist, and calendars; amounts have room for these figures.
pub fn company(figures: &[Decimal]) -> Definitions {
    let scale = figures.iter().map(|figure| figure.normalize().scale()).max().unwrap_or_default();
    let scale = scale.clamp(PLACES, SCALE_MAX);
    let figure = |title: &str| json!({"type": "decimal", "title": title, "scale": scale});
    let party = json!({
        "display": "code",
        "key": "code",
        "traits": {"party": {}},
        "fields": {
            "code": {"type": "text", "title": "Code", "required": true, "unique": true},
            "rank": {"type": "text", "title": "Rank"},
            "upline": {"type": "reference", "title": "Upline", "to": "party"},
            "minimum": figure("Minimum"),
            "days_active": {"type": "decimal", "title": "Days in use", "scale": 6},
            "days_period": {"type": "decimal", "title": "Days of the period", "scale": 6},
        },
    });
    let sale = json!({
        "display": "code",
        "key": "code",
        "fields": {
            "code": {"type": "text", "title": "Code", "required": true, "unique": true},
            "party": {"type": "reference", "title": "Party", "to": "party", "required": true},
            "sold_on": {"type": "date", "title": "Sold on", "required": true},
            "amount": figure("Amount"),
            "fixed": figure("Fixed"),
            "rate": {"type": "decimal", "title": "Rate", "scale": SCALE_MAX},
        },
    });
    let life = json!({"on": "sale", "initial": "done", "states": {"done": {"title": "Done"}}});
    ["month", "quarter", "year"].into_iter().fold(
        Definitions::new().with(Kind::Object, "party", party).with(Kind::Object, "sale", sale).with(
            Kind::Lifecycle,
            "sale",
            life,
        ),
        |definitions, every| definitions.with(Kind::PeriodCalendar, every, json!({"every": every})),
    )
}

impl Definitions {
    /// Settles sales by this line, paid by the house, in years.
    pub fn settling_sales(self, line: Json) -> Definitions {
        self.settling_sales_in("year", line)
    }

    /// Settles sales by this line, paid by the house, in the periods of a calendar.
    pub fn settling_sales_in(self, calendar: &str, line: Json) -> Definitions {
        let steps = self.steps.clone();
        let plan = json!({
            "on": {"object": "sale", "state": "done"},
            "business_date": "sold_on",
            "period_calendar": calendar,
            "let": steps,
            "lines": [paid_by_house(line)],
        });
        self.with(Kind::SettlementPlan, PLAN, plan)
    }

    /// Settles the end of each period for every party with sales, by what they add up to in `over`.
    pub fn settling_periods(self, close: &str, over: &str, line: Json) -> Definitions {
        let total = json!({
            "of": [{"object": "sale", "state": "done", "date": "sold_on", "sum": "amount"}],
            "by": ["party"],
            "period": over,
        });
        self.with(Kind::Accumulator, "total", total).with(
            Kind::SettlementPlan,
            PLAN,
            json!({
                "on": {"close": close},
                "for_each": "party",
                "let": {"total": {"accumulator": "total"}},
                "lines": [paid_by_house(line)],
            }),
        )
    }
}

fn paid_by_house(mut line: Json) -> Json {
    let own = json!({"id": "line", "title": "Line", "payer": {"value": "party/house"}});
    if let (Some(line), Json::Object(own)) = (line.as_object_mut(), own) {
        line.extend(own.into_iter().filter(|(name, _)| !line.contains_key(name)).collect::<Map<_, _>>());
    }
    line
}

/// A company at work.
pub struct Company {
    pub world: World,
    /// When commands are given.
    pub at: Moment,
    sales: usize,
}

impl Company {
    pub fn open(definitions: Definitions) -> Result<Company> {
        let at = Moment::parse("2026-06-01T00:00:00Z").context("the moment of the case is one")?;
        let mut company = Company { world: definitions.compile()?, at, sales: 0 };
        company.party("house", json!({}))?;
        Ok(company)
    }

    pub fn party(&mut self, code: &str, more: Json) -> Result<Uuid> {
        let mut input = json!({"code": code});
        if let (Some(input), Json::Object(more)) = (input.as_object_mut(), more) {
            input.extend(more);
        }
        self.create("party", input)
    }

    /// A sale of a party, so many days after the first one that is possible.
    pub fn sale(&mut self, party: &str, day: usize, amount: Decimal, more: Json) -> Result<Uuid> {
        if day > DAYS_MAX {
            bail!("a case has at most {DAYS_MAX} days");
        }
        let sold_on = any_date().checked_add(i64::try_from(day)?.days())?;
        self.sale_on(party, sold_on, amount, more)
    }

    pub fn sale_on(&mut self, party: &str, sold_on: Date, amount: Decimal, more: Json) -> Result<Uuid> {
        self.sales += 1;
        let mut input = json!({
            "code": format!("s{}", self.sales),
            "party": party,
            "sold_on": sold_on.to_string(),
            "amount": amount.to_string(),
        });
        if let (Some(input), Json::Object(more)) = (input.as_object_mut(), more) {
            input.extend(more);
        }
        self.create("sale", input)
    }

    /// Changes some fields of a record.
    pub fn change(&mut self, object: &str, id: Uuid, input: Json) -> Result<()> {
        let Json::Object(input) = input else { bail!("a change is an object") };
        let command = Command::Update { object: object.into(), id, version: None, input };
        self.world.execute(&command, self.at).map(|_| ())
    }

    fn create(&mut self, object: &str, input: Json) -> Result<Uuid> {
        let Json::Object(input) = input else { bail!("a record is an object") };
        let command = Command::Create { object: object.into(), input };
        let decision = self.world.execute(&command, self.at)?;
        decision.subject.map(|(_, id)| id).ok_or_else(|| anyhow!("nothing was created"))
    }

    /// Runs the plan over a period, twice: the second run finds nothing to do. The lines of the first come back; each
    /// comes out again from its own trace.
    pub fn run(&mut self, period: &str) -> Result<Vec<Arc<Line>>> {
        let before = self.world.memory.lines.len();
        self.run_once(period)?;
        let lines = self.world.memory.lines[before..].to_vec();
        if let Some(line) = lines.iter().find(|line| !Replay::of(line, &[]).agrees) {
            bail!("the line of {} does not come out again: {:?}", line.gross, Replay::of(line, &[]));
        }
        match self.run_once(period)? {
            0 => Ok(lines),
            again => bail!("the same run again posted {again} lines"),
        }
    }

    pub fn close(&mut self, calendar: &str, period: &str) -> Result<()> {
        let command = self.world.memory.next_command();
        let context = Context { command, moment: self.at, actor: Default::default() };
        let closed = self.world.memory.close(&self.world.model, calendar, period, &context);
        closed.map_err(|refusal| anyhow!("{}: {}", refusal.code, refusal.detail))
    }

    /// Runs the plan over a period; how many lines were written.
    pub fn run_once(&mut self, period: &str) -> Result<usize> {
        let command = self.world.memory.next_command();
        let context = Context { command, moment: self.at, actor: Default::default() };
        let run = self.world.memory.run(&self.world.model, PLAN, period, &context);
        let run = run.map_err(|refusal| anyhow!("{}: {}", refusal.code, refusal.detail))?;
        match run.failures.first() {
            Some((_, refusal)) => bail!("{}: {}", refusal.code, refusal.detail),
            None => Ok(run.lines),
        }
    }
}

/// The exact amount a line was made from, before it was rounded.
pub fn exact(line: &Line) -> Decimal {
    line.trace.price.as_ref().map_or(line.gross, |price| price.amount)
}

/// The exact amounts of lines by what they were posted for.
pub fn by_fact(lines: &[Arc<Line>], facts: &[Uuid]) -> Result<Vec<Decimal>> {
    let of = |fact: &Uuid| lines.iter().find(|line| line.fact == *fact).with_context(|| format!("no line of {fact}"));
    facts.iter().map(|fact| of(fact).map(|line| exact(line))).collect()
}
