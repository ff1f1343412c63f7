//! What checking a definition found: every finding with its code, file, place and hint.

use crate::codes::Code;
use serde::Serialize;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One finding about one place in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// Path of the file inside its pack.
    pub file: String,
    /// JSON pointer inside the file; empty for the file as a whole.
    pub pointer: String,
    /// Line and column of the pointer in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<(usize, usize)>,
    /// Line and column inside the expression the pointer names, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<(usize, usize)>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(out, "{severity}[{}] {}", self.code, self.file)?;
        if let Some((line, column)) = self.place {
            write!(out, ":{line}:{column}")?;
        }
        if !self.pointer.is_empty() {
            write!(out, " {}", self.pointer)?;
        }
        if let Some((line, column)) = self.position {
            write!(out, " (expression {line}:{column})")?;
        }
        write!(out, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(out, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Collects findings while checking goes on; nothing stops at the first.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error; the returned finding can be given a hint or a position.
    pub fn error(
        &mut self,
        code: Code,
        file: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Error, code, file, pointer.into(), message.into())
    }

    pub fn warning(
        &mut self,
        code: Code,
        file: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Warning, code, file, pointer.into(), message.into())
    }

    fn add(&mut self, severity: Severity, code: Code, file: &str, pointer: String, message: String) -> &mut Diagnostic {
        self.found.push(Diagnostic {
            code,
            severity,
            file: file.to_owned(),
            pointer,
            position: None,
            message,
            place: None,
            hint: None,
        });
        self.found.last_mut().expect("a finding was just pushed")
    }

    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(more);
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether a file has errors.
    pub fn has_errors_in(&self, file: &str) -> bool {
        self.found.iter().any(|finding| finding.severity == Severity::Error && finding.file == file)
    }

    /// All findings in file order, then in the order of their places.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| (&a.file, &a.pointer, a.position).cmp(&(&b.file, &b.pointer, b.position)));
        self.found
    }
}

impl Diagnostic {
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// A place inside the expression.
    pub fn at(&mut self, line: usize, column: usize) -> &mut Diagnostic {
        self.position = Some((line, column));
        self
    }

    /// A place in the file.
    pub fn in_file(&mut self, line: usize, column: usize) -> &mut Diagnostic {
        self.place = Some((line, column));
        self
    }
}
