//! Spreadsheets (`.xlsx`): what a file unpacks to is measured before anything is made of it, then its rows are read one
//! after the other.

use super::rows::{COLUMNS_MAX, Cell, Fault, RawRow, bad_file};
use crate::app::App;
use crate::service::{Answer, Error};
use crate::store::Scope;
use calamine::{CellErrorType, DataRef, Reader, Xlsx};
use packwork_engine::refusal::Refusal;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Parts of one file: a workbook of a hundred sheets has some hundred.
const PARTS_MAX: usize = 2_000;
/// What one part may unpack to: a sheet with a million rows of twenty cells.
const PART_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Parts that are held in memory while the sheet is read: shared texts, styles, the list of sheets.
const HELD_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// A cell holds at most 32,767 letters.
const CELL_LETTERS_MAX: usize = 32_767;

/// Brings the uploaded file from the store into a file of its own, which goes when it is closed.
pub async fn fetch(app: &App, scope: &Scope, import: Uuid) -> Answer<File> {
    let failed = |error: std::io::Error| Error::Broken(format!("a temporary file: {error}"));
    let mut file = nameless(&app.entropy.bytes::<8>()).map_err(failed)?;
    for ordinal in 0.. {
        let Some(bytes) = app.store.piece(scope, import, ordinal).await? else { break };
        file.write_all(&bytes).map_err(failed)?;
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(file)
}

/// A file nobody else can open: its name is gone before anything is written.
fn nameless(random: &[u8]) -> std::io::Result<File> {
    let name = format!("packwork-{}-{}", std::process::id(), crate::auth::token::hex(random));
    let path = std::env::temp_dir().join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Unpacks everything once without keeping it: what the file says of its own sizes may be a lie.
fn measure(file: &mut File) -> Result<(), Refusal> {
    let broken = |error: zip::result::ZipError| bad_file("broken", format!("the file is no spreadsheet: {error}"));
    let mut archive = zip::ZipArchive::new(BufReader::new(&mut *file)).map_err(broken)?;
    if archive.len() > PARTS_MAX {
        let detail = format!("the file has more than {PARTS_MAX} parts");
        return Err(bad_file("too_large_unpacked", detail).with("limit", "PARTS_MAX"));
    }
    let mut held = 0_u64;
    let mut buffer = vec![0_u8; 64 * 1024];
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(broken)?;
        let streamed =
            part.name().is_ok_and(|name| name.starts_with("xl/worksheets/") || name.starts_with("xl/media/"));
        let mut size = 0_u64;
        loop {
            let read = part
                .read(&mut buffer)
                .map_err(|error| bad_file("broken", format!("the file is no whole spreadsheet: {error}")))?;
            if read == 0 {
                break;
            }
            size += read as u64;
            held += if streamed { 0 } else { read as u64 };
            if size > PART_BYTES_MAX || held > HELD_BYTES_MAX {
                return Err(bad_file("too_large_unpacked", "the file unpacks to more than can be read")
                    .with("limit_bytes", if size > PART_BYTES_MAX { PART_BYTES_MAX } else { HELD_BYTES_MAX }));
            }
        }
    }
    drop(archive);
    file.seek(SeekFrom::Start(0)).map_err(|error| bad_file("broken", error.to_string()))?;
    Ok(())
}

fn open(mut file: File) -> Result<Xlsx<BufReader<File>>, Refusal> {
    measure(&mut file)?;
    Xlsx::new(BufReader::new(file)).map_err(|error| bad_file("broken", format!("the file is no spreadsheet: {error}")))
}

/// The names of a file's sheets.
pub async fn sheets(app: &App, scope: &Scope, import: Uuid) -> Answer<Vec<String>> {
    let file = fetch(app, scope, import).await?;
    let opened = tokio::task::spawn_blocking(move || open(file).map(|book| book.sheet_names()));
    Ok(opened.await.map_err(Error::task)??)
}

/// Sends the rows of a sheet until there are no more, or nobody wants them.
pub fn read(file: File, sheet: Option<&str>, rows: &mpsc::Sender<Result<RawRow, Refusal>>) {
    if let Err(refusal) = send(file, sheet, rows) {
        let _ = rows.blocking_send(Err(refusal));
    }
}

fn send(file: File, sheet: Option<&str>, rows: &mpsc::Sender<Result<RawRow, Refusal>>) -> Result<(), Refusal> {
    let mut book = open(file)?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
        Some(name) => {
            return Err(bad_file("no_sheet", format!("the file has no sheet `{name}`")).with("sheets", names));
        }
        None => names.first().cloned().ok_or_else(|| bad_file("empty", "the file has no sheet"))?,
    };
    let broken = |error: calamine::XlsxError| bad_file("broken", format!("the sheet cannot be read: {error}"));
    let mut cells = book.worksheet_cells_reader(&name).map_err(broken)?;
    let mut row = RawRow { number: 0, cells: Ok(Vec::new()) };
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (line, column) = cell.get_position();
        let number = i64::from(line) + 1;
        if number != row.number {
            let full = std::mem::replace(&mut row, RawRow { number, cells: Ok(Vec::new()) });
            if holds(&full) && rows.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
        put(&mut row, column as usize, text(cell.get_value()));
    }
    if holds(&row) {
        let _ = rows.blocking_send(Ok(row));
    }
    Ok(())
}

fn holds(row: &RawRow) -> bool {
    match &row.cells {
        Ok(cells) => cells.iter().any(|cell| !matches!(cell, Cell::Text(text) if text.is_empty())),
        Err(_) => true,
    }
}

fn put(row: &mut RawRow, column: usize, cell: Cell) {
    let Ok(cells) = &mut row.cells else { return };
    if matches!(&cell, Cell::Text(text) if text.is_empty()) {
        return;
    }
    if column >= COLUMNS_MAX {
        row.cells = Err(Fault::TooManyCells(COLUMNS_MAX));
        return;
    }
    while cells.len() <= column {
        cells.push(Cell::Text(String::new()));
    }
    cells[column] = cell;
}

/// A cell as people would type it. Numbers keep the digits the file has for them.
fn text(value: &DataRef<'_>) -> Cell {
    let text = match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::Error(CellErrorType::NA) => String::new(),
        DataRef::Error(error) => return Cell::Wrong(Fault::Formula(error.to_string())),
    };
    if text.contains('\0') {
        return Cell::Wrong(Fault::ZeroCharacter);
    }
    if text.len() > CELL_LETTERS_MAX * 4 {
        return Cell::Wrong(Fault::RowTooLong(CELL_LETTERS_MAX * 4));
    }
    Cell::Text(text)
}
