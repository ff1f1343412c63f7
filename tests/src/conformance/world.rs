//! Definitions made from a case's input, compiled by the engine, and asked.

use super::asked::{Asking, Counting, Looked, Price, looked_up, priced};
use super::place::{Ground, Place, Posted, Ran, Refused, engine_only, place};
use anyhow::{Context as _, Result, anyhow, bail};
use packwork_engine::decision::{Command, Context, Decision};
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::env::Reader;
use packwork_engine::expr::{Env, EvalError, Expr, Path, Scope};
use packwork_engine::facts::{Facts, Need};
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::{Date, Moment};
use packwork_engine::pack::Pack;
use packwork_engine::period::PeriodCalendar;
use packwork_engine::record::Record;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::accumulator::{Accumulator, Entry};
use packwork_engine::settlement::rate::{self, Rated};
use packwork_engine::settlement::replay::Replay;
use packwork_engine::settlement::schedule::Schedule;
use packwork_engine::settlement::table::Miss;
use packwork_engine::testing::memory::Memory;
use packwork_engine::testing::seed::seeded;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// When definitions take effect: before anything a case talks about.
const INSTALLED_AT: &str = "2000-01-01T00:00:00Z";

/// A date on which rows without dates hold.
pub fn any_date() -> Date {
    Date::constant(2026, 1, 1)
}

/// The places of amounts in the tenant's own currency.
pub const PLACES: u32 = 2;

/// A decimal as answers hold it.
pub fn shown(number: Decimal) -> Json {
    Json::String(number.normalize().to_string())
}

pub fn all_shown(numbers: impl IntoIterator<Item = Decimal>) -> Json {
    numbers.into_iter().map(shown).collect()
}

/// Definitions on their way to a model.
#[derive(Clone, Default)]
pub struct Definitions {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    zone: Option<String>,
    currency: Option<String>,
    /// Steps of the plan that is added last.
    pub(super) steps: Map<String, Json>,
}

impl Definitions {
    pub fn new() -> Definitions {
        Definitions::default()
    }

    /// Adds a definition of a kind under a name.
    pub fn with(mut self, kind: Kind, name: &str, mut definition: Json) -> Definitions {
        definition["kind"] = json!(kind.as_str());
        definition["name"] = json!(name);
        definition["title"] = json!(name);
        self.files.insert(file_of(kind, name), definition.to_string().into_bytes());
        self
    }

    pub fn zone(mut self, zone: &str) -> Definitions {
        self.zone = Some(zone.to_owned());
        self
    }

    pub fn currency(mut self, currency: &str) -> Definitions {
        self.currency = Some(currency.to_owned());
        self
    }

    /// A definition as it was written.
    pub fn written(&self, kind: Kind, name: &str) -> Result<Json> {
        let file = self.files.get(&file_of(kind, name));
        let file = file.with_context(|| format!("there is no {} {name}", kind.as_str()))?;
        Ok(serde_json::from_slice(file)?)
    }

    /// These and others.
    pub fn beside(mut self, others: Definitions) -> Definitions {
        self.files.extend(others.files);
        self
    }

    /// Fields an object has besides.
    pub fn also_fields(self, object: &str, fields: Map<String, Json>) -> Result<Definitions> {
        let mut written = self.written(Kind::Object, object)?;
        let own = written["fields"].as_object_mut().context("an object has fields")?;
        own.extend(fields);
        Ok(self.with(Kind::Object, object, written))
    }

    /// Members a definition has besides.
    pub fn also(self, kind: Kind, name: &str, members: Json) -> Result<Definitions> {
        let mut written = self.written(kind, name)?;
        if let (Some(written), Json::Object(members)) = (written.as_object_mut(), members) {
            written.extend(members);
        }
        Ok(self.with(kind, name, written))
    }

    /// Steps before the lines of the plan.
    pub fn looking_up(mut self, steps: Json) -> Definitions {
        if let Json::Object(steps) = steps {
            self.steps = steps;
        }
        self
    }

    /// Reads, checks and compiles them; what is wrong is said in the engine's words.
    pub fn compile(mut self) -> Result<World> {
        let manifest =
            json!({"name": "conformance", "version": "1.0.0", "title": "Conformance", "description": "A case"});
        self.files.insert("pack.json".to_owned(), manifest.to_string().into_bytes());
        let model = self.checked().map_err(|findings| {
            let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow!("the definitions are refused: {}", said.join("; "))
        })?;
        let at = Moment::parse(INSTALLED_AT).context("the moment of installation is one")?;
        let memory = seeded(&model, at)?;
        Ok(World {
            model,
            memory,
            definitions: self,
            asking: Asking::new(),
            context: Context { command: Default::default(), moment: at, actor: Default::default() },
        })
    }
}

impl Definitions {
    /// The tenant's settings.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.zone = self.zone.clone().unwrap_or(settings.zone);
        settings.currency = self.currency.clone().unwrap_or(settings.currency);
        settings
    }

    fn checked(&self) -> Result<Model, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let pack = Pack::read(&self.files, &mut diagnostics);
        let (model, found) = Model::compile(vec![pack], &self.settings());
        diagnostics.extend(found);
        let sound = !diagnostics.has_errors();
        let findings = diagnostics.into_sorted();
        let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
        model.filter(|_| sound).ok_or_else(errors)
    }
}

/// Kinds may share a folder, and definitions of two kinds a name.
fn file_of(kind: Kind, name: &str) -> String {
    format!("{}-{}/{name}.json", kind.as_str(), kind.folder())
}

/// A model and the rows of its tables.
pub struct World {
    pub model: Model,
    pub memory: Memory,
    /// What the model was made from.
    pub definitions: Definitions,
    /// Over HTTP: who asks its tables.
    pub(super) asking: Asking,
    context: Context,
}

impl World {
    pub fn schedule(&self, name: &str) -> Result<&Schedule> {
        engine_only("a schedule by itself")?;
        self.model.schedules.get(name).with_context(|| format!("there is no schedule {name}"))
    }

    /// When its definitions take effect.
    pub fn at(&self) -> Moment {
        self.context.moment
    }

    pub fn accumulator(&self, name: &str) -> Result<(&Accumulator, &PeriodCalendar)> {
        engine_only("a total by itself")?;
        self.total(name)
    }

    fn total(&self, name: &str) -> Result<(&Accumulator, &PeriodCalendar)> {
        let accumulator =
            self.model.accumulators.get(name).with_context(|| format!("there is no accumulator {name}"))?;
        let calendar = self.model.calendars.get(&accumulator.calendar).context("the accumulator's calendar")?;
        Ok((accumulator, calendar))
    }

    /// Looks rows up, one input per column in the table's order.
    pub fn look_up(&mut self, table: &str, inputs: &[Value], date: Date) -> Result<Result<Looked, Miss>> {
        if place() != Place::Engine {
            return looked_up(self, table, inputs, date);
        }
        let mut facts = Facts::default();
        let mut need = Need::default();
        need.collections.insert(table.into());
        self.memory.fetch(&self.model, &need, &mut facts);
        let compiled = self.model.rate_tables.get(table).with_context(|| format!("there is no table {table}"))?;
        let reader = Reader::new(&self.model, &facts, &self.context);
        Ok(match rate::rate(&reader, compiled, inputs, date)? {
            Rated::Found(found) => Ok(found.into()),
            Rated::Missed(miss) => Err(miss),
        })
    }

    /// The same as it was known at a moment.
    pub fn look_up_as_known(
        &mut self,
        table: &str,
        inputs: &[Value],
        date: Date,
        known_at: Moment,
    ) -> Result<Result<Looked, Miss>> {
        engine_only("a look-up as it was known")?;
        let mut facts = Facts::default();
        let mut need = Need::default();
        need.collections.insert(table.into());
        self.memory.fetch(&self.model, &need, &mut facts);
        let compiled = self.model.rate_tables.get(table).with_context(|| format!("there is no table {table}"))?;
        let rows = facts.collections.get(table).context("the rows were fetched")?;
        match rate::rate_as_known(&self.model, compiled, rows, inputs, date, known_at) {
            Ok(Rated::Found(found)) => Ok(Ok(found.into())),
            Ok(Rated::Missed(miss)) => Ok(Err(miss)),
            Err(wrong) => bail!(wrong),
        }
    }

    /// Carries out a command at a moment.
    pub fn execute(&mut self, command: &Command, at: Moment) -> Result<Box<Decision>> {
        let context = self.next_context(at);
        let decided = self.memory.execute(&self.model, command, &context);
        decided.map_err(|refusal| anyhow!("{}: {}", refusal.code, refusal.detail))
    }

    fn next_context(&mut self, at: Moment) -> Context {
        Context { command: self.memory.next_command(), moment: at, actor: Default::default() }
    }
}

impl Ground for World {
    fn create(&mut self, object: &str, input: Map<String, Json>, at: Moment) -> Result<Uuid> {
        let decision = self.execute(&Command::Create { object: object.into(), input }, at)?;
        decision.subject.map(|(_, id)| id).ok_or_else(|| anyhow!("nothing was created"))
    }

    fn change(&mut self, object: &str, id: Uuid, input: Map<String, Json>, at: Moment) -> Result<()> {
        let command = Command::Update { object: object.into(), id, version: None, input };
        self.execute(&command, at).map(|_| ())
    }

    fn close(&mut self, calendar: &str, period: &str, at: Moment) -> Result<()> {
        let context = self.next_context(at);
        let closed = self.memory.close(&self.model, calendar, period, &context);
        closed.map_err(|refusal| anyhow!("{}: {}", refusal.code, refusal.detail))
    }

    fn read(&mut self, object: &str, id: Uuid) -> Result<Json> {
        bail!("the engine shows nobody the {object} {id}")
    }

    fn sorted(&mut self, object: &str, _: &str) -> Result<Vec<Uuid>> {
        bail!("the engine lists no {object}")
    }

    fn run(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran> {
        let context = self.next_context(at);
        let run = self.memory.run(&self.model, plan, period, &context);
        let run = run.map_err(|refusal| anyhow!("{}: {}", refusal.code, refusal.detail))?;
        let refused = |(fact, refusal): &(Option<Uuid>, Refusal)| Refused {
            fact: *fact,
            code: refusal.code.to_string(),
            detail: refusal.detail.clone(),
            params: serde_json::to_value(&refusal.params).unwrap_or_default(),
        };
        Ok(Ran { lines: run.lines, failures: run.failures.iter().map(refused).collect() })
    }

    fn run_again_by_latest(&mut self, plan: &str, _: &str, _: Moment) -> Result<Ran> {
        bail!("the engine runs `{plan}` by what its lines were posted with")
    }

    fn add_row(&mut self, table: &str, row: Map<String, Json>, at: Moment) -> Result<()> {
        let from =
            row["valid"][0].as_str().and_then(|day| day.parse::<Date>().ok()).context("a row has a first day")?;
        let rows = self.model.object(table).with_context(|| format!("there is no table {table}"))?;
        let slot = |name: &str| rows.field(name).map(|(slot, _)| slot).with_context(|| format!("rows have `{name}`"));
        let (ends, superseded) = (slot("valid_to")?, slot("superseded_at")?);
        let holds = |row: &&Arc<Record>| {
            row.values[superseded].is_null() && row.values[ends].as_date().is_none_or(|to| to > from)
        };
        let standing: Vec<Uuid> = self.memory.live(table).filter(holds).map(|row| row.id()).collect();
        for row in standing {
            self.execute(&Command::CloseRate { table: table.into(), row, valid_to: from }, at)?;
        }
        self.execute(&Command::AddRate { table: table.into(), row }, at).map(|_| ())
    }

    fn issue_newest(&mut self, _: Moment) -> Result<Json> {
        bail!("the engine alone issues no statements")
    }

    fn balances(&mut self) -> Result<BTreeMap<String, Decimal>> {
        bail!("the engine alone keeps no balances")
    }

    fn lines(&mut self, after: usize) -> Result<Vec<Posted>> {
        let lines = &self.memory.lines[after..];
        match lines.iter().find(|line| !Replay::of(line, &[]).agrees) {
            Some(line) => bail!("the line of {} does not come out again: {:?}", line.gross, Replay::of(line, &[])),
            None => Ok(lines.iter().map(|line| Posted::from(&**line)).collect()),
        }
    }
}

/// The value of a formula over named numbers.
pub fn formula(source: &str, names: &[(&str, Decimal)]) -> Result<Decimal> {
    let values: BTreeMap<String, Value> =
        names.iter().map(|(name, number)| ((*name).to_owned(), Value::Decimal(*number))).collect();
    let value = evaluate(source, &values)?;
    value.as_decimal().with_context(|| format!("`{source}` gives a {}", value.kind()))
}

/// The value of a formula over named values; a dotted path is read under its whole name.
pub fn evaluate(source: &str, values: &BTreeMap<String, Value>) -> Result<Value> {
    struct Names<'v>(&'v BTreeMap<String, Value>);
    impl Env for Names<'_> {
        fn get(&self, path: &Path) -> Result<Value, EvalError> {
            Ok(self.0.get(&path.to_string()).cloned().unwrap_or_default())
        }

        fn call(&self, _: &str, _: &[Value]) -> Result<Value, EvalError> {
            Ok(Value::Null)
        }
    }
    let roots: Vec<&str> = values.keys().map(|name| name.split('.').next().unwrap_or(name)).collect();
    let expr = Expr::compile(source, &Scope { roots: &roots, bare: None, functions: &[] })
        .with_context(|| format!("the formula `{source}`"))?;
    expr.eval(&Names(values)).with_context(|| format!("the formula `{source}`"))
}

/// A world of one schedule, called `s`.
pub fn schedule_of(definition: Json) -> Result<World> {
    Definitions::new().with(Kind::Schedule, "s", definition).compile()
}

/// S(quantity) of the schedule `s`.
pub fn applied(world: &World, quantity: Decimal) -> Result<Price> {
    Ok(priced(world, "s", &[quantity], Counting::Each)?.pop().unwrap_or_default())
}

/// Definitions with an accumulator `total` of the amounts of facts, and what it needs.
pub fn accumulating(every: &str, more: Json) -> Definitions {
    let fields = json!({
        "name": {"type": "text", "title": "Name"},
        "party": {"type": "text", "title": "Party"},
        "amount": {"type": "decimal", "title": "Amount", "scale": 10},
    });
    let mut total = json!({"of": [{"object": "fact", "sum": "amount"}], "by": ["party"], "period": "calendar"});
    if let (Some(total), Json::Object(more)) = (total.as_object_mut(), more) {
        total.extend(more);
    }
    Definitions::new()
        .with(Kind::Object, "fact", json!({"display": "name", "fields": fields}))
        .with(Kind::PeriodCalendar, "calendar", json!({"every": every}))
        .with(Kind::Accumulator, "total", total)
}

/// An amount of a party on a date, recorded the same day.
pub fn entry(party: &str, date: Date, value: Decimal) -> Entry {
    Entry { source: 0, key: vec![Value::text(party)], date, posted_on: date, value }
}

/// The running totals of amounts of one year.
pub fn running(amounts: &[Decimal]) -> Result<Vec<Decimal>> {
    let world = accumulating("year", json!({})).compile()?;
    let (total, calendar) = world.total("total")?;
    let entries: Vec<Entry> = amounts.iter().map(|amount| entry("all", any_date(), *amount)).collect();
    Ok(total.running(calendar, &entries)?.into_iter().flatten().collect())
}

/// What amounts add up to.
pub fn sum(amounts: &[Decimal]) -> Result<Decimal> {
    Ok(running(amounts)?.last().copied().unwrap_or_default())
}
