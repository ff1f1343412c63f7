//! `packwork user`: add a user, set a password. Works on the data itself, so no server may hold the folder.

use super::client::data_folder;
use super::password;
use super::serve;
use super::table::{Align, Table};
use crate::auth::Secret;
use crate::config::{Config, Flags};
use crate::packs::install::Seeds;
use crate::service::session::{self, USER};
use crate::telemetry;
use anyhow::bail;
use serde_json::json;
use std::io::{IsTerminal, Read};

/// Add a user, set a password.
#[derive(clap::Subcommand)]
pub(super) enum User {
    /// Add a user
    Add(Add),
    /// Set a user's password and end their sessions
    Password(SetPassword),
    /// Show the users
    List(List),
}

#[derive(clap::Args)]
pub(super) struct Add {
    login: String,
    /// Name people see (default the login)
    #[arg(long)]
    name: Option<String>,
    /// Role, may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Password; read from standard input where it is not a terminal, else a random one
    #[arg(long, env = "PACKWORK_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Args)]
pub(super) struct SetPassword {
    login: String,
    /// Password; read from standard input where it is not a terminal, else a random one
    #[arg(long, env = "PACKWORK_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    flags: Flags,
}

impl User {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        telemetry::start("warn");
        let flags = match &self {
            User::Add(add) => &add.flags,
            User::Password(set) => &set.flags,
            User::List(list) => &list.flags,
        };
        let config = Config::load(flags, &data_folder(flags))?;
        let app = serve::open(&config, Seeds::Product, None).await?;
        match self {
            User::Add(add) => {
                let (password, made) = chosen(add.password, &app.entropy)?;
                let name = add.name.unwrap_or_else(|| add.login.clone());
                serve::add_user(&app, json!({"login": add.login, "name": name, "roles": add.roles}), &password).await?;
                say(&add.login, &password, made);
            }
            User::Password(set) => {
                let model = app.model();
                let Some(id) = app.store.by_key(&app.system(), &model, USER, &set.login).await? else {
                    bail!("there is no user `{}`", set.login);
                };
                let (password, made) = chosen(set.password, &app.entropy)?;
                session::set_password(&app, id, password.clone()).await?;
                say(&set.login, &password, made);
            }
            User::List(_) => {
                let model = app.model();
                let mut table = Table::new(&[("user", Align::Left), ("name", Align::Left)]);
                for user in serve::users(&app).await? {
                    let actor = session::actor_of(&model, &user);
                    let text = |name: &str| {
                        actor.fields.get(name).and_then(|value| value.as_text()).unwrap_or_default().to_owned()
                    };
                    table.row(vec![text("login"), text("name")]);
                }
                print!("{}", table.render());
            }
        }
        Ok(())
    }
}

fn say(login: &str, password: &Secret, made: bool) {
    match made {
        true => println!("Password of `{login}`: {}", password.expose()),
        false => println!("The password of `{login}` is set."),
    }
}

/// The password given, piped in, or made; and whether it was made and must be shown.
fn chosen(given: Option<String>, entropy: &crate::entropy::Entropy) -> anyhow::Result<(Secret, bool)> {
    if let Some(given) = given {
        return Ok((Secret::new(given), false));
    }
    if !std::io::stdin().is_terminal() {
        let mut text = String::new();
        std::io::stdin().take(1_024).read_to_string(&mut text)?;
        let text = text.trim_end_matches(['\r', '\n']);
        if !text.is_empty() {
            return Ok((Secret::new(text), false));
        }
    }
    Ok((password::random(entropy), true))
}
