//! The routes, one file per resource, in one table.

mod attachments;
mod bulk;
mod changes;
mod comments;
mod definitions;
mod exports;
mod imports;
mod jobs;
mod quarantine;
mod rates;
mod records;
mod reports;
mod schedules;
mod scripts;
mod session;
mod settlement;
mod statements;
mod system;
mod tasks;

use super::route::Route;

/// Every route below the base.
pub fn table() -> Vec<Route> {
    [
        session::routes(),
        records::routes(),
        bulk::routes(),
        comments::routes(),
        attachments::routes(),
        tasks::routes(),
        definitions::routes(),
        changes::routes(),
        quarantine::routes(),
        scripts::routes(),
        settlement::routes(),
        rates::routes(),
        schedules::routes(),
        statements::routes(),
        reports::routes(),
        imports::routes(),
        exports::routes(),
        jobs::routes(),
        system::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Routes outside the base.
pub fn outside() -> Vec<Route> {
    system::outside()
}
