//! Objects: their slots, then their expressions once all objects are known.

use super::checker::{Checker, Found, Keeps};
use super::names::Names;
use super::uses::Target;
use crate::codes::Code;
use crate::definition::object::{FieldDefinition, FieldType, ObjectDefinition, OnDelete as WrittenOnDelete};
use crate::definition::{Definition, Kind};
use crate::expr::{Expr, Type};
use crate::object::{
    ChoiceOption, CurrencySource, Field, FieldKind, INDEXED_TEXT_CHARS_MAX, Index, Object, OnDelete, Over, Rollup,
    Rule, Source, Todo,
};
use crate::record::{Name, slot};
use crate::settlement::plan::NumberFormat;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// The most fields of an object: PostgreSQL's row and SQLite's statement both end somewhere above.
const FIELDS_MAX: usize = 500;
/// Fields of one index: PostgreSQL takes 32 columns, money and places have several.
const INDEX_FIELDS_MAX: usize = 8;
const TEXT_LENGTH_DEFAULT: u32 = 200;
const LONG_TEXT_LENGTH_DEFAULT: u32 = 20_000;
/// What browsers and mail programs agree on.
const URL_LENGTH_DEFAULT: u32 = 2_000;
/// Digits a stored number may have on both databases.
pub const DIGITS_MAX: u32 = 18;

impl<'a> Checker<'a> {
    /// The slots of every object; expressions follow when all shapes are known.
    pub fn shapes(&mut self) {
        let written: Vec<(Name, Found<'a>, &'a ObjectDefinition)> = self
            .of_kind(Kind::Object)
            .into_iter()
            .filter_map(|(name, found)| match found.definition {
                Definition::Object(object) => Some((name, found, &**object)),
                _ => None,
            })
            .collect();
        let names: BTreeSet<Name> =
            written.iter().map(|(name, ..)| name.clone()).chain(self.rate_tables.keys().cloned()).collect();
        for (name, found, object) in &written {
            let shape = self.shape(name, *found, object, &names);
            if self.objects.contains_key(name) {
                self.error(
                    Code::DuplicateDefinition,
                    *found,
                    "/name",
                    format!("a rate table is named `{name}` too; its rows are records of that name"),
                );
            }
            self.objects.insert(name.clone(), shape);
        }
        self.classifications();
        for (name, found, object) in &written {
            self.late_options(name, *found, object);
            self.duplicates(name, *found, object);
            self.traits(name, *found, object);
        }
        self.rollups(&written);
        self.live(&written);
    }

    fn shape(&mut self, name: &Name, found: Found<'a>, written: &ObjectDefinition, objects: &BTreeSet<Name>) -> Object {
        let mut fields = system_fields();
        if written.fields.is_empty() {
            self.missing(found, "fields");
        }
        if written.fields.len() > FIELDS_MAX {
            self.error(Code::BadProperty, found, "/fields", format!("an object has at most {FIELDS_MAX} fields"));
        }
        let mut order: Vec<(&String, &FieldDefinition)> = written.fields.iter().collect();
        order.sort_by_key(|(_, field)| field.rank.unwrap_or(0));
        for (field_name, field) in order {
            let pointer = format!("/fields/{field_name}");
            self.check_name(found, &pointer, field_name);
            if fields.iter().any(|taken| *taken.name == **field_name) {
                self.error(
                    Code::BadName,
                    found,
                    pointer.clone(),
                    format!("every object has a field `{field_name}` already"),
                );
                continue;
            }
            let kind = self.kind(found, &pointer, written, field, objects);
            if field.field_type == FieldType::Sequence {
                self.field_sequence(name, found, &pointer, field_name, field);
            }
            let new = Field {
                name: field_name.as_str().into(),
                kind,
                written: field.field_type,
                text: format!("object/{name}/fields/{field_name}/title"),
                options_text: match &field.options_from {
                    Some(from) => options_text(from),
                    None => format!("object/{name}/fields/{field_name}/options"),
                },
                required: field.required,
                unique: field.unique || written.key.as_deref() == Some(field_name),
                index: field.index
                    || matches!(field.field_type, FieldType::Reference | FieldType::User | FieldType::Department),
                hidden: field.hidden,
                system: false,
                default: None,
                default_formula: None,
                formula: None,
                share: None,
                live: field.live,
                day_of: None,
            };
            for (member, asked) in [("unique", field.unique), ("index", field.index)] {
                let place = format!("{pointer}/{member}");
                if asked && self.indexable(found, &place, &new) && member == "unique" && new.kind == FieldKind::Location
                {
                    self.error(
                        Code::BadProperty,
                        found,
                        place,
                        "places are never quite the same; they cannot be unique",
                    );
                }
            }
            fields.push(new);
        }
        let mut object = Object {
            name: name.clone(),
            source: Source::Definition,
            by_name: BTreeMap::new(),
            fields,
            key: None,
            display: slot::ID,
            owned_by: written.owned_by.as_deref().map(Name::from),
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
            traits: written.traits.clone(),
            lifecycle: None,
            plans: Vec::new(),
            is_collection: false,
            list: written.list.clone().unwrap_or_default(),
            constraints: written.constraints.clone(),
            derived: Default::default(),
            validator: Default::default(),
        };
        finish_shape(&mut object);
        self.places(found, written, &mut object, objects);
        object
    }

    /// The number form of a sequence field: its own, or that of a sequence it names.
    fn field_sequence(&mut self, object: &Name, found: Found<'a>, pointer: &str, name: &str, field: &FieldDefinition) {
        let Some(format) = &field.format else {
            self.error(
                Code::MissingProperty,
                found,
                pointer,
                "a sequence needs a `format`, such as `WO-{yyyy}{MM}-{seq:5}`",
            );
            return;
        };
        let parsed = match self.sequences.get(format.as_str()).cloned() {
            Some(named) => {
                self.note_use(found, &format!("{pointer}/format"), Target::definition(Kind::Sequence, format));
                Ok(named)
            }
            None => NumberFormat::parse(format, None),
        };
        match parsed {
            Ok(form) => {
                self.sequences.insert(format!("{object}.{name}").into(), form);
            }
            Err(message) => self.error(Code::BadProperty, found, format!("{pointer}/format"), message),
        }
    }

    /// Slots other parts of the definition name: key, display, unique, list, currencies.
    fn places(&mut self, found: Found<'a>, written: &ObjectDefinition, object: &mut Object, objects: &BTreeSet<Name>) {
        let known: Vec<Name> = object.by_name.keys().cloned().collect();
        let slot_of = |checker: &mut Self, pointer: &str, name: &str| {
            let slot = object.by_name.get(name).copied();
            match slot {
                Some(_) => checker.note_use(found, pointer, Target::field(&object.name, name)),
                None => checker.unknown(found, pointer, "field", name, known.iter().map(|name| &**name)),
            }
            slot
        };
        let key = written.key.as_deref().and_then(|key| slot_of(self, "/key", key));
        let display = written.display.as_deref().and_then(|display| slot_of(self, "/display", display));
        let mut unique = Vec::new();
        for (name, fields) in &written.unique {
            let pointer = format!("/unique/{name}");
            let slots: Vec<usize> = fields.iter().filter_map(|field| slot_of(self, &pointer, field)).collect();
            unique.push((Name::from(name.as_str()), slots));
        }
        let mut indexes = Vec::new();
        for (name, index) in &written.indexes {
            self.check_name(found, &format!("/indexes/{name}"), name);
            let mut slots_of = |member: &str, fields: &[String]| -> Vec<usize> {
                let slots = fields.iter().enumerate().filter_map(|(at, field)| {
                    let pointer = format!("/indexes/{name}/{member}/{at}");
                    slot_of(self, &pointer, field).filter(|slot| self.indexable(found, &pointer, &object.fields[*slot]))
                });
                slots.collect()
            };
            let (slots, covers) = (slots_of("fields", &index.fields), slots_of("covers", &index.covers));
            if index.fields.is_empty() || index.fields.len() + index.covers.len() > INDEX_FIELDS_MAX {
                let message = format!("an index has 1 to {INDEX_FIELDS_MAX} fields, those it covers included");
                self.error(Code::BadProperty, found, format!("/indexes/{name}/fields"), message);
                continue;
            }
            indexes.push(Index { name: name.as_str().into(), slots, covers });
        }
        let list = written.list.clone().unwrap_or_default();
        for (member, fields) in [("columns", &list.columns), ("sort", &list.sort), ("filters", &list.filters)] {
            for (index, field) in fields.iter().enumerate() {
                slot_of(self, &format!("/list/{member}/{index}"), field.trim_start_matches('-'));
            }
        }
        let mut currencies = Vec::new();
        for (name, field) in &written.fields {
            if let (FieldType::Money, Some(currency)) = (field.field_type, &field.currency)
                && !is_currency_code(currency)
                && let Some(currency_slot) = slot_of(self, &format!("/fields/{name}/currency"), currency)
            {
                currencies.push((Name::from(name.as_str()), currency_slot));
            }
        }
        if let Some(key) = key
            && !matches!(object.fields[key].kind, FieldKind::Text { .. })
        {
            self.error(Code::BadProperty, found, "/key", "the key must be a text field");
        }
        if let Some(owner) = &written.owned_by
            && !objects.contains(owner.as_str())
        {
            self.unknown(found, "/owned_by", "object", owner, objects.iter().map(|name| &**name));
        }
        object.key = key;
        object.display = display.or(key).unwrap_or(slot::ID);
        object.unique = unique;
        object.indexes = indexes;
        for (name, currency_slot) in currencies {
            if let Some(field) = object.by_name.get(&name).and_then(|slot| object.fields.get_mut(*slot))
                && let FieldKind::Money { currency, .. } = &mut field.kind
            {
                *currency = CurrencySource::Slot(currency_slot);
            }
        }
    }

    /// Lists, documents and long texts have no order an index could keep.
    fn indexable(&mut self, found: Found<'a>, pointer: &str, field: &Field) -> bool {
        if field.live {
            let message = format!("`{}` is computed when it is read; no index can keep it", field.name);
            self.error(Code::BadProperty, found, pointer, message);
        } else if !field.has_order() {
            let message = format!(
                "`{}` holds a list, a document or a text of more than {INDEXED_TEXT_CHARS_MAX} characters; an index cannot \
                 keep it in order",
                field.name
            );
            self.error(Code::BadProperty, found, pointer, message);
        }
        field.has_order()
    }

    fn kind(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        object: &ObjectDefinition,
        field: &FieldDefinition,
        objects: &BTreeSet<Name>,
    ) -> FieldKind {
        let minimum = field.minimum.as_ref().map(|bound| bound.0);
        let maximum = field.maximum.as_ref().map(|bound| bound.0);
        let decimal = |scale: u32| FieldKind::Decimal { scale: field.scale.unwrap_or(scale), minimum, maximum };
        let text = |length: u32| FieldKind::Text {
            max_length: field.max_length.unwrap_or(length),
            pattern: field.pattern.clone(),
        };
        if field.scale.is_some_and(|scale| scale > 10) {
            self.error(Code::BadProperty, found, format!("{pointer}/scale"), "a scale is at most 10");
        }
        match field.field_type {
            FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Time | FieldType::Sequence => {
                text(TEXT_LENGTH_DEFAULT)
            }
            FieldType::Address => text(500),
            FieldType::Url => text(URL_LENGTH_DEFAULT),
            // In minutes.
            FieldType::Duration => decimal(0),
            FieldType::LongText | FieldType::RichText => text(LONG_TEXT_LENGTH_DEFAULT),
            FieldType::Integer => FieldKind::Decimal { scale: 0, minimum, maximum },
            FieldType::Decimal => decimal(2),
            FieldType::Percent => decimal(4),
            FieldType::Money => {
                let currency = field
                    .currency
                    .as_deref()
                    .filter(|currency| is_currency_code(currency))
                    .map_or_else(|| self.currency.clone(), Name::from);
                FieldKind::Money {
                    scale: field.scale.unwrap_or(2),
                    currency: CurrencySource::Fixed(currency),
                    minimum,
                    maximum,
                }
            }
            FieldType::Boolean => FieldKind::Boolean,
            FieldType::Date => FieldKind::Date,
            FieldType::DateTime => FieldKind::Moment,
            FieldType::Choice | FieldType::Choices => {
                if field.options.is_empty() && field.options_from.is_none() {
                    self.error(Code::MissingProperty, found, pointer, "a choice needs `options` or `options_from`");
                }
                for name in field.options.keys() {
                    self.check_option(found, &format!("{pointer}/options/{name}"), name);
                }
                let mut options: Vec<(i64, ChoiceOption)> = field
                    .options
                    .iter()
                    .map(|(name, option)| {
                        (option.rank.unwrap_or(0), ChoiceOption { name: name.as_str().into(), tone: option.tone })
                    })
                    .collect();
                options.sort_by_key(|(rank, _)| *rank);
                let options = options.into_iter().map(|(_, option)| option).collect();
                if field.field_type == FieldType::Choice {
                    FieldKind::Choice { options }
                } else {
                    FieldKind::Choices { options }
                }
            }
            FieldType::Reference | FieldType::References | FieldType::Items => {
                let names: Vec<&str> = field.to.as_ref().map(|to| to.names()).unwrap_or_default();
                if names.is_empty() {
                    self.error(Code::MissingProperty, found, pointer, "the property `to` is missing");
                }
                for name in &names {
                    if objects.contains(*name) {
                        self.note_use(found, &format!("{pointer}/to"), Target::definition(Kind::Object, name));
                    } else {
                        self.unknown(
                            found,
                            format!("{pointer}/to"),
                            "object",
                            name,
                            objects.iter().map(|name| &**name),
                        );
                    }
                }
                let to: Vec<Name> = names.into_iter().map(Name::from).collect();
                let on_delete = match field.on_delete {
                    Some(WrittenOnDelete::Clear) => OnDelete::Clear,
                    _ => OnDelete::Restrict,
                };
                match field.field_type {
                    FieldType::References => FieldKind::Ids { to },
                    FieldType::Items => {
                        FieldKind::Items { to: to.into_iter().next().unwrap_or_else(|| object.name.as_str().into()) }
                    }
                    _ => FieldKind::Id { to, on_delete },
                }
            }
            FieldType::User => FieldKind::Id { to: vec!["user".into()], on_delete: OnDelete::Restrict },
            FieldType::Department => FieldKind::Id { to: vec!["department".into()], on_delete: OnDelete::Restrict },
            // Completed when the children's shapes are known.
            FieldType::Rollup => {
                FieldKind::Rollup { over: Over::Items(slot::ID), of: Rollup::Count, scale: 0, money: None }
            }
            FieldType::Location => FieldKind::Location,
            FieldType::Attachment | FieldType::Image => {
                let computed = [
                    ("default", field.default.is_some()),
                    ("default_formula", field.default_formula.is_some()),
                    ("formula", field.formula.is_some()),
                ];
                for (member, _) in computed.into_iter().filter(|(_, given)| *given) {
                    let place = format!("{pointer}/{member}");
                    self.error(Code::BadProperty, found, place, "files are sent by people, never computed");
                }
                FieldKind::Files {
                    images: field.field_type == FieldType::Image,
                    multiple: field.multiple,
                    bytes_max: field.max_kilobytes.map(|kilobytes| u64::from(kilobytes) * 1_024),
                }
            }
            FieldType::Json => FieldKind::Json,
        }
    }

    /// Options that come from a classification or from the roles.
    fn late_options(&mut self, name: &Name, found: Found<'a>, written: &ObjectDefinition) {
        for (field_name, field) in &written.fields {
            let Some(from) = &field.options_from else { continue };
            let pointer = format!("/fields/{field_name}/options_from");
            let Some(options) = self.options_from(found, &pointer, from) else { continue };
            let slot = self.objects[name].by_name.get(field_name.as_str()).copied();
            if let Some(field) = slot.and_then(|slot| self.objects.get_mut(name)?.fields.get_mut(slot)) {
                match &mut field.kind {
                    FieldKind::Choice { options: own } | FieldKind::Choices { options: own } => *own = options,
                    _ => self.error(Code::BadProperty, found, pointer, "only choice and choices have options"),
                }
            }
        }
    }

    pub fn options_from(&mut self, found: Found<'a>, pointer: &str, from: &str) -> Option<Vec<ChoiceOption>> {
        if from == "roles" {
            let roles = self.of_kind(Kind::Role);
            return Some(roles.into_iter().map(|(name, _)| ChoiceOption { name, tone: Default::default() }).collect());
        }
        let classification = from
            .split_once('.')
            .and_then(|(dimension, name)| self.dimensions.get(dimension)?.classifications.get(name));
        match classification {
            Some(classification) => Some(
                classification
                    .values
                    .iter()
                    .map(|(name, tone)| ChoiceOption { name: name.as_str().into(), tone: *tone })
                    .collect(),
            ),
            None => {
                let known: Vec<String> = self
                    .dimensions
                    .values()
                    .flat_map(|dimension| {
                        dimension.classifications.keys().map(|name| format!("{}.{name}", dimension.name))
                    })
                    .chain(["roles".to_owned()])
                    .collect();
                self.unknown(found, pointer, "classification", from, known.iter().map(String::as_str));
                None
            }
        }
    }

    fn traits(&mut self, name: &Name, found: Found<'a>, written: &ObjectDefinition) {
        for (trait_name, roles) in &written.traits {
            for (role, field) in roles {
                self.expect_field(found, format!("/traits/{trait_name}/{role}"), name, field);
            }
        }
    }

    /// Formulas, defaults, rules and to-dos of every object.
    pub fn expressions(&mut self) {
        let mut reads: BTreeMap<Name, BTreeMap<usize, BTreeSet<usize>>> = BTreeMap::new();
        for (name, found) in self.of_kind(Kind::Object) {
            let Definition::Object(written) = found.definition else { continue };
            let own = self.object_expressions(&name, found, written);
            reads.insert(name, own);
        }
        self.shares(&reads);
    }

    /// What each computed slot reads of its own record.
    fn object_expressions(
        &mut self,
        name: &Name,
        found: Found<'a>,
        written: &ObjectDefinition,
    ) -> BTreeMap<usize, BTreeSet<usize>> {
        let names = Names { object: name, bare: true, extra: &[] };
        let mut formulas: Vec<(usize, Option<Expr>, Option<Expr>)> = Vec::new();
        for (field_name, field) in &written.fields {
            let Some(slot) = self.objects[name].by_name.get(field_name.as_str()).copied() else { continue };
            let compiled = |checker: &mut Self, member: &str, source: Option<&crate::definition::Expression>, keeps| {
                let pointer = format!("/fields/{field_name}/{member}");
                let (expr, found_type) = checker.expression_that(keeps, found, &pointer, &source?.0, &names)?;
                checker.fits(found, &pointer, name, slot, found_type.as_ref());
                Some(expr)
            };
            let keeps = if field.live { Keeps::Nothing } else { Keeps::Result };
            let formula = compiled(self, "formula", field.formula.as_ref(), keeps);
            let default_formula = compiled(self, "default_formula", field.default_formula.as_ref(), Keeps::Decision);
            formulas.push((slot, formula, default_formula));
        }
        let mut rules = Vec::new();
        for (rule_name, rule) in &written.rules {
            let pointer = format!("/rules/{rule_name}");
            let require = self.condition(found, &format!("{pointer}/require"), &rule.require.0, &names);
            let when =
                rule.when.as_ref().and_then(|when| self.condition(found, &format!("{pointer}/when"), &when.0, &names));
            if let Some(field) = &rule.field {
                self.expect_field(found, format!("{pointer}/field"), name, field);
            }
            if let Some(require) = require {
                let text = format!("object/{name}/rules/{rule_name}/message");
                rules.push(Rule {
                    name: rule_name.as_str().into(),
                    require,
                    when,
                    text,
                    field: rule.field.as_deref().map(Name::from),
                });
            }
        }
        let mut todos = Vec::new();
        for (todo_name, todo) in &written.todos {
            let pointer = format!("/todos/{todo_name}");
            self.expect(found, format!("{pointer}/role"), Kind::Role, &todo.role);
            if let Some(when) =
                self.condition_that(Keeps::Result, found, &format!("{pointer}/when"), &todo.when.0, &names)
            {
                todos.push(Todo { name: todo_name.as_str().into(), when, role: todo.role.as_str().into() });
            }
        }
        let defaults: Vec<(usize, &String, serde_json::Value)> = written
            .fields
            .iter()
            .filter_map(|(field_name, field)| {
                Some((*self.objects[name].by_name.get(field_name.as_str())?, field_name, field.default.clone()?))
            })
            .collect();
        for (slot, field_name, default) in defaults {
            let field = &self.objects[name].fields[slot];
            match crate::object::input::read_literal(field, &default) {
                Ok(()) => {
                    if let Some(object) = self.objects.get_mut(name) {
                        object.fields[slot].default = Some(default);
                    }
                }
                Err(message) => self.error(Code::BadProperty, found, format!("/fields/{field_name}/default"), message),
            }
        }
        let dependencies = self.dependencies(name, &formulas);
        if let Some(object) = self.objects.get_mut(name) {
            for (slot, formula, default_formula) in formulas {
                object.fields[slot].formula = formula;
                object.fields[slot].default_formula = default_formula;
            }
            object.rules = rules;
            object.todos = todos;
        }
        match formula_order(&dependencies) {
            Ok(order) => {
                if let Some(object) = self.objects.get_mut(name) {
                    (object.live_order, object.formula_order) =
                        order.into_iter().partition(|slot| object.fields[*slot].live);
                    let is_live = |slot: &usize| object.live_order.contains(slot);
                    let live = dependencies.iter().filter(|(slot, _)| is_live(slot));
                    object.live_reads = live.map(|(slot, reads)| (*slot, reads.clone())).collect();
                }
            }
            Err(circle) => {
                let names: Vec<String> =
                    circle.iter().map(|slot| self.objects[name].fields[*slot].name.to_string()).collect();
                let pointer = format!("/fields/{}/formula", names[0]);
                self.error(
                    Code::FormulaCycle,
                    found,
                    pointer,
                    format!("these formulas read each other: {}", names.join(" -> ")),
                );
            }
        }
        dependencies
    }

    /// What each formula reads of its own record, by slot.
    fn dependencies(
        &self,
        name: &Name,
        formulas: &[(usize, Option<Expr>, Option<Expr>)],
    ) -> BTreeMap<usize, BTreeSet<usize>> {
        let object = &self.objects[name];
        let mut reads: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let own = |expr: &Expr, into: &mut BTreeSet<usize>| {
            for path in expr.reads() {
                if &*path.root == "record"
                    && let Some(step) = path.steps.first()
                    && let Some(slot) = object.by_name.get(step)
                {
                    into.insert(*slot);
                }
            }
        };
        for (slot, formula, _) in formulas {
            let Some(formula) = formula else { continue };
            let mut slots = BTreeSet::new();
            own(formula, &mut slots);
            for call in formula.calls().iter().filter(|call| &*call.function == "rate") {
                let table = call.literal.as_ref().and_then(|table| self.rate_tables.get(table));
                for column in table.into_iter().flat_map(|table| &table.columns) {
                    match &column.from {
                        Some(from) => own(from, &mut slots),
                        None => slots.extend(object.by_name.get(&column.name)),
                    }
                }
            }
            reads.insert(*slot, slots);
        }
        for (slot, field) in object.own_fields() {
            if let FieldKind::Rollup { over: Over::Items(_), .. } = field.kind {
                reads.entry(slot).or_default();
            }
        }
        reads
    }

    /// A formula's type must fit its field.
    fn fits(&mut self, found: Found<'a>, pointer: &str, object: &Name, slot: usize, given: Option<&Type>) {
        let field = &self.objects[object].fields[slot];
        let wanted = super::names::type_of(&field.kind);
        let fits = match (given, &wanted) {
            (None | Some(Type::Any | Type::Null), _) | (_, Type::Any) => true,
            (Some(Type::Decimal), Type::Money) | (Some(Type::Money), Type::Decimal) => true,
            (Some(given), wanted) => given == wanted,
        };
        if !fits {
            let message = format!("the expression gives {given:?}, the field `{}` holds {wanted:?}", field.name);
            self.error(Code::ScriptType, found, pointer, message.replace("Some(", "").replace(')', ""));
        }
    }

    /// An expression that must be true or false.
    pub fn condition(&mut self, found: Found<'a>, pointer: &str, source: &str, names: &Names<'_>) -> Option<Expr> {
        self.condition_that(Keeps::Decision, found, pointer, source, names)
    }

    fn condition_that(
        &mut self,
        keeps: Keeps,
        found: Found<'a>,
        pointer: &str,
        source: &str,
        names: &Names<'_>,
    ) -> Option<Expr> {
        let (expr, given) = self.expression_that(keeps, found, pointer, source, names)?;
        if !matches!(given, None | Some(Type::Any | Type::Bool)) {
            self.error(Code::ScriptType, found, pointer, "a condition must be true or false");
            return None;
        }
        Some(expr)
    }
}

/// Orders formulas so that each comes after those it reads; `Err` is a circle.
pub(super) fn formula_order<K: Copy + Ord>(reads: &BTreeMap<K, BTreeSet<K>>) -> Result<Vec<K>, Vec<K>> {
    let mut order = Vec::new();
    let mut waiting: BTreeSet<K> = reads.keys().copied().collect();
    while !waiting.is_empty() {
        let ready: Vec<K> =
            waiting.iter().copied().filter(|slot| !reads[slot].iter().any(|read| waiting.contains(read))).collect();
        if ready.is_empty() {
            return Err(circle(reads, &waiting));
        }
        for slot in ready {
            waiting.remove(&slot);
            order.push(slot);
        }
    }
    Ok(order)
}

fn circle<K: Copy + Ord>(reads: &BTreeMap<K, BTreeSet<K>>, waiting: &BTreeSet<K>) -> Vec<K> {
    let mut path: Vec<K> = Vec::new();
    let mut at = *waiting.first().expect("a circle has members");
    while !path.contains(&at) {
        path.push(at);
        at = *reads[&at]
            .iter()
            .find(|slot| waiting.contains(slot))
            .expect("every formula still waiting reads another one that waits");
    }
    let start = path.iter().position(|slot| *slot == at).unwrap_or(0);
    path.push(at);
    path.split_off(start)
}

fn is_currency_code(text: &str) -> bool {
    text.len() == 3 && text.chars().all(|letter| letter.is_ascii_uppercase())
}

fn options_text(from: &str) -> String {
    match from.split_once('.') {
        Some((dimension, classification)) => format!("dimension/{dimension}/classifications/{classification}/values"),
        None => "role".to_owned(),
    }
}

/// The slots every object has, in the order of `record::slot`.
pub(super) fn system_fields() -> Vec<Field> {
    let text = FieldKind::Text { max_length: TEXT_LENGTH_DEFAULT, pattern: None };
    let whole = FieldKind::Decimal { scale: 0, minimum: None, maximum: None };
    let user = FieldKind::Id { to: vec!["user".into()], on_delete: OnDelete::Restrict };
    let department = FieldKind::Id { to: vec!["department".into()], on_delete: OnDelete::Restrict };
    let id = FieldKind::Id { to: Vec::new(), on_delete: OnDelete::Restrict };
    let fields: [(&str, FieldType, FieldKind); slot::OWN] = [
        ("id", FieldType::Text, id.clone()),
        ("version", FieldType::Integer, whole.clone()),
        ("state", FieldType::Text, text.clone()),
        ("template", FieldType::Text, text),
        ("created_at", FieldType::DateTime, FieldKind::Moment),
        ("created_by", FieldType::User, user.clone()),
        ("updated_at", FieldType::DateTime, FieldKind::Moment),
        ("updated_by", FieldType::User, user.clone()),
        ("owner", FieldType::User, user),
        ("department", FieldType::Department, department),
        ("deleted_at", FieldType::DateTime, FieldKind::Moment),
        ("item_of", FieldType::Reference, id),
        ("item_rank", FieldType::Integer, whole),
        ("trace", FieldType::Json, FieldKind::Json),
    ];
    fields
        .into_iter()
        .map(|(name, written, kind)| Field {
            index: matches!(name, "owner" | "department" | "item_of" | "state"),
            ..plain(name, written, kind)
        })
        .collect()
}

fn plain(name: &str, written: FieldType, kind: FieldKind) -> Field {
    Field {
        name: name.into(),
        kind,
        written,
        text: format!("system/fields/{name}/title"),
        options_text: String::new(),
        required: false,
        unique: false,
        index: false,
        hidden: false,
        system: true,
        default: None,
        default_formula: None,
        formula: None,
        share: None,
        live: false,
        day_of: None,
    }
}

/// A field of a derived object.
pub(super) fn derived(name: &str, written: FieldType, kind: FieldKind, text: String, options_text: String) -> Field {
    Field { text, options_text, system: false, ..plain(name, written, kind) }
}

/// Adds the stored days of moments, and the index by name.
pub(super) fn finish_shape(object: &mut Object) {
    let moments: Vec<(usize, Name)> = object
        .fields
        .iter()
        .enumerate()
        .skip(slot::OWN)
        .filter(|(_, field)| matches!(field.kind, FieldKind::Moment))
        .map(|(slot, field)| (slot, field.name.clone()))
        .collect();
    for (moment, name) in moments {
        let day = format!("{name}_day");
        let mut field = plain(&day, FieldType::Date, FieldKind::Date);
        field.day_of = Some(moment);
        field.text = object.fields[moment].text.clone();
        field.hidden = true;
        object.fields.push(field);
    }
    object.by_name = object.fields.iter().enumerate().map(|(slot, field)| (field.name.clone(), slot)).collect();
}

/// Options by name, as written in maps.
pub(super) fn options_of(options: &IndexMap<String, crate::definition::object::OptionDefinition>) -> Vec<ChoiceOption> {
    options.iter().map(|(name, option)| ChoiceOption { name: name.as_str().into(), tone: option.tone }).collect()
}
