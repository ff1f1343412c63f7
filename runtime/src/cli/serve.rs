//! `packwork serve`, and what `demo` shares with it: opening the data, serving until a signal, leaving nothing behind.

use super::password;
use super::progress::Meter;
use crate::app::{App, Start};
use crate::auth::{Secret, Token};
use crate::clock::Clock;
use crate::config::{Config, Flags, S3};
use crate::entropy::Entropy;
use crate::files::Files;
#[cfg(feature = "s3")]
use crate::files::{Bucket, BucketSettings};
use crate::packs::install::Seeds;
use crate::packs::signing::Trust;
use crate::packs::source::Source;
use crate::packs::watch::{self, Reload};
use crate::service::session::{self, USER};
use crate::service::{self, command, housekeeping, scripts};
use crate::store::Database;
use crate::{http, telemetry, ui};
use anyhow::{Context, bail};
use packwork_engine::decision::Command;
use packwork_engine::model::Settings;
use packwork_engine::query::ListQuery;
use packwork_engine::record::Record;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Serve the API and the UI.
#[derive(clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

pub(super) const DATA: &str = "./data";

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        telemetry::start("info");
        let config = Config::load(&self.flags, Path::new(DATA))?;
        let server = Server::open(&config, Seeds::Product).await?;
        if let Some(password) = ensure_administrator(&server.app).await? {
            println!(
                "A new tenant: sign in as `admin` with `{}` and change it (packwork user password admin).",
                password.expose()
            );
        }
        println!("Packwork listens on http://{}", server.address()?);
        server.run().await
    }
}

/// A tenant without users gets one who may do everything; their password is shown once.
async fn ensure_administrator(app: &Arc<App>) -> anyhow::Result<Option<Secret>> {
    if !users(app).await?.is_empty() {
        return Ok(None);
    }
    let password = password::random(&app.entropy);
    add_user(app, json!({"login": "admin", "name": "Administrator", "roles": ["admin"]}), &password).await?;
    Ok(Some(password))
}

/// Creates a user's record and their password.
pub(super) async fn add_user(app: &Arc<App>, fields: serde_json::Value, password: &Secret) -> anyhow::Result<Uuid> {
    let input = fields.as_object().cloned().unwrap_or_default();
    let model = app.model();
    let command = Command::Create { object: USER.into(), input };
    let done = command::run_at(app, &model, &app.system(), command, app.clock.now(), None).await;
    let id = match refused(done)? {
        command::Done::Now { decision, .. } => decision.subject.map(|(_, id)| id),
        command::Done::Before { subject, .. } => subject.map(|(_, id)| id),
    };
    let id = id.context("the new user has no id")?;
    session::set_password(app, id, password.clone()).await?;
    Ok(id)
}

/// A refusal in words.
pub(super) fn refused<T>(answer: crate::service::Answer<T>) -> anyhow::Result<T> {
    match answer {
        Ok(value) => Ok(value),
        Err(crate::service::Error::Refused(refusal)) => {
            let places: Vec<String> =
                refusal.errors.iter().map(|error| format!("{}: {}", error.pointer, error.message)).collect();
            bail!("{} ({}) {}", refusal.detail, refusal.code, places.join("; "))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Users one listing shows.
const USERS_MAX: u32 = 200;

pub(super) async fn users(app: &Arc<App>) -> anyhow::Result<Vec<Arc<Record>>> {
    let model = app.model();
    let query = ListQuery { object: USER.into(), limit: USERS_MAX, ..ListQuery::default() };
    Ok(app.store.list(&app.system(), &model, &query).await?)
}

/// An application with its socket, ready to serve.
pub(super) struct Server {
    pub(super) app: Arc<App>,
    listener: tokio::net::TcpListener,
    note: PathBuf,
    token: Token,
}

/// Where a running server says how to reach it.
pub(super) fn note_path(data: &Path) -> PathBuf {
    data.join("server.json")
}

pub(super) fn database(config: &Config) -> Database {
    match &config.database {
        Some(url) => Database::Postgres { url: url.clone() },
        None => Database::Sqlite { folder: config.data.clone() },
    }
}

/// Where the tenant's attachments lie.
pub(super) fn files(config: &Config) -> anyhow::Result<Files> {
    let bytes_max = config.attachment_megabytes * 1_024 * 1_024;
    match &config.s3 {
        None => Ok(Files::new(config.attachments.join(&config.tenant), bytes_max)),
        Some(s3) => in_bucket(s3, &config.tenant, bytes_max),
    }
}

#[cfg(feature = "s3")]
fn in_bucket(s3: &S3, tenant: &str, bytes_max: u64) -> anyhow::Result<Files> {
    let settings = BucketSettings {
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        bucket: s3.bucket.clone(),
        prefix: format!("{}/{tenant}", s3.prefix.trim_matches('/')),
        keys: s3.keys.clone(),
    };
    let bucket = Bucket::open(&settings).with_context(|| format!("opening the bucket `{}`", s3.bucket))?;
    Ok(Files::in_bucket(bucket, bytes_max))
}

#[cfg(not(feature = "s3"))]
fn in_bucket(s3: &S3, _: &str, _: u64) -> anyhow::Result<Files> {
    anyhow::bail!("this binary was built without buckets (feature `s3`), and the configuration names `{}`", s3.bucket)
}

pub(super) fn packs(config: &Config) -> Source {
    config.packs_dir.clone().map_or(Source::Embedded, Source::Folder)
}

/// Whose packs may be brought into the tenant.
pub(super) fn trust(config: &Config) -> anyhow::Result<Trust> {
    let list = match &config.trust {
        Some(file) => trust_list(file)?,
        None => Trust::default(),
    };
    Ok(list.signed_only(config.signed_only))
}

/// A trust list: a public key and a name on each line.
pub(super) fn trust_list(file: &Path) -> anyhow::Result<Trust> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading the trust list `{}`", file.display()))?;
    Trust::parse(&text).map_err(|line| {
        anyhow::anyhow!("`{}`, line {line}: a public key of 64 hexadecimal digits and a name", file.display())
    })
}

/// Opens a tenant for this process.
pub(super) async fn open(config: &Config, seeds: Seeds, token: Option<Token>) -> anyhow::Result<Arc<App>> {
    let meter = Meter::start();
    let app = App::start(Start {
        database: database(config),
        tenant: config.tenant.clone(),
        files: files(config)?,
        settings: Settings { zone: config.time_zone.clone(), currency: config.currency.clone() },
        packs: packs(config),
        trust: trust(config)?,
        seeds,
        clock: Clock::system(),
        entropy: Entropy::system(),
        local_token: token,
        progress: &meter,
    })
    .await;
    meter.finish();
    let app = app?;
    crate::jobs::start(&app);
    Ok(app)
}

impl Server {
    pub(super) async fn open(config: &Config, seeds: Seeds) -> anyhow::Result<Server> {
        // The socket first: a taken port should not cost a minute of installing.
        let listener = tokio::net::TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("listening on {}", config.listen))?;
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("making the folder `{}`", config.data.display()))?;
        let token = Token::from_bytes(Entropy::system().bytes());
        let app = open(config, seeds, Some(token.clone())).await?;
        if !ui::is_built() {
            tracing::warn!(
                "this binary carries no UI: build it with `make run` or `npm run build` in admin-ui, then cargo build"
            );
        }
        Ok(Server { app, listener, note: note_path(&config.data), token })
    }

    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until SIGINT or SIGTERM, then lets requests under way end.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let address = self.address()?;
        write_note(&self.note, &loopback(address), &self.token, self.app.store.tenant())?;
        let router = http::router(&self.app).into_make_service_with_connect_info::<SocketAddr>();
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            signal().await;
            let _ = stopping.send(true);
        });
        let given_up = async move {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            eprintln!("Stopping; requests under way may end (again to stop at once).");
            tokio::select! {
                () = tokio::time::sleep(GRACE) => {}
                () = signal() => {}
            }
        };
        let served = tokio::select! {
            result = serving => result.context("serving"),
            () = given_up => Ok(()),
            () = housekeeping::keep(self.app.clone()) => Ok(()),
            () = watch::keep(self.app.clone(), tell) => Ok(()),
            () = scripts::keep(self.app.clone()) => Ok(()),
        };
        if let Err(error) = scripts::flush(&self.app).await {
            tracing::warn!(error = %service::chain(&error), "what scripts cost could not be written down");
        }
        let _ = std::fs::remove_file(&self.note);
        served
    }
}

/// Says on the console what became of an edit in the folder of packs. A console that went away keeps nobody from serving.
fn tell(reload: &Reload) {
    let mut out = std::io::stdout().lock();
    let _ = match &reload.refused {
        None => writeln!(out, "Reloaded the packs."),
        Some(refused) => {
            let findings: String = refused.findings.iter().map(|finding| format!("{finding}\n")).collect();
            writeln!(out, "{findings}Not reloaded: {}", refused.detail)
        }
    };
}

/// How long requests under way may take after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// SIGINT or SIGTERM, whichever comes first.
async fn signal() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// How this machine reaches an address that may mean all of its own.
fn loopback(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true if address.is_ipv6() => format!("[::1]:{}", address.port()),
        true => format!("127.0.0.1:{}", address.port()),
        false => address.to_string(),
    }
}

/// Only the owner of the data may read the token.
fn write_note(path: &Path, address: &str, token: &Token, tenant: &str) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("writing `{}`", path.display()))?;
    let note = json!({"address": address, "token": token.expose(), "tenant": tenant, "process": std::process::id()});
    file.write_all(note.to_string().as_bytes())?;
    Ok(())
}
