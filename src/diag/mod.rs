//! One diagnostic type for every stage. It is plain data: miette draws it at the edge, in `cli/report.rs`.
//!
//! A message says what is wrong, its label why, its help what to do. Each code has one constructor, in the
//! submodule of its stage, one failing example under `tests/errors/` and one page under `docs/errors/`.

pub mod check;
pub mod expand;
pub mod lock;
pub mod lower;
pub mod rules;
mod suggest;
pub mod syntax;

pub use suggest::did_you_mean;

use crate::source::{Sources, Span};
use std::collections::HashSet;

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// The result is written, and the user should know this about it.
    Warning,
}

/// A place and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, in a few words.
    pub text: String,
}

/// One thing that a person should know about the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, such as `E0205`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, without a full stop.
    pub message: String,
    /// The place in the user's file, and why it is wrong.
    pub primary: Label,
    /// Other places that matter, possibly in other files.
    pub related: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// Of what a target does only in part: the target, and what it is, such as "`env` of a service".
    pub loss: Option<(String, String)>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { span, text: label.into() },
            related: Vec::new(),
            help: None,
            loss: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message, label) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do, if there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Diagnostic {
        self.help = help;
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.related.push(Label { span, text: text.into() });
        self
    }

    /// Points at a further place, if there is one.
    pub fn maybe_related(self, span: Span, text: impl Into<String>) -> Diagnostic {
        if span == Span::default() { self } else { self.related(span, text) }
    }

    /// Whether it is about what properties ask of each other: that can be judged only where all of them could be read.
    pub fn is_of_several(&self) -> bool {
        self.code == check::TOGETHER
    }

    /// Whether it is about something that has to be given and is not.
    pub fn is_of_missing(&self) -> bool {
        self.code == check::MISSING
    }

    /// Whether it is about a name that nothing has: a file that could not be read may have it.
    pub fn is_of_a_name(&self) -> bool {
        matches!(self.code, check::UNKNOWN | check::NOT_TO_CHANGE)
    }

    /// Whether it stops the build.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The diagnostics of a run. Every stage adds to them and goes on.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Takes one in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Takes in all of another run's.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(other);
    }

    /// Each in the files themselves, with what took it in; what is the same for each item of a loop is said for the first.
    #[must_use]
    pub fn in_files(self, sources: &Sources) -> Diagnostics {
        let mut seen: HashSet<(&'static str, Span)> = HashSet::new();
        let placed = self.0.into_iter().filter_map(|mut diagnostic| {
            let at = diagnostic.primary.span;
            let base = sources.base(at);
            if base != at && !seen.insert((diagnostic.code, base)) {
                return None;
            }
            diagnostic.primary.span = base;
            diagnostic.related.iter_mut().for_each(|label| label.span = sources.base(label.span));
            for (span, text) in sources.taken(at) {
                let label = Label { span, text: text.to_owned() };
                if !diagnostic.related.contains(&label) {
                    diagnostic.related.push(label);
                }
            }
            Some(diagnostic)
        });
        Diagnostics(placed.collect())
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the user's file, each place and code once.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| (a.primary.span, a.code, &a.message).cmp(&(b.primary.span, b.code, &b.message)));
        self.0.dedup_by(|a, b| a.primary == b.primary && a.code == b.code && a.message == b.message);
        self.0
    }

    /// All, as they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// `a`, `b` or `c`, in backticks, for a message; at most twelve of them.
pub fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let all: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match all.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if all.len() <= 12 => format!("{} or {last}", first.join(", ")),
        _ => format!("{} and {} more", all.get(..12).unwrap_or_default().join(", "), all.len() - 12),
    }
}
