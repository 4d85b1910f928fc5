//! Files and places in them. A [`Span`] is small and copied freely; the text it points into lives in [`Sources`].

use std::borrow::Cow;

/// Names one file of [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct FileId(pub u16);

/// A stretch of bytes in one file: `start` is the first byte, `end` one past the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// The file; left out of the precompiled form, where it is set on loading.
    #[serde(skip)]
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A file's first character, for what is about the whole of it.
    pub fn first(file: FileId, text: &str) -> Span {
        Span::new(file, 0, text.chars().next().map_or(0, char::len_utf8))
    }

    /// A span of `file` from byte `start` to before byte `end`.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The smallest span that covers both, when both lie in one file.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// One file: the name shown to a person and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as the user gave it, or the path inside the embedded tree.
    pub name: String,
    /// The whole text.
    pub text: Cow<'static, str>,
}

/// All files that a run has read, in the order of reading.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Takes in a file and names it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> FileId {
        self.files.push(Source { name: name.into(), text: text.into() });
        FileId(u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX))
    }

    /// The file with this name, if it was taken in.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(usize::from(file.0))
    }

    /// The text that a span covers; empty when the span is of no known file.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file).and_then(|source| source.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// Line and column (both from 1, the column in characters) of a span's first byte.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.get(span.file) else { return (1, 1) };
        let before = source.text.get(..span.start as usize).unwrap_or(&source.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}
