//! A whole application for tests: the real router over a fresh database, a clock moved by hand, seeded randomness.
//! Packs are installed once per process; every test works on a copy.

use crate::postgres;
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use packwork::app::{App, Start};
use packwork::auth::{Secret, Token};
use packwork::clock::Clock;
use packwork::entropy::Entropy;
use packwork::files::Files;
use packwork::http;
use packwork::packs::cases::ground::{Folder, copy_folder};
use packwork::packs::cases::installed_at;
use packwork::packs::install::{Seeds, Silent};
use packwork::packs::source::{Files as Pack, Source, read_packs};
use packwork::store::{Database, Drift, scratch};
use packwork_engine::model::Settings;
use packwork_engine::moment::Moment;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tower::ServiceExt;

pub const SEED: u64 = 20_260_301;
/// When tests begin, unless they say otherwise.
pub const NOW: &str = "2026-03-15T02:00:00Z";
/// Password of every user a test signs in as.
pub const PASSWORD: &str = "correct horse";
/// Attachments of tests are small.
pub const ATTACHMENT_BYTES_MAX: u64 = 64 * 1_024;
const TENANT: &str = "main";

/// Which database a test asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// Industry packs of `tests/packs`: name and version.
pub type Industry = &'static [(&'static str, &'static str)];

/// What is installed before a test begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Installed {
    /// The product's packs, and industry packs beside them.
    Product(Industry),
    /// The objects of the pack `base`, without its records.
    Objects,
}

/// An application of its own.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: Clock,
    pub local: Token,
    router: Router,
    database: Database,
    lives: u64,
    files: Files,
    folder: Folder,
}

/// A folder that goes with its test.
fn folder() -> Folder {
    Folder::new("packwork-app").expect("a test may write to the temporary folder")
}

/// What an answer was.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Json,
}

impl Reply {
    /// The answer of a request that must succeed.
    #[track_caller]
    pub fn ok(self) -> Json {
        assert!(self.status.is_success(), "{} {:#}", self.status, self.json);
        self.json
    }

    /// The code of a request that must be refused with this status.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Json {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{:#}", self.json);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.json["trace_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        self.json
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl TestApp {
    /// The product's packs, installed long before the test begins.
    pub async fn new(on: On) -> TestApp {
        TestApp::at(on, Moment::parse(NOW).expect("the constant is a moment")).await
    }

    pub async fn at(on: On, now: Moment) -> TestApp {
        TestApp::with(on, now, &[]).await
    }

    /// The product's packs and industry packs beside them, installed long before.
    pub async fn with(on: On, now: Moment, industry: Industry) -> TestApp {
        TestApp::copied(on, now, Installed::Product(industry), Settings::default()).await
    }

    /// A copy of what was installed once, long before.
    pub async fn copied(on: On, now: Moment, installed: Installed, settings: Settings) -> TestApp {
        let folder = folder();
        let database = match on {
            On::Sqlite => {
                copy_folder(sqlite_template(installed).await.path(), folder.path())
                    .expect("the template can be copied");
                Database::Sqlite { folder: folder.path().to_owned() }
            }
            On::Postgres => {
                let copy = postgres_copy(installed).await.expect("PostgreSQL copies a database");
                Database::Postgres { url: Secret::new(copy) }
            }
        };
        TestApp::opened(folder, (database, None), (packs(installed), settings), now).await
    }

    /// The objects of the pack `base` without its records, and another pack, in an empty place.
    pub async fn of(on: On, pack: Pack) -> TestApp {
        TestApp::keeping(on, pack, None).await
    }

    /// The same with the attachments somewhere else than in a folder.
    pub async fn keeping(on: On, pack: Pack, files: Option<Files>) -> TestApp {
        let folder = folder();
        let database = match on {
            On::Sqlite => Database::Sqlite { folder: folder.path().to_owned() },
            On::Postgres => {
                Database::Postgres { url: Secret::new(postgres::fresh_database().await.expect("PostgreSQL makes one")) }
            }
        };
        let mut base = objects_of_base();
        base.push(pack);
        let now = Moment::parse(NOW).expect("the constant is a moment");
        TestApp::opened(folder, (database, files), (Source::Given(base), Settings::default()), now).await
    }

    async fn opened(
        folder: Folder,
        (database, files): (Database, Option<Files>),
        packs: (Source, Settings),
        now: Moment,
    ) -> TestApp {
        let files = files.unwrap_or_else(|| Files::new(folder.path().join("attachments"), ATTACHMENT_BYTES_MAX));
        let clock = Clock::test(now);
        let local = Token::from_bytes([7; 32]);
        let app = start_with(packs, (database.clone(), files.clone()), SEED, clock.clone(), Some(local.clone()));
        let app = app.await.expect("the packs install");
        TestApp { router: http::router(&app), app, clock, local, database, lives: 1, files, folder }
    }

    /// The same data in a new process, after the old one was killed at once.
    pub async fn restart(self) -> TestApp {
        let TestApp { app, router, clock, local, database, lives, files, folder } = self;
        drop(router);
        // What a killed process leaves to the system: its files and connections are closed.
        app.store.close().await;
        drop(app);
        let app = start((database.clone(), files.clone()), SEED + lives, clock.clone(), Some(local.clone()));
        let app = app.await.expect("what was there opens again");
        TestApp { router: http::router(&app), app, clock, local, database, lives: lives + 1, files, folder }
    }

    /// Where its PostgreSQL is, for those who look from outside; the tenant's schema is `t_main`.
    pub fn postgres(&self) -> Option<&str> {
        match &self.database {
            Database::Postgres { url } => Some(url.expose()),
            Database::Sqlite { .. } => None,
        }
    }

    /// Its file, where it is on SQLite.
    pub fn sqlite(&self) -> PathBuf {
        self.folder.path().join("tenants").join(format!("{TENANT}.db"))
    }

    /// Another process on the same PostgreSQL.
    pub async fn beside(&self) -> TestApp {
        let (clock, local, folder) = (self.clock.clone(), self.local.clone(), folder());
        let files = Files::new(folder.path().join("attachments"), ATTACHMENT_BYTES_MAX);
        let app = start((self.database.clone(), files.clone()), SEED + self.lives, clock.clone(), Some(local.clone()));
        let app = app.await.expect("the data opens twice");
        let database = self.database.clone();
        TestApp { router: http::router(&app), app, clock, local, database, lives: self.lives + 1, files, folder }
    }

    /// Does the jobs that wait, at most so many units; how many it did.
    pub async fn work(&self, units_max: usize) -> usize {
        packwork::jobs::run(&self.app, units_max).await.expect("jobs can be done")
    }

    /// Sends a file as it is.
    pub async fn upload(&self, token: &str, path: &str, bytes: impl Into<Body>) -> Reply {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", http::BASE))
            .header("authorization", format!("Bearer {token}"))
            .header("accept-language", "en")
            .body(bytes.into())
            .expect("the test's request is one");
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the answer can be read").to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
        Reply { status: parts.status, headers: parts.headers, json }
    }

    /// An answer that comes bit by bit.
    pub async fn stream(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Body {
        let mut request = Request::builder().uri(format!("{}{path}", http::BASE));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("authorization", format!("Bearer {token}")).body(Body::empty());
        let response = self.router.clone().oneshot(request.expect("the test's request is one")).await;
        response.expect("the router always answers").into_body()
    }

    /// The bytes of an answer that must succeed.
    pub async fn bytes(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> (HeaderMap, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", http::BASE))
            .header("authorization", format!("Bearer {token}"))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("the test's request is one");
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the answer can be read").to_bytes();
        assert!(parts.status.is_success(), "{} {}", parts.status, String::from_utf8_lossy(&bytes));
        (parts.headers, bytes.to_vec())
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A request of the system's own.
    pub async fn system(&self, method: Method, path: &str, body: Option<Json>) -> Reply {
        self.ask(method, path, body, &[("authorization", &format!("Bearer {}", self.local.expose()))]).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.system(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Json) -> Reply {
        self.system(Method::POST, path, Some(body)).await
    }

    /// A request of the system's own, answered in a language.
    pub async fn ask_in(&self, locale: &str, method: Method, path: &str, body: Option<Json>) -> Reply {
        let token = format!("Bearer {}", self.local.expose());
        self.ask(method, path, body, &[("authorization", &token), ("accept-language", locale)]).await
    }

    /// A request below the base with exactly these headers.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Json>, headers: &[(&str, &str)]) -> Reply {
        let text = body.map(|body| body.to_string());
        self.raw(method, &format!("{}{path}", http::BASE), text, headers).await
    }

    /// A request with any body, to any address.
    pub async fn raw(&self, method: Method, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).expect("the test's request is one");
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the answer can be read").to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
        Reply { status: parts.status, headers: parts.headers, json }
    }

    /// Makes a user with these roles and fields and signs them in: their bearer token.
    pub async fn user(&self, login: &str, roles: &[&str], fields: Json) -> String {
        let mut user = json!({"login": login, "name": login, "roles": roles, "locale": "en"});
        for (name, value) in fields.as_object().into_iter().flatten() {
            user[name] = value.clone();
        }
        let created = self.post("/records/user", user).await.ok();
        let id = created["id"].as_str().and_then(|id| id.parse().ok()).expect("a created user has an id");
        packwork::service::session::set_password(&self.app, id, Secret::new(PASSWORD))
            .await
            .expect("a password can be set");
        self.sign_in(login).await.ok()["token"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn sign_in(&self, login: &str) -> Reply {
        let body = json!({"user": login, "password": PASSWORD});
        self.ask(Method::POST, "/session", Some(body), &[]).await
    }

    /// A request of a signed-in user.
    pub async fn by(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> Reply {
        self.ask(method, path, body, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// What a doctor finds.
    pub async fn drift(&self) -> Vec<Drift> {
        let mut found = Vec::new();
        let mut keep = |drift| found.push(drift);
        let model = self.app.model();
        let check = self.app.store.check_data(&self.app.system(), &model, &mut keep).await.expect("a check begins");
        check.all().await.expect("all can be checked");
        found
    }
}

fn is_named(pack: &[u8], name: &str) -> bool {
    serde_json::from_slice::<Json>(pack).is_ok_and(|json| json["name"] == name)
}

async fn start(place: (Database, Files), seed: u64, clock: Clock, local_token: Option<Token>) -> Result<Arc<App>> {
    start_with((packs(Installed::Product(&[])), Settings::default()), place, seed, clock, local_token).await
}

async fn start_with(
    (packs, settings): (Source, Settings),
    (database, files): (Database, Files),
    seed: u64,
    clock: Clock,
    local_token: Option<Token>,
) -> Result<Arc<App>> {
    let app = App::start(Start {
        database,
        tenant: TENANT.into(),
        files,
        settings,
        packs,
        trust: packwork::packs::signing::Trust::default(),
        seeds: Seeds::Product,
        clock,
        entropy: Entropy::seeded(seed),
        local_token,
        progress: &Silent,
    })
    .await?;
    Ok(app)
}

/// The folder of the product's packs.
fn pack_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packs")
}

/// The files of an industry pack, or of one of the product's that comes on request.
pub fn industry_pack(name: &str, version: &str) -> Pack {
    let own = pack_folder().join(name);
    let folder = match own.is_dir() {
        true => own,
        false => Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(name).join(version),
    };
    let mut packs = read_packs(&folder).expect("an industry pack can be read");
    packs.pop().expect("its folder is a pack")
}

/// The product's packs, and industry packs, with the regions their cases and samples name: three thousand districts would only cost
/// time.
pub fn files_of(industry: Industry) -> Vec<Pack> {
    static PACKS: Kept<Vec<Pack>> = Kept::new(BTreeMap::new());
    let packs = kept(&PACKS, Installed::Product(industry));
    let packs = packs.get_or_init(|| {
        let mut packs = read_packs(&pack_folder()).expect("the product's packs can be read");
        packs.retain(|files| !comes_on_request(files));
        packs.extend(industry.iter().map(|(name, version)| industry_pack(name, version)));
        let mut packs = trimmed(packs);
        if !industry.is_empty() {
            // Every plan runs cases again: here those of the industry packs are the ones that matter.
            let product = packs.iter_mut().filter(|files| !is_industry(files, industry));
            product.for_each(|files| files.retain(|path, _| !path.starts_with("cases/")));
        }
        packs
    });
    packs.clone()
}

fn comes_on_request(files: &Pack) -> bool {
    let manifest = files.get("pack.json").and_then(|bytes| serde_json::from_slice::<Json>(bytes).ok());
    manifest.is_some_and(|manifest| manifest["on_request"] == true)
}

fn is_industry(files: &Pack, industry: Industry) -> bool {
    industry.iter().any(|(name, _)| files.get("pack.json").is_some_and(|json| is_named(json, name)))
}

fn packs(installed: Installed) -> Source {
    Source::Given(match installed {
        Installed::Product(industry) => files_of(industry),
        Installed::Objects => objects_of_base(),
    })
}

/// The pack `base` without its records.
fn objects_of_base() -> Vec<Pack> {
    let mut base = read_packs(&pack_folder()).expect("the product's packs can be read");
    base.retain(|files| files.get("pack.json").is_some_and(|json| is_named(json, "base")));
    for files in &mut base {
        files.retain(|path, _| !["seed/", "demo/", "cases/"].iter().any(|folder| path.starts_with(folder)));
    }
    base
}

/// What is made once for each choice of what is installed, and stays as long as the process.
type Kept<T> = std::sync::Mutex<BTreeMap<Installed, &'static std::sync::OnceLock<T>>>;

fn kept<T>(all: &'static Kept<T>, installed: Installed) -> &'static std::sync::OnceLock<T> {
    let mut all = all.lock().expect("nobody fails while holding the list");
    all.entry(installed).or_insert_with(|| Box::leak(Box::default()))
}

/// Every version of every industry pack.
fn industry_packs() -> Vec<Pack> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    let names = std::fs::read_dir(folder).expect("there are industry packs");
    let versions = names.map(|name| read_packs(&name.expect("its name can be read").path()));
    versions.flat_map(|versions| versions.expect("its versions can be read")).collect()
}

/// The same whichever industry packs are beside them: a restart must not find other packs.
fn trimmed(mut packs: Vec<Pack>) -> Vec<Pack> {
    let texts: String = packs
        .iter()
        .chain(&industry_packs())
        .flat_map(|files| files.iter())
        .filter(|(path, _)| {
            ["cases/", "samples/", "seed/region_tier", "seed/region_area"].iter().any(|kept| path.starts_with(kept))
        })
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    // Codes first: a district needs its city.
    let named = |record: &Json| {
        ["name", "code"].iter().any(|field| record[*field].as_str().is_some_and(|name| texts.contains(name)))
    };
    let mut kept: Vec<String> = Vec::new();
    for file in ["seed/region_district.json", "seed/region_city.json"] {
        for bytes in packs.iter_mut().filter_map(|files| files.get_mut(file)) {
            let mut seed: Json = serde_json::from_slice(bytes).expect("the seed is JSON");
            if let Some(records) = seed["records"].as_array_mut() {
                records.retain(|record| {
                    named(record) || record["code"].as_str().is_some_and(|code| kept.iter().any(|kept| kept == code))
                });
                kept.extend(records.iter().filter_map(|record| record["parent"].as_str()).map(str::to_owned));
            }
            *bytes = seed.to_string().into_bytes();
        }
    }
    packs
}

/// Installing packs attaches nothing.
fn no_files() -> Files {
    Files::new(std::env::temp_dir().join("packwork-no-files"), 0)
}

/// An application of packs alone, to be copied.
async fn template(installed: Installed, database: Database) -> Result<Arc<App>> {
    let (packs, clock) = ((packs(installed), Settings::default()), Clock::test(installed_at()));
    start_with(packs, (database, no_files()), SEED, clock, None).await
}

async fn sqlite_template(installed: Installed) -> &'static Folder {
    static TEMPLATES: Kept<OnceCell<Folder>> = Kept::new(BTreeMap::new());
    kept(&TEMPLATES, installed)
        .get_or_init(OnceCell::new)
        .get_or_init(|| async {
            let folder = folder();
            let database = Database::Sqlite { folder: folder.path().to_owned() };
            let app = template(installed, database).await.expect("the packs install on SQLite");
            app.store.close().await;
            folder
        })
        .await
}

/// A database of its own, copied from one in which the packs are installed.
async fn postgres_copy(installed: Installed) -> Result<String> {
    static TEMPLATES: Kept<OnceCell<String>> = Kept::new(BTreeMap::new());
    static MADE: AtomicU64 = AtomicU64::new(0);
    static COPIES: AtomicU64 = AtomicU64::new(0);
    let server = Secret::new(tokio::task::spawn_blocking(postgres::url).await??);
    let template = kept(&TEMPLATES, installed)
        .get_or_init(OnceCell::new)
        .get_or_try_init(|| async {
            let number = MADE.fetch_add(1, Ordering::SeqCst);
            let name = format!("packwork_template_{}_{number}", std::process::id());
            let database = Database::Postgres { url: scratch::create_database(&server, &name, None).await? };
            let app = template(installed, database).await.context("installing the packs on PostgreSQL")?;
            app.store.close().await;
            scratch::seal(&server, &name).await?;
            Ok::<_, anyhow::Error>(name)
        })
        .await?;
    let name = format!("packwork_copy_{}_{}", std::process::id(), COPIES.fetch_add(1, Ordering::SeqCst));
    Ok(scratch::create_database(&server, &name, Some(template)).await?.expose().to_owned())
}
