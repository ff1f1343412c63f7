//! Net positions: what two parties owe each other in a period, both directions together.

use super::Statement;
use crate::settlement::line::{Party, StatementKey, StatementStatus};
use rust_decimal::Decimal;

/// What two parties owe each other, from the side of one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Who pays the difference, and to whom; as asked where there is none.
    pub payer: Party,
    pub payee: Party,
    /// What the payer owes the payee.
    pub owed: Decimal,
    /// What the payee owes the payer.
    pub counter: Decimal,
    /// The part of the difference that no payment settles yet; negative where the payee has to give back.
    pub open: Decimal,
}

impl Position {
    /// The position of a pair by its statements of both directions. What disputes hold is left out; what was taken back
    /// is outweighed by what takes it back.
    pub fn of<'s>(key: &StatementKey, statements: impl Iterator<Item = &'s Statement>) -> Position {
        let mut position = Position {
            payer: key.payer.clone(),
            payee: key.payee.clone(),
            owed: Decimal::ZERO,
            counter: Decimal::ZERO,
            open: Decimal::ZERO,
        };
        for statement in statements {
            let amount = statement.gross - statement.held;
            let is_open = statement.status != StatementStatus::Paid;
            match statement.key.payer == key.payer {
                true => position.owed += amount,
                false => position.counter += amount,
            }
            if is_open {
                position.open += if statement.key.payer == key.payer { amount } else { -amount };
            }
        }
        if position.counter > position.owed {
            std::mem::swap(&mut position.payer, &mut position.payee);
            std::mem::swap(&mut position.owed, &mut position.counter);
            position.open = -position.open;
        }
        position
    }

    /// What the payer pays the payee.
    pub fn net(&self) -> Decimal {
        self.owed - self.counter
    }
}

/// The same pair, the other way round.
pub fn turned(key: &StatementKey) -> StatementKey {
    StatementKey { payer: key.payee.clone(), payee: key.payer.clone(), ..key.clone() }
}
