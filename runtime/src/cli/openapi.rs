//! `packwork openapi`: the API of the packs as one document, without opening any data.

use crate::config::{Config, Flags};
use crate::http::openapi;
use crate::packs::install;
use packwork_engine::model::Settings;
use std::path::Path;

/// Print the API as OpenAPI 3.1.
#[derive(clap::Args)]
pub(super) struct OpenApi {
    #[command(flatten)]
    flags: Flags,
}

impl OpenApi {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = Config::load(&self.flags, Path::new(super::serve::DATA))?;
        let settings = Settings { zone: config.time_zone.clone(), currency: config.currency.clone() };
        let model = install::compile(&super::serve::packs(&config), &settings)?;
        println!("{:#}", openapi::document(&model));
        Ok(())
    }
}
