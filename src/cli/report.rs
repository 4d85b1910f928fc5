//! Diagnostics for a person, for a program, for a code scanner.

use super::{MessageFormat, losses};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::json;
use stackc::diag::{Diagnostic, Severity};
use stackc::source::{Sources, Span};
use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use textwrap::WordSplitter;

/// Whether each loss is shown at its line, with the rule that says so.
pub static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Writes all diagnostics of a run. `artefact_on_stdout` keeps machine formats off standard output.
pub fn report(diagnostics: &[Diagnostic], sources: &Sources, format: MessageFormat, artefact_on_stdout: bool) {
    let machine = |text: String| match artefact_on_stdout {
        true if text.is_empty() => {}
        true => say!("{}", text.trim_end_matches('\n')),
        false => put!("{text}"),
    };
    match format {
        MessageFormat::Human if diagnostics.is_empty() => {}
        MessageFormat::Human => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let handler = handler(colour);
            let folded = |diagnostic: &&Diagnostic| diagnostic.loss.is_some() && !VERBOSE.load(Ordering::Relaxed);
            let whole: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| !folded(diagnostic)).collect();
            for diagnostic in &whole {
                say!("{}", render(diagnostic, sources, &handler));
            }
            let folded: Vec<&Diagnostic> = diagnostics.iter().filter(folded).collect();
            if !folded.is_empty() {
                say!("{}", losses::text(&folded, sources));
            }
            if !whole.is_empty() {
                say!("{}", summary(&whole));
            }
        }
        MessageFormat::Json => machine(diagnostics.iter().map(|diagnostic| format!("{}\n", to_json(diagnostic, sources))).collect()),
        MessageFormat::Sarif => machine(format!("{:#}\n", to_sarif(diagnostics, sources))),
    }
}

/// Lines end between words only: a command that was parted at a hyphen could not be copied.
fn handler(colour: bool) -> GraphicalReportHandler {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    GraphicalReportHandler::new_themed(theme)
        .with_width(110)
        .with_links(false)
        .with_context_lines(1)
        .with_break_words(false)
        .with_word_splitter(WordSplitter::NoHyphenation)
}

/// `2 errors, 1 warning`.
fn summary(diagnostics: &[&Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, warnings) => count(warnings, "warning"),
        (errors, 0) => count(errors, "error"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

/// Longest line that is drawn, in bytes: nobody could read a longer one, and miette cannot draw one of 65,536 columns.
const LONGEST_LINE: usize = 2000;

fn render(diagnostic: &Diagnostic, sources: &Sources, handler: &GraphicalReportHandler) -> String {
    let mut places = diagnostic.related.iter().map(|label| label.span).chain([diagnostic.primary.span]);
    if places.any(|span| line_length(span, sources) > LONGEST_LINE) {
        let (line, column) = sources.line_column(diagnostic.primary.span);
        let file = sources.get(diagnostic.primary.span.file).map(|source| source.name.as_str()).unwrap_or_default();
        let help = diagnostic.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        return format!("{}\n\n  × {}\n    {file}:{line}:{column}: {}{help}\n", diagnostic.code, diagnostic.message, diagnostic.primary.text);
    }
    let view = View::new(diagnostic, sources);
    let mut text = String::new();
    if handler.render_report(&mut text, &view).is_err() {
        text = format!("{}: {}\n", diagnostic.code, diagnostic.message);
    }
    text
}

/// A diagnostic as miette wants it: labels of one file, other files as related reports.
#[derive(Debug)]
struct View {
    code: String,
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
    related: Vec<View>,
}

impl View {
    fn new(diagnostic: &Diagnostic, sources: &Sources) -> View {
        let file = diagnostic.primary.span.file;
        let mut labels = vec![LabeledSpan::new_primary_with_span(Some(diagnostic.primary.text.clone()), offsets(diagnostic.primary.span, sources))];
        let mut related = Vec::new();
        for label in &diagnostic.related {
            if label.span.file == file {
                labels.push(LabeledSpan::new_with_span(Some(label.text.clone()), offsets(label.span, sources)));
            } else if sources.get(label.span.file).is_some() {
                related.push(View {
                    code: String::new(),
                    message: label.text.clone(),
                    severity: miette::Severity::Advice,
                    help: None,
                    source: named(label.span, sources),
                    labels: vec![LabeledSpan::new_primary_with_span(None, offsets(label.span, sources))],
                    related: Vec::new(),
                });
            }
        }
        View {
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            severity: if diagnostic.severity == Severity::Error { miette::Severity::Error } else { miette::Severity::Warning },
            help: diagnostic.help.clone(),
            source: named(diagnostic.primary.span, sources),
            labels,
            related,
        }
    }
}

/// The length of the longest line that a span touches, with the one before it and the one behind it, which are drawn too.
fn line_length(span: Span, sources: &Sources) -> usize {
    let Some(source) = sources.get(span.file) else { return 0 };
    let before = source.text.get(..span.start as usize).unwrap_or(&source.text);
    let start = before.rmatch_indices('\n').nth(1).map_or(0, |(at, _)| at + 1);
    let behind = source.text.get(span.end as usize..).unwrap_or_default();
    let end = behind.match_indices('\n').nth(1).map_or(source.text.len(), |(at, _)| span.end as usize + at);
    source.text.get(start..end).unwrap_or_default().lines().map(str::len).max().unwrap_or(0)
}

fn named(span: Span, sources: &Sources) -> NamedSource<String> {
    match sources.get(span.file) {
        Some(source) => NamedSource::new(&source.name, source.text.to_string()),
        None => NamedSource::new("", String::new()),
    }
}

fn offsets(span: Span, sources: &Sources) -> miette::SourceSpan {
    let length = sources.get(span.file).map_or(0, |source| source.text.len());
    let start = (span.start as usize).min(length);
    (start, (span.end as usize).min(length).saturating_sub(start)).into()
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for View {}

impl miette::Diagnostic for View {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.code.is_empty()).then(|| Box::new(&self.code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        (!self.related.is_empty()).then(|| Box::new(self.related.iter().map(|view| view as &dyn miette::Diagnostic)) as Box<dyn Iterator<Item = _>>)
    }
}

fn place(span: Span, sources: &Sources) -> serde_json::Value {
    let (line, column) = sources.line_column(span);
    let (end_line, end_column) = sources.line_column(Span { start: span.end, ..span });
    let file = sources.get(span.file).map(|source| source.name.clone()).unwrap_or_default();
    json!({ "file": file, "line": line, "column": column, "end_line": end_line, "end_column": end_column })
}

fn to_json(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "at": place(diagnostic.primary.span, sources),
        "why": diagnostic.primary.text,
        "help": diagnostic.help,
        "related": diagnostic.related.iter().map(|label| json!({ "at": place(label.span, sources), "message": label.text })).collect::<Vec<_>>(),
    })
}

fn to_sarif(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    let location = |span: Span, text: &str| {
        let (line, column) = sources.line_column(span);
        let (end_line, end_column) = sources.line_column(Span { start: span.end, ..span });
        json!({
            "physicalLocation": {
                "artifactLocation": { "uri": sources.get(span.file).map(|source| source.name.as_str()) },
                "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column }
            },
            "message": { "text": text }
        })
    };
    let mut codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let results: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let text = match &diagnostic.help {
                Some(help) => format!("{}: {}. {help}", diagnostic.message, diagnostic.primary.text),
                None => format!("{}: {}", diagnostic.message, diagnostic.primary.text),
            };
            json!({
                "ruleId": diagnostic.code,
                "level": diagnostic.severity,
                "message": { "text": text },
                "locations": [location(diagnostic.primary.span, &diagnostic.primary.text)],
                "relatedLocations": diagnostic.related.iter().map(|label| location(label.span, &label.text)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "stackc", "version": env!("CARGO_PKG_VERSION"), "rules": codes.iter().map(|code| json!({ "id": code })).collect::<Vec<_>>() } },
            "results": results,
        }]
    })
}
