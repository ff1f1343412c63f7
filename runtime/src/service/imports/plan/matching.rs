//! Which records rows are about, and which rows are about the same one.

use super::{Draft, State};
use crate::app::App;
use crate::service::Answer;
use crate::service::imports::details::{Duplicates, Mode, Outcome, RowError};
use packwork_engine::codes::Code;
use packwork_engine::record::Name;
use packwork_engine::refusal::FieldError;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl State {
    /// Finds the records the rows are about, and rows about the same one.
    pub(super) async fn find(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        let mut there: BTreeMap<(usize, Name), Uuid> = BTreeMap::new();
        for column in self.seen_columns() {
            let texts: BTreeSet<Name> = drafts
                .iter()
                .filter_map(|draft| draft.texts.get(column))
                .filter(|text| !text.is_empty())
                .map(|text| Name::from(text.as_str()))
                .collect();
            let slot = self.columns[column].slot;
            let found = app
                .store
                .find(&app.system(), &self.model, &self.object.name, slot, texts.into_iter().collect())
                .await?;
            there.extend(found.into_iter().map(|(text, id)| ((column, text), id)));
        }
        let ids: Vec<Uuid> = there.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let visible = app.store.visible(&self.caller.scope, &self.model, &self.object.name, ids).await?;
        for draft in drafts.iter_mut().filter(|draft| !draft.texts.is_empty()) {
            self.find_one(draft, &there, &visible);
        }
        Ok(())
    }

    fn find_one(&mut self, draft: &mut Draft, there: &BTreeMap<(usize, Name), Uuid>, visible: &BTreeSet<Uuid>) {
        let number = draft.row.number;
        let existing_by =
            |column: usize, draft: &Draft| there.get(&(column, Name::from(draft.texts[column].as_str()))).copied();
        let mut first = None;
        if let Some(by) = self.by {
            let text = draft.texts[by].clone();
            first = self.first_with(by, &text, number);
            draft.existing = existing_by(by, draft);
            if text.is_empty() && self.details.mode != Mode::Create {
                draft.row.errors.push(self.error(by, Code::Required, "the row does not say which record it is about"));
            }
            let hidden = draft.existing.is_some_and(|id| !visible.contains(&id));
            if hidden {
                draft.row.errors.push(self.error(by, Code::Forbidden, "the record is not within your rows"));
                draft.existing = None;
            } else if draft.existing.is_none()
                && first.is_none()
                && self.details.mode == Mode::Update
                && !text.is_empty()
            {
                let message = format!("there is no record `{text}`");
                draft.row.errors.push(self.error(by, Code::NotFound, &message));
            }
        }
        self.duplicate(draft, first);
        // Other unique values must be free, in the file and in the tables.
        for column in self.uniques.clone() {
            let text = draft.texts[column].clone();
            if Some(column) == self.by && self.details.duplicates != Duplicates::Create {
                continue;
            }
            let of_file = if Some(column) == self.by { first } else { self.first_with(column, &text, number) };
            let taken = existing_by(column, draft).is_some_and(|id| Some(id) != draft.existing);
            if of_file.is_some() || taken {
                let message = format!("another record has `{text}`");
                draft.row.errors.push(self.error(column, Code::NotUnique, &message));
            }
        }
    }

    /// What becomes of a row whose record is there already, or in an earlier row.
    fn duplicate(&self, draft: &mut Draft, first: Option<i64>) {
        let exists = draft.existing.is_some() && self.details.mode == Mode::Create;
        if first.is_none() && !exists {
            return;
        }
        let Some(by) = self.by else { return };
        match self.details.duplicates {
            Duplicates::Skip if draft.row.errors.is_empty() => draft.row.outcome = Outcome::Duplicate,
            Duplicates::Update if first.is_some() && draft.existing.is_none() => draft.row.after = first,
            Duplicates::Create => draft.existing = None,
            Duplicates::Skip | Duplicates::Update => {}
            Duplicates::Error => {
                let message = match first {
                    Some(row) => format!("row {row} has `{}` too", draft.texts[by]),
                    None => format!("there is a record `{}` already", draft.texts[by]),
                };
                draft.row.errors.push(self.error(by, Code::DuplicateRow, &message));
            }
        }
    }

    fn error(&self, column: usize, code: Code, message: &str) -> RowError {
        let field = &self.columns[column].target.field;
        let error = FieldError::new(code, format!("/{field}"), message).with("field", field.as_str());
        RowError::of_field(&error, &self.details.mapping)
    }
}
