//! Tables for a terminal: columns as wide as their widest cell; a Chinese character takes two places.

use std::fmt::Write;

pub(super) enum Align {
    Left,
    Right,
}

pub(super) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[(&str, Align)]) -> Table {
        let columns = columns.iter().map(|(title, align)| ((*title).to_owned(), align.copied())).collect();
        Table { columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (title, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
                cells.chain([width(title)]).max().unwrap_or(0)
            })
            .collect();
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| title.clone()).collect();
        let mut out = String::new();
        self.line(&mut out, &titles, &widths);
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let _ = writeln!(out, "{}", rule.join("  "));
        for row in &self.rows {
            self.line(&mut out, row, &widths);
        }
        out
    }

    fn line(&self, out: &mut String, cells: &[String], widths: &[usize]) {
        let padded = cells.iter().zip(&self.columns).zip(widths).map(|((cell, (_, align)), wide)| {
            let gap = " ".repeat(wide.saturating_sub(width(cell)));
            match align {
                Align::Left => format!("{cell}{gap}"),
                Align::Right => format!("{gap}{cell}"),
            }
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

impl Align {
    fn copied(&self) -> Align {
        match self {
            Align::Left => Align::Left,
            Align::Right => Align::Right,
        }
    }
}

/// Places a text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|letter| if is_wide(letter) { 2 } else { 1 }).sum()
}

fn is_wide(letter: char) -> bool {
    matches!(u32::from(letter), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_numbers_stand_in_line() {
        let mut table = Table::new(&[("名称", Align::Left), ("金额", Align::Right)]);
        table.row(vec!["上海".into(), "240.00".into()]);
        table.row(vec!["a".into(), "9.00".into()]);
        assert_eq!(table.render(), "名称    金额\n----  ------\n上海  240.00\na       9.00\n");
    }
}
