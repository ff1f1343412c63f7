//! Expressions: one small language for formulas, guards, conditions, defaults, routing and settlement steps.
//! Parsed by Rhai, resolved against the names in scope, then lowered to a tree of our own; what the tree cannot
//! say (loops, changing parts of a list or map) runs in Rhai with the same operators and functions.
//!
//! Must not know: objects, records, tables, tenants. Facts come from an [`Env`], types from [`Types`].

mod form;
mod functions;
mod inputs;
mod lower;
mod operators;
mod resolve;
mod script;
mod switch;
#[cfg(test)]
mod tests;
mod tree;
mod types;

use crate::codes::Code;
use crate::value::Value;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub use inputs::{Inputs, Ran, Watch, tagged};

/// Longest expression or script, in bytes: a page of formulas, not a program.
pub const SOURCE_BYTES_MAX: usize = 65_536;

/// How deep expressions may nest, and how many terms one sum may have: more belongs into `let`.
const DEPTH_MAX: usize = 128;

/// A dotted path an expression reads: root plus steps, `record.customer.region`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    pub root: Arc<str>,
    pub steps: Vec<Arc<str>>,
}

impl Path {
    /// Reads `record.customer.region`; meant for names that are known to be good.
    pub fn parse(text: &str) -> Path {
        let mut parts = text.split('.').map(Arc::from);
        Path { root: parts.next().unwrap_or_else(|| Arc::from("")), steps: parts.collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.root)?;
        self.steps.iter().try_for_each(|step| write!(out, ".{step}"))
    }
}

/// One call in an expression, with its first argument if that is a string literal (`rate("price", record)`).
/// A method call is a call whose first argument is what stands before the dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub function: Arc<str>,
    pub literal: Option<Arc<str>>,
    /// Its last argument if that is a string literal (`lookup("setting", key, "value")`).
    pub last: Option<Arc<str>>,
    /// Line and column, from 1.
    pub position: (usize, usize),
}

/// What is wrong with an expression, and where (line and column from 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct ExprError {
    pub code: Code,
    pub message: String,
    pub line: usize,
    pub column: usize,
}

impl ExprError {
    /// Whether it did not fail but must not run.
    pub fn is_barred(&self) -> bool {
        matches!(self.code, Code::ScriptStopped | Code::CapabilityMissing)
    }
}

/// Why an evaluation gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The environment lacks a fact; the caller fetches it and evaluates again.
    #[error("a fact is not loaded yet")]
    Missing,
    #[error(transparent)]
    Failed(#[from] ExprError),
}

/// The facts and host functions of one evaluation.
pub trait Env {
    /// The whole path, following references; a null on the way yields [`Value::Null`]. Members of money
    /// (`record.price.amount`, `.currency`) are part of the path too.
    fn get(&self, path: &Path) -> Result<Value, EvalError>;

    /// The same for a path that was given a number by [`Expr::number`]; an environment that knows the number may know a
    /// shorter way.
    fn numbered(&self, number: usize, path: &Path) -> Result<Value, EvalError> {
        let _ = number;
        self.get(path)
    }

    /// What stands at a path, where the environment has it at hand and nothing needs to be followed.
    fn held(&self, number: Option<usize>, path: &Path) -> Option<&Value> {
        let _ = (number, path);
        None
    }

    /// A function of the host. A method call on its result (`.amount(quantity)`) arrives as `call("amount", [result,
    /// quantity])`. A script that runs in Rhai is evaluated again from the start after each host call, with the
    /// answers so far, so every call is made once and in order.
    fn call(&self, function: &str, args: &[Value]) -> Result<Value, EvalError>;
}

/// The static type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Any,
    Null,
    Bool,
    Decimal,
    Text,
    Date,
    Moment,
    Money,
    List,
    Map,
    /// A record of the named object.
    Reference(Arc<str>),
}

/// What paths and functions are, for checking before anything runs.
pub trait Types {
    fn path(&self, path: &Path) -> Option<Type>;
    /// The names that may follow a prefix, for "did you mean".
    fn names(&self, prefix: &Path) -> Vec<String>;
    fn function(&self, name: &str) -> Option<&FunctionSpec>;
}

/// A function of the host: its name, how many arguments it takes (a method's receiver counts), what it returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
    pub name: &'static str,
    pub args: (usize, usize),
    pub returns: Type,
    /// Whether whatever calls it is a script, which is watched over.
    pub watched: bool,
}

/// What names may stand free in an expression.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `record`, `line`, `party`, `user`, `run` and what `let` defines. A root wins over a bare field.
    pub roots: &'a [&'a str],
    /// Says whether a free name is a field of the record: `quantity` is then read as `record.quantity`. One that says
    /// yes to every name leaves misspelt fields to [`Expr::check`], which knows the names to suggest.
    pub bare: Option<&'a dyn Fn(&str) -> bool>,
    pub functions: &'a [FunctionSpec],
}

/// A compiled expression; cloning shares it.
#[derive(Clone)]
pub struct Expr(Arc<Compiled>);

struct Compiled {
    source: String,
    reads: Vec<Path>,
    /// Where each path stands: index into `reads`, line and column.
    sites: Vec<(usize, At)>,
    calls: Vec<Call>,
    remarks: Vec<ExprError>,
    body: Body,
    /// The numbers of the paths it reads, one for each.
    numbers: OnceLock<Box<[Option<usize>]>>,
    /// Why it must not run.
    barred: OnceLock<ExprError>,
    /// Who is told what it costs, and under which address.
    watched: OnceLock<Watched>,
}

struct Watched {
    address: Arc<str>,
    watch: Arc<dyn Watch>,
}

enum Body {
    Tree(tree::Tree),
    Script(script::Script),
}

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    line: u32,
    column: u32,
}

impl Expr {
    /// Parses and resolves. Refuses with `script_syntax`, `script_unknown_name`, `script_type` (a wrong number of
    /// arguments) or `script_limit` (source too long or nested too deep).
    pub fn compile(source: &str, scope: &Scope<'_>) -> Result<Expr, ExprError> {
        Expr::compile_as(source, scope, true)
    }

    /// `lowering` off keeps everything in Rhai: for the differential test.
    fn compile_as(source: &str, scope: &Scope<'_>, lowering: bool) -> Result<Expr, ExprError> {
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("the expression is longer than {SOURCE_BYTES_MAX} bytes");
            return Err(At::START.error(Code::ScriptLimit, message));
        }
        let resolved = resolve::resolve(source, scope)?;
        let watched = |call: &Call| scope.functions.iter().any(|spec| spec.watched && *spec.name == *call.function);
        let lowering = lowering && !resolved.calls.iter().any(watched);
        let lowered = if lowering { lower::lower(&resolved.statements, &resolved.reads) } else { None };
        let body = match lowered {
            Some(tree) => Body::Tree(tree),
            None => Body::Script(script::Script::new(resolved.statements)),
        };
        let (reads, sites, calls, remarks) = (resolved.reads, resolved.sites, resolved.calls, resolved.remarks);
        let (numbers, barred, watched) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let source = source.to_owned();
        Ok(Expr(Arc::new(Compiled { source, reads, sites, calls, remarks, body, numbers, barred, watched })))
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The longest dotted paths it reads, sorted, each once.
    pub fn reads(&self) -> &[Path] {
        &self.0.reads
    }

    /// Its calls in the order of the text.
    pub fn calls(&self) -> &[Call] {
        &self.0.calls
    }

    /// What it says that comes to nothing, in the order of the text: variables nobody reads or that hide others, and what
    /// is never carried out.
    pub fn remarks(&self) -> &[ExprError] {
        &self.0.remarks
    }

    /// The path, if the expression is nothing but one path: the hot case of settlement look-ups.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.0.body {
            Body::Tree(tree) => tree.as_path().map(|index| &self.0.reads[index]),
            Body::Script(_) => None,
        }
    }

    /// Evaluates. Fails with `script_failed` or `script_limit`, at the place that failed.
    pub fn eval(&self, env: &dyn Env) -> Result<Value, EvalError> {
        match &self.0.body {
            Body::Tree(tree) => tree.eval(self.paths(), env),
            Body::Script(script) => match self.0.barred.get() {
                Some(error) => Err(EvalError::Failed(error.clone())),
                None => script.eval(&self.0.reads, env, self.0.watched.get()),
            },
        }
    }

    /// The same, without a copy where it is a path to what the environment has at hand.
    pub fn read<'v>(&self, env: &'v dyn Env) -> Result<Cow<'v, Value>, EvalError> {
        let held = match &self.0.body {
            Body::Tree(tree) => tree.as_path().and_then(|index| self.paths().held(index, env)),
            Body::Script(_) => None,
        };
        held.map_or_else(|| self.eval(env).map(Cow::Owned), |value| Ok(Cow::Borrowed(value)))
    }

    /// Evaluates what may be barred, and tells nobody.
    fn eval_unbarred(&self, env: &dyn Env) -> Result<Value, EvalError> {
        match &self.0.body {
            Body::Tree(tree) => tree.eval(self.paths(), env),
            Body::Script(script) => script.eval(&self.0.reads, env, None),
        }
    }

    fn paths(&self) -> tree::Paths<'_> {
        tree::Paths { reads: &self.0.reads, numbers: self.0.numbers.get().map_or(&[], |numbers| numbers) }
    }

    /// Gives the paths it reads numbers under which environments may know them; the first time counts.
    pub fn number(&self, number_of: impl Fn(&Path) -> Option<usize>) {
        self.0.numbers.get_or_init(|| self.0.reads.iter().map(number_of).collect());
    }

    /// Whether it is more than a formula: it loops, changes parts of lists, or calls what is watched.
    pub fn is_script(&self) -> bool {
        matches!(self.0.body, Body::Script(_))
    }

    /// From now on it fails with this error; the first one counts. Formulas cannot be barred.
    pub fn bar(&self, error: ExprError) {
        let _ = self.0.barred.set(error);
    }

    /// From now on somebody is told what it costs, if it is a script; the first one counts.
    pub fn watch(&self, address: Arc<str>, watch: Arc<dyn Watch>) {
        let _ = self.0.watched.set(Watched { address, watch });
    }

    /// Infers the type and reports everything that cannot be right. The type is `None` when a script decides it.
    pub fn check(&self, types: &dyn Types) -> (Option<Type>, Vec<ExprError>) {
        types::check(&self.0, types)
    }

    #[cfg(test)]
    fn is_lowered(&self) -> bool {
        matches!(self.0.body, Body::Tree(_))
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Expr").field(&self.0.source).finish()
    }
}

impl At {
    const START: At = At { line: 1, column: 1 };

    fn of(position: rhai::Position) -> At {
        let number = |part: Option<usize>| part.and_then(|n| u32::try_from(n).ok()).unwrap_or(1).max(1);
        At { line: number(position.line()), column: number(position.position()) }
    }

    fn error(self, code: Code, message: impl Into<String>) -> ExprError {
        ExprError { code, message: message.into(), line: self.line as usize, column: self.column as usize }
    }

    fn pair(self) -> (usize, usize) {
        (self.line as usize, self.column as usize)
    }
}
