//! The pure functions every expression has, in one table. Must not know the host's functions.

use super::Type;
use super::operators::{self, Fault, Outcome};
use crate::moment::Date;
use crate::money::Money;
use crate::value::Value;
use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};
use std::cmp::Ordering;

/// One function: its name, how many arguments it takes, what it returns.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    pub(super) args: (usize, usize),
    pub(super) returns: Returns,
    /// What its arguments must be, as far as one word can say it.
    pub(super) takes: Takes,
    /// Whether a null argument is an answer rather than a mistake.
    nulls: Nulls,
    run: fn(&[Value]) -> Outcome,
}

/// The static type of a result.
#[derive(Clone)]
pub(super) enum Returns {
    Always(Type),
    /// The type its first argument has.
    First,
    /// The type all arguments have in common.
    Common,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Anything,
    /// Numbers or money; of `round` only the first.
    Numbers,
    Texts,
    Dates,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Fail,
    Take,
}

/// Most arguments of `min`, `max` and `coalesce`.
const ARGS_MAX: usize = 16;

/// Largest exponent of `pow`: the months of a century.
const EXPONENT_MAX: i64 = 1_200;

/// Places `round` takes: down to quadrillions, which no amount reaches, and all the digits a number has.
const ROUND_PLACES_LEAST: i32 = -15;
const ROUND_PLACES_MOST: i32 = 28;

type Body = fn(&[Value]) -> Outcome;

const fn entry(name: &'static str, args: (usize, usize), takes: Takes, returns: Returns, run: Body) -> Builtin {
    Builtin { name, args, returns, takes, nulls: Nulls::Fail, run }
}

/// A function for which null is an argument like any other.
const fn nullable(name: &'static str, args: (usize, usize), returns: Returns, run: Body) -> Builtin {
    Builtin { name, args, returns, takes: Takes::Anything, nulls: Nulls::Take, run }
}

const BOOL: Returns = Returns::Always(Type::Bool);
const DATE: Returns = Returns::Always(Type::Date);
const DECIMAL: Returns = Returns::Always(Type::Decimal);
const MONEY: Returns = Returns::Always(Type::Money);
const TEXT: Returns = Returns::Always(Type::Text);

/// Sorted by name.
pub(super) static BUILTINS: &[Builtin] = &[
    entry("abs", (1, 1), Takes::Numbers, Returns::First, |args| scaled(&args[0], |n| n.abs())),
    entry("ceil", (1, 1), Takes::Numbers, Returns::First, |args| scaled(&args[0], |n| n.ceil())),
    nullable("coalesce", (1, ARGS_MAX), Returns::Common, |args| Ok(first_known(args))),
    nullable("contains", (2, 2), BOOL, contains),
    entry("date", (1, 1), Takes::Anything, DATE, date),
    entry("day", (1, 1), Takes::Dates, DECIMAL, |args| part(&args[0], |date| date.day().into())),
    entry("days_between", (2, 2), Takes::Dates, DECIMAL, days_between),
    entry("decimal", (1, 1), Takes::Anything, DECIMAL, decimal),
    entry("ends_with", (2, 2), Takes::Texts, BOOL, |args| texts(args).map(|(text, end)| text.ends_with(end).into())),
    entry("floor", (1, 1), Takes::Numbers, Returns::First, |args| scaled(&args[0], |n| n.floor())),
    nullable("if_null", (2, 2), Returns::Common, |args| Ok(first_known(args))),
    nullable("is_null", (1, 1), BOOL, |args| Ok(args[0].is_null().into())),
    entry("len", (1, 1), Takes::Anything, DECIMAL, len),
    entry("lower", (1, 1), Takes::Texts, TEXT, |args| one_text(&args[0], str::to_lowercase)),
    entry("max", (1, ARGS_MAX), Takes::Anything, Returns::Common, |args| extreme(args, Ordering::Greater)),
    entry("min", (1, ARGS_MAX), Takes::Anything, Returns::Common, |args| extreme(args, Ordering::Less)),
    entry("money", (2, 2), Takes::Anything, MONEY, money),
    entry("month", (1, 1), Takes::Dates, DECIMAL, |args| part(&args[0], |date| date.month().into())),
    entry("pow", (2, 2), Takes::Numbers, DECIMAL, pow),
    entry("round", (3, 3), Takes::Numbers, Returns::First, round),
    entry("starts_with", (2, 2), Takes::Texts, BOOL, |args| {
        texts(args).map(|(text, start)| text.starts_with(start).into())
    }),
    nullable("text", (1, 1), TEXT, |args| operators::joined(args)),
    entry("trim", (1, 1), Takes::Texts, TEXT, |args| one_text(&args[0], |text| text.trim().to_owned())),
    entry("upper", (1, 1), Takes::Texts, TEXT, |args| one_text(&args[0], str::to_uppercase)),
    entry("year", (1, 1), Takes::Dates, DECIMAL, |args| part(&args[0], |date| date.year().into())),
];

pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

impl Builtin {
    /// `names` are the paths the arguments were read from, to name the one that is null.
    pub(super) fn call<'a>(&self, args: &[Value], name_of: impl Fn(usize) -> Option<&'a str>) -> Outcome {
        if self.nulls == Nulls::Fail
            && let Some(place) = args.iter().position(Value::is_null)
        {
            let which = name_of(place).map_or_else(|| "null".to_owned(), |name| format!("`{name}` is null and"));
            return Err(Fault::failed(format!("{which} cannot be used with `{}`", self.name)));
        }
        (self.run)(args)
    }
}

fn unfit(function: &str, value: &Value) -> Fault {
    Fault::failed(format!("`{function}` does not go with {}", value.kind()))
}

fn scaled(value: &Value, change: fn(Decimal) -> Decimal) -> Outcome {
    match value {
        Value::Decimal(number) => Ok(Value::Decimal(change(*number))),
        Value::Money(money) => {
            Ok(Value::Money(Money { amount: change(money.amount), currency: money.currency.clone() }))
        }
        other => Err(Fault::failed(format!("a number is needed, not {}", other.kind()))),
    }
}

/// `pow(x, n)`: a number multiplied with itself so many times; the exponent is a whole number, negative for the inverse.
fn pow(args: &[Value]) -> Outcome {
    match (&args[0], &args[1]) {
        (Value::Decimal(base), Value::Decimal(exponent)) if exponent.is_integer() => {
            let exponent = i64::try_from(*exponent).ok().filter(|exponent| exponent.abs() <= EXPONENT_MAX);
            let Some(exponent) = exponent else {
                return Err(Fault::failed(format!("`pow` takes exponents up to {EXPONENT_MAX}")));
            };
            let power = base.checked_powi(exponent.abs());
            let power = if exponent < 0 { power.and_then(|power| Decimal::ONE.checked_div(power)) } else { power };
            power.map(Value::Decimal).ok_or_else(|| Fault::failed("the power has too many digits"))
        }
        (Value::Decimal(_), other) => Err(Fault::failed(format!("`pow` needs a whole exponent, not {}", other.kind()))),
        (other, _) => Err(unfit("pow", other)),
    }
}

/// `round(x, places, mode)`: the mode is always written, since no mode is right everywhere. Places below zero are tens,
/// hundreds and so on.
fn round(args: &[Value]) -> Outcome {
    let places = match &args[1] {
        Value::Decimal(places) if places.is_integer() => i32::try_from(*places).ok(),
        _ => None,
    };
    let Some(places) = places.filter(|places| (ROUND_PLACES_LEAST..=ROUND_PLACES_MOST).contains(places)) else {
        return Err(Fault::failed(format!("`round` needs {ROUND_PLACES_LEAST} to {ROUND_PLACES_MOST} places")));
    };
    let strategy = match args[2].as_text() {
        Some("half_up") => RoundingStrategy::MidpointAwayFromZero,
        Some("half_even") => RoundingStrategy::MidpointNearestEven,
        Some("half_down") => RoundingStrategy::MidpointTowardZero,
        Some("up") => RoundingStrategy::AwayFromZero,
        Some("down") => RoundingStrategy::ToZero,
        Some("ceil") => RoundingStrategy::ToPositiveInfinity,
        Some("floor") => RoundingStrategy::ToNegativeInfinity,
        _ => {
            let modes = "`half_up`, `half_even`, `half_down`, `up`, `down`, `ceil` or `floor`";
            return Err(Fault::failed(format!("the mode of `round` is {modes}")));
        }
    };
    let rounded = |number: Decimal| {
        let Ok(places) = u32::try_from(places) else {
            let step = Decimal::from(10_i64.pow(places.unsigned_abs()));
            let whole = number.checked_div(step).map(|steps| steps.round_dp_with_strategy(0, strategy));
            let whole = whole.and_then(|steps| steps.checked_mul(step));
            return whole.ok_or_else(|| Fault::failed("the rounded number has too many digits"));
        };
        Ok(number.round_dp_with_strategy(places, strategy))
    };
    match &args[0] {
        Value::Decimal(number) => rounded(*number).map(Value::Decimal),
        Value::Money(money) => {
            Ok(Value::Money(Money { amount: rounded(money.amount)?, currency: money.currency.clone() }))
        }
        other => Err(unfit("round", other)),
    }
}

/// The least or greatest argument, or item of the one list given; the first of equals.
fn extreme(args: &[Value], wanted: Ordering) -> Outcome {
    let values = match args {
        [Value::List(items)] => items.as_slice(),
        _ => args,
    };
    let mut values = values.iter();
    let Some(mut best) = values.next() else { return Ok(Value::Null) };
    // A lone value is compared with itself, so that one that has no order fails here too.
    if !matches!(best, Value::Decimal(_)) {
        operators::order(best, best)?;
    }
    for value in values {
        if operators::order(value, best)? == wanted {
            best = value;
        }
    }
    Ok(best.clone())
}

fn first_known(args: &[Value]) -> Value {
    args.iter().find(|value| !value.is_null()).cloned().unwrap_or_default()
}

/// Also what `in` means: null contains nothing.
pub(super) fn contains(args: &[Value]) -> Outcome {
    let found = match (&args[0], &args[1]) {
        (Value::Null, _) => false,
        (Value::List(items), wanted) => items.iter().any(|item| operators::equal(item, wanted)),
        (Value::Text(_), Value::Null) => false,
        (Value::Text(text), Value::Text(part)) => text.contains(&**part),
        (Value::Map(entries), Value::Text(name)) => entries.contains_key(&**name),
        (holder, part) => {
            return Err(Fault::failed(format!("{} cannot contain {}", holder.kind(), part.kind())));
        }
    };
    Ok(Value::Bool(found))
}

fn len(args: &[Value]) -> Outcome {
    let count = match &args[0] {
        Value::Text(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(unfit("len", other)),
    };
    Ok(Value::Decimal(count.into()))
}

fn texts(args: &[Value]) -> Result<(&str, &str), Fault> {
    match (&args[0], &args[1]) {
        (Value::Text(a), Value::Text(b)) => Ok((a, b)),
        (Value::Text(_), other) | (other, _) => Err(Fault::failed(format!("a text is needed, not {}", other.kind()))),
    }
}

fn one_text(value: &Value, change: fn(&str) -> String) -> Outcome {
    match value {
        Value::Text(text) => operators::joined([&Value::Text(change(text).into())]),
        other => Err(Fault::failed(format!("a text is needed, not {}", other.kind()))),
    }
}

fn decimal(args: &[Value]) -> Outcome {
    match &args[0] {
        Value::Text(text) => {
            let unread = || Fault::failed(format!("`{text}` is not a number"));
            Decimal::from_str_exact(text.trim()).map(Value::Decimal).map_err(|_| unread())
        }
        value => value.as_decimal().map(Value::Decimal).ok_or_else(|| unfit("decimal", value)),
    }
}

fn money(args: &[Value]) -> Outcome {
    match (&args[0], &args[1]) {
        (Value::Decimal(amount), Value::Text(currency)) => Ok(Value::Money(Money::new(*amount, currency))),
        (amount, currency) => Err(Fault::failed(format!(
            "`money` needs a number and a text, not {} and {}",
            amount.kind(),
            currency.kind()
        ))),
    }
}

fn date(args: &[Value]) -> Outcome {
    match &args[0] {
        Value::Date(date) => Ok(Value::Date(*date)),
        Value::Text(text) => {
            // Only the ten characters of `2026-06-30`: jiff would also read times and zones.
            let date = if text.len() == 10 { text.parse::<Date>().ok() } else { None };
            date.map(Value::Date).ok_or_else(|| Fault::failed(format!("`{text}` is not a date")))
        }
        other => Err(unfit("date", other)),
    }
}

fn part(value: &Value, pick: fn(Date) -> i64) -> Outcome {
    match value {
        Value::Date(date) => Ok(Value::Decimal(pick(*date).into())),
        other => Err(Fault::failed(format!("a date is needed, not {}", other.kind()))),
    }
}

fn days_between(args: &[Value]) -> Outcome {
    match (&args[0], &args[1]) {
        (Value::Date(from), Value::Date(to)) => Ok(Value::Decimal(operators::days_between(*from, *to))),
        (Value::Date(_), other) | (other, _) => Err(unfit("days_between", other)),
    }
}
