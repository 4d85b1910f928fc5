//! A spec file's nodes to a [`PortableType`].

use super::{Block, Constraint, Edge, Format, Kind, Output, PortableType, Property, Relation};
use crate::diag::{Diagnostic, rules as diag};
use crate::syntax::{Node, Scalar};

/// Reads the one `type` node of a spec file.
pub fn portable_type(nodes: &[Node]) -> (Option<PortableType>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let Some(node) = nodes.iter().find(|node| node.name.text == "type") else {
        let span = nodes.first().map(|node| node.span).unwrap_or_default();
        return (None, vec![diag::spec(span, "a spec file holds one `type` node")]);
    };
    let mut spec = PortableType {
        name: node.arg_str(0).unwrap_or_default().to_owned(),
        about: node.arg_str(1).unwrap_or_default().to_owned(),
        order: integer(node, "order").unwrap_or(i64::MAX),
        carry: node.prop_str("carry").map(str::to_owned),
        frame: node.flag("frame"),
        keeps_secret_parameters: node.flag("keeps-secret-parameters"),
        examples: Vec::new(),
        properties: Vec::new(),
        constraints: Vec::new(),
        outputs: Vec::new(),
        span: node.span,
    };
    for child in node.children() {
        match child.name.text.as_str() {
            "example" => spec.examples.extend(child.arg_str(0).map(str::to_owned)),
            "output" => spec.outputs.push(Output {
                name: child.arg_str(0).unwrap_or_default().to_owned(),
                about: child.arg_str(1).unwrap_or_default().to_owned(),
                secret: child.flag("secret"),
                told: child.flag("told"),
                by_edges: child.flag("by-edges"),
                format: format(child, &mut problems),
                span: child.span,
            }),
            "constraint" => spec.constraints.extend(constraint(child, &mut problems)),
            _ => spec.properties.extend(property(child, &mut problems)),
        }
    }
    (Some(spec), problems)
}

fn property(node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Property> {
    let Some(name) = node.arg_str(0) else {
        problems.push(diag::spec(node.span, "a property's first argument is its name"));
        return None;
    };
    let kind = match node.name.text.as_str() {
        "string" => Kind::String(format(node, problems)),
        "int" => Kind::Integer { min: integer(node, "min").unwrap_or(i64::MIN), max: integer(node, "max").unwrap_or(i64::MAX) },
        "number" => Kind::Number { min: number(node, "min").unwrap_or(f64::MIN), max: number(node, "max").unwrap_or(f64::MAX) },
        "bool" => Kind::Bool,
        "enum" => {
            let values = node.children().iter().map(|value| (value.name.text.clone(), value.arg_str(0).unwrap_or_default().to_owned()));
            Kind::Enum(values.collect())
        }
        "ref" => Kind::Ref(node.prop_str("to").unwrap_or_default().split(' ').map(str::to_owned).collect()),
        "list" => Kind::List(format(node, problems)),
        "map" => Kind::Map { secrets: node.flag("secrets") },
        "secret" => Kind::Secret,
        "block" | "blocks" | "edge" => Kind::Block(block(node, problems)),
        other => {
            problems.push(diag::spec(node.name.span, &format!("`{other}` is no kind of property")));
            return None;
        }
    };
    Some(Property {
        name: name.to_owned(),
        about: node.arg_str(1).unwrap_or_default().to_owned(),
        kind,
        required: node.flag("required"),
        default: node.prop("default").map(|value| value.scalar.clone()),
        positional: node.flag("arg"),
        build: node.flag("build"),
        unit: node.prop_str("unit").map(str::to_owned),
        prefixes: prefix(node, "widest").zip(prefix(node, "narrowest")),
        apart: node.flag("apart"),
        per_copy: node.flag("per-copy"),
        distinct: node.flag("distinct"),
        span: node.span,
    })
}

fn block(node: &Node, problems: &mut Vec<Diagnostic>) -> Block {
    let is_edge = node.name.text == "edge";
    let mut block = Block {
        many: node.name.text != "block",
        key: node.prop_str("key").map(str::to_owned),
        promised: node.flag("promised"),
        fields: Vec::new(),
        constraints: Vec::new(),
        edge: is_edge.then(|| Edge {
            to: node.prop_str("to").unwrap_or_default().to_owned(),
            within: node.prop_str("within").map(str::to_owned),
            exclusive: node.flag("exclusive"),
            env: Vec::new(),
        }),
    };
    for child in node.children() {
        match (child.name.text.as_str(), &mut block.edge) {
            ("constraint", _) => block.constraints.extend(constraint(child, problems)),
            ("env", Some(edge)) => {
                edge.env = child.props.iter().map(|(key, value)| (key.text.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
            }
            _ => block.fields.extend(property(child, problems)),
        }
    }
    block
}

fn constraint(node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Constraint> {
    let why = node.args.last().and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let text = |name: &str| node.prop_str(name).map(str::to_owned);
    let rule = if let (Some(when), Some(needs)) = (text("when"), text("needs")) {
        let (property, value) = when.split_once('=').map_or((when.clone(), None), |(property, value)| (property.to_owned(), Some(value.to_owned())));
        Relation::Needs(property, value, needs)
    } else if let (Some((a, value)), Some(b)) = (node.prop_str("when").and_then(|when| when.split_once('=')), text("excludes")) {
        Relation::Forbids(a.to_owned(), value.to_owned(), b)
    } else if let (Some(a), Some(b)) = (text("property"), text("excludes")) {
        Relation::Excludes(a, b)
    } else if let (Some(a), Some(b)) = (text("property"), text("at-most")) {
        Relation::AtMost(a, b)
    } else if let (Some(a), Some(b)) = (text("property"), text("below")) {
        Relation::Below(a, b)
    } else if let (Some(blocks), Some(without)) = (text("some"), text("without")) {
        Relation::SomeWithout(blocks, without)
    } else if let Some(property) = text("other-has") {
        Relation::OtherHas(property)
    } else if let Some(edge) = text("not-beside") {
        Relation::NotBeside(edge)
    } else if let (Some(together), Some(value), Some(space)) = (text("alone"), text("when"), text("space")) {
        Relation::Alone { fields: together.split(' ').map(str::to_owned).collect(), value, space }
    } else if let (Some(a), Some(zone)) = (text("property"), text("within-zone")) {
        Relation::Within(a, zone)
    } else if let (Some(values), Some(kind)) = (text("dns-values"), text("of-type")) {
        Relation::DnsValues(values, kind)
    } else if let (Some(together), Some(space)) = (text("unique"), text("space")) {
        Relation::Unique { fields: together.split(' ').map(str::to_owned).collect(), space }
    } else {
        problems.push(diag::spec(
            node.span,
            "a constraint is `when=… needs=…`, `property=… excludes=…`, `property=… at-most=…`, `property=… below=…`, `some=… without=…`, \
             `other-has=…`, `not-beside=…`, \
             `property=… within-zone=…`, `dns-values=… of-type=…`, `unique=… space=…` or `alone=… when=… space=…`",
        ));
        return None;
    };
    Some(Constraint { rule, why })
}

fn format(node: &Node, problems: &mut Vec<Diagnostic>) -> Format {
    match node.prop_str("format") {
        None => Format::Any,
        Some("cidr") => Format::Cidr,
        Some("domain") => Format::Domain,
        Some("label") => Format::Label,
        Some("image") => Format::Image,
        Some("path") => Format::Path,
        Some("cron") => Format::Cron,
        Some("identifier") => Format::Identifier,
        Some("origin") => Format::Origin,
        Some("version") => Format::Version,
        Some("words") => Format::Words,
        Some("variable") => Format::Variable,
        Some("statuses") => Format::Statuses,
        Some("method") => Format::Method,
        Some("handle") => Format::Handle,
        Some(other) => {
            problems.push(diag::spec(node.span, &format!("`{other}` is no format")));
            Format::Any
        }
    }
}

fn integer(node: &Node, name: &str) -> Option<i64> {
    match node.prop(name)?.scalar {
        Scalar::Integer(number) => Some(number),
        _ => None,
    }
}

fn prefix(node: &Node, name: &str) -> Option<u8> {
    integer(node, name).and_then(|length| u8::try_from(length).ok())
}

fn number(node: &Node, name: &str) -> Option<f64> {
    match node.prop(name)?.scalar {
        #[allow(clippy::cast_precision_loss)]
        Scalar::Integer(number) => Some(number as f64),
        Scalar::Float(number) => Some(number),
        _ => None,
    }
}
