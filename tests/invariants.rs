//! The invariants of ARCHITECTURE.md that a test can keep.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{root, walk};

/// A source file without its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn no_cloud_and_no_portable_type_is_named_in_src() {
    let catalogue = stackc::portable::Catalogue::default();
    // `secret` is also a word of the language: `param token secret=#true`, and the form `(secret)`.
    let types: Vec<String> = catalogue.names().filter(|name| *name != "secret").map(|name| format!("\"{name}\"")).collect();
    let mut found = Vec::new();
    for file in walk(&root().join("src"), "rs") {
        let text = std::fs::read_to_string(&file).unwrap();
        for (index, line) in code(&text).lines().enumerate() {
            let line = line.split("//").next().unwrap_or(line);
            let native = [
                "\"AWS::",
                "\"aws_",
                "\"OS::",
                "\"openstack_",
                "\"azurerm_",
                "\"Microsoft.",
                "\"aws\"",
                "\"azure\"",
                "\"openstack\"",
                "\"google_",
                "\"google\"",
                "\"gcp\"",
            ];
            let named = native.iter().copied().chain(types.iter().map(String::as_str)).find(|name| line.contains(name));
            if let Some(name) = named {
                found.push(format!("{}:{}: {name}", file.strip_prefix(root()).unwrap().display(), index + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_rule_stays_small_enough_to_be_read() {
    let mut long = Vec::new();
    for file in walk(&root().join("targets"), "kdl") {
        let text = std::fs::read_to_string(&file).unwrap();
        let (nodes, _) = stackc::syntax::read(stackc::source::FileId(0), &text);
        for node in nodes.iter().filter(|node| node.name.text == "lower") {
            for target in node.children().iter().filter(|child| child.tag.is_none() && child.children.is_some()) {
                let last = lines_of(target, &text);
                if last > 200 {
                    long.push(format!("{} {}: {last} lines", file.strip_prefix(root()).unwrap().display(), target.name.text));
                }
            }
        }
    }
    assert!(long.is_empty(), "these rules are long; is a built-in or an edge rule missing?\n{}", long.join("\n"));
}

fn lines_of(node: &stackc::syntax::Node, text: &str) -> usize {
    fn end(node: &stackc::syntax::Node) -> usize {
        node.children().iter().map(end).max().unwrap_or(0).max(node.span.end as usize)
    }
    text.get(node.span.start as usize..end(node)).unwrap_or("").lines().count()
}

#[test]
fn only_checked_rules_can_be_lowered() {
    // The type says so: `lower` takes `&Checked`, whose only constructor is `check`. What is left to see is that nobody added another.
    let makers: Vec<_> = walk(&root().join("src"), "rs").into_iter().filter(|file| std::fs::read_to_string(file).unwrap().contains("Checked {")).collect();
    assert_eq!(makers, [root().join("src/rules/check/mod.rs")]);
}

#[test]
fn the_example_everything_gives_every_property_of_every_type() {
    let path = root().join("examples/everything/stack.kdl");
    let text = std::fs::read_to_string(&path).unwrap();
    let (nodes, _) = stackc::syntax::read(stackc::source::FileId(0), &text);
    let resources: Vec<&stackc::syntax::Node> = nodes[0].children().iter().collect();
    let catalogue = stackc::portable::Catalogue::default();
    let mut sources = stackc::source::Sources::default();
    let mut missing = Vec::new();
    for name in catalogue.names() {
        let ty = catalogue.get(name, &mut sources).unwrap();
        let nodes: Vec<&stackc::syntax::Node> = resources.iter().copied().filter(|node| node.name.text == name).collect();
        let given = |nodes: &[&stackc::syntax::Node], property: &str| {
            nodes.iter().any(|node| node.prop(property).is_some() || node.children().iter().any(|child| child.name.text == property))
        };
        for property in &ty.properties {
            if !given(&nodes, &property.name) {
                missing.push(format!("{name}.{}", property.name));
            } else if let stackc::portable::Kind::Block(block) = &property.kind {
                let blocks: Vec<&stackc::syntax::Node> =
                    nodes.iter().flat_map(|node| node.children()).filter(|child| child.name.text == property.name).collect();
                let positional: Vec<&str> = block.fields.iter().filter(|field| field.positional).map(|field| field.name.as_str()).collect();
                for field in block.fields.iter().filter(|field| !positional.contains(&field.name.as_str())) {
                    if !given(&blocks, &field.name) {
                        missing.push(format!("{name}.{}.{}", property.name, field.name));
                    }
                }
            }
        }
    }
    missing.dedup();
    assert!(missing.is_empty(), "examples/everything does not give {missing:?}");
}
