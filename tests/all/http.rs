//! The HTTP contract, asked of the real router: sign-in, access, bad input, repeats.

mod access;
mod attachments;
mod attribution;
mod bulk;
mod changes;
mod comments;
mod duplicates;
mod exports;
mod files;
mod imports;
mod input;
mod rates;
mod reading;
mod records;
mod recycle;
mod reports;
mod samples;
mod session;
mod settlement;
mod sight;
mod simulate;
mod totals;
mod types;
mod upsert;
