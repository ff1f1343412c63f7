//! What the operators mean, on values: the one meaning, used by the tree and by Rhai alike.
//! Must not know where a value came from; whoever calls adds the place to a [`Fault`].

use super::{At, EvalError};
use crate::codes::Code;
use crate::money::Money;
use crate::value::Value;
use rust_decimal::{Decimal, MathematicalOps};
use std::cmp::Ordering;

/// Longest text a script may make, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 65_536;
/// Longest list a script may make.
pub(super) const LIST_ITEMS_MAX: usize = 10_000;
/// Largest map a script may make.
pub(super) const MAP_ENTRIES_MAX: usize = 1_000;

/// What went wrong, before it is known where.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: String,
}

pub(super) type Outcome = Result<Value, Fault>;

impl Fault {
    pub(super) fn failed(message: impl Into<String>) -> Fault {
        Fault { code: Code::ScriptFailed, message: message.into() }
    }

    pub(super) fn limit(message: impl Into<String>) -> Fault {
        Fault { code: Code::ScriptLimit, message: message.into() }
    }

    pub(super) fn at(self, at: At) -> EvalError {
        EvalError::Failed(at.error(self.code, self.message))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(super) fn of(symbol: &str) -> Option<Operator> {
        Some(match symbol {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            "**" => Operator::Power,
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Power => "**",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
        }
    }
}

/// The paths the operands were read from, to name them when they are null.
pub(super) type Names<'a> = (Option<&'a str>, Option<&'a str>);

pub(super) fn binary(operator: Operator, left: &Value, right: &Value, names: Names<'_>) -> Outcome {
    if let (Value::Decimal(a), Value::Decimal(b)) = (left, right) {
        return decimals(operator, *a, *b);
    }
    match operator {
        Operator::Equal => return Ok(Value::Bool(equal(left, right))),
        Operator::NotEqual => return Ok(Value::Bool(!equal(left, right))),
        _ => {}
    }
    for (value, name) in [(left, names.0), (right, names.1)] {
        if value.is_null() {
            return Err(null_operand(operator.symbol(), name));
        }
    }
    match operator {
        Operator::Less => order(left, right).map(|o| Value::Bool(o.is_lt())),
        Operator::LessOrEqual => order(left, right).map(|o| Value::Bool(o.is_le())),
        Operator::Greater => order(left, right).map(|o| Value::Bool(o.is_gt())),
        Operator::GreaterOrEqual => order(left, right).map(|o| Value::Bool(o.is_ge())),
        _ => mixed(operator, left, right),
    }
}

fn decimals(operator: Operator, a: Decimal, b: Decimal) -> Outcome {
    let result = match operator {
        Operator::Equal => return Ok(Value::Bool(a == b)),
        Operator::NotEqual => return Ok(Value::Bool(a != b)),
        Operator::Less => return Ok(Value::Bool(a < b)),
        Operator::LessOrEqual => return Ok(Value::Bool(a <= b)),
        Operator::Greater => return Ok(Value::Bool(a > b)),
        Operator::GreaterOrEqual => return Ok(Value::Bool(a >= b)),
        _ => number(operator, a, b)?,
    };
    Ok(Value::Decimal(result))
}

/// Checked arithmetic. A quotient has at most 28 digits; a product that has no room for all its digits is rounded
/// by the number type, one that has no room for its whole part fails.
fn number(operator: Operator, a: Decimal, b: Decimal) -> Result<Decimal, Fault> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Remainder if b.is_zero() => return Err(Fault::failed("division by zero")),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => a.checked_rem(b),
        Operator::Power => return power(a, b),
        _ => None,
    };
    result.ok_or_else(|| Fault::failed(format!("the result of `{}` is too large", operator.symbol())))
}

fn power(base: Decimal, exponent: Decimal) -> Result<Decimal, Fault> {
    let whole = if exponent.is_integer() { i64::try_from(exponent).ok() } else { None };
    let Some(whole) = whole else { return Err(Fault::failed("the exponent of `**` must be a whole number")) };
    if base.is_zero() && whole < 0 {
        return Err(Fault::failed("division by zero"));
    }
    base.checked_powi(whole).ok_or_else(|| Fault::failed("the result of `**` is too large"))
}

/// Arithmetic on two values that are not both numbers and not null.
fn mixed(operator: Operator, left: &Value, right: &Value) -> Outcome {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    match (operator, left, right) {
        (Add, Value::Text(_), _) | (Add, _, Value::Text(_)) => joined([left, right]),
        (Add, Value::List(a), Value::List(b)) => sized(Value::List(a.iter().chain(b).cloned().collect())),
        (Add | Subtract | Divide | Remainder, Value::Money(a), Value::Money(b)) => {
            same_currency(a, b)?;
            let result = number(operator, a.amount, b.amount)?;
            match operator {
                Divide => Ok(Value::Decimal(result)),
                _ => Ok(Value::Money(Money { amount: result, currency: a.currency.clone() })),
            }
        }
        (Add | Subtract | Multiply | Divide | Remainder, Value::Money(money), Value::Decimal(b)) => {
            let amount = number(operator, money.amount, *b)?;
            Ok(Value::Money(Money { amount, currency: money.currency.clone() }))
        }
        (Add | Subtract | Multiply, Value::Decimal(a), Value::Money(money)) => {
            let amount = number(operator, *a, money.amount)?;
            Ok(Value::Money(Money { amount, currency: money.currency.clone() }))
        }
        (Add | Subtract, Value::Date(date), Value::Decimal(days)) => {
            let days = if operator == Subtract { -*days } else { *days };
            let days = if days.is_integer() { i64::try_from(days).ok() } else { None };
            let Some(days) = days else { return Err(Fault::failed("days must be a whole number")) };
            let span = jiff::Span::new().try_days(days);
            let moved = span.and_then(|span| date.checked_add(span));
            moved.map(Value::Date).map_err(|_| Fault::failed("the date is out of range"))
        }
        (Add, Value::Decimal(_), Value::Date(_)) => mixed(Add, right, left),
        (Subtract, Value::Date(a), Value::Date(b)) => Ok(Value::Decimal(days_between(*b, *a))),
        _ => {
            Err(Fault::failed(format!("`{}` does not go with {} and {}", operator.symbol(), left.kind(), right.kind())))
        }
    }
}

/// Days from one date to another.
pub(super) fn days_between(from: crate::moment::Date, to: crate::moment::Date) -> Decimal {
    // `until` between two civil dates counts in days unless asked otherwise, and cannot leave jiff's range.
    Decimal::from(from.until(to).map_or(0, |span| span.get_days()))
}

fn same_currency(a: &Money, b: &Money) -> Result<(), Fault> {
    if a.currency == b.currency {
        return Ok(());
    }
    Err(Fault::failed(format!("{} and {} do not go together", a.currency, b.currency)))
}

/// Equality never fails: values of different kinds differ, money equals a number by its amount, and a reference
/// equals the text of its identity.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Money(money), Value::Decimal(number)) | (Value::Decimal(number), Value::Money(money)) => {
            money.amount == *number
        }
        (Value::Id(id), Value::Text(text)) | (Value::Text(text), Value::Id(id)) => id.to_string() == **text,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (a, b) => a == b,
    }
}

/// The order of two values of one kind; money goes with numbers by its amount.
pub(super) fn order(left: &Value, right: &Value) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Decimal(a), Value::Decimal(b)) => Ok(a.cmp(b)),
        (Value::Money(a), Value::Money(b)) => same_currency(a, b).map(|()| a.amount.cmp(&b.amount)),
        (Value::Money(a), Value::Decimal(b)) => Ok(a.amount.cmp(b)),
        (Value::Decimal(a), Value::Money(b)) => Ok(a.cmp(&b.amount)),
        (Value::Date(a), Value::Date(b)) => Ok(a.cmp(b)),
        (Value::Moment(a), Value::Moment(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        _ => Err(Fault::failed(format!("{} and {} have no order", left.kind(), right.kind()))),
    }
}

fn null_operand(symbol: &str, name: Option<&str>) -> Fault {
    match name {
        Some(name) => Fault::failed(format!("`{name}` is null and cannot be used with `{symbol}`")),
        None => Fault::failed(format!("null cannot be used with `{symbol}`")),
    }
}

pub(super) fn negate(value: &Value, name: Option<&str>) -> Outcome {
    match value {
        Value::Decimal(number) => Ok(Value::Decimal(-*number)),
        Value::Money(money) => Ok(Value::Money(Money { amount: -money.amount, currency: money.currency.clone() })),
        Value::Null => Err(null_operand("-", name)),
        other => Err(Fault::failed(format!("`-` does not go with {}", other.kind()))),
    }
}

/// A condition: only true and false, never null or a number.
pub(super) fn truth(value: &Value, name: Option<&str>) -> Result<bool, Fault> {
    match (value, name) {
        (Value::Bool(flag), _) => Ok(*flag),
        (Value::Null, Some(name)) => Err(Fault::failed(format!("`{name}` is null where true or false is needed"))),
        (other, _) => Err(Fault::failed(format!("{} where true or false is needed", other.kind()))),
    }
}

/// `value.name` on the result of a call or an item of a list; null has only null members.
pub(super) fn member(value: &Value, name: &str) -> Outcome {
    match (value, name) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Map(entries), _) => Ok(entries.get(name).cloned().unwrap_or_default()),
        (Value::Money(money), "amount") => Ok(Value::Decimal(money.amount)),
        (Value::Money(money), "currency") => Ok(Value::Text(money.currency.clone())),
        _ => Err(Fault::failed(format!("{} has no member `{name}`", value.kind()))),
    }
}

/// `list[0]` (negative counts from the end) and `map["name"]`; null has only null items.
pub(super) fn index(value: &Value, key: &Value) -> Outcome {
    match (value, key) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::List(items), Value::Decimal(place)) => {
            let place = if place.is_integer() { i64::try_from(*place).ok() } else { None };
            let found = place.and_then(|place| {
                let back = usize::try_from(place.unsigned_abs()).ok()?;
                let at = if place < 0 { items.len().checked_sub(back)? } else { back };
                items.get(at)
            });
            let missing = || Fault::failed(format!("there is no item `{}` in a list of {}", text(key), items.len()));
            found.cloned().ok_or_else(missing)
        }
        (Value::Map(_), Value::Text(name)) => member(value, name),
        _ => Err(Fault::failed(format!("{} cannot be indexed with {}", value.kind(), key.kind()))),
    }
}

/// The items a loop goes over.
pub(super) fn items(value: Value) -> Outcome {
    match value {
        Value::List(_) => Ok(value),
        other => Err(Fault::failed(format!("a loop needs a list, not {}", other.kind()))),
    }
}

/// The whole numbers from one to the other, for loops.
pub(super) fn range(from: &Value, to: &Value, inclusive: bool) -> Outcome {
    let whole = |value: &Value| match value {
        Value::Decimal(number) if number.is_integer() => i64::try_from(*number).ok(),
        _ => None,
    };
    let (Some(from), Some(to)) = (whole(from), whole(to)) else {
        return Err(Fault::failed("a range needs whole numbers"));
    };
    let to = if inclusive { to.saturating_add(1) } else { to };
    if to.saturating_sub(from) > LIST_ITEMS_MAX as i64 {
        return Err(Fault::limit(format!("the range has more than {LIST_ITEMS_MAX} items")));
    }
    Ok(Value::List((from..to).map(|n| Value::Decimal(n.into())).collect()))
}

/// Whether a number lies in the range of a switch arm; what is no number does not.
pub(super) fn within(value: &Value, from: &Value, to: &Value, inclusive: bool) -> bool {
    let (Some(value), Some(from), Some(to)) = (value.as_decimal(), from.as_decimal(), to.as_decimal()) else {
        return false;
    };
    from <= value && (value < to || (inclusive && value == to))
}

/// The text of a value as interpolation and `text()` show it; null is empty.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Moment(moment) => moment.to_string(),
        Value::Id(id) => id.to_string(),
        Value::Money(money) => format!("{} {}", money.amount, money.currency),
        Value::List(_) | Value::Map(_) => value.to_json().to_string(),
    }
}

pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a Value>) -> Outcome {
    let mut whole = String::new();
    for part in parts {
        match part {
            Value::Text(piece) => whole.push_str(piece),
            other => whole.push_str(&text(other)),
        }
        if whole.len() > TEXT_BYTES_MAX {
            return Err(Fault::limit(format!("the text is longer than {TEXT_BYTES_MAX} bytes")));
        }
    }
    Ok(Value::Text(whole.into()))
}

/// Refuses lists and maps that are larger than a script may make.
pub(super) fn sized(value: Value) -> Outcome {
    match &value {
        Value::List(items) if items.len() > LIST_ITEMS_MAX => {
            Err(Fault::limit(format!("the list has more than {LIST_ITEMS_MAX} items")))
        }
        Value::Map(entries) if entries.len() > MAP_ENTRIES_MAX => {
            Err(Fault::limit(format!("the map has more than {MAP_ENTRIES_MAX} entries")))
        }
        _ => Ok(value),
    }
}
