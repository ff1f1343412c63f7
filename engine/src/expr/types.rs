//! Infers the type of a lowered expression and reports what cannot be right before anything runs: unknown paths,
//! types that do not go together. What it cannot know is [`Type::Any`] and is left to the evaluation.
//!
//! A script that stays in Rhai is checked for its paths and functions only.

use super::functions::{self, Builtin, Returns, Takes};
use super::operators::Operator;
use super::resolve::suggestion;
use super::tree::{Binary, Node};
use super::{At, Body, Compiled, ExprError, Path, Type, Types};
use crate::codes::Code;
use crate::value::Value;

pub(super) fn check(compiled: &Compiled, types: &dyn Types) -> (Option<Type>, Vec<ExprError>) {
    let mut errors = Vec::new();
    for (index, at) in &compiled.sites {
        errors.extend(unknown_path(&compiled.reads[*index], *at, types));
    }
    for call in &compiled.calls {
        if functions::find(&call.function).is_none() && types.function(&call.function).is_none() {
            let (line, column) = call.position;
            let message = format!("there is no function `{}`", call.function);
            errors.push(ExprError { code: Code::ScriptUnknownName, message, line, column });
        }
    }
    let Body::Tree(tree) = &compiled.body else { return (None, errors) };
    let mut inference = Inference { reads: &compiled.reads, types, slots: vec![None; tree.slots], errors };
    let found = inference.infer(&tree.root);
    let mut errors = inference.errors;
    errors.sort_by_key(|error| (error.line, error.column));
    (Some(found), errors)
}

fn unknown_path(path: &Path, at: At, types: &dyn Types) -> Option<ExprError> {
    if types.path(path).is_some() {
        return None;
    }
    let mut prefix = Path { root: path.root.clone(), steps: Vec::new() };
    for step in &path.steps {
        let names = types.names(&prefix);
        if !names.iter().any(|name| **name == **step) {
            let hint = suggestion(step, names.iter().map(String::as_str));
            return Some(at.error(Code::ScriptUnknownName, format!("there is no `{step}` in `{prefix}`{hint}")));
        }
        prefix.steps.push(step.clone());
    }
    Some(at.error(Code::ScriptUnknownName, format!("there is no `{path}`")))
}

struct Inference<'a> {
    reads: &'a [Path],
    types: &'a dyn Types,
    /// What each variable has held so far.
    slots: Vec<Option<Type>>,
    errors: Vec<ExprError>,
}

impl Inference<'_> {
    fn wrong(&mut self, at: At, message: String) -> Type {
        self.errors.push(at.error(Code::ScriptType, message));
        Type::Any
    }

    fn all(&mut self, nodes: &[Node]) -> Vec<Type> {
        nodes.iter().map(|node| self.infer(node)).collect()
    }

    fn infer(&mut self, node: &Node) -> Type {
        match node {
            Node::Constant(value) => type_of(value),
            Node::Path(index) => self.types.path(&self.reads[*index]).unwrap_or(Type::Any),
            Node::Local(slot) => self.slots[*slot].clone().unwrap_or(Type::Any),
            Node::Set(slot, value) => {
                let found = self.infer(value);
                let before = self.slots[*slot].take();
                self.slots[*slot] = Some(before.map_or(found.clone(), |before| common(before, found)));
                Type::Null
            }
            Node::Block(nodes) => self.all(nodes).pop().unwrap_or(Type::Null),
            Node::Choose(arms, otherwise) => {
                let mut chosen = Vec::new();
                for (condition, arm) in arms {
                    self.infer(condition);
                    // An arm that throws has no value to agree with the others.
                    if !matches!(arm, Node::Throw(..)) {
                        chosen.push(self.infer(arm));
                    }
                }
                if !matches!(**otherwise, Node::Throw(..)) {
                    chosen.push(self.infer(otherwise));
                }
                chosen.into_iter().reduce(common).unwrap_or(Type::Any)
            }
            Node::And(parts) | Node::Or(parts) => {
                self.all(parts);
                Type::Bool
            }
            Node::Coalesce(parts) => self.all(parts).into_iter().reduce(common).unwrap_or(Type::Any),
            Node::Truth(value, _, at) | Node::Not(value, _, at) => {
                match self.infer(value) {
                    Type::Bool | Type::Any => {}
                    other => drop(self.wrong(*at, format!("{} where true or false is needed", word(&other)))),
                }
                Type::Bool
            }
            Node::Negate(value, _, at) => match self.infer(value) {
                found @ (Type::Decimal | Type::Money | Type::Any) => found,
                other => self.wrong(*at, format!("`-` does not go with {}", word(&other))),
            },
            Node::Binary(binary) => self.binary(binary),
            Node::Member(value, name, at) => match (self.infer(value), &**name) {
                (Type::Map | Type::Any, _) => Type::Any,
                (Type::Null, _) => Type::Null,
                (Type::Money, "amount") => Type::Decimal,
                (Type::Money, "currency") => Type::Text,
                (other, name) => self.wrong(*at, format!("{} has no member `{name}`", word(&other))),
            },
            Node::Index(pair, at) => {
                let key = self.infer(&pair.1);
                match (self.infer(&pair.0), key) {
                    (Type::List, Type::Decimal | Type::Any) | (Type::Map, Type::Text | Type::Any) => Type::Any,
                    (Type::Any | Type::Null, _) => Type::Any,
                    (value, key) => self.wrong(*at, format!("{} cannot be indexed with {}", word(&value), word(&key))),
                }
            }
            Node::List(items, _) => {
                self.all(items);
                Type::List
            }
            Node::Map(entries, _) => {
                entries.iter().for_each(|(_, value)| drop(self.infer(value)));
                Type::Map
            }
            Node::Join(parts, _) => {
                self.all(parts);
                Type::Text
            }
            Node::Range(pair, _, _) => {
                self.infer(&pair.0);
                self.infer(&pair.1);
                Type::List
            }
            Node::Within(parts, _) => {
                self.infer(&parts.0);
                Type::Bool
            }
            Node::Builtin(builtin, args, _, at) => self.builtin(builtin, args, *at),
            Node::Host(function, args) => {
                self.all(args);
                self.types.function(function).map_or(Type::Any, |spec| spec.returns.clone())
            }
            Node::Throw(value, _) => {
                self.infer(value);
                Type::Any
            }
        }
    }

    fn builtin(&mut self, builtin: &Builtin, args: &[Node], at: At) -> Type {
        let found = self.all(args);
        let checked = if builtin.name == "round" { 1 } else { found.len() };
        for arg in &found[..checked] {
            let fits = match builtin.takes {
                Takes::Anything => true,
                Takes::Numbers => matches!(arg, Type::Decimal | Type::Money | Type::Any),
                Takes::Texts => matches!(arg, Type::Text | Type::Any),
                Takes::Dates => matches!(arg, Type::Date | Type::Any),
            };
            if !fits {
                self.wrong(at, format!("`{}` does not go with {}", builtin.name, word(arg)));
            }
        }
        match &builtin.returns {
            Returns::Always(always) => always.clone(),
            Returns::First => found.first().cloned().unwrap_or(Type::Any),
            // `max(list)` is an item of the list.
            Returns::Common if found == [Type::List] => Type::Any,
            Returns::Common => found.into_iter().reduce(common).unwrap_or(Type::Any),
        }
    }

    fn binary(&mut self, binary: &Binary) -> Type {
        use Operator::{Add, Divide, Equal, Multiply, NotEqual, Power, Remainder, Subtract};
        let (left, right) = (self.infer(&binary.left), self.infer(&binary.right));
        let result = match (binary.operator, &left, &right) {
            (Equal | NotEqual, a, b) => comparable(a, b).then_some(Type::Bool),
            (_, Type::Null, _) | (_, _, Type::Null) => None,
            (Add, Type::Text, _) | (Add, _, Type::Text) => Some(Type::Text),
            (Add | Subtract | Multiply | Divide | Remainder | Power, Type::Any, _) => Some(Type::Any),
            (Add | Subtract | Multiply | Divide | Remainder | Power, _, Type::Any) => Some(Type::Any),
            (Add | Subtract | Multiply | Divide | Remainder | Power, Type::Decimal, Type::Decimal) => {
                Some(Type::Decimal)
            }
            (Add | Subtract | Remainder, Type::Money, Type::Money) => Some(Type::Money),
            (Divide, Type::Money, Type::Money) => Some(Type::Decimal),
            (Add | Subtract | Multiply | Divide | Remainder, Type::Money, Type::Decimal) => Some(Type::Money),
            (Add | Subtract | Multiply, Type::Decimal, Type::Money) => Some(Type::Money),
            (Add | Subtract, Type::Date, Type::Decimal) | (Add, Type::Decimal, Type::Date) => Some(Type::Date),
            (Subtract, Type::Date, Type::Date) => Some(Type::Decimal),
            (Add, Type::List, Type::List) => Some(Type::List),
            (Add | Subtract | Multiply | Divide | Remainder | Power, _, _) => None,
            (_, a, b) => ordered(a, b).then_some(Type::Bool),
        };
        result.unwrap_or_else(|| {
            let (a, b) = (word(&left), word(&right));
            self.wrong(binary.at, format!("`{}` does not go with {a} and {b}", binary.operator.symbol()))
        })
    }
}

fn comparable(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any | Type::Null, _) | (_, Type::Any | Type::Null) => true,
        (Type::Money, Type::Decimal) | (Type::Decimal, Type::Money) => true,
        (Type::Reference(_), Type::Text) | (Type::Text, Type::Reference(_)) => true,
        (a, b) => a == b,
    }
}

fn ordered(a: &Type, b: &Type) -> bool {
    let number = |found: &Type| matches!(found, Type::Decimal | Type::Money);
    match (a, b) {
        (Type::Any, other) | (other, Type::Any) => {
            !matches!(other, Type::Bool | Type::List | Type::Map | Type::Reference(_))
        }
        (Type::Date, Type::Date) | (Type::Moment, Type::Moment) | (Type::Text, Type::Text) => true,
        (a, b) => number(a) && number(b),
    }
}

/// The type that covers both; null goes with everything.
fn common(a: Type, b: Type) -> Type {
    match (a, b) {
        (Type::Null, other) | (other, Type::Null) => other,
        (a, b) if a == b => a,
        _ => Type::Any,
    }
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Decimal(_) => Type::Decimal,
        Value::Text(_) => Type::Text,
        Value::Date(_) => Type::Date,
        Value::Moment(_) => Type::Moment,
        Value::Money(_) => Type::Money,
        Value::List(_) => Type::List,
        Value::Map(_) => Type::Map,
        Value::Id(_) => Type::Any,
    }
}

fn word(found: &Type) -> String {
    let word = match found {
        Type::Any => "anything",
        Type::Null => "null",
        Type::Bool => "boolean",
        Type::Decimal => "decimal",
        Type::Text => "text",
        Type::Date => "date",
        Type::Moment => "date_time",
        Type::Money => "money",
        Type::List => "list",
        Type::Map => "map",
        Type::Reference(object) => return format!("reference to `{object}`"),
    };
    word.to_owned()
}
