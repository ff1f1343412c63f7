//! An application behind its router as a world for cases: everything through HTTP, as a client would.

use crate::app::{Industry, On, PASSWORD, Reply, TestApp};
use crate::cases::INSTALLED_AT;
use axum::http::Method;
use packwork::auth::Secret;
use packwork::service::session::set_password;
use packwork_engine::moment::Moment;
use packwork_engine::testing::case::{Answer, Refused, World};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The administrator's login; the system acts where there is no such user.
const ADMIN: &str = "admin";
/// The longest page.
const PAGE: usize = 200;

/// One application with a database of its own.
pub struct Http {
    app: TestApp,
    /// Who acts; the system where nobody else does.
    token: Option<String>,
}

/// The threads all applications of the process run on.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a test may start threads"))
}

impl Http {
    /// An application in which the packs are installed, and nothing has happened yet.
    pub fn new(on: On) -> Http {
        Http::with(on, &[])
    }

    /// The same with industry packs.
    pub fn with(on: On, industry: Industry) -> Http {
        // The cause of a failure is in the log only.
        packwork::telemetry::start("error");
        let at = Moment::parse(INSTALLED_AT).expect("the constant is a moment");
        Http { app: runtime().block_on(TestApp::with(on, at, industry)), token: None }
    }

    /// A request of whoever acts.
    fn ask(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        let reply = runtime().block_on(async {
            match &self.token {
                Some(token) => self.app.by(token, method, path, body).await,
                None => self.app.system(method, path, body).await,
            }
        });
        answer(reply)
    }

    /// A look with the system's eyes.
    fn look(&self, path: &str) -> Option<Json> {
        answer(runtime().block_on(self.app.get(path))).ok()
    }

    /// All pages of a list.
    fn all(&self, path: &str) -> Vec<Json> {
        let mut found: Vec<Json> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .look(&format!("{path}?limit={PAGE}{cursor}"))
                .unwrap_or_else(|| panic!("{path} can be read by the system"));
            found.extend(page["data"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={}", encoded(next)),
                None => return found,
            }
        }
    }

    /// The version a change is made to; whoever may not look is refused for what they ask.
    fn version(&self, path: &str) -> Json {
        self.look(path).map_or(json!(1), |shown| shown["version"].clone())
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        runtime().block_on(self.app.app.store.close());
    }
}

impl World for Http {
    fn set_now(&mut self, now: Moment) {
        let forward = now.micros() - self.app.clock.now().micros();
        let forward =
            u64::try_from(forward).unwrap_or_else(|_| panic!("the moments of a case go forward: {now} is over"));
        self.app.clock.advance(Duration::from_micros(forward));
    }

    fn act_as(&mut self, login: Option<&str>) -> Result<(), String> {
        self.token = None;
        let user = self.find("user", login.unwrap_or(ADMIN));
        self.token = match (user, login) {
            (Some(user), _) => {
                let user = user.parse().map_err(|_| format!("`{user}` is no id"))?;
                let signed_in = runtime().block_on(async {
                    set_password(&self.app.app, user, Secret::new(PASSWORD))
                        .await
                        .map_err(|error| error.to_string())?;
                    answer(self.app.sign_in(login.unwrap_or(ADMIN)).await).map_err(|refused| refused.to_string())
                })?;
                signed_in["token"].as_str().map(str::to_owned)
            }
            (None, None | Some(ADMIN)) => None,
            (None, Some(login)) => return Err(format!("there is no user `{login}`")),
        };
        Ok(())
    }

    fn create(&mut self, object: &str, input: &Map<String, Json>) -> Answer {
        self.ask(Method::POST, &format!("/records/{object}"), Some(Json::Object(input.clone())))
    }

    fn update(&mut self, object: &str, id: &str, input: &Map<String, Json>) -> Answer {
        let path = format!("/records/{object}/{id}");
        let mut body = input.clone();
        body.insert("version".to_owned(), self.version(&path));
        self.ask(Method::PATCH, &path, Some(Json::Object(body)))
    }

    fn delete(&mut self, object: &str, id: &str) -> Answer {
        let path = format!("/records/{object}/{id}");
        let version = self.version(&path);
        self.ask(Method::DELETE, &path, Some(json!({"version": version})))
    }

    fn transition(&mut self, object: &str, id: &str, transition: &str, input: &Map<String, Json>) -> Answer {
        let version = self.version(&format!("/records/{object}/{id}"));
        let body = json!({"version": version, "input": input});
        self.ask(Method::POST, &format!("/records/{object}/{id}/transitions/{transition}"), Some(body))
    }

    fn add_rate(&mut self, table: &str, row: &Map<String, Json>) -> Answer {
        self.create(table, row)
    }

    fn settle(&mut self, plan: &str, period: &str) -> Answer {
        self.ask(Method::POST, "/settlement/runs", Some(json!({"plan": plan, "period": period})))
    }

    fn close(&mut self, calendar: &str, period: &str) -> Answer {
        self.ask(Method::POST, &format!("/settlement/periods/{period}/close"), Some(json!({"calendar": calendar})))
    }

    fn advance(&mut self, statement: &str, step: &str) -> Answer {
        let version = self.version(&format!("/statements/{statement}"));
        self.ask(Method::POST, &format!("/statements/{statement}/{step}"), Some(json!({"version": version})))
    }

    fn find(&mut self, object: &str, key: &str) -> Option<String> {
        let record = self.look(&format!("/records/{object}/{}", encoded(key)))?;
        record["id"].as_str().map(str::to_owned)
    }

    fn record(&mut self, object: &str, id: &str) -> Option<Json> {
        self.look(&format!("/records/{object}/{id}"))
    }

    fn lines(&mut self) -> Vec<Json> {
        self.all("/settlement/lines")
    }

    fn statements(&mut self) -> Vec<Json> {
        let mut newest_first = self.all("/statements");
        newest_first.reverse();
        newest_first
    }

    fn todos(&mut self) -> Vec<Json> {
        let tasks = self.look("/tasks?box=todo").expect("the system sees all to-dos");
        tasks["data"].as_array().cloned().unwrap_or_default()
    }

    fn trial_balance(&mut self) -> BTreeMap<String, (Decimal, Decimal)> {
        let balance = self.look("/settlement/trial-balance").expect("the system sees the ledger");
        let mut sums: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
        for row in balance["data"].as_array().into_iter().flatten() {
            let amount = |name: &str| -> Decimal {
                row[name].as_str().and_then(|text| text.parse().ok()).expect("amounts are decimals")
            };
            let (debit, credit) = sums.entry(row["currency"].as_str().unwrap_or_default().to_owned()).or_default();
            *debit += amount("debit");
            *credit += amount("credit");
        }
        sums
    }
}

fn answer(reply: Reply) -> Answer {
    if reply.status.is_success() {
        return Ok(reply.json);
    }
    let text = |name: &str| reply.json[name].as_str().unwrap_or_default().to_owned();
    let errors = reply.json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pointers = errors.iter().filter_map(|error| error["pointer"].as_str().map(str::to_owned)).collect();
    match text("code") {
        code if code.is_empty() => {
            Err(Refused { code: reply.status.to_string(), detail: reply.json.to_string(), pointers })
        }
        code => Err(Refused { code, detail: text("detail"), pointers }),
    }
}

/// A text as part of an address.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
