//! Heat: `get_resource`, `get_attr`, `get_param`, `list_join`.

use super::Format;
use super::json::{self, Json};
use crate::native::{Graph, NativeId, NativeParam, NativeResource, Removal, Val, ValKind};
use std::collections::BTreeSet;

/// The version of the template language that is written, "wallaby".
const VERSION: &str = "2021-04-16";

/// Writes the template as JSON, which is YAML too.
pub fn write(graph: &Graph, compact: bool) -> String {
    let writer = Writer { graph, names: graph.resources.iter().map(|resource| Format::Heat.logical_name(&resource.name)).collect() };
    let mut json = Json::new(compact);
    json.object(|json| {
        json.key("heat_template_version").text(VERSION);
        json.key("description").text(&graph.about);
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
                    json.key(&Format::Heat.output_name(&output.name)).object(|json| writer.value(json.key("value"), &output.value));
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
        json.key(&Format::Heat.param_name(&param.name)).object(|json| {
            json.key("type").text(match (param.number, param.list) {
                (true, _) => "number",
                (_, true) => "comma_delimited_list",
                _ => "string",
            });
            if let Some(about) = &param.about {
                json.key("description").text(about);
            }
            // Heat would write a boolean as Python does.
            match param.default.as_ref().map(|default| (scalar(default), default)) {
                Some((Some(text), _)) if !param.number => json.key("default").text(&text),
                Some((_, default)) => self.value(json.key("default"), default),
                None => {}
            }
            if param.secret {
                json.key("hidden").raw("true");
            }
            self.constraints(json, param);
        });
    }

    /// Each thing that a parameter has to be is one of its constraints.
    fn constraints(&self, json: &mut Json, param: &NativeParam) {
        let limits = &param.limits;
        if limits.is_none() && param.ty.is_none() {
            return;
        }
        let told = limits.told();
        json.key("constraints").array(|json| {
            if let Some(check) = &param.ty {
                json.object(|json| json.key("custom_constraint").text(check));
            }
            if !limits.one_of.is_empty() {
                json.object(|json| {
                    json.key("allowed_values").array(|json| {
                        limits.one_of.iter().for_each(|one| if param.number { json.raw(one) } else { json.text(one) });
                    });
                    json.key("description").text(&told);
                });
            }
            if let Some(pattern) = limits.pattern() {
                json.object(|json| {
                    json.key("allowed_pattern").text(&pattern);
                    json.key("description").text(&told);
                });
            }
            if limits.min.or(limits.max).is_some() {
                json.object(|json| {
                    json.key("range").object(|json| {
                        for (name, bound) in [("min", limits.min), ("max", limits.max)] {
                            if let Some(bound) = bound {
                                json.key(name).raw(&json::number(bound));
                            }
                        }
                    });
                    json.key("description").text(&told);
                });
            }
        });
    }

    fn resource(&self, json: &mut Json, resource: &NativeResource) {
        json.object(|json| {
            json.key("type").text(&resource.ty);
            match resource.removal {
                Removal::Keep => json.key("deletion_policy").text("Retain"),
                Removal::Snapshot => json.key("deletion_policy").text("Snapshot"),
                Removal::Delete => {}
            }
            let after: BTreeSet<&str> = resource.only_after().map(|id| self.name(id)).collect();
            if !after.is_empty() {
                json.key("depends_on").texts(after);
            }
            // An empty map says no more than none.
            let empty = |val: &Val| matches!(&val.kind, ValKind::Map(fields) if fields.is_empty());
            let body: Vec<&(String, Val)> = resource.body.iter().filter(|(_, val)| !empty(val)).collect();
            if !body.is_empty() {
                json.key("properties").object(|json| {
                    for (name, val) in body {
                        self.value(json.key(name), val);
                    }
                });
            }
        });
    }

    fn name(&self, id: NativeId) -> &str {
        self.names.get(id.0).map(String::as_str).unwrap_or_default()
    }

    fn param_name(&self, index: usize) -> String {
        self.graph.params.get(index).map(|param| Format::Heat.param_name(&param.name)).unwrap_or_default()
    }

    fn value(&self, json: &mut Json, val: &Val) {
        match &val.kind {
            ValKind::Bool(flag) => json.raw(if *flag { "true" } else { "false" }),
            ValKind::Integer(number) => json.raw(&number.to_string()),
            ValKind::Number(number) => json.raw(&json::number(*number)),
            ValKind::Text(text) => json.text(text),
            ValKind::List(items) => json.array(|json| items.iter().for_each(|item| self.value(json, item))),
            // Heat takes every map of one entry for a function if the key is one's name, so such a key comes in by replacement.
            ValKind::Map(items) => match items.as_slice() {
                [(name, item)] if FUNCTIONS.contains(&name.as_str()) => json.object(|json| {
                    json.key("map_replace").array(|json| {
                        json.object(|json| self.value(json.key("key"), item));
                        json.object(|json| json.key("keys").object(|json| json.key("key").text(name)));
                    });
                }),
                _ => json.object(|json| items.iter().for_each(|(name, item)| self.value(json.key(name), item))),
            },
            ValKind::Ref(id) => json.object(|json| json.key("get_resource").text(self.name(*id))),
            ValKind::Attr(id, path) => self.attribute(json, *id, path, None),
            ValKind::Param(index) => json.object(|json| json.key("get_param").text(&self.param_name(*index))),
            ValKind::Pseudo(name) => json.object(|json| json.key("get_param").text(name)),
            ValKind::Concat(pieces) => match known(pieces) {
                Some(text) => json.text(&text),
                None => match pieces.as_slice() {
                    [one] if self.is_text(one) => self.value(json, one),
                    _ => self.join(json, "", |json| json.array(|json| pieces.iter().for_each(|piece| self.piece(json, piece)))),
                },
            },
            ValKind::Join(separator, list) => self.join(json, separator, |json| match &list.kind {
                ValKind::List(items) => json.array(|json| items.iter().for_each(|item| self.piece(json, item))),
                _ => self.value(json, list),
            }),
            ValKind::Index(list, place) => self.index(json, list, *place),
            ValKind::Call(name, args) => json.object(|json| match args.as_slice() {
                [one] => self.value(json.key(name), one),
                many => json.key(name).array(|json| many.iter().for_each(|arg| self.value(json, arg))),
            }),
            // Joining writes maps and lists as JSON, with what is known only when deployed properly escaped.
            ValKind::Json(inner) => self.join(json, "", |json| json.array(|json| self.json_text(json, inner))),
            // No rule of this format picks or makes an entry; an absent value is left out where it stands.
            ValKind::Pick { .. } | ValKind::Entry(..) | ValKind::Absent => json.text(""),
        }
    }

    fn join(&self, json: &mut Json, separator: &str, list: impl FnOnce(&mut Json)) {
        json.object(|json| {
            json.key("list_join").array(|json| {
                json.text(separator);
                list(json);
            });
        });
    }

    fn json_text(&self, json: &mut Json, inner: &Val) {
        match &inner.kind {
            ValKind::Text(text) => {
                let mut quoted = String::new();
                json::quote(&mut quoted, text);
                json.text(&quoted);
            }
            _ => self.piece(json, inner),
        }
    }

    /// A piece of a text: joining takes texts only, so that numbers are written as such.
    fn piece(&self, json: &mut Json, val: &Val) {
        match &val.kind {
            ValKind::Bool(_) | ValKind::Integer(_) | ValKind::Number(_) => json.text(&scalar(val).unwrap_or_default()),
            ValKind::Param(index) if self.graph.params.get(*index).is_some_and(|param| param.number) => json.object(|json| {
                json.key("str_replace").object(|json| {
                    json.key("template").text("number");
                    json.key("params").object(|json| self.value(json.key("number"), val));
                });
            }),
            _ => self.value(json, val),
        }
    }

    /// Whether a value is text for sure: what an attribute gives may be a number.
    fn is_text(&self, val: &Val) -> bool {
        match &val.kind {
            ValKind::Param(index) => self.graph.params.get(*index).is_some_and(|param| !param.number),
            ValKind::Ref(_) | ValKind::Concat(_) | ValKind::Join(..) | ValKind::Json(_) => true,
            _ => false,
        }
    }

    fn attribute(&self, json: &mut Json, id: NativeId, path: &str, place: Option<usize>) {
        json.object(|json| {
            json.key("get_attr").array(|json| {
                json.text(self.name(id));
                for step in path.split(['.', '[']) {
                    match step.strip_suffix(']') {
                        Some(index) if index.bytes().all(|b| b.is_ascii_digit()) && !index.is_empty() => json.raw(index),
                        Some(key) => json.text(key),
                        None => json.text(step),
                    }
                }
                if let Some(place) = place {
                    json.raw(&place.to_string());
                }
            });
        });
    }

    fn index(&self, json: &mut Json, list: &Val, place: usize) {
        match &list.kind {
            ValKind::Attr(id, path) => self.attribute(json, *id, path, Some(place)),
            ValKind::Param(index) => json.object(|json| {
                json.key("get_param").array(|json| {
                    json.text(&self.param_name(*index));
                    json.raw(&place.to_string());
                });
            }),
            ValKind::List(items) => match items.get(place) {
                Some(item) => self.value(json, item),
                None => json.text(""),
            },
            _ => json.object(|json| {
                json.key("yaql").object(|json| {
                    json.key("expression").text(&format!("$.data[{place}]"));
                    self.value(json.key("data"), list);
                });
            }),
        }
    }
}

/// The text of pieces that are all known.
fn known(pieces: &[Val]) -> Option<String> {
    pieces.iter().map(scalar).collect()
}

fn scalar(val: &Val) -> Option<String> {
    match &val.kind {
        ValKind::Text(text) => Some(text.clone()),
        ValKind::Bool(flag) => Some(flag.to_string()),
        ValKind::Integer(number) => Some(number.to_string()),
        ValKind::Number(number) => Some(json::number(*number)),
        _ => None,
    }
}

/// The functions and conditions of the language, from "Intrinsic functions" in its specification, and those that it had and refuses.
const FUNCTIONS: [&str; 34] = [
    "Fn::Base64",
    "Fn::GetAZs",
    "Fn::Join",
    "Fn::MemberListToMap",
    "Fn::Replace",
    "Fn::ResourceFacade",
    "Fn::Select",
    "Fn::Split",
    "Ref",
    "and",
    "contains",
    "digest",
    "equals",
    "filter",
    "get_attr",
    "get_file",
    "get_param",
    "get_resource",
    "if",
    "list_concat",
    "list_concat_unique",
    "list_join",
    "make_url",
    "map_merge",
    "map_replace",
    "not",
    "or",
    "repeat",
    "resource_facade",
    "str_replace",
    "str_replace_strict",
    "str_replace_vstrict",
    "str_split",
    "yaql",
];
