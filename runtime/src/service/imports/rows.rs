//! The rows of an uploaded file, one after the other, whatever its format. Reads the file piece by piece out of the
//! store; what is wrong with a row is told with the row.

use super::csv::{self, Parser};
use super::encoding::Encoding;
use super::xlsx;
use crate::app::App;
use crate::service::{Answer, Error, refuse};
use crate::store::Scope;
use packwork_engine::codes::Code;
use packwork_engine::refusal::Refusal;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Columns of one file.
pub const COLUMNS_MAX: usize = 256;
/// Rows of one file: what a sheet of a spreadsheet holds.
pub const ROWS_MAX: i64 = 1_048_576;
/// Bytes of the file that are kept, and read, at once.
pub const PIECE_BYTES: usize = 512 * 1024;
/// Rows a spreadsheet is read ahead.
const READ_AHEAD: usize = 1_000;

/// A row as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRow {
    /// The header is row 1.
    pub number: i64,
    pub cells: Result<Vec<Cell>, Fault>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Wrong(Fault),
}

/// Why a row or a cell cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    RowTooLong(usize),
    TooManyCells(usize),
    /// More or fewer cells than columns.
    Ragged {
        cells: usize,
        columns: usize,
    },
    BadEncoding(&'static str),
    ZeroCharacter,
    /// A spreadsheet's own error, such as `#REF!`.
    Formula(String),
}

impl Fault {
    pub fn message(&self) -> String {
        match self {
            Fault::RowTooLong(limit) => format!("the row has more than {limit} bytes"),
            Fault::TooManyCells(limit) => format!("the row has more than {limit} cells"),
            Fault::Ragged { cells, columns } => format!("the row has {cells} cells, the header has {columns}"),
            Fault::BadEncoding(encoding) => format!("the cell holds bytes that are no {encoding}"),
            Fault::ZeroCharacter => "the cell holds a zero character".into(),
            Fault::Formula(error) => format!("the cell's formula failed: {error}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Xlsx,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
        }
    }

    pub fn named(name: &str) -> Option<Format> {
        [Format::Csv, Format::Xlsx].into_iter().find(|format| format.as_str() == name)
    }
}

/// How a file is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    Csv { encoding: Encoding, delimiter: u8 },
    Xlsx { sheet: Option<String> },
}

pub struct Rows {
    way: Way,
}

enum Way {
    Csv { import: Uuid, next: i64, ended: bool, parser: Box<Parser> },
    Xlsx(mpsc::Receiver<Result<RawRow, Refusal>>),
}

/// What the first bytes of a file tell of how to read it.
pub fn sniff(head: &[u8]) -> Result<Reading, Refusal> {
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Reading::Xlsx { sheet: None });
    }
    if head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(bad_file("old_excel", "the file is an old Excel file (.xls): save it as .xlsx"));
    }
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(bad_file("empty", "the file is empty"));
    }
    Ok(csv_reading(Encoding::sniff(head), head))
}

/// The separator is looked for in the text.
pub fn csv_reading(encoding: Encoding, head: &[u8]) -> Reading {
    let head = encoding.transcoder().next(head.to_vec(), false);
    let delimiter = csv::delimiter(&String::from_utf8_lossy(&head));
    Reading::Csv { encoding, delimiter }
}

/// A file that cannot be imported as it is. `reason` is one word for programs.
pub fn bad_file(reason: &str, detail: impl Into<String>) -> Refusal {
    refuse(Code::BadFile, detail).with("reason", reason)
}

impl Rows {
    pub async fn open(app: &App, scope: &Scope, import: Uuid, reading: &Reading) -> Answer<Rows> {
        let way = match reading {
            Reading::Csv { encoding, delimiter } => {
                let parser = Box::new(Parser::new(*encoding, *delimiter));
                Way::Csv { import, next: 0, ended: false, parser }
            }
            Reading::Xlsx { sheet } => {
                let file = xlsx::fetch(app, scope, import).await?;
                let (sender, receiver) = mpsc::channel(READ_AHEAD);
                let sheet = sheet.clone();
                tokio::task::spawn_blocking(move || xlsx::read(file, sheet.as_deref(), &sender));
                Way::Xlsx(receiver)
            }
        };
        Ok(Rows { way })
    }

    pub async fn next(&mut self, app: &App, scope: &Scope) -> Answer<Option<RawRow>> {
        match &mut self.way {
            Way::Xlsx(receiver) => receiver.recv().await.transpose().map_err(Error::from),
            Way::Csv { import, next, ended, parser } => loop {
                if let Some(row) = parser.ready.pop_front() {
                    return Ok(Some(row));
                }
                if *ended {
                    return Ok(None);
                }
                match app.store.piece(scope, *import, *next).await? {
                    Some(bytes) => {
                        parser.push(bytes, false);
                        *next += 1;
                    }
                    None => {
                        parser.push(Vec::new(), true);
                        *ended = true;
                    }
                }
            },
        }
    }
}
