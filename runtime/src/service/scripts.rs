//! Scripts for administrators: what they cost, what their packs may do, stopping them, running them again with the inputs
//! they had. Knows no HTTP and no SQL.

pub mod tally;

use super::changes::apply;
use super::changes::may_configure;
use super::changes::plan::stale;
use super::session::Caller;
use super::{Answer, chain, refuse};
use crate::app::App;
use crate::store::{OPERATIONS_UP_TO, Published, ScriptInput, ScriptUsage, Version};
use packwork_engine::codes::Code;
use packwork_engine::expr::{EvalError, Expr, ExprError, Inputs, Scope, tagged};
use packwork_engine::model::{FUNCTIONS, ROOTS};
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::script::{Capability, Rules, Script, Stopped};
use packwork_engine::suggest;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often what was counted is written down, so that other processes see it.
const EVERY: Duration = Duration::from_secs(10);

/// Writes down what was counted, until the task is dropped.
pub async fn keep(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = flush(&app).await {
            tracing::warn!(error = %chain(&error), "what scripts cost could not be written down");
        }
    }
}

/// Writes down what this process has counted.
pub async fn flush(app: &App) -> Answer<()> {
    let counted = app.scripts.take();
    if counted.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let number = |counted: u64| i64::try_from(counted).unwrap_or(i64::MAX);
    let (mut usage, mut inputs) = (Vec::new(), Vec::new());
    for (script, counted) in counted {
        usage.push(ScriptUsage {
            script: script.to_string(),
            since: now,
            runs: number(counted.runs),
            failures: number(counted.failures),
            operations: number(counted.operations),
            operations_max: number(counted.operations_max),
            micros: number(counted.micros),
            histogram: counted.histogram.map(number),
        });
        inputs.extend(counted.last.into_iter().map(|kept| ScriptInput {
            id: app.entropy.uuid(kept.at),
            script: script.to_string(),
            at: kept.at,
            document: json!({
                "inputs": kept.inputs.to_json(),
                "outcome": outcome(&kept.outcome),
                "operations": kept.operations,
            }),
        }));
    }
    Ok(app.store.add_script_runs(&app.system(), usage, inputs).await?)
}

/// What a run gave, with the kind of the value.
fn outcome(outcome: &Result<Value, EvalError>) -> Json {
    match outcome {
        Ok(value) => json!({"value": tagged(value)}),
        Err(EvalError::Missing) => json!({"failed": "a fact is missing"}),
        Err(EvalError::Failed(ExprError { code, message, .. })) => json!({"failed": message, "code": code}),
    }
}

/// Every script, what it cost, and what packs ask leave for.
pub async fn list(app: &Arc<App>, caller: &Caller) -> Answer<Json> {
    may_configure(caller)?;
    flush(app).await?;
    let in_force = app.in_force();
    let (model, rules) = (&in_force.model, &in_force.scripts);
    let usage = app.store.script_usage(&caller.scope).await?;
    let usage: BTreeMap<&str, &ScriptUsage> = usage.iter().map(|usage| (usage.script.as_str(), usage)).collect();
    let all: i64 = usage.values().map(|usage| usage.micros).sum();
    let scripts: Vec<Json> = model
        .scripts
        .iter()
        .map(|(address, script)| {
            let mut shown = shown(address, script, rules);
            if let Some(usage) = usage.get(address.as_str()) {
                shown["usage"] = cost(usage, all);
            }
            shown
        })
        .collect();
    let packs: Vec<Json> = model
        .packs
        .iter()
        .flat_map(|pack| pack.capabilities.iter().map(|capability| (&pack.name, *capability)))
        .map(|(pack, capability)| {
            json!({
                "pack": &**pack,
                "capability": capability.as_str(),
                "title": capability.title(caller.locale.as_str()),
                "granted": rules.has(pack, capability),
            })
        })
        .collect();
    Ok(json!({"data": scripts, "capabilities": packs}))
}

fn shown(address: &str, script: &Script, rules: &Rules) -> Json {
    let barred = rules.bars(address, script).map(|error| error.code);
    let status = match barred {
        None => "active",
        Some(Code::ScriptStopped) => "stopped",
        Some(_) => "not_granted",
    };
    let needs: Vec<&str> = script.needs.iter().map(|capability| capability.as_str()).collect();
    json!({
        "script": address,
        "pack": &*script.pack,
        "source": script.expr.source(),
        "needs": needs,
        "status": status,
        "stopped": rules.stopped.get(address),
    })
}

fn cost(usage: &ScriptUsage, all: i64) -> Json {
    let share = match all {
        0 => Decimal::ZERO,
        all => (Decimal::from(usage.micros) / Decimal::from(all)).round_dp(4).normalize(),
    };
    let bounds = OPERATIONS_UP_TO.iter().map(|most| json!(most)).chain([Json::Null]);
    let histogram: Vec<Json> =
        bounds.zip(usage.histogram).map(|(most, runs)| json!({"up_to": most, "runs": runs})).collect();
    json!({
        "since": usage.since,
        "runs": usage.runs,
        "failures": usage.failures,
        "operations": usage.operations,
        "operations_max": usage.operations_max,
        "histogram": histogram,
        "micros": usage.micros,
        "share": share.to_string(),
    })
}

fn found<'m>(scripts: &'m BTreeMap<String, Script>, address: &str) -> Answer<&'m Script> {
    scripts.get(address).ok_or_else(|| unknown(scripts.keys(), address).into())
}

fn unknown<'k>(known: impl Iterator<Item = &'k String>, address: &str) -> Refusal {
    let refusal = refuse(Code::UnknownScript, format!("there is no script `{address}`")).with("script", address);
    match suggest::nearest(address, known.map(String::as_str)) {
        Some(near) => refusal.with("suggestion", near),
        None => refusal,
    }
}

/// The last inputs of a script, newest first.
pub async fn inputs(app: &Arc<App>, caller: &Caller, address: &str) -> Answer<Json> {
    may_configure(caller)?;
    flush(app).await?;
    found(&app.model().scripts, address)?;
    let kept = app.store.script_inputs(&caller.scope, address).await?;
    let rows: Vec<Json> = kept
        .into_iter()
        .map(|kept| {
            let mut row = kept.document;
            row["id"] = json!(kept.id);
            row["at"] = json!(kept.at);
            row
        })
        .collect();
    Ok(json!({"data": rows}))
}

/// Stops a script: whatever needs it is refused from the next request on, on every node.
pub async fn stop(app: &Arc<App>, caller: &Caller, address: &str, reason: &str) -> Answer<Json> {
    change(app, caller, |rules, scripts| {
        found(scripts, address)?;
        let stopped = Stopped { by: caller.id, at: app.clock.now(), reason: reason.to_owned() };
        rules.stopped.entry(address.to_owned()).or_insert(stopped);
        Ok(())
    })
    .await?;
    one(app, address)
}

/// Lets a stopped script run again. One that is gone meanwhile is forgotten.
pub async fn start(app: &Arc<App>, caller: &Caller, address: &str) -> Answer<Json> {
    change(app, caller, |rules, scripts| match rules.stopped.remove(address) {
        Some(_) => Ok(()),
        None => found(scripts, address).map(drop),
    })
    .await?;
    one(app, address)
}

fn one(app: &App, address: &str) -> Answer<Json> {
    let in_force = app.in_force();
    Ok(match in_force.model.scripts.get(address) {
        Some(script) => shown(address, script, &in_force.scripts),
        None => json!({"script": address, "status": "gone"}),
    })
}

/// What is said about one pack.
#[derive(Debug, Default)]
pub struct Said {
    pub pack: String,
    pub grant: BTreeSet<Capability>,
    pub revoke: BTreeSet<Capability>,
}

/// Grants a pack what it asks for, or takes it back.
pub async fn grant(app: &Arc<App>, caller: &Caller, said: Said) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let model = app.model();
    let pack = model.packs.iter().find(|pack| *pack.name == *said.pack);
    let pack = pack.ok_or_else(|| {
        refuse(Code::NotFound, format!("there is no pack `{}`", said.pack)).with("id", said.pack.as_str())
    })?;
    if let Some(unasked) = said.grant.difference(&pack.capabilities).next() {
        let detail = format!("pack `{}` does not ask for `{}`", said.pack, unasked.as_str());
        return Err(refuse(Code::UnknownCapability, detail).with("capability", unasked.as_str()).into());
    }
    change(app, caller, |rules, _| {
        let granted = rules.granted.entry(said.pack.clone()).or_default();
        granted.extend(said.grant.iter().copied());
        granted.retain(|capability| !said.revoke.contains(capability));
        if granted.is_empty() {
            rules.granted.remove(&said.pack);
        }
        Ok(())
    })
    .await?;
    let granted = app.in_force().scripts.granted.get(&said.pack).cloned().unwrap_or_default();
    Ok(json!({"pack": said.pack, "granted": granted}))
}

/// Publishes other rules about scripts: what is in force stays, and every node takes them over.
async fn change(
    app: &Arc<App>,
    caller: &Caller,
    change: impl FnOnce(&mut Rules, &BTreeMap<String, Script>) -> Answer<()>,
) -> Answer<()> {
    may_configure(caller)?;
    let _publishing = app.publishing.lock().await;
    app.catch_up().await?;
    let current = app.in_force();
    let mut rules = current.scripts.clone();
    change(&mut rules, &current.model.scripts)?;
    if rules == current.scripts {
        return Ok(());
    }
    let mut version = Version {
        number: current.number + 1,
        hash: String::new(),
        packs: current.versions(),
        overlay: current.overlay.clone(),
        manifest: BTreeMap::new(),
        cause: "scripts".into(),
        plan: None,
        author: caller.id,
        at: app.clock.now(),
        scripts: rules,
    };
    let next = apply::in_force(app, &mut version).await?;
    match app.store.publish(&caller.scope, Some(&current.model), &next.model, &version).await? {
        Published::Done { .. } => app.put_in_force(next),
        Published::Overtaken => return Err(stale(Vec::new()).into()),
        Published::Standing(under_way) => return Err(apply::standing(&under_way)),
    }
    Ok(())
}

/// Runs a script, or another text in its place, with the inputs that were kept. Nothing is written.
pub async fn replay(app: &Arc<App>, caller: &Caller, address: &str, source: Option<&str>) -> Answer<Json> {
    may_configure(caller)?;
    flush(app).await?;
    let model = app.model();
    let script = found(&model.scripts, address)?;
    let expr = match source {
        None => script.expr.clone(),
        Some(source) => compiled(&script.expr, source)?,
    };
    let kept = app.store.script_inputs(&caller.scope, address).await?;
    let replayed = tokio::task::spawn_blocking(move || kept.into_iter().map(|kept| again(&expr, kept)).collect());
    let rows: Vec<Json> = replayed.await.map_err(super::Error::task)?;
    let same = rows.iter().filter(|row| row["same"] == true).count();
    Ok(json!({"script": address, "data": rows, "same": same, "differ": rows.len() - same}))
}

fn again(expr: &Expr, kept: ScriptInput) -> Json {
    let was = kept.document["outcome"].clone();
    let now = match Inputs::from_json(&kept.document["inputs"]) {
        Some(inputs) => outcome(&inputs.replay(expr)),
        None => json!({"failed": "these inputs were kept by another version of the product"}),
    };
    // Where both fail, why is for people to compare.
    let same = match (was.get("value"), now.get("value")) {
        (Some(was), Some(now)) => was == now,
        (None, None) => was["code"] == now["code"],
        _ => false,
    };
    json!({"id": kept.id, "at": kept.at, "inputs": kept.document["inputs"], "was": was, "now": now, "same": same})
}

/// Another text in a script's place: the names it may use are those the script has.
fn compiled(script: &Expr, source: &str) -> Answer<Expr> {
    let mut roots: BTreeSet<&str> = ROOTS.iter().copied().collect();
    roots.extend(script.reads().iter().map(|path| &*path.root));
    let roots: Vec<&str> = roots.into_iter().collect();
    let scope = Scope { roots: &roots, bare: Some(&|_| true), functions: FUNCTIONS };
    Expr::compile(source, &scope).map_err(|error| {
        let wrong = FieldError::new(error.code, "/source", error.message.clone());
        Refusal::of_fields(vec![wrong.with("line", error.line).with("column", error.column)]).into()
    })
}
