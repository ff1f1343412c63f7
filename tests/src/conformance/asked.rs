//! What definitions say to a question by themselves: a look-up in a table, quantities priced by a schedule, formulas. The
//! engine has functions for that. Over HTTP a question is a fact, and the line of a plan, or a computed field, the answer.

use super::place::{Place, Refused, fresh, place, tenant};
use super::planned::{Company, company};
use super::world::{Definitions, World, evaluate, shown, sum};
use anyhow::{Context, Result, anyhow, bail};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Date;
use packwork_engine::settlement::rate::Found;
use packwork_engine::settlement::schedule::Applied;
use packwork_engine::settlement::table::{Miss, RowName};
use packwork_engine::settlement::trace::PartTrace;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Whether each quantity starts at the first tier, or where the one before ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    Each,
    Together,
}

/// What a quantity comes to.
#[derive(Default)]
pub struct Price {
    pub amount: Decimal,
    pub parts: Vec<PartTrace>,
}

impl From<Applied> for Price {
    fn from(applied: Applied) -> Price {
        let part = |part: packwork_engine::settlement::schedule::Part| PartTrace {
            quantity: part.quantity,
            rate: part.rate,
            flat: (!part.flat.is_zero()).then_some(part.flat),
            amount: part.amount,
        };
        Price { amount: applied.amount, parts: applied.parts.into_iter().map(part).collect() }
    }
}

/// What quantities come to by a schedule.
pub fn priced(world: &World, name: &str, quantities: &[Decimal], counting: Counting) -> Result<Vec<Price>> {
    match place() {
        Place::Engine => applied(world, name, quantities, counting),
        Place::Http(_) => sold(world, name, quantities, counting),
    }
}

fn applied(world: &World, name: &str, quantities: &[Decimal], counting: Counting) -> Result<Vec<Price>> {
    let schedule = world.schedule(name)?;
    let mut before: Option<Decimal> = None;
    let mut prices = Vec::new();
    for quantity in quantities {
        let after = before.unwrap_or_default() + quantity;
        let price = match before {
            // The first is priced as such, the others by difference.
            Some(before) => schedule.between(before, after),
            None => schedule.apply(*quantity),
        };
        prices.push(price.with_context(|| format!("the quantity {quantity}"))?.into());
        before = (counting == Counting::Together).then_some(after);
    }
    Ok(prices)
}

/// What parts of quantities come to by a schedule, in the tiers of the whole quantities; all of them together.
pub fn partly_used(
    world: &World,
    name: &str,
    quantities: &[Decimal],
    used: &[Decimal],
    counting: Counting,
) -> Result<Decimal> {
    if quantities.len() != used.len() {
        bail!("{} whole quantities and {} parts of them", quantities.len(), used.len());
    }
    if let Some(tenant) = tenant(&world.definitions, world.at())? {
        let texts = |numbers: &[Decimal]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>();
        let asked =
            json!({"quantities": texts(quantities), "used": texts(used), "cumulate": counting == Counting::Together});
        let applied = tenant.post(&format!("/settlement/schedules/{name}/apply"), asked)?;
        return Ok(applied["amount"].as_str().context("what it comes to")?.parse()?);
    }
    let schedule = world.schedule(name)?;
    let (mut before, mut amounts) = (Decimal::ZERO, Vec::new());
    for (quantity, used) in quantities.iter().zip(used) {
        let whole = match counting {
            Counting::Each => schedule.apply(*quantity)?,
            Counting::Together => schedule.between(before, before + quantity)?,
        };
        amounts.push(if quantity.is_zero() { whole.amount } else { whole.prorated(*used, *quantity)?.amount });
        before += quantity;
    }
    sum(&amounts)
}

/// The quick deductions of a schedule, from the first tier on.
pub fn quick_deductions(world: &World, name: &str) -> Result<Vec<Decimal>> {
    let Some(tenant) = tenant(&world.definitions, world.at())? else {
        return Ok(world.schedule(name)?.quick_deductions()?);
    };
    let schedule = tenant.get(&format!("/settlement/schedules/{name}"))?;
    let tiers = schedule["tiers"].as_array().context("a schedule has tiers")?;
    let deduction = |tier: &Json| Ok(tier["quick_deduction"].as_str().context("a tier has a deduction")?.parse()?);
    tiers.iter().map(deduction).collect()
}

/// The day on which a period of an accumulator is worked out.
pub fn calculated_on(world: &World, name: &str, period: &str) -> Result<Date> {
    if let Some(tenant) = tenant(&world.definitions, world.at())? {
        let window = tenant.get(&format!("/settlement/accumulators/{name}/periods/{period}"))?;
        return window["calculated_on"].as_str().context("a day")?.parse().context("reading a day");
    }
    let (total, calendar) = world.accumulator(name)?;
    let period = calendar.named(period).with_context(|| format!("there is no period {period}"))?;
    Ok(total.window.calculated_on(&period))
}

/// A sale of each quantity, a day each, priced by the line of a plan.
fn sold(world: &World, name: &str, quantities: &[Decimal], counting: Counting) -> Result<Vec<Price>> {
    let mut amount = json!({"apply": name, "to": "record.amount"});
    if counting == Counting::Together {
        amount["cumulate"] = json!({"by": ["payee"], "period": "year"});
    }
    let definitions = world.definitions.clone().beside(company(quantities));
    let mut company = Company::open(definitions.settling_sales(json!({"payee": "record.party", "amount": amount})))?;
    company.party("seller", json!({}))?;
    let mut sales = Vec::new();
    for (day, quantity) in quantities.iter().enumerate() {
        sales.push(company.sale("seller", day, *quantity, json!({}))?);
    }
    let lines = company.run("2026")?;
    let price_of = |sale: &Uuid| match lines.iter().find(|line| line.fact == *sale) {
        // There is no line of nothing.
        None => Ok(Price::default()),
        Some(line) => {
            let price = line.trace.price.clone().with_context(|| format!("the line of {} has no price", line.gross))?;
            Ok(Price { amount: price.amount, parts: price.parts })
        }
    };
    sales.iter().map(price_of).collect()
}

/// What a table says to a question.
pub struct Looked {
    pub row: String,
    /// In the order of the table's values.
    pub values: Vec<Value>,
}

impl From<Found> for Looked {
    fn from(found: Found) -> Looked {
        Looked {
            row: found.row.to_string(),
            values: found.given.values.iter().map(|(_, value)| value.clone()).collect(),
        }
    }
}

/// Companies that ask a table a question by a sale.
pub type Asking = BTreeMap<String, Company>;

/// Looks rows up over HTTP: the columns are fields of a sale, and a plan looks up by them.
pub fn looked_up(world: &mut World, table: &str, inputs: &[Value], date: Date) -> Result<Result<Looked, Miss>> {
    let written = world.definitions.written(Kind::RateTable, table)?;
    let members = |name: &str| written[name].as_object().cloned().unwrap_or_default();
    let columns: Vec<String> = members("columns").into_iter().map(|(name, _)| name).collect();
    let values: Vec<(String, bool)> =
        members("values").into_iter().map(|(name, value)| (name, value["type"] == "decimal")).collect();
    if columns.len() != inputs.len() {
        bail!("`{table}` has {} columns and was asked with {}", columns.len(), inputs.len());
    }
    let mut asking = match world.asking.remove(table) {
        Some(asking) => asking,
        None => questioned(&world.definitions, table, &written["columns"])?,
    };
    let given = columns.iter().zip(inputs).filter(|(_, input)| !input.is_null());
    let given: Map<String, Json> = given.map(|(column, input)| (column.clone(), input.to_json())).collect();
    let sale = asking.sale_on("asker", date, Decimal::ONE, Json::Object(given))?;
    let found = match asking.settle_one(sale, &date.strftime("%Y").to_string())? {
        Err(refused) => Err(missed(table, inputs, &refused)?),
        Ok(line) => {
            let lookup = line.trace.lookups.first().context("a line tells what was looked up")?;
            let value = |(name, is_number): &(String, bool)| {
                let json = lookup.found.values.get(name.as_str()).cloned().unwrap_or_default();
                read_value(json, *is_number).with_context(|| format!("the value `{name}`"))
            };
            Ok(Looked { row: lookup.found.row.to_string(), values: values.iter().map(value).collect::<Result<_>>()? })
        }
    };
    // A fact that failed would fail in every further run.
    if found.is_ok() {
        world.asking.insert(table.to_owned(), asking);
    }
    Ok(found)
}

fn read_value(json: Json, is_number: bool) -> Result<Value> {
    Ok(match json {
        Json::Array(items) => {
            let items: Vec<Value> = items.into_iter().map(|item| read_value(item, is_number)).collect::<Result<_>>()?;
            Value::List(items)
        }
        Json::String(text) if is_number => Value::Decimal(text.parse()?),
        Json::Number(number) if is_number => Value::Decimal(number.to_string().parse()?),
        other => Value::from_json(&other),
    })
}

/// A company whose sales have the columns of a table, as the table has them.
fn questioned(definitions: &Definitions, table: &str, columns: &Json) -> Result<Company> {
    let columns = columns.as_object().context("a table has columns")?;
    let fields = columns.iter().map(|(column, spec)| {
        let field = match (spec.get("number").is_some(), spec.get("boolean").is_some()) {
            (true, _) => json!({"type": "decimal", "title": column, "scale": 10}),
            (_, true) => json!({"type": "boolean", "title": column}),
            (false, false) => json!({"type": "text", "title": column}),
        };
        (column.clone(), field)
    });
    let fields: Map<String, Json> = fields.collect();
    let with: Map<String, Json> =
        columns.keys().map(|column| (column.clone(), json!(format!("record.{column}")))).collect();
    let definitions = definitions.clone().beside(company(&[])).also_fields("sale", fields)?;
    let definitions = definitions.looking_up(json!({"found": {"lookup": table, "with": with}}));
    let line = json!({"payee": "record.party", "amount": "record.amount"});
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("asker", json!({}))?;
    Ok(company)
}

/// What a refusal says of a look-up.
fn missed(table: &str, inputs: &[Value], refused: &Refused) -> Result<Miss> {
    let row = |place: usize| {
        let id = refused.params["rows"][place].as_str().unwrap_or_default();
        RowName { id: id.into(), record: Uuid::nil() }
    };
    Ok(match refused.code.as_str() {
        "no_price" => Miss::None { table: table.into(), key: inputs.to_vec() },
        "ambiguous_price" => Miss::Ambiguous { table: table.into(), first: row(0), second: row(1) },
        "null_input" => {
            let column = refused.params["column"].as_str().context("a refusal names the empty column")?;
            Miss::NullInput { table: table.into(), column: column.into() }
        }
        _ => bail!("{refused}"),
    })
}

/// What formulas over named numbers come to, under their names.
pub fn answers(formulas: &[(&str, &str)], numbers: &BTreeMap<String, Decimal>) -> Result<Json> {
    answers_of(formulas, &as_values(numbers))
}

/// What formulas over named values come to: numbers, under their names.
pub fn answers_of(formulas: &[(&str, &str)], given: &BTreeMap<String, Value>) -> Result<Json> {
    let values = computed_of(formulas, given)?;
    let mut answer = Map::new();
    for (name, source) in formulas {
        let number = values.get(*name).and_then(Value::as_decimal);
        answer.insert((*name).to_owned(), shown(number.with_context(|| format!("`{source}` gives no number"))?));
    }
    Ok(Json::Object(answer))
}

/// Numbers by name.
pub fn by_name(numbers: &[(&str, Decimal)]) -> BTreeMap<String, Decimal> {
    numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

fn as_values(numbers: &BTreeMap<String, Decimal>) -> BTreeMap<String, Value> {
    numbers.iter().map(|(name, number)| (name.clone(), Value::Decimal(*number))).collect()
}

/// Formulas over named numbers and over those before them; a dotted name is one name.
pub fn computed(formulas: &[(&str, &str)], numbers: &BTreeMap<String, Decimal>) -> Result<BTreeMap<String, Value>> {
    computed_of(formulas, &as_values(numbers))
}

/// The same over numbers and dates.
fn computed_of(formulas: &[(&str, &str)], given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    match place() {
        Place::Engine => evaluated(formulas, given),
        Place::Http(_) => kept(formulas, given),
    }
}

fn evaluated(formulas: &[(&str, &str)], given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    let mut values = given.clone();
    for (name, source) in formulas {
        let value = evaluate(source, &values)?;
        values.insert((*name).to_owned(), value);
    }
    Ok(values)
}

/// A record with the values, whose other fields are computed.
fn kept(formulas: &[(&str, &str)], given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>> {
    let number = |title: &str| json!({"type": "decimal", "title": title, "scale": 10});
    let mut fields = json!({"code": {"type": "text", "title": "Code", "required": true, "unique": true}});
    let mut input = json!({"code": "question"});
    for (name, value) in given {
        fields[undotted(name)] = match value {
            Value::Date(_) => json!({"type": "date", "title": name}),
            _ => number(name),
        };
        input[undotted(name)] = value.to_json();
    }
    for (name, source) in formulas {
        let mut field = number(name);
        // Longer names first: one may begin with another.
        let mut dotted: Vec<&String> = given.keys().filter(|name| name.contains('.')).collect();
        dotted.sort_by_key(|name| std::cmp::Reverse(name.len()));
        field["formula"] =
            json!(dotted.into_iter().fold((*source).to_owned(), |source, name| source.replace(name, &undotted(name))));
        fields[*name] = field;
    }
    let question = json!({"display": "code", "key": "code", "fields": fields});
    let world = Definitions::new().with(Kind::Object, "question", question).compile()?;
    let at = packwork_engine::moment::Moment::parse("2026-06-01T00:00:00Z").context("the moment is one")?;
    let Json::Object(input) = input else { bail!("a record is an object") };
    let mut ground = fresh(world, at)?;
    let id = ground.create("question", input, at)?;
    let record = ground.read("question", id)?;
    let mut values = given.clone();
    for (name, _) in formulas {
        let value = match &record[*name] {
            Json::Null => Value::Null,
            Json::String(text) => Value::Decimal(text.parse().map_err(|_| anyhow!("{name} is `{text}`"))?),
            other => bail!("{name} is {other}"),
        };
        values.insert((*name).to_owned(), value);
    }
    Ok(values)
}

fn undotted(name: &str) -> String {
    name.replace('.', "_")
}
