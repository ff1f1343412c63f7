//! Acts: HTTP, storage, effects, sign-in and the command line around the engine.

pub mod app;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod files;
pub mod http;
pub mod jobs;
pub mod packs;
pub mod service;
pub mod store;
mod tar;
pub mod telemetry;
pub mod together;
pub mod ui;
