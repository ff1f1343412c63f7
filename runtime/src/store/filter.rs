//! Filters as SQL, one compiler for both databases. Paths through references become joins.
//! What the operators mean to null is the engine's word (`query::filter`); here it is only carried out.

use super::StoreError;
use super::column::{self, is_money, kind};
use super::sql::{Datum, Kind, Sql, escaped_pattern, scaled};
use packwork_engine::access::Rights;
use packwork_engine::location::{self, Near};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::query::{Comparison, Filter, FilterPath};
use packwork_engine::record::Name;
use packwork_engine::value::Value;
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The alias of the table a query is about.
pub(crate) const ROOT: &str = "t";

/// Whose words a path is: the model's, or the caller's, which reach only what the caller may read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum By {
    Model,
    Caller,
}

/// A query over one object: its table and those reached through references.
pub(crate) struct Paths<'m> {
    model: &'m Model,
    rights: Arc<Rights>,
    root: &'m Object,
    /// Of the table of `root`; what is nested in a condition has a longer one.
    alias: String,
    /// By the slots walked, and whether only rows that the caller may read are met.
    joined: BTreeMap<(bool, Vec<usize>), Joined<'m>>,
}

struct Joined<'m> {
    alias: String,
    object: &'m Object,
    /// What its id must equal.
    on: String,
    /// The rows of it that the caller may read.
    rows: Filter,
}

fn bad(message: impl Into<String>) -> StoreError {
    StoreError::BadQuery(message.into())
}

impl<'m> Paths<'m> {
    pub(crate) fn new(model: &'m Model, rights: &Arc<Rights>, object: &str) -> Result<Paths<'m>, StoreError> {
        let root = column::object(model, object)?;
        Ok(Paths { model, rights: rights.clone(), root, alias: ROOT.to_owned(), joined: BTreeMap::new() })
    }

    /// A query inside a condition of this one.
    fn nested(&self, object: &str, alias: String) -> Result<Paths<'m>, StoreError> {
        let root = column::object(self.model, object)?;
        Ok(Paths { model: self.model, rights: self.rights.clone(), root, alias, joined: BTreeMap::new() })
    }

    /// Adds the joins a filter needs.
    pub(crate) fn add_filter(&mut self, filter: &Filter, by: By) -> Result<(), StoreError> {
        match filter {
            Filter::All | Filter::Nothing | Filter::Search { .. } => Ok(()),
            Filter::And(parts) | Filter::Or(parts) => parts.iter().try_for_each(|part| self.add_filter(part, by)),
            Filter::Not(part) => self.add_filter(part, by),
            Filter::Compare { path, .. } | Filter::Any { path, .. } => self.add_path(path, by),
        }
    }

    pub(crate) fn add_path(&mut self, path: &FilterPath, by: By) -> Result<(), StoreError> {
        let guarded = self.is_guarded(path, by);
        for length in 1..path.slots.len() {
            let walked = (guarded, path.slots[..length].to_vec());
            if self.joined.contains_key(&walked) {
                continue;
            }
            let (alias, object) = self.at(guarded, &path.slots[..length - 1])?;
            let field = object.fields.get(path.slots[length - 1]).ok_or_else(|| bad("a path leaves its object"))?;
            let target = target(field)?;
            let joined = Joined {
                alias: format!("{}j{}", self.alias, self.joined.len() + 1),
                object: column::object(self.model, target)?,
                on: format!("{alias}.{}", column::column(field)),
                rows: if guarded { self.rights.rows(target) } else { Filter::All },
            };
            self.joined.insert(walked, joined);
        }
        Ok(())
    }

    /// Whether the rows on the way are those the caller may read. The key and the title of what a record refers to are
    /// part of the record; the rest of it is not.
    fn is_guarded(&self, path: &FilterPath, by: By) -> bool {
        if by == By::Model || path.slots.len() < 2 {
            return false;
        }
        let mut object = self.root;
        let mut restricted = false;
        for slot in &path.slots[..path.slots.len() - 1] {
            let next = object.fields.get(*slot).and_then(|field| target(field).ok());
            let Some(next) = next.and_then(|next| self.model.object(next)) else { return false };
            restricted |= self.rights.rows(&next.name) != Filter::All;
            object = next;
        }
        let last = path.slots.last().copied();
        restricted && !(path.slots.len() == 2 && (last == object.key || last == Some(object.display)))
    }

    fn at(&self, guarded: bool, walked: &[usize]) -> Result<(&str, &'m Object), StoreError> {
        if walked.is_empty() {
            return Ok((&self.alias, self.root));
        }
        let joined = self.joined.get(&(guarded, walked.to_vec())).ok_or_else(|| bad("a path was not announced"))?;
        Ok((&joined.alias, joined.object))
    }

    /// The field at the end of a path, and the alias of its table.
    pub(crate) fn field(&self, path: &FilterPath, by: By) -> Result<(&str, &'m Field), StoreError> {
        let (last, walked) = path.slots.split_last().ok_or_else(|| bad("a path has at least one step"))?;
        let (alias, object) = self.at(self.is_guarded(path, by), walked)?;
        Ok((alias, object.fields.get(*last).ok_or_else(|| bad("a path leaves its object"))?))
    }

    /// The object a path's last slot belongs to.
    pub(crate) fn object_of(&self, path: &FilterPath, by: By) -> Result<&'m Object, StoreError> {
        let walked = path.slots.split_last().map_or(&[][..], |(_, walked)| walked);
        self.at(self.is_guarded(path, by), walked).map(|(_, object)| object)
    }

    /// `o_x AS t LEFT JOIN …`.
    pub(crate) fn push_from(&self, sql: &mut Sql) -> Result<(), StoreError> {
        sql.push(&column::table(&self.root.name)).push(" AS ").push(&self.alias);
        let mut joins: Vec<(&(bool, Vec<usize>), &Joined<'_>)> = self.joined.iter().collect();
        joins.sort_by_key(|((_, walked), _)| walked.len());
        for (_, join) in joins {
            sql.push(" LEFT JOIN ").push(&column::table(&join.object.name)).push(" AS ").push(&join.alias);
            sql.push(" ON ").push(&join.alias).push(".f_id = ").push(&join.on);
            if join.rows != Filter::All {
                sql.push(" AND ");
                self.push_rows(sql, join)?;
            }
        }
        Ok(())
    }

    /// That a joined row is one the caller may read.
    fn push_rows(&self, sql: &mut Sql, join: &Joined<'_>) -> Result<(), StoreError> {
        let mut beside = self.nested(&join.object.name, join.alias.clone())?;
        beside.add_filter(&join.rows, By::Model)?;
        if beside.joined.is_empty() {
            return beside.push_filter(sql, &join.rows, By::Model);
        }
        let mut inside = self.nested(&join.object.name, format!("{}r", join.alias))?;
        inside.add_filter(&join.rows, By::Model)?;
        sql.push("EXISTS (SELECT 1 FROM ");
        inside.push_from(sql)?;
        sql.push(" WHERE ").push(&inside.alias).push(".f_id = ").push(&join.alias).push(".f_id AND ");
        inside.push_filter(sql, &join.rows, By::Model)?;
        sql.push(")");
        Ok(())
    }

    /// That a row of an object meets a filter: one that a record owns, or that its list of references names.
    fn push_any(
        &self,
        sql: &mut Sql,
        path: &FilterPath,
        object: &str,
        filter: &Filter,
        by: By,
    ) -> Result<(), StoreError> {
        let (alias, field) = self.field(path, by)?;
        let mut rows = self.nested(object, format!("{}a", self.alias))?;
        let may = if by == By::Caller { self.rights.rows(object) } else { Filter::All };
        rows.add_filter(&may, By::Model)?;
        rows.add_filter(filter, by)?;
        sql.push("EXISTS (SELECT 1 FROM ");
        match &field.kind {
            FieldKind::Items { .. } => {
                rows.push_from(sql)?;
                sql.push(" WHERE ").push(&rows.alias).push(".f_item_of = ").push(alias).push(".f_id");
            }
            FieldKind::Ids { .. } => {
                let ids = sql.dialect.json_ids(&format!("{alias}.{}", column::column(field)));
                rows.push_from(sql)?;
                sql.push(" WHERE ").push(&rows.alias).push(".f_id IN (").push(&ids).push(")");
            }
            _ => return Err(bad(format!("`{}` has no rows", field.name))),
        }
        sql.push(" AND ").push(&rows.alias).push(".f_deleted_at IS NULL AND ");
        rows.push_filter(sql, &may, By::Model)?;
        sql.push(" AND ");
        rows.push_filter(sql, filter, by)?;
        sql.push(")");
        Ok(())
    }

    /// The condition, in parentheses where it needs them.
    pub(crate) fn push_filter(&self, sql: &mut Sql, filter: &Filter, by: By) -> Result<(), StoreError> {
        match filter {
            Filter::All => sql.push("TRUE"),
            Filter::Nothing => sql.push("FALSE"),
            Filter::And(parts) => return self.push_parts(sql, parts, by, (" AND ", "TRUE")),
            Filter::Or(parts) => return self.push_parts(sql, parts, by, (" OR ", "FALSE")),
            Filter::Not(part) => {
                // Not of "unknown" is true here: a comparison with null simply does not hold.
                sql.push("(");
                self.push_filter(sql, part, by)?;
                sql.push(") IS NOT TRUE")
            }
            Filter::Compare { path, comparison } => {
                let (alias, field) = self.field(path, by)?;
                return push_comparison(sql, alias, field, comparison);
            }
            Filter::Any { path, object, filter } => return self.push_any(sql, path, object, filter, by),
            Filter::Search { slots, text } => {
                let like = sql.dialect.like();
                let pattern = format!("%{}%", escaped_pattern(text));
                let mut first = true;
                sql.push("(");
                for slot in slots {
                    let field = self.root.fields.get(*slot).ok_or_else(|| bad("a search leaves its object"))?;
                    if kind(field) != Some(Kind::Text) {
                        continue;
                    }
                    if !first {
                        sql.push(" OR ");
                    }
                    first = false;
                    sql.push(&self.alias).push(".").push(&column::column(field)).push(" ").push(like).push(" ");
                    sql.bind(Datum::text(&pattern)).push(" ESCAPE '\\'");
                }
                sql.push(if first { "FALSE)" } else { ")" })
            }
        };
        Ok(())
    }

    fn push_parts(
        &self,
        sql: &mut Sql,
        parts: &[Filter],
        by: By,
        (between, none): (&str, &str),
    ) -> Result<(), StoreError> {
        if parts.is_empty() {
            sql.push(none);
            return Ok(());
        }
        sql.push("(");
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                sql.push(between);
            }
            self.push_filter(sql, part, by)?;
        }
        sql.push(")");
        Ok(())
    }
}

/// The one object a reference leads to.
fn target(field: &Field) -> Result<&Name, StoreError> {
    let FieldKind::Id { to, .. } = &field.kind else { return Err(bad(format!("`{}` is no reference", field.name))) };
    match &to[..] {
        [target] => Ok(target),
        _ => Err(bad(format!("`{}` may lead to several objects", field.name))),
    }
}

fn push_comparison(sql: &mut Sql, alias: &str, field: &Field, comparison: &Comparison) -> Result<(), StoreError> {
    let kind = kind(field).ok_or_else(|| bad(format!("`{}` cannot be compared", field.name)))?;
    let name = column::value_of(alias, field);
    if matches!(field.kind, FieldKind::Choices { .. } | FieldKind::Ids { .. }) {
        return push_members(sql, &name, field, comparison);
    }
    if let Comparison::IsNull(is_null) = comparison {
        sql.push(&name).push(if *is_null { " IS NULL" } else { " IS NOT NULL" });
        return Ok(());
    }
    if let Comparison::Near(near) = comparison {
        return push_near(sql, alias, field, near);
    }
    if kind == Kind::Json || field.kind == FieldKind::Location {
        return Err(bad(format!("`{}` can only be asked whether it is empty", field.name)));
    }
    let place = Place { alias, name: &name, field, kind };
    match comparison {
        Comparison::Equal(value) => place.push(sql, Operator::Equal, value),
        Comparison::NotEqual(value) => place.push(sql, Operator::NotEqual, value),
        Comparison::Greater(value) => place.push(sql, Operator::Greater, value),
        Comparison::GreaterOrEqual(value) => place.push(sql, Operator::GreaterOrEqual, value),
        Comparison::Less(value) => place.push(sql, Operator::Less, value),
        Comparison::LessOrEqual(value) => place.push(sql, Operator::LessOrEqual, value),
        Comparison::In(values) => place.push_in(sql, values),
        Comparison::NotIn(values) => {
            sql.push("(");
            place.push_in(sql, values)?;
            sql.push(") IS NOT TRUE");
            Ok(())
        }
        Comparison::Between(from, to) => {
            place.push_range(sql, (Operator::GreaterOrEqual, from), (Operator::LessOrEqual, to))
        }
        Comparison::Within(from, to) => place.push_range(sql, (Operator::GreaterOrEqual, from), (Operator::Less, to)),
        Comparison::Contains(text) => place.push_like(sql, &format!("%{}%", escaped_pattern(text))),
        Comparison::StartsWith(text) => place.push_like(sql, &format!("{}%", escaped_pattern(text))),
        Comparison::IsNull(_) | Comparison::Near(_) => Ok(()),
    }
}

/// The band of latitudes an index can be asked for, then the straight line between the points: whole numbers only.
fn push_near(sql: &mut Sql, alias: &str, field: &Field, near: &Near) -> Result<(), StoreError> {
    if field.kind != FieldKind::Location {
        return Err(bad(format!("`{}` is no place", field.name)));
    }
    let degrees = |degrees| Datum::Decimal(degrees, location::SCALE);
    let (south, north) = near.band();
    let name = format!("{alias}.{}", column::column(field));
    // Not known to be near is not near: an empty place meets no comparison.
    sql.push("((").push(&name).push(" >= ").bind(degrees(south));
    sql.push(" AND ").push(&name).push(" <= ").bind(degrees(north));
    for (index, (axis, at)) in column::point_columns(field).iter().zip(near.place.point()).enumerate() {
        sql.push(if index == 0 { " AND " } else { " + " });
        let apart = format!("({alias}.{axis} - ");
        sql.push(&apart).bind(Datum::Int(at)).push(") * ").push(&apart).bind(Datum::Int(at)).push(")");
    }
    sql.push(" <= ").bind(Datum::Int(near.reach())).push(") IS TRUE)");
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A column being compared.
struct Place<'a> {
    alias: &'a str,
    name: &'a str,
    field: &'a Field,
    kind: Kind,
}

/// A value as its column could hold it.
enum Operand {
    Exact(Datum),
    /// A number between two that the column can hold: this is the lower one.
    Above(Datum),
}

impl Place<'_> {
    fn push(&self, sql: &mut Sql, operator: Operator, value: &Value) -> Result<(), StoreError> {
        if value.is_null() {
            sql.push(match operator {
                Operator::Equal => self.name,
                Operator::NotEqual => self.name,
                _ => "FALSE",
            });
            sql.push(match operator {
                Operator::Equal => " IS NULL",
                Operator::NotEqual => " IS NOT NULL",
                _ => "",
            });
            return Ok(());
        }
        // Amounts of another currency are neither more nor less.
        let currency = match value {
            Value::Money(money) if is_money(self.field) => Some(Datum::Text(money.currency.clone())),
            _ => None,
        };
        let currency_name = column::currency_of(self.alias, self.field);
        if let Some(currency) = currency {
            let (compare, join) = match operator {
                Operator::NotEqual => (" IS DISTINCT FROM ", " OR "),
                _ => (" = ", " AND "),
            };
            sql.push("(").push(&currency_name).push(compare).bind(currency).push(join);
            self.push_operator(sql, operator, value)?;
            sql.push(")");
            return Ok(());
        }
        self.push_operator(sql, operator, value)
    }

    fn push_operator(&self, sql: &mut Sql, operator: Operator, value: &Value) -> Result<(), StoreError> {
        match (self.operand(value)?, operator) {
            (Operand::Exact(datum), _) => {
                let sign = match operator {
                    Operator::Equal => " = ",
                    Operator::NotEqual => " IS DISTINCT FROM ",
                    Operator::Greater => " > ",
                    Operator::GreaterOrEqual => " >= ",
                    Operator::Less => " < ",
                    Operator::LessOrEqual => " <= ",
                };
                sql.push(self.name).push(sign).bind(datum);
            }
            (Operand::Above(_), Operator::Equal) => drop(sql.push("FALSE")),
            (Operand::Above(_), Operator::NotEqual) => drop(sql.push("TRUE")),
            (Operand::Above(floor), Operator::Greater | Operator::GreaterOrEqual) => {
                sql.push(self.name).push(" > ").bind(floor);
            }
            (Operand::Above(floor), Operator::Less | Operator::LessOrEqual) => {
                sql.push(self.name).push(" <= ").bind(floor);
            }
        }
        Ok(())
    }

    fn push_range(&self, sql: &mut Sql, from: (Operator, &Value), to: (Operator, &Value)) -> Result<(), StoreError> {
        sql.push("(");
        self.push(sql, from.0, from.1)?;
        sql.push(" AND ");
        self.push(sql, to.0, to.1)?;
        sql.push(")");
        Ok(())
    }

    fn push_in(&self, sql: &mut Sql, values: &[Value]) -> Result<(), StoreError> {
        match self.kind {
            Kind::Id => {
                sql.any_of(self.name, Datum::Ids(values.iter().filter_map(Value::as_id).collect()));
            }
            Kind::Text => {
                let texts = values.iter().filter_map(|value| match value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                });
                sql.any_of(self.name, Datum::Texts(texts.collect()));
            }
            _ => return self.push_each(sql, values),
        }
        Ok(())
    }

    /// Values one by one: a list of them, as an expression of a thousand parts is too deep for SQLite. Amounts of one
    /// currency stand apart.
    fn push_each(&self, sql: &mut Sql, values: &[Value]) -> Result<(), StoreError> {
        let mut exact = Vec::new();
        let mut amounts: BTreeMap<&Name, Vec<Datum>> = BTreeMap::new();
        for value in values.iter().filter(|value| !value.is_null()) {
            // What no column can hold is never met.
            let Operand::Exact(datum) = self.operand(value)? else { continue };
            match value {
                Value::Money(money) if is_money(self.field) => amounts.entry(&money.currency).or_default().push(datum),
                _ => exact.push(datum),
            }
        }
        sql.push("(FALSE");
        if !exact.is_empty() {
            sql.push(" OR ");
            push_list(sql, self.name, exact);
        }
        for (currency, amounts) in amounts {
            let name = column::currency_of(self.alias, self.field);
            sql.push(" OR (").push(&name).push(" = ").bind(Datum::Text(currency.clone())).push(" AND ");
            push_list(sql, self.name, amounts);
            sql.push(")");
        }
        sql.push(")");
        Ok(())
    }

    fn push_like(&self, sql: &mut Sql, pattern: &str) -> Result<(), StoreError> {
        if self.kind != Kind::Text {
            return Err(bad(format!("`{}` is no text", self.field.name)));
        }
        let like = sql.dialect.like();
        sql.push(self.name).push(" ").push(like).push(" ").bind(Datum::text(pattern)).push(" ESCAPE '\\'");
        Ok(())
    }

    fn operand(&self, value: &Value) -> Result<Operand, StoreError> {
        if let (Kind::Decimal(scale), Some(number)) = (self.kind, value.as_decimal()) {
            return Ok(number_operand(number, scale));
        }
        let datum = column::datum(self.field, self.kind, value);
        datum.map(Operand::Exact).map_err(|error| bad(error.message))
    }
}

fn push_list(sql: &mut Sql, name: &str, values: Vec<Datum>) {
    sql.push(name).push(" IN (");
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        sql.bind(value);
    }
    sql.push(")");
}

/// Columns hold a fixed number of digits; a filter may name any number. Both databases then compare alike.
fn number_operand(number: Decimal, scale: u32) -> Operand {
    let limit = Decimal::from_i128_with_scale(10_i128.pow(18), scale);
    if number >= limit || number <= -limit {
        return Operand::Above(Datum::Decimal(if number.is_sign_negative() { -limit } else { limit }, scale));
    }
    if number.normalize().scale() <= scale && scaled(number, scale).is_some() {
        return Operand::Exact(Datum::Decimal(number, scale));
    }
    let floor = number.round_dp_with_strategy(scale, RoundingStrategy::ToNegativeInfinity);
    Operand::Above(Datum::Decimal(floor, scale))
}

/// Comparisons of lists: equal to a single value means that it is among them.
fn push_members(sql: &mut Sql, name: &str, field: &Field, comparison: &Comparison) -> Result<(), StoreError> {
    let texts = |values: &[Value]| -> Datum {
        let mut texts = Vec::new();
        for value in values {
            match value {
                Value::List(items) => texts.extend(items.iter().map(member_text)),
                value => texts.push(member_text(value)),
            }
        }
        Datum::Texts(texts.into_iter().flatten().map(Into::into).collect())
    };
    let (wanted, holds) = match comparison {
        Comparison::IsNull(is_null) => {
            // An empty list is stored as it is; to people it is as empty as none.
            let empty = if sql.dialect == super::sql::Dialect::Sqlite { "'[]'" } else { "'[]'::jsonb" };
            sql.push(&format!("({name} IS NULL OR {name} = {empty})"));
            sql.push(if *is_null { " IS TRUE" } else { " IS NOT TRUE" });
            return Ok(());
        }
        Comparison::Equal(value) => (texts(std::slice::from_ref(value)), true),
        Comparison::NotEqual(value) => (texts(std::slice::from_ref(value)), false),
        Comparison::In(values) => (texts(values), true),
        Comparison::NotIn(values) => (texts(values), false),
        Comparison::Contains(text) => (Datum::Texts(vec![text.as_str().into()]), true),
        _ => return Err(bad(format!("`{}` is a list: it can be asked what it contains", field.name))),
    };
    let items = sql.dialect.json_texts(name);
    sql.push(if holds { "EXISTS" } else { "NOT EXISTS" }).push(" (SELECT 1 FROM ").push(&items).push(" WHERE ");
    sql.any_of("item.value", wanted).push(")");
    Ok(())
}

fn member_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Id(id) => Some(id.to_string()),
        _ => None,
    }
}
