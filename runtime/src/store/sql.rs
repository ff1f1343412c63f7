//! SQL text with its values, in the dialect of one of the two databases, and the data that goes in and comes out.
//! Knows nothing of objects or records. Text differences between the databases that are not about tables live here.

use packwork_engine::moment::Date;
use packwork_engine::query::Part;
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// Which database the text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a column holds; decides how it is written and read, since a column's own type cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Text,
    /// Digits after the point.
    Decimal(u32),
    Bool,
    Date,
    Int,
    Json,
    Bytes,
}

/// One value on its way in or out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Null(Kind),
    Id(Uuid),
    Text(Arc<str>),
    /// A number and the scale of its column.
    Decimal(Decimal, u32),
    Bool(bool),
    Date(Date),
    Int(i64),
    Json(String),
    Bytes(Vec<u8>),
    /// One bind that stands for many values; see [`Sql::any_of`].
    Ids(Vec<Uuid>),
    Texts(Vec<Arc<str>>),
    Ints(Vec<i64>),
}

impl Datum {
    pub(crate) fn text(text: &str) -> Datum {
        Datum::Text(text.into())
    }

    pub(crate) fn optional_text(text: Option<&str>) -> Datum {
        text.map_or(Datum::Null(Kind::Text), Datum::text)
    }

    pub(crate) fn optional_id(id: Option<Uuid>) -> Datum {
        id.map_or(Datum::Null(Kind::Id), Datum::Id)
    }

    pub(crate) fn optional_int(number: Option<i64>) -> Datum {
        number.map_or(Datum::Null(Kind::Int), Datum::Int)
    }

    pub(crate) fn json(json: &impl serde::Serialize) -> Datum {
        Datum::Json(serde_json::to_string(json).expect("stored documents have text keys only"))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Datum::Null(_))
    }
}

/// A statement being built: text and binds in step.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) dialect: Dialect,
    pub(crate) text: String,
    pub(crate) binds: Vec<Datum>,
}

impl Sql {
    pub(crate) fn new(dialect: Dialect) -> Sql {
        Sql { dialect, text: String::with_capacity(256), binds: Vec::new() }
    }

    /// A whole statement; every `?` in it takes the next bind.
    pub(crate) fn of(dialect: Dialect, text: &str, binds: Vec<Datum>) -> Sql {
        let mut sql = Sql::new(dialect);
        sql.with(text, binds);
        sql
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Sql {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder for a value.
    pub(crate) fn bind(&mut self, datum: Datum) -> &mut Sql {
        self.binds.push(datum);
        match self.dialect {
            Dialect::Sqlite => self.text.push('?'),
            Dialect::Postgres => {
                self.text.push('$');
                push_number(&mut self.text, self.binds.len());
            }
        }
        self
    }

    /// Appends text whose every `?` takes the next bind. For texts of ours: a `?` inside quotes would be taken too.
    pub(crate) fn with(&mut self, text: &str, binds: Vec<Datum>) -> &mut Sql {
        let mut parts = text.split('?');
        if let Some(first) = parts.next() {
            self.push(first);
        }
        let mut binds = binds.into_iter();
        for part in parts {
            self.bind(binds.next().expect("a statement has as many binds as `?`"));
            self.push(part);
        }
        debug_assert!(binds.next().is_none(), "a statement has as many `?` as binds: {text}");
        self
    }

    /// Appends a statement of PostgreSQL with its binds; its placeholders are counted on. For texts of ours, in which `$`
    /// stands before numbers of binds only.
    pub(crate) fn append(&mut self, other: Sql) -> &mut Sql {
        let before = self.binds.len();
        let mut parts = other.text.split('$');
        self.push(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.len() - part.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let number: usize = part[..digits].parse().unwrap_or_default();
            self.push("$").number(before + number).push(&part[digits..]);
        }
        self.binds.extend(other.binds);
        self
    }

    /// `column IN (all of these)` with one bind, so that the text does not depend on how many there are. One value is
    /// the common case, and cheaper said as such.
    pub(crate) fn any_of(&mut self, column: &str, values: Datum) -> &mut Sql {
        self.push(column);
        let only = match &values {
            Datum::Ids(ids) => <[Uuid; 1]>::try_from(&ids[..]).ok().map(|[id]| Datum::Id(id)),
            Datum::Texts(texts) => texts.first().filter(|_| texts.len() == 1).cloned().map(Datum::Text),
            _ => None,
        };
        if let Some(only) = only {
            return self.push(" = ").bind(only);
        }
        match (self.dialect, &values) {
            (Dialect::Sqlite, Datum::Ids(_)) => {
                self.push(" IN (SELECT unhex(value) FROM json_each(").bind(values).push("))")
            }
            (Dialect::Sqlite, _) => self.push(" IN (SELECT value FROM json_each(").bind(values).push("))"),
            (Dialect::Postgres, _) => self.push(" = ANY(").bind(values).push(")"),
        }
    }

    /// A number that is part of the text, such as a limit.
    pub(crate) fn number(&mut self, number: impl TryInto<usize>) -> &mut Sql {
        push_number(&mut self.text, number.try_into().unwrap_or(usize::MAX >> 1));
        self
    }
}

fn push_number(text: &mut String, number: usize) {
    use std::fmt::Write;
    let _ = write!(text, "{number}");
}

impl Dialect {
    /// How many binds one statement may have.
    pub(crate) fn binds_max(self) -> usize {
        match self {
            Dialect::Sqlite => 32_766,
            Dialect::Postgres => 65_535,
        }
    }

    /// The column type of a kind.
    pub(crate) fn column_type(self, kind: Kind) -> String {
        match (self, kind) {
            (Dialect::Sqlite, Kind::Id | Kind::Bytes) => "BLOB".into(),
            (Dialect::Sqlite, Kind::Text | Kind::Date | Kind::Json) => "TEXT".into(),
            (Dialect::Sqlite, Kind::Decimal(_) | Kind::Bool | Kind::Int) => "INTEGER".into(),
            (Dialect::Postgres, Kind::Id) => "UUID".into(),
            // Byte order, as in SQLite: lists and pages come in the same order on both.
            (Dialect::Postgres, Kind::Text) => "TEXT COLLATE \"C\"".into(),
            (Dialect::Postgres, Kind::Decimal(scale)) => format!("NUMERIC({}, {scale})", 18.max(scale + 1)),
            (Dialect::Postgres, Kind::Bool) => "BOOLEAN".into(),
            (Dialect::Postgres, Kind::Date) => "DATE".into(),
            (Dialect::Postgres, Kind::Int) => "BIGINT".into(),
            (Dialect::Postgres, Kind::Json) => "JSONB".into(),
            (Dialect::Postgres, Kind::Bytes) => "BYTEA".into(),
        }
    }

    /// Case-insensitive matching of a pattern whose `\` escapes. On both databases ASCII letters only.
    pub(crate) fn like(self) -> &'static str {
        match self {
            Dialect::Sqlite => "LIKE",
            Dialect::Postgres => "ILIKE",
        }
    }

    /// The member of a JSON column, still as JSON.
    pub(crate) fn json_member(self, column: &str, name: &str) -> String {
        let name = name.replace('\'', "''");
        match self {
            Dialect::Sqlite => format!("{column} -> '$.\"{}\"'", name.replace('"', "")),
            Dialect::Postgres => format!("{column} -> '{name}'"),
        }
    }

    /// The texts of a JSON array column, as a table with the column `value`.
    pub(crate) fn json_texts(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => format!("json_each({column}) AS item"),
            Dialect::Postgres => format!("jsonb_array_elements_text({column}) AS item(value)"),
        }
    }

    /// The ids in a JSON array column, as a query of one column.
    pub(crate) fn json_ids(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => format!("SELECT unhex(replace(item.value, '-', '')) FROM json_each({column}) AS item"),
            Dialect::Postgres => format!("SELECT item.id::uuid FROM jsonb_array_elements_text({column}) AS item(id)"),
        }
    }

    /// A part of a date column, and what it holds.
    pub(crate) fn date_part(self, column: &str, part: Part) -> (String, Kind) {
        let text = match (self, part) {
            (_, Part::Day | Part::Hour | Part::Currency) => return (column.to_owned(), Kind::Date),
            (Dialect::Sqlite, Part::Year) => format!("substr({column}, 1, 4)"),
            (Dialect::Sqlite, Part::Month) => format!("substr({column}, 1, 7)"),
            (Dialect::Sqlite, Part::Quarter) => {
                format!("substr({column}, 1, 4) || '-Q' || ((CAST(substr({column}, 6, 2) AS INTEGER) + 2) / 3)")
            }
            (Dialect::Sqlite, Part::Week) => format!("strftime('%G-W%V', {column})"),
            (Dialect::Sqlite, Part::Weekday) => {
                return (format!("CAST(strftime('%u', {column}) AS INTEGER)"), Kind::Int);
            }
            (Dialect::Postgres, Part::Year) => format!("to_char({column}, 'YYYY')"),
            (Dialect::Postgres, Part::Month) => format!("to_char({column}, 'YYYY-MM')"),
            (Dialect::Postgres, Part::Quarter) => format!("to_char({column}, 'YYYY-\"Q\"Q')"),
            (Dialect::Postgres, Part::Week) => format!("to_char({column}, 'IYYY-\"W\"IW')"),
            (Dialect::Postgres, Part::Weekday) => {
                return (format!("CAST(extract(isodow FROM {column}) AS BIGINT)"), Kind::Int);
            }
        };
        (text, Kind::Text)
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

/// The hour of a moment column, in a zone whose offsets (in seconds) hold from these microseconds on. In whole numbers,
/// since neither database may be asked for zones: SQLite knows none, and PostgreSQL's may be of another year.
pub(crate) fn hour_of(column: &str, offsets: &[(i64, i32)]) -> String {
    format!("({} / 3600000000)", time_of_day(&local(column, offsets)))
}

/// The date of a moment column, in the same way.
pub(crate) fn date_of(dialect: Dialect, column: &str, offsets: &[(i64, i32)]) -> String {
    let local = local(column, offsets);
    let days = format!("(({local} - {}) / {DAY_MICROS})", time_of_day(&local));
    match dialect {
        Dialect::Sqlite => format!("date({days} * 86400, 'unixepoch')"),
        Dialect::Postgres => format!("(DATE '1970-01-01' + CAST({days} AS INTEGER))"),
    }
}

/// Moments before 1970 are negative; their remainder is too.
fn time_of_day(local: &str) -> String {
    format!("(({local} % {DAY_MICROS} + {DAY_MICROS}) % {DAY_MICROS})")
}

/// A moment with its zone's offset added.
fn local(column: &str, offsets: &[(i64, i32)]) -> String {
    let micros = |seconds: i32| i64::from(seconds) * 1_000_000;
    match offsets {
        [] => column.to_owned(),
        [(_, only)] => format!("({column} + {})", micros(*only)),
        [(_, first), rest @ ..] => {
            // The newest first: most records are young.
            let mut text = format!("({column} + CASE");
            for (from, offset) in rest.iter().rev() {
                text.push_str(&format!(" WHEN {column} >= {from} THEN {}", micros(*offset)));
            }
            format!("{text} ELSE {} END)", micros(*first))
        }
    }
}

/// A pattern for `LIKE … ESCAPE '\'` that matches the text as it is.
pub(crate) fn escaped_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 4);
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// The number's digits before a point moved to its end, as SQLite keeps it; `None` where it does not fit.
pub(crate) fn scaled(number: Decimal, scale: u32) -> Option<i64> {
    let mut number = number;
    if number.scale() > scale {
        number = number.round_dp(scale);
    }
    let missing = scale - number.scale();
    number.mantissa().checked_mul(10_i128.checked_pow(missing)?).and_then(|digits| i64::try_from(digits).ok())
}

/// The number a scaled integer stands for.
pub(crate) fn unscaled(digits: i64, scale: u32) -> Decimal {
    Decimal::from_i128_with_scale(i128::from(digits), scale)
}
