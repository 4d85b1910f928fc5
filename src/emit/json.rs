//! Writes JSON straight into one buffer, pretty or compact.

/// A JSON writer. Commas, line breaks and indentation follow from the order of the calls.
pub struct Json {
    buffer: String,
    compact: bool,
    /// For each open object or array, whether it has something in it.
    open: Vec<bool>,
    /// A key was written, and its value comes next.
    keyed: bool,
}

impl Json {
    /// An empty document.
    pub fn new(compact: bool) -> Json {
        Json { buffer: String::with_capacity(16 * 1024), compact, open: Vec::new(), keyed: false }
    }

    /// The text, with a line break at its end.
    pub fn finish(mut self) -> String {
        self.buffer.push('\n');
        self.buffer
    }

    fn begin(&mut self) {
        if std::mem::take(&mut self.keyed) {
            return;
        }
        let depth = self.open.len();
        if let Some(filled) = self.open.last_mut() {
            if std::mem::replace(filled, true) {
                self.buffer.push(',');
            }
            self.line(depth);
        }
    }

    fn line(&mut self, depth: usize) {
        if !self.compact {
            self.buffer.push('\n');
            self.buffer.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn close(&mut self, bracket: char) {
        if self.open.pop() == Some(true) {
            self.line(self.open.len());
        }
        self.buffer.push(bracket);
    }

    /// An object; `fill` writes its keys and values.
    pub fn object(&mut self, fill: impl FnOnce(&mut Json)) {
        self.begin();
        self.buffer.push('{');
        self.open.push(false);
        fill(self);
        self.close('}');
    }

    /// An array; `fill` writes its items.
    pub fn array(&mut self, fill: impl FnOnce(&mut Json)) {
        self.begin();
        self.buffer.push('[');
        self.open.push(false);
        fill(self);
        self.close(']');
    }

    /// The key of the value that is written next.
    pub fn key(&mut self, name: &str) -> &mut Json {
        self.begin();
        self.quote(name);
        self.buffer.push_str(if self.compact { ":" } else { ": " });
        self.keyed = true;
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.begin();
        self.quote(text);
    }

    /// A number, `true` or `false`, as written.
    pub fn raw(&mut self, literal: &str) {
        self.begin();
        self.buffer.push_str(literal);
    }

    /// An array of texts.
    pub fn texts<S: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = S>) {
        self.array(|json| texts.into_iter().for_each(|text| json.text(text.as_ref())));
    }

    fn quote(&mut self, text: &str) {
        quote(&mut self.buffer, text);
    }
}

/// Adds a text as a JSON string.
pub fn quote(buffer: &mut String, text: &str) {
    use std::fmt::Write;
    buffer.push('"');
    let mut rest = text;
    loop {
        // What needs no look is taken in one piece.
        let plain = rest.bytes().position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'));
        let (piece, other) = rest.split_at(plain.unwrap_or(rest.len()));
        buffer.push_str(piece);
        let mut chars = other.chars();
        let Some(c) = chars.next() else { break };
        rest = chars.as_str();
        match c {
            '"' => buffer.push_str("\\\""),
            '\\' => buffer.push_str("\\\\"),
            '\n' => buffer.push_str("\\n"),
            '\r' => buffer.push_str("\\r"),
            '\t' => buffer.push_str("\\t"),
            // Beyond what JSON asks: line separators and marks of direction would be invisible or break lines in a reader's editor.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(buffer, "\\u{:04x}", u32::from(c));
            }
            c => buffer.push(c),
        }
    }
    buffer.push('"');
}

/// A number as JSON, without a fraction when it has none.
pub fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

/// JSON text as YAML. Every text is quoted: CloudFormation and Heat read YAML 1.1, in which `OFF` is false and `2012-10-17` a date.
pub fn to_yaml(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let options = serde_yaml::ser_options! { quote_all: true };
    serde_yaml::to_string_with_options(&value, options).unwrap_or_default()
}
