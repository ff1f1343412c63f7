//! The cases of packs, run again before something is published: which of them differ now.

use crate::packs::cases::installed_at;
use packwork_engine::model::Model;
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::{cases_of, run_case};
use packwork_engine::testing::memory::Memory;
use packwork_engine::testing::seed::seeded;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Runs the cases of these packs under the new definitions; of those that fail, only those that held before count.
pub fn differing(old: &Arc<Model>, new: &Arc<Model>, packs: &BTreeSet<String>) -> Json {
    let asked: Vec<_> = cases_of(new).into_iter().filter(|(pack, _)| packs.contains(*pack)).collect();
    if asked.is_empty() {
        return json!({"run": 0, "differ": [], "packs": []});
    }
    let at = installed_at();
    let world = match seeded(new, at) {
        Ok(world) => world,
        Err(error) => {
            return json!({"run": 0, "differ": [{"pack": "", "case": "", "difference": error.to_string()}], "packs": []});
        }
    };
    let mut before: Option<Option<Memory>> = None;
    let mut run: BTreeMap<&str, u32> = BTreeMap::new();
    let mut differ = Vec::new();
    for (pack, case) in asked {
        *run.entry(pack).or_default() += 1;
        let report = run_case(&mut Bare::over(new.clone(), &world), new, pack, case);
        if report.passed {
            continue;
        }
        let former = cases_of(old).into_iter().find(|(of, known)| *of == pack && known.name == case.name);
        let held = former.is_none_or(|(_, known)| {
            let world = before.get_or_insert_with(|| seeded(old, at).ok());
            world.as_ref().is_none_or(|world| run_case(&mut Bare::over(old.clone(), world), old, pack, known).passed)
        });
        if held {
            let title = case.title.clone().unwrap_or_default();
            differ.push(
                json!({"pack": pack, "case": case.name, "title": title, "difference": report.differences.first()}),
            );
        }
    }
    let packs: Vec<Json> = run
        .iter()
        .map(|(pack, run)| {
            let failed = differ.iter().filter(|one| one["pack"] == *pack).count();
            json!({"pack": pack, "run": run, "differ": failed, "words": {
                "zh-CN": format!("扩展包 {pack} 的 {run} 个用例中有 {failed} 个结果不同"),
                "en": format!("{failed} of {run} cases of pack {pack} differ"),
            }})
        })
        .collect();
    json!({"run": run.values().sum::<u32>(), "differ": differ, "packs": packs})
}
