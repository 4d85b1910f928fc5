//! CloudFormation: `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`.

use super::json::{self, Json};
use super::{Format, pascal};
use crate::native::{Graph, NativeParam, NativeResource, Removal, Val, ValKind};
use std::collections::BTreeSet;

/// Writes the template as JSON.
pub fn write(graph: &Graph, compact: bool) -> String {
    let writer = Writer { graph, names: graph.resources.iter().map(|resource| Format::CloudFormation.logical_name(&resource.name)).collect() };
    let mut json = Json::new(compact);
    json.object(|json| {
        json.key("AWSTemplateFormatVersion").text("2010-09-09");
        json.key("Description").text(&graph.about);
        let params: Vec<&NativeParam> = graph.params.iter().filter(|param| param.used).collect();
        if !params.is_empty() {
            json.key("Parameters").object(|json| params.iter().for_each(|param| writer.param(json, param)));
        }
        json.key("Resources").object(|json| {
            for (name, resource) in writer.names.iter().zip(&graph.resources) {
                writer.resource(json.key(name), resource);
            }
        });
        if !graph.outputs.is_empty() {
            json.key("Outputs").object(|json| {
                for output in &graph.outputs {
                    json.key(&pascal(&output.name)).object(|json| writer.value(json.key("Value"), &output.value));
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
    fn param(&self, json: &mut Json, param: &NativeParam) {
        json.key(&pascal(&param.name)).object(|json| {
            json.key("Type").text(match (&param.ty, param.number, param.list) {
                (Some(ty), ..) => ty,
                (None, true, _) => "Number",
                (None, _, true) => "CommaDelimitedList",
                (None, ..) => "String",
            });
            if let Some(about) = &param.about {
                json.key("Description").text(about);
            }
            if let Some(default) = &param.default {
                // A parameter's default is text whatever its type.
                match &default.kind {
                    ValKind::Integer(number) => json.key("Default").text(&number.to_string()),
                    ValKind::Number(number) => json.key("Default").text(&number.to_string()),
                    ValKind::Bool(flag) => json.key("Default").text(&flag.to_string()),
                    // No function can stand here, so nothing passes for one.
                    ValKind::Text(text) => json.key("Default").text(text),
                    _ => self.value(json.key("Default"), default),
                }
            }
            if param.secret {
                json.key("NoEcho").raw("true");
            }
            let limits = &param.limits;
            if !limits.one_of.is_empty() {
                json.key("AllowedValues").array(|json| limits.one_of.iter().for_each(|one| json.text(one)));
            }
            if let Some(pattern) = limits.pattern() {
                json.key("AllowedPattern").text(&pattern);
            }
            for (name, bound) in [("MinValue", limits.min), ("MaxValue", limits.max)] {
                if let Some(bound) = bound {
                    json.key(name).raw(&json::number(bound));
                }
            }
            if !limits.is_none() {
                json.key("ConstraintDescription").text(&limits.told());
            }
        });
    }

    fn resource(&self, json: &mut Json, resource: &NativeResource) {
        json.object(|json| {
            json.key("Type").text(&resource.ty);
            // A replacement is not covered by the first, a first creation that failed must leave nothing behind.
            match resource.removal {
                Removal::Keep => {
                    json.key("DeletionPolicy").text("RetainExceptOnCreate");
                    json.key("UpdateReplacePolicy").text("Retain");
                }
                Removal::Snapshot => {
                    json.key("DeletionPolicy").text("Snapshot");
                    json.key("UpdateReplacePolicy").text("Snapshot");
                }
                Removal::Delete => {}
            }
            let after: BTreeSet<&str> = resource.only_after().filter_map(|id| self.names.get(id.0)).map(String::as_str).collect();
            let after: Vec<&str> = after.into_iter().collect();
            match after.as_slice() {
                [] => {}
                [one] => json.key("DependsOn").text(one),
                several => json.key("DependsOn").texts(several),
            }
            if !resource.body.is_empty() {
                json.key("Properties").object(|json| {
                    for (name, val) in &resource.body {
                        self.value(json.key(name), val);
                    }
                });
            }
        });
    }

    fn name(&self, id: crate::native::NativeId) -> &str {
        self.names.get(id.0).map(String::as_str).unwrap_or_default()
    }

    fn param_name(&self, index: usize) -> String {
        self.graph.params.get(index).map(|param| pascal(&param.name)).unwrap_or_default()
    }

    fn value(&self, json: &mut Json, val: &Val) {
        match &val.kind {
            ValKind::Bool(flag) => json.raw(if *flag { "true" } else { "false" }),
            ValKind::Integer(number) => json.raw(&number.to_string()),
            ValKind::Number(number) => json.raw(&json::number(*number)),
            ValKind::Text(text) => self.text(json, text),
            ValKind::List(items) => json.array(|json| items.iter().for_each(|item| self.value(json, item))),
            ValKind::Map(items) => json.object(|json| items.iter().for_each(|(name, item)| self.value(json.key(name), item))),
            ValKind::Ref(id) => json.object(|json| json.key("Ref").text(self.name(*id))),
            ValKind::Attr(id, path) => json.object(|json| json.key("Fn::GetAtt").texts([self.name(*id), path])),
            ValKind::Param(index) => json.object(|json| json.key("Ref").text(&self.param_name(*index))),
            ValKind::Pseudo(name) => json.object(|json| json.key("Ref").text(name)),
            ValKind::Concat(pieces) => self.concat(json, pieces),
            ValKind::Join(separator, list) => json.object(|json| {
                json.key("Fn::Join").array(|json| {
                    json.text(separator);
                    self.value(json, list);
                });
            }),
            ValKind::Index(list, place) => json.object(|json| {
                json.key("Fn::Select").array(|json| {
                    json.raw(&place.to_string());
                    self.value(json, list);
                });
            }),
            ValKind::Call(name, args) => json.object(|json| match args.as_slice() {
                [one] => self.value(json.key(name), one),
                many => json.key(name).array(|json| many.iter().for_each(|arg| self.value(json, arg))),
            }),
            ValKind::Json(inner) => {
                let mut pieces = Vec::new();
                self.json_text(inner, &mut pieces);
                self.concat(json, &pieces);
            }
            // The checker lets no rule of this format pick, or make an entry; an absent value is left out where it stands.
            ValKind::Pick { .. } | ValKind::Entry(..) | ValKind::Absent => json.text(""),
        }
    }

    /// Plain text. Where it would pass for a forgotten `Fn::Sub` it is cut behind the `$`, which no reader takes for one.
    fn text(&self, json: &mut Json, text: &str) {
        let looks_like_one = text.match_indices("${").any(|(at, _)| {
            let name = text.get(at + 2..).and_then(|rest| rest.split_once('}')).map(|(name, _)| name.trim()).unwrap_or_default();
            let head = name.split('.').next().unwrap_or_default();
            name.contains("::") || self.names.iter().any(|known| known == head) || self.graph.params.iter().any(|param| pascal(&param.name) == head)
        });
        if !looks_like_one {
            return json.text(text);
        }
        json.object(|json| {
            json.key("Fn::Join").array(|json| {
                json.text("");
                json.array(|json| {
                    let mut rest = text;
                    while let Some(at) = rest.find("${") {
                        let (before, after) = rest.split_at(at + 1);
                        json.text(before);
                        rest = after;
                    }
                    json.text(rest);
                });
            });
        });
    }

    /// `Fn::Sub` where every part is plain text or a reference, `Fn::Join` otherwise.
    fn concat(&self, json: &mut Json, pieces: &[Val]) {
        if let [Val { kind: ValKind::Text(text), .. }] = pieces {
            return self.text(json, text);
        }
        let mut template = String::new();
        let mut plain = true;
        for piece in pieces {
            match &piece.kind {
                // `${` in plain text would be read as a reference; joined, it is what it is.
                ValKind::Text(text) if !text.contains("${") => template.push_str(text),
                ValKind::Ref(id) => template.push_str(&format!("${{{}}}", self.name(*id))),
                ValKind::Attr(id, path) => template.push_str(&format!("${{{}.{path}}}", self.name(*id))),
                ValKind::Param(index) => template.push_str(&format!("${{{}}}", self.param_name(*index))),
                ValKind::Pseudo(name) => template.push_str(&format!("${{{name}}}")),
                _ => plain = false,
            }
        }
        json.object(|json| {
            if plain {
                json.key("Fn::Sub").text(&template);
            } else {
                json.key("Fn::Join").array(|json| {
                    json.text("");
                    json.array(|json| pieces.iter().for_each(|piece| self.value(json, piece)));
                });
            }
        });
    }

    /// JSON text with holes where values come in when deployed.
    fn json_text(&self, val: &Val, pieces: &mut Vec<Val>) {
        let mut add = |text: &str| match pieces.last_mut() {
            Some(Val { kind: ValKind::Text(last), .. }) => last.push_str(text),
            _ => pieces.push(Val::text(text, val.origin)),
        };
        match &val.kind {
            ValKind::Bool(flag) => add(&flag.to_string()),
            ValKind::Integer(number) => add(&number.to_string()),
            ValKind::Number(value) => add(&json::number(*value)),
            ValKind::Text(text) => {
                let mut quoted = String::new();
                json::quote(&mut quoted, text);
                add(&quoted);
            }
            ValKind::List(items) => {
                add("[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        push_text(pieces, ",", val);
                    }
                    self.json_text(item, pieces);
                }
                push_text(pieces, "]", val);
            }
            ValKind::Map(items) => {
                add("{");
                for (index, (name, item)) in items.iter().enumerate() {
                    let mut key = String::from(if index > 0 { "," } else { "" });
                    json::quote(&mut key, name);
                    key.push(':');
                    push_text(pieces, &key, val);
                    self.json_text(item, pieces);
                }
                push_text(pieces, "}", val);
            }
            ValKind::Concat(inner) => {
                add("\"");
                for piece in inner {
                    match &piece.kind {
                        ValKind::Text(text) => {
                            let mut quoted = String::new();
                            json::quote(&mut quoted, text);
                            push_text(pieces, quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted), val);
                        }
                        _ => pieces.push(piece.clone()),
                    }
                }
                push_text(pieces, "\"", val);
            }
            // Several values become one text with what stands between them.
            ValKind::Param(index) if self.graph.params.get(*index).is_some_and(|param| param.list) => {
                add("[\"");
                pieces.push(Val::new(ValKind::Join("\",\"".to_owned(), Box::new(val.clone())), val.origin));
                push_text(pieces, "\"]", val);
            }
            _ => {
                add("\"");
                pieces.push(val.clone());
                push_text(pieces, "\"", val);
            }
        }
    }
}

fn push_text(pieces: &mut Vec<Val>, text: &str, origin: &Val) {
    match pieces.last_mut() {
        Some(Val { kind: ValKind::Text(last), .. }) => last.push_str(text),
        _ => pieces.push(Val::text(text, origin.origin)),
    }
}
