//! Cases of decision tables: hit policies, conditions, and tables that are combined.

use super::Family;
use super::asked::computed;
use super::read::Input;
use super::world::{Definitions, World, any_date, shown};
use anyhow::{Result, anyhow};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Date;
use packwork_engine::settlement::plan::TEXT_SEPARATOR;
use packwork_engine::settlement::table::{Intervals, Miss};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

pub const FAMILIES: &[(&str, Family)] = &[
    ("decision_table.unique", decision_table),
    ("decision_table.first", decision_table),
    ("decision_table.any", decision_table),
    ("decision_table.priority", decision_table),
    ("decision_table.rule_order", decision_table),
    ("decision_table.output_order", decision_table),
    ("decision_table.collect", decision_table),
    ("decision_table.collect_sum", decision_table),
    ("decision_table.collect_min", decision_table),
    ("decision_table.collect_max", decision_table),
    ("decision_table.collect_count", decision_table),
    ("decision_table.composed", composed),
    ("decision_table.strictness", strictness),
];

/// What the cells and inputs of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    /// Days, asked for as numbers in their order: `2026-07-01` is 20260701.
    Day,
    Boolean,
    Text,
}

impl Column {
    fn member(self) -> &'static str {
        match self {
            Column::Number | Column::Day => "number",
            Column::Boolean => "boolean",
            Column::Text => "text",
        }
    }

    /// The one kind that fits every cell and input of a column.
    fn of(cells: &[&Json], inputs: &[&Json]) -> Column {
        let all = || cells.iter().chain(inputs);
        let cells = || cells.iter().flat_map(|json| texts_of(json));
        if all().count() > 0 && all().all(|json| json.is_boolean()) {
            return Column::Boolean;
        }
        let is_number = |json: &&Json| text_of(json).parse::<Decimal>().is_ok() && !json.is_boolean();
        // `007` is a code, and no other than itself.
        let is_code = |text: &str| text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
        // Where a cell compares, an input that is no number only meets none of the cells.
        let compares = cells().any(|text| text.parse::<Decimal>().is_err() && !text.contains('"'));
        let a_number = cells().all(|text| number_condition(&text).is_some());
        if a_number && !all().any(|json| texts_of(json).iter().any(|text| is_code(text))) {
            return match inputs.iter().all(is_number) || compares && inputs.iter().any(is_number) {
                true => Column::Number,
                false => Column::Text,
            };
        }
        let a_day = cells().all(|text| days_as_numbers(&text).is_some_and(|text| number_condition(&text).is_some()));
        match a_day && inputs.iter().all(|json| text_of(json).parse::<Date>().is_ok()) {
            true => Column::Day,
            false => Column::Text,
        }
    }

    fn input(self, input: &Input<'_>) -> Result<Value> {
        Ok(match self {
            Column::Number => input.decimal().map_or_else(|_| Value::text(&text_of(input.json)), Value::Decimal),
            Column::Day => {
                let day = days_as_numbers(input.text()?).and_then(|day| day.parse().ok());
                Value::Decimal(day.ok_or_else(|| input.wrong("day"))?)
            }
            Column::Boolean => Value::Bool(input.json.as_bool().ok_or_else(|| input.wrong("yes or no"))?),
            Column::Text => Value::text(&text_of(input.json)),
        })
    }

    /// A cell as a row of a rate table states it.
    fn cell(self, cell: &Json) -> Json {
        let several = texts_of(cell);
        // Of several conditions one must hold.
        let any = |conditions: Vec<String>| json!(conditions.join(" or "));
        match self {
            Column::Boolean => cell.clone(),
            Column::Text => text_cell(&several),
            Column::Number => any(several.iter().filter_map(|text| number_condition(text)).collect()),
            Column::Day => {
                let numbers = several.iter().filter_map(|text| days_as_numbers(text));
                any(numbers.filter_map(|text| number_condition(&text)).collect())
            }
        }
    }
}

/// A condition on a number. Some write the comma for "or": they mean that where no number could meet both.
fn number_condition(text: &str) -> Option<String> {
    let either = || text.replace(',', " or ");
    [text.to_owned(), either()].into_iter().find(|text| text.parse::<Intervals>().is_ok())
}

/// A condition with its days, also as `date("2026-07-01")`, written as numbers; none where it has no day.
fn days_as_numbers(text: &str) -> Option<String> {
    const DAY: usize = "2026-07-01".len();
    let mut rest = text.replace("date(\"", "").replace("\")", "").replace('"', "");
    let mut written = String::new();
    let mut days = 0;
    while !rest.is_empty() {
        let day = rest.get(..DAY).filter(|day| day.parse::<Date>().is_ok());
        days += usize::from(day.is_some());
        match day {
            Some(day) => written.push_str(&day.replace('-', "")),
            None => written.extend(rest.chars().next()),
        }
        rest = rest.split_off(day.map_or_else(|| rest.chars().next().map_or(0, char::len_utf8), str::len));
    }
    (days > 0).then_some(written)
}

/// A condition that holds for anything.
fn is_open(json: &Json) -> bool {
    json.is_null() || matches!(json.as_str().map(str::trim), Some("" | "-" | "*"))
}

fn text_of(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn texts_of(json: &Json) -> Vec<String> {
    json.as_array().map_or_else(|| vec![text_of(json)], |items| items.iter().map(text_of).collect())
}

/// What a row gives for an output that its rule leaves out, or says to be null: rows state every value.
const LEFT_OUT: &str = "∅";
const NULL: &str = "␀";

/// A decision table as a rate table `t`: its columns and values under names of their own, `c0`, `v0`.
pub struct DecisionTable {
    world: World,
    inputs: Vec<(String, Column)>,
    /// Each with the digits after the point of its numbers; texts have none.
    outputs: Vec<(String, Option<u32>)>,
    policy: String,
}

impl DecisionTable {
    /// From a table as cases write it, and the inputs it will be asked, which help to tell numbers from texts.
    pub fn of(table: &Input<'_>, asked: &[Input<'_>]) -> Result<DecisionTable> {
        let rules = table.get("rules")?.items()?;
        let policy = match table.get("hit_policy")?.text()?.to_lowercase().replace(' ', "_").as_str() {
            "collect" => "rule_order".to_owned(),
            other => other.to_owned(),
        };
        let mut names: Vec<String> = Vec::new();
        if let Some(inputs) = table.find("inputs") {
            for input in inputs.items()? {
                names.push(input.text()?.to_owned());
            }
        }
        let mut outputs: Vec<String> = Vec::new();
        for rule in &rules {
            for (name, _) in rule.get("when")?.members()? {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            for (name, _) in rule.get("then")?.members()? {
                if !outputs.iter().any(|known| known == name) {
                    outputs.push(name.to_owned());
                }
            }
        }
        let cells = |name: &str| -> Vec<&Json> {
            let cells = rules.iter().filter_map(|rule| rule.json.get("when")?.get(name));
            cells.filter(|cell| !is_open(cell)).collect()
        };
        let inputs: Vec<(String, Column)> = names
            .into_iter()
            .map(|name| {
                let given: Vec<&Json> =
                    asked.iter().filter_map(|input| input.json.get(&name)).filter(|json| !json.is_null()).collect();
                let column = Column::of(&cells(&name), &given);
                (name, column)
            })
            .collect();
        if outputs.is_empty() {
            outputs.push("value".to_owned());
        }
        let outputs: Vec<(String, Option<u32>)> = outputs
            .into_iter()
            .map(|name| {
                let given = rules.iter().map(|rule| rule.json.get("then")?.get(&name));
                let mut scales = given.map(|json| Some(text_of(json?).parse::<Decimal>().ok()?.scale()));
                let scale = scales.try_fold(0, |most: u32, scale| Some(most.max(scale?)));
                (name, scale)
            })
            .collect();
        let mut rows = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            rows.push(Json::Object(row(index, rule, &inputs, &outputs)?));
        }
        let columns: Map<String, Json> = inputs
            .iter()
            .enumerate()
            .map(|(index, (_, column))| (format!("c{index}"), json!({column.member(): true})))
            .collect();
        let values: Map<String, Json> = outputs
            .iter()
            .enumerate()
            .map(|(index, (_, scale))| {
                let kind = scale.map_or(json!({"type": "text"}), |scale| json!({"type": "decimal", "scale": scale}));
                (format!("v{index}"), kind)
            })
            .collect();
        let mut definition =
            json!({"hit": policy, "columns": columns, "values": values, "specificity": [], "rows": rows});
        if let Some(priority) = table.find("output_priority") {
            let mut lists = Map::new();
            // A list without a name is that of the first output.
            let of_first = match (priority.items(), outputs.first()) {
                (Ok(_), Some((first, _))) => vec![(first.as_str(), priority.clone())],
                _ => Vec::new(),
            };
            let listed = if of_first.is_empty() { priority.members()? } else { of_first };
            for (name, list) in listed {
                let place = outputs.iter().position(|(known, _)| known == name);
                let place = place.ok_or_else(|| anyhow!("the table has no output {name}"))?;
                lists.insert(format!("v{place}"), list.several().iter().map(|item| text_of(item.json)).collect());
            }
            definition["priority"] = Json::Object(lists);
        }
        let world = Definitions::new().with(Kind::RateTable, "t", definition).compile()?;
        Ok(DecisionTable { world, inputs, outputs, policy })
    }

    /// What the table says to one input.
    pub fn ask(&mut self, input: &Input<'_>) -> Result<Result<Json, Miss>> {
        let mut asked = Vec::new();
        for (name, column) in &self.inputs {
            asked.push(input.find(name).map_or(Ok(Value::Null), |input| column.input(&input))?);
        }
        let found = match self.world.look_up("t", &asked, any_date())? {
            Ok(found) => found,
            Err(miss) => return Ok(Err(miss)),
        };
        let shown_value = |value: &Value| match value {
            Value::Decimal(number) => shown(*number),
            // Yes and no are kept as texts.
            Value::Text(text) if matches!(&**text, "true" | "false") => json!(&**text == "true"),
            Value::Text(text) if &**text == NULL => Json::Null,
            other => other.to_json(),
        };
        let members = |values: &mut dyn Iterator<Item = &Value>| -> Map<String, Json> {
            let stated = self.outputs.iter().zip(values).filter(|(_, value)| value.as_text() != Some(LEFT_OUT));
            stated.map(|((name, _), value)| (name.clone(), shown_value(value))).collect()
        };
        if self.policy.ends_with("_order") {
            let lists: Vec<&[Value]> = found
                .values
                .iter()
                .map(|list| match list {
                    Value::List(items) => items.as_slice(),
                    other => std::slice::from_ref(other),
                })
                .collect();
            let rows = lists.first().map_or(0, |list| list.len());
            let row = |place: usize| Json::Object(members(&mut lists.iter().map(|list| &list[place])));
            return Ok(Ok((0..rows).map(row).collect()));
        }
        if self.policy.starts_with("collect") && (self.outputs.len() == 1 || self.policy == "collect_count") {
            return Ok(Ok(found.values.first().map(shown_value).unwrap_or_default()));
        }
        Ok(Ok(Json::Object(members(&mut found.values.iter()))))
    }

    /// The name a case knows a column by.
    fn column_name(&self, own: &str) -> String {
        let place = own.strip_prefix('c').and_then(|place| place.parse::<usize>().ok());
        place.and_then(|place| self.inputs.get(place)).map_or_else(|| own.to_owned(), |(name, _)| name.clone())
    }
}

fn row(
    index: usize,
    rule: &Input<'_>,
    inputs: &[(String, Column)],
    outputs: &[(String, Option<u32>)],
) -> Result<Map<String, Json>> {
    let mut row = Map::new();
    row.insert("id".to_owned(), json!(format!("r{index}")));
    row.insert("valid".to_owned(), json!(["1900-01-01", null]));
    for (place, (name, column)) in inputs.iter().enumerate() {
        let Some(cell) = rule.json.get("when").and_then(|when| when.get(name)).filter(|cell| !is_open(cell)) else {
            continue;
        };
        row.insert(format!("c{place}"), column.cell(cell));
    }
    for (place, (name, _)) in outputs.iter().enumerate() {
        let value = match rule.json.get("then").and_then(|then| then.get(name)) {
            None => LEFT_OUT.to_owned(),
            Some(Json::Null) => NULL.to_owned(),
            Some(value) => text_of(value),
        };
        row.insert(format!("v{place}"), json!(value));
    }
    Ok(row)
}

/// Texts of which one must be met, or none of those in `not(…)` or after `!=`; each may stand in quotes, as FEEL writes
/// them.
fn text_cell(several: &[String]) -> Json {
    if let [only] = several {
        let only = only.trim();
        let others = only.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')'));
        let other = only.strip_prefix("!=").or_else(|| only.strip_prefix("<>"));
        if let Some(others) = others.or(other) {
            return json!(format!("not({})", listed(others, ',').join(TEXT_SEPARATOR)));
        }
    }
    let any = several.iter().flat_map(|text| {
        let text = text.trim();
        let text = text.strip_prefix("==").or_else(|| text.strip_prefix('=')).unwrap_or(text).trim();
        // Without quotes a comma belongs to the text.
        if text.starts_with('"') { listed(text, ',') } else { vec![text.to_owned()] }
    });
    match any.collect::<Vec<_>>().as_slice() {
        [only] => json!(only),
        several => json!(several),
    }
}

/// The texts of a list, without their quotes; inside quotes the separator is part of the text.
fn listed(text: &str, separator: char) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => texts.push(String::new()),
            _ => texts.last_mut().into_iter().for_each(|text| text.push(letter)),
        }
    }
    texts.iter().map(|text| text.trim().to_owned()).collect()
}

fn decision_table(input: &Input<'_>) -> Result<Json> {
    let asked = input.either(&["inputs", "input"])?.several();
    let mut table = DecisionTable::of(&input.get("table")?, &asked)?;
    let policy = table.policy.to_uppercase();
    let default = input.get("table")?.find("default").map_or(Json::Null, |default| default.json.clone());
    let mut outputs = Vec::new();
    for input in &asked {
        outputs.push(match table.ask(input)? {
            Ok(output) => output,
            Err(Miss::None { .. }) => default.clone(),
            Err(Miss::Ambiguous { .. }) => json!({"error": format!("{policy}_VIOLATION")}),
            Err(Miss::NullInput { .. }) => json!({"error": "MISSING_INPUT"}),
            Err(other) => return Err(other.into()),
        });
    }
    Ok(json!({"output": outputs.first(), "outputs": outputs}))
}

/// Named rules over the inputs, each a number, `5 if age < 18 or age >= 60`, or a formula over the ones before.
fn composed(input: &Input<'_>) -> Result<Json> {
    let rules = input.get("rules")?.members()?;
    let rules: Vec<(&str, String)> =
        rules.into_iter().map(|(name, rule)| (name, as_expression(&text_of(rule.json)))).collect();
    let formulas: Vec<(&str, &str)> = rules.iter().map(|(name, source)| (*name, source.as_str())).collect();
    let mut days = Vec::new();
    for asked in input.get("inputs")?.items()? {
        let mut numbers: BTreeMap<String, Decimal> = BTreeMap::new();
        for (name, given) in asked.members()? {
            numbers.insert(name.to_owned(), given.decimal()?);
        }
        let values = computed(&formulas, &numbers)?;
        let last = formulas.last().and_then(|(name, _)| values.get(*name)?.as_decimal());
        days.push(last.map_or(Json::Null, shown));
    }
    Ok(json!({"days": days}))
}

/// `2 if 15<=years<30 or age>=45 else 1` in the engine's own words; what does not hold gives nothing.
pub(super) fn as_expression(rule: &str) -> String {
    let Some((value, condition)) = rule.split_once(" if ") else { return rule.to_owned() };
    let (condition, otherwise) = condition.split_once(" else ").unwrap_or((condition, "0"));
    let term = |term: &str| match term.trim().strip_prefix("not ") {
        Some(term) => format!("!({})", chained(term)),
        None => chained(term),
    };
    let or: Vec<String> =
        condition.split(" or ").map(|part| part.split(" and ").map(term).collect::<Vec<_>>().join(" && ")).collect();
    format!("if {} {{ {value} }} else {{ {} }}", or.join(" || "), as_expression(otherwise))
}

/// `15<=years<30` as two comparisons that must both hold.
fn chained(comparison: &str) -> String {
    let mut operands = Vec::new();
    let mut operators = Vec::new();
    let mut operand = String::new();
    let mut letters = comparison.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        if !"<>=!".contains(letter) {
            operand.push(letter);
            continue;
        }
        let mut operator = letter.to_string();
        operator.extend(letters.next_if_eq(&'='));
        operands.push(std::mem::take(&mut operand));
        operators.push(if operator == "=" { "==".to_owned() } else { operator });
    }
    operands.push(operand);
    let pairs = operands.windows(2).zip(operators);
    let pairs: Vec<String> =
        pairs.map(|(pair, operator)| format!("{} {operator} {}", pair[0].trim(), pair[1].trim())).collect();
    if pairs.is_empty() { comparison.to_owned() } else { pairs.join(" && ") }
}

/// A column that is used must be given, and a comma between conditions means that both hold.
fn strictness(input: &Input<'_>) -> Result<Json> {
    if let Some(rows) = input.find("rows") {
        let rules: Vec<Json> = rows
            .items()?
            .iter()
            .enumerate()
            .map(|(place, row)| json!({"when": {"amount": row.json}, "then": {"row": place}}))
            .collect();
        let table = json!({"hit_policy": "FIRST", "inputs": ["amount"], "rules": rules});
        let mut table = DecisionTable::of(&Input::of(&table), std::slice::from_ref(input))?;
        let found = table.ask(input)?;
        return Ok(json!({"intended_row": found.map_or(Json::Null, |row| row["row"].clone())}));
    }
    let column = input.get("table_reads")?;
    let table = json!({
        "hit_policy": "FIRST",
        "inputs": [column.text()?],
        "rules": [{"when": {column.text()?: ">= 0"}, "then": {"value": "found"}}],
    });
    let asked = input.get("input")?;
    let mut table = DecisionTable::of(&Input::of(&table), std::slice::from_ref(&asked))?;
    Ok(match table.ask(&asked)? {
        Ok(found) => json!({"required": found["value"]}),
        Err(Miss::NullInput { column, .. }) => {
            json!({"required": format!("error MISSING_INPUT {}", table.column_name(&column))})
        }
        Err(other) => json!({"required": format!("error {other}")}),
    })
}
