//! A tenant behind HTTP as the ground of a case: its definitions are published, its facts are records, runs and closings
//! have their endpoints, and lines are read back with their explanations.

use super::place::{Ground, Posted, Ran, Refused};
use super::world::Definitions;
use crate::app::{Installed, On, Reply, TestApp};
use crate::cases::http::runtime;
use anyhow::{Context, Result, anyhow, bail};
use axum::http::Method;
use packwork_engine::moment::Moment;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

pub struct Tenant {
    test: TestApp,
}

impl Tenant {
    /// A tenant with these definitions in force.
    pub fn open(on: On, definitions: &Definitions, at: Moment) -> Result<Tenant> {
        let test = runtime().block_on(TestApp::copied(on, at, Installed::Objects, definitions.settings()));
        let tenant = Tenant { test };
        let files: Map<String, Json> = definitions
            .files
            .iter()
            .map(|(path, bytes)| (path.clone(), json!(String::from_utf8_lossy(bytes))))
            .collect();
        let plan = tenant.post("/packs/plan", json!({"packs": [{"files": files}]}))?;
        if plan["blocked"] != json!([]) {
            bail!("the definitions are not published: {}", plan["blocked"]);
        }
        tenant.post("/packs/apply", json!({"plan": plan["plan"]}))?;
        Ok(tenant)
    }

    fn ask(&self, method: Method, path: &str, body: Option<Json>) -> Result<Json> {
        let Reply { status, json, .. } = runtime().block_on(self.test.system(method, path, body));
        let text = |name: &str| json[name].as_str().unwrap_or_default();
        match status.is_success() {
            true => Ok(json),
            false => {
                let detail = format!("{} {}", text("detail"), json["errors"]);
                let refused = Refused { fact: None, code: text("code").to_owned(), detail, params: Json::Null };
                Err(anyhow::Error::new(refused).context(format!("{path}: {status}")))
            }
        }
    }

    pub fn get(&self, path: &str) -> Result<Json> {
        self.ask(Method::GET, path, None)
    }

    pub fn post(&self, path: &str, body: Json) -> Result<Json> {
        self.ask(Method::POST, path, Some(body))
    }

    /// The clock only goes forward.
    fn go_to(&self, at: Moment) {
        let forward = at.micros() - self.test.clock.now().micros();
        self.test.clock.advance(Duration::from_micros(u64::try_from(forward).unwrap_or_default()));
    }

    /// A line as the list shows it, with its trace; computed again from that it must come to the same.
    fn posted(&self, line: &Json) -> Result<Posted> {
        let id = id_of(&line["id"])?;
        let told = self.get(&format!("/settlement/lines/{id}/explain?replay=true"))?;
        if told["replay"]["agrees"] != json!(true) {
            bail!("the line of {} does not come out again: {}", line["amount"], told["replay"]);
        }
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let must = |name: &str| text(name).with_context(|| format!("a line without `{name}`: {line}"));
        let amount = |name: &str| Ok::<_, anyhow::Error>(must(name)?.parse()?);
        Ok(Posted {
            id,
            line: must("line")?,
            fact: id_of(&line["fact"]["id"])?,
            payer: id_of(&line["payer"]["id"])?,
            payee: id_of(&line["payee"]["id"])?,
            currency: must("currency")?,
            period: must("period")?,
            service_period: must("service_period")?,
            corrects: text("corrects"),
            gross: amount("amount")?,
            net: amount("net")?,
            tax: amount("tax")?,
            trace: serde_json::from_value(told["trace"].clone()).context("reading a trace")?,
        })
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        runtime().block_on(self.test.app.store.close());
    }
}

fn id_of(json: &Json) -> Result<Uuid> {
    let id = json.as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| anyhow!("{json} is no id"))
}

impl Ground for Tenant {
    fn create(&mut self, object: &str, input: Map<String, Json>, at: Moment) -> Result<Uuid> {
        self.go_to(at);
        id_of(&self.post(&format!("/records/{object}"), Json::Object(input))?["id"])
    }

    fn change(&mut self, object: &str, id: Uuid, mut input: Map<String, Json>, at: Moment) -> Result<()> {
        self.go_to(at);
        let path = format!("/records/{object}/{id}");
        input.insert("version".to_owned(), self.get(&path)?["version"].clone());
        self.ask(Method::PATCH, &path, Some(Json::Object(input))).map(|_| ())
    }

    fn close(&mut self, calendar: &str, period: &str, at: Moment) -> Result<()> {
        self.go_to(at);
        self.post(&format!("/settlement/periods/{period}/close"), json!({"calendar": calendar})).map(|_| ())
    }

    fn read(&mut self, object: &str, id: Uuid) -> Result<Json> {
        self.get(&format!("/records/{object}/{id}"))
    }

    fn sorted(&mut self, object: &str, field: &str) -> Result<Vec<Uuid>> {
        let page = self.get(&format!("/records/{object}?sort={field}&limit=200"))?;
        page["data"].as_array().context("a page has records")?.iter().map(|record| id_of(&record["id"])).collect()
    }

    fn run(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran> {
        self.go_to(at);
        self.ran(json!({"plan": plan, "period": period}))
    }

    fn run_again_by_latest(&mut self, plan: &str, period: &str, at: Moment) -> Result<Ran> {
        self.go_to(at);
        self.ran(json!({"plan": plan, "period": period, "pin": "latest"}))
    }

    fn add_row(&mut self, table: &str, row: Map<String, Json>, at: Moment) -> Result<()> {
        self.go_to(at);
        let path = format!("/settlement/rate-tables/{table}");
        let from = row["valid"][0].as_str().context("a row has a first day")?.to_owned();
        let standing = self.get(&format!("{path}/rows?valid_at={from}&limit=200"))?;
        let rows = standing["data"].as_array().context("a table has rows")?;
        let ends = rows.iter().map(|standing| json!({"op": "close", "row": standing["row"], "valid_to": from}));
        let changes: Vec<Json> = ends.chain([json!({"op": "add", "row": row})]).collect();
        self.post(&format!("{path}/changes"), json!({"mode": "apply", "changes": changes})).map(|_| ())
    }

    fn issue_newest(&mut self, at: Moment) -> Result<Json> {
        self.go_to(at);
        let newest = self.get("/statements")?["data"][0].clone();
        let id = id_of(&newest["id"])?;
        self.post(&format!("/statements/{id}/issue"), json!({"version": newest["version"]}))
    }

    fn balances(&mut self) -> Result<BTreeMap<String, Decimal>> {
        let balances = self.get("/settlement/trial-balance")?;
        let mut found: BTreeMap<String, Decimal> = BTreeMap::new();
        // An account that several postings have stands there once for each.
        for row in balances["data"].as_array().context("accounts have balances")? {
            let text = |name: &str| row[name].as_str().with_context(|| format!("an account without `{name}`: {row}"));
            let figure = |name: &str| Ok::<Decimal, anyhow::Error>(text(name)?.parse()?);
            *found.entry(text("account")?.to_owned()).or_default() += figure("debit")? - figure("credit")?;
        }
        Ok(found)
    }

    fn lines(&mut self, after: usize) -> Result<Vec<Posted>> {
        let mut found: Vec<Json> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/settlement/lines?limit=200{cursor}"))?;
            found.extend(page["data"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found.iter().skip(after).map(|line| self.posted(line)).collect(),
            }
        }
    }
}

impl Tenant {
    fn ran(&self, asked: Json) -> Result<Ran> {
        let run = self.post("/settlement/runs", asked)?;
        let refused = |failure: &Json| {
            let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
            let fact = id_of(&failure["fact"]["id"]).ok();
            Refused { fact, code: text("code"), detail: text("detail"), params: failure["params"].clone() }
        };
        let lines = run["lines"].as_u64().with_context(|| format!("a run without lines: {run}"))?;
        let failures = run["failures"].as_array().into_iter().flatten().map(refused).collect();
        Ok(Ran { lines: usize::try_from(lines)?, failures })
    }
}
