//! Who may do and see what: role grants as predicates over `query`. No sessions or passwords.

use crate::decision::Actor;
use crate::definition::role::SettlementRead;
use crate::model::Model;
use crate::query::Filter;

/// What one actor may do.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    pub everything: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    Create,
    Read,
    Update,
    Delete,
    Transition(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettlementAction {
    Run,
    Close,
    Issue,
    Confirm,
}

impl Rights {
    pub fn of(_model: &Model, _actor: &Actor) -> Rights {
        Rights { everything: true }
    }

    /// Rights of the system itself: jobs, seeds, the command line.
    pub fn system() -> Rights {
        Rights { everything: true }
    }

    pub fn may(&self, _object: &str, _action: Action<'_>) -> bool {
        self.everything
    }

    /// The rows an actor may read: goes into every read.
    pub fn rows(&self, _object: &str) -> Filter {
        Filter::All
    }

    /// Whether a field's value is shown.
    pub fn shows(&self, _object: &str, _field: &str) -> bool {
        self.everything
    }

    pub fn settlement_read(&self) -> SettlementRead {
        SettlementRead::All
    }

    pub fn may_settle(&self, _action: SettlementAction) -> bool {
        self.everything
    }
}
