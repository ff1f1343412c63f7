//! Lowers the rewritten statements to a [`Tree`], or says that they need Rhai: loops, changing a part of a list or
//! map, leaving early. Must not resolve names of the scope; that is done.

use super::form::{self, path_of};
use super::operators::Operator;
use super::tree::{Binary, Name, Node, Tree};
use super::{At, Path, functions};
use crate::value::Value;
use rhai::{ASTFlags, Expr, Position, Stmt, StmtBlock};

pub(super) fn lower(statements: &[Stmt], reads: &[Path]) -> Option<Tree> {
    let mut lowering = Lowering { reads, locals: Vec::new(), slots: 0 };
    // `return` as the last thing is only the value.
    let root = match statements {
        [before @ .., Stmt::Return(Some(value), flags, _)] if !flags.contains(ASTFlags::BREAK) => {
            let mut nodes = before.iter().map(|statement| lowering.statement(statement)).collect::<Option<Vec<_>>>()?;
            nodes.push(lowering.expr(value)?);
            block(nodes)
        }
        _ => lowering.statements(statements)?,
    };
    Some(Tree { root, slots: lowering.slots })
}

struct Lowering<'a> {
    reads: &'a [Path],
    /// Variables in sight, innermost last, with their slots. Every declaration has a slot of its own.
    locals: Vec<(String, usize)>,
    slots: usize,
}

impl Lowering<'_> {
    fn statements(&mut self, statements: &[Stmt]) -> Option<Node> {
        statements.iter().map(|statement| self.statement(statement)).collect::<Option<Vec<_>>>().map(block)
    }

    fn block(&mut self, block: &StmtBlock) -> Option<Node> {
        let outer = self.locals.len();
        let node = self.statements(block.statements());
        self.locals.truncate(outer);
        node
    }

    fn statement(&mut self, statement: &Stmt) -> Option<Node> {
        match statement {
            Stmt::Noop(_) => Some(Node::Constant(Value::Null)),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Block(block) => self.block(block),
            Stmt::If(..) => self.choose(statement),
            Stmt::Var(parts, ..) => {
                let value = self.expr(&parts.1)?;
                let slot = self.slots;
                self.slots += 1;
                self.locals.push((parts.0.name.to_string(), slot));
                Some(Node::Set(slot, value.into()))
            }
            Stmt::Assignment(parts) => {
                let Expr::Variable(name, ..) = &parts.1.lhs else { return None };
                let slot = self.slot(&name.1)?;
                Some(Node::Set(slot, self.expr(&parts.1.rhs)?.into()))
            }
            Stmt::Return(Some(value), flags, position) if flags.contains(ASTFlags::BREAK) => {
                Some(Node::Throw(self.expr(value)?.into(), At::of(*position)))
            }
            _ => None,
        }
    }

    /// `if`, `else if`, ... as one list of arms.
    fn choose(&mut self, first: &Stmt) -> Option<Node> {
        let mut arms = Vec::new();
        let mut statement = first;
        loop {
            let Stmt::If(flow, _) = statement else { return None };
            arms.push((self.expr(&flow.expr)?, self.block(&flow.body)?));
            match flow.branch.statements() {
                [next @ Stmt::If(..)] => statement = next,
                _ => return Some(Node::Choose(arms, self.block(&flow.branch)?.into())),
            }
        }
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, slot)| *slot)
    }

    fn list<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Option<Vec<Node>> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, expr: &Expr) -> Option<Node> {
        Some(match expr {
            Expr::BoolConstant(flag, _) => Node::Constant(Value::Bool(*flag)),
            Expr::StringConstant(text, _) => Node::Constant(Value::text(text)),
            Expr::Unit(_) => Node::Constant(Value::Null),
            Expr::DynamicConstant(value, _) => Node::Constant(Value::Decimal(value.as_decimal().ok()?)),
            Expr::Variable(name, ..) => Node::Local(self.slot(&name.1)?),
            Expr::Array(items, position) => Node::List(self.list(items.iter())?, At::of(*position)),
            Expr::Map(entries, position) => {
                let entry = |(name, value): &(rhai::Ident, Expr)| Some((name.name.to_string(), self.expr(value)?));
                Node::Map(entries.0.iter().map(entry).collect::<Option<_>>()?, At::of(*position))
            }
            Expr::And(parts, _) => Node::And(self.list(parts.iter())?),
            Expr::Or(parts, _) => Node::Or(self.list(parts.iter())?),
            Expr::Coalesce(parts, _) => Node::Coalesce(self.list(parts.iter())?),
            Expr::Stmt(block) => self.block(block)?,
            Expr::FnCall(call, position) => match path_of(expr) {
                Some(path) => Node::Path(self.reads.binary_search(&path).ok()?),
                None => self.call(&call.name, &call.args, *position)?,
            },
            _ => return None,
        })
    }

    fn call(&mut self, function: &str, args: &[Expr], position: Position) -> Option<Node> {
        let at = At::of(position);
        Some(match (function, args) {
            (form::READ, [_, variable]) => self.expr(variable)?,
            (form::BINARY, [symbol, left, right, names]) => {
                let operator = Operator::of(text(symbol)?)?;
                let (first, second) = text(names)?.split_once('\n')?;
                let names = (Name::from(first), Name::from(second));
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                Node::Binary(Binary { operator, left, right, names, at }.into())
            }
            (form::TRUTH, [value, name]) => Node::Truth(self.expr(value)?.into(), text(name)?.into(), at),
            (form::NOT, [value, name]) => Node::Not(self.expr(value)?.into(), text(name)?.into(), at),
            (form::NEGATE, [value, name]) => Node::Negate(self.expr(value)?.into(), text(name)?.into(), at),
            (form::MEMBER, [value, name]) => Node::Member(self.expr(value)?.into(), text(name)?.into(), at),
            (form::INDEX, [value, key]) => Node::Index((self.expr(value)?, self.expr(key)?).into(), at),
            (form::JOIN, [Expr::Array(parts, _)]) => Node::Join(self.list(parts.iter())?, at),
            (form::RANGE, [_, from, to, Expr::BoolConstant(inclusive, _)]) => {
                Node::Range((self.expr(from)?, self.expr(to)?).into(), *inclusive, at)
            }
            (form::WITHIN, [value, from, to, Expr::BoolConstant(inclusive, _)]) => {
                Node::Within((self.expr(value)?, self.expr(from)?, self.expr(to)?).into(), *inclusive)
            }
            (form::BUILTIN, [name, Expr::Array(args, _), names]) => {
                let names = text(names)?.split('\n').map(Name::from).collect();
                Node::Builtin(functions::find(text(name)?)?, self.list(args.iter())?, names, at)
            }
            (form::HOST, [_, name, Expr::Array(args, _)]) => Node::Host(text(name)?.into(), self.list(args.iter())?),
            _ => return None,
        })
    }
}

/// One node needs no block around it, unless it is a declaration.
fn block(mut nodes: Vec<Node>) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => Node::Block(nodes),
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringConstant(text, _) => Some(text),
        _ => None,
    }
}
