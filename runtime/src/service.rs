//! The use cases: each loads, decides and stores in one transaction. Knows no HTTP and no SQL.

pub mod attachments;
pub mod back_fill;
pub mod bulk;
pub mod changes;
pub mod command;
pub mod comments;
pub mod dashboards;
pub mod definitions;
pub mod explain;
pub mod exports;
pub mod housekeeping;
pub mod imports;
pub mod jobs;
pub mod live;
pub mod messages;
pub mod quarantine;
pub mod rates;
pub mod records;
pub mod reports;
pub mod scripts;
pub mod session;
pub mod settlement;
pub mod tasks;
pub mod texts;
pub mod view;

use crate::store::StoreError;
use packwork_engine::codes::Code;
use packwork_engine::refusal::Refusal;

/// A refusal is an answer; everything else is a failure of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {}", .0.code)]
    Refused(Box<Refusal>),
    #[error("the store failed")]
    Store(#[source] StoreError),
    #[error("{0}")]
    Broken(String),
}

pub type Answer<T> = Result<T, Error>;

impl Error {
    /// Whether trying again may help: something is busy, rather than broken.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Error::Store(error) if error.is_unavailable())
    }

    pub fn task(error: tokio::task::JoinError) -> Error {
        Error::Broken(format!("a task ended early: {error}"))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(Box::new(refusal))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::Refused(refusal) => Error::Refused(refusal),
            failure => Error::Store(failure),
        }
    }
}

/// Starts a refusal.
pub fn refuse(code: Code, detail: impl Into<String>) -> Refusal {
    Refusal::new(code, detail)
}

/// An error with its causes, in one line for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// The languages answers come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Locale {
    #[value(name = "zh-CN", alias = "zh")]
    Chinese,
    #[default]
    #[value(name = "en")]
    English,
}

impl Locale {
    pub fn as_str(self) -> &'static str {
        match self {
            Locale::Chinese => "zh-CN",
            Locale::English => "en",
        }
    }

    /// Reads a language tag: `zh`, `zh-CN`, `en-GB`.
    pub fn named(tag: &str) -> Option<Locale> {
        let tag = tag.trim().to_ascii_lowercase();
        match tag.split(['-', '_']).next() {
            Some("zh") => Some(Locale::Chinese),
            Some("en") => Some(Locale::English),
            _ => None,
        }
    }
}
