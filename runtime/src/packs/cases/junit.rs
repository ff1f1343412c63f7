//! What came of cases as JUnit XML, for programs that show test results. Durations are decimal texts; what XML cannot hold
//! is replaced.

use super::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// One suite per pack, one testcase per case.
pub fn document(outcomes: &[Outcome]) -> String {
    let mut by_pack: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_pack.entry(&outcome.pack).or_default().push(outcome);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Outcome> = outcomes.iter().collect();
    put(&mut xml, format_args!("<testsuites name=\"packwork\"{}>\n", counts(&all)));
    for (pack, outcomes) in by_pack {
        put(&mut xml, format_args!("  <testsuite name=\"{}\"{}>\n", escaped(pack), counts(&outcomes)));
        for outcome in outcomes {
            put(
                &mut xml,
                format_args!(
                    "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
                    escaped(pack),
                    escaped(&outcome.name),
                    seconds(outcome.elapsed)
                ),
            );
            let Some(first) = outcome.differences.first() else {
                xml.push_str("/>\n");
                continue;
            };
            let told: Vec<&str> = outcome.differences.iter().chain(&outcome.trace).map(String::as_str).collect();
            put(
                &mut xml,
                format_args!(
                    ">\n      <failure type=\"difference\" message=\"{}\">{}</failure>\n    </testcase>\n",
                    escaped(first),
                    escaped(&told.join("\n"))
                ),
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn put(xml: &mut String, arguments: std::fmt::Arguments<'_>) {
    xml.write_fmt(arguments).expect("a text takes text");
}

fn counts(outcomes: &[&Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let elapsed = outcomes.iter().map(|outcome| outcome.elapsed).sum();
    format!(" tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{}\"", outcomes.len(), seconds(elapsed))
}

fn seconds(elapsed: Duration) -> String {
    format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis())
}

/// A text inside an element or an attribute; letters that no XML may hold become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, differences: &[&str]) -> Outcome {
        Outcome {
            pack: "desk & co".into(),
            name: name.into(),
            title: String::new(),
            passed: differences.is_empty(),
            differences: differences.iter().map(|&text| text.to_owned()).collect(),
            trace: vec!["at dawn".to_owned()],
            elapsed: Duration::from_millis(1_007),
        }
    }

    #[test]
    fn texts_are_escaped_and_times_are_seconds() {
        let xml =
            document(&[outcome("good", &[]), outcome("a<b", &["`x`: expected \"1\" & <2>, got \u{1}\u{7}", "y"])]);
        assert!(xml.contains("<testsuites name=\"packwork\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"2.014\">"));
        assert!(xml.contains("<testcase classname=\"desk &amp; co\" name=\"good\" time=\"1.007\"/>"), "{xml}");
        assert!(xml.contains("name=\"a&lt;b\""), "{xml}");
        assert!(xml.contains("message=\"`x`: expected &quot;1&quot; &amp; &lt;2&gt;, got \u{fffd}\u{fffd}\""), "{xml}");
        assert!(xml.contains("&#10;y&#10;at dawn</failure>"), "{xml}");
    }

    #[test]
    fn nothing_is_a_document_too() {
        assert!(document(&[]).contains("tests=\"0\" failures=\"0\""));
    }
}
