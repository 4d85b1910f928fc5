//! What the values of a parameter are like: said in the template as far as its format can.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value, json};
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

const STACK: &str = r#"stack shop {
    param image default="acme/shop:1" like="acme/*:*" why="only our own images run"
    param retries default=3 min=0 max=10
    param tier default=free {
        one-of free "paid (yearly)"
    }
    param days type=int default=7 {
        one-of 7 30
    }
    network main
    service web network=main {
        image (get)image
        env RETRIES=(get)retries TIER=(get)tier DAYS=(get)days
    }
}
"#;

fn built(target: &str) -> String {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", STACK.to_owned());
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    assert!(!problems.has_errors(), "{problems:?}");
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
    built.unwrap_or_else(|| panic!("{problems:?}")).text
}

fn template(target: &str) -> Value {
    serde_json::from_str(&built(target)).unwrap()
}

#[test]
fn cloudformation_says_all_of_it() {
    let params = &template("cfn")["Parameters"];
    assert_eq!(params["Image"]["AllowedPattern"], "^acme/.*:.*$");
    assert_eq!(params["Image"]["ConstraintDescription"], "it has to be text like 'acme/*:*': only our own images run");
    assert_eq!((&params["Retries"]["MinValue"], &params["Retries"]["MaxValue"]), (&json!(0), &json!(10)));
    assert_eq!(params["Tier"]["AllowedValues"], json!(["free", "paid (yearly)"]));
    assert_eq!(params["Days"]["AllowedValues"], json!(["7", "30"]));
}

#[test]
fn terraform_says_all_of_it() {
    let variables = &template("tf-aws")["variable"];
    let condition = |name: &str| variables[name]["validation"][0]["condition"].as_str().unwrap().to_owned();
    assert_eq!(condition("image"), "${can(regex(\"^acme/.*:.*$\", var.image))}");
    assert_eq!(condition("retries"), "${var.retries >= 0 && var.retries <= 10}");
    assert_eq!(condition("tier"), "${contains([\"free\", \"paid (yearly)\"], var.tier)}");
    assert_eq!(condition("days"), "${contains([7, 30], var.days)}");
    assert_eq!(variables["image"]["validation"][0]["error_message"], "Of image, it has to be text like 'acme/*:*': only our own images run.");
}

#[test]
fn heat_says_all_of_it() {
    let text: String = built("hot").split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "allowed_pattern: '^acme/.*:.*$'",
        "description: \"it has to be text like 'acme/*:*': only our own images run\"",
        "range: min: 0 max: 10",
        "allowed_values: - 'free' - 'paid (yearly)'",
        "allowed_values: - 7 - 30",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn azure_says_what_it_can() {
    let params = &template("arm")["parameters"];
    assert_eq!((&params["retries"]["minValue"], &params["retries"]["maxValue"]), (&json!(0), &json!(10)));
    assert_eq!(params["tier"]["allowedValues"], json!(["free", "paid (yearly)"]));
    assert_eq!(params["days"]["allowedValues"], json!([7, 30]));
    assert_eq!(params["image"].as_object().unwrap().len(), 2, "{params}");
}
