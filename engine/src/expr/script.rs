//! Runs what the tree cannot say in Rhai: loops, changing parts of lists and maps, leaving early. The script is the
//! rewritten form, so Rhai only steers; every operator and function is ours.
//!
//! Must not offer `eval`, `import`, `print`, closures or functions of its own.

use super::form;
use super::functions;
use super::operators::{self, Fault, LIST_ITEMS_MAX, MAP_ENTRIES_MAX, Operator, Outcome, TEXT_BYTES_MAX};
use super::tree::known;
use super::{At, DEPTH_MAX, Env, EvalError, ExprError, Inputs, Path, Ran, Watched};
use crate::codes::Code;
use crate::value::Value;
use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, ImmutableString, LexError, Module, NativeCallContext, ParseError,
    ParseErrorType, Scope, Stmt,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Steps one run may take: some milliseconds.
pub(super) const OPERATIONS_MAX: u64 = 100_000;
/// Calls within calls; our functions never call back, so this only guards Rhai's own.
const CALL_LEVELS_MAX: usize = 16;
/// Variables in sight at once.
const VARIABLES_MAX: usize = 256;
/// How much wider Rhai's own size limits are than ours.
const RHAI_SLACK: usize = 4;
/// Items of lists and maps one run may copy: some tens of milliseconds. A loop over a list copies it once; taking an
/// item by index copies the whole list.
pub(super) const COPIED_MAX: usize = 1_000_000;
/// How many bytes of text cost as much as one item.
const TEXT_BYTES_PER_ITEM: usize = 256;
/// Host calls one script may make: each one runs the script again from its start.
pub(super) const HOST_CALLS_MAX: usize = 100;

pub(super) struct Script {
    ast: AST,
}

/// What one run knows: every path, read or failed, and the answers of the host so far.
struct Facts {
    paths: Arc<BTreeMap<String, Result<Value, EvalError>>>,
    answers: Vec<Value>,
    /// How many answers this run has used.
    used: AtomicUsize,
    /// How many items of lists and maps it has copied.
    copied: AtomicUsize,
}

type Run = Arc<Facts>;

impl Facts {
    /// Counts what a read or a range copies, so that large values are bounded as steps are.
    fn count(&self, value: &Dynamic) -> Result<(), Fault> {
        let weight = weight(value);
        match self.copied.fetch_add(weight, Ordering::Relaxed) + weight {
            copied if copied > COPIED_MAX => {
                Err(Fault::limit(format!("the script copies more than {COPIED_MAX} items of lists and texts")))
            }
            _ => Ok(()),
        }
    }
}

/// What a value costs to copy: its items, with a long text counting as several.
fn weight(value: &Dynamic) -> usize {
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(|item| 1 + weight(item)).sum();
    }
    if let Ok(entries) = value.as_map_ref() {
        return entries.values().map(|entry| 1 + weight(entry)).sum();
    }
    value.as_immutable_string_ref().map_or(0, |text| text.len() / TEXT_BYTES_PER_ITEM)
}

/// A value Rhai has no type for: dates, moments, money, identities.
#[derive(Clone)]
struct Held(Value);

/// Why a run stopped before its end, carried through Rhai where no script can catch it.
#[derive(Clone)]
enum Stop {
    Failed(EvalError),
    /// The next host call has no answer yet.
    Ask(String, Vec<Value>),
}

type Answer = Result<Dynamic, Box<EvalAltResult>>;

impl Script {
    pub(super) fn new(statements: Vec<Stmt>) -> Script {
        Script { ast: AST::new(statements, Module::new()) }
    }

    pub(super) fn eval(&self, reads: &[Path], env: &dyn Env, watched: Option<&Watched>) -> Result<Value, EvalError> {
        let begun = watched.map(|watched| watched.watch.now());
        // A path that cannot be read stops the script only where it is used, as in the tree.
        let paths = Arc::new(reads.iter().map(|path| (path.to_string(), env.get(path))).collect::<BTreeMap<_, _>>());
        let mut inputs = Inputs { reads: paths, calls: Vec::new() };
        let mut operations = 0;
        let outcome = self.run(&mut inputs, env, &mut operations);
        if let (Some(Watched { address, watch }), Some(begun)) = (watched, begun) {
            let micros = watch.now().saturating_sub(begun);
            watch.ran(Ran { script: address, operations, micros, outcome: &outcome, inputs: &inputs });
        }
        outcome
    }

    /// Runs until nothing is left to ask of the host; counts the steps of all rounds.
    fn run(&self, inputs: &mut Inputs, env: &dyn Env, operations: &mut u64) -> Result<Value, EvalError> {
        loop {
            let (used, copied) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let answers = inputs.calls.iter().map(|(.., answer)| answer.clone()).collect();
            let run = Run::new(Facts { paths: inputs.reads.clone(), answers, used, copied });
            let mut scope = Scope::new();
            scope.push_constant_dynamic(form::RUN, Dynamic::from(run));
            let (mut state, mut caches) = (engine().new_global_runtime_state(), Caches::new());
            #[allow(deprecated)] // Rhai's word for "may change"; nothing else says how many steps it took.
            let ran = engine().eval_statements_raw(&mut state, &mut caches, &mut scope, self.ast.statements());
            *operations += state.num_operations();
            match ran {
                Ok(result) => return value_of(&result).and_then(operators::sized).map_err(|fault| fault.at(At::START)),
                Err(error) => match stopped(*error) {
                    Stop::Failed(error) => return Err(error),
                    Stop::Ask(function, args) => {
                        let answer = env.call(&function, &args)?;
                        inputs.calls.push((function, args, answer));
                    }
                },
            }
        }
    }
}

/// What both the parser and the runner are not allowed.
pub(super) fn restrict(engine: &mut Engine) {
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    engine.set_max_expr_depths(DEPTH_MAX, DEPTH_MAX);
    engine.set_max_string_size(TEXT_BYTES_MAX);
    // Rhai counts nested items and the arguments of our functions too, so its own limits are only a wider guard;
    // the exact ones are kept by `value_of`, `push` and the operators.
    engine.set_max_array_size(RHAI_SLACK * LIST_ITEMS_MAX);
    engine.set_max_map_size(RHAI_SLACK * MAP_ENTRIES_MAX);
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_call_levels(CALL_LEVELS_MAX);
    engine.set_max_variables(VARIABLES_MAX);
    engine.set_max_functions(0);
    engine.set_allow_anonymous_fn(false);
    for symbol in [
        "eval",
        "fn",
        "private",
        "print",
        "debug",
        "try",
        "catch",
        "this",
        "Fn",
        "call",
        "curry",
        "is_def_fn",
        "is_def_var",
    ] {
        engine.disable_symbol(symbol);
    }
}

/// One engine for all scripts: it holds only functions, never a value.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut engine = Engine::new_raw();
        restrict(&mut engine);
        engine.register_type_with_name::<Held>("value");
        engine.register_iterator::<rhai::Array>();
        register(&mut engine);
        engine
    })
}

fn register(engine: &mut Engine) {
    type Context<'a> = NativeCallContext<'a>;
    engine.register_fn(form::PATH, |context: Context<'_>, run: Run, path: ImmutableString| -> Answer {
        match run.paths.get(path.as_str()) {
            Some(Ok(value)) => counted(&context, &run, dynamic_of(value)),
            Some(Err(error)) => Err(stop(Stop::Failed(error.clone()), &context)),
            None => Err(stop(Stop::Failed(EvalError::Missing), &context)),
        }
    });
    engine.register_fn(form::READ, |context: Context<'_>, run: Run, value: Dynamic| counted(&context, &run, value));
    engine.register_fn(
        form::BINARY,
        |context: Context<'_>, symbol: ImmutableString, left: Dynamic, right: Dynamic, names: ImmutableString| {
            answer(&context, || {
                let operator = Operator::of(&symbol).ok_or_else(|| Fault::failed("unknown operator"))?;
                let (first, second) = names.split_once('\n').unwrap_or_default();
                operators::binary(operator, &value_of(&left)?, &value_of(&right)?, (known(first), known(second)))
            })
        },
    );
    engine.register_fn(form::NEGATE, |context: Context<'_>, value: Dynamic, name: ImmutableString| {
        answer(&context, || operators::negate(&value_of(&value)?, known(&name)))
    });
    engine.register_fn(form::NOT, |context: Context<'_>, value: Dynamic, name: ImmutableString| {
        answer(&context, || Ok(Value::Bool(!operators::truth(&value_of(&value)?, known(&name))?)))
    });
    engine.register_fn(form::TRUTH, |context: Context<'_>, value: Dynamic, name: ImmutableString| {
        answer(&context, || Ok(Value::Bool(operators::truth(&value_of(&value)?, known(&name))?)))
    });
    engine.register_fn(form::MEMBER, |context: Context<'_>, value: Dynamic, name: ImmutableString| {
        answer(&context, || operators::member(&value_of(&value)?, &name))
    });
    engine.register_fn(form::INDEX, |context: Context<'_>, value: Dynamic, key: Dynamic| {
        answer(&context, || operators::index(&value_of(&value)?, &value_of(&key)?))
    });
    engine.register_fn(form::JOIN, |context: Context<'_>, parts: Dynamic| {
        answer(&context, || operators::joined(&values_of(&parts)?))
    });
    engine.register_fn(form::RANGE, |context: Context<'_>, run: Run, from: Dynamic, to: Dynamic, inclusive: bool| {
        let list = answer(&context, || operators::range(&value_of(&from)?, &value_of(&to)?, inclusive))?;
        counted(&context, &run, list)
    });
    engine.register_fn(
        form::WITHIN,
        |context: Context<'_>, value: Dynamic, from: Dynamic, to: Dynamic, inclusive: bool| {
            answer(&context, || {
                let (value, from, to) = (value_of(&value)?, value_of(&from)?, value_of(&to)?);
                Ok(Value::Bool(operators::within(&value, &from, &to, inclusive)))
            })
        },
    );
    engine.register_fn(form::ITEMS, |context: Context<'_>, list: Dynamic| {
        answer(&context, || operators::items(value_of(&list)?))
    });
    engine.register_fn(form::KEY, |context: Context<'_>, key: Dynamic| -> Answer {
        match value_of(&key) {
            Ok(Value::Text(name)) => Ok(Dynamic::from(name.to_string())),
            Ok(Value::Decimal(place)) if place.is_integer() && i64::try_from(place).is_ok() => {
                Ok(Dynamic::from_int(i64::try_from(place).unwrap_or_default()))
            }
            Ok(other) => Err(failed(Fault::failed(format!("{} cannot be a key", other.kind())), &context)),
            Err(fault) => Err(failed(fault, &context)),
        }
    });
    engine.register_fn(form::PUSH, |context: Context<'_>, list: &mut rhai::Array, item: Dynamic| -> Answer {
        if list.len() >= LIST_ITEMS_MAX {
            let fault = Fault::limit(format!("the list has more than {LIST_ITEMS_MAX} items"));
            return Err(failed(fault, &context));
        }
        list.push(item);
        Ok(Dynamic::UNIT)
    });
    engine.register_fn(
        form::BUILTIN,
        |context: Context<'_>, name: ImmutableString, args: Dynamic, names: ImmutableString| {
            answer(&context, || {
                let builtin = functions::find(&name).ok_or_else(|| Fault::failed("unknown function"))?;
                builtin.call(&values_of(&args)?, |place| names.split('\n').nth(place).and_then(known))
            })
        },
    );
    engine.register_fn(form::HOST, |context: Context<'_>, run: Run, name: ImmutableString, args: Dynamic| -> Answer {
        let args = values_of(&args).map_err(|fault| failed(fault, &context))?;
        let used = run.used.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = run.answers.get(used) {
            return counted(&context, &run, dynamic_of(answer));
        }
        if used >= HOST_CALLS_MAX {
            let fault = Fault::limit(format!("a script makes at most {HOST_CALLS_MAX} calls like `{name}`"));
            return Err(failed(fault, &context));
        }
        Err(stop(Stop::Ask(name.to_string(), args), &context))
    });
}

fn answer(context: &NativeCallContext<'_>, run: impl FnOnce() -> Outcome) -> Answer {
    run().map(|value| dynamic_of(&value)).map_err(|fault| failed(fault, context))
}

fn counted(context: &NativeCallContext<'_>, run: &Facts, value: Dynamic) -> Answer {
    run.count(&value).map_err(|fault| failed(fault, context))?;
    Ok(value)
}

fn failed(fault: Fault, context: &NativeCallContext<'_>) -> Box<EvalAltResult> {
    stop(Stop::Failed(fault.at(At::of(context.call_position()))), context)
}

fn stop(stop: Stop, context: &NativeCallContext<'_>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(stop), context.call_position()).into()
}

fn stopped(error: EvalAltResult) -> Stop {
    let at = At::of(error.position());
    let fault = match error {
        EvalAltResult::ErrorTerminated(token, _) => match token.try_cast::<Stop>() {
            Some(stop) => return stop,
            None => Fault::limit("the script was stopped"),
        },
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => return stopped(*inner),
        EvalAltResult::ErrorRuntime(thrown, _) => match value_of(&thrown) {
            Ok(value) => Fault::failed(operators::text(&value)),
            Err(fault) => fault,
        },
        EvalAltResult::ErrorTooManyOperations(_) => {
            Fault::limit(format!("the script takes more than {OPERATIONS_MAX} steps"))
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => Fault::limit(format!("a value is too large: {what}")),
        EvalAltResult::ErrorTooManyVariables(_) => {
            Fault::limit(format!("the script has more than {VARIABLES_MAX} variables"))
        }
        EvalAltResult::ErrorStackOverflow(_) => Fault::limit("the script nests too deep"),
        other => Fault::failed(other.to_string()),
    };
    Stop::Failed(fault.at(at))
}

pub(super) fn parse_error(error: &ParseError) -> ExprError {
    let at = At::of(error.position());
    match error.err_type() {
        ParseErrorType::ExprTooDeep => {
            at.error(Code::ScriptLimit, format!("the expression nests deeper than {DEPTH_MAX} levels"))
        }
        ParseErrorType::LiteralTooLarge(what, most) => {
            at.error(Code::ScriptLimit, format!("{what} is larger than {most}"))
        }
        ParseErrorType::BadInput(LexError::StringTooLong(most)) => {
            at.error(Code::ScriptLimit, format!("the text is longer than {most} bytes"))
        }
        other => {
            let code = match other {
                ParseErrorType::MismatchedType(..) => Code::ScriptType,
                _ => Code::ScriptSyntax,
            };
            let message = other.to_string();
            let mut letters = message.chars();
            let lowered = letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>());
            at.error(code, lowered.unwrap_or_default())
        }
    }
}

fn dynamic_of(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from_bool(*flag),
        Value::Decimal(number) => Dynamic::from_decimal(*number),
        Value::Text(text) => Dynamic::from(ImmutableString::from(&**text)),
        Value::List(items) => Dynamic::from_array(items.iter().map(dynamic_of).collect()),
        Value::Map(entries) => {
            Dynamic::from_map(entries.iter().map(|(name, value)| (name.as_str().into(), dynamic_of(value))).collect())
        }
        Value::Date(_) | Value::Moment(_) | Value::Id(_) | Value::Money(_) => Dynamic::from(Held(value.clone())),
    }
}

fn value_of(value: &Dynamic) -> Outcome {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::Decimal(number.into()));
    }
    if let Some(number) = value.read_lock::<rust_decimal::Decimal>() {
        return Ok(Value::Decimal(*number));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::text(&text));
    }
    if let Ok(character) = value.as_char() {
        return Ok(Value::text(&character.to_string()));
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(value_of).collect::<Result<_, _>>().map(Value::List).and_then(operators::sized);
    }
    if let Ok(entries) = value.as_map_ref() {
        let pairs = entries.iter().map(|(name, value)| Ok((name.to_string(), value_of(value)?)));
        return pairs.collect::<Result<_, _>>().map(Value::Map).and_then(operators::sized);
    }
    match value.read_lock::<Held>() {
        Some(held) => Ok(held.0.clone()),
        None => Err(Fault::failed(format!("a script cannot hold {}", value.type_name()))),
    }
}

fn values_of(list: &Dynamic) -> Result<Vec<Value>, Fault> {
    match value_of(list)? {
        Value::List(items) => Ok(items),
        other => Ok(vec![other]),
    }
}
