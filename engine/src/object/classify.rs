//! Classifications: dated views of a record (a region's tier), inherited down a tree.

use crate::facts::Collection;
use crate::moment::Date;
use crate::record::Name;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A compiled dimension: an object as a coordinate of prices and lines.
#[derive(Debug)]
pub struct Dimension {
    pub name: Name,
    pub of: Name,
    /// Of a tree: the slot of the reference to the record above.
    pub parent: Option<usize>,
    pub classifications: BTreeMap<String, Classification>,
}

#[derive(Debug)]
pub struct Classification {
    pub name: Name,
    /// The object of the dated rows, and the slots of record, value and dates in it.
    pub rows: Name,
    pub record_slot: usize,
    pub value_slot: usize,
    pub from_slot: usize,
    pub to_slot: usize,
    pub default: Option<Name>,
    pub values: IndexMap<String, crate::definition::Tone>,
    /// Where its values' titles stand.
    pub text: String,
}

/// Dated rows by the record they classify.
#[derive(Debug, Default)]
pub struct Classes {
    by_record: BTreeMap<Uuid, Vec<Class>>,
}

#[derive(Clone, Debug)]
struct Class {
    value: Name,
    from: Option<Date>,
    to: Option<Date>,
    row: Uuid,
}

/// What a classification says of a record on a date.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    pub value: Name,
    /// The row that says so, and the record it stands at; neither for the default.
    pub row: Option<(Uuid, Uuid)>,
}

impl Classes {
    fn index(classification: &Classification, rows: &Collection) -> Classes {
        let mut by_record: BTreeMap<Uuid, Vec<Class>> = BTreeMap::new();
        for row in &rows.records {
            let record = row.values[classification.record_slot].as_id();
            let value = row.values[classification.value_slot].as_text();
            if let (Some(record), Some(value)) = (record, value) {
                by_record.entry(record).or_default().push(Class {
                    value: value.into(),
                    from: row.values[classification.from_slot].as_date(),
                    to: row.values[classification.to_slot].as_date(),
                    row: row.id(),
                });
            }
        }
        // The latest start first: where two rows overlap the newer one holds.
        for classes in by_record.values_mut() {
            classes.sort_by(|a, b| b.from.cmp(&a.from).then(b.row.cmp(&a.row)));
        }
        Classes { by_record }
    }

    fn on(&self, record: Uuid, date: Date) -> Option<&Class> {
        let classes = self.by_record.get(&record)?;
        classes.iter().find(|class| class.from.is_none_or(|from| from <= date) && class.to.is_none_or(|to| date < to))
    }
}

/// How far up a tree a classification is looked for: more is a circle.
const LEVELS_MAX: usize = 32;

/// What a classification says of a record on a date: its own row, else that of the nearest record above, else the default.
pub fn classify(
    dimension: &Dimension,
    classification: &Classification,
    tree: Option<&Collection>,
    rows: &Collection,
    record: Uuid,
    date: Date,
) -> Option<Classified> {
    let classes = rows.classes.get_or_init(|| Classes::index(classification, rows));
    let mut at = record;
    for _ in 0..LEVELS_MAX {
        if let Some(class) = classes.on(at, date) {
            return Some(Classified { value: class.value.clone(), row: Some((class.row, at)) });
        }
        let above = dimension.parent.and_then(|slot| tree?.get(at)?.values[slot].as_id());
        match above {
            Some(above) => at = above,
            None => break,
        }
    }
    classification.default.clone().map(|value| Classified { value, row: None })
}
