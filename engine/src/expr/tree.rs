//! The lowered expression: names are places, operators are resolved, nothing is parsed or searched at run time.
//! It has no loops, so its size bounds its work. Must not know Rhai.

use super::functions::Builtin;
use super::operators::{self, Fault, Operator};
use super::{At, Env, EvalError, Path};
use crate::value::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// A lowered expression and how many variables it needs.
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) slots: usize,
}

/// The paths and variables operands were read from, to name them in messages; empty when there is no name.
pub(super) type Name = Arc<str>;

pub(super) enum Node {
    Constant(Value),
    /// Index into the paths read.
    Path(usize),
    Local(usize),
    /// Sets a variable; null itself.
    Set(usize, Box<Node>),
    /// All in order; the value is the last one's.
    Block(Vec<Node>),
    /// The first whose condition holds, else the last part.
    Choose(Vec<(Node, Node)>, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Coalesce(Vec<Node>),
    Truth(Box<Node>, Name, At),
    Not(Box<Node>, Name, At),
    Negate(Box<Node>, Name, At),
    Binary(Box<Binary>),
    Member(Box<Node>, Arc<str>, At),
    Index(Box<(Node, Node)>, At),
    List(Vec<Node>, At),
    Map(Vec<(String, Node)>, At),
    Join(Vec<Node>, At),
    Range(Box<(Node, Node)>, bool, At),
    Within(Box<(Node, Node, Node)>, bool),
    Builtin(&'static Builtin, Vec<Node>, Vec<Name>, At),
    Host(Arc<str>, Vec<Node>),
    Throw(Box<Node>, At),
}

pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) left: Node,
    pub(super) right: Node,
    pub(super) names: (Name, Name),
    pub(super) at: At,
}

/// A name, unless it is empty.
pub(super) fn known(name: &str) -> Option<&str> {
    if name.is_empty() { None } else { Some(name) }
}

impl Tree {
    pub(super) fn as_path(&self) -> Option<usize> {
        match self.root {
            Node::Path(index) => Some(index),
            _ => None,
        }
    }

    pub(super) fn eval(&self, paths: Paths<'_>, env: &dyn Env) -> Result<Value, EvalError> {
        let locals = if self.slots == 0 { Vec::new() } else { vec![Value::Null; self.slots] };
        Run { paths, env, locals }.value(&self.root)
    }
}

/// The paths an expression reads, and the numbers of those that have one.
#[derive(Clone, Copy)]
pub(super) struct Paths<'a> {
    pub(super) reads: &'a [Path],
    pub(super) numbers: &'a [Option<usize>],
}

impl Paths<'_> {
    pub(super) fn held<'v>(&self, index: usize, env: &'v dyn Env) -> Option<&'v Value> {
        env.held(self.numbers.get(index).copied().flatten(), &self.reads[index])
    }

    fn value(&self, index: usize, env: &dyn Env) -> Result<Value, EvalError> {
        match self.numbers.get(index) {
            Some(Some(number)) => env.numbered(*number, &self.reads[index]),
            _ => env.get(&self.reads[index]),
        }
    }
}

struct Run<'a> {
    paths: Paths<'a>,
    env: &'a dyn Env,
    locals: Vec<Value>,
}

impl<'a> Run<'a> {
    fn value(&mut self, node: &Node) -> Result<Value, EvalError> {
        match node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Path(index) => self.paths.value(*index, self.env),
            Node::Local(slot) => Ok(self.locals[*slot].clone()),
            Node::Set(slot, value) => {
                self.locals[*slot] = self.value(value)?;
                Ok(Value::Null)
            }
            Node::Block(nodes) => {
                let mut last = Value::Null;
                for node in nodes {
                    last = self.value(node)?;
                }
                Ok(last)
            }
            Node::Choose(arms, otherwise) => {
                for (condition, chosen) in arms {
                    if self.holds(condition)? {
                        return self.value(chosen);
                    }
                }
                self.value(otherwise)
            }
            Node::And(parts) => {
                for part in parts {
                    if !self.holds(part)? {
                        return Ok(Value::Bool(false));
                    }
                }
                Ok(Value::Bool(true))
            }
            Node::Or(parts) => {
                for part in parts {
                    if self.holds(part)? {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            Node::Coalesce(parts) => {
                for part in parts {
                    let value = self.value(part)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Node::Truth(value, name, at) => self.truth(value, name, *at).map(Value::Bool),
            Node::Not(value, name, at) => self.truth(value, name, *at).map(|flag| Value::Bool(!flag)),
            Node::Negate(value, name, at) => {
                let value = self.value(value)?;
                placed(operators::negate(&value, known(name)), *at)
            }
            Node::Binary(binary) => {
                let left = self.operand(&binary.left)?;
                let right = self.operand(&binary.right)?;
                let names = (known(&binary.names.0), known(&binary.names.1));
                placed(operators::binary(binary.operator, &left, &right, names), binary.at)
            }
            Node::Member(value, name, at) => placed(operators::member(&self.value(value)?, name), *at),
            Node::Index(pair, at) => {
                let (value, key) = (self.value(&pair.0)?, self.value(&pair.1)?);
                placed(operators::index(&value, &key), *at)
            }
            Node::List(items, at) => {
                let items = self.values(items)?;
                placed(operators::sized(Value::List(items)), *at)
            }
            Node::Map(entries, at) => {
                let pairs = entries.iter().map(|(name, node)| Ok((name.clone(), self.value(node)?)));
                let map = pairs.collect::<Result<_, EvalError>>()?;
                placed(operators::sized(Value::Map(map)), *at)
            }
            Node::Join(parts, at) => placed(operators::joined(&self.values(parts)?), *at),
            Node::Range(pair, inclusive, at) => {
                let (from, to) = (self.value(&pair.0)?, self.value(&pair.1)?);
                placed(operators::range(&from, &to, *inclusive), *at)
            }
            Node::Within(parts, inclusive) => {
                let (value, from, to) = (self.value(&parts.0)?, self.value(&parts.1)?, self.value(&parts.2)?);
                Ok(Value::Bool(operators::within(&value, &from, &to, *inclusive)))
            }
            Node::Builtin(builtin, args, names, at) => {
                let args = self.values(args)?;
                placed(builtin.call(&args, |place| names.get(place).and_then(|name| known(name))), *at)
            }
            Node::Host(function, args) => {
                let args = self.values(args)?;
                self.env.call(function, &args)
            }
            Node::Throw(value, at) => {
                let text = operators::text(&self.value(value)?);
                Err(Fault::failed(text).at(*at))
            }
        }
    }

    /// A value that is only looked at.
    fn operand<'v>(&mut self, node: &'v Node) -> Result<Cow<'v, Value>, EvalError>
    where
        'a: 'v,
    {
        let held = match node {
            Node::Constant(value) => Some(value),
            Node::Path(index) => self.paths.held(*index, self.env),
            _ => None,
        };
        held.map_or_else(|| self.value(node).map(Cow::Owned), |value| Ok(Cow::Borrowed(value)))
    }

    fn values(&mut self, nodes: &[Node]) -> Result<Vec<Value>, EvalError> {
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            values.push(self.value(node)?);
        }
        Ok(values)
    }

    fn truth(&mut self, node: &Node, name: &str, at: At) -> Result<bool, EvalError> {
        let value = self.value(node)?;
        operators::truth(&value, known(name)).map_err(|fault| fault.at(at))
    }

    /// Conditions are lowered as [`Node::Truth`], `And`, `Or` or a comparison, which give nothing but true and false.
    fn holds(&mut self, node: &Node) -> Result<bool, EvalError> {
        self.value(node).map(|value| value.as_bool().unwrap_or(false))
    }
}

fn placed(outcome: operators::Outcome, at: At) -> Result<Value, EvalError> {
    outcome.map_err(|fault| fault.at(at))
}
