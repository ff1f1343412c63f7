//! What texts of reference columns lead to: looked up for many rows at once, and remembered.

use super::{Draft, REMEMBERED_MAX, State};
use crate::app::App;
use crate::service::Answer;
use crate::service::imports::details::RowError;
use packwork_engine::codes::Code;
use packwork_engine::object::{FieldKind, cell};
use packwork_engine::record::Name;
use packwork_engine::refusal::FieldError;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(super) enum Found {
    /// The engine finds it by its key.
    Key,
    Id(Uuid),
    Several,
    Nothing,
}

impl State {
    /// Puts the ids of referenced records in place of what names them.
    pub(super) async fn resolve(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        if self.found.len() > REMEMBERED_MAX {
            self.found.clear();
        }
        for at in 0..self.columns.len() {
            let object = self.object.clone();
            let field = &object.fields[self.columns[at].slot];
            let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &field.kind else { continue };
            let several = matches!(field.kind, FieldKind::Ids { .. });
            let items = |text: &str| -> Vec<String> {
                match several {
                    true => cell::list(text).map(str::to_owned).collect(),
                    false => vec![text.to_owned()],
                }
            };
            let mut unknown: BTreeSet<String> = BTreeSet::new();
            for text in drafts.iter().filter_map(|draft| draft.texts.get(at)).flat_map(|text| items(text)) {
                let known =
                    text.is_empty() || Uuid::parse_str(&text).is_ok() || self.found.contains_key(&(at, text.clone()));
                if !known {
                    unknown.insert(text);
                }
            }
            self.look_up(app, at, to, unknown).await?;
            for draft in drafts.iter_mut().filter(|draft| draft.texts.get(at).is_some_and(|text| !text.is_empty())) {
                let mut values = Vec::new();
                for text in items(&draft.texts[at]) {
                    match self.found.get(&(at, text.clone())) {
                        Some(Found::Id(id)) => values.push(Json::from(id.to_string())),
                        Some(Found::Several) => {
                            let message = format!("several records are called `{text}`: name one by its key or id");
                            let error = FieldError::new(Code::BadReference, format!("/{}", field.name), message)
                                .with("field", &*field.name)
                                .with("value", text.as_str())
                                .with("several", true);
                            draft.row.errors.push(RowError::of_field(&error, &self.details.mapping));
                            values.push(Json::from(text));
                        }
                        _ => values.push(Json::from(text)),
                    }
                }
                let value = if several { Json::Array(values) } else { values.pop().unwrap_or(Json::Null) };
                draft.row.input.insert(field.name.to_string(), value);
            }
        }
        Ok(())
    }

    /// Finds what texts of one column lead to: by the field the mapping names, else by key, else by title.
    async fn look_up(&mut self, app: &App, at: usize, to: &[Name], texts: BTreeSet<String>) -> Answer<()> {
        if texts.is_empty() {
            return Ok(());
        }
        let by = self.columns[at].target.by.clone();
        let names: Vec<Name> = texts.iter().map(|text| Name::from(text.as_str())).collect();
        let mut ids: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
        let mut keyed: BTreeSet<String> = BTreeSet::new();
        for target in to.iter().filter_map(|to| self.model.object(to)) {
            let is_text = |slot: usize| matches!(target.fields[slot].kind, FieldKind::Text { .. });
            let named = by.as_deref().and_then(|by| target.field(by)).map(|(slot, _)| slot);
            // A key finds what a title finds, and rows beyond the caller's own: as in a request.
            if let Some(key) = target.key.filter(|key| is_text(*key) && (by.is_none() || named == Some(*key))) {
                let found = app.store.find(&app.system(), &self.model, &target.name, key, names.clone()).await?;
                keyed.extend(found.into_iter().map(|(text, _)| text.to_string()));
            }
            let other = match &by {
                Some(_) => named.filter(|slot| Some(*slot) != target.key),
                None => Some(target.display).filter(|slot| Some(*slot) != target.key),
            };
            if let Some(slot) = other
                .filter(|slot| is_text(*slot) && self.caller.rights().shows(&target.name, &target.fields[*slot].name))
            {
                for (text, id) in
                    app.store.find(&self.caller.scope, &self.model, &target.name, slot, names.clone()).await?
                {
                    ids.entry(text.to_string()).or_default().insert(id);
                }
            }
        }
        for text in texts {
            let found = match ids.get(&text) {
                _ if keyed.contains(&text) => Found::Key,
                Some(ids) if ids.len() == 1 => ids.first().map_or(Found::Nothing, |id| Found::Id(*id)),
                Some(_) => Found::Several,
                None => Found::Nothing,
            };
            // What is not there may be made by a row further down: it is asked again.
            if self.made.is_none() || !matches!(found, Found::Nothing) {
                self.found.insert((at, text), found);
            }
        }
        Ok(())
    }
}
