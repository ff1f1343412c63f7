//! Parses with Rhai and rewrites what was parsed so that nothing is left to look up by name: paths, operators,
//! members and calls become calls of a few [`host`](super::script) functions with fixed meaning. The tree and the
//! Rhai script are both made from this form, which is why they cannot differ.
//!
//! Must not know what a path leads to.

use super::operators::Operator;
use super::switch::{self, Label};
use super::{At, Call, ExprError, Path, Scope, functions, script};
use crate::codes::Code;
use crate::value::Value;
use rhai::{ASTFlags, Dynamic, Engine, Expr, FnCallExpr, FlowControl, OpAssignment, Position, Stmt, StmtBlock, Token};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, OnceLock};

/// How deep expressions may nest, and how many terms one sum may have: more belongs into `let`.
pub(super) const DEPTH_MAX: usize = 128;
/// How many arms a `switch` may have; more belongs into a table.
const SWITCH_ARMS_MAX: usize = 100;

/// The rewritten statements and what was learnt on the way.
pub(super) struct Resolved {
    pub(super) statements: Vec<Stmt>,
    pub(super) reads: Vec<Path>,
    pub(super) sites: Vec<(usize, At)>,
    pub(super) calls: Vec<Call>,
}

/// The functions of the rewritten form, with their number of arguments.
pub(super) mod form {
    pub(crate) const PATH: &str = "__path";
    pub(crate) const BINARY: &str = "__binary";
    pub(crate) const NEGATE: &str = "__negate";
    pub(crate) const NOT: &str = "__not";
    pub(crate) const TRUTH: &str = "__truth";
    pub(crate) const MEMBER: &str = "__member";
    pub(crate) const INDEX: &str = "__index";
    pub(crate) const JOIN: &str = "__join";
    pub(crate) const BUILTIN: &str = "__builtin";
    pub(crate) const HOST: &str = "__host";
    pub(crate) const RANGE: &str = "__range";
    pub(crate) const WITHIN: &str = "__within";
    pub(crate) const ITEMS: &str = "__items";
    pub(crate) const KEY: &str = "__key";
    pub(crate) const PUSH: &str = "__push";

    pub(crate) const ALL: &[(&str, usize)] = &[
        (PATH, 2),
        (BINARY, 4),
        (NEGATE, 2),
        (NOT, 2),
        (TRUTH, 2),
        (MEMBER, 2),
        (INDEX, 2),
        (JOIN, 1),
        (BUILTIN, 3),
        (HOST, 3),
        (RANGE, 3),
        (WITHIN, 4),
        (ITEMS, 1),
        (KEY, 1),
        (PUSH, 2),
    ];
}

type Tokens = Arc<Mutex<Vec<(Token, At)>>>;

pub(super) fn resolve(source: &str, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
    let tokens = Tokens::default();
    let mut engine = Engine::new_raw();
    script::restrict(&mut engine);
    if source.contains("switch") {
        let seen = tokens.clone();
        #[allow(deprecated)] // Rhai's word for "may change", not for "will go".
        engine.on_parse_token(move |token, position, _| {
            if let Ok(mut seen) = seen.lock() {
                seen.push((token.clone(), At::of(position)));
            }
            token
        });
    }
    let ast = engine.compile(source).map_err(|error| script::parse_error(&error))?;
    let tokens = tokens.lock().map(|mut seen| mem::take(&mut *seen)).unwrap_or_default();
    let mut statements: Vec<Stmt> = ast.statements().to_vec();
    let mut changed = BTreeSet::new();
    ast.walk(&mut |nodes| {
        if let Some(rhai::ASTNode::Stmt(Stmt::Assignment(pair))) = nodes.last() {
            changed.extend(changed_variable(&pair.1.lhs));
        }
        true
    });
    let mut resolver = Resolver { scope, tokens, changed, locals: Vec::new(), sites: Vec::new(), calls: Vec::new(), switches: 0, depth: 0 };
    resolver.statements(&mut statements)?;
    if statements.iter().all(Stmt::is_noop) {
        return Err(At::START.error(Code::ScriptSyntax, "the expression is empty"));
    }
    let Resolver { sites, mut calls, .. } = resolver;
    let reads: Vec<Path> = sites.iter().map(|(path, _)| path.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |path: &Path| reads.binary_search(path).unwrap_or_default();
    let mut sites: Vec<(usize, At)> = sites.iter().map(|(path, at)| (place(path), *at)).collect();
    sites.sort_by_key(|(_, at)| *at);
    calls.sort_by_key(|call| call.position);
    Ok(Resolved { statements, reads, sites, calls })
}

/// The variable an assignment changes, whole or in part.
fn changed_variable(target: &Expr) -> Option<String> {
    match target {
        Expr::Variable(name, ..) => Some(name.1.to_string()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => changed_variable(&pair.lhs),
        _ => None,
    }
}

struct Resolver<'a> {
    scope: &'a Scope<'a>,
    tokens: Vec<(Token, At)>,
    /// Variables that are assigned to somewhere: they stand for no path.
    changed: BTreeSet<String>,
    locals: Vec<Local>,
    sites: Vec<(Path, At)>,
    calls: Vec<Call>,
    switches: usize,
    depth: usize,
}

struct Local {
    name: String,
    /// The path it stands for, when it was bound to one and never changed: `let c = record.customer; c.region`.
    path: Option<Path>,
}

/// One step of `a.b[c].d(e)` after its base.
enum Step {
    Property(String),
    Index(Expr, Position),
    Method(FnCallExpr, Position),
}

type Done = Result<(), ExprError>;

impl Resolver<'_> {
    fn statements(&mut self, statements: &mut [Stmt]) -> Done {
        statements.iter_mut().try_for_each(|statement| self.statement(statement))
    }

    fn block(&mut self, block: &mut StmtBlock) -> Done {
        let outer = self.locals.len();
        let done = self.statements(block.statements_mut());
        self.locals.truncate(outer);
        done
    }

    fn deeper<T>(&mut self, at: Position, inner: impl FnOnce(&mut Self) -> Result<T, ExprError>) -> Result<T, ExprError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("the expression nests deeper than {DEPTH_MAX} levels");
            return Err(At::of(at).error(Code::ScriptLimit, message));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self, statement: &mut Stmt) -> Done {
        let position = statement.position();
        self.deeper(position, |this| this.statement_here(statement))
    }

    fn statement_here(&mut self, statement: &mut Stmt) -> Done {
        match statement {
            Stmt::Noop(_) => Ok(()),
            Stmt::If(flow, _) => {
                self.condition(&mut flow.expr)?;
                self.block(&mut flow.body)?;
                self.block(&mut flow.branch)
            }
            Stmt::While(flow, _) => {
                if !matches!(flow.expr, Expr::Unit(_)) {
                    self.condition(&mut flow.expr)?;
                }
                self.block(&mut flow.body)
            }
            Stmt::Do(flow, ..) => {
                self.block(&mut flow.body)?;
                self.condition(&mut flow.expr)
            }
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &mut **parts;
                self.expr(&mut flow.expr)?;
                wrap(&mut flow.expr, |list, at| encoded(form::ITEMS, [list], at));
                let outer = self.locals.len();
                self.declare(&item.name, None);
                if let Some(counter) = counter {
                    self.declare(&counter.name, None);
                }
                let done = self.block(&mut flow.body);
                self.locals.truncate(outer);
                done
            }
            Stmt::Var(parts, ..) => {
                let (name, value, slot) = &mut **parts;
                self.expr(value)?;
                // Variables are found by name, so that the ones added here cannot shift the places of others.
                *slot = None;
                let path = path_of(value).filter(|_| !self.changed.contains(name.name.as_str()));
                self.declare(&name.name, path);
                Ok(())
            }
            Stmt::Assignment(parts) => self.assignment(&mut parts.0, &mut parts.1.lhs, &mut parts.1.rhs),
            Stmt::FnCall(call, position) => {
                let mut call = Expr::FnCall(call.clone(), *position);
                self.expr(&mut call)?;
                *statement = Stmt::Expr(call.into());
                Ok(())
            }
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::BreakLoop(value, ..) | Stmt::Return(value, ..) => value.iter_mut().try_for_each(|value| self.expr(value)),
            Stmt::Switch(..) => {
                let Stmt::Switch(parts, position) = mem::take(statement) else { return Ok(()) };
                *statement = self.switch(parts.0, parts.1, position)?;
                Ok(())
            }
            other => Err(syntax(other.position(), "this statement is not part of the language")),
        }
    }

    fn declare(&mut self, name: &str, path: Option<Path>) {
        self.locals.push(Local { name: name.to_owned(), path });
    }

    fn assignment(&mut self, operator: &mut OpAssignment, target: &mut Expr, value: &mut Expr) -> Done {
        let position = operator.position();
        let current = target.clone();
        self.target(target)?;
        let symbol = operator.get_op_assignment_info().map(|info| info.5);
        let Some(symbol) = symbol else { return self.expr(value) };
        // `x += y` is `x = x + y`, with the one meaning of `+`.
        let mut current = current;
        self.expr(&mut current)?;
        self.expr(value)?;
        let right = mem::take(value);
        *value = binary(symbol, current, right, position)?;
        *operator = OpAssignment::new_assignment(position);
        Ok(())
    }

    /// What stands left of `=`: a variable, or a part of one.
    fn target(&mut self, target: &mut Expr) -> Done {
        match target {
            Expr::Variable(name, place, position) => {
                if !self.locals.iter().any(|local| local.name == name.1.as_str()) {
                    let message = format!("`{}` cannot be changed here; only variables of `let` can", name.1);
                    return Err(syntax(*position, message));
                }
                (name.0, *place) = (None, None);
                Ok(())
            }
            Expr::Dot(pair, ..) => {
                self.target(&mut pair.lhs)?;
                self.target_rest(&mut pair.rhs)
            }
            Expr::Index(pair, flags, _) => {
                self.target(&mut pair.lhs)?;
                self.target_index(&mut pair.rhs, *flags)
            }
            other => Err(syntax(other.position(), "only a variable can be changed")),
        }
    }

    fn target_rest(&mut self, rest: &mut Expr) -> Done {
        match rest {
            Expr::Property(..) => Ok(()),
            Expr::Dot(pair, ..) => self.target_rest(&mut pair.lhs).and_then(|()| self.target_rest(&mut pair.rhs)),
            Expr::Index(pair, flags, _) => {
                self.target_rest(&mut pair.lhs)?;
                self.target_index(&mut pair.rhs, *flags)
            }
            other => Err(syntax(other.position(), "only a variable can be changed")),
        }
    }

    fn target_index(&mut self, key: &mut Expr, flags: ASTFlags) -> Done {
        match key {
            Expr::Dot(pair, ..) if !flags.contains(ASTFlags::BREAK) => {
                self.key(&mut pair.lhs)?;
                self.target_rest(&mut pair.rhs)
            }
            Expr::Index(pair, inner, _) if !flags.contains(ASTFlags::BREAK) => {
                let inner = *inner;
                self.key(&mut pair.lhs)?;
                self.target_index(&mut pair.rhs, inner)
            }
            key => self.key(key),
        }
    }

    fn key(&mut self, key: &mut Expr) -> Done {
        self.expr(key)?;
        wrap(key, |key, at| encoded(form::KEY, [key], at));
        Ok(())
    }

    fn condition(&mut self, expr: &mut Expr) -> Done {
        self.expr(expr)?;
        wrap(expr, truth);
        Ok(())
    }

    fn expr(&mut self, expr: &mut Expr) -> Done {
        let position = expr.position();
        self.deeper(position, |this| {
            let taken = mem::take(expr);
            *expr = this.resolved(taken)?;
            Ok(())
        })
    }

    fn resolved(&mut self, expr: Expr) -> Result<Expr, ExprError> {
        Ok(match expr {
            Expr::IntegerConstant(number, position) => decimal(number.into(), position),
            Expr::CharConstant(character, position) => Expr::StringConstant(character.to_string().into(), position),
            Expr::InterpolatedString(mut parts, position) => {
                parts.iter_mut().try_for_each(|part| self.expr(part))?;
                encoded(form::JOIN, [Expr::Array(parts, position)], position)
            }
            Expr::Array(mut items, position) => {
                items.iter_mut().try_for_each(|item| self.expr(item))?;
                Expr::Array(items, position)
            }
            Expr::Map(mut entries, position) => {
                entries.0.iter_mut().try_for_each(|(_, value)| self.expr(value))?;
                Expr::Map(entries, position)
            }
            Expr::And(mut parts, position) => {
                parts.iter_mut().try_for_each(|part| self.condition(part))?;
                Expr::And(parts, position)
            }
            Expr::Or(mut parts, position) => {
                parts.iter_mut().try_for_each(|part| self.condition(part))?;
                Expr::Or(parts, position)
            }
            Expr::Coalesce(mut parts, position) => {
                parts.iter_mut().try_for_each(|part| self.expr(part))?;
                Expr::Coalesce(parts, position)
            }
            Expr::Stmt(mut block) => {
                self.block(&mut block)?;
                Expr::Stmt(block)
            }
            Expr::Variable(..) | Expr::Dot(..) | Expr::Index(..) => self.chain(expr)?,
            Expr::FnCall(call, position) => self.call(*call, position)?,
            constant @ (Expr::DynamicConstant(..) | Expr::BoolConstant(..) | Expr::StringConstant(..) | Expr::Unit(..)) => constant,
            other => return Err(syntax(other.position(), "this is not part of the language")),
        })
    }

    /// A variable or a chain of members, items and method calls.
    fn chain(&mut self, expr: Expr) -> Result<Expr, ExprError> {
        let (base, steps) = flatten(expr);
        let mut steps = steps.into_iter().peekable();
        let mut value = match base {
            Expr::Variable(name, _, position) => {
                let local = self.locals.iter().rev().find(|local| local.name == name.1.as_str());
                let followed = matches!(steps.peek(), Some(Step::Property(_)));
                let path = match local {
                    Some(Local { path: Some(path), .. }) if followed => Some(path.clone()),
                    Some(_) => None,
                    None => Some(self.root(&name.1, position)?),
                };
                match path {
                    None => Expr::Variable((None, name.1.clone()).into(), None, position),
                    Some(mut path) => {
                        while let Some(Step::Property(step)) = steps.next_if(|step| matches!(step, Step::Property(_))) {
                            path.steps.push(step.into());
                        }
                        self.sites.push((path.clone(), At::of(position)));
                        let run = Expr::Variable((None, script::RUN.into()).into(), None, position);
                        encoded(form::PATH, [run, string(&path.to_string(), position)], position)
                    }
                }
            }
            mut other => {
                self.expr(&mut other)?;
                other
            }
        };
        for step in steps {
            let position = value.position();
            value = match step {
                Step::Property(name) => encoded(form::MEMBER, [value, string(&name, position)], position),
                Step::Index(mut key, position) => {
                    self.expr(&mut key)?;
                    encoded(form::INDEX, [value, key], position)
                }
                Step::Method(call, position) => {
                    let mut args = vec![value];
                    for mut arg in call.args {
                        self.expr(&mut arg)?;
                        args.push(arg);
                    }
                    self.named(&call.name, args, position)?
                }
            };
        }
        Ok(value)
    }

    /// The path a free name begins.
    fn root(&self, name: &str, position: Position) -> Result<Path, ExprError> {
        if self.scope.roots.contains(&name) {
            return Ok(Path { root: name.into(), steps: Vec::new() });
        }
        if self.scope.bare.is_some_and(|bare| bare(name)) {
            return Ok(Path { root: "record".into(), steps: vec![name.into()] });
        }
        let known = self.scope.roots.iter().copied().chain(self.locals.iter().map(|local| local.name.as_str()));
        let message = format!("there is no name `{name}`{}", suggestion(name, known));
        Err(At::of(position).error(Code::ScriptUnknownName, message))
    }

    fn call(&mut self, call: FnCallExpr, position: Position) -> Result<Expr, ExprError> {
        let mut args: Vec<Expr> = call.args.into_iter().collect();
        if call.name == "push" && args.len() == 2 && call.op_token.is_none() {
            self.target(&mut args[0])?;
            self.expr(&mut args[1])?;
            if !matches!(args[0], Expr::Variable(..)) {
                return Err(syntax(position, "`push` adds to a variable"));
            }
            return Ok(encoded(form::PUSH, args, position));
        }
        args.iter_mut().try_for_each(|arg| self.expr(arg))?;
        let Some(_) = call.op_token else { return self.named(&call.name, args, position) };
        match (call.name.as_str(), args.len()) {
            ("contains", 2) => Ok(builtin("contains", args, position)),
            ("!", 1) => Ok(named_operand(form::NOT, args.remove(0), position)),
            ("-", 1) => Ok(named_operand(form::NEGATE, args.remove(0), position)),
            ("+", 1) => Ok(args.remove(0)),
            (".." | "..=", 2) => {
                args.push(Expr::BoolConstant(call.name == "..=", position));
                Ok(encoded(form::RANGE, args, position))
            }
            (symbol, 2) => {
                let right = args.remove(1);
                binary(symbol, args.remove(0), right, position)
            }
            (symbol, _) => Err(no_operator(symbol, position)),
        }
    }

    fn named(&mut self, name: &str, args: Vec<Expr>, position: Position) -> Result<Expr, ExprError> {
        let at = At::of(position);
        let host = self.scope.functions.iter().find(|spec| spec.name == name);
        let own = functions::find(name);
        let Some((least, most)) = own.map(|own| own.args).or(host.map(|spec| spec.args)) else {
            let host = self.scope.functions.iter().map(|spec| spec.name);
            let known = functions::BUILTINS.iter().map(|own| own.name).chain(host);
            let message = format!("there is no function `{name}`{}", suggestion(name, known));
            return Err(at.error(Code::ScriptUnknownName, message));
        };
        if !(least..=most).contains(&args.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let message = format!("`{name}` takes {wanted} arguments, not {}", args.len());
            return Err(at.error(Code::ScriptType, message));
        }
        let literal = match args.first() {
            Some(Expr::StringConstant(text, _)) => Some(Arc::from(text.as_str())),
            _ => None,
        };
        self.calls.push(Call { function: name.into(), literal, position: at.pair() });
        if own.is_some() {
            return Ok(builtin(name, args, position));
        }
        let run = Expr::Variable((None, script::RUN.into()).into(), None, position);
        let list = Expr::Array(args.into_iter().collect(), position);
        Ok(encoded(form::HOST, [run, string(name, position), list], position))
    }

    /// A switch becomes a variable and a chain of conditions: Rhai's own compares by hash, where 1 is not 1.0.
    fn switch(&mut self, mut subject: Expr, cases: rhai::SwitchCasesCollection, position: Position) -> Result<Stmt, ExprError> {
        let labels = switch::labels(&self.tokens, At::of(position)).map_err(|message| syntax(position, message))?;
        if labels.len() != cases.expressions.len() {
            return Err(syntax(position, "put the value of this `switch` in parentheses"));
        }
        if labels.len() > SWITCH_ARMS_MAX {
            let message = format!("a `switch` has at most {SWITCH_ARMS_MAX} arms");
            return Err(At::of(position).error(Code::ScriptLimit, message));
        }
        self.expr(&mut subject)?;
        self.switches += 1;
        let name = format!("@switch{}", self.switches);
        let value = || Expr::Variable((None, name.as_str().into()).into(), None, position);
        let mut otherwise = StmtBlock::new([], position, position);
        for (labels, arm) in labels.iter().zip(cases.expressions).rev() {
            let (mut guard, mut action) = (arm.lhs, arm.rhs);
            self.expr(&mut action)?;
            let body = match action {
                Expr::Stmt(block) => *block,
                other => StmtBlock::new([Stmt::Expr(other.into())], position, position),
            };
            if labels.is_empty() {
                otherwise = body;
                continue;
            }
            let tests = labels.iter().map(|label| test(label, value(), position)).collect::<Result<Vec<_>, _>>()?;
            let mut expr = Expr::Or(Box::new(tests.into_iter().collect()), position);
            if !matches!(guard, Expr::BoolConstant(true, _)) {
                self.condition(&mut guard)?;
                expr = Expr::And(Box::new([expr, guard].into_iter().collect()), position);
            }
            let chosen = Stmt::If(FlowControl { expr, body, branch: otherwise }.into(), position);
            otherwise = StmtBlock::new([chosen], position, position);
        }
        let ident = rhai::Ident { name: name.as_str().into(), pos: position };
        let bound = Stmt::Var((ident, subject, None).into(), ASTFlags::empty(), position);
        let statements = [bound].into_iter().chain(otherwise);
        Ok(Stmt::Block(StmtBlock::new(statements, position, position).into()))
    }
}

fn test(label: &Label, value: Expr, position: Position) -> Result<Expr, ExprError> {
    match label {
        Label::Value(wanted) => binary("==", value, constant(wanted, position), position),
        Label::Range { from, to, inclusive } => {
            let (from, to) = (decimal(*from, position), decimal(*to, position));
            Ok(encoded(form::WITHIN, [value, from, to, Expr::BoolConstant(*inclusive, position)], position))
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

fn decimal(number: Decimal, position: Position) -> Expr {
    Expr::DynamicConstant(Dynamic::from_decimal(number).into(), position)
}

fn string(text: &str, position: Position) -> Expr {
    Expr::StringConstant(text.into(), position)
}

fn wrap(expr: &mut Expr, outer: impl FnOnce(Expr, Position) -> Expr) {
    let position = expr.position();
    let inner = mem::take(expr);
    *expr = outer(inner, position);
}

fn truth(value: Expr, position: Position) -> Expr {
    named_operand(form::TRUTH, value, position)
}

fn named_operand(function: &str, value: Expr, position: Position) -> Expr {
    let name = string(&operand_name(&value), position);
    encoded(function, [value, name], position)
}

fn binary(symbol: &str, left: Expr, right: Expr, position: Position) -> Result<Expr, ExprError> {
    if Operator::of(symbol).is_none() {
        return Err(no_operator(symbol, position));
    }
    let names = format!("{}\n{}", operand_name(&left), operand_name(&right));
    Ok(encoded(form::BINARY, [string(symbol, position), left, right, string(&names, position)], position))
}

fn builtin(name: &str, args: Vec<Expr>, position: Position) -> Expr {
    let names = args.iter().map(operand_name).collect::<Vec<_>>().join("\n");
    let list = Expr::Array(args.into_iter().collect(), position);
    encoded(form::BUILTIN, [string(name, position), list, string(&names, position)], position)
}

/// How messages name an operand: by its path or variable, else not at all.
fn operand_name(expr: &Expr) -> String {
    match expr {
        Expr::Variable(name, ..) if !name.1.starts_with('@') => name.1.to_string(),
        _ => path_of(expr).map(|path| path.to_string()).unwrap_or_default(),
    }
}

/// The path, if the expression is nothing but one (in the rewritten form).
pub(super) fn path_of(expr: &Expr) -> Option<Path> {
    match expr {
        Expr::FnCall(call, _) if call.name == form::PATH => match &call.args[1] {
            Expr::StringConstant(path, _) => Some(Path::parse(path)),
            _ => None,
        },
        _ => None,
    }
}

/// A call of the rewritten form. The hashes Rhai finds functions by are private to it, so they are taken from calls
/// it parsed itself.
fn encoded(function: &str, args: impl IntoIterator<Item = Expr>, position: Position) -> Expr {
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
        form::ALL.iter().map(pattern).collect()
    });
    let mut call = patterns[function].clone();
    call.args = args.into_iter().collect();
    Expr::FnCall(call.into(), position)
}

/// Rhai nests chains to the right; this reads them off as a base and its steps.
fn flatten(expr: Expr) -> (Expr, Vec<Step>) {
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

fn syntax(position: Position, message: impl Into<String>) -> ExprError {
    At::of(position).error(Code::ScriptSyntax, message)
}

fn no_operator(symbol: &str, position: Position) -> ExprError {
    syntax(position, format!("there is no operator `{symbol}`"))
}

/// `; did you mean ...?` for the nearest known name, if one is near.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = (name.chars().count() / 3).max(1);
    let measured = known.into_iter().map(|known| (distance(name, known), known));
    match measured.filter(|(away, _)| *away <= near).min() {
        Some((_, known)) => format!("; did you mean `{known}`?"),
        None => String::new(),
    }
}

/// How many characters must be added, dropped, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
