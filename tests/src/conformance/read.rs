//! Reading the members of a case's input: every failure names the member.

use super::world::PLACES;
use anyhow::{Context, Result, anyhow, bail};
use packwork_engine::definition::RateText;
use packwork_engine::moment::Date;
use packwork_engine::money::places_of;
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// A value of the input and where it stands.
#[derive(Clone)]
pub struct Input<'a> {
    pub json: &'a Json,
    path: String,
}

impl<'a> Input<'a> {
    pub fn of(json: &'a Json) -> Input<'a> {
        Input { json, path: "input".to_owned() }
    }

    /// A member that must be there; null counts as missing.
    pub fn get(&self, name: &str) -> Result<Input<'a>> {
        self.find(name).ok_or_else(|| anyhow!("{}/{name} is missing", self.path))
    }

    /// A member, if it is there and not null.
    pub fn find(&self, name: &str) -> Option<Input<'a>> {
        let json = self.json.get(name).filter(|json| !json.is_null())?;
        Some(Input { json, path: format!("{}/{name}", self.path) })
    }

    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first of several names that is there.
    pub fn either(&self, names: &[&str]) -> Result<Input<'a>> {
        let found = names.iter().find_map(|name| self.find(name));
        found.ok_or_else(|| anyhow!("{} has none of {}", self.path, names.join(", ")))
    }

    pub fn wrong(&self, wanted: &str) -> anyhow::Error {
        anyhow!("{} is no {wanted}: {}", self.path, self.json)
    }

    pub fn text(&self) -> Result<&'a str> {
        self.json.as_str().ok_or_else(|| self.wrong("text"))
    }

    /// A decimal, from a text or from a number's own digits; `13%` is read as a definition reads it.
    pub fn decimal(&self) -> Result<Decimal> {
        let text = match self.json {
            Json::String(text) if text.trim_end().ends_with('%') => {
                let rate: Result<RateText, _> = serde_json::from_value(self.json.clone());
                return rate.map(|rate| rate.0).map_err(|_| self.wrong("number"));
            }
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            _ => return Err(self.wrong("number")),
        };
        text.parse().or_else(|_| Decimal::from_scientific(&text)).map_err(|_| self.wrong("number"))
    }

    /// A share, written as one (`0.13`) or as a number of per cent.
    pub fn rate(&self) -> Result<Decimal> {
        if let Some(rate) = self.find("rate") {
            return rate.decimal();
        }
        let percent = self.either(&["percent", "rate_percent", "tax_percent"])?;
        let rate: RateText = serde_json::from_value(Json::String(format!("{}%", percent.digits()?)))?;
        Ok(rate.0)
    }

    /// The places of the amounts, by the currency that is named or else the tenant's own.
    pub fn places(&self) -> Result<u32> {
        self.find("currency").map_or(Ok(PLACES), |currency| currency.text().map(places_of))
    }

    /// The digits of a decimal, as a definition holds them.
    pub fn digits(&self) -> Result<String> {
        Ok(self.decimal()?.to_string())
    }

    pub fn integer(&self) -> Result<i64> {
        i64::try_from(self.decimal()?).ok().context("").map_err(|_| self.wrong("whole number"))
    }

    pub fn count(&self) -> Result<usize> {
        usize::try_from(self.integer()?).map_err(|_| self.wrong("count"))
    }

    pub fn date(&self) -> Result<Date> {
        self.text()?.parse().map_err(|_| self.wrong("date"))
    }

    pub fn items(&self) -> Result<Vec<Input<'a>>> {
        let items = self.json.as_array().ok_or_else(|| self.wrong("list"))?;
        let item = |(index, json)| Input { json, path: format!("{}/{index}", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The items of a list, or the one value that stands in its place.
    pub fn several(&self) -> Vec<Input<'a>> {
        self.items().unwrap_or_else(|_| vec![self.clone()])
    }

    pub fn decimals(&self) -> Result<Vec<Decimal>> {
        self.items()?.iter().map(Input::decimal).collect()
    }

    /// Members with their names, in their order.
    pub fn members(&self) -> Result<Vec<(&'a str, Input<'a>)>> {
        let members = self.json.as_object().ok_or_else(|| self.wrong("map"))?;
        let member = |(name, json): (&'a String, &'a Json)| {
            (name.as_str(), Input { json, path: format!("{}/{name}", self.path) })
        };
        Ok(members.iter().map(member).collect())
    }

    /// Whether only these members are there: a shape nobody knows is not guessed at.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.members()?.into_iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => bail!("{}/{name} is not a member this family knows", self.path),
            None => Ok(()),
        }
    }

    /// A name the engine writes in snake_case, as one of its types.
    pub fn named<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        let name = Json::String(self.text()?.to_lowercase());
        serde_json::from_value(name).with_context(|| self.path.clone())
    }
}
