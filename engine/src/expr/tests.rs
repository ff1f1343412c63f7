//! Cases of the expression language. Each is evaluated lowered and in Rhai; the two must agree.

use super::*;
use crate::moment::{Date, Moment};
use crate::money::Money;
use rust_decimal::Decimal;
use std::cell::RefCell;
use std::collections::BTreeMap;

mod limits;
mod meaning;
mod names;

const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec { name: "rate", args: (2, 3), returns: Type::Map, watched: false },
    FunctionSpec { name: "amount", args: (2, 2), returns: Type::Money, watched: false },
    FunctionSpec { name: "sequence", args: (1, 1), returns: Type::Text, watched: false },
];

/// Facts by dotted path; a path that is not there is missing. Remembers the calls made.
#[derive(Default)]
struct Facts {
    values: BTreeMap<String, Value>,
    calls: RefCell<Vec<String>>,
}

impl Facts {
    fn of(values: &[(&str, Value)]) -> Facts {
        let values = values.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        Facts { values, calls: RefCell::default() }
    }
}

impl Env for Facts {
    fn get(&self, path: &Path) -> Result<Value, EvalError> {
        self.values.get(&path.to_string()).cloned().ok_or(EvalError::Missing)
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, EvalError> {
        self.calls.borrow_mut().push(function.to_owned());
        match (function, args) {
            ("rate", [table, ..]) => Ok(map(&[("price", number("2.50")), ("table", table.clone())])),
            ("amount", [Value::Map(rate), Value::Decimal(quantity)]) => {
                let price = rate["price"].as_decimal().expect("the price is a number");
                Ok(money_of(price * quantity, "CNY"))
            }
            ("sequence", [_]) => Ok(Value::text(&format!("N{}", self.calls.borrow().len()))),
            _ => Err(EvalError::Missing),
        }
    }
}

fn number(text: &str) -> Value {
    Value::Decimal(text.parse().expect("the case holds a number"))
}

fn money_of(amount: Decimal, currency: &str) -> Value {
    Value::Money(Money::new(amount, currency))
}

fn money(amount: &str, currency: &str) -> Value {
    money_of(amount.parse().expect("the case holds an amount"), currency)
}

fn date(text: &str) -> Value {
    Value::Date(text.parse::<Date>().expect("the case holds a date"))
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn list(items: &[Value]) -> Value {
    Value::List(items.to_vec())
}

const BARE: &[&str] = &["quantity", "customer", "kind", "price", "nothing", "items", "due", "done_at", "flag"];

fn is_bare(name: &str) -> bool {
    BARE.contains(&name)
}

fn scope() -> Scope<'static> {
    Scope { roots: &["record", "line", "user"], bare: Some(&is_bare), functions: FUNCTIONS }
}

fn facts() -> Facts {
    Facts::of(&[
        ("record.quantity", number("3")),
        ("record.customer", Value::text("c-1")),
        ("record.customer.region", Value::text("north")),
        ("record.customer.region.tier", number("2")),
        ("record.kind", Value::text("repair")),
        ("record.price", money("19.90", "CNY")),
        ("record.nothing", Value::Null),
        ("record.flag", Value::Bool(true)),
        ("record.due", date("2026-02-27")),
        ("record.done_at", Value::Moment(Moment::from_micros(1_000_000))),
        ("record.items", list(&[map(&[("cost", number("1.5"))]), map(&[("cost", number("2"))])])),
        ("record.price.amount", number("19.90")),
        ("line.amount", money("5", "USD")),
        ("line.tax", money("1", "CNY")),
        ("user.name", Value::text("Li")),
        ("record", map(&[("id", Value::text("r-1"))])),
    ])
}

/// What a case expects: a value, or a code with line and column.
#[derive(Clone, Debug, PartialEq)]
enum Expect {
    Is(Value),
    Fails(Code, usize, usize),
    Missing,
}
use Expect::{Fails, Is};

fn outcome(expr: &Expr, env: &Facts) -> (Expect, String) {
    match expr.eval(env) {
        Ok(value) => (Is(value), String::new()),
        Err(EvalError::Missing) => (Expect::Missing, String::new()),
        Err(EvalError::Failed(error)) => (Fails(error.code, error.line, error.column), error.message),
    }
}

/// Compiles, evaluates lowered (where it can be) and in Rhai, and compares both with what is expected; reports
/// every case that differs.
fn check_all(cases: &[(&str, Expect)]) {
    let env = facts();
    let mut wrong = Vec::new();
    for (source, expect) in cases {
        for lowering in [true, false] {
            let (found, message) = match Expr::compile_as(source, &scope(), lowering) {
                Ok(expr) => outcome(&expr, &env),
                Err(error) => (Fails(error.code, error.line, error.column), error.message),
            };
            if found != *expect {
                wrong.push(format!("{source} (lowering {lowering}): {found:?}, not {expect:?}; {message}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compile(source: &str) -> Expr {
    Expr::compile(source, &scope()).unwrap_or_else(|error| panic!("`{source}` compiles: {error}"))
}

fn is(value: Value) -> Expect {
    Is(value)
}

fn yes() -> Expect {
    Is(Value::Bool(true))
}

fn no() -> Expect {
    Is(Value::Bool(false))
}

fn num(text: &str) -> Expect {
    Is(number(text))
}
