//! What is under way and would lose its ground: records in a state that goes, settlement runs of a plan that goes, imports into
//! an object that goes. Counted when a plan is made, and again when it is applied.

use crate::app::App;
use crate::service::Answer;
use crate::store::Scope;
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Everything that stands in the way, in the form of uses that break.
pub(super) async fn broken(app: &App, scope: &Scope, old: &Model, new: &Model) -> Answer<Vec<Json>> {
    let mut found = Vec::new();
    for (name, object) in &old.objects {
        let (Some(lifecycle), Some(now)) = (&object.lifecycle, new.objects.get(name)) else { continue };
        let kept: BTreeSet<&Name> =
            now.lifecycle.iter().flat_map(|lifecycle| &lifecycle.states).map(|state| &state.name).collect();
        // Without any lifecycle, a state that was final needs none.
        let gone: Vec<Name> = lifecycle
            .states
            .iter()
            .filter(|state| !kept.contains(&state.name) && (now.lifecycle.is_some() || !state.is_final))
            .map(|state| state.name.clone())
            .collect();
        if gone.is_empty() {
            continue;
        }
        for (state, rows) in app.store.in_states(scope, old, name, &gone).await? {
            let what = format!("lifecycle/{}/states/{state}", lifecycle.name);
            let english = format!("{rows} record(s) of `{name}` are in the state `{state}`; move them on first");
            let chinese = format!("“{name}”有 {rows} 条记录处于状态“{state}”，请先将其流转到其他状态");
            found.push(entry(&what, "record", name, "/state", rows, &english, &chinese));
        }
    }
    for plan in old.plans.keys().filter(|plan| !new.plans.contains_key(*plan)) {
        let runs = app.store.running_of_plan(scope, plan).await?;
        if runs > 0 {
            let what = format!("settlement_plan/{plan}");
            let english = format!("{runs} run(s) of the plan `{plan}` are under way; let them end or cancel them");
            let chinese = format!("方案“{plan}”有 {runs} 个结算运行正在进行，请等待结束或取消");
            found.push(entry(&what, "settlement_run", plan, "", runs, &english, &chinese));
        }
    }
    for object in old.objects.keys().filter(|object| !new.objects.contains_key(*object)) {
        let imports = app.store.imports_under_way(scope, object).await?;
        if imports > 0 {
            let what = format!("object/{object}");
            let english = format!("{imports} import(s) into `{object}` are under way; let them end or cancel them");
            let chinese = format!("“{object}”有 {imports} 个导入正在进行，请等待结束或取消");
            found.push(entry(&what, "import", object, "", imports, &english, &chinese));
        }
    }
    Ok(found)
}

fn entry(what: &str, kind: &str, name: &str, path: &str, rows: i64, english: &str, chinese: &str) -> Json {
    json!({"what": what, "retyped": false, "by_kind": kind, "by_name": name, "file": "", "path": path, "rows": rows,
        "words": {"en": english, "zh-CN": chinese}})
}
