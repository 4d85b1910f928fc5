//! Files and places in them. A [`Span`] is small and copied freely; the text it points into lives in [`Sources`].

use std::borrow::Cow;
use std::collections::HashMap;

/// Names one file of [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct FileId(pub u32);

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

/// A file seen from where something in it was taken in: by a loop for one of its items, by a name for what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct View {
    /// The file, or a view of it.
    of: FileId,
    /// What took it in.
    taken: Span,
    /// How that is said.
    text: String,
}

#[derive(Debug, Clone)]
enum Held {
    File(Source),
    View(View),
}

/// All files that a run has read, in the order of reading, and views of them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Held>,
    views: HashMap<View, FileId>,
}

impl Sources {
    /// Takes in a file and names it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> FileId {
        self.hold(Held::File(Source { name: name.into(), text: text.into() }))
    }

    fn hold(&mut self, held: Held) -> FileId {
        self.files.push(held);
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// A view of a file, for what was taken in at a place: the same one whenever it is asked for.
    pub fn view(&mut self, of: FileId, taken: Span, text: &str) -> FileId {
        let view = View { of, taken, text: text.to_owned() };
        if let Some(known) = self.views.get(&view) {
            return *known;
        }
        let id = self.hold(Held::View(view.clone()));
        self.views.insert(view, id);
        id
    }

    fn held(&self, file: FileId) -> Option<&Held> {
        self.files.get(usize::try_from(file.0).unwrap_or(usize::MAX))
    }

    /// The place in the file itself.
    pub fn base(&self, span: Span) -> Span {
        let mut file = span.file;
        while let Some(Held::View(view)) = self.held(file) {
            file = view.of;
        }
        Span { file, ..span }
    }

    /// What took in what stands at a place, the innermost first, and how that is said.
    pub fn taken(&self, span: Span) -> Vec<(Span, &str)> {
        let mut found = Vec::new();
        let mut open = vec![span.file];
        while let Some(file) = open.pop() {
            if let Some(Held::View(view)) = self.held(file) {
                found.push((self.base(view.taken), view.text.as_str()));
                open.extend([view.taken.file, view.of]);
            }
        }
        found
    }

    /// The file with this name, if it was taken in.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        match self.held(self.base(Span::new(file, 0, 0)).file) {
            Some(Held::File(source)) => Some(source),
            _ => None,
        }
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
