//! The product's side: its packs with the measurement's own beside them, the data prepared through it, and its server
//! as `packwork serve` runs it, requests logged.

use super::{rows, server};
use crate::part::{self, TENANT, database, is_postgres};
use crate::settle::connection;
use anyhow::{Context, Result, bail};
use packwork::app::{App, Start};
use packwork::auth::Secret;
use packwork::clock::Clock;
use packwork::entropy::Entropy;
use packwork::packs::install::{Seeds, Silent};
use packwork::packs::source::{Files, Source};
use packwork::service::command::{self, Done};
use packwork::service::session;
use packwork_engine::decision::Command;
use packwork_engine::model::Settings;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::path::Path;
use std::sync::Arc;

pub const LOGIN: &str = "clerk";
pub const PASSWORD: &str = "correct horse battery";

/// The pack with the object of fifteen fields.
const PACK: [(&str, &str); 6] = [
    ("pack.json", include_str!("pack/pack.json")),
    ("objects/sale.json", include_str!("pack/objects/sale.json")),
    ("objects/account.json", include_str!("pack/objects/account.json")),
    ("objects/article.json", include_str!("pack/objects/article.json")),
    ("i18n/zh-CN.json", include_str!("pack/i18n/zh-CN.json")),
    ("roles/clerk.json", include_str!("pack/roles/clerk.json")),
];

async fn open(at: &str, tenant: &str) -> Result<Arc<App>> {
    let own: Files = PACK.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let mut packs = Source::Embedded.read().context("reading the packs")?;
    packs.push(own);
    let app = App::start(Start {
        database: part::store(at),
        tenant: tenant.into(),
        files: packwork::files::Files::new(std::env::temp_dir().join("packwork-load-files"), 1_024 * 1_024),
        settings: Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() },
        packs: Source::Given(packs),
        trust: packwork::packs::signing::Trust::default(),
        seeds: Seeds::Product,
        clock: Clock::system(),
        entropy: Entropy::system(),
        local_token: None,
        progress: &Silent,
    });
    app.await.context("opening the product")
}

/// Installs the packs, makes the clerk, fills the tables.
pub async fn prepare(at: &str, tenant: &str, sales: u64) -> Result<Json> {
    if !is_postgres(at) {
        std::fs::create_dir_all(at).context("making the data folder")?;
    }
    let app = open(at, tenant).await?;
    let model = app.model();
    let fields = json!({"login": LOGIN, "name": "Clerk", "roles": ["clerk"], "locale": "en"});
    let input = fields.as_object().cloned().unwrap_or_default();
    let create = Command::Create { object: session::USER.into(), input };
    let id = match command::run_at(&app, &model, &app.system(), create, app.clock.now(), None).await {
        Ok(Done::Now { decision, .. }) => decision.subject.map(|(_, id)| id).context("a user without id")?,
        Ok(_) => bail!("making the clerk was a repeat"),
        Err(error) => return Err(anyhow::Error::new(error).context("making the clerk")),
    };
    session::set_password(&app, id, Secret::new(PASSWORD)).await.context("setting a password")?;
    app.store.close().await;
    drop(app);
    if is_postgres(at) {
        let mut connection = PgConnection::connect(at).await.context("connecting")?;
        let path = format!("SET search_path TO \"t_{tenant}\"");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(path))).await.context("choosing the schema")?;
        rows::fill_postgres(&mut connection, sales).await?;
        connection.close().await.context("closing")?;
    } else {
        let mut connection = connection::sqlite(&database(Path::new(at))).await?;
        rows::fill_sqlite(&mut connection, sales).await?;
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.context("moving the log into the file")?;
        connection.close().await.context("closing")?;
    }
    Ok(json!({"sales": sales}))
}

pub async fn serve(at: &str, tenant: Option<&str>) -> Result<()> {
    packwork::telemetry::start("info");
    let app = open(at, tenant.unwrap_or(TENANT)).await?;
    packwork::jobs::start(&app);
    let served = server::serve(packwork::http::router(&app)).await;
    app.store.close().await;
    served
}
