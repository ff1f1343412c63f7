//! Parses with Rhai and rewrites what was parsed so that nothing is left to look up by name: paths, operators,
//! members and calls become calls of the functions in [`form`]. The tree and the
//! Rhai script are both made from this form, which is why they cannot differ.
//!
//! Must not know what a path leads to.

use super::form::{
    self, Step, binary, builtin, decimal, encoded, flatten, named_operand, no_operator, path_of, string,
};
use super::form::{read, syntax, test, truth, variable, wrap};
use super::{At, Call, DEPTH_MAX, ExprError, Path, Scope, functions, script, switch};
use crate::codes::Code;
use crate::suggest;
use rhai::{
    AST, ASTFlags, Engine, Expr, FlowControl, FnCallExpr, OpAssignment, ParseError, Position, Stmt, StmtBlock, Token,
};
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, OnceLock};

/// How many arms a `switch` may have; more belongs into a table.
const SWITCH_ARMS_MAX: usize = 100;

/// The rewritten statements and what was learnt on the way.
pub(super) struct Resolved {
    pub(super) statements: Vec<Stmt>,
    pub(super) reads: Vec<Path>,
    pub(super) sites: Vec<(usize, At)>,
    pub(super) calls: Vec<Call>,
    pub(super) remarks: Vec<ExprError>,
}

type Tokens = Arc<Mutex<Vec<(Token, At)>>>;

pub(super) fn resolve(source: &str, scope: &Scope<'_>) -> Result<Resolved, ExprError> {
    let (parsed, tokens) = match source.contains("switch") {
        true => with_tokens(source),
        false => (parser().compile(source), Vec::new()),
    };
    let ast = parsed.map_err(|error| script::parse_error(&error))?;
    let mut statements: Vec<Stmt> = ast.statements().to_vec();
    let mut changed = BTreeSet::new();
    ast.walk(&mut |nodes| {
        if let Some(rhai::ASTNode::Stmt(Stmt::Assignment(pair))) = nodes.last() {
            changed.extend(changed_variable(&pair.1.lhs));
        }
        true
    });
    let mut resolver = Resolver {
        scope,
        tokens,
        changed,
        locals: Vec::new(),
        sites: Vec::new(),
        calls: Vec::new(),
        remarks: Vec::new(),
        switches: 0,
        depth: 0,
    };
    resolver.statements(&mut statements)?;
    resolver.leave(0);
    if statements.iter().all(Stmt::is_noop) {
        return Err(At::START.error(Code::ScriptSyntax, "the expression is empty"));
    }
    let Resolver { sites, mut calls, mut remarks, .. } = resolver;
    remarks.sort_by_key(|remark| (remark.line, remark.column));
    let reads: Vec<Path> = sites.iter().map(|(path, _)| path.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |path: &Path| reads.binary_search(path).unwrap_or_default();
    let mut sites: Vec<(usize, At)> = sites.iter().map(|(path, at)| (place(path), *at)).collect();
    sites.sort_by_key(|(_, at)| *at);
    calls.sort_by_key(|call| call.position);
    Ok(Resolved { statements, reads, sites, calls, remarks })
}

/// One parser for all expressions: setting one up takes longer than parsing most of them.
fn parser() -> &'static Engine {
    static PARSER: OnceLock<Engine> = OnceLock::new();
    PARSER.get_or_init(|| {
        let mut engine = Engine::new_raw();
        script::restrict(&mut engine);
        engine
    })
}

/// Parses with a parser of its own that notes every token, for the labels of a `switch`.
fn with_tokens(source: &str) -> (Result<AST, ParseError>, Vec<(Token, At)>) {
    let tokens = Tokens::default();
    let mut engine = Engine::new_raw();
    script::restrict(&mut engine);
    let seen = tokens.clone();
    #[allow(deprecated)] // Rhai's word for "may change", not for "will go".
    engine.on_parse_token(move |token, position, _| {
        if let Ok(mut seen) = seen.lock() {
            seen.push((token.clone(), At::of(position)));
        }
        token
    });
    let parsed = engine.compile(source);
    let tokens = tokens.lock().map(|mut seen| mem::take(&mut *seen)).unwrap_or_default();
    (parsed, tokens)
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
    /// What is no error and yet nothing anybody means to write.
    remarks: Vec<ExprError>,
    switches: usize,
    depth: usize,
}

struct Local {
    name: String,
    at: At,
    /// Somebody reads it, or nobody needs to: what a loop goes through.
    read: bool,
    /// The path it stands for, when it was bound to one and never changed: `let c = record.customer; c.region`.
    path: Option<Path>,
}

type Done = Result<(), ExprError>;

impl Resolver<'_> {
    fn statements(&mut self, statements: &mut [Stmt]) -> Done {
        let ends = |statement: &Stmt| matches!(statement, Stmt::Return(..) | Stmt::BreakLoop(..));
        if let Some(end) = statements.iter().position(ends)
            && let Some(next) = statements[end + 1..].iter().find(|next| !next.is_noop())
        {
            self.remark(
                At::of(next.position()),
                "this is never carried out: what stands before it ends the script or loop",
            );
        }
        statements.iter_mut().try_for_each(|statement| self.statement(statement))
    }

    fn block(&mut self, block: &mut StmtBlock) -> Done {
        let outer = self.locals.len();
        let done = self.statements(block.statements_mut());
        self.leave(outer);
        done
    }

    /// Forgets the variables of a block, and says which of them nobody reads.
    fn leave(&mut self, outer: usize) {
        for local in self.locals.split_off(outer) {
            if !local.read && !local.name.starts_with('_') {
                self.remark(local.at, format!("nothing reads the variable `{}`", local.name));
            }
        }
    }

    fn remark(&mut self, at: At, message: impl Into<String>) {
        self.remarks.push(at.error(Code::ScriptUseless, message));
    }

    fn deeper<T>(
        &mut self,
        at: Position,
        inner: impl FnOnce(&mut Self) -> Result<T, ExprError>,
    ) -> Result<T, ExprError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep(at));
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
                for name in [Some(item), counter.as_mut()].into_iter().flatten() {
                    self.declare(&name.name, None, At::of(name.pos), true);
                }
                let done = self.block(&mut flow.body);
                self.leave(outer);
                done
            }
            Stmt::Var(parts, ..) => {
                let (name, value, slot) = &mut **parts;
                self.expr(value)?;
                // Variables are found by name, so that the ones added here cannot shift the places of others.
                *slot = None;
                let path = path_of(value).filter(|_| !self.changed.contains(name.name.as_str()));
                self.declare(&name.name, path, At::of(name.pos), false);
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
            Stmt::BreakLoop(value, ..) | Stmt::Return(value, ..) => {
                value.iter_mut().try_for_each(|value| self.expr(value))
            }
            Stmt::Switch(..) => {
                let Stmt::Switch(parts, position) = mem::take(statement) else { return Ok(()) };
                *statement = self.switch(parts.0, parts.1, position)?;
                Ok(())
            }
            other => Err(syntax(other.position(), "this statement is not part of the language")),
        }
    }

    fn declare(&mut self, name: &str, path: Option<Path>, at: At, read: bool) {
        if self.scope.roots.contains(&name) || self.locals.iter().any(|local| local.name == name) {
            self.remark(at, format!("this variable hides another `{name}`"));
        }
        self.locals.push(Local { name: name.to_owned(), at, read, path });
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
            constant @ (Expr::DynamicConstant(..)
            | Expr::BoolConstant(..)
            | Expr::StringConstant(..)
            | Expr::Unit(..)) => constant,
            other => return Err(syntax(other.position(), "this is not part of the language")),
        })
    }

    /// A variable or a chain of members, items and method calls.
    fn chain(&mut self, expr: Expr) -> Result<Expr, ExprError> {
        let position = expr.start_position();
        let (base, steps) = flatten(expr);
        if self.depth + steps.len() > DEPTH_MAX {
            return Err(too_deep(position));
        }
        let mut steps = steps.into_iter().peekable();
        let mut value = match base {
            Expr::Variable(name, _, position) => {
                let local = self.locals.iter_mut().rev().find(|local| local.name == name.1.as_str());
                let local = local.map(|local| {
                    local.read = true;
                    &*local
                });
                let followed = matches!(steps.peek(), Some(Step::Property(_)));
                let path = match local {
                    Some(Local { path: Some(path), .. }) if followed => Some(path.clone()),
                    Some(_) => None,
                    None => Some(self.root(&name.1, position)?),
                };
                match path {
                    None => read(&name.1, position),
                    Some(mut path) => {
                        while let Some(Step::Property(step)) = steps.next_if(|step| matches!(step, Step::Property(_))) {
                            path.steps.push(step.into());
                        }
                        self.sites.push((path.clone(), At::of(position)));
                        let run = variable(form::RUN, position);
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
                args.insert(0, variable(form::RUN, position));
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
        let last = match args.last() {
            Some(Expr::StringConstant(text, _)) if args.len() > 1 => Some(Arc::from(text.as_str())),
            _ => None,
        };
        self.calls.push(Call { function: name.into(), literal, last, position: at.pair() });
        if own.is_some() {
            return Ok(builtin(name, args, position));
        }
        let run = variable(form::RUN, position);
        let list = Expr::Array(args.into_iter().collect(), position);
        Ok(encoded(form::HOST, [run, string(name, position), list], position))
    }

    /// A switch becomes a variable and a chain of conditions: Rhai's own compares by hash, where 1 is not 1.0.
    fn switch(
        &mut self,
        mut subject: Expr,
        cases: rhai::SwitchCasesCollection,
        position: Position,
    ) -> Result<Stmt, ExprError> {
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
        let value = || read(&name, position);
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

fn too_deep(position: Position) -> ExprError {
    At::of(position).error(Code::ScriptLimit, format!("the expression nests deeper than {DEPTH_MAX} levels"))
}

/// `; did you mean ...?` for the nearest known name, if one is near.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    suggest::nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
