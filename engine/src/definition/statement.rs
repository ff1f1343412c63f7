//! `statement`: the document of two parties and a period.

use super::written;

written! {
    /// The document of two parties and a period: its lines are those posted between them in it.
    pub struct StatementDefinition {
        pub period_calendar: String,
        /// The number given at issue, gapless: `ST-{yyyy}{MM}-{seq:4}`.
        pub number: String,
    }
}
