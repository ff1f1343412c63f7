//! CSV taken apart as its bytes come: bounded rows, whatever the file holds. Memory does not grow with the file, nor
//! with a line of it.

use super::encoding::{Encoding, Transcoder};
use super::rows::{COLUMNS_MAX, Cell, Fault, RawRow};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::collections::VecDeque;

/// The most one row may hold; a longer one is told and skipped.
const ROW_BYTES_MAX: usize = 1024 * 1024;
const ROW_BYTES_BEGIN: usize = 4 * 1024;

pub struct Parser {
    reader: Reader,
    encoding: Encoding,
    transcoder: Transcoder,
    output: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    ended: usize,
    fault: Option<Fault>,
    /// The number of the row that is being read; the header is row 1.
    number: i64,
    pub ready: VecDeque<RawRow>,
}

impl Parser {
    pub fn new(encoding: Encoding, delimiter: u8) -> Parser {
        Parser {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            encoding,
            transcoder: encoding.transcoder(),
            output: vec![0; ROW_BYTES_BEGIN],
            written: 0,
            ends: vec![0; COLUMNS_MAX + 1],
            ended: 0,
            fault: None,
            number: 1,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next piece of the file; `last` with the piece that ends it.
    pub fn push(&mut self, bytes: Vec<u8>, last: bool) {
        let bytes = self.transcoder.next(bytes, last);
        self.parse(&bytes);
        if last {
            // Told twice that nothing follows: the first ends the last row, the second the file.
            self.parse_end();
        }
    }

    fn parse(&mut self, mut input: &[u8]) {
        while !input.is_empty() {
            input = &input[self.step(input).1..];
        }
    }

    fn parse_end(&mut self) {
        while self.step(&[]).0 != ReadRecordResult::End {}
    }

    fn step(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
        let (result, read, wrote, ended) =
            self.reader.read_record(input, &mut self.output[self.written..], &mut self.ends[self.ended..]);
        self.written += wrote;
        self.ended += ended;
        match result {
            ReadRecordResult::OutputFull if self.output.len() < ROW_BYTES_MAX => {
                self.output.resize((self.output.len() * 4).min(ROW_BYTES_MAX), 0);
            }
            ReadRecordResult::OutputFull => {
                self.fault.get_or_insert(Fault::RowTooLong(ROW_BYTES_MAX));
                self.written = 0;
            }
            ReadRecordResult::OutputEndsFull => {
                self.fault.get_or_insert(Fault::TooManyCells(COLUMNS_MAX));
                self.ended = 0;
            }
            ReadRecordResult::Record => self.record(),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        (result, read)
    }

    fn record(&mut self) {
        let mut start = 0;
        let cells = match self.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(self.ends[..self.ended]
                .iter()
                .map(|end| {
                    let bytes = &self.output[start..*end];
                    start = *end;
                    match self.encoding.text(bytes) {
                        None => Cell::Wrong(Fault::BadEncoding(self.encoding.as_str())),
                        Some(text) if text.contains('\0') => Cell::Wrong(Fault::ZeroCharacter),
                        Some(text) => Cell::Text(text),
                    }
                })
                .collect()),
        };
        self.ready.push_back(RawRow { number: self.number, cells });
        self.number += 1;
        (self.written, self.ended) = (0, 0);
        if self.output.len() > ROW_BYTES_BEGIN * 16 {
            self.output = vec![0; ROW_BYTES_BEGIN];
        }
    }
}

/// The separator of a file, by its first line.
pub fn delimiter(head: &str) -> u8 {
    let mut quoted = false;
    let mut seen = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    for byte in head.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => seen.iter_mut().filter(|(one, _)| *one == byte).for_each(|(_, count)| *count += 1),
        }
    }
    // The first of those seen most often.
    seen.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(byte, _)| *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<RawRow> {
        let mut parser = Parser::new(Encoding::Utf8, b',');
        for (index, piece) in pieces.iter().enumerate() {
            parser.push(piece.to_vec(), index + 1 == pieces.len());
        }
        parser.ready.into_iter().collect()
    }

    fn texts(row: &RawRow) -> Vec<&str> {
        let text = |cell: &'_ Cell| -> &'static str {
            match cell {
                Cell::Text(text) => String::leak(text.clone()),
                Cell::Wrong(_) => "?",
            }
        };
        row.cells.as_ref().map(|cells| cells.iter().map(text).collect()).unwrap_or_default()
    }

    #[test]
    fn rows_come_out_wherever_the_file_is_cut() {
        let file = "a,b\n\"x\"\"y\",\"1\n2\"\n\n上海,3".as_bytes();
        for cut in 1..file.len() {
            let rows = parse(&[&file[..cut], &file[cut..]]);
            let expect = [vec!["a", "b"], vec!["x\"y", "1\n2"], vec!["上海", "3"]];
            assert_eq!(rows.iter().map(texts).collect::<Vec<_>>(), expect, "cut at {cut}");
            assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
        }
    }

    #[test]
    fn a_row_without_end_is_told_and_takes_no_memory() {
        let mut parser = Parser::new(Encoding::Utf8, b',');
        parser.push(b"a,b\n".to_vec(), false);
        for _ in 0..64 {
            parser.push(vec![b'x'; 256 * 1024], false);
            assert!(parser.output.len() <= ROW_BYTES_MAX);
        }
        parser.push(b"\nc,d\n".to_vec(), true);
        let rows: Vec<RawRow> = parser.ready.into_iter().collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1].cells, Err(Fault::RowTooLong(ROW_BYTES_MAX)));
        assert_eq!(texts(&rows[2]), ["c", "d"]);
    }

    #[test]
    fn broken_cells_are_told_alone() {
        let rows = parse(&[b"a,\xff\xfe,c\nd,e\0,f\n"]);
        assert_eq!((texts(&rows[0]), texts(&rows[1])), (vec!["a", "?", "c"], vec!["d", "?", "f"]));
        let wide = vec!["x"; 300].join(",");
        assert_eq!(parse(&[wide.as_bytes()])[0].cells, Err(Fault::TooManyCells(COLUMNS_MAX)));
    }

    #[test]
    fn the_first_line_tells_the_separator() {
        for (head, expect) in
            [("a,b;c,d", b','), ("a;b;c", b';'), ("a\tb", b'\t'), ("\"a;b;c\",d\n;;;;", b','), ("a", b',')]
        {
            assert_eq!(delimiter(head), expect, "{head}");
        }
    }
}
