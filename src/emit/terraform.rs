//! Terraform's JSON syntax: expressions are strings, and every string in an expression's place is a template.

use super::Format;
use super::json::{self, Json};
use crate::backend::Setting;
use crate::native::{Expected, Graph, NativeId, NativeParam, NativeResource, Removal, Val, ValKind};
use crate::provider::NativeKind;
use crate::rules::Target;
use crate::syntax::{Node, Scalar, Value};
use std::collections::BTreeSet;

/// Writes `main.tf.json`.
pub fn write(graph: &Graph, target: &Target, compact: bool) -> String {
    let writer = Writer { graph, names: graph.resources.iter().map(|resource| Format::Terraform.logical_name(&resource.name)).collect() };
    let setting = |name: &str| target.settings.iter().find(|node| node.name.text == name);
    // One that a stack has nothing of would be downloaded for nothing, and may ask for what the stack's owner does not have.
    let of_it = |node: &Node| graph.resources.iter().any(|resource| resource.ty.split('_').next() == node.arg_str(0));
    let providers: Vec<&Node> = target.settings.iter().filter(|node| node.name.text == "provider" && of_it(node)).collect();
    let ephemeral = setting("ephemeral-secrets").is_some();
    let mut json = Json::new(compact);
    json.object(|json| {
        json.key("terraform").object(|json| {
            if let Some(version) = setting("required-version").and_then(|node| node.arg_str(0)) {
                json.key("required_version").text(version);
            }
            if let Some(state) = &graph.state {
                json.key("backend").object(|json| {
                    json.key(&state.kind).object(|json| {
                        for (name, setting) in &state.settings {
                            match setting {
                                Setting::Text(text) => json.key(name).text(&escape(text)),
                                Setting::Flag(flag) => json.key(name).raw(&flag.to_string()),
                            }
                        }
                    });
                });
            }
            json.key("required_providers").object(|json| {
                for provider in &providers {
                    json.key(provider.arg_str(0).unwrap_or_default()).object(|json| {
                        for (key, value) in &provider.props {
                            json.key(&key.text).text(value.as_str().unwrap_or_default());
                        }
                    });
                }
            });
        });
        json.key("provider").object(|json| {
            for provider in &providers {
                json.key(provider.arg_str(0).unwrap_or_default()).object(|json| provider.children().iter().for_each(|child| writer.plain(json, child)));
            }
        });
        let params: Vec<&NativeParam> = graph.params.iter().filter(|param| param.used).collect();
        if !params.is_empty() {
            json.key("variable").object(|json| params.iter().for_each(|param| writer.variable(json, param, ephemeral)));
        }
        writer.section(json, NativeKind::Data);
        writer.section(json, NativeKind::Ephemeral);
        writer.section(json, NativeKind::Resource);
        if !graph.outputs.is_empty() {
            json.key("output").object(|json| {
                for output in &graph.outputs {
                    json.key(&Format::Terraform.output_name(&output.name)).object(|json| writer.value(json.key("value"), &output.value));
                }
            });
        }
    });
    json.finish()
}

struct Writer<'g> {
    graph: &'g Graph,
    names: Vec<String>,
}

impl Writer<'_> {
    /// A node of a target's settings, with what it reads.
    fn plain(&self, json: &mut Json, node: &Node) {
        json.key(&node.name.text);
        if node.args.len() > 1 {
            return json.texts(node.args.iter().filter_map(Value::as_str));
        }
        match node.args.first() {
            Some(value) if value.tag() == Some("get") => {
                let read = self.graph.settings.iter().find(|(path, _)| value.as_str() == Some(path));
                match read {
                    Some((_, val)) => self.value(json, val),
                    None => json.raw("null"),
                }
            }
            Some(Value { scalar: Scalar::String(text), .. }) => json.text(text),
            Some(Value { scalar: Scalar::Bool(flag), .. }) => json.raw(&flag.to_string()),
            Some(Value { scalar: Scalar::Integer(number), .. }) => json.raw(&number.to_string()),
            _ => json.object(|json| node.children().iter().for_each(|child| self.plain(json, child))),
        }
    }

    /// A variable's block holds no templates: nothing in it is escaped.
    fn variable(&self, json: &mut Json, param: &NativeParam, ephemeral: bool) {
        json.key(&Format::Terraform.param_name(&param.name)).object(|json| {
            json.key("type").text(match (param.number, param.list) {
                (true, _) => "number",
                (_, true) => "list(string)",
                _ => "string",
            });
            if let Some(about) = &param.about {
                json.key("description").text(about);
            }
            match param.default.as_ref().map(|default| &default.kind) {
                Some(ValKind::Text(text)) => json.key("default").text(text),
                Some(ValKind::Integer(number)) => json.key("default").raw(&number.to_string()),
                Some(ValKind::Number(number)) => json.key("default").raw(&json::number(*number)),
                Some(ValKind::Bool(flag)) => json.key("default").text(&flag.to_string()),
                _ => {}
            }
            self.validation(json, param);
            if param.secret {
                json.key("sensitive").raw("true");
                if ephemeral {
                    json.key("ephemeral").raw("true");
                }
            }
        });
    }

    /// What a variable has to be; its condition is the one place in its block that is read as an expression.
    fn validation(&self, json: &mut Json, param: &NativeParam) {
        let limits = &param.limits;
        let name = format!("var.{}", Format::Terraform.param_name(&param.name));
        let mut conditions = Vec::new();
        if !limits.one_of.is_empty() {
            let all: Vec<String> = limits.one_of.iter().map(|one| if param.number { one.clone() } else { literal(one) }).collect();
            conditions.push(format!("contains([{}], {name})", all.join(", ")));
        }
        conditions.extend(limits.pattern().map(|pattern| format!("can(regex({}, {name}))", literal(&pattern))));
        conditions.extend(limits.min.map(|min| format!("{name} >= {}", json::number(min))));
        conditions.extend(limits.max.map(|max| format!("{name} <= {}", json::number(max))));
        if conditions.is_empty() {
            return;
        }
        json.key("validation").array(|json| {
            json.object(|json| {
                json.key("condition").text(&format!("${{{}}}", conditions.join(" && ")));
                json.key("error_message").text(&escape(&format!("Of {}, {}.", param.name, limits.told())));
            });
        });
    }

    fn section(&self, json: &mut Json, kind: NativeKind) {
        // In the order of the alphabet: in that of first use, an unrelated resource would move whole sections.
        let mut types: Vec<&str> = self.graph.resources.iter().filter(|resource| resource.kind == kind).map(|resource| resource.ty.as_str()).collect();
        types.sort_unstable();
        types.dedup();
        if types.is_empty() {
            return;
        }
        json.key(kind.word()).object(|json| {
            for ty in types {
                json.key(ty).object(|json| {
                    for (name, resource) in self.names.iter().zip(&self.graph.resources).filter(|(_, resource)| resource.kind == kind && resource.ty == ty) {
                        json.key(name).object(|json| self.resource(json, resource));
                    }
                });
            }
        });
    }

    fn resource(&self, json: &mut Json, resource: &NativeResource) {
        for (name, val) in &resource.body {
            self.value(json.key(name), val);
        }
        let after: BTreeSet<String> = resource.only_after().map(|id| self.address(id)).collect();
        if !after.is_empty() {
            json.key("depends_on").texts(after);
        }
        if resource.removal == Removal::Keep || resource.create_first || !resource.ignored.is_empty() || !resource.expected.is_empty() {
            json.key("lifecycle").object(|json| {
                if resource.create_first {
                    json.key("create_before_destroy").raw("true");
                }
                if resource.removal == Removal::Keep {
                    json.key("prevent_destroy").raw("true");
                }
                if !resource.ignored.is_empty() {
                    json.key("ignore_changes").texts(&resource.ignored);
                }
                if !resource.expected.is_empty() {
                    json.key("postcondition").array(|json| {
                        for Expected { attribute, value, why } in &resource.expected {
                            json.object(|json| {
                                json.key("condition").text(&format!("${{self.{attribute} == {}}}", self.expression(value)));
                                json.key("error_message").text(&escape(why));
                            });
                        }
                    });
                }
            });
        }
    }

    fn address(&self, id: NativeId) -> String {
        let (Some(resource), Some(name)) = (self.graph.resources.get(id.0), self.names.get(id.0)) else { return String::new() };
        match resource.kind {
            NativeKind::Resource => format!("{}.{name}", resource.ty),
            kind => format!("{}.{}.{name}", kind.word(), resource.ty),
        }
    }

    fn value(&self, json: &mut Json, val: &Val) {
        match &val.kind {
            ValKind::Bool(flag) => json.raw(if *flag { "true" } else { "false" }),
            ValKind::Integer(number) => json.raw(&number.to_string()),
            ValKind::Number(number) => json.raw(&json::number(*number)),
            ValKind::Text(text) => json.text(&template(split(text))),
            ValKind::List(items) => json.array(|json| items.iter().for_each(|item| self.value(json, item))),
            ValKind::Map(items) => json.object(|json| items.iter().for_each(|(name, item)| self.value(json.key(&escape(name)), item))),
            ValKind::Concat(pieces) => json.text(&template(self.pieces(pieces))),
            _ => json.text(&format!("${{{}}}", self.expression(val))),
        }
    }

    fn pieces(&self, pieces: &[Val]) -> Vec<Piece> {
        let mut found = Vec::new();
        for piece in pieces {
            match &piece.kind {
                ValKind::Text(text) => found.extend(split(text)),
                _ => found.push(Piece::Expression(self.expression(piece))),
            }
        }
        found
    }

    /// The value in Terraform's own expression language, as it stands between `${` and `}`.
    fn expression(&self, val: &Val) -> String {
        match &val.kind {
            ValKind::Bool(flag) => flag.to_string(),
            ValKind::Integer(number) => number.to_string(),
            ValKind::Number(number) => json::number(*number),
            ValKind::Text(text) => literal(text),
            ValKind::List(items) => format!("[{}]", items.iter().map(|item| self.expression(item)).collect::<Vec<_>>().join(", ")),
            ValKind::Map(items) => {
                format!("{{{}}}", items.iter().map(|(name, item)| format!("{} = {}", literal(name), self.expression(item))).collect::<Vec<_>>().join(", "))
            }
            ValKind::Ref(id) => format!("{}.id", self.address(*id)),
            ValKind::Attr(id, path) => format!("{}.{path}", self.address(*id)),
            ValKind::Param(index) => {
                self.graph.params.get(*index).map(|param| format!("var.{}", Format::Terraform.param_name(&param.name))).unwrap_or_default()
            }
            ValKind::Pseudo(name) => name.clone(),
            ValKind::Concat(pieces) => format!("\"{}\"", render(self.pieces(pieces), quoted)),
            ValKind::Join(separator, list) => format!("join({}, {})", literal(separator), self.expression(list)),
            ValKind::Index(list, place) => format!("{}[{place}]", self.expression(list)),
            ValKind::Pick { from, key, value, field } => {
                format!("one([for item in {} : item.{field} if item.{key} == {}])", self.expression(from), self.expression(value))
            }
            ValKind::Call(name, args) => format!("{name}({})", args.iter().map(|arg| self.expression(arg)).collect::<Vec<_>>().join(", ")),
            ValKind::Json(inner) => format!("jsonencode({})", self.expression(inner)),
            ValKind::Entry(name, item) => format!("{{({}) = {}}}", self.expression(name), self.expression(item)),
            ValKind::Absent => "null".to_owned(),
        }
    }
}

/// A piece of a template: plain text, or an expression between `${` and `}`.
enum Piece {
    Text(String),
    Expression(String),
}

/// Text as pieces. Terraform drops a byte order mark at the beginning, and reads everything behind a lone carriage return as if it
/// were no template; as expressions, both are what they are.
fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let lone = (c == '\r' && chars.peek() != Some(&'\n')) || (c == '\u{feff}' && first);
        first = false;
        if lone {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Expression(literal(&c.to_string())));
        } else {
            plain.push(c);
        }
    }
    pieces.push(Piece::Text(plain));
    pieces
}

fn template(pieces: Vec<Piece>) -> String {
    render(pieces, escape)
}

/// Puts pieces together. `$` or `%` right before an expression would make its beginning an escape, so such a run becomes an expression too.
fn render(pieces: Vec<Piece>, spell: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut pieces = pieces.into_iter().peekable();
    let mut pending = String::new();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => {
                pending.push_str(&text);
                if matches!(pieces.peek(), Some(Piece::Text(_))) {
                    continue;
                }
                let kept = if pieces.peek().is_some() { pending.trim_end_matches(['$', '%']) } else { pending.as_str() };
                out.push_str(&spell(kept));
                let run = pending.get(kept.len()..).unwrap_or("");
                if !run.is_empty() {
                    out.push_str(&format!("${{\"{run}\"}}"));
                }
                pending.clear();
            }
            Piece::Expression(expression) => out.push_str(&format!("${{{expression}}}")),
        }
    }
    out
}

/// `${` and `%{` begin something in a template; doubled, they are themselves.
fn escape(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// A quoted string of the expression language.
fn literal(text: &str) -> String {
    format!("\"{}\"", quoted(text))
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || c == '\u{feff}' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
