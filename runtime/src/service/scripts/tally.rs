//! Counts what scripts cost in this process until it is written down, with their last inputs.

use crate::clock::Clock;
use crate::store::{INPUTS_KEPT, OPERATIONS_UP_TO};
use packwork_engine::expr::{EvalError, Inputs, Ran, Watch};
use packwork_engine::moment::Moment;
use packwork_engine::value::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// What one script came to since it was last written down.
#[derive(Debug, Default)]
pub struct Counted {
    pub runs: u64,
    pub failures: u64,
    pub operations: u64,
    pub operations_max: u64,
    pub micros: u64,
    pub histogram: [u64; OPERATIONS_UP_TO.len() + 1],
    pub last: VecDeque<Kept>,
}

/// One run with what came of it.
#[derive(Debug)]
pub struct Kept {
    pub at: Moment,
    pub inputs: Inputs,
    pub outcome: Result<Value, EvalError>,
    pub operations: u64,
}

/// Watches the scripts of one process.
#[derive(Debug)]
pub struct Tally {
    clock: Clock,
    counted: Mutex<BTreeMap<Arc<str>, Counted>>,
}

impl Tally {
    pub fn new(clock: Clock) -> Tally {
        Tally { clock, counted: Mutex::default() }
    }

    /// Everything since the last time it was taken.
    pub fn take(&self) -> BTreeMap<Arc<str>, Counted> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Counted>> {
        // Counters are whole at every moment; whoever panicked while holding them has left nothing half done.
        self.counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Watch for Tally {
    fn now(&self) -> u64 {
        self.clock.ticks()
    }

    fn ran(&self, run: Ran<'_>) {
        let at = self.clock.now();
        let mut counted = self.lock();
        let counted = counted.entry(run.script.clone()).or_default();
        counted.operations += run.operations;
        counted.micros += run.micros;
        // For lack of a fact the script is run again when it is there.
        if matches!(run.outcome, Err(EvalError::Missing)) {
            return;
        }
        counted.runs += 1;
        counted.failures += u64::from(run.outcome.is_err());
        counted.operations_max = counted.operations_max.max(run.operations);
        let bucket = OPERATIONS_UP_TO.iter().position(|most| run.operations <= *most);
        counted.histogram[bucket.unwrap_or(OPERATIONS_UP_TO.len())] += 1;
        // The same inputs again are another round of the same decision.
        if counted.last.back().is_some_and(|last| last.inputs == *run.inputs) {
            counted.last.pop_back();
        }
        if counted.last.len() == INPUTS_KEPT {
            counted.last.pop_front();
        }
        let (inputs, outcome) = (run.inputs.clone(), run.outcome.clone());
        counted.last.push_back(Kept { at, inputs, outcome, operations: run.operations });
    }
}
