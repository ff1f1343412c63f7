//! Speaking the HTTP API: to the server that holds the data folder, to a named server, or to an application opened in
//! this process. The caller does not see which.

use super::serve::{self, note_path};
use crate::app::App;
use crate::auth::Token;
use crate::config::{Config, Flags};
use crate::entropy::Entropy;
use crate::http;
use crate::packs::install::Seeds;
use crate::service::scripts;
use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value as Json, json};
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tower::ServiceExt;

/// How often work is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Which tenant a command is about, and how to reach it.
#[derive(clap::Args)]
pub(super) struct Target {
    #[command(flatten)]
    flags: Flags,
    /// Address of a server, http://…; else the data folder is used
    #[arg(long, env = "PACKWORK_SERVER", value_name = "URL")]
    server: Option<String>,
    /// User to sign in as, with --server
    #[arg(long, env = "PACKWORK_USER")]
    user: Option<String>,
    /// Their password
    #[arg(long, env = "PACKWORK_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Language of answers, zh-CN or en
    #[arg(long, visible_alias = "lang", env = "PACKWORK_LOCALE", default_value = "zh-CN")]
    pub(super) locale: String,
}

pub(super) struct Api {
    way: Way,
    token: String,
    locale: String,
}

enum Way {
    Server { base: String, client: Box<Client<HttpConnector, Body>> },
    Here { router: Box<Router>, app: Arc<App> },
}

/// `./data` where it holds a tenant, else the demonstration's folder.
pub(super) fn data_folder(flags: &Flags) -> PathBuf {
    let fallback = match Path::new(serve::DATA).join("tenants").is_dir() {
        true => serve::DATA,
        false => super::demo::DATA,
    };
    flags.data.clone().unwrap_or_else(|| PathBuf::from(fallback))
}

impl Target {
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.flags, &data_folder(&self.flags))?)
    }

    pub(super) async fn connect(&self) -> anyhow::Result<Api> {
        if let Some(server) = &self.server {
            return self.sign_in(server).await;
        }
        let config = self.config()?;
        if let Some(Note { address, token, tenant }) = read_note(&config.data).filter(|_| answers(&config.data)) {
            if tenant.as_ref().is_some_and(|tenant| *tenant != config.tenant) {
                let served = tenant.unwrap_or_default();
                bail!(
                    "the server of `{}` works for tenant `{served}`, not for `{}`",
                    config.data.display(),
                    config.tenant
                );
            }
            let way = Way::Server { base: format!("http://{address}"), client: Box::new(client()) };
            return Ok(Api { way, token, locale: self.locale.clone() });
        }
        if config.database.is_none() && !config.data.join("tenants").is_dir() {
            bail!(
                "there is no tenant in `{}`: name its folder with --data, or start one with `packwork demo`",
                config.data.display()
            );
        }
        let file = config.data.join("tenants").join(format!("{}.db", config.tenant));
        if config.database.is_none() && !file.is_file() {
            bail!("there is no tenant `{}` in `{}`", config.tenant, config.data.display());
        }
        let token = Token::from_bytes(Entropy::system().bytes());
        let app = serve::open(&config, Seeds::Product, Some(token.clone())).await?;
        let way = Way::Here { router: Box::new(http::router(&app)), app };
        Ok(Api { way, token: token.expose().to_owned(), locale: self.locale.clone() })
    }

    async fn sign_in(&self, server: &str) -> anyhow::Result<Api> {
        let (Some(user), Some(password)) = (&self.user, &self.password) else {
            bail!("--server needs --user and --password");
        };
        let base = server.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            bail!("`{server}` is no http:// address; behind TLS, use the server's own machine");
        }
        let way = Way::Server { base, client: Box::new(client()) };
        let mut api = Api { way, token: String::new(), locale: self.locale.clone() };
        let session = api.call(Method::POST, "/session", Some(json!({"user": user, "password": password}))).await?;
        api.token = session["token"].as_str().context("the server gave no token")?.to_owned();
        Ok(api)
    }
}

fn client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// How to reach a running server, as it has noted down.
struct Note {
    address: String,
    token: String,
    /// None where an older server wrote it.
    tenant: Option<String>,
}

fn read_note(data: &Path) -> Option<Note> {
    let text = std::fs::read_to_string(note_path(data)).ok()?;
    let note: Json = serde_json::from_str(&text).ok()?;
    let text = |name: &str| note[name].as_str().map(str::to_owned);
    Some(Note { address: text("address")?, token: text("token")?, tenant: text("tenant") })
}

/// Whether the server of a data folder is there: a note may outlive its server.
pub(super) fn answers(data: &Path) -> bool {
    let address = read_note(data).and_then(|note| note.address.parse().ok());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok())
}

impl Api {
    /// Calls a path below the base; a problem becomes an error that says code, detail and places.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Json>) -> anyhow::Result<Json> {
        let (status, json) = self.ask(method, path, body).await?;
        if status.is_success() { Ok(json) } else { Err(problem(status, &json)) }
    }

    /// Asks for work until it is under way no more; `step` hears how far it is.
    pub(super) async fn until_over(
        &self,
        path: &str,
        under_way: &[&str],
        step: impl Fn(&Json),
    ) -> anyhow::Result<Json> {
        loop {
            let work = self.call(Method::GET, path, None).await?;
            if !work["status"].as_str().is_some_and(|status| under_way.contains(&status)) {
                return Ok(work);
            }
            step(&work);
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Sends a file as it is, read while it is sent.
    pub(super) async fn upload(&self, path: &str, file: tokio::fs::File) -> anyhow::Result<Json> {
        const PIECE: usize = 64 * 1024;
        let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0_u8; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then_some((Bytes::from(piece), file)))
        });
        let response = self.send(Method::POST, path, Body::from_stream(pieces)).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let json = serde_json::from_slice(&bytes).context("the answer is no JSON")?;
        if status.is_success() { Ok(json) } else { Err(problem(status, &json)) }
    }

    /// Writes an answer to where it is wanted, piece by piece; says how many bytes came.
    pub(super) async fn download(
        &self,
        method: Method,
        path: &str,
        body: Option<Json>,
        out: &mut (dyn Write + Send),
    ) -> anyhow::Result<u64> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let bytes = body.collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
            return Err(problem(status, &serde_json::from_slice(&bytes).unwrap_or(Json::Null)));
        }
        let mut written = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(piece) = frame.map_err(anyhow::Error::from_boxed)?.into_data() {
                out.write_all(&piece)?;
                written += piece.len() as u64;
            }
        }
        out.flush()?;
        Ok(written)
    }

    /// Writes an answer to a file: whole, or not there at all.
    pub(super) async fn save(&self, method: Method, path: &str, body: Option<Json>, to: &Path) -> anyhow::Result<u64> {
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let mut file = std::fs::File::create(&part).with_context(|| format!("writing `{}`", part.display()))?;
        let saved = match self.download(method, path, body, &mut file).await {
            Ok(bytes) => std::fs::rename(&part, to).map(|()| bytes).context("putting the file in its place"),
            Err(error) => Err(error),
        };
        if saved.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        saved
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Response<Answered>> {
        let base = match &self.way {
            Way::Server { base, .. } => base.as_str(),
            Way::Here { .. } => "",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{}{path}", http::BASE))
            .header(header::ACCEPT_LANGUAGE, &self.locale)
            .header(header::CONTENT_TYPE, "application/json");
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let request = request.body(body)?;
        Ok(match &self.way {
            Way::Server { base, client } => {
                let response = client.request(request).await.with_context(|| format!("calling {base}"))?;
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            }
            Way::Here { router, app } => {
                let response = router.as_ref().clone().oneshot(request).await?;
                // This process does not live long enough to write down later what scripts have cost.
                scripts::flush(app).await?;
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            }
        })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Json>) -> anyhow::Result<(StatusCode, Json)> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let json = if bytes.is_empty() {
            Json::Null
        } else {
            serde_json::from_slice(&bytes).context("the answer is no JSON")?
        };
        Ok((status, json))
    }
}

/// The body of an answer, whichever way it came.
type Answered = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A problem as an error that says detail, code and places.
fn problem(status: StatusCode, json: &Json) -> anyhow::Error {
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let mut message = format!("{} ({} {})", text("detail"), status.as_u16(), text("code"));
    for place in json["errors"].as_array().into_iter().flatten() {
        message.push_str(&format!(
            "\n  {} {}",
            place["pointer"].as_str().unwrap_or_default(),
            place["message"].as_str().unwrap_or_default()
        ));
    }
    for check in json["params"]["checklist"].as_array().into_iter().flatten() {
        message.push_str(&format!("\n  {}: {}", check["check"].as_str().unwrap_or_default(), check["count"]));
    }
    anyhow::anyhow!(message)
}
