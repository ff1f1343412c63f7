//! Taking a statement back (红冲): a paper of its own mirrors the stored amounts, tax and entries with the opposite sign,
//! links to it and has the next number. Nothing is computed anew; the facts are open again, and the next run settles them.

use super::deciding::{Deciding, asked};
use super::{DisputeOutcome, SettledDispute, StatedLine, dispute};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{DisputeChange, LineMove, StatementChange};
use crate::facts::StatementsAsked;
use crate::refusal::Refusal;
use crate::settlement::line::{Line, RESTATED, StatementKey, StatementStatus};
use crate::settlement::post;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// The most lines of a statement that is taken back in one command.
pub const LINES_MAX: u64 = 50_000;

/// Takes an issued or confirmed statement back. The paper is posted in the period asked for, or in the first open one.
pub(super) fn reverse(deciding: &mut Deciding<'_, '_>, reason: &str, period: Option<&str>) -> Result<(), Halt> {
    deciding.expect_plain()?;
    let statement = deciding.statement;
    match statement.status {
        StatementStatus::Issued | StatementStatus::Confirmed => {}
        StatementStatus::Paid => {
            let detail = "a paid statement cannot be taken back: correct its facts, and the next one makes up for it";
            return Err(Refusal::new(Code::StatementPaid, detail).into());
        }
        _ => return Err(deciding.refused_state("reverse")),
    }
    if let Some(carried) = statement.carried {
        let by = statement.carried_to.map(|to| to.to_string()).unwrap_or_else(|| carried.to_string());
        return Err(dispute::followed(&by, "its debt was carried on or written off"));
    }
    if statement.lines > LINES_MAX {
        let detail = format!("a statement of more than {LINES_MAX} lines is not taken back in one command");
        return Err(Refusal::new(Code::OutOfRange, detail).with("limit_max", LINES_MAX).into());
    }
    let calendar = deciding.calendar()?;
    let own = deciding.period()?;
    let target = match period {
        None => deciding.open_from(&calendar, &own)?,
        Some(name) => {
            let asked = deciding.named(&calendar, name)?;
            if deciding.is_closed(&calendar, name)? {
                let detail = format!("the period {name} is closed");
                return Err(Refusal::new(Code::PeriodClosed, detail).with("period", name).into());
            }
            if asked.from < own.from {
                let detail = format!("the period {name} is before the statement's own, {}", own.name);
                return Err(Refusal::new(Code::UnknownPeriod, detail).with("period", name).into());
            }
            asked
        }
    };
    let key = StatementKey { period: target.name.clone(), ..statement.key.clone() };
    let head = deciding.head(&key)?;
    let stated = asked(deciding.reader, StatementsAsked::Lines { of: statement.id, only: None })?;

    let paper = deciding.opened(key, head.as_ref());
    let mut mirrors = Vec::new();
    for chain in chains(&stated.lines) {
        match chain.undone(statement)? {
            Undone::Nothing => {}
            Undone::Moved(line) => deciding.decision.moves.push(LineMove { line, to: paper.id }),
            Undone::Mirrored(last) => {
                let plan = deciding.reader.model.plans.get(&last.plan);
                let target = match plan {
                    Some(plan) if plan.calendar != calendar => {
                        deciding.open_from(&plan.calendar, &deciding.named(&plan.calendar, &last.period)?)?
                    }
                    _ => target.clone(),
                };
                let id = deciding.ids.take();
                let mut mirror =
                    post::reversal(&last, id, &target.name.as_str().into(), None, deciding.reader.context.moment);
                mirror.statement = Some(paper.id);
                if last.takes_back() {
                    Arc::make_mut(&mut mirror.trace).reason = Some(RESTATED.into());
                }
                mirrors.push(mirror);
            }
        }
    }
    post_entries(deciding, &mirrors)?;
    deciding.decision.lines.extend(mirrors);

    for open in deciding.stated.disputes.iter().filter(|dispute| dispute.settled.is_none()) {
        let settled = SettledDispute {
            outcome: DisputeOutcome::Reversed,
            at: deciding.reader.context.moment,
            by: deciding.reader.context.actor.id,
            note: None,
            moved_to: None,
        };
        deciding.decision.disputes.push(DisputeChange::Settle { id: open.id, settled });
    }
    let mut taken_back = deciding.changed(statement);
    taken_back.status = Some(StatementStatus::Reversed);
    taken_back.reversed_by = Some(paper.id);
    taken_back.reason = Some(reason.to_owned());
    deciding.decision.statement_changes.push(taken_back);
    let mut issued = StatementChange::of(paper.id, 1, deciding.reader.context.moment);
    issued.status = Some(StatementStatus::Issued);
    issued.number = Some(deciding.numbering()?);
    issued.reverses = Some(statement.id);
    issued.reason = Some(reason.to_owned());
    deciding.decision.statement_changes.push(issued);
    Ok(())
}

/// The ledger gets what lines of a statement come to, plan by plan.
pub(super) fn post_entries(deciding: &mut Deciding<'_, '_>, lines: &[Line]) -> Result<(), Halt> {
    let mut by_plan: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in lines {
        by_plan.entry(line.plan.clone()).or_default().push(line.clone());
    }
    let model = deciding.reader.model;
    for (name, lines) in by_plan {
        let Some(plan) = model.plans.get(&name) else {
            let detail = format!("the settlement plan `{name}` is gone, and with it what its entries are");
            return Err(Refusal::new(Code::UnknownDefinition, detail).with("name", &*name).into());
        };
        let at = deciding.reader.context.moment;
        post::entries(model, plan, &lines, &mut deciding.decision, &mut deciding.ids, None, at)?;
    }
    Ok(())
}

/// A charge and what took it back, what took that back, and so on: the amounts alternate in sign.
struct Chain<'l> {
    /// The members on the statement, the last of them first.
    stated: Vec<&'l Arc<Line>>,
    /// What came after the last of them, with the status of the statements it is on.
    later: &'l [(Arc<Line>, Option<StatementStatus>)],
}

enum Undone {
    /// What is on the statement comes to nothing.
    Nothing,
    /// A draft takes the line back already: that goes to the paper.
    Moved(Uuid),
    /// The last of the chain is mirrored; where it took a charge back, the charge stands again.
    Mirrored(Arc<Line>),
}

fn chains(lines: &[StatedLine]) -> Vec<Chain<'_>> {
    let on_statement: BTreeSet<Uuid> = lines.iter().map(|stated| stated.line.id).collect();
    let mut chains: Vec<Chain<'_>> = Vec::new();
    // Who is taken back by whom, within the statement: a chain ends with the line nothing on the statement takes back.
    let by_id: BTreeMap<Uuid, &StatedLine> = lines.iter().map(|stated| (stated.line.id, stated)).collect();
    let followed: BTreeSet<Uuid> =
        lines.iter().filter_map(|stated| stated.line.reverses).filter(|id| on_statement.contains(id)).collect();
    for last in lines.iter().filter(|stated| !followed.contains(&stated.line.id)) {
        let mut stated = vec![&last.line];
        let mut at = last;
        while let Some(former) = at.line.reverses.and_then(|id| by_id.get(&id)) {
            stated.push(&former.line);
            at = former;
        }
        chains.push(Chain { stated, later: &last.later });
    }
    chains
}

impl Chain<'_> {
    fn undone(&self, statement: &super::Statement) -> Result<Undone, Halt> {
        // An even number of members comes to nothing: each takes back the one before.
        if self.stated.len().is_multiple_of(2) {
            return Ok(Undone::Nothing);
        }
        let of = self.stated[0];
        let (last, status) = match self.later.last() {
            None => (of, None),
            Some((last, status)) => (last, *status),
        };
        // An even number of later ones leaves what this statement said; an odd one has taken it back elsewhere.
        if self.later.len().is_multiple_of(2) {
            return Ok(Undone::Mirrored(last.clone()));
        }
        match status {
            Some(StatementStatus::Draft) => Ok(Undone::Moved(last.id)),
            _ => Err(dispute::taken_back_elsewhere(statement, of.id)),
        }
    }
}
