//! The rule language: rules that hold, rules that do not and what is said of them, and all rules that stackc brings along.
//! A file below `tests/rules` is laid over the built-in one of its type, and checked for each target that it is about.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

#[path = "errors/case.rs"]
mod case;
mod support;

use case::Case;
use stackc::Compiler;
use stackc::diag::Diagnostic;
use stackc::rules::{Rules, Target, builtin, check};
use stackc::source::Sources;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::{root, same, walk};

/// The clouds that the files below `tests/rules` are about, with their targets.
const CLOUDS: [(&str, [&str; 2]); 3] = [("aws", ["cfn", "tf-aws"]), ("openstack", ["hot", "tf-openstack"]), ("azure", ["arm", "tf-azure"])];

/// A file of rules: its name, its text, and where it is laid over.
struct RuleFile {
    name: String,
    text: String,
    place: String,
    /// The targets that it has blocks for.
    targets: Vec<String>,
}

fn open(path: &Path) -> RuleFile {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let (nodes, problems) = stackc::syntax::read(stackc::source::FileId(0), &text);
    assert!(problems.is_empty(), "{name}: {problems:?}");
    let is_cloud = nodes.iter().any(|node| node.name.text == "cloud");
    let of_lower = nodes.iter().find(|node| node.name.text == "lower").or(nodes.first());
    let ty = of_lower.and_then(|node| node.args.last()?.as_str()).unwrap_or("none");
    let blocks = nodes.iter().flat_map(|node| node.children()).filter(|child| child.tag.is_none() && child.children.is_some());
    let named: BTreeSet<&str> = blocks.map(|child| child.name.text.as_str()).collect();
    let (cloud, of_cloud) = CLOUDS.into_iter().find(|(_, targets)| targets.iter().any(|target| named.contains(target))).unwrap_or(CLOUDS[0]);
    let targets = of_cloud.into_iter().filter(|target| is_cloud || named.contains(target)).map(str::to_owned).collect();
    RuleFile { place: format!("{cloud}/{}.kdl", if is_cloud { "cloud" } else { ty }), name, targets, text }
}

fn files(folder: &str) -> Vec<RuleFile> {
    let paths: Vec<PathBuf> = walk(&root().join("tests/rules").join(folder), "kdl");
    assert!(paths.len() >= 15, "only {} files were found in tests/rules/{folder}", paths.len());
    paths.iter().map(|path| open(path)).collect()
}

/// What is wrong with the rules of a target, for all stacks.
fn problems(compiler: &Compiler, target: &Target, sources: &mut Sources) -> Vec<Diagnostic> {
    match Rules::open(target.clone(), &compiler.files) {
        Ok(rules) => check::check(rules, &[], true, &compiler.catalogue, sources).1.sorted(),
        Err(problem) => vec![problem],
    }
}

fn shown(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let (line, column) = sources.line_column(diagnostic.primary.span);
    let file = sources.get(diagnostic.primary.span.file).map(|source| source.name.clone()).unwrap_or_default();
    format!("{file}:{line}:{column}: {}: {} ({})", diagnostic.code, diagnostic.message, diagnostic.primary.text)
}

#[test]
fn the_rules_that_stackc_brings_along_hold_for_every_stack() {
    let compiler = Compiler::new(Vec::new());
    let mut sources = Sources::default();
    let targets = compiler.targets(&mut sources);
    assert!(targets.len() >= 2, "there are {} targets", targets.len());
    let mut found = Vec::new();
    for target in targets {
        found.extend(problems(&compiler, &target, &mut sources).iter().map(|problem| format!("{}: {}", target.name, shown(problem, &sources))));
    }
    assert!(found.is_empty(), "{} problems\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_rule_that_holds_is_taken() {
    let mut wrong = Vec::new();
    for file in files("pass") {
        assert!(!file.targets.is_empty(), "{} is about no target", file.name);
        let compiler = Compiler::new(vec![(file.place.clone(), file.text.clone())]);
        let mut sources = Sources::default();
        for target in compiler.targets(&mut sources).into_iter().filter(|target| file.targets.contains(&target.name)) {
            // What other rules miss in this one, which stands in for the built-in one, is not its fault; nor that those do not read its outputs.
            let mut found: Vec<Diagnostic> = problems(&compiler, &target, &mut sources);
            found.retain(|problem| problem.code != "E0319");
            let own = |problem: &&Diagnostic| sources.get(problem.primary.span.file).is_some_and(|source| source.text == file.text);
            wrong.extend(found.iter().filter(own).map(|problem| format!("pass/{}.kdl on {}: {}", file.name, target.name, shown(problem, &sources))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is written for a stack when the rules of a file begin with something more.
fn built(stack: &str, changes: &[(&str, &str, &str)]) -> String {
    built_for("cfn", stack, changes)
}

fn built_for(target: &str, stack: &str, changes: &[(&str, &str, &str)]) -> String {
    let read = |file: &str| std::fs::read_to_string(root().join("targets").join(file)).unwrap();
    let overlay = changes.iter().map(|(file, after, text)| {
        let rules = read(file);
        assert!(rules.contains(after), "{file} has no `{after}`");
        ((*file).to_owned(), rules.replacen(after, &format!("{after}\n{text}\n"), 1))
    });
    let compiler = Compiler::new(overlay.collect());
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", stack.to_owned());
    let (model, problems) = compiler.check(file, stackc::check::Variant::default(), &mut sources);
    assert!(!problems.has_errors(), "{problems:?}");
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (artefact, problems) = compiler.build(&model.unwrap(), &target, stackc::emit::Style::default(), &mut sources);
    artefact.unwrap_or_else(|| panic!("{problems:?}")).text
}

#[test]
fn what_leads_to_a_resource_comes_the_narrowest_first() {
    let stack = "stack shop {\n    network main\n    load-balancer public network=main {\n        listen 80\n    }\n    service web network=main image=\"a:1\" port=80 {\n        route public path=\"/*\"\n        route public path=\"/api/*\"\n    }\n    service admin network=main image=\"a:1\" port=80 {\n        route public path=\"/\" host=\"a.example\"\n    }\n}\n";
    let seen = r#"resource seen "AWS::SSM::Parameter" { Type StringList; Value (call)join "," (get)incoming.route.path }"#;
    let each = r#"(each)incoming.route as=way { resource way "AWS::SSM::Parameter" { Type String; Value (fmt)"{way.from.this.name} {way.path}" } }"#;
    let text = built(stack, &[("aws/load-balancer.kdl", "\n    cfn {", &format!("{seen}\n{each}"))]);
    let squeezed: String = text.split_whitespace().collect();
    assert!(squeezed.contains("[\"/\",\"/api/*\",\"/*\"]"), "{text}");
    assert!(text.contains("\"admin /\"") && text.contains("\"web /api/*\""), "{text}");
}

#[test]
fn a_parameter_that_only_an_expectation_reads_is_declared() {
    let seen = r#"param owner default=nobody about="who answers for it"
        resource seen aws_ssm_parameter { name (get)this.name; type String; value none; (expect)value (get)param.owner "it is somebody else's"; }"#;
    let text = built_for("tf-aws", "stack shop {\n    registry images\n}\n", &[("aws/registry.kdl", "\n    tf-aws {", seen)]);
    assert!(text.contains("self.value == var."), "{text}");
    assert!(text.contains("\"variable\"") && text.contains("\"default\": \"nobody\""), "{text}");
}

#[test]
fn what_leads_to_a_resource_is_told_apart_by_a_field() {
    let route = |lines: &str| format!("service web network=main image=\"a:1\" port=80 {{\n{lines}\n}}\n");
    let lines = "route public path=\"/*\"\nroute public path=\"/c/*\"\nroute public path=\"/*\" host=\"a.example\"\nroute public path=\"/b/*\" host=\"a.example\"\nroute public path=\"/*\" host=\"b.example\"";
    let stack = format!("stack shop {{\nnetwork main\nload-balancer public network=main {{\nlisten 80\n}}\n{}}}\n", route(lines));
    let text = built(
        &stack,
        &[(
            "aws/load-balancer.kdl",
            "\n    cfn {",
            r#"(each)incoming.route.per-host as=site { (each)site.same-host as=way { resource seen "AWS::SSM::Parameter" { Type String; Value (fmt)"seen {site.host} {way.path}" } } }
            (each)incoming.route.without-host as=way { resource bare "AWS::SSM::Parameter" { Type String; Value (fmt)"seen bare {way.path}" } }"#,
        )],
    );
    let mut seen: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("\"Value\": \"seen ")).map(|rest| rest.trim_end_matches(['"', ','])).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["a.example /*", "a.example /b/*", "a.example /c/*", "b.example /*", "b.example /c/*", "bare /*", "bare /c/*"], "{text}");
}

#[test]
fn a_role_of_one_loop_is_read_in_another_loop_as_all_of_them() {
    let more = "(each)private-services as=other { resource seen \"AWS::SSM::Parameter\" { Type StringList; Value (call)join \",\" (ref)private } }";
    let text = built("stack shop {\n    network main zones=3\n}\n", &[("aws/network.kdl", "\n    cfn {", more)]);
    let template: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seen = template["Resources"].as_object().unwrap().values().filter(|one| one["Type"] == "AWS::SSM::Parameter");
    let values: Vec<String> = seen.map(|one| one["Properties"]["Value"].to_string()).collect();
    assert_eq!(values.len(), 5);
    assert!(values.iter().all(|value| ["MainPrivateA", "MainPrivateB", "MainPrivateC"].iter().all(|name| value.contains(name))), "{values:?}");
}

#[test]
fn a_setting_fills_in_what_a_rule_leaves_out() {
    let stack = "stack shop {\n    network main\n    firewall inner network=main\n}\n";
    let without = built(stack, &[]);
    let text = built(stack, &[("aws/cloud.kdl", "facts=cloudformation {", "fill SourceSecurityGroupOwnerId (get)cloud.account")]);
    assert_eq!(without, text, "no resource of this stack has the property");
    let text = built(stack, &[("aws/cloud.kdl", "facts=cloudformation {", "fill InstanceTenancy (get)cloud.region")]);
    assert!(!without.contains("InstanceTenancy") && text.contains("\"InstanceTenancy\": {"), "{text}");
    let kept = built(stack, &[("aws/cloud.kdl", "facts=cloudformation {", "fill CidrBlock (get)cloud.region")]);
    assert_eq!(without, kept, "what a rule gives stays");
}

#[test]
fn every_rule_that_does_not_hold_is_refused_for_its_reason() {
    let mut wrong = Vec::new();
    let mut kept = Vec::new();
    for file in files("fail") {
        let first = file.text.lines().next().unwrap_or_default();
        let expected: Vec<&str> = first.trim_start_matches("// ").split(':').next().unwrap_or_default().split(", ").collect();
        let target = file.targets.first().map_or("cfn", String::as_str);
        let case = Case::new(vec![(format!("targets/{}", file.place), file.text.clone())], "stack.kdl");
        let report = case.run_with(Some(["check", "--target", target].map(str::to_owned).to_vec()));
        wrong.extend(report.flaws.iter().map(|flaw| format!("fail/{}.kdl: {flaw}", file.name)));
        let snapshot = root().join(format!("snapshots/rules/{}.txt", file.name));
        kept.push(snapshot.clone());
        if report.codes == expected {
            wrong.extend(same(&snapshot, &case.snapshot(&report)).err());
        } else {
            wrong.push(format!("fail/{}.kdl leads to {:?}, not to {expected:?}\n{}", file.name, report.codes, report.text));
        }
    }
    let dead: Vec<PathBuf> = walk(&root().join("snapshots/rules"), "txt").into_iter().filter(|file| !kept.contains(file)).collect();
    assert!(dead.is_empty(), "nothing makes these snapshots any more: {dead:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_built_in_is_documented_and_nothing_else_is() {
    let text = std::fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Built-ins")).expect("docs/rules.md has a section of built-ins");
    let documented: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', ' ']).next()).collect();
    let known: Vec<&str> = builtin::ALL.iter().map(|builtin| builtin.name).collect();
    assert_eq!(documented, known, "docs/rules.md lists the built-ins in the order of their names");
}

#[test]
fn every_built_in_is_used_by_a_rule_that_holds() {
    let all: String = files("pass").into_iter().map(|file| file.text).collect();
    let unused: Vec<&str> = builtin::ALL.iter().map(|builtin| builtin.name).filter(|name| !all.contains(&format!("(call){name} "))).collect();
    assert!(unused.is_empty(), "no file in tests/rules/pass uses {unused:?}");
}
