//! A value of a template as a lock file has it: on one line, the same text for the same value, and never a secret.

use crate::emit::Format;
use crate::native::{Graph, NativeId, Val, ValKind};
use crate::provider::{NativeType, Shape};
use crate::syntax::{Scalar, Value};

/// Before a parameter's name in a value that is spelt out.
const PARAM: &str = "(param)";
/// Before the name of what the cloud offers by itself.
const OWN: &str = "(own)";
/// In the place of a secret.
const SECRET: &str = "(secret)";

/// A value as a lock file keeps it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// What another resource is referred to by: its address in the template.
    Ref(String),
    /// What is read from another resource: its address, a dot, the path.
    Attr(String),
    /// A parameter, by its name in the stack.
    Param(String),
    /// What is not told: a secret that stands in the template.
    Secret,
    /// Several of the above.
    List(Vec<Kept>),
    /// Anything else, spelt out.
    Spelt(String),
}

impl Kept {
    /// What is kept of a value. `shape` says which parts of it the provider keeps secret.
    pub(super) fn of(val: &Val, shape: &Shape, keeps_secret: bool, native: &NativeType, graph: &Graph, format: Format) -> Kept {
        let speller = Speller { native, graph, format };
        match &val.kind {
            ValKind::List(items) if !keeps_secret => {
                let inner = if let Shape::List(item) = shape { item } else { shape };
                let mut kept: Vec<Kept> = items.iter().map(|item| speller.single(item, inner, false)).collect();
                match kept.len() {
                    // One value in a list and the value itself are written alike.
                    1 => kept.swap_remove(0),
                    _ if kept.iter().all(|item| !matches!(item, Kept::Spelt(_))) => Kept::List(kept),
                    _ => speller.spelt(val, shape, false),
                }
            }
            _ => speller.single(val, shape, keeps_secret),
        }
    }

    /// What of it only a deployment knows: parameters, and what the cloud offers by itself. Two values that differ, and not in these, differ in every deployment.
    pub fn open(&self) -> Vec<&str> {
        let mut found = match self {
            Kept::Param(name) => vec![name.as_str()],
            Kept::Secret => vec![SECRET],
            Kept::Spelt(text) => open(text),
            Kept::List(items) => items.iter().flat_map(Kept::open).collect(),
            Kept::Bool(_) | Kept::Integer(_) | Kept::Number(_) | Kept::Text(_) | Kept::Ref(_) | Kept::Attr(_) => Vec::new(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How high a number or a version is: its numbers, the weightiest first.
    pub(super) fn level(&self) -> Option<Vec<u64>> {
        match self {
            Kept::Integer(number) => Some(vec![u64::try_from(*number).ok()?]),
            Kept::Text(text) => text.split('.').map(|part| part.parse().ok()).collect(),
            _ => None,
        }
    }

    /// The value in a sentence.
    pub fn shown(&self) -> String {
        let short = |text: &str| if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text.to_owned() };
        match self {
            Kept::Bool(flag) => flag.to_string(),
            Kept::Integer(number) => number.to_string(),
            Kept::Number(number) => number.to_string(),
            Kept::Text(text) => format!("`{}`", short(text)),
            Kept::Ref(name) | Kept::Attr(name) => format!("what `{name}` is"),
            Kept::Param(name) => format!("the parameter `{name}`"),
            Kept::Secret => "a secret".to_owned(),
            Kept::List(items) if items.is_empty() => "an empty list".to_owned(),
            Kept::List(items) => short(&items.iter().map(Kept::shown).collect::<Vec<_>>().join(", ")),
            Kept::Spelt(text) => format!("`{}`", short(text)),
        }
    }

    /// How a lock file writes it.
    pub(super) fn words(&self) -> String {
        match self {
            Kept::Bool(flag) => format!("#{flag}"),
            Kept::Integer(number) => number.to_string(),
            Kept::Number(number) => format!("{number:?}"),
            Kept::Text(text) => word(text),
            Kept::Ref(name) => format!("(ref){}", word(name)),
            Kept::Attr(path) => format!("(attr){}", word(path)),
            Kept::Param(name) => format!("(param){}", word(name)),
            Kept::Secret => "(secret)#null".to_owned(),
            Kept::List(items) => items.iter().map(Kept::words).collect::<Vec<_>>().join(" "),
            Kept::Spelt(text) => format!("(value){}", word(text)),
        }
    }

    /// The value of a line's arguments; an argument that is none, if there is one.
    pub(super) fn read(args: &[Value]) -> Result<Kept, &Value> {
        let mut items: Vec<Kept> = args.iter().map(Kept::read_one).collect::<Result<_, _>>()?;
        Ok(if items.len() == 1 { items.swap_remove(0) } else { Kept::List(items) })
    }

    fn read_one(value: &Value) -> Result<Kept, &Value> {
        Ok(match (value.tag(), &value.scalar) {
            (None, Scalar::Bool(flag)) => Kept::Bool(*flag),
            (None, Scalar::Integer(number)) => Kept::Integer(*number),
            (None, Scalar::Float(number)) => Kept::Number(*number),
            (None, Scalar::String(text)) => Kept::Text(text.clone()),
            (Some("ref"), Scalar::String(name)) => Kept::Ref(name.clone()),
            (Some("attr"), Scalar::String(path)) => Kept::Attr(path.clone()),
            (Some("param"), Scalar::String(name)) => Kept::Param(name.clone()),
            (Some("secret"), Scalar::Null) => Kept::Secret,
            (Some("value"), Scalar::String(text)) => Kept::Spelt(text.clone()),
            _ => return Err(value),
        })
    }
}

struct Speller<'a> {
    native: &'a NativeType,
    graph: &'a Graph,
    format: Format,
}

impl Speller<'_> {
    fn single(&self, val: &Val, shape: &Shape, keeps_secret: bool) -> Kept {
        match &val.kind {
            ValKind::Ref(id) => Kept::Ref(self.address(*id)),
            ValKind::Attr(id, path) => Kept::Attr(format!("{}.{path}", self.address(*id))),
            ValKind::Param(index) => Kept::Param(self.param(*index)),
            // A text that is put together of one piece is that piece.
            ValKind::Concat(items) if items.len() == 1 => items.first().map_or(Kept::Secret, |item| self.single(item, shape, keeps_secret)),
            _ if keeps_secret => Kept::Secret,
            ValKind::Bool(flag) => Kept::Bool(*flag),
            ValKind::Integer(number) => Kept::Integer(*number),
            ValKind::Number(number) if number.is_finite() => Kept::Number(*number),
            ValKind::Text(text) => Kept::Text(text.clone()),
            _ => self.spelt(val, shape, false),
        }
    }

    fn spelt(&self, val: &Val, shape: &Shape, keeps_secret: bool) -> Kept {
        Kept::Spelt(self.text(val, shape, keeps_secret))
    }

    fn text(&self, val: &Val, shape: &Shape, keeps_secret: bool) -> String {
        match &val.kind {
            ValKind::Ref(id) => format!("(ref){}", self.address(*id)),
            ValKind::Attr(id, path) => format!("(attr){}.{path}", self.address(*id)),
            ValKind::Param(index) => format!("{PARAM}{}", quoted(&self.param(*index))),
            ValKind::Absent => String::new(),
            ValKind::Pseudo(name) => format!("{OWN}{}", quoted(name)),
            ValKind::Bool(_) | ValKind::Integer(_) | ValKind::Number(_) | ValKind::Text(_) if keeps_secret => SECRET.to_owned(),
            ValKind::Bool(flag) => flag.to_string(),
            ValKind::Integer(number) => number.to_string(),
            ValKind::Number(number) => number.to_string(),
            ValKind::Text(text) => quoted(text),
            ValKind::List(items) => format!("[{}]", self.texts(items, &item_of(shape), keeps_secret)),
            ValKind::Concat(items) => format!("join({})", self.texts(items, shape, keeps_secret)),
            ValKind::Call(name, items) => format!("{name}({})", self.texts(items, &Shape::Json, keeps_secret)),
            ValKind::Map(fields) => {
                let mut entries: Vec<String> = fields
                    .iter()
                    .map(|(name, item)| {
                        let member = match shape {
                            Shape::Object(object) | Shape::Block(object, _) => self.native.object(*object).member(name),
                            _ => None,
                        };
                        let shape = member.map_or_else(|| item_of(shape), |member| member.shape.clone());
                        let secret = keeps_secret || member.is_some_and(|member| member.keeps_secret);
                        format!("{}={}", plain(name), self.text(item, &shape, secret))
                    })
                    .collect();
                entries.sort_unstable();
                format!("{{{}}}", entries.join(", "))
            }
            ValKind::Join(separator, item) => format!("join({}, {})", quoted(separator), self.text(item, &Shape::Json, keeps_secret)),
            ValKind::Index(item, place) => format!("{}[{place}]", self.text(item, &Shape::Json, keeps_secret)),
            ValKind::Json(item) => format!("json({})", self.text(item, &Shape::Json, keeps_secret)),
            ValKind::Entry(name, item) => {
                format!("{{{}={}}}", self.text(name, &Shape::String, keeps_secret), self.text(item, &Shape::Json, keeps_secret))
            }
            ValKind::Pick { from, key, value, field } => {
                let from = self.text(from, &Shape::Json, keeps_secret);
                format!("{from}[{key}={}].{field}", self.text(value, &Shape::Json, keeps_secret))
            }
        }
    }

    fn texts(&self, items: &[Val], shape: &Shape, keeps_secret: bool) -> String {
        items.iter().map(|item| self.text(item, shape, keeps_secret)).collect::<Vec<_>>().join(", ")
    }

    fn address(&self, id: NativeId) -> String {
        self.graph.resources.get(id.0).map(|resource| super::fixed::address(resource, self.format)).unwrap_or_default()
    }

    fn param(&self, index: usize) -> String {
        self.graph.params.get(index).map(|param| param.name.clone()).unwrap_or_default()
    }
}

/// The parameters and what the cloud offers by itself in a value that is spelt out, outside of the texts in it.
fn open(text: &str) -> Vec<&str> {
    let (mut found, mut rest, mut named) = (Vec::new(), text, false);
    loop {
        let Some(at) = rest.find(['"', '(']) else { return found };
        let (from, behind) = (rest.get(at..).unwrap_or(""), rest.get(at + 1..).unwrap_or(""));
        if from.starts_with('(') {
            let tag = [PARAM, OWN].into_iter().find(|tag| from.starts_with(tag));
            if from.starts_with(SECRET) {
                found.push(SECRET);
            }
            named = tag.is_some();
            rest = tag.map_or(behind, |tag| from.get(tag.len()..).unwrap_or(""));
            continue;
        }
        let mut escaped = false;
        let end = behind.bytes().position(|byte| {
            let end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end
        });
        let Some(end) = end else { return found };
        found.extend(behind.get(..end).filter(|_| named));
        named = false;
        rest = behind.get(end + 1..).unwrap_or("");
    }
}

/// What an item of a list or a map has to be.
fn item_of(shape: &Shape) -> Shape {
    match shape {
        Shape::List(item) | Shape::Map(item) => (**item).clone(),
        shape => shape.clone(),
    }
}

/// Text between quotes, in which no quote ends it before.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name, between quotes only where it has to be.
fn plain(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) { name.to_owned() } else { quoted(name) }
}

/// A text as KDL 2 writes it: bare where it is a word, else between quotes, with an escape for what would end a line or not be seen.
pub(super) fn word(text: &str) -> String {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let bare = text.starts_with(first) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if bare && !matches!(text, "true" | "false" | "null" | "inf" | "nan") {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Controls, line ends, marks of direction and byte order.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
            {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{Kept, open, word};
    use crate::emit::Format;
    use crate::native::{Graph, Origin, Val, ValKind};
    use crate::provider::{Limits, Member, NativeType, Object, Presence, Replaces, Shape};

    #[test]
    fn a_secret_that_stands_in_a_template_is_not_told() {
        let member = |name: &str, keeps_secret| Member {
            name: name.to_owned(),
            shape: Shape::String,
            presence: Presence::Optional,
            replaces: Replaces::Always,
            computed: false,
            keeps_secret,
            limits: Limits::default(),
            item_limits: Limits::default(),
        };
        let user = Object { members: vec![member("name", false), member("password", true)] };
        let native = NativeType {
            name: "Some".to_owned(),
            tags: None,
            version: None,
            relations: Vec::new(),
            objects: vec![Object::default(), user],
            attributes: Vec::new(),
        };
        let text = |text: &str| Val::text(text, Origin::default());
        let kept = |val: &Val, shape: &Shape, secret| Kept::of(val, shape, secret, &native, &Graph::default(), Format::Heat);
        let fields = vec![("password".to_owned(), text("hush")), ("name".to_owned(), text("root"))];
        let users = Val::new(ValKind::List(vec![Val::new(ValKind::Map(fields), Origin::default())]), Origin::default());
        assert_eq!(kept(&users, &Shape::List(Box::new(Shape::Object(1))), false), Kept::Spelt("{name=\"root\", password=(secret)}".to_owned()));
        assert_eq!(kept(&text("hush"), &Shape::String, true), Kept::Secret);
        let joined = Val::new(ValKind::Concat(vec![text("hush"), text("hush")]), Origin::default());
        assert_eq!(kept(&joined, &Shape::String, true), Kept::Secret);
        let several = Val::new(ValKind::List(vec![text("hush"), text("hush")]), Origin::default());
        assert_eq!(kept(&several, &Shape::List(Box::new(Shape::String)), true), Kept::Secret);
        let nested = Val::new(ValKind::Json(Box::new(users)), Origin::default());
        assert!(!kept(&nested, &Shape::String, true).words().contains("hush"));
    }

    #[test]
    fn what_only_a_deployment_knows_is_found_outside_of_texts() {
        assert_eq!(open(r#"join("(param)\"x\"", (param)"zone", f((own)"group().id"), {a="(own)"})"#), ["zone", "group().id"]);
        assert_eq!(open("[(secret), 1]"), ["(secret)"]);
        assert_eq!(open(r#""not closed"#), [""; 0]);
        assert_eq!(Kept::List(vec![Kept::Param("b".to_owned()), Kept::Text("x".to_owned()), Kept::Param("a".to_owned())]).open(), ["a", "b"]);
    }

    #[test]
    fn words_stand_bare_where_they_can() {
        assert_eq!(word("some_db.main-1"), "some_db.main-1");
        assert_eq!(word("true"), "\"true\"");
        assert_eq!(word("1a"), "\"1a\"");
        assert_eq!(word("a b\u{202e}"), "\"a b\\u{202e}\"");
    }
}
