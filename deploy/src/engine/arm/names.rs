//! From the ids of Azure's resources to names in the template. Newer answers say the name themselves. Where they do not, the deployment's operations do, which Azure
//! keeps for a while; and else an id is held against what the template says of type, scope and name, as far as that is known without Azure.

use super::super::Reason;
use super::errors::Cause;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a resource's id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    /// `Microsoft.Storage/storageAccounts/blobServices`.
    pub ty: String,
    /// `account/default`.
    pub name: String,
    /// The id of what it is about, if it is about another resource.
    pub scope: Option<String>,
}

impl Id {
    /// Takes an id apart; none when it is no resource's.
    pub fn of(id: &str) -> Option<Id> {
        let at = id.to_ascii_lowercase().rfind("/providers/")?;
        let (before, after) = (id.get(..at)?, id.get(at + "/providers/".len()..)?);
        let mut parts = after.split('/');
        let mut ty = parts.next()?.to_owned();
        let mut names = Vec::new();
        while let (Some(kind), Some(name)) = (parts.next(), parts.next()) {
            ty.push('/');
            ty.push_str(kind);
            names.push(name);
        }
        let scope = before.to_ascii_lowercase().contains("/providers/").then(|| before.to_owned());
        (!names.is_empty()).then(|| Id { ty, name: names.join("/"), scope })
    }

    /// What a resource is called that no template has: the end of its type, and its name.
    pub fn short(&self) -> String {
        format!("{}/{}", self.ty.rsplit('/').next().unwrap_or_default(), self.name)
    }
}

/// A piece of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// What only Azure knows, such as `uniqueString(…)`.
    Any,
}

/// What a template says of a resource.
#[derive(Debug, Clone)]
struct Known {
    symbol: String,
    ty: String,
    name: Vec<Piece>,
    scope: Option<(String, Vec<Piece>)>,
    existing: bool,
}

/// Names of a template's resources.
#[derive(Debug, Clone, Default)]
pub struct Names {
    known: Vec<Known>,
    /// From operations, by ids in small letters.
    told: BTreeMap<String, String>,
}

impl Names {
    /// What a template says.
    pub fn of(template: &Value) -> Names {
        let resources = template.get("resources").and_then(Value::as_object);
        let known = resources.into_iter().flatten().map(|(symbol, resource)| {
            let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
            let scope = resource.get("scope").and_then(Value::as_str).and_then(|scope| expression(scope.strip_prefix('[')?.strip_suffix(']')?)?.id());
            Known {
                symbol: symbol.clone(),
                ty: text("type").to_owned(),
                name: pieces(text("name")),
                scope,
                existing: resource.get("existing") == Some(&Value::Bool(true)),
            }
        });
        Names { known: known.collect(), told: BTreeMap::new() }
    }

    /// Takes in what the operations of a deployment say.
    pub fn learn(&mut self, operations: &[Value]) {
        for target in operations.iter().filter_map(|operation| operation.pointer("/properties/targetResource")) {
            let text = |name: &str| target.get(name).and_then(Value::as_str);
            if let (Some(id), Some(symbol)) = (text("id"), text("symbolicName")) {
                self.told.insert(id.to_ascii_lowercase(), symbol.to_owned());
            }
        }
    }

    /// The name of an id; what Azure says of it comes first.
    pub fn get(&self, id: &str, said: Option<&str>) -> Option<String> {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            return Some(said.to_owned());
        }
        if let Some(told) = self.told.get(&id.to_ascii_lowercase()) {
            return Some(told.clone());
        }
        let id = Id::of(id)?;
        let mut fits = self.known.iter().filter(|known| {
            let scope = match (&known.scope, id.scope.as_deref().and_then(Id::of)) {
                (Some((ty, name)), Some(scope)) => ty.eq_ignore_ascii_case(&scope.ty) && is_like(name, &scope.name),
                (None, None) => true,
                _ => false,
            };
            scope && known.ty.eq_ignore_ascii_case(&id.ty) && is_like(&known.name, &id.name)
        });
        match (fits.next(), fits.next()) {
            (Some(only), None) => Some(only.symbol.clone()),
            _ => None,
        }
    }

    /// The name of an id, or what it is called without one.
    pub fn or_short(&self, id: &str, said: Option<&str>) -> String {
        self.get(id, said).or_else(|| Id::of(id).map(|id| id.short())).unwrap_or_else(|| id.to_owned())
    }

    /// Those that the template makes, with their types.
    pub fn made(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().filter(|known| !known.existing).map(|known| (known.symbol.as_str(), known.ty.as_str()))
    }

    /// Whether the template makes one of this name.
    pub fn makes(&self, symbol: &str) -> bool {
        self.made().any(|(name, _)| name == symbol)
    }

    /// A cause at its resource.
    pub fn reason(&self, cause: Cause) -> Reason {
        let id = cause.target.as_deref().and_then(|target| Some((target, Id::of(target)?)));
        match id {
            Some((target, id)) => Reason { name: Some(self.or_short(target, None)), ty: id.ty, property: None, text: cause.text },
            None => Reason { name: None, ty: String::new(), property: cause.target, text: cause.text },
        }
    }
}

/// A value of the language of expressions, as far as names need it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Pieces(Vec<Piece>),
    /// `resourceId('type', 'name', …)`.
    Id(String, Vec<Piece>),
}

impl Part {
    fn id(self) -> Option<(String, Vec<Piece>)> {
        match self {
            Part::Id(ty, name) => Some((ty, name)),
            Part::Pieces(_) => None,
        }
    }

    fn pieces(self) -> Vec<Piece> {
        match self {
            Part::Pieces(pieces) => pieces,
            Part::Id(..) => vec![Piece::Any],
        }
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(escaped) if escaped.starts_with('[') => vec![Piece::Text(text.replacen("[[", "[", 1))],
        Some(inner) => expression(inner).map_or_else(|| vec![Piece::Any], Part::pieces),
        None => vec![Piece::Text(text.to_owned())],
    }
}

/// Reads an expression; what is not known of it is left open.
fn expression(text: &str) -> Option<Part> {
    let mut reader = Reader { rest: text };
    let part = reader.part(0)?;
    reader.rest.trim().is_empty().then_some(part)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, word: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(word) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn part(&mut self, depth: usize) -> Option<Part> {
        if depth > 32 {
            return None;
        }
        if self.eat('\'') {
            let mut text = String::new();
            loop {
                let end = self.rest.find('\'')?;
                text.push_str(self.rest.get(..end)?);
                self.rest = self.rest.get(end + 1..)?;
                match self.rest.strip_prefix('\'') {
                    Some(after) => {
                        text.push('\'');
                        self.rest = after;
                    }
                    None => return Some(Part::Pieces(vec![Piece::Text(text)])),
                }
            }
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        let (word, after) = (rest.get(..end)?.to_owned(), rest.get(end..)?);
        if word.is_empty() {
            return None;
        }
        self.rest = after;
        if !self.eat('(') {
            // A number.
            return Some(Part::Pieces(vec![Piece::Text(word)]));
        }
        let mut args = Vec::new();
        while !self.eat(')') {
            args.push(self.part(depth + 1)?);
            self.eat(',');
        }
        let mut whole = called(&word, args);
        // A property or an item of what only Azure knows.
        loop {
            if self.eat('.') {
                let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
                self.rest = self.rest.get(end..)?;
            } else if self.eat('[') {
                self.part(depth + 1)?;
                if !self.eat(']') {
                    return None;
                }
            } else {
                return Some(whole);
            }
            whole = Part::Pieces(vec![Piece::Any]);
        }
    }
}

fn called(word: &str, args: Vec<Part>) -> Part {
    let mut args = args.into_iter();
    match word.to_ascii_lowercase().as_str() {
        "format" => {
            let first = args.next().map(Part::pieces).unwrap_or_default();
            let [Piece::Text(template)] = first.as_slice() else { return Part::Pieces(vec![Piece::Any]) };
            let values: Vec<Vec<Piece>> = args.map(Part::pieces).collect();
            Part::Pieces(formatted(template, &values))
        }
        "concat" => Part::Pieces(args.flat_map(Part::pieces).collect()),
        "string" => Part::Pieces(args.next().map(Part::pieces).unwrap_or_default()),
        "tolower" | "toupper" => Part::Pieces(args.next().map(Part::pieces).unwrap_or_default()),
        "resourceid" => {
            let Some(Part::Pieces(ty)) = args.next() else { return Part::Pieces(vec![Piece::Any]) };
            let [Piece::Text(ty)] = ty.as_slice() else { return Part::Pieces(vec![Piece::Any]) };
            let mut name = Vec::new();
            for (index, segment) in args.enumerate() {
                if index > 0 {
                    name.push(Piece::Text("/".to_owned()));
                }
                name.extend(segment.pieces());
            }
            Part::Id(ty.clone(), name)
        }
        _ => Part::Pieces(vec![Piece::Any]),
    }
}

/// `format`: `{0}` is a value, `{{` a brace.
fn formatted(template: &str, values: &[Vec<Piece>]) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(rest.get(..at).unwrap_or_default());
        let here = rest.get(at..).unwrap_or_default();
        if let Some(after) = here.strip_prefix("{{").or_else(|| here.strip_prefix("}}")) {
            text.push_str(here.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let Some((number, after)) = here.strip_prefix('{').and_then(|here| here.split_once('}')) else { return vec![Piece::Any] };
        found.push(Piece::Text(std::mem::take(&mut text)));
        match number.parse::<usize>().ok().and_then(|index| values.get(index)) {
            Some(value) => found.extend(value.iter().cloned()),
            None => found.push(Piece::Any),
        }
        rest = after;
    }
    text.push_str(rest);
    found.push(Piece::Text(text));
    found
}

/// Whether a name can be this one. What is left open has no slash in it; letter case does not count.
fn is_like(pieces: &[Piece], name: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return name.is_empty() };
    match first {
        Piece::Text(text) => {
            let fits = name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
            fits && name.get(text.len()..).is_some_and(|after| is_like(rest, after))
        }
        Piece::Any => {
            let most = name.find('/').unwrap_or(name.len());
            (1..=most).rev().any(|length| name.get(length..).is_some_and(|after| is_like(rest, after)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GROUP: &str = "/subscriptions/1/resourceGroups/shop/providers";

    #[test]
    fn ids_are_found_by_what_the_template_says() {
        let lock = "[resourceId('Microsoft.Storage/storageAccounts', format('shopmedia{0}', uniqueString(resourceGroup().id)))]";
        let template = json!({ "resources": {
            "media": { "type": "Microsoft.Storage/storageAccounts", "name": "[format('shopmedia{0}', uniqueString(resourceGroup().id))]" },
            "other": { "type": "Microsoft.Storage/storageAccounts", "name": "[format('shopother{0}', uniqueString(resourceGroup().id))]" },
            "blobs": { "type": "Microsoft.Storage/storageAccounts/blobServices", "name": "[format('shopmedia{0}/default', uniqueString(resourceGroup().id))]" },
            "lock": { "type": "Microsoft.Authorization/locks", "scope": lock, "name": "keep" },
            "image": { "type": "A/b", "name": "[string(parameters('image'))]" },
        }});
        let names = Names::of(&template);
        let media = format!("{GROUP}/Microsoft.Storage/storageAccounts/shopmedia1a2b");
        assert_eq!(names.get(&media, None).as_deref(), Some("media"));
        assert_eq!(names.get(&media.to_lowercase(), None).as_deref(), Some("media"));
        assert_eq!(names.get(&format!("{media}/blobServices/default"), None).as_deref(), Some("blobs"));
        assert_eq!(names.get(&format!("{media}/providers/Microsoft.Authorization/locks/keep"), None).as_deref(), Some("lock"));
        assert_eq!(names.get(&format!("{GROUP}/Microsoft.Storage/storageAccounts/shop"), None), None);
        assert_eq!(names.get(&format!("{GROUP}/A/b/x"), None).as_deref(), Some("image"));
        assert_eq!(names.or_short(&format!("{GROUP}/C/d/x"), None), "d/x");
        assert_eq!(names.get(&format!("{GROUP}/C/d/x"), Some("said")).as_deref(), Some("said"));
    }

    #[test]
    fn two_that_could_be_meant_are_none_until_azure_says_which() {
        let template = json!({ "resources": { "a": { "type": "A/b", "name": "[guid('1')]" }, "c": { "type": "A/b", "name": "[guid('2')]" } } });
        let mut names = Names::of(&template);
        let id = format!("{GROUP}/A/b/0000");
        assert_eq!(names.get(&id, None), None);
        names.learn(&[json!({ "properties": { "targetResource": { "id": id, "symbolicName": "c" } } })]);
        assert_eq!(names.get(&id, None).as_deref(), Some("c"));
    }

    #[test]
    fn what_is_no_expression_is_left_open() {
        assert_eq!(pieces("[format('a']"), vec![Piece::Any]);
        assert_eq!(pieces("[[a]"), vec![Piece::Text("[a]".to_owned())]);
        assert_eq!(pieces("[format('a{{{0}', 'it''s')]").into_iter().map(|piece| matches!(piece, Piece::Text(_))).collect::<Vec<_>>(), [true, true, true]);
    }
}
