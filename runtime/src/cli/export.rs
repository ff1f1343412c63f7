//! `packwork export`: a list of records as a file, or to the standard output.

use super::client::Target;
use crate::telemetry;
use anyhow::Context;
use axum::http::Method;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// Export a list of records as CSV, XLSX or NDJSON.
#[derive(clap::Args)]
pub(super) struct Export {
    /// Object whose records are exported
    #[arg(long)]
    object: String,
    /// csv, xlsx or ndjson
    #[arg(long, default_value = "csv")]
    format: String,
    /// Filter, as JSON
    #[arg(long)]
    filter: Option<String>,
    /// Fields to sort by, `-` before those that fall
    #[arg(long)]
    sort: Option<String>,
    /// Fields to export (default: all)
    #[arg(long)]
    fields: Option<String>,
    /// Only records that hold this text
    #[arg(long)]
    search: Option<String>,
    /// Names and ids instead of titles
    #[arg(long)]
    names: bool,
    /// File to write (default: the standard output)
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        telemetry::start("warn");
        let filter: Json = match &self.filter {
            Some(text) => serde_json::from_str(text).context("--filter is no JSON")?,
            None => Json::Null,
        };
        let body = json!({
            "object": self.object,
            "format": self.format,
            "filter": filter,
            "sort": self.sort,
            "fields": self.fields,
            "search": self.search,
            "titles": !self.names,
        });
        let api = self.target.connect().await?;
        match &self.output {
            Some(path) => {
                let bytes = api.save(Method::POST, "/exports", Some(body), path).await?;
                eprintln!("{}: {bytes} bytes", path.display());
            }
            None => {
                let done = api.download(Method::POST, "/exports", Some(body), &mut std::io::stdout()).await;
                // Whoever reads it, such as `head`, has seen enough.
                let has_enough = |error: &anyhow::Error| {
                    let cause = error.downcast_ref::<std::io::Error>();
                    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
                };
                done.map(|_| ()).or_else(|error| if has_enough(&error) { Ok(()) } else { Err(error) })?;
            }
        }
        Ok(())
    }
}
