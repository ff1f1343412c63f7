//! `calendar`: working days, with holidays and make-up days.

use super::written;
use indexmap::IndexMap;

written! {
    /// Working days: the weekly pattern, holidays, and weekend days that are worked (make-up days).
    pub struct CalendarDefinition {
        /// Days of the week that are free, 1 is Monday, 7 is Sunday.
        pub weekend: Vec<u8>,
        /// Free days by date, with their names.
        pub holidays: IndexMap<String, String>,
        /// Days worked although they fall on a weekend, with the reason.
        pub workdays: IndexMap<String, String>,
    }
}
