//! `packwork db plan`: what a start with these packs would change in the database, in words or as JSON.

use super::serve::{DATA, database, packs};
use crate::config::{Config, Flags};
use crate::packs::install::Coming;
use crate::store::{Scope, Store};
use packwork_engine::model::Settings;
use std::path::Path;
use std::process::ExitCode;

/// Look at the tables.
#[derive(clap::Subcommand)]
pub(super) enum Db {
    /// Say what a start with these packs would change; exit code 1 when it would be refused
    Plan(Plan),
}

#[derive(clap::Args)]
pub(super) struct Plan {
    #[command(flatten)]
    flags: Flags,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    /// Language of the sentences: zh-CN or en
    #[arg(long, default_value = "en", value_name = "LANGUAGE")]
    lang: String,
}

impl Db {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Db::Plan(asked) = self;
        let config = Config::load(&asked.flags, Path::new(DATA))?;
        let settings = Settings { zone: config.time_zone.clone(), currency: config.currency.clone() };
        let store = Store::open_to_read(&database(&config), &config.tenant).await?;
        let coming = Coming::look(&store, &packs(&config)).await?;
        let (former, model) = (coming.former(&settings), coming.compile(&settings)?);
        let plan = store.plan_tables(&Scope::system(&config.tenant), former.as_ref(), &model).await?;
        store.close().await;
        let chinese = asked.lang.starts_with("zh");
        if asked.json {
            println!("{}", serde_json::to_string_pretty(&plan)?);
        } else if plan.steps.is_empty() && plan.refused.is_empty() {
            println!("{}", if chinese { "无需变更" } else { "nothing to change" });
        } else {
            for sentence in plan.sentences(chinese) {
                println!("{sentence}");
            }
        }
        Ok(if plan.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
