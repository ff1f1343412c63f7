//! Deciding a command: the one door through which anything changes. Here only the order of things; what each
//! kind of command does stands beside.

mod complete;
mod draft;
mod duplicates;
mod files;
mod fit;
mod foresee;
mod merge;
mod rates;
mod records;
mod transitions;
mod upsert;

pub use duplicates::{Alike, alike};
pub(crate) use fit::fitted;
pub use foresee::foresee;
pub use records::{CLEARED_MAX, is_cleared};
pub use transitions::may_start;
pub use upsert::unique_value;

use crate::decision::{Command, Context, Decision, Outcome};
use crate::env::Reader;
use crate::expr::EvalError;
use crate::facts::Facts;
use crate::model::Model;
use crate::refusal::Refusal;
use crate::settlement::{settle, statement};

/// Why a part of a decision has no result.
#[derive(Debug)]
pub enum Halt {
    /// Facts are missing; they are noted with the reader.
    Missing,
    Refused(Box<Refusal>),
}

impl From<EvalError> for Halt {
    fn from(error: EvalError) -> Halt {
        match error {
            EvalError::Missing => Halt::Missing,
            EvalError::Failed(error) => Halt::Refused(Box::new(refusal_of(&error))),
        }
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Halt {
        Halt::Refused(Box::new(refusal))
    }
}

/// The refusal for an expression that failed.
pub(crate) fn refusal_of(error: &crate::expr::ExprError) -> Refusal {
    Refusal::new(error.code, error.message.clone()).with("line", error.line).with("column", error.column)
}

/// Decides a command over a snapshot of facts. Pure: asked again with more facts it takes the same way further.
///
/// What the actor may do is asked by whoever calls (`access`); what the definitions allow is decided here.
pub fn decide(model: &Model, facts: &Facts, command: &Command, context: &Context) -> Outcome {
    decide_for(Purpose::CarryingOut, model, facts, command, context)
}

/// Whether a command would be carried out: answered as [`decide`] does, but what a new record would write may be left out.
pub fn foretell(model: &Model, facts: &Facts, command: &Command, context: &Context) -> Outcome {
    decide_for(Purpose::Foretelling, model, facts, command, context)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    CarryingOut,
    Foretelling,
}

fn decide_for(purpose: Purpose, model: &Model, facts: &Facts, command: &Command, context: &Context) -> Outcome {
    let mut reader = Reader::new(model, facts, context);
    reader.accepts_duplicates = matches!(command, Command::AcceptingDuplicates(_));
    if let Command::SettleBy(_, terms) = command {
        reader.terms = *terms;
    }
    let decided: Result<Decision, Halt> = match command.plain() {
        Command::Create { object, input } if purpose == Purpose::Foretelling => {
            records::creatable(&reader, object, input)
        }
        Command::Create { object, input } => records::create(&reader, object, input),
        Command::Update { object, id, version, input } => records::update(&reader, object, *id, *version, input),
        Command::Upsert { object, field, value, input } => upsert::upsert(&reader, object, field, value, input),
        Command::Delete { object, id, version } => records::delete(&reader, object, *id, *version),
        Command::Restore { object, id, version } => records::restore(&reader, object, *id, *version),
        Command::Transition { object, id, version, transition, input } => {
            transitions::transition(&reader, object, *id, *version, transition, input)
        }
        Command::Complete { object, id } => complete::complete(&reader, object, *id),
        Command::Settle(unit) | Command::SettleBy(unit, _) => settle::settle_unit(&reader, unit),
        Command::Statement(command) => statement::step(&reader, command),
        Command::AddRate { table, row } => rates::add(&reader, table, row),
        Command::ChangeRates(asked) => rates::changes::change(&reader, asked),
        Command::Attach(file) => files::attach(&reader, file),
        Command::Detach { id, .. } => files::detach(&reader, *id),
        // What a plain command is not.
        Command::AcceptingDuplicates(_) => Err(Halt::Missing),
        Command::CloseRate { table, row, valid_to } => rates::close(&reader, table, *row, *valid_to),
    };
    match decided {
        // A refusal counts only when nothing is missing: a fact that is still to come may change it.
        Err(Halt::Refused(refusal)) if reader.needs().is_empty() => Outcome::Refused(refusal),
        Ok(decision) if reader.needs().is_empty() => Outcome::Decided(Box::new(decision)),
        _ => Outcome::Needs(reader.needs()),
    }
}
