//! `packwork demo`: a tenant with demonstration data, its users and one password for all of them.

use super::password;
use super::serve::{Server, users};
use super::table::{Align, Table};
use crate::app::App;
use crate::auth::Secret;
use crate::config::{Config, Flags};
use crate::packs::install::Seeds;
use crate::service::session;
use crate::telemetry;
use anyhow::{Context, bail};
use packwork_engine::value::Value;
use std::path::Path;
use std::sync::Arc;

pub(super) const DATA: &str = "./data/demo";

/// Serve a tenant with demonstration data.
#[derive(clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    flags: Flags,
    /// Password of all users (a random one where none is given)
    #[arg(long, env = "PACKWORK_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Throw the data folder's tenant away first
    #[arg(long)]
    fresh: bool,
    /// Install and print, but do not serve
    #[arg(long)]
    prepare: bool,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        telemetry::start("warn");
        let config = Config::load(&self.flags, Path::new(DATA))?;
        if self.fresh {
            wipe(&config)?;
        }
        println!("Preparing the demonstration in `{}` …", config.data.display());
        let server = Server::open(&config, Seeds::Demo).await.context("preparing the demonstration")?;
        let given = self.password.map(Secret::new);
        let password = set_passwords(&server.app, given).await?;
        println!("\nPackwork is ready: http://{}\n", server.address()?);
        println!("{}", user_table(&server.app).await?);
        match &password {
            Some(password) => println!("Password of every user: {}", password.expose()),
            None => println!(
                "Passwords are as at the first start (set new ones with --password, or start over with --fresh)."
            ),
        }
        if self.prepare {
            return Ok(());
        }
        println!("Stop with Ctrl-C; the data stays in `{}`.", config.data.display());
        server.run().await
    }
}

/// Removes the tenant's files, and only those.
fn wipe(config: &Config) -> anyhow::Result<()> {
    if config.database.is_some() {
        bail!("--fresh removes a data folder; drop the tenant's schema in PostgreSQL yourself");
    }
    if super::serve::note_path(&config.data).exists() && super::client::answers(&config.data) {
        bail!("a server is running on `{}`: stop it first", config.data.display());
    }
    for name in ["tenants", "server.json"] {
        let path = config.data.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing `{}`", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives every user without a password one; all of them where one was given. `None` where nothing changed.
async fn set_passwords(app: &Arc<App>, given: Option<Secret>) -> anyhow::Result<Option<Secret>> {
    let scope = app.system();
    let mut without = Vec::new();
    for user in users(app).await? {
        if given.is_some() || app.store.credential(&scope, user.id()).await?.is_none() {
            without.push(user.id());
        }
    }
    if without.is_empty() {
        return Ok(None);
    }
    let password = given.unwrap_or_else(|| password::random(&app.entropy));
    for user in without {
        session::set_password(app, user, password.clone()).await?;
    }
    Ok(Some(password))
}

async fn user_table(app: &Arc<App>) -> anyhow::Result<String> {
    let model = app.model();
    let mut table = Table::new(&[("user", Align::Left), ("name", Align::Left), ("roles", Align::Left)]);
    let object = model.object(session::USER).context("the packs have no users")?;
    let field = |user: &packwork_engine::record::Record, name: &str| {
        object.by_name.get(name).and_then(|slot| user.values.get(*slot)).cloned().unwrap_or_default()
    };
    for user in users(app).await? {
        let text = |name: &str| field(&user, name).as_text().unwrap_or_default().to_owned();
        let roles = match field(&user, "roles") {
            Value::List(roles) => {
                roles.iter().filter_map(Value::as_text).map(str::to_owned).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        table.row(vec![text("login"), text("name"), roles]);
    }
    Ok(table.render())
}
