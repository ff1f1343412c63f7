//! Every sentence that checking can say stands in the Chinese catalogue: found in the source, so that none can be added
//! without its translation.

use crate::repository::{self, files, report};
use packwork::packs::words;

/// Where findings, their hints and the refusals they are made of are written. Folders count with all that is in them.
const SAY_FINDINGS: &[&str] = &[
    "engine/src/model",
    "engine/src/pack.rs",
    "engine/src/pack/order.rs",
    "engine/src/pack/shape.rs",
    "engine/src/pack/texts.rs",
    "engine/src/layers/compose.rs",
    "engine/src/expr/functions.rs",
    "engine/src/expr/operators.rs",
    "engine/src/expr/resolve.rs",
    "engine/src/expr/script.rs",
    "engine/src/expr/switch.rs",
    "engine/src/expr/types.rs",
    "engine/src/object/form.rs",
    "engine/src/object/input.rs",
    "engine/src/query",
    "engine/src/settlement/plan.rs",
    "engine/src/settlement/schedule.rs",
    "engine/src/settlement/table.rs",
    "engine/src/settlement/table",
    "engine/src/suggest.rs",
];

/// Texts that nobody reads as a finding.
const NO_SENTENCES: &[&str] = &["{} {}", "{} to {}", "`{}` {}", "-() .#x转", " at line ", "…"];

#[test]
fn every_sentence_of_the_checker_has_its_chinese() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for place in SAY_FINDINGS {
        let sources: Vec<(String, String)> = match place.strip_suffix(".rs") {
            Some(_) => repository::read(place).map(|text| ((*place).to_owned(), text)).into_iter().collect(),
            None => files(place, &[".rs"]).into_iter().map(|file| (file.path, file.text)).collect(),
        };
        assert!(!sources.is_empty(), "{place} is gone: say here where its sentences are now");
        for (path, text) in sources.iter().filter(|(path, _)| !path.contains("tests")) {
            for sentence in sentences(text) {
                seen += 1;
                if !words::has_form(&sentence) {
                    findings.push(format!("{path}: {sentence}"));
                }
            }
        }
    }
    assert!(seen > 250, "only {seen} sentences were found: the search is broken");
    report("add the sentence with its Chinese to runtime/src/packs/findings.zh-CN.json:", &findings);
}

/// The literals of a source that are sentences, with `{}` where something stands in.
pub(crate) fn sentences(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut letters = source.chars().peekable();
    let mut before = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '/' if letters.peek() == Some(&'/') => {
                letters.by_ref().find(|letter| *letter == '\n');
            }
            // A quotation mark as a character.
            '\'' if letters.peek() == Some(&'"') => {
                letters.next();
            }
            '"' => {
                let text = literal(&mut letters);
                let expected = before.ends_with("expect(");
                if !expected && is_sentence(&text) {
                    found.push(form(&text));
                }
                before.clear();
            }
            letter if letter.is_whitespace() => {}
            letter => before.push(letter),
        }
    }
    found.retain(|form| !NO_SENTENCES.contains(&form.as_str()));
    found
}

/// The rest of a literal, its escapes undone.
fn literal(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('\n') => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
                Some(escaped) => text.push(escaped),
                None => break,
            },
            letter => text.push(letter),
        }
    }
    text
}

/// Words with spaces between them that do not begin as a title does.
fn is_sentence(text: &str) -> bool {
    text.trim().contains(' ') && !text.starts_with(|first: char| first.is_ascii_uppercase())
}

/// `{name}` and `{}` become `{}`, doubled braces single ones.
fn form(text: &str) -> String {
    let mut form = String::new();
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '{' if rest.next_if_eq(&'{').is_some() => form.push('{'),
            '}' if rest.next_if_eq(&'}').is_some() => form.push('}'),
            '{' => {
                rest.by_ref().find(|letter| *letter == '}');
                form.push_str("{}");
            }
            letter => form.push(letter),
        }
    }
    form
}

#[test]
fn sentences_are_found_in_a_source() {
    let source = "fn x() { y(format!(\"`{name}` is \\\n        gone\"), 'z'); // \"not this one\"\n    a.expect(\"nor this one\"); b(\"a {{b}} c\", \"Title of it\", \"one\") }";
    assert_eq!(sentences(source), ["`{}` is gone", "a {b} c"]);
}
