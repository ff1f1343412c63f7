//! The command line: one file per command. Long work says how far it is; answers are tables for people, JSON on request.

mod backup;
mod client;
mod db;
mod demo;
mod doctor;
mod export;
mod import;
mod openapi;
mod pack;
mod password;
mod progress;
mod purge;
mod schemas;
mod script;
mod serve;
mod settle;
mod table;
mod user;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Metadata-driven workflow and settlement.
#[derive(Parser)]
#[command(name = "packwork", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the UI
    Serve(serve::Serve),
    /// Serve a tenant with demonstration data
    Demo(demo::Demo),
    /// Run and close settlement, explain a line
    #[command(subcommand)]
    Settle(settle::Settle),
    /// Import records from a CSV or XLSX file
    Import(import::Import),
    /// Export a list of records as CSV, XLSX or NDJSON
    Export(export::Export),
    /// Make, check and test packs, bring them into a tenant
    #[command(subcommand)]
    Pack(pack::Pack),
    /// Look at scripts, grant what packs ask for, stop them, run them again
    #[command(subcommand)]
    Script(script::Script),
    /// Print the API as OpenAPI 3.1
    Openapi(openapi::OpenApi),
    /// Write the JSON Schemas of all kinds of definitions
    Schemas(schemas::Schemas),
    /// Write a backup of the tenant to a file, while the server works
    Backup(backup::Backup),
    /// Put a backup back into an empty place
    Restore(backup::Restore),
    /// Look at the tables
    #[command(subcommand)]
    Db(db::Db),
    /// List what left the definitions and is kept, delete it for good
    Purge(purge::Purge),
    /// Check all that is stored
    Doctor(doctor::Doctor),
    /// Add a user, set a password
    #[command(subcommand)]
    User(user::User),
}

/// Runs the command the arguments ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("starting the async runtime")),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("packwork: {error:#}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run().await.context("serving")?,
        Command::Demo(demo) => demo.run().await?,
        Command::Settle(settle) => return settle.run().await,
        Command::Import(import) => return import.run().await,
        Command::Export(export) => export.run().await?,
        Command::Pack(pack) => return pack.run().await,
        Command::Script(script) => return script.run().await,
        Command::Openapi(openapi) => openapi.run()?,
        Command::Schemas(schemas) => schemas.run()?,
        Command::Backup(backup) => backup.run().await?,
        Command::Restore(restore) => restore.run().await?,
        Command::Db(db) => return db.run().await,
        Command::Purge(purge) => return purge.run().await,
        Command::Doctor(doctor) => return doctor.run().await,
        Command::User(user) => user.run().await?,
    }
    Ok(ExitCode::SUCCESS)
}
