//! The rewritten form: the few functions every path, operator, member and call becomes a call of. Their meaning is in
//! `operators` and `functions`; here is only how they are written into and read from Rhai's syntax tree.

use super::operators::Operator;
use super::switch::Label;
use super::{At, ExprError, Path};
use crate::codes::Code;
use crate::value::Value;
use rhai::{ASTFlags, Dynamic, Engine, Expr, FnCallExpr, Position, Stmt};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::mem;
use std::sync::OnceLock;

/// The name under which a script finds the facts of its run; no author can write it.
pub(super) const RUN: &str = "@run";

pub(super) const PATH: &str = "__path";
/// A variable; Rhai copies what it reads, so reading is what large values cost.
pub(super) const READ: &str = "__read";
pub(super) const BINARY: &str = "__binary";
pub(super) const NEGATE: &str = "__negate";
pub(super) const NOT: &str = "__not";
pub(super) const TRUTH: &str = "__truth";
pub(super) const MEMBER: &str = "__member";
pub(super) const INDEX: &str = "__index";
pub(super) const JOIN: &str = "__join";
pub(super) const BUILTIN: &str = "__builtin";
pub(super) const HOST: &str = "__host";
pub(super) const RANGE: &str = "__range";
pub(super) const WITHIN: &str = "__within";
pub(super) const ITEMS: &str = "__items";
pub(super) const KEY: &str = "__key";
pub(super) const PUSH: &str = "__push";

pub(super) const ALL: &[(&str, usize)] = &[
    (PATH, 2),
    (READ, 2),
    (BINARY, 4),
    (NEGATE, 2),
    (NOT, 2),
    (TRUTH, 2),
    (MEMBER, 2),
    (INDEX, 2),
    (JOIN, 1),
    (BUILTIN, 3),
    (HOST, 3),
    (RANGE, 4),
    (WITHIN, 4),
    (ITEMS, 1),
    (KEY, 1),
    (PUSH, 2),
];

/// One step of `a.b[c].d(e)` after its base.
pub(super) enum Step {
    Property(String),
    Index(Expr, Position),
    Method(FnCallExpr, Position),
}

pub(super) fn test(label: &Label, value: Expr, position: Position) -> Result<Expr, ExprError> {
    match label {
        Label::Value(wanted) => binary("==", value, constant(wanted, position), position),
        Label::Range { from, to, inclusive } => {
            let (from, to) = (decimal(*from, position), decimal(*to, position));
            Ok(encoded(WITHIN, [value, from, to, Expr::BoolConstant(*inclusive, position)], position))
        }
    }
}

fn constant(value: &Value, position: Position) -> Expr {
    match value {
        Value::Bool(flag) => Expr::BoolConstant(*flag, position),
        Value::Decimal(number) => decimal(*number, position),
        Value::Text(text) => string(text, position),
        _ => Expr::Unit(position),
    }
}

pub(super) fn decimal(number: Decimal, position: Position) -> Expr {
    Expr::DynamicConstant(Dynamic::from_decimal(number).into(), position)
}

pub(super) fn string(text: &str, position: Position) -> Expr {
    Expr::StringConstant(text.into(), position)
}

pub(super) fn wrap(expr: &mut Expr, outer: impl FnOnce(Expr, Position) -> Expr) {
    let position = expr.position();
    let inner = mem::take(expr);
    *expr = outer(inner, position);
}

pub(super) fn truth(value: Expr, position: Position) -> Expr {
    named_operand(TRUTH, value, position)
}

pub(super) fn named_operand(function: &str, value: Expr, position: Position) -> Expr {
    let name = string(&operand_name(&value), position);
    encoded(function, [value, name], position)
}

pub(super) fn binary(symbol: &str, left: Expr, right: Expr, position: Position) -> Result<Expr, ExprError> {
    if Operator::of(symbol).is_none() {
        return Err(no_operator(symbol, position));
    }
    let names = format!("{}\n{}", operand_name(&left), operand_name(&right));
    Ok(encoded(BINARY, [string(symbol, position), left, right, string(&names, position)], position))
}

pub(super) fn builtin(name: &str, args: Vec<Expr>, position: Position) -> Expr {
    let names = args.iter().map(operand_name).collect::<Vec<_>>().join("\n");
    let list = Expr::Array(args.into_iter().collect(), position);
    encoded(BUILTIN, [string(name, position), list, string(&names, position)], position)
}

/// How messages name an operand: by its path or variable, else not at all.
fn operand_name(expr: &Expr) -> String {
    match expr {
        Expr::FnCall(call, _) if call.name == READ => match &call.args[1] {
            Expr::Variable(name, ..) if !name.1.starts_with('@') => name.1.to_string(),
            _ => String::new(),
        },
        _ => path_of(expr).map(|path| path.to_string()).unwrap_or_default(),
    }
}

pub(super) fn variable(name: &str, position: Position) -> Expr {
    Expr::Variable((None, name.into()).into(), None, position)
}

pub(super) fn read(name: &str, position: Position) -> Expr {
    encoded(READ, [variable(RUN, position), variable(name, position)], position)
}

/// The path, if the expression is nothing but one (in the rewritten form).
pub(super) fn path_of(expr: &Expr) -> Option<Path> {
    match expr {
        Expr::FnCall(call, _) if call.name == PATH => match &call.args[1] {
            Expr::StringConstant(path, _) => Some(Path::parse(path)),
            _ => None,
        },
        _ => None,
    }
}

/// A call of the rewritten form. The hashes Rhai finds functions by are private to it, so they are taken from calls
/// it parsed itself.
pub(super) fn encoded(function: &str, args: impl IntoIterator<Item = Expr>, position: Position) -> Expr {
    static PATTERNS: OnceLock<BTreeMap<&str, FnCallExpr>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        let pattern = |&(name, count): &(&'static str, usize)| {
            let source = format!("{name}({})", vec!["0"; count].join(","));
            let ast = Engine::new_raw().compile(source).expect("a plain call is good Rhai");
            let call = match ast.statements().first() {
                Some(Stmt::FnCall(call, _)) => Some((**call).clone()),
                Some(Stmt::Expr(expr)) => match &**expr {
                    Expr::FnCall(call, _) => Some((**call).clone()),
                    _ => None,
                },
                _ => None,
            };
            (name, call.expect("a plain call is parsed as a call"))
        };
        ALL.iter().map(pattern).collect()
    });
    let mut call = patterns[function].clone();
    call.args = args.into_iter().collect();
    Expr::FnCall(call.into(), position)
}

/// Rhai nests chains to the right; this reads them off as a base and its steps.
pub(super) fn flatten(expr: Expr) -> (Expr, Vec<Step>) {
    let mut steps = Vec::new();
    let (mut indexed, mut pair, mut ended, mut position) = match expr {
        Expr::Dot(pair, flags, position) => (false, pair, flags.contains(ASTFlags::BREAK), position),
        Expr::Index(pair, flags, position) => (true, pair, flags.contains(ASTFlags::BREAK), position),
        other => return (other, steps),
    };
    let mut base = mem::take(&mut pair.lhs);
    // A bracketed chain as base: `(a.b).c` is `a.b.c`.
    if matches!(base, Expr::Dot(..) | Expr::Index(..)) {
        let (inner, before) = flatten(base);
        (base, steps) = (inner, before);
    }
    loop {
        let rest = mem::take(&mut pair.rhs);
        let (first, next) = match rest {
            Expr::Dot(mut inner, flags, at) if !ended => {
                (mem::take(&mut inner.lhs), Some((false, inner, flags.contains(ASTFlags::BREAK), at)))
            }
            Expr::Index(mut inner, flags, at) if !ended => {
                (mem::take(&mut inner.lhs), Some((true, inner, flags.contains(ASTFlags::BREAK), at)))
            }
            other => (other, None),
        };
        steps.push(match first {
            key if indexed => Step::Index(key, position),
            Expr::Property(names, _) => Step::Property(names.2.to_string()),
            Expr::MethodCall(call, at) | Expr::FnCall(call, at) => Step::Method(*call, at),
            key => Step::Index(key, position),
        });
        match next {
            Some(next) => (indexed, pair, ended, position) = next,
            None => return (base, steps),
        }
    }
}

pub(super) fn syntax(position: Position, message: impl Into<String>) -> ExprError {
    At::of(position).error(Code::ScriptSyntax, message)
}

pub(super) fn no_operator(symbol: &str, position: Position) -> ExprError {
    syntax(position, format!("there is no operator `{symbol}`"))
}
