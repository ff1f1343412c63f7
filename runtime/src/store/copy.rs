//! Many rows into one table of PostgreSQL: as a stream in its text form, which it takes several times as fast as statements
//! with values.

use super::sql::Datum;
use sqlx::PgConnection;
use std::fmt::Write;

/// Sends rows to a table; `into` is `table (columns)`.
pub(super) async fn copy_in(connection: &mut PgConnection, into: &str, rows: &[Vec<Datum>]) -> Result<(), sqlx::Error> {
    let mut text = String::with_capacity(rows.len() * 1_024);
    for row in rows {
        for (place, datum) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            push(&mut text, datum)?;
        }
        text.push('\n');
    }
    let mut sink = connection.copy_in_raw(&format!("COPY {into} FROM STDIN")).await?;
    sink.send(text.as_bytes()).await?;
    sink.finish().await.map(|_| ())
}

fn push(text: &mut String, datum: &Datum) -> Result<(), sqlx::Error> {
    let written = match datum {
        Datum::Null(_) => write!(text, "\\N"),
        Datum::Id(id) => write!(text, "{}", id.hyphenated()),
        Datum::Text(value) => escape(text, value),
        Datum::Json(value) => escape(text, value),
        Datum::Decimal(number, _) => write!(text, "{number}"),
        Datum::Bool(flag) => write!(text, "{flag}"),
        Datum::Date(date) => write!(text, "{date}"),
        Datum::Int(number) => write!(text, "{number}"),
        Datum::Bytes(_) | Datum::Ids(_) | Datum::Texts(_) | Datum::Ints(_) => {
            return Err(sqlx::Error::Encode("lists and bytes are not sent as a stream".into()));
        }
    };
    written.map_err(|error| sqlx::Error::Encode(error.into()))
}

fn escape(text: &mut String, value: &str) -> std::fmt::Result {
    for letter in value.chars() {
        match letter {
            '\\' => text.write_str("\\\\")?,
            '\t' => text.write_str("\\t")?,
            '\n' => text.write_str("\\n")?,
            '\r' => text.write_str("\\r")?,
            other => text.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::Kind;
    use super::*;

    #[test]
    fn what_ends_a_field_or_a_row_is_escaped() {
        let mut text = String::new();
        let row = [Datum::text("a\tb\\N\nc\r"), Datum::Null(Kind::Text), Datum::Json(r#"{"a":"\n"}"#.into())];
        for datum in &row {
            push(&mut text, datum).expect("texts are written");
            text.push('|');
        }
        assert_eq!(text, "a\\tb\\\\N\\nc\\r|\\N|{\"a\":\"\\\\n\"}|");
    }
}
