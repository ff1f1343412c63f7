//! The kinds of jobs there are: one line each.

use super::Work;
use crate::service::back_fill;
use crate::service::imports::{apply, plan, revert};

/// The work of a kind; `None` where this version does not know it.
pub fn work(kind: &str) -> Option<&'static dyn Work> {
    const KINDS: &[(&str, &dyn Work)] = &[
        (plan::KIND, &plan::Plan),
        (apply::KIND, &apply::Apply),
        (revert::KIND, &revert::Revert),
        (back_fill::KIND, &back_fill::Complete),
    ];
    KINDS.iter().find(|(name, _)| *name == kind).map(|(_, work)| *work)
}
