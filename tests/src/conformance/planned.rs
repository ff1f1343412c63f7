//! Cases that go the whole way: records of a small company become facts, a plan settles them in the engine as it settles
//! anybody's, and its lines are the answer.

use super::place::{self, Ground, Posted, Ran, Refused};
use super::world::{Definitions, PLACES, World, any_date};
use anyhow::{Context as _, Result, bail};
use jiff::ToSpan;
use packwork_engine::definition::Kind;
use packwork_engine::moment::{Date, Moment};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

/// The plan every case settles by.
pub const PLAN: &str = "plan";
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

/// Objects whose records are facts as soon as they exist, besides sales.
pub fn facts(name: &str, fields: Json) -> Definitions {
    let mut object = json!({
        "display": "code",
        "key": "code",
        "fields": {
            "code": {"type": "text", "title": "Code", "required": true, "unique": true},
            "made_on": {"type": "date", "title": "Made on", "required": true},
        },
    });
    if let (Some(own), Json::Object(fields)) = (object["fields"].as_object_mut(), fields) {
        own.extend(fields);
    }
    let life = json!({"on": name, "initial": "done", "states": {"done": {"title": "Done"}}});
    Definitions::new().with(Kind::Object, name, object).with(Kind::Lifecycle, name, life)
}

/// A plan that settles such objects in years by one line, paid by the house where it does not say.
pub fn plan_of(object: &str, line: Json) -> Json {
    json!({
        "on": {"object": object, "state": "done"},
        "business_date": "made_on",
        "period_calendar": "year",
        "lines": [paid_by_house(line)],
    })
}

impl Definitions {
    /// Settles sales by this line, paid by the house, in years.
    pub fn settling_sales(self, line: Json) -> Definitions {
        self.settling_sales_in("year", line)
    }

    /// Settles sales by this line, paid by the house, in the periods of a calendar.
    pub fn settling_sales_in(self, calendar: &str, line: Json) -> Definitions {
        self.settling_sales_by(calendar, vec![line])
    }

    /// Settles sales by these lines, paid by the house where they do not say, in the periods of a calendar.
    pub fn settling_sales_by(self, calendar: &str, lines: Vec<Json>) -> Definitions {
        let steps = self.steps.clone();
        let plan = json!({
            "on": {"object": "sale", "state": "done"},
            "business_date": "sold_on",
            "period_calendar": calendar,
            "let": steps,
            "lines": lines.into_iter().map(paid_by_house).collect::<Vec<_>>(),
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
        let mut steps = self.steps.clone();
        steps.insert("total".to_owned(), json!({"accumulator": "total"}));
        self.with(Kind::Accumulator, "total", total).with(
            Kind::SettlementPlan,
            PLAN,
            json!({
                "on": {"close": close},
                "for_each": "party",
                "let": steps,
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

/// A company at work, on the ground of the case at hand unless its test says which.
pub struct Company<G = Box<dyn Ground>> {
    pub ground: G,
    /// When commands are given.
    pub at: Moment,
    sales: usize,
    /// Lines of earlier runs.
    posted: usize,
}

/// When commands are given, unless the case says.
fn usual_moment() -> Result<Moment> {
    Moment::parse("2026-06-01T00:00:00Z").context("the moment of the case is one")
}

impl Company {
    pub fn open(definitions: Definitions) -> Result<Company> {
        Company::open_at(definitions.compile()?, usual_moment()?)
    }

    pub fn open_at(world: World, at: Moment) -> Result<Company> {
        Company::over(place::fresh(world, at)?, at)
    }
}

impl Company<World> {
    /// A company on the engine, for tests that look behind what it answers.
    pub fn on_the_engine(definitions: Definitions) -> Result<Company<World>> {
        Company::over(definitions.compile()?, usual_moment()?)
    }
}

impl<G: Ground> Company<G> {
    fn over(ground: G, at: Moment) -> Result<Company<G>> {
        let mut company = Company { ground, at, sales: 0, posted: 0 };
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
        self.ground.change(object, id, input, self.at)
    }

    pub fn create(&mut self, object: &str, input: Json) -> Result<Uuid> {
        let Json::Object(input) = input else { bail!("a record is an object") };
        self.ground.create(object, input, self.at)
    }

    /// Runs the plan over a period, twice: the second run finds nothing to do. The lines of the first come back.
    pub fn run(&mut self, period: &str) -> Result<Vec<Posted>> {
        self.run_once(period)?;
        let lines = self.ground.lines(self.posted)?;
        self.posted += lines.len();
        match self.run_once(period)? {
            0 => Ok(lines),
            again => bail!("the same run again posted {again} lines"),
        }
    }

    /// Runs another plan over a period. The lines it posted come back.
    pub fn run_of(&mut self, plan: &str, period: &str) -> Result<Vec<Posted>> {
        let ran = self.ground.run(plan, period, self.at)?;
        self.posted_by(ran)
    }

    /// Runs the plan over a period by the rows that are known by now. The lines it posted come back.
    pub fn run_by_latest(&mut self, period: &str) -> Result<Vec<Posted>> {
        let ran = self.ground.run_again_by_latest(PLAN, period, self.at)?;
        self.posted_by(ran)
    }

    fn posted_by(&mut self, ran: Ran) -> Result<Vec<Posted>> {
        if let Some(refused) = ran.failures.first() {
            bail!("{refused}");
        }
        let lines = self.ground.lines(self.posted)?;
        self.posted += lines.len();
        Ok(lines)
    }

    pub fn close(&mut self, calendar: &str, period: &str) -> Result<()> {
        self.ground.close(calendar, period, self.at)
    }

    /// Runs the plan over a period; how many lines were written.
    pub fn run_once(&mut self, period: &str) -> Result<usize> {
        let ran = self.ground.run(PLAN, period, self.at)?;
        match ran.failures.first() {
            Some(refused) => bail!("{refused}"),
            None => Ok(ran.lines),
        }
    }

    /// Runs the plan over a period for one new sale: its line, or what stands against it.
    pub fn settle_one(&mut self, sale: Uuid, period: &str) -> Result<Result<Posted, Refused>> {
        let ran = self.ground.run(PLAN, period, self.at)?;
        if let Some(refused) = ran.failures.into_iter().find(|refused| refused.fact == Some(sale)) {
            return Ok(Err(refused));
        }
        let lines = self.ground.lines(self.posted)?;
        self.posted += lines.len();
        lines.into_iter().find(|line| line.fact == sale).map(Ok).context("the sale has no line")
    }

    /// All lines there are.
    pub fn lines(&mut self) -> Result<Vec<Posted>> {
        self.ground.lines(0)
    }
}

/// The exact amount a line was made from, before it was rounded.
pub fn exact(line: &Posted) -> Decimal {
    line.trace.price.as_ref().map_or(line.gross, |price| price.amount)
}

/// The exact amounts of lines by what they were posted for.
pub fn by_fact(lines: &[Posted], facts: &[Uuid]) -> Result<Vec<Decimal>> {
    let of = |fact: &Uuid| lines.iter().find(|line| line.fact == *fact).with_context(|| format!("no line of {fact}"));
    facts.iter().map(|fact| of(fact).map(exact)).collect()
}
