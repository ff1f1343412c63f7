//! Rate tables with the objects of their rows, schedules, sequences, period calendars, and dimensions.

use super::checker::{Checker, Found};
use super::names::Names;
use super::objects::{derived, finish_shape, options_of, system_fields};
use crate::codes::Code;
use crate::definition::object::FieldType;
use crate::definition::rate_table::{ChoiceValues, ColumnDefinition, RateTableDefinition, RateValueType};
use crate::definition::schedule::{ScheduleDefinition, TierDefinition};
use crate::definition::{DecimalText, Definition, Kind};
use crate::money::Money;
use crate::object::classify::{Classification, Dimension};
use crate::object::{ChoiceOption, CurrencySource, Field, FieldKind, Object, OnDelete, Source};
use crate::period::PeriodCalendar;
use crate::record::{Name, slot};
use crate::settlement::plan::{Column, ColumnKind, NumberFormat, ROW_RANK, RateTable, RateValue};
use crate::settlement::schedule::{Allowance, Draft, Schedule, ScheduleFault, Tier, ZeroUsage};
use crate::settlement::table::{COLUMNS_MAX, Intervals, Policy};
use crate::value::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// Digits after the point of prices, rates and factors in rate tables.
const MONEY_SCALE: u32 = 4;
const RATE_SCALE: u32 = 6;
/// Longest condition of a row on a column of numbers or texts.
const CONDITION_CHARS_MAX: u32 = 500;
const ONE_KIND_OF_COLUMN: &str =
    "a column has exactly one of `dimension`, `classification`, `choice`, `number`, `text` and `boolean`";

impl<'a> Checker<'a> {
    /// What stands on its own, or needs no more than names: before the objects.
    pub fn tables(&mut self) {
        for (name, found) in self.of_kind(Kind::Schedule) {
            if let Definition::Schedule(written) = found.definition
                && let Some(schedule) = self.schedule(found, written)
            {
                self.schedules.insert(name, schedule);
            }
        }
        for (name, found) in self.of_kind(Kind::PeriodCalendar) {
            if let Definition::PeriodCalendar(written) = found.definition {
                if written.start_day.is_some_and(|day| !(1..=31).contains(&day)) {
                    self.error(Code::BadProperty, found, "/start_day", "a day of the month is between 1 and 31");
                }
                self.calendars.insert(name, PeriodCalendar::compile(written));
            }
        }
        for (name, found) in self.of_kind(Kind::Sequence) {
            if let Definition::Sequence(written) = found.definition {
                match NumberFormat::parse(&written.format, Some(written.reset)) {
                    Ok(format) => {
                        self.sequences.insert(name, format);
                    }
                    Err(message) => self.error(Code::BadProperty, found, "/format", message),
                }
            }
        }
        for (name, found) in self.of_kind(Kind::RateTable) {
            if let Definition::RateTable(written) = found.definition {
                self.rate_table(&name, found, written);
            }
        }
    }

    fn schedule(&mut self, found: Found<'a>, written: &ScheduleDefinition) -> Option<Schedule> {
        let Some(mode) = written.mode else {
            self.missing(found, "mode");
            return None;
        };
        let tier = |tier: &TierDefinition| {
            let number = |text: &Option<DecimalText>| text.as_ref().map(|text| text.0);
            Tier {
                up_to: number(&tier.up_to),
                rate: number(&tier.price)
                    .or(number(&tier.unit))
                    .or(tier.rate.as_ref().map(|rate| rate.0))
                    .unwrap_or_default(),
                flat: number(&tier.flat).unwrap_or_default(),
                block: number(&tier.block),
                max_blocks: number(&tier.max_blocks),
                deduct: number(&tier.deduct).unwrap_or_default(),
            }
        };
        let mut draft = Draft::new(mode, written.tiers.iter().map(tier).collect());
        let number = |text: &Option<DecimalText>| text.as_ref().map(|text| text.0);
        draft.beyond = written.beyond;
        draft.allowance = Allowance {
            events: number(&written.free_events),
            amount: number(&written.free_amount),
            minimum: number(&written.minimum),
            maximum: number(&written.maximum),
        };
        draft.bounds = written.bounds.unwrap_or_default();
        draft.zero_usage = written.zero_usage.unwrap_or(ZeroUsage::usual(mode));
        draft.negative = written.negative.unwrap_or_default();
        draft.free_units = written.free_units.as_ref().map(|units| units.0).unwrap_or_default();
        match Schedule::new(draft) {
            Ok(schedule) => Some(schedule),
            Err(faults) => {
                for fault in faults {
                    let pointer = match tier_of(fault) {
                        Some(tier) => format!("/tiers/{tier}"),
                        None => "/tiers".to_owned(),
                    };
                    self.error(Code::BadSchedule, found, pointer, fault.to_string());
                }
                None
            }
        }
    }

    fn rate_table(&mut self, name: &Name, found: Found<'a>, written: &RateTableDefinition) {
        let mut fields = system_fields();
        let base = format!("rate_table/{name}");
        let text = FieldKind::Text { max_length: 100, pattern: None };
        fields.push(Field {
            unique: true,
            required: true,
            ..derived("row", FieldType::Text, text, "system/fields/row/title".into(), String::new())
        });
        let rank_slot = written.hit.is_ordered().then(|| {
            let whole = FieldKind::Decimal { scale: 0, minimum: None, maximum: None };
            let title = "system/fields/row_rank/title".to_owned();
            fields.push(derived(ROW_RANK, FieldType::Integer, whole, title, String::new()));
            fields.len() - 1
        });
        let mut columns = Vec::new();
        if written.columns.is_empty() {
            self.missing(found, "columns");
        }
        if written.columns.len() > COLUMNS_MAX {
            self.error(Code::BadProperty, found, "/columns", format!("a rate table has at most {COLUMNS_MAX} columns"));
        }
        for (column_name, column) in &written.columns {
            let pointer = format!("/columns/{column_name}");
            self.check_name(found, &pointer, column_name);
            let Some((kind, options_text)) = self.column_kind(found, &pointer, &base, column_name, column) else {
                continue;
            };
            let written_type = match kind {
                FieldKind::Id { .. } => FieldType::Reference,
                FieldKind::Boolean => FieldType::Boolean,
                FieldKind::Text { .. } => FieldType::Text,
                _ => FieldType::Choice,
            };
            let states = match (column.number, column.text) {
                (true, _) => ColumnKind::Number,
                (_, true) => ColumnKind::Text,
                _ => ColumnKind::Exact,
            };
            let from = column.from.as_ref().and_then(|from| {
                // The record may be of any object that looks prices up: its names are known when a formula does.
                let names = Names { object: "", bare: false, extra: &[] };
                self.expression(found, &format!("{pointer}/from"), &from.0, &names).map(|(expr, _)| expr)
            });
            columns.push(Column { name: column_name.as_str().into(), slot: fields.len(), kind: states, from });
            fields.push(Field {
                index: true,
                ..derived(column_name, written_type, kind, format!("{base}/columns/{column_name}/title"), options_text)
            });
        }
        let mut values = Vec::new();
        if written.values.is_empty() {
            self.missing(found, "values");
        }
        for (value_name, value) in &written.values {
            let pointer = format!("/values/{value_name}");
            self.check_name(found, &pointer, value_name);
            let title = format!("{base}/values/{value_name}/title");
            let currency: Name = value.currency.as_deref().map_or_else(|| self.currency.clone(), Name::from);
            let money = || FieldKind::Money {
                scale: value.scale.unwrap_or(MONEY_SCALE),
                currency: CurrencySource::Fixed(currency.clone()),
                minimum: None,
                maximum: None,
            };
            let (written_type, kind) = match value.value_type {
                RateValueType::Money | RateValueType::MoneyOrSchedule => (FieldType::Money, money()),
                RateValueType::Percent => (
                    FieldType::Percent,
                    FieldKind::Decimal { scale: value.scale.unwrap_or(RATE_SCALE), minimum: None, maximum: None },
                ),
                RateValueType::Decimal => (
                    FieldType::Decimal,
                    FieldKind::Decimal { scale: value.scale.unwrap_or(RATE_SCALE), minimum: None, maximum: None },
                ),
                RateValueType::Text => (FieldType::Text, FieldKind::Text { max_length: 200, pattern: None }),
            };
            let is_money = matches!(kind, FieldKind::Money { .. });
            let slot = fields.len();
            fields.push(derived(value_name, written_type, kind, title.clone(), String::new()));
            let schedule_slot = (value.value_type == RateValueType::MoneyOrSchedule).then(|| {
                let options = self.schedule_options();
                let field = derived(
                    &format!("{value_name}_schedule"),
                    FieldType::Choice,
                    FieldKind::Choice { options },
                    title,
                    "schedule".into(),
                );
                fields.push(field);
                fields.len() - 1
            });
            values.push(RateValue {
                name: value_name.as_str().into(),
                value_type: value.value_type,
                slot,
                schedule_slot,
                currency: is_money.then_some(currency),
            });
        }
        for (day, written_type) in [
            ("valid_from", FieldType::Date),
            ("valid_to", FieldType::Date),
            ("recorded_at", FieldType::DateTime),
            ("superseded_at", FieldType::DateTime),
        ] {
            let kind = if written_type == FieldType::Date { FieldKind::Date } else { FieldKind::Moment };
            fields.push(derived(day, written_type, kind, format!("system/fields/{day}/title"), String::new()));
        }
        let mut specificity = Vec::new();
        for (index, column) in written.specificity.iter().flatten().enumerate() {
            match columns.iter().position(|known| *known.name == **column) {
                Some(position) => specificity.push(position),
                None => self.unknown(
                    found,
                    format!("/specificity/{index}"),
                    "column",
                    column,
                    written.columns.keys().map(String::as_str),
                ),
            }
        }
        for (index, row) in written.rows.iter().enumerate() {
            self.written_row(found, index, row, written);
        }
        let mut object = Object {
            name: name.clone(),
            source: Source::RateTable,
            fields,
            by_name: BTreeMap::new(),
            key: Some(slot::OWN),
            display: slot::OWN,
            owned_by: None,
            unique: Vec::new(),
            duplicates: Vec::new(),
            indexes: Vec::new(),
            rules: Vec::new(),
            todos: Vec::new(),
            formula_order: Vec::new(),
            order_with_rows: Vec::new(),
            shared: BTreeSet::new(),
            live_order: Vec::new(),
            live_reads: BTreeMap::new(),
            has_totals: false,
            totals_decide: false,
            counted_by: Vec::new(),
            traits: Default::default(),
            lifecycle: None,
            plans: Vec::new(),
            is_collection: true,
            list: Default::default(),
            constraints: None,
            derived: Default::default(),
            validator: Default::default(),
        };
        finish_shape(&mut object);
        object.list.columns = object
            .own_fields()
            .filter(|(_, field)| !matches!(&*field.name, "superseded_at"))
            .map(|(_, field)| field.name.to_string())
            .collect();
        self.objects.insert(name.clone(), object);
        let table = RateTable {
            name: name.clone(),
            columns,
            values,
            specificity,
            ranked: written.specificity.as_ref().is_none_or(|columns| !columns.is_empty()),
            policy: written.hit,
            priority: self.priority(found, written),
            rank_slot,
            no_match: written.no_match,
        };
        self.rate_tables.insert(name.clone(), table);
    }

    /// The wanted values of each value column; a list for a value the table does not have is reported.
    fn priority(&mut self, found: Found<'a>, written: &RateTableDefinition) -> Vec<Vec<Value>> {
        for name in written.priority.keys().filter(|name| !written.values.contains_key(*name)) {
            let known = written.values.keys().map(String::as_str);
            self.unknown(found, format!("/priority/{name}"), "value", name, known);
        }
        if !written.priority.is_empty() && !matches!(written.hit, Policy::Priority | Policy::OutputOrder) {
            self.error(Code::BadProperty, found, "/priority", "only the hits `priority` and `output_order` have one");
        }
        let lists = written.values.iter().map(|(name, value)| {
            let list = written.priority.get(name).map(Vec::as_slice).unwrap_or_default();
            list.iter().map(|json| wanted_value(value.value_type, json, &self.currency)).collect()
        });
        lists.collect()
    }

    /// The members a written row has must be the table's.
    fn written_row(
        &mut self,
        found: Found<'a>,
        index: usize,
        row: &indexmap::IndexMap<String, serde_json::Value>,
        written: &RateTableDefinition,
    ) {
        let known: Vec<&str> = written
            .columns
            .keys()
            .chain(written.values.keys())
            .map(String::as_str)
            .chain(["id", "valid", ROW_RANK])
            .collect();
        for member in row.keys() {
            if !known.contains(&member.as_str()) {
                self.unknown(
                    found,
                    format!("/rows/{index}/{member}"),
                    "column or value",
                    member,
                    known.iter().copied(),
                );
            }
        }
        if !row.contains_key("id") {
            self.error(Code::MissingProperty, found, format!("/rows/{index}"), "a row needs an `id`");
        }
        for (name, _) in written.columns.iter().filter(|(_, column)| column.number) {
            let stated = row.get(name).and_then(serde_json::Value::as_str).filter(|text| *text != "*");
            if let Some(Err(wrong)) = stated.map(str::parse::<Intervals>) {
                self.error(Code::BadProperty, found, format!("/rows/{index}/{name}"), wrong.to_string());
            }
        }
        for name in written.values.keys() {
            let Some(value) = row.get(name) else {
                self.error(Code::MissingProperty, found, format!("/rows/{index}"), format!("the row has no `{name}`"));
                continue;
            };
            if let Some(schedule) = value.get("schedule").and_then(serde_json::Value::as_str) {
                self.expect(found, format!("/rows/{index}/{name}/schedule"), Kind::Schedule, schedule);
            }
        }
    }

    fn schedule_options(&self) -> Vec<ChoiceOption> {
        self.of_kind(Kind::Schedule)
            .into_iter()
            .map(|(name, _)| ChoiceOption { name, tone: Default::default() })
            .collect()
    }

    /// The kind of a column's slot, and where its options' titles stand.
    fn column_kind(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        base: &str,
        name: &str,
        column: &ColumnDefinition,
    ) -> Option<(FieldKind, String)> {
        let plain = [column.number, column.text, column.boolean];
        if let Some(only) = plain.iter().position(|stated| *stated)
            && plain.iter().filter(|stated| **stated).count() == 1
            && (&column.dimension, &column.classification, &column.choice) == (&None, &None, &None)
        {
            let text = FieldKind::Text { max_length: CONDITION_CHARS_MAX, pattern: None };
            return Some((if only == 2 { FieldKind::Boolean } else { text }, String::new()));
        }
        match (&column.dimension, &column.classification, &column.choice) {
            _ if plain.contains(&true) => {
                self.error(Code::BadProperty, found, pointer, ONE_KIND_OF_COLUMN);
                None
            }
            (Some(dimension), None, None) => {
                self.expect(found, format!("{pointer}/dimension"), Kind::Dimension, dimension);
                let of =
                    match self.found.get(&(Kind::Dimension, dimension.as_str().into())).map(|found| found.definition) {
                        Some(Definition::Dimension(written)) => written.of.clone(),
                        _ => return None,
                    };
                Some((FieldKind::Id { to: vec![of.as_str().into()], on_delete: OnDelete::Restrict }, String::new()))
            }
            (None, Some(path), None) => {
                let written = path.split_once('.').and_then(|(dimension, classification)| {
                    match self.found.get(&(Kind::Dimension, dimension.into()))?.definition {
                        Definition::Dimension(written) => written
                            .classifications
                            .get(classification)
                            .map(|written| (dimension, classification, written)),
                        _ => None,
                    }
                });
                let Some((dimension, classification, written)) = written else {
                    let hint = "write `dimension.classification`, such as `region.tier`";
                    self.diagnostics
                        .error(
                            Code::UnknownReference,
                            found.file,
                            format!("{pointer}/classification"),
                            format!("there is no classification `{path}`"),
                        )
                        .hint(hint);
                    return None;
                };
                let text = format!("dimension/{dimension}/classifications/{classification}/values");
                Some((FieldKind::Choice { options: options_of(&written.values) }, text))
            }
            (None, None, Some(choice)) => {
                let options = match choice {
                    ChoiceValues::Names(names) => names
                        .iter()
                        .map(|name| ChoiceOption { name: name.as_str().into(), tone: Default::default() })
                        .collect(),
                    ChoiceValues::Options(options) => options_of(options),
                };
                Some((FieldKind::Choice { options }, format!("{base}/columns/{name}/choice")))
            }
            _ => {
                self.error(Code::BadProperty, found, pointer, ONE_KIND_OF_COLUMN);
                None
            }
        }
    }

    /// Dimensions and their classifications, once the objects' slots are known.
    pub fn classifications(&mut self) {
        for (name, found) in self.of_kind(Kind::Dimension) {
            let Definition::Dimension(written) = found.definition else { continue };
            if !self.expect_object(found, "/of", &written.of) {
                continue;
            }
            let parent = match written.tree {
                true => self.expect_field(found, "/parent", &written.of, written.parent.as_deref().unwrap_or("parent")),
                false => None,
            };
            let mut classifications = BTreeMap::new();
            for (class_name, class) in &written.classifications {
                let pointer = format!("/classifications/{class_name}");
                if !self.expect_object(found, format!("{pointer}/rows"), &class.rows) {
                    continue;
                }
                if let Some(default) = &class.default
                    && !class.values.contains_key(default)
                {
                    self.unknown(
                        found,
                        format!("{pointer}/default"),
                        "value",
                        default,
                        class.values.keys().map(String::as_str),
                    );
                }
                let mut slot_of = |field: &str| self.expect_field(found, format!("{pointer}/rows"), &class.rows, field);
                let slots = (slot_of(&written.name), slot_of(class_name), slot_of("valid_from"), slot_of("valid_to"));
                let (Some(record_slot), Some(value_slot), Some(from_slot), Some(to_slot)) = slots else { continue };
                if let Some(rows) = self.objects.get_mut(class.rows.as_str()) {
                    rows.is_collection = true;
                }
                classifications.insert(
                    class_name.clone(),
                    Classification {
                        name: class_name.as_str().into(),
                        rows: class.rows.as_str().into(),
                        record_slot,
                        value_slot,
                        from_slot,
                        to_slot,
                        default: class.default.as_deref().map(Name::from),
                        values: class.values.iter().map(|(name, option)| (name.clone(), option.tone)).collect(),
                        text: format!("dimension/{name}/classifications/{class_name}/values"),
                    },
                );
            }
            if written.tree
                && let Some(object) = self.objects.get_mut(written.of.as_str())
            {
                object.is_collection = true;
            }
            self.dimensions
                .insert(name.clone(), Dimension { name, of: written.of.as_str().into(), parent, classifications });
        }
    }
}

/// A value of a priority list, as rows hold it.
fn wanted_value(value_type: RateValueType, json: &serde_json::Value, currency: &str) -> Value {
    let number = || match json {
        serde_json::Value::String(text) => text.parse::<Decimal>().ok(),
        other => other.to_string().parse().ok(),
    };
    match (value_type, number()) {
        (RateValueType::Text, _) | (_, None) => Value::from_json(json),
        (RateValueType::Money | RateValueType::MoneyOrSchedule, Some(amount)) => {
            Value::Money(Money::new(amount, currency))
        }
        (RateValueType::Percent | RateValueType::Decimal, Some(number)) => Value::Decimal(number),
    }
}

fn tier_of(fault: ScheduleFault) -> Option<usize> {
    match fault {
        ScheduleFault::BoundNotIncreasing { tier }
        | ScheduleFault::UnboundedBeforeLast { tier }
        | ScheduleFault::BlockMissing { tier }
        | ScheduleFault::BadMaxBlocks { tier }
        | ScheduleFault::FieldNotUsed { tier, .. }
        | ScheduleFault::AmountWithoutEnd { tier }
        | ScheduleFault::TooManyDigits { tier } => Some(tier),
        _ => None,
    }
}
