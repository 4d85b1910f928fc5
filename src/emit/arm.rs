//! Azure Resource Manager: templates of language version 2.0, in which a resource is known by a symbolic name, and expressions in brackets.

use super::Format;
use super::json::{self, Json};
use crate::native::{Graph, NativeId, NativeParam, NativeResource, Origin, Val, ValKind};
use crate::provider::NativeKind;
use std::collections::BTreeSet;

/// The schema that a template for a resource group names.
const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// What of a resource's body stands first; its `properties` come last.
const FIRST: [&str; 3] = ["scope", "name", "location"];

/// Writes the template.
pub fn write(graph: &Graph, compact: bool) -> String {
    let writer = Writer { graph, names: graph.resources.iter().map(|resource| Format::Arm.logical_name(&resource.name)).collect() };
    let mut json = Json::new(compact);
    json.object(|json| {
        json.key("$schema").text(SCHEMA);
        json.key("languageVersion").text("2.0");
        json.key("contentVersion").text("1.0.0.0");
        json.key("metadata").object(|json| json.key("description").text(&plain(&graph.about)));
        let params: Vec<&NativeParam> = graph.params.iter().filter(|param| param.used).collect();
        if !params.is_empty() {
            json.key("parameters").object(|json| params.iter().for_each(|param| writer.param(json, param)));
        }
        json.key("resources").object(|json| {
            for (name, resource) in writer.names.iter().zip(&graph.resources) {
                writer.resource(json.key(name), resource);
            }
        });
        if !graph.outputs.is_empty() {
            json.key("outputs").object(|json| {
                for output in &graph.outputs {
                    json.key(&Format::Arm.output_name(&output.name)).object(|json| {
                        json.key("type").text(writer.output_type(&output.value));
                        writer.value(json.key("value"), &output.value);
                    });
                }
            });
        }
    });
    json.finish()
}

/// What each resource is to Azure, apart from the template: its type, where it stands, its name. Letter case does not count.
pub fn identities(graph: &Graph) -> Vec<String> {
    let writer = Writer { graph, names: Vec::new() };
    let of = |id: usize| writer.id(NativeId(id)).to_lowercase();
    (0..graph.resources.len()).map(of).collect()
}

struct Writer<'g> {
    graph: &'g Graph,
    names: Vec<String>,
}

impl Writer<'_> {
    fn param(&self, json: &mut Json, param: &NativeParam) {
        json.key(&Format::Arm.param_name(&param.name)).object(|json| {
            // There is no type for numbers with a fraction; as text, they go wherever they can go.
            let fraction = matches!(&param.default, Some(Val { kind: ValKind::Number(_), .. }));
            json.key("type").text(match (param.secret, param.number && !fraction, param.list) {
                (true, ..) => "secureString",
                (false, true, _) => "int",
                (false, false, true) => "array",
                (false, false, false) => "string",
            });
            if let Some(default) = &param.default {
                match &default.kind {
                    ValKind::Number(number) => json.key("defaultValue").text(&json::number(*number)),
                    ValKind::Bool(flag) => json.key("defaultValue").text(&flag.to_string()),
                    _ => self.value(json.key("defaultValue"), default),
                }
            }
            let limits = &param.limits;
            if !limits.one_of.is_empty() {
                json.key("allowedValues").array(|json| {
                    limits.one_of.iter().for_each(|one| if param.number && !fraction { json.raw(one) } else { json.text(&plain(one)) });
                });
            }
            // A number with a fraction is text here, and of text only the length can be bounded.
            for (name, bound) in [("minValue", limits.min), ("maxValue", limits.max)] {
                if let Some(bound) = bound.filter(|bound| param.number && !fraction && bound.fract() == 0.0) {
                    json.key(name).raw(&json::number(bound));
                }
            }
            if let Some(about) = &param.about {
                json.key("metadata").object(|json| json.key("description").text(&plain(about)));
            }
        });
    }

    fn resource(&self, json: &mut Json, resource: &NativeResource) {
        let given = |name: &str| resource.body.iter().find(|(other, _)| other == name).map(|(_, val)| val);
        json.object(|json| {
            if resource.kind == NativeKind::Data {
                json.key("existing").raw("true");
            }
            json.key("type").text(&resource.ty);
            json.key("apiVersion").text(resource.version.as_deref().unwrap_or_default());
            if let Some(scope) = given("scope") {
                self.value(json.key("scope"), scope);
            }
            let mut pieces: Vec<Val> = Vec::new();
            for segment in self.segments(resource) {
                if !pieces.is_empty() {
                    pieces.push(Val::text("/", resource.origin));
                }
                pieces.push(segment);
            }
            self.value(json.key("name"), &joined(pieces, resource.origin));
            if let Some(location) = given("location") {
                self.value(json.key("location"), location);
            }
            for (name, val) in resource.body.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()) && name != "properties") {
                self.value(json.key(name), val);
            }
            if let Some(properties) = given("properties") {
                self.value(json.key("properties"), properties);
            }
            let after: BTreeSet<&str> = resource.needs().into_iter().map(|id| self.name(id)).collect();
            if !after.is_empty() {
                json.key("dependsOn").texts(after);
            }
        });
    }

    fn output_type(&self, val: &Val) -> &'static str {
        match &val.kind {
            ValKind::Bool(_) => "bool",
            ValKind::Integer(_) => "int",
            ValKind::Param(index) if self.graph.params.get(*index).is_some_and(|param| param.number) => "int",
            ValKind::Param(index) if self.graph.params.get(*index).is_some_and(|param| param.list) => "array",
            ValKind::List(_) => "array",
            ValKind::Map(_) | ValKind::Entry(..) => "object",
            _ => "string",
        }
    }

    fn name(&self, id: NativeId) -> &str {
        self.names.get(id.0).map(String::as_str).unwrap_or_default()
    }

    /// The names of a resource and of those that it is a part of, from the outermost.
    fn segments(&self, resource: &NativeResource) -> Vec<Val> {
        let mut segments = match resource.parent.and_then(|parent| self.graph.resources.get(parent.0)) {
            Some(parent) => self.segments(parent),
            None => Vec::new(),
        };
        segments.push(own_name(resource));
        segments
    }

    fn value(&self, json: &mut Json, val: &Val) {
        match &val.kind {
            ValKind::Bool(flag) => json.raw(if *flag { "true" } else { "false" }),
            ValKind::Integer(number) => json.raw(&number.to_string()),
            ValKind::Text(text) => json.text(&plain(text)),
            ValKind::List(items) => json.array(|json| items.iter().for_each(|item| self.value(json, item))),
            // A template takes `copy` for a loop, so that an entry of that name is made by a function.
            ValKind::Map(items) if !items.iter().any(|(name, _)| name.eq_ignore_ascii_case("copy")) => json.object(|json| {
                items.iter().for_each(|(name, item)| self.value(json.key(&plain(name)), item));
            }),
            ValKind::Entry(name, item) => json.object(|json| {
                let key = match &name.kind {
                    ValKind::Text(text) => plain(text),
                    _ => format!("[{}]", self.expression(name)),
                };
                self.value(json.key(&key), item);
            }),
            ValKind::Json(inner) if !inner.is_deferred() => json.text(&plain(&json_text(inner))),
            ValKind::Attr(id, path) if path == "name" => match self.graph.resources.get(id.0) {
                Some(resource) => self.value(json, &own_name(resource)),
                None => json.text(""),
            },
            ValKind::Concat(_) | ValKind::Join(..) | ValKind::Index(..) => match self.known(val) {
                Some(text) => json.text(&plain(&text)),
                None => json.text(&format!("[{}]", self.expression(val))),
            },
            ValKind::Absent => json.text(""),
            _ => json.text(&format!("[{}]", self.expression(val))),
        }
    }

    /// A text of which all parts are known.
    fn known(&self, val: &Val) -> Option<String> {
        match &val.kind {
            ValKind::Text(text) => Some(text.clone()),
            ValKind::Integer(number) => Some(number.to_string()),
            ValKind::Concat(pieces) => pieces.iter().map(|piece| self.known(piece)).collect(),
            ValKind::Join(separator, list) => match &list.kind {
                ValKind::List(items) => Some(items.iter().map(|item| self.known(item)).collect::<Option<Vec<_>>>()?.join(separator)),
                _ => None,
            },
            ValKind::Index(list, place) => match &list.kind {
                ValKind::List(items) => self.known(items.get(*place)?),
                _ => None,
            },
            ValKind::Json(inner) if !inner.is_deferred() => Some(json_text(inner)),
            ValKind::Attr(id, path) if path == "name" => self.known(&own_name(self.graph.resources.get(id.0)?)),
            _ => None,
        }
    }

    /// An expression, without its brackets.
    fn expression(&self, val: &Val) -> String {
        match &val.kind {
            ValKind::Bool(flag) => format!("{flag}()"),
            ValKind::Integer(number) => number.to_string(),
            // The language of expressions has whole numbers only.
            ValKind::Number(number) => format!("json({})", quoted(&json::number(*number))),
            ValKind::Text(text) => quoted(text),
            ValKind::List(items) => call("createArray", items.iter().map(|item| self.expression(item))),
            ValKind::Map(items) => call("createObject", items.iter().flat_map(|(name, item)| [quoted(name), self.expression(item)])),
            ValKind::Entry(name, item) => call("createObject", [self.expression(name), self.expression(item)]),
            ValKind::Ref(id) => self.id(*id),
            ValKind::Attr(id, path) => self.attribute(*id, path),
            ValKind::Param(index) => {
                let name = self.graph.params.get(*index).map(|param| Format::Arm.param_name(&param.name)).unwrap_or_default();
                format!("parameters({})", quoted(&name))
            }
            ValKind::Pseudo(name) => name.trim_start_matches(':').to_owned(),
            ValKind::Concat(pieces) => self.concat(pieces),
            ValKind::Join(separator, list) => call("join", [self.expression(list), quoted(separator)]),
            ValKind::Index(list, place) => match &list.kind {
                ValKind::List(items) => items.get(*place).map_or_else(|| quoted(""), |item| self.expression(item)),
                _ => format!("{}[{place}]", self.expression(list)),
            },
            ValKind::Pick { from, key, value, field } => {
                let test = call("equals", [format!("lambdaVariables('item'){}", step(key)), self.expression(value)]);
                format!("first(filter({}, lambda('item', {test}))){}", self.expression(from), step(field))
            }
            ValKind::Call(name, args) => call(name, args.iter().map(|arg| self.expression(arg))),
            ValKind::Json(inner) if inner.is_deferred() => call("string", [self.expression(inner)]),
            ValKind::Json(inner) => quoted(&json_text(inner)),
            ValKind::Absent => quoted(""),
        }
    }

    fn pieces(&self, piece: &Val) -> Vec<Val> {
        match &piece.kind {
            ValKind::Attr(id, path) if path == "name" => match self.graph.resources.get(id.0) {
                Some(resource) => self.pieces(&own_name(resource)),
                None => Vec::new(),
            },
            ValKind::Concat(inner) => inner.iter().flat_map(|inner| self.pieces(inner)).collect(),
            _ => vec![piece.clone()],
        }
    }

    /// Texts put together, by `format` as Azure's own compiler does it.
    fn concat(&self, pieces: &[Val]) -> String {
        let mut template = String::new();
        let mut values = Vec::new();
        // A name that is put together itself goes in piece by piece.
        let names: Vec<Vec<Val>> = pieces.iter().map(|piece| self.pieces(piece)).collect();
        for piece in names.iter().flatten() {
            match self.known(piece) {
                Some(text) => template.push_str(&text.replace('{', "{{").replace('}', "}}")),
                None => {
                    template.push_str(&format!("{{{}}}", values.len()));
                    values.push(self.expression(piece));
                }
            }
        }
        match values.as_slice() {
            [only] if template == "{0}" => call("string", [only]),
            _ => call("format", [quoted(&template)].into_iter().chain(values)),
        }
    }

    /// What a resource is referred to by. It is put together from names alone, so that it is known from the beginning.
    fn id(&self, id: NativeId) -> String {
        let Some(resource) = self.graph.resources.get(id.0) else { return quoted("") };
        let segments = self.segments(resource);
        let names = segments.iter().map(|segment| self.expression(segment));
        match resource.body.iter().find(|(name, _)| name == "scope") {
            Some((_, scope)) => call("extensionResourceId", [self.expression(scope), quoted(&resource.ty)].into_iter().chain(names)),
            None => call("resourceId", [quoted(&resource.ty)].into_iter().chain(names)),
        }
    }

    fn attribute(&self, id: NativeId, path: &str) -> String {
        let Some(resource) = self.graph.resources.get(id.0) else { return quoted("") };
        let symbol = quoted(self.name(id));
        match path {
            "id" => return self.id(id),
            "name" => return self.expression(&own_name(resource)),
            "properties" => return call("reference", [symbol]),
            _ => {}
        }
        let (whole, rest) = match path.strip_prefix("properties.") {
            Some(rest) => (call("reference", [symbol]), rest),
            None => (call("reference", [symbol, quoted(resource.version.as_deref().unwrap_or_default()), quoted("full")]), path),
        };
        rest.split('.').fold(whole, |whole, part| match part.split_once('[') {
            Some((name, places)) => format!("{whole}{}[{places}", step(name)),
            None => whole + &step(part),
        })
    }
}

/// The last part of a resource's name.
fn own_name(resource: &NativeResource) -> Val {
    let name = resource.body.iter().find(|(name, _)| name == "name").map(|(_, val)| val.clone());
    name.unwrap_or_else(|| Val::text(resource.name.join("-"), resource.origin))
}

fn joined(mut pieces: Vec<Val>, origin: Origin) -> Val {
    if pieces.len() == 1 {
        return pieces.swap_remove(0);
    }
    let flat = pieces.into_iter().flat_map(|piece| match piece.kind {
        ValKind::Concat(inner) => inner,
        kind => vec![Val::new(kind, piece.origin)],
    });
    Val::new(ValKind::Concat(flat.collect()), origin)
}

/// Text outside of expressions. What begins and ends with brackets would pass for an expression; a second bracket says that it is none.
fn plain(text: &str) -> String {
    if text.starts_with('[') && text.ends_with(']') { format!("[{text}") } else { text.to_owned() }
}

/// Text in an expression.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn call<S: AsRef<str>>(name: &str, args: impl IntoIterator<Item = S>) -> String {
    let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    format!("{name}({})", args.join(", "))
}

/// The step to a member of an object.
fn step(name: &str) -> String {
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word { format!(".{name}") } else { format!("[{}]", quoted(name)) }
}

/// JSON text of a value that is wholly known.
fn json_text(val: &Val) -> String {
    let mut json = Json::new(true);
    write_known(&mut json, val);
    json.finish().trim_end().to_owned()
}

fn write_known(json: &mut Json, val: &Val) {
    match &val.kind {
        ValKind::Bool(flag) => json.raw(if *flag { "true" } else { "false" }),
        ValKind::Integer(number) => json.raw(&number.to_string()),
        ValKind::Number(number) => json.raw(&json::number(*number)),
        ValKind::Text(text) => json.text(text),
        ValKind::List(items) => json.array(|json| items.iter().for_each(|item| write_known(json, item))),
        ValKind::Map(items) => json.object(|json| items.iter().for_each(|(name, item)| write_known(json.key(name), item))),
        ValKind::Json(inner) => json.text(&json_text(inner)),
        _ => json.text(""),
    }
}
