//! Changing the definitions of a tenant: drafts of edits, sealed plans, applying them, going back. Knows no HTTP and no
//! SQL.

pub mod apply;
pub mod cases;
pub mod draft;
pub mod plan;
pub mod promote;
pub mod reloads;
pub(crate) mod running;
pub mod tables;
pub mod words;

use super::session::Caller;
use super::{Answer, Error, refuse};
use crate::packs::install;
use packwork_engine::codes::Code;
use packwork_engine::refusal::FieldError;

/// Definitions are the administrators' business.
pub(super) fn may_configure(caller: &Caller) -> Answer<()> {
    if caller.rights().everything {
        return Ok(());
    }
    Err(refuse(Code::Forbidden, "changing definitions needs a role with every right")
        .with("action", "configure")
        .into())
}

/// What is wrong with packs, as a refusal with every finding at its place.
pub(super) fn refused(error: install::Error) -> Error {
    match error {
        install::Error::Definitions(found) => {
            let mut refusal =
                refuse(Code::PlanBlocked, "the definitions have errors").with("findings", serde_json::json!(found));
            refusal.errors = found
                .iter()
                .map(|finding| {
                    FieldError::new(
                        finding.code,
                        format!("/{}{}", finding.file, finding.pointer),
                        finding.message.clone(),
                    )
                })
                .collect();
            refusal.into()
        }
        install::Error::UnderWay(refusal) => Error::Refused(refusal),
        install::Error::Store(error) => error.into(),
        install::Error::Service(error) => error,
        other => Error::Broken(super::chain(&other)),
    }
}
