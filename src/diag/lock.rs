//! Diagnostics of the lock: what a change would do to a running stack, and a lock file that cannot be used.

use super::Diagnostic;
use crate::source::Span;

/// E0501: a change that would replace or remove what holds data or is protected.
pub fn would_lose(span: Span, message: String, label: String) -> Diagnostic {
    Diagnostic::error("E0501", span, message, label)
}

/// W0502: a change that may replace what holds data or is protected.
pub fn may_lose(span: Span, message: String, label: String) -> Diagnostic {
    Diagnostic::warning("W0502", span, message, label)
}

/// E0503: a lock file that cannot be read.
pub fn damaged(span: Span, why: &str, label: &str) -> Diagnostic {
    Diagnostic::error("E0503", span, format!("the lock file cannot be read: {why}"), label.to_owned())
        .help("take it as it was from your repository; if it is there no more, remove it, and `stackc deploy --lock` writes it anew from what runs")
}

/// E0504: a lock file of a version that this program does not know.
pub fn unknown_version(span: Span, version: &str, known: i64) -> Diagnostic {
    Diagnostic::error("E0504", span, format!("the lock file is of version {version}, and this stackc reads version {known}"), "written by a newer stackc")
        .help("use the stackc that wrote it, or a newer one; it is left as it is")
}
