//! Lines of CSV, safe to open in a spreadsheet.

/// Appends a line.
pub fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r', ';', '\t']) || cell.starts_with(' ') || cell.ends_with(' ') {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

/// A text a spreadsheet would run as a formula gets an apostrophe; imports take it off again.
pub fn safe(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut out = String::new();
        line(&mut out, ["a", "b,c", "d\"e", "f\ng", " h", ""].into_iter());
        assert_eq!(out, "a,\"b,c\",\"d\"\"e\",\"f\ng\",\" h\",\r\n");
    }

    #[test]
    fn what_would_run_is_told_not_to() {
        for (text, expect) in
            [("=1+1", "'=1+1"), ("+86", "'+86"), ("-x", "'-x"), ("@a", "'@a"), ("a=1", "a=1"), ("", "")]
        {
            assert_eq!(safe(text), expect);
        }
    }
}
