//! What the values of a parameter are like. The template says it where its format can, and every value is looked at before a deploy.

use super::Checker;
use crate::diag::check as diag;
use crate::source::Span;
use crate::syntax::{Node, Scalar};

/// What a value has to be, as far as the stack says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// One of these.
    pub one_of: Vec<String>,
    /// Text of this form, in which `*` stands for anything.
    pub like: Option<String>,
    /// A number that is not below this.
    pub min: Option<f64>,
    /// A number that is not above this.
    pub max: Option<f64>,
    /// Why, in the author's words.
    pub why: Option<String>,
}

impl Limits {
    /// Whether anything goes.
    pub fn is_none(&self) -> bool {
        self.one_of.is_empty() && self.like.is_none() && self.min.is_none() && self.max.is_none()
    }

    /// Whether a value is as it has to be.
    pub fn allow(&self, value: &str) -> bool {
        let number = value.parse::<f64>().ok();
        let one = self.one_of.is_empty() || self.one_of.iter().any(|one| one == value);
        let like = self.like.as_ref().is_none_or(|like| is_like(like, value));
        let least = self.min.is_none_or(|min| number.is_none_or(|number| number >= min));
        let most = self.max.is_none_or(|max| number.is_none_or(|number| number <= max));
        one && like && least && most
    }

    /// What a value has to be, in words.
    pub fn wanted(&self) -> String {
        let mut parts = Vec::new();
        if !self.one_of.is_empty() {
            parts.push(crate::diag::list(&self.one_of));
        }
        parts.extend(self.like.as_ref().map(|like| format!("text like `{like}`")));
        parts.extend(match (self.min, self.max) {
            (Some(min), Some(max)) => Some(format!("a number from {min} to {max}")),
            (Some(min), None) => Some(format!("a number from {min} on")),
            (None, Some(max)) => Some(format!("a number up to {max}")),
            (None, None) => None,
        });
        parts.join(", and ")
    }

    /// The same with its reason, as a template tells it.
    pub fn told(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("it has to be {}{why}", self.wanted().replace('`', "'"))
    }

    /// The regular expression of the whole text, in the words that all formats read alike.
    pub fn pattern(&self) -> Option<String> {
        let like = self.like.as_ref()?;
        let mut pattern = String::from("^");
        for c in like.chars() {
            match c {
                '*' => pattern.push_str(".*"),
                c if "\\.^$+?()[]{}|".contains(c) => pattern.extend(['\\', c]),
                c => pattern.push(c),
            }
        }
        pattern.push('$');
        Some(pattern)
    }
}

/// Whether a text is of a form in which `*` stands for anything within a line.
fn is_like(like: &str, text: &str) -> bool {
    let mut pieces = like.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last) && !text.contains('\n')
}

impl Checker<'_> {
    /// Reads what a parameter's values are like, and compares its default with it.
    pub(super) fn read_limits(&mut self, node: &Node, number: bool, secret: bool, default: Option<&(Scalar, Span)>) -> Limits {
        let mut limits = Limits { why: node.prop_str("why").map(str::to_owned), ..Limits::default() };
        for (key, value) in &node.props {
            let figure = match &value.scalar {
                #[allow(clippy::cast_precision_loss)]
                Scalar::Integer(figure) => Some(*figure as f64),
                Scalar::Float(figure) => Some(*figure),
                _ => None,
            };
            let text = value.as_str().filter(|_| value.tag.is_none());
            match (key.text.as_str(), figure, text) {
                ("min", Some(figure), _) if number => limits.min = Some(figure),
                ("max", Some(figure), _) if number => limits.max = Some(figure),
                ("like", _, Some(text)) if !number => limits.like = Some(text.to_owned()),
                ("why", _, Some(_)) => {}
                ("min" | "max", ..) => self.out.push(diag::wrong_type(value.span, &key.text, "a number, of a parameter that is one", value.scalar.kind())),
                ("like", ..) => self.out.push(diag::wrong_type(value.span, "like", "text, of a parameter that is text", value.scalar.kind())),
                ("why", ..) => self.out.push(diag::wrong_type(value.span, "why", "text", value.scalar.kind())),
                _ => {}
            }
        }
        for child in node.children().iter().filter(|child| child.name.text == "one-of") {
            self.no_props_or_children(child, "one-of");
            for value in &child.args {
                match (&value.scalar, number) {
                    (Scalar::String(text), false) if value.tag.is_none() => limits.one_of.push(text.clone()),
                    (Scalar::Integer(figure), true) => limits.one_of.push(figure.to_string()),
                    (Scalar::Float(figure), true) => limits.one_of.push(figure.to_string()),
                    _ => {
                        let wanted = if number { "numbers, as the parameter is one" } else { "texts, as the parameter is text" };
                        self.out.push(diag::wrong_type(value.span, "one-of", wanted, value.scalar.kind()));
                    }
                }
            }
            if child.args.is_empty() {
                self.out.push(diag::wrong_type(child.span, "one-of", "one or several values", "empty"));
            }
            if secret {
                self.out.push(diag::secret_leak(child.span, "this parameter", "a list of its values in the file"));
            }
        }
        if let (Some(why), true) = (node.prop("why"), limits.is_none()) {
            let message = "`why` gives the reason of nothing".to_owned();
            self.out.push(diag::constraint(why.span, message, "every value goes", "say what goes, with `one-of`, `like`, `min` or `max`".to_owned()));
        }
        if let Some((scalar, span)) = default
            && let Some(text) = crate::check::limits::plain(scalar)
            && !limits.allow(&text)
        {
            let why = limits.why.clone().unwrap_or_else(|| "the default is another value".to_owned());
            self.out.push(diag::bad_format(*span, "default", &limits.wanted(), &why));
        }
        limits
    }
}

/// A value as it is given when deploying.
fn plain(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::String(text) => Some(text.clone()),
        Scalar::Integer(figure) => Some(figure.to_string()),
        Scalar::Float(figure) => Some(figure.to_string()),
        Scalar::Bool(flag) => Some(flag.to_string()),
        Scalar::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, is_like};

    #[test]
    fn a_star_stands_for_anything_within_a_line() {
        for (like, text) in [("acme/*", "acme/shop:1"), ("*", ""), ("a*b*c", "a-b-b-c"), ("exact", "exact"), ("*:*", "a:1"), ("a*a", "aa")] {
            assert!(is_like(like, text), "{like} {text}");
        }
        for (like, text) in [("acme/*", "evil/acme/shop"), ("exact", "exactly"), ("a*b", "a"), ("a*a", "a"), ("a*", "a\nb"), ("*b*b", "ab")] {
            assert!(!is_like(like, text), "{like} {text}");
        }
    }

    #[test]
    fn the_pattern_says_the_same() {
        let limits = Limits { like: Some("a.b/*$(x)".to_owned()), ..Limits::default() };
        assert_eq!(limits.pattern().as_deref(), Some("^a\\.b/.*\\$\\(x\\)$"));
        let pattern = regex_lite::Regex::new(&limits.pattern().unwrap()).unwrap();
        for text in ["a.b/z$(x)", "a.b/$(x)", "acb/z$(x)", "a.b/z$(x)y"] {
            assert_eq!(pattern.is_match(text), limits.allow(text), "{text}");
        }
    }
}
