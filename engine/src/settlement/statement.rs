//! A statement as decisions read it: what its lines come to, what of it disputes hold, what is owed and what is carried
//! on. The steps it can take stand beside. Knows no store, no actor's rights.

pub mod position;

mod deciding;
mod dispute;
mod reverse;
mod rounding;
mod steps;

pub use dispute::REASON_MAX;
pub use steps::step;

use super::line::{Line, StatementKey, StatementStatus};
use super::plan::{Negative, StatementForm};
use crate::moment::Moment;
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// The document of two parties and a period, with what its lines come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub id: Uuid,
    pub version: i64,
    pub key: StatementKey,
    /// 1 for the first statement of its key.
    pub ordinal: i64,
    pub status: StatementStatus,
    /// Given at issue, gapless.
    pub number: Option<String>,
    pub created_at: Moment,
    pub issued_at: Option<Moment>,
    pub confirmed_at: Option<Moment>,
    pub paid_at: Option<Moment>,
    pub reversed_at: Option<Moment>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    /// Lines on it, charges and what takes them back.
    pub lines: u64,
    /// Gross of its lines that open disputes hold.
    pub held: Decimal,
    /// Gross of lines that left it by disputes.
    pub withdrawn: Decimal,
    /// Debts of former statements it took over at issue: zero or negative.
    pub opening: Decimal,
    /// Its debt, once that was taken over or written off: zero or negative.
    pub carried: Option<Decimal>,
    /// The statement that took its debt over; none where it was written off.
    pub carried_to: Option<Uuid>,
    /// The statement this one takes back.
    pub reverses: Option<Uuid>,
    /// The statement that takes this one back.
    pub reversed_by: Option<Uuid>,
    /// Why it was taken back, or takes back.
    pub reason: Option<String>,
}

impl Statement {
    /// A statement that nobody has taken back and that takes none back.
    pub fn is_plain(&self) -> bool {
        self.reverses.is_none() && self.status != StatementStatus::Reversed
    }

    /// What stands without dispute: what came from former statements and its lines but for those held.
    pub fn undisputed(&self) -> Decimal {
        self.opening + self.gross - self.held
    }

    /// What the payee owes instead of being owed: zero or negative, and never part of a payment. Netted statements and
    /// those whose debts are invoiced have none: their negative amounts are settled as they are.
    pub fn debt(&self, form: Option<&StatementForm>) -> Decimal {
        if let Some(carried) = self.carried {
            return carried;
        }
        let keeps = form.is_none_or(|form| !form.netting && form.negative != Negative::Invoice);
        match keeps && self.is_plain() {
            true => self.undisputed().min(Decimal::ZERO),
            false => Decimal::ZERO,
        }
    }

    /// What is to be paid on it.
    pub fn payable(&self, form: Option<&StatementForm>) -> Decimal {
        match self.is_plain() {
            true => self.undisputed() - self.debt(form),
            false => Decimal::ZERO,
        }
    }
}

/// Somebody's objection to one line of a statement. While it is open the line is held, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    pub id: Uuid,
    pub statement: Uuid,
    pub line: Uuid,
    pub reason: String,
    pub opened_at: Moment,
    pub opened_by: Option<Uuid>,
    /// The line's amounts, for the statement it may leave.
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub settled: Option<SettledDispute>,
}

/// How a dispute ended.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledDispute {
    pub outcome: DisputeOutcome,
    pub at: Moment,
    pub by: Option<Uuid>,
    pub note: Option<String>,
    /// The statement the line went to, where it left.
    pub moved_to: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The line is right as it is.
    Accepted,
    /// The objection is right: the line leaves for the next draft.
    Upheld,
    /// The line, or its whole statement, was taken back meanwhile.
    Reversed,
}

impl DisputeOutcome {
    pub const ALL: [DisputeOutcome; 3] = [DisputeOutcome::Accepted, DisputeOutcome::Upheld, DisputeOutcome::Reversed];

    pub fn as_str(self) -> &'static str {
        match self {
            DisputeOutcome::Accepted => "accepted",
            DisputeOutcome::Upheld => "upheld",
            DisputeOutcome::Reversed => "reversed",
        }
    }
}

/// A line on a statement and what happened to it since.
#[derive(Clone, Debug)]
pub struct StatedLine {
    pub line: Arc<Line>,
    /// What took it back, what took that back, and so on, each with the status of the statement it is on.
    pub later: Vec<(Arc<Line>, Option<StatementStatus>)>,
}

#[cfg(test)]
#[path = "tests_statement.rs"]
mod tests;
