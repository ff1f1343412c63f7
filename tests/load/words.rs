//! The words of a command line: options with a value, options without.

use anyhow::{Context, Result, bail};

pub struct Words<'w> {
    rest: std::slice::Iter<'w, &'w str>,
}

impl<'w> Words<'w> {
    pub fn of(words: &'w [&'w str]) -> Words<'w> {
        Words { rest: words.iter() }
    }

    /// The next option.
    pub fn next(&mut self) -> Option<&'w str> {
        self.rest.next().copied()
    }

    pub fn text(&mut self, option: &str) -> Result<&'w str> {
        self.rest.next().copied().with_context(|| format!("`{option}` needs a value"))
    }

    pub fn database(&mut self, option: &str) -> Result<&'w str> {
        match self.text(option)? {
            known @ ("sqlite" | "postgres") => Ok(known),
            other => bail!("`{other}` is no database: sqlite or postgres"),
        }
    }

    /// A number from 1.
    pub fn number(&mut self, option: &str) -> Result<u32> {
        let text = self.text(option)?;
        match text.replace('_', "").parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => bail!("`{text}` is no number for `{option}`"),
        }
    }
}
