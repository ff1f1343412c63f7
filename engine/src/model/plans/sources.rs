//! Where lines take things from: look-ups, parties, taxes.

use crate::codes::Code;
use crate::definition::settlement_plan::{ConvertDefinition, LookupDefinition, TaxDefinition};
use crate::definition::{Kind, Operand};
use crate::expr::Type;
use crate::model::checker::{Checker, Found};
use crate::model::names::Names;
use crate::record::Name;
use crate::settlement::plan::{Convert, ConvertInput, Lookup, PartySource, Tax, TaxRate};
use crate::settlement::rounding::Rounding;
use crate::value::Value;
use rust_decimal::Decimal;

impl<'a> Checker<'a> {
    pub(in crate::model) fn party(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        operand: Option<&Operand>,
        names: &Names<'_>,
    ) -> Option<PartySource> {
        let party_objects: Vec<Name> = self
            .objects
            .values()
            .filter(|object| object.traits.contains_key("party"))
            .map(|object| object.name.clone())
            .collect();
        match operand {
            None => {
                self.error(Code::MissingProperty, found, pointer, "every line has a payer and a payee");
                None
            }
            Some(Operand::Literal(literal)) => {
                let text = literal.value.as_str().unwrap_or_default();
                let (object, key) = match text.split_once('/') {
                    Some((object, key)) => (object.to_owned(), key.to_owned()),
                    None => (party_objects.first().map(|name| name.to_string()).unwrap_or_default(), text.to_owned()),
                };
                if !party_objects.iter().any(|name| **name == *object) {
                    self.unknown(
                        found,
                        format!("{pointer}/value"),
                        "object with the trait `party`",
                        &object,
                        party_objects.iter().map(|name| &**name),
                    );
                    return None;
                }
                Some(PartySource::Fixed { object: object.as_str().into(), key })
            }
            Some(Operand::Expression(source)) => {
                let (expr, given) = self.expression(found, pointer, &source.0, names)?;
                match given {
                    Some(Type::Reference(object)) if party_objects.contains(&object) => {
                        Some(PartySource::Expression { expr, object })
                    }
                    Some(Type::Reference(object)) => {
                        let hint = "add the trait `party` with the role `legal_entity` to the object";
                        self.diagnostics
                            .error(Code::ScriptType, found.file, pointer, format!("a `{object}` is not a party"))
                            .hint(hint);
                        None
                    }
                    _ => {
                        self.error(
                            Code::ScriptType,
                            found,
                            pointer,
                            "a payer or payee must be a reference to exactly one object",
                        );
                        None
                    }
                }
            }
        }
    }

    pub(super) fn tax(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &TaxDefinition,
        names: &Names<'_>,
    ) -> Option<Tax> {
        let rate = match (&written.lookup, &written.rate) {
            (Some(table), None) => {
                let lookup = LookupDefinition { lookup: table.clone(), with: written.with.clone(), no_match: None };
                let lookup = self.lookup(found, pointer, &lookup, names)?;
                if !self.rate_tables[&lookup.table].values.iter().any(|value| &*value.name == "rate") {
                    self.error(
                        Code::UnknownReference,
                        found,
                        format!("{pointer}/lookup"),
                        format!("`{table}` has no value `rate`"),
                    );
                }
                TaxRate::Lookup(lookup)
            }
            (None, Some(Operand::Literal(literal))) => {
                match literal.value.as_str().and_then(|text| text.parse::<Decimal>().ok()) {
                    Some(rate) => TaxRate::Fixed(rate),
                    None => {
                        self.error(
                            Code::BadProperty,
                            found,
                            format!("{pointer}/rate/value"),
                            "the rate must be a decimal written as a string",
                        );
                        return None;
                    }
                }
            }
            (None, Some(Operand::Expression(source))) => {
                TaxRate::Formula(self.expression(found, &format!("{pointer}/rate"), &source.0, names)?.0)
            }
            (None, None) => TaxRate::None,
            (Some(_), Some(_)) => {
                self.error(Code::BadProperty, found, pointer, "a tax has `lookup` or `rate`, not both");
                return None;
            }
        };
        Some(Tax { mode: written.mode, rate, rounding: written.round.unwrap_or(Rounding::HalfUp) })
    }

    pub(in crate::model) fn lookup(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LookupDefinition,
        names: &Names<'_>,
    ) -> Option<Lookup> {
        if !self.expect(found, format!("{pointer}/lookup"), Kind::RateTable, &written.lookup) {
            return None;
        }
        let table = self.rate_tables.get(written.lookup.as_str())?;
        let columns: Vec<(Name, Option<String>)> = table
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.from.as_ref().map(|from| from.source().to_owned())))
            .collect();
        let values: Vec<Name> = table.values.iter().map(|value| value.name.clone()).collect();
        let specs: Vec<Name> = columns.iter().map(|(name, _)| name.clone()).collect();
        for name in written.with.keys() {
            if !specs.iter().any(|column| **column == **name) {
                self.unknown(found, format!("{pointer}/with/{name}"), "column", name, specs.iter().map(|name| &**name));
            }
        }
        let mut inputs = Vec::new();
        for (name, from) in columns {
            let place = format!("{pointer}/with/{name}");
            let source = match written.with.get(&*name) {
                Some(expression) => expression.0.clone(),
                None => match from {
                    Some(from) => from,
                    None => {
                        self.error(
                            Code::MissingProperty,
                            found,
                            format!("{pointer}/with"),
                            format!("the column `{name}` of `{}` is not given", written.lookup),
                        );
                        continue;
                    }
                },
            };
            inputs.extend(self.expression(found, &place, &source, names).map(|(expr, _)| expr));
        }
        let otherwise = match &written.no_match {
            None => None,
            Some(given) => Some(self.otherwise(found, pointer, given, &values)?),
        };
        (inputs.len() == specs.len()).then(|| Lookup { table: written.lookup.as_str().into(), inputs, otherwise })
    }

    /// An amount in another currency: the table knows both currencies and gives the rate.
    pub(in crate::model) fn convert(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &ConvertDefinition,
        names: &Names<'_>,
    ) -> Option<Convert> {
        let amount = self.expression(found, &format!("{pointer}/convert"), &written.convert.0, names);
        if let Some((_, Some(given))) = &amount
            && !matches!(given, Type::Money | Type::Any | Type::Null)
        {
            let message = "what is converted must be an amount of money, which knows its currency";
            self.error(Code::ScriptType, found, format!("{pointer}/convert"), message);
        }
        for (member, currency) in [("to", Some(&written.to)), ("through", written.through.as_ref())] {
            let is_currency = |code: &String| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            if currency.is_some_and(|code| !is_currency(code)) {
                let message = "a currency is written as its ISO 4217 code, such as `CNY`";
                self.error(Code::BadProperty, found, format!("{pointer}/{member}"), message);
            }
        }
        if !self.expect(found, format!("{pointer}/rates"), Kind::RateTable, &written.rates) {
            return None;
        }
        let table = self.rate_tables.get(written.rates.as_str())?;
        let columns: Vec<Name> = table.columns.iter().map(|column| column.name.clone()).collect();
        let values: Vec<Name> = table.values.iter().map(|value| value.name.clone()).collect();
        let value = written.value.as_deref().unwrap_or("rate");
        if !values.iter().any(|known| **known == *value) {
            let place = format!("{pointer}/value");
            self.unknown(found, place, "value", value, values.iter().map(|name| &**name));
        }
        for side in ["from", "to"].into_iter().filter(|side| !columns.iter().any(|column| **column == **side)) {
            let message = format!("the table of a conversion has the column `{side}`, a currency");
            self.error(Code::MissingProperty, found, format!("{pointer}/rates"), message);
        }
        for name in written.with.keys().filter(|name| !columns.iter().any(|column| **column == ***name)) {
            let place = format!("{pointer}/with/{name}");
            self.unknown(found, place, "column", name, columns.iter().map(|name| &**name));
        }
        let mut inputs = Vec::new();
        for column in &columns {
            match (&**column, written.with.get(&**column)) {
                ("from", _) => inputs.push(ConvertInput::From),
                ("to", _) => inputs.push(ConvertInput::To),
                (_, Some(source)) => {
                    let place = format!("{pointer}/with/{column}");
                    let expr = self.expression(found, &place, &source.0, names);
                    inputs.extend(expr.map(|(expr, _)| ConvertInput::Value(expr)));
                }
                (_, None) => {
                    let message = format!("the column `{column}` of `{}` is not given", written.rates);
                    self.error(Code::MissingProperty, found, format!("{pointer}/with"), message);
                }
            }
        }
        let amount = amount?.0;
        (inputs.len() == columns.len()).then(|| Convert {
            amount,
            to: written.to.as_str().into(),
            table: written.rates.as_str().into(),
            inputs,
            value: value.into(),
            through: written.through.as_deref().map(Name::from),
            rounding: written.round.unwrap_or(Rounding::HalfUp),
        })
    }

    /// Values taken when no row matches: `{"value": x}` for all, or one per value.
    fn otherwise(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        given: &serde_json::Value,
        values: &[Name],
    ) -> Option<Vec<(Name, Value)>> {
        let decimal =
            |json: &serde_json::Value| json.as_str().and_then(|text| text.parse::<Decimal>().ok()).map(Value::Decimal);
        let read: Option<Vec<(Name, Value)>> = match given.get("value") {
            Some(value) => {
                decimal(value).map(|value| values.iter().map(|name| (name.clone(), value.clone())).collect())
            }
            None => values.iter().map(|name| Some((name.clone(), decimal(given.get(&**name)?)?))).collect(),
        };
        if read.is_none() {
            let hint = "write {\"value\": \"0.00\"}, or a decimal string for each value of the table";
            self.diagnostics
                .error(
                    Code::BadProperty,
                    found.file,
                    format!("{pointer}/no_match"),
                    "the values for no match cannot be read",
                )
                .hint(hint);
        }
        read
    }
}
