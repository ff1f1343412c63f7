//! `report`: sums over an object's records, run with the rights of whoever asks.

use super::written;
use crate::query::sums::Written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

written! {
    /// Figures over an object's records: which records, grouped by what, and what is measured of each group. Whoever runs
    /// it sees the records and fields they may see.
    pub struct ReportDefinition {
        /// The object whose records are counted and added up.
        pub object: String,
        /// Which records, in the grammar of lists; whoever runs the report may narrow it further.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub filter: Option<Json>,
        /// What groups are made by: a field, a field of what it refers to (`customer.region`), a part of a date
        /// (`month(finished_at)`), a currency (`amount.currency`). One group of everything where not given.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub group_by: Vec<String>,
        /// What is measured of each group, in the order of the columns.
        pub measures: IndexMap<String, MeasureDefinition>,
        /// Which groups are kept: name of a measure -> `{"gte": "1000"}` (eq, ne, gt, gte, lt, lte).
        #[serde(skip_serializing_if = "Map::is_empty")]
        pub having: Map<String, Json>,
        /// Names of groups and measures; `-` before one puts the greatest first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub sort: Vec<String>,
        /// The most groups shown (1,000 where not given).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub limit: Option<u32>,
        /// Keeps an index with everything the report reads of the object's own fields, so that it visits no records: the
        /// report gets faster, every change of such a record a little slower.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub index: bool,
    }
}

/// One figure of each group: exactly one of `count`, `sum`, `avg`, `min`, `max`, `count_distinct`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct MeasureDefinition {
    /// English heading of the column; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The number of records.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub count: bool,
    /// A field of numbers or money that is added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// A field of numbers or money whose average is taken, of the records that have a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg: Option<String>,
    /// A field whose least value is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// A field whose greatest value is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// A field whose different values are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_distinct: Option<String>,
}

impl MeasureDefinition {
    /// The field it is made of.
    pub fn field(&self) -> Option<&str> {
        let fields = [&self.sum, &self.avg, &self.min, &self.max, &self.count_distinct];
        fields.into_iter().flatten().next().map(String::as_str)
    }

    /// As a request would say it.
    fn written(&self) -> Json {
        let mut written = Map::new();
        if self.count {
            written.insert("count".into(), json!(true));
        }
        let fields = [
            ("sum", &self.sum),
            ("avg", &self.avg),
            ("min", &self.min),
            ("max", &self.max),
            ("count_distinct", &self.count_distinct),
        ];
        for (verb, field) in fields {
            written.extend(field.as_ref().map(|field| (verb.to_owned(), json!(field))));
        }
        Json::Object(written)
    }
}

impl ReportDefinition {
    /// As a request would say it.
    pub fn written(&self) -> Written {
        Written {
            group_by: self.group_by.clone(),
            measures: self.measures.iter().map(|(name, measure)| (name.clone(), measure.written())).collect(),
            having: self.having.clone(),
            sort: self.sort.clone(),
        }
    }
}
