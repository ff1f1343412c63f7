//! Deciding a command: the one door through which anything changes.

use crate::decision::{Command, Context, Outcome};
use crate::facts::{Facts, Need};
use crate::model::Model;

/// Decides a command over a snapshot of facts. Pure: asked again with more facts it takes the same way further.
pub fn decide(_model: &Model, _facts: &Facts, _command: &Command, _context: &Context) -> Outcome {
    Outcome::Needs(Need::default())
}
