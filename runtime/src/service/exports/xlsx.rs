//! Spreadsheets written row by row: what is written can be taken away at once, so that memory does not grow with the
//! file. Numbers are written as their digits; no binary float comes near them.

use crate::service::{Answer, Error};
use packwork_engine::moment::Date;
use rust_decimal::Decimal;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

pub const MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// What a spreadsheet keeps exactly: longer numbers are written as texts.
const DIGITS_MAX: usize = 15;

pub enum Cell {
    Empty,
    Heading(String),
    Text(String),
    Number(Decimal),
    Date(Date),
    /// A date and the seconds since its midnight.
    Time(Date, i64),
    Bool(bool),
}

/// Takes what the archive writes until somebody fetches it.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub struct Book {
    sink: Sink,
    archive: ZipWriter<StreamWriter<Sink>>,
    sheets: Vec<String>,
    sheet: usize,
    row: usize,
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
<numFmts count=\"2\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>\
<numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/></numFmts>\
<fonts count=\"2\"><font><sz val=\"11\"/></font><font><b/><sz val=\"11\"/></font></fonts>\
<fills count=\"1\"><fill><patternFill patternType=\"none\"/></fill></fills><borders count=\"1\"><border/></borders>\
<cellStyleXfs count=\"1\"><xf/></cellStyleXfs><cellXfs count=\"4\"><xf/>\
<xf numFmtId=\"164\" applyNumberFormat=\"1\"/><xf numFmtId=\"165\" applyNumberFormat=\"1\"/>\
<xf fontId=\"1\" applyFont=\"1\"/></cellXfs></styleSheet>";

impl Book {
    /// Begins a file with these sheets, and its first sheet.
    pub fn new(sheets: &[String]) -> Answer<Book> {
        let sink = Sink::default();
        let archive = ZipWriter::new_stream(sink.clone());
        let sheets = sheets.iter().map(|name| sheet_name(name)).collect();
        let mut book = Book { sink, archive, sheets, sheet: 0, row: 0 };
        let types: String = (1..=book.sheets.len())
            .map(|at| format!("<Override PartName=\"/xl/worksheets/sheet{at}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"))
            .collect();
        book.part("[Content_Types].xml", &format!(
            "{HEAD}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>{types}</Types>"
        ))?;
        let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        book.part(
            "_rels/.rels",
            &format!(
                "{HEAD}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
             <Relationship Id=\"rId1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        )?;
        let listed: String = book
            .sheets
            .iter()
            .enumerate()
            .map(|(at, name)| format!("<sheet name=\"{}\" sheetId=\"{1}\" r:id=\"rId{1}\"/>", escaped(name), at + 1))
            .collect();
        book.part("xl/workbook.xml", &format!(
            "{HEAD}<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{relations}\"><sheets>{listed}</sheets></workbook>"
        ))?;
        let targets: String = (1..=book.sheets.len())
            .map(|at| {
                format!(
                    "<Relationship Id=\"rId{at}\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>"
                )
            })
            .collect();
        let styles = book.sheets.len() + 1;
        book.part(
            "xl/_rels/workbook.xml.rels",
            &format!(
                "{HEAD}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{targets}\
             <Relationship Id=\"rId{styles}\" Type=\"{relations}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        )?;
        book.part("xl/styles.xml", &format!("{HEAD}{STYLES}"))?;
        book.begin_sheet()?;
        Ok(book)
    }

    fn part(&mut self, name: &str, text: &str) -> Answer<()> {
        self.archive.start_file(name, SimpleFileOptions::default()).map_err(failed)?;
        self.write(text)
    }

    fn write(&mut self, text: &str) -> Answer<()> {
        self.archive.write_all(text.as_bytes()).map_err(failed)
    }

    fn begin_sheet(&mut self) -> Answer<()> {
        self.sheet += 1;
        self.row = 0;
        let name = format!("xl/worksheets/sheet{}.xml", self.sheet);
        let text =
            format!("{HEAD}<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>");
        self.part(&name, &text)
    }

    pub fn next_sheet(&mut self) -> Answer<()> {
        self.write("</sheetData></worksheet>")?;
        self.begin_sheet()
    }

    pub fn row(&mut self, cells: impl Iterator<Item = Cell>) -> Answer<()> {
        self.row += 1;
        let mut text = format!("<row r=\"{}\">", self.row);
        for (at, cell) in cells.enumerate() {
            let place = format!("{}{}", column(at), self.row);
            match cell {
                Cell::Empty => {}
                Cell::Heading(words) => text.push_str(&inline(&place, " s=\"3\"", &words)),
                Cell::Text(words) if words.is_empty() => {}
                Cell::Text(words) => text.push_str(&inline(&place, "", &words)),
                Cell::Number(number) if digits(number) > DIGITS_MAX => {
                    text.push_str(&inline(&place, "", &number.to_string()));
                }
                Cell::Number(number) => text.push_str(&format!("<c r=\"{place}\"><v>{number}</v></c>")),
                Cell::Date(date) => match serial(date) {
                    Some(days) => text.push_str(&format!("<c r=\"{place}\" s=\"1\"><v>{days}</v></c>")),
                    None => text.push_str(&inline(&place, "", &date.to_string())),
                },
                Cell::Time(date, seconds) => match serial(date) {
                    Some(days) => {
                        let part = (Decimal::from(seconds) / Decimal::from(86_400)).round_dp(10).normalize();
                        let serial = Decimal::from(days) + part;
                        text.push_str(&format!("<c r=\"{place}\" s=\"2\"><v>{serial}</v></c>"));
                    }
                    None => text.push_str(&inline(&place, "", &date.to_string())),
                },
                Cell::Bool(flag) => {
                    text.push_str(&format!("<c r=\"{place}\" t=\"b\"><v>{}</v></c>", i32::from(flag)));
                }
            }
        }
        text.push_str("</row>");
        self.write(&text)
    }

    /// What is written so far and was not taken yet.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.sink.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the file and gives what is left of it.
    pub fn finish(mut self) -> Answer<Vec<u8>> {
        self.write("</sheetData></worksheet>")?;
        let Book { sink, archive, .. } = self;
        archive.finish().map_err(failed)?;
        let bytes = std::mem::take(&mut *sink.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(bytes)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Broken(format!("writing a spreadsheet: {error}"))
}

fn inline(place: &str, style: &str, text: &str) -> String {
    format!("<c r=\"{place}\"{style} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>", escaped(text))
}

/// Letters XML has no place for are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(letter))),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {}
            other => out.push(other),
        }
    }
    out
}

/// 0 is A, 26 is AA.
fn column(mut at: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + u8::try_from(at % 26).unwrap_or(0));
        if at < 26 {
            break;
        }
        at = at / 26 - 1;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

fn digits(number: Decimal) -> usize {
    number.normalize().mantissa().unsigned_abs().to_string().len()
}

/// The day's number in a spreadsheet; earlier ones than its March 1900 have none that all agree on.
fn serial(date: Date) -> Option<i32> {
    let days = jiff::civil::date(1899, 12, 30).until((jiff::Unit::Day, date)).ok()?.get_days();
    (days >= 61).then_some(days)
}

/// A sheet's name has at most 31 letters and none of these.
fn sheet_name(name: &str) -> String {
    let name: String = name.chars().filter(|letter| !"[]:*?/\\".contains(*letter)).take(31).collect();
    if name.is_empty() { "Sheet".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered() {
        for (at, expect) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(column(at), expect);
        }
    }
}
