//! Tags: a parameter that only they read, names that a cloud refuses, and what has no place for them.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

const TARGETS: [&str; 7] = ["cfn", "tf-aws", "hot", "tf-openstack", "arm", "tf-azure", "tf-google"];

/// The template and what is said of it, by code and text.
fn build(stack: &str, stage: Option<&str>, target: &str) -> (Option<String>, Vec<String>) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", stack.to_owned());
    let (model, mut out) = compiler.check(file, Variant { stage, instance: None }, &mut sources);
    let model = model.unwrap_or_else(|| panic!("{out:?}"));
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build(&model, &target, Style::default(), &mut sources);
    out.extend(problems);
    let failed = out.has_errors();
    let said = out.sorted().iter().map(|problem| format!("{} {}: {}", problem.code, problem.message, problem.primary.text)).collect();
    (built.filter(|_| !failed).map(|artefact| artefact.text), said)
}

#[test]
fn a_parameter_that_only_tags_read_is_declared() {
    let stack = |tags: &str, own: &str| {
        format!(
            "stack shop {{\n    param team\n    {tags}\n    network main {{\n        {own}\n    }}\n    stage prod {{\n        network main {{\n            tags by=(fmt)\"{{team}} of prod\"\n        }}\n    }}\n}}\n"
        )
    };
    for target in TARGETS {
        for (tags, own, stage) in
            [("tags team=(get)team", "", None), ("", "tags team=(get)team", None), ("tags by=(fmt)\"the {team}\"", "", None), ("", "", Some("prod"))]
        {
            let (template, said) = build(&stack(tags, own), stage, target);
            let template = template.unwrap_or_else(|| panic!("{target}: {said:?}"));
            let reads = ["${var.team}", "\"Ref\": \"Team\"", "${Team}", "get_param: 'team'", "parameters('team')"].iter().any(|read| template.contains(read));
            let declared = ["\"team\": {", "\"Team\": {", "\n  team:\n"].iter().any(|declaration| template.contains(declaration));
            let lost = said.iter().any(|text| text.starts_with("W0405") && text.contains("`tags`"));
            assert_eq!(reads, declared, "{target} with `{tags}{own}`, {stage:?}\n{template}");
            assert!(reads || lost || !tags.is_empty() && target == "tf-google", "{target} loses `{tags}{own}` without a word: {said:?}");
        }
    }
}

#[test]
fn the_tags_of_what_takes_none_are_a_loss() {
    let stack = "stack shop {\n    dns-zone site domain=\"shop.example\" {\n        tags team=media\n    }\n}\n";
    let (_, said) = build(stack, None, "hot");
    assert!(said.iter().any(|text| text.contains("W0405 `hot` does `tags` of a dns-zone only in part")), "{said:?}");
    let (_, said) = build(&stack.replace("tags", "accept \"we know\"\n        tags"), None, "hot");
    assert!(!said.iter().any(|text| text.contains("W0405")), "{said:?}");
    let (_, said) = build(stack, None, "cfn");
    assert!(!said.iter().any(|text| text.contains("W0405")), "{said:?}");
}

#[test]
fn a_tag_that_a_cloud_refuses_is_refused_here() {
    let stack = |tag: &str| format!("stack shop {{\n    network main {{\n        tags {tag}\n    }}\n}}\n");
    let refused = |tag: &str, target: &str| build(&stack(tag), None, target).1.iter().any(|text| text.starts_with("E0401"));
    for target in ["cfn", "tf-aws"] {
        assert!(refused("\"a\\nb\"=c", target), "{target}");
        assert!(refused("a=\"<b>\"", target), "{target}");
        assert!(!refused("\"größe\"=\"1.5 + x@y/z_:=\"", target), "{target}");
    }
    for target in ["hot", "tf-openstack"] {
        assert!(refused("team=\"a,b\"", target), "{target}");
        assert!(refused(&format!("team={}", "b".repeat(60)), target), "{target}");
        assert!(!refused(&format!("team={}", "b".repeat(55)), target), "{target}");
    }
}
