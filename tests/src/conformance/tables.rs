//! Cases of decision tables: hit policies, conditions, and tables that are combined.

use super::Family;
use super::asked::computed;
use super::read::Input;
use super::world::{Definitions, World, any_date, shown};
use anyhow::{Context, Result, anyhow};
use packwork_engine::definition::Kind;
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
    Boolean,
    Text,
}

impl Column {
    fn member(self) -> &'static str {
        match self {
            Column::Number => "number",
            Column::Boolean => "boolean",
            Column::Text => "text",
        }
    }

    /// The one kind that fits every cell and input of a column.
    fn of(cells: &[&Json], inputs: &[&Json]) -> Column {
        let all = |fits: fn(&Json) -> bool| cells.iter().chain(inputs).all(|json| fits(json));
        let a_condition = |json: &&Json| texts_of(json).iter().all(|text| text.parse::<Intervals>().is_ok());
        let a_number =
            |json: &&Json| json.is_number() || json.as_str().is_some_and(|text| text.parse::<Decimal>().is_ok());
        if cells.len() + inputs.len() > 0 && all(Json::is_boolean) {
            return Column::Boolean;
        }
        // `007` is a code, and no other than itself.
        let a_code = |json: &&Json| {
            texts_of(json).iter().any(|text| text.len() > 1 && text.starts_with('0') && !text.starts_with("0."))
        };
        let none_codes = !cells.iter().chain(inputs).any(a_code);
        match none_codes && cells.iter().all(a_condition) && inputs.iter().all(a_number) {
            true => Column::Number,
            false => Column::Text,
        }
    }

    fn input(self, input: &Input<'_>) -> Result<Value> {
        Ok(match self {
            Column::Number => Value::Decimal(input.decimal()?),
            Column::Boolean => Value::Bool(input.json.as_bool().ok_or_else(|| input.wrong("yes or no"))?),
            Column::Text => Value::text(&text_of(input.json)),
        })
    }
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

/// A decision table as a rate table `t`: its columns and values under names of their own, `c0`, `v0`.
pub struct DecisionTable {
    world: World,
    inputs: Vec<(String, Column)>,
    outputs: Vec<(String, bool)>,
    policy: String,
}

impl DecisionTable {
    /// From a table as cases write it, and the inputs it will be asked, which help to tell numbers from texts.
    pub fn of(table: &Input<'_>, asked: &[Input<'_>]) -> Result<DecisionTable> {
        let rules = table.get("rules")?.items()?;
        let policy = table.get("hit_policy")?.text()?.to_lowercase().replace(' ', "_");
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
        let outputs: Vec<(String, bool)> = outputs
            .into_iter()
            .map(|name| {
                let given = rules.iter().filter_map(|rule| rule.json.get("then")?.get(&name));
                let numbers = given.into_iter().all(|json| text_of(json).parse::<Decimal>().is_ok());
                (name, numbers)
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
            .map(|(index, (_, numbers))| {
                let kind = if *numbers { json!({"type": "decimal", "scale": 8}) } else { json!({"type": "text"}) };
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
            other => other.to_json(),
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
            let row = |place: usize| -> Json {
                let members = self.outputs.iter().zip(&lists);
                Json::Object(members.map(|((name, _), list)| (name.clone(), shown_value(&list[place]))).collect())
            };
            return Ok(Ok((0..rows).map(row).collect()));
        }
        let mut values = self.outputs.iter().zip(&found.values).map(|((name, _), value)| (name, shown_value(value)));
        if self.policy.starts_with("collect") && (self.outputs.len() == 1 || self.policy == "collect_count") {
            return Ok(Ok(values.next().map(|(_, value)| value).unwrap_or_default()));
        }
        Ok(Ok(Json::Object(values.map(|(name, value)| (name.clone(), value)).collect())))
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
    outputs: &[(String, bool)],
) -> Result<Map<String, Json>> {
    let mut row = Map::new();
    row.insert("id".to_owned(), json!(format!("r{index}")));
    row.insert("valid".to_owned(), json!(["1900-01-01", null]));
    for (place, (name, column)) in inputs.iter().enumerate() {
        let Some(cell) = rule.json.get("when").and_then(|when| when.get(name)).filter(|cell| !is_open(cell)) else {
            continue;
        };
        let cell = match (column, texts_of(cell).as_slice()) {
            (Column::Boolean, _) => cell.clone(),
            (Column::Text, several) => text_cell(several),
            // Of several conditions one must hold.
            (Column::Number, several) => json!(several.join(" or ")),
        };
        row.insert(format!("c{place}"), cell);
    }
    for (place, (name, _)) in outputs.iter().enumerate() {
        let value = rule.json.get("then").and_then(|then| then.get(name));
        let value = value.with_context(|| format!("rule {index} has no output {name}"))?;
        row.insert(format!("v{place}"), json!(text_of(value)));
    }
    Ok(row)
}

/// Texts of which one must be met, or none of those in `not(…)`; each may stand in quotes, as FEEL writes them.
fn text_cell(several: &[String]) -> Json {
    let several: Vec<&str> = several.iter().flat_map(|text| feel_texts(text)).collect();
    match several.as_slice() {
        [only] => match only.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')')) {
            Some(others) => {
                let others: Vec<&str> = others.split(',').map(|text| text.trim().trim_matches('"')).collect();
                json!(format!("not({})", others.join(TEXT_SEPARATOR)))
            }
            None => json!(only),
        },
        several => json!(several),
    }
}

/// `"A", "B"` is two texts; without quotes a comma belongs to the text.
fn feel_texts(text: &str) -> Vec<&str> {
    match text.trim().starts_with('"') {
        true => text.split(',').map(|part| part.trim().trim_matches('"')).collect(),
        false => vec![text],
    }
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

/// `2 if 15<=years<30 or age>=45` in the engine's own words; what does not hold gives nothing.
pub(super) fn as_expression(rule: &str) -> String {
    let (value, condition) = match rule.split_once(" if ") {
        None => return rule.to_owned(),
        Some(parts) => parts,
    };
    let (condition, otherwise) = condition.split_once(" else ").unwrap_or((condition, "0"));
    let or: Vec<String> =
        condition.split(" or ").map(|part| part.split(" and ").map(chained).collect::<Vec<_>>().join(" && ")).collect();
    format!("if {} {{ {value} }} else {{ {otherwise} }}", or.join(" || "))
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
