//! What a script was run with: what it read and what the host answered, kept so that it can be run again.

use super::{Env, EvalError, Expr, ExprError, Path};
use crate::codes::Code;
use crate::moment::{Date, Moment};
use crate::money::Money;
use crate::value::Value;
use serde_json::{Value as Json, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Told what scripts cost, by whoever runs the engine.
pub trait Watch: Send + Sync + fmt::Debug {
    /// Microseconds of a clock that does not go back.
    fn now(&self) -> u64;

    fn ran(&self, run: Ran<'_>);
}

/// One run of a script. A run that stopped for lack of facts is told too: it has cost something.
pub struct Ran<'a> {
    pub script: &'a Arc<str>,
    pub operations: u64,
    pub micros: u64,
    pub outcome: &'a Result<Value, EvalError>,
    pub inputs: &'a Inputs,
}

/// What one run read and was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    pub reads: Arc<BTreeMap<String, Result<Value, EvalError>>>,
    /// Calls of the host with their answers, in order.
    pub calls: Vec<(String, Vec<Value>, Value)>,
}

impl Inputs {
    pub fn to_json(&self) -> Json {
        let read = |value: &Result<Value, EvalError>| match value {
            Ok(value) => json!({"value": tagged(value)}),
            Err(EvalError::Missing) => json!({"missing": true}),
            Err(EvalError::Failed(error)) => json!({"failed": error.message}),
        };
        let reads: serde_json::Map<String, Json> =
            self.reads.iter().map(|(path, value)| (path.clone(), read(value))).collect();
        let calls: Vec<Json> = self
            .calls
            .iter()
            .map(|(function, args, answer)| {
                let args: Vec<Json> = args.iter().map(tagged).collect();
                json!({"function": function, "args": args, "answer": tagged(answer)})
            })
            .collect();
        json!({"reads": reads, "calls": calls})
    }

    /// `None` where the document is none.
    pub fn from_json(json: &Json) -> Option<Inputs> {
        let read = |json: &Json| -> Option<Result<Value, EvalError>> {
            if let Some(value) = json.get("value") {
                return Some(Ok(untagged(value)?));
            }
            match json.get("failed") {
                Some(message) => Some(Err(failed(message.as_str()?.to_owned()))),
                None => Some(Err(EvalError::Missing)),
            }
        };
        let reads = json.get("reads")?.as_object()?.iter();
        let reads = reads.map(|(path, value)| Some((path.clone(), read(value)?))).collect::<Option<_>>()?;
        let call = |json: &Json| {
            let args = json.get("args")?.as_array()?.iter().map(untagged).collect::<Option<Vec<_>>>()?;
            Some((json.get("function")?.as_str()?.to_owned(), args, untagged(json.get("answer")?)?))
        };
        let calls = json.get("calls")?.as_array()?.iter().map(call).collect::<Option<_>>()?;
        Some(Inputs { reads: Arc::new(reads), calls })
    }

    /// Runs an expression with these inputs instead of facts. What it asks beyond them fails.
    pub fn replay(&self, expr: &Expr) -> Result<Value, EvalError> {
        expr.eval_unbarred(&Replay { inputs: self, used: Cell::new(0) })
    }
}

struct Replay<'a> {
    inputs: &'a Inputs,
    used: Cell<usize>,
}

impl Env for Replay<'_> {
    fn get(&self, path: &Path) -> Result<Value, EvalError> {
        match self.inputs.reads.get(&path.to_string()) {
            Some(value) => value.clone(),
            None => Err(failed(format!("`{path}` was not read when the inputs were kept"))),
        }
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, EvalError> {
        let used = self.used.get();
        self.used.set(used + 1);
        match self.inputs.calls.get(used) {
            Some((known, with, answer)) if known == function && with == args => Ok(answer.clone()),
            _ => Err(failed(format!("`{function}` was not asked this when the inputs were kept"))),
        }
    }
}

fn failed(message: String) -> EvalError {
    EvalError::Failed(ExprError { code: Code::ScriptFailed, message, line: 1, column: 1 })
}

/// A value whose kind can be read back.
pub fn tagged(value: &Value) -> Json {
    match value {
        Value::Null | Value::Bool(_) | Value::Text(_) => value.to_json(),
        Value::Decimal(_) | Value::Date(_) | Value::Moment(_) | Value::Id(_) | Value::Money(_) => {
            json!({value.kind(): value.to_json()})
        }
        Value::List(items) => items.iter().map(tagged).collect(),
        Value::Map(entries) => {
            let entries: serde_json::Map<String, Json> =
                entries.iter().map(|(name, value)| (name.clone(), tagged(value))).collect();
            json!({"map": entries})
        }
    }
}

fn untagged(json: &Json) -> Option<Value> {
    let (kind, inner) = match json {
        Json::Null => return Some(Value::Null),
        Json::Bool(flag) => return Some(Value::Bool(*flag)),
        Json::String(text) => return Some(Value::text(text)),
        Json::Number(_) => return None,
        Json::Array(items) => return items.iter().map(untagged).collect::<Option<_>>().map(Value::List),
        Json::Object(members) => members.iter().next()?,
    };
    let text = || inner.as_str();
    Some(match kind.as_str() {
        "decimal" => Value::Decimal(text()?.parse().ok()?),
        "date" => Value::Date(text()?.parse::<Date>().ok()?),
        "date_time" => Value::Moment(Moment::parse(text()?)?),
        "reference" => Value::Id(text()?.parse().ok()?),
        "money" => {
            let amount = inner.get("amount")?.as_str()?.parse().ok()?;
            Value::Money(Money::new(amount, inner.get("currency")?.as_str()?))
        }
        "map" => {
            let entries = inner.as_object()?.iter();
            Value::Map(entries.map(|(name, value)| Some((name.clone(), untagged(value)?))).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn inputs_are_read_back_as_they_were() {
        let date = Date::from_str("2026-03-31").expect("a date");
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Decimal("-1.50".parse().expect("a number")),
            Value::text("1.5"),
            Value::Date(date),
            Value::Moment(Moment::from_micros(1_774_000_000_000_001)),
            Value::Id(uuid::Uuid::from_u128(7)),
            Value::Money(Money::new("0.10".parse().expect("a number"), "CNY")),
            Value::List(vec![Value::text("a"), Value::Null]),
            Value::Map(BTreeMap::from([("decimal".to_owned(), Value::text("x"))])),
        ];
        let reads = values.iter().enumerate().map(|(at, value)| (format!("record.f{at}"), Ok(value.clone())));
        let reads = reads.chain([("record.gone".to_owned(), Err(EvalError::Missing))]).collect();
        let calls = vec![("lookup".to_owned(), values.to_vec(), Value::Bool(false))];
        let inputs = Inputs { reads: Arc::new(reads), calls };
        assert_eq!(Inputs::from_json(&inputs.to_json()), Some(inputs));
    }
}
