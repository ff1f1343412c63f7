//! An application behind its router as a world for cases: everything through HTTP, as a client would.

use crate::app::App;
use crate::auth::token::hex;
use crate::auth::{Secret, Token};
use crate::http;
use crate::service::session::set_password;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use http_body_util::BodyExt;
use packwork_engine::moment::Moment;
use packwork_engine::testing::case::{Answer, Refused, World};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tower::ServiceExt;

/// The administrator's login; the system acts where there is no such user.
const ADMIN: &str = "admin";
/// The longest page.
const PAGE: usize = 200;

/// One application with a database of its own. Blocks: it belongs on a thread that serves nobody else.
pub struct Served {
    app: Arc<App>,
    router: Router,
    /// The system's own token.
    system: Token,
    /// Who acts; the system where nobody else does.
    token: Option<String>,
    /// Password of whoever acts.
    password: String,
    runtime: Handle,
    /// What could not be looked at although it is there.
    unreadable: Vec<String>,
    /// What has to outlive the application, such as its folder.
    _place: Box<dyn Any + Send>,
}

impl Served {
    /// A world over an application in which nothing has happened yet; `place` goes with it.
    pub fn over(app: Arc<App>, system: Token, runtime: Handle, place: impl Any + Send) -> Served {
        let password = hex(&app.entropy.bytes::<12>());
        let router = http::router(&app);
        Served { app, router, system, token: None, password, runtime, unreadable: Vec::new(), _place: Box::new(place) }
    }

    fn send(&self, token: Option<&str>, method: Method, path: &str, body: Option<Json>) -> Answer {
        let impossible = |detail: String| Refused::because(detail);
        let mut request = Request::builder().method(method).uri(format!("{}{path}", http::BASE));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).map_err(|error| impossible(error.to_string()))?;
        self.runtime.block_on(async {
            let response = match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map_err(|error| impossible(error.to_string()))?.to_bytes();
            let json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
            match parts.status.is_success() {
                true => Ok(json),
                false => Err(refused(&parts.status.to_string(), &json)),
            }
        })
    }

    /// A request of whoever acts.
    fn ask(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        self.send(Some(self.token.as_deref().unwrap_or(self.system.expose())), method, path, body)
    }

    /// A look with the system's eyes.
    fn look(&self, path: &str) -> Option<Json> {
        self.send(Some(self.system.expose()), Method::GET, path, None).ok()
    }

    /// A look at what must be there.
    fn must(&mut self, path: &str) -> Json {
        let answer = self.send(Some(self.system.expose()), Method::GET, path, None);
        answer.unwrap_or_else(|refused| {
            self.unreadable.push(format!("{path}: {refused}"));
            Json::Null
        })
    }

    /// All pages of a list.
    fn all(&mut self, path: &str) -> Vec<Json> {
        let mut found: Vec<Json> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.must(&format!("{path}?limit={PAGE}{cursor}"));
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

    fn sign_in(&self, login: &str, user: uuid::Uuid) -> Result<String, String> {
        let secret = Secret::new(self.password.clone());
        self.runtime.block_on(set_password(&self.app, user, secret)).map_err(|error| crate::service::chain(&error))?;
        let body = json!({"user": login, "password": self.password});
        let session = self.send(None, Method::POST, "/session", Some(body)).map_err(|refused| refused.to_string())?;
        session["token"].as_str().map(str::to_owned).ok_or_else(|| "a session has no token".to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.runtime.block_on(self.app.store.close());
    }
}

impl World for Served {
    fn set_now(&mut self, now: Moment) -> Result<(), String> {
        let forward = now.micros() - self.app.clock.now().micros();
        let forward = u64::try_from(forward).map_err(|_| format!("the moments of a case go forward: {now} is over"))?;
        self.app.clock.advance(Duration::from_micros(forward));
        Ok(())
    }

    fn act_as(&mut self, login: Option<&str>) -> Result<(), String> {
        self.token = None;
        self.token = match (self.find("user", login.unwrap_or(ADMIN)), login) {
            (Some(user), _) => {
                let user = user.parse().map_err(|_| format!("`{user}` is no id"))?;
                Some(self.sign_in(login.unwrap_or(ADMIN), user)?)
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

    fn advance(&mut self, statement: &str, step: &str, with: &Map<String, Json>) -> Answer {
        let path = format!("/statements/{statement}");
        let shown = self.look(&path).unwrap_or_default();
        let mut body = with.clone();
        body.insert("version".to_owned(), shown.get("version").cloned().unwrap_or(json!(1)));
        let step = match (step, body.remove("line")) {
            ("dispute", _) => "disputes".to_owned(),
            (_, None) => step.to_owned(),
            (_, Some(line)) => {
                let disputes = shown["disputes"].as_array().into_iter().flatten();
                let open = disputes.into_iter().find(|it| it["line"] == line && it["status"] == "open");
                let open = open.and_then(|dispute| dispute["id"].as_str());
                let dispute = open.ok_or_else(|| Refused::because("the line is not disputed".to_owned()))?;
                format!("disputes/{dispute}/{step}")
            }
        };
        self.ask(Method::POST, &format!("{path}/{step}"), Some(Json::Object(body)))
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
        let tasks = self.must("/tasks?box=todo");
        tasks["data"].as_array().cloned().unwrap_or_default()
    }

    fn trial_balance(&mut self) -> BTreeMap<String, (Decimal, Decimal)> {
        let balance = self.must("/settlement/trial-balance");
        let mut sums: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
        for row in balance["data"].as_array().into_iter().flatten() {
            let (debit, credit) = sums.entry(row["currency"].as_str().unwrap_or_default().to_owned()).or_default();
            for (sum, name) in [(debit, "debit"), (credit, "credit")] {
                match row[name].as_str().and_then(|text| text.parse::<Decimal>().ok()) {
                    Some(amount) => *sum += amount,
                    None => self.unreadable.push(format!("the trial balance says {} as {name}", row[name])),
                }
            }
        }
        sums
    }

    fn unreadable(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unreadable)
    }
}

/// A problem as cases compare it.
fn refused(status: &str, problem: &Json) -> Refused {
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pointers = errors.iter().filter_map(|error| error["pointer"].as_str().map(str::to_owned)).collect();
    match text("code") {
        code if code.is_empty() => Refused { code: status.to_owned(), detail: problem.to_string(), pointers },
        code => Refused { code, detail: text("detail"), pointers },
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
