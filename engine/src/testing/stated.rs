//! Statements in an in-memory store: what their lines come to, what hangs on them, and what becomes of them.

use super::memory::Memory;
use crate::codes::Code;
use crate::decision::{Decision, DisputeChange, StatementChange};
use crate::facts::{Stated, StatementsAsked};
use crate::refusal::Refusal;
use crate::settlement::line::{Line, StatementHead, StatementKey, StatementStatus};
use crate::settlement::statement::position::turned;
use crate::settlement::statement::{Dispute, DisputeOutcome, SettledDispute, StatedLine, Statement};
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

impl Memory {
    /// A statement with what its lines come to.
    pub fn statement(&self, id: Uuid) -> Option<Statement> {
        let mut statement = self.statements.iter().find(|statement| statement.id == id)?.clone();
        for line in self.lines.iter().filter(|line| line.statement == Some(id)) {
            statement.gross += line.gross;
            statement.net += line.net;
            statement.tax += line.tax;
            statement.lines += 1;
        }
        for dispute in self.disputes.iter().filter(|dispute| dispute.statement == id) {
            match &dispute.settled {
                None => statement.held += dispute.gross,
                Some(settled) if settled.moved_to.is_some() => statement.withdrawn += dispute.gross,
                Some(_) => {}
            }
        }
        Some(statement)
    }

    /// What decisions ask of statements.
    pub fn stated(&self, asked: &StatementsAsked) -> Stated {
        let all = |is: &dyn Fn(&Statement) -> bool| -> Vec<Statement> {
            self.statements.iter().filter_map(|statement| self.statement(statement.id)).filter(|it| is(it)).collect()
        };
        match asked {
            StatementsAsked::One(id) => Stated {
                statements: self.statement(*id).into_iter().collect(),
                disputes: self.disputes.iter().filter(|dispute| dispute.statement == *id).cloned().collect(),
                ..Stated::default()
            },
            StatementsAsked::Lines { of, only } => {
                let wanted = |line: &&Arc<Line>| {
                    line.statement == Some(*of) && only.as_ref().is_none_or(|only| only.contains(&line.id))
                };
                let lines = self.lines.iter().filter(wanted);
                let lines = lines.map(|line| StatedLine { line: line.clone(), later: self.later(line) });
                Stated { lines: lines.collect(), ..Stated::default() }
            }
            StatementsAsked::Debts(key) => {
                let owes = |statement: &Statement| {
                    let same = StatementKey { period: key.period.clone(), ..statement.key.clone() } == *key;
                    let done = matches!(statement.status, StatementStatus::Draft | StatementStatus::Reversed);
                    same && !done
                        && statement.reverses.is_none()
                        && statement.carried.is_none()
                        && statement.undisputed() < Decimal::ZERO
                };
                Stated { statements: all(&owes), ..Stated::default() }
            }
            StatementsAsked::Pair(key) => {
                let other = turned(key);
                let of_pair = |statement: &Statement| statement.key == *key || statement.key == other;
                Stated { statements: all(&of_pair), ..Stated::default() }
            }
        }
    }

    fn later(&self, line: &Arc<Line>) -> Vec<(Arc<Line>, Option<StatementStatus>)> {
        let mut later = Vec::new();
        let mut at = line.id;
        while let Some(next) = self.lines.iter().find(|next| next.reverses == Some(at)) {
            let on = self.statements.iter().find(|statement| Some(statement.id) == next.statement);
            later.push((next.clone(), on.map(|statement| statement.status)));
            at = next.id;
        }
        later
    }

    /// The newest statement under a key: a draft, where there is one.
    pub(super) fn newest_statement(&self, key: &StatementKey) -> Option<StatementHead> {
        let of_key = || self.statements.iter().filter(|statement| statement.key == *key);
        let ordinal = of_key().map(|statement| statement.ordinal).max()?;
        let newest = of_key().max_by_key(|it| (it.status == StatementStatus::Draft, it.ordinal))?;
        Some(StatementHead { id: newest.id, ordinal, status: newest.status })
    }

    /// Opens statements.
    pub(super) fn state(&mut self, decision: &Decision) {
        self.statements.extend(decision.statements.iter().map(|new| Statement {
            id: new.id,
            version: 1,
            key: new.key.clone(),
            ordinal: new.ordinal,
            status: new.status,
            number: None,
            created_at: new.at,
            issued_at: None,
            confirmed_at: None,
            paid_at: None,
            reversed_at: None,
            gross: Decimal::new(0, 2),
            net: Decimal::new(0, 2),
            tax: Decimal::new(0, 2),
            lines: 0,
            held: Decimal::ZERO,
            withdrawn: Decimal::ZERO,
            opening: Decimal::ZERO,
            carried: None,
            carried_to: None,
            reverses: None,
            reversed_by: None,
            reason: None,
        }));
    }

    /// Moves lines, opens and settles disputes, changes statements: after the lines are posted.
    pub(super) fn change_statements(&mut self, decision: &Decision) {
        for moved in &decision.moves {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == moved.line) {
                Arc::make_mut(line).statement = Some(moved.to);
            }
        }
        for change in &decision.disputes {
            match change {
                DisputeChange::Open(dispute) => self.disputes.push(dispute.clone()),
                DisputeChange::Settle { id, settled } => {
                    if let Some(dispute) = self.disputes.iter_mut().find(|dispute| dispute.id == *id) {
                        dispute.settled = Some(settled.clone());
                    }
                }
            }
        }
        for line in decision.lines.iter().filter(|line| line.takes_back()) {
            self.settle_by(line);
        }
        for change in &decision.statement_changes {
            self.change_statement(change);
        }
    }

    /// What is disputed and taken back is disputed no longer: it goes where it is taken back.
    fn settle_by(&mut self, taker: &Line) {
        let open = |dispute: &&mut Dispute| Some(dispute.line) == taker.reverses && dispute.settled.is_none();
        let Some(dispute) = self.disputes.iter_mut().find(open) else { return };
        dispute.settled = Some(SettledDispute {
            outcome: DisputeOutcome::Reversed,
            at: taker.posted_at,
            by: None,
            note: None,
            moved_to: taker.statement,
        });
        let line = dispute.line;
        if let Some(line) = self.lines.iter_mut().find(|posted| posted.id == line) {
            Arc::make_mut(line).statement = taker.statement;
        }
    }

    fn change_statement(&mut self, change: &StatementChange) {
        let number = change.number.as_ref().map(|numbering| {
            let count = self.next_number(&numbering.counter);
            numbering.format.render(numbering.date, count)
        });
        if change.status == Some(StatementStatus::Reversed) {
            for debtor in self.statements.iter_mut().filter(|debtor| debtor.carried_to == Some(change.id)) {
                (debtor.carried, debtor.carried_to) = (None, None);
            }
        }
        let Some(statement) = self.statements.iter_mut().find(|statement| statement.id == change.id) else { return };
        statement.version += 1;
        if let Some(status) = change.status {
            statement.status = status;
            match status {
                StatementStatus::Draft => {}
                StatementStatus::Issued => statement.issued_at = Some(change.at),
                StatementStatus::Confirmed => statement.confirmed_at = Some(change.at),
                StatementStatus::Paid => statement.paid_at = Some(change.at),
                StatementStatus::Reversed => statement.reversed_at = Some(change.at),
            }
        }
        statement.number = number.or(statement.number.take());
        statement.opening = change.opening.unwrap_or(statement.opening);
        if let Some((debt, to)) = change.carried {
            (statement.carried, statement.carried_to) = (Some(debt), to);
        }
        statement.reverses = change.reverses.or(statement.reverses);
        statement.reversed_by = change.reversed_by.or(statement.reversed_by);
        statement.reason = change.reason.clone().or(statement.reason.take());
    }

    pub(super) fn check_statements(&self, decision: &Decision) -> Result<(), Box<Refusal>> {
        let new: BTreeSet<Uuid> = decision.statements.iter().map(|statement| statement.id).collect();
        for change in &decision.statement_changes {
            let stored = self.statements.iter().find(|statement| statement.id == change.id);
            let version = stored.map(|statement| statement.version);
            let expected = if new.contains(&change.id) { None } else { Some(change.expected) };
            if version != expected {
                let detail = "the statement was changed by somebody else";
                return Err(Box::new(Refusal::new(Code::StaleVersion, detail).with("version", version)));
            }
        }
        Ok(())
    }
}
