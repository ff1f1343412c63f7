//! Disputes: a line is objected to, and the objection settled. A dispute holds its line and nothing else of the statement.

use super::deciding::{Deciding, asked, name_of};
use super::{Dispute, DisputeOutcome, SettledDispute};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{DisputeChange, LineMove};
use crate::facts::StatementsAsked;
use crate::refusal::Refusal;
use crate::settlement::line::StatementStatus;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The most lines one request disputes: a page of a statement.
pub const LINES_MAX: usize = 200;
/// The longest reason or note.
pub const REASON_MAX: usize = 2_000;

/// Objects to lines of an issued statement.
pub(super) fn open(deciding: &mut Deciding<'_, '_>, lines: &[Uuid], reason: &str) -> Result<(), Halt> {
    deciding.expect_plain()?;
    let statement = deciding.statement;
    match statement.status {
        StatementStatus::Issued => {}
        StatementStatus::Draft => {
            let detail = "a draft is not issued yet: what is wrong with it is corrected where it comes from";
            return Err(Refusal::new(Code::StatementDraft, detail).into());
        }
        _ => return Err(deciding.refused_state("dispute")),
    }
    if let Some(to) = statement.carried_to {
        return Err(followed(&to.to_string(), "its balance was carried on to another statement"));
    }
    let wanted: BTreeSet<Uuid> = lines.iter().copied().collect();
    if wanted.is_empty() || wanted.len() > LINES_MAX {
        let detail = format!("between 1 and {LINES_MAX} lines are disputed at once");
        return Err(Refusal::new(Code::OutOfRange, detail).with("limit_max", LINES_MAX).into());
    }
    let found = asked(deciding.reader, StatementsAsked::Lines { of: statement.id, only: Some(wanted.clone()) })?;
    for id in wanted {
        let held = |dispute: &&Dispute| dispute.line == id && dispute.settled.is_none();
        if let Some(open) = deciding.stated.disputes.iter().find(held) {
            let detail = format!("the line `{id}` is disputed already");
            return Err(Refusal::new(Code::LineDisputed, detail)
                .with("line", id.to_string())
                .with("dispute", open.id.to_string())
                .into());
        }
        let Some(stated) = found.lines.iter().find(|stated| stated.line.id == id && stated.later.is_empty()) else {
            let detail = format!("the line `{id}` is not on this statement, or was taken back already");
            return Err(Refusal::new(Code::LineNotOnStatement, detail).with("line", id.to_string()).into());
        };
        let dispute = Dispute {
            id: deciding.ids.take(),
            statement: statement.id,
            line: id,
            reason: reason.to_owned(),
            opened_at: deciding.reader.context.moment,
            opened_by: deciding.reader.context.actor.id,
            gross: stated.line.gross,
            net: stated.line.net,
            tax: stated.line.tax,
            settled: None,
        };
        deciding.decision.disputes.push(DisputeChange::Open(dispute));
    }
    let change = deciding.changed(statement);
    deciding.decision.statement_changes.push(change);
    Ok(())
}

/// Settles a dispute. What is right as it is stays, unless its statement is paid: then it goes to the next draft, as what
/// is wrong does, to be paid or corrected there.
pub(super) fn settle(
    deciding: &mut Deciding<'_, '_>,
    id: Uuid,
    outcome: DisputeOutcome,
    note: Option<&str>,
) -> Result<(), Halt> {
    let Some(dispute) = deciding.stated.disputes.iter().find(|dispute| dispute.id == id) else {
        let detail = format!("there is no dispute `{id}` about this statement");
        return Err(Refusal::new(Code::NotFound, detail).with("id", id.to_string()).into());
    };
    if let Some(settled) = &dispute.settled {
        let detail = format!("the dispute was settled already: {}", settled.outcome.as_str());
        return Err(Refusal::new(Code::DisputeSettled, detail).with("outcome", settled.outcome.as_str()).into());
    }
    let statement = deciding.statement;
    let is_done = statement.status == StatementStatus::Paid || statement.carried.is_some();
    let moved_to = match outcome {
        DisputeOutcome::Accepted if !is_done => None,
        _ => Some(next_draft(deciding)?),
    };
    deciding.decision.moves.extend(moved_to.map(|to| LineMove { line: dispute.line, to }));
    let settled = SettledDispute {
        outcome,
        at: deciding.reader.context.moment,
        by: deciding.reader.context.actor.id,
        note: note.map(str::to_owned),
        moved_to,
    };
    deciding.decision.disputes.push(DisputeChange::Settle { id, settled });
    let change = deciding.changed(statement);
    deciding.decision.statement_changes.push(change);
    Ok(())
}

/// The draft of the same parties in the first open period; where there is none it is opened.
fn next_draft(deciding: &mut Deciding<'_, '_>) -> Result<Uuid, Halt> {
    let key = deciding.open_key()?;
    let head = deciding.head(&key)?;
    match head {
        Some(head) if head.status == StatementStatus::Draft => Ok(head.id),
        head => Ok(deciding.opened(key, head.as_ref()).id),
    }
}

/// Another statement builds on this one.
pub(super) fn followed(by: &str, why: &str) -> Halt {
    let detail = format!("{why} (`{by}`): take that one back first");
    Refusal::new(Code::StatementFollowed, detail).with("by", by).into()
}

/// What takes a line back stands on another statement that is issued.
pub(super) fn taken_back_elsewhere(statement: &super::Statement, line: Uuid) -> Halt {
    let detail = format!(
        "the line `{line}` of `{}` was taken back on a later statement that is issued: take that one back first",
        name_of(statement)
    );
    Refusal::new(Code::StatementFollowed, detail).with("by", line.to_string()).into()
}
