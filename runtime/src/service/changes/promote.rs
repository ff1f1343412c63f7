//! Promotion: what a tenant has changed, as a pack that another tenant can install. Reads only. What it gives is
//! compiled once more here, so that it is known, not hoped, that it gives the same definitions.

use super::may_configure;
use crate::app::App;
use crate::packs::scaffold;
use crate::packs::shelf::{Candidate, Loaded, to_json};
use crate::service::session::Caller;
use crate::service::{Answer, Error, refuse};
use packwork_engine::codes::Code;
use packwork_engine::diagnostic::Diagnostics;
use packwork_engine::layers::promote::{self, Label, LeftOut, Reason};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// How the pack is to be called.
#[derive(Clone, Debug)]
pub struct Asked {
    pub name: String,
    pub version: Option<String>,
    pub title: Option<String>,
}

/// An installed pack as its files, so that what a tenant has can be brought to another one.
pub async fn files(app: &Arc<App>, caller: &Caller, name: &str) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let packs = app.in_force().packs();
    let Some(loaded) = packs.iter().find(|loaded| loaded.pack.name == name) else {
        return Err(refuse(Code::NotFound, format!("there is no pack `{name}` here")).with("name", name).into());
    };
    Ok(json!({"name": name, "version": loaded.pack.version, "files": to_json(&loaded.files)}))
}

/// The version of a pack that has no other.
const FIRST_VERSION: &str = "0.1.0";

/// The tenant's changes as the files of a pack, with what is not in it.
pub async fn export(app: &Arc<App>, caller: &Caller, asked: Asked) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let current = app.in_force();
    let wrong =
        |parameter: &'static str, detail: String| refuse(Code::BadParameter, detail).with("parameter", parameter);
    if !scaffold::is_name(&asked.name) {
        let detail =
            format!("`{}` is no name for a pack: lower-case words joined by `-`, at most 40 characters", asked.name);
        return Err(wrong("name", detail).into());
    }
    if current.version_of(&asked.name).is_some() {
        return Err(wrong("name", format!("there is a pack `{}` here already", asked.name)).into());
    }
    let version = asked.version.unwrap_or_else(|| FIRST_VERSION.to_owned());
    let numbers = version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok());
    if !numbers {
        return Err(wrong("version", format!("`{version}` is no version: three numbers, as 1.0.0")).into());
    }
    let settings = app.settings.clone();
    let work = move || {
        let title = asked.title.clone().unwrap_or_else(|| format!("Changes `{}`", asked.name));
        let title_chinese = asked.title.unwrap_or_else(|| format!("本地修改“{}”", asked.name));
        let label = Label { name: &asked.name, version: &version, title: &title, title_chinese: &title_chinese };
        let before = Candidate { packs: current.packs(), overlay: current.overlay.clone() };
        let promoted = promote::promote(&before.packs_only(), &current.overlay, &label);
        let mut read = Diagnostics::default();
        let mut packs = before.packs;
        packs.push(Loaded::read(promoted.files.clone(), &mut read));
        let candidate = Candidate { packs, overlay: Vec::new() };
        let (hash, findings) = match candidate.compile(&settings, read) {
            Ok((model, findings)) => (Some(model.hash), findings),
            Err(findings) => (None, findings),
        };
        let own = format!("{}/", asked.name);
        let findings: Vec<_> = findings.iter().filter(|finding| finding.file.starts_with(&own)).collect();
        json!({
            "name": asked.name,
            "version": version,
            "changes": current.overlay.len(),
            "files": to_json(&promoted.files),
            "left_out": promoted.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "findings": findings,
            "model": {"hash": current.model.hash},
            "same": hash.as_ref() == Some(&current.model.hash),
        })
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::task)
}

fn left_out(left: &LeftOut) -> Json {
    let place = format!("{}/{}{}", left.kind.as_str(), left.name, left.path);
    let (chinese, english) = match left.reason {
        Reason::Dormant => (
            format!("{place}：原位置已不存在，此修改没有作用"),
            format!("{place}: its place is gone, it has no effect"),
        ),
        Reason::DefinitionTakenOut => (
            format!("{place}：扩展包不能移除其他扩展包的整个定义"),
            format!("{place}: a pack cannot take out a whole definition of another pack"),
        ),
    };
    json!({"kind": left.kind, "name": &*left.name, "path": left.path, "reason": left.reason,
        "words": {"zh-CN": chinese, "en": english}})
}
