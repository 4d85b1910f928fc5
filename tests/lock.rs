//! With a lock file beside the stack, a build refuses what would replace or remove data, on every kind of template; and nothing else.
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

use stackc::Compiler;
use stackc::check::Variant;
use stackc::diag::Diagnostic;
use stackc::emit::Style;
use stackc::lock::{Kept, Lock, Ran, Running, Which, judge, read};
use stackc::source::{FileId, Sources, Span};
use std::path::Path;
use support::{examples, root, stackc, stderr, stdout};

const SHOP: &str = "stack shop {
    param edition default=\"first\"
    network main
    database data network=main engine=postgres version=\"16\" name=acme
    bucket media
    dns-zone site domain=\"shop.example\"
    secret token
    output edition (get)edition
    stage prod {
        database data storage=50
    }
}
";

const TARGETS: [&str; 7] = ["cfn", "tf-aws", "hot", "tf-openstack", "arm", "tf-azure", "tf-google"];

/// What a lock file would say of a stack that runs on a target, and what it would say of that very stack; none where it cannot be built there.
fn running(text: &str, target: &str, variant: Variant<'_>) -> Option<(Running, Vec<Diagnostic>)> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, _) = compiler.check(file, variant, &mut sources);
    let model = model.unwrap();
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (_, origins) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources).0?;
    let which = Which {
        stack: model.name.clone(),
        stage: model.stage.clone(),
        instance: model.instance.clone(),
        target: target.name.clone(),
        place: format!("a place of {}", target.name),
        account: Some("123456789012".to_owned()),
    };
    let running = Running::new(which, Ran::default(), &origins, |_, name| Some(format!("id-of-{name}")));
    let found = judge(&running, &origins, target.format, Span::default(), &[]);
    Some((running, found))
}

/// Says in the lock file that this is what runs.
fn lock_of(folder: &Path, text: &str, targets: &[&str]) {
    let mut lock = Lock::default();
    targets.iter().for_each(|target| lock.put(running(text, target, Variant::default()).unwrap().0));
    std::fs::write(folder.join("stack.lock.kdl"), lock.text()).unwrap();
}

/// A folder with a stack that runs on some targets.
fn folder(targets: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    lock_of(folder.path(), SHOP, targets);
    std::fs::write(folder.path().join("stack.kdl"), SHOP).unwrap();
    folder
}

/// Writes the stack with a change in it.
fn edit(folder: &Path, from: &str, to: &str) {
    assert!(SHOP.contains(from), "the stack has no `{from}`");
    std::fs::write(folder.join("stack.kdl"), SHOP.replace(from, to)).unwrap();
}

/// The codes, lines and messages of a build; losses of the target itself are not looked at.
fn build(folder: &Path, target: &str, more: &[&str]) -> Vec<(String, u64, String)> {
    let output = stackc(folder, &[&["build", "--target", target, "--message-format", "json"], more].concat());
    let lines = stdout(&output);
    let all: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(output.status.success(), all.iter().all(|one| one["severity"] == "warning"), "{lines}{}", stderr(&output));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.iter()
        .filter(|one| one["code"].as_str().unwrap().get(1..3) == Some("05"))
        .map(|one| (text(&one["code"]), one["at"]["line"].as_u64().unwrap(), text(&one["message"])))
        .collect()
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn what_has_not_changed_is_built_and_so_is_what_replaces_nothing() {
    let folder = folder(&TARGETS);
    for target in TARGETS {
        assert_eq!(build(folder.path(), target, &[]), [], "{target}");
    }
    for (from, to) in [
        ("secret token", "secret token\n    secret another"),
        ("version=\"16\" name=acme", "version=\"16\" name=acme size=large"),
        ("bucket media", "bucket media { tags for=shop; }"),
    ] {
        edit(folder.path(), from, to);
        for target in TARGETS {
            let found = build(folder.path(), target, &[]);
            // The provider of OpenStack makes a new database for another flavor, and which one that is, is looked up.
            let warned = target == "tf-openstack" && to.contains("large");
            assert!(found.iter().all(|(code, ..)| warned && code == "W0502"), "{target}: {to}: {found:?}");
            assert_eq!(found.is_empty(), !warned, "{target}: {to}");
        }
    }
}

#[test]
fn a_change_that_replaces_is_refused_at_its_line_and_passes_when_it_is_allowed() {
    let folder = folder(&TARGETS);
    edit(folder.path(), "name=acme", "name=shop");
    // Heat adds a database to a server that runs.
    assert_eq!(build(folder.path(), "hot", &[]), []);
    for target in TARGETS.into_iter().filter(|target| *target != "hot") {
        let found = build(folder.path(), target, &[]);
        let (code, line, message) = found.first().cloned().unwrap_or_else(|| panic!("{target}: nothing is refused"));
        assert_eq!((code.as_str(), line), ("E0501", 4), "{target}: {message}");
        assert!(message.contains("database data") && message.contains("acme") && message.contains("shop"), "{target}: {message}");
        assert_eq!(build(folder.path(), target, &["--allow-replace", "data"]), [], "{target}");
        assert_eq!(build(folder.path(), target, &["--allow-replace", "media"]).len(), found.len(), "{target}");
    }
}

/// CloudFormation makes another value up in the secret that is there, and what reads it is not told.
#[test]
fn another_length_of_a_secret_comes_with_another_revision() {
    let folder = folder(&["cfn", "tf-aws"]);
    edit(folder.path(), "secret token", "secret token length=40");
    assert_eq!(build(folder.path(), "tf-aws", &[]), []);
    let found = build(folder.path(), "cfn", &[]);
    assert!(matches!(&*found, [(code, _, message)] if code == "E0501" && message.contains("secret token")), "{found:?}");
    edit(folder.path(), "secret token", "secret token length=40 revision=2");
    assert_eq!(build(folder.path(), "cfn", &[]), []);
}

#[test]
fn less_storage_and_an_earlier_version_are_refused_where_more_is_taken_in_place() {
    let folder = folder(&TARGETS);
    let refused = |target: &str, member: &str, how: &str| {
        let found = build(folder.path(), target, &[]);
        assert!(!found.is_empty() && found.iter().all(|(code, line, _)| code == "E0501" && *line == 4), "{target}: {found:?}");
        assert!(found.iter().any(|(.., message)| message.contains(member) && message.contains(how)), "{target}: {found:?}");
    };
    // Azure's servers and Google's take a larger disk in place and not a smaller one, and OpenStack's neither.
    edit(folder.path(), "name=acme", "name=acme storage=200");
    ["tf-azure", "arm", "tf-google"].into_iter().for_each(|target| assert_eq!(build(folder.path(), target, &[]), [], "{target}"));
    refused("tf-openstack", "`size`", "changes from");
    lock_of(folder.path(), &SHOP.replace("name=acme", "name=acme storage=200"), &["tf-azure", "arm", "tf-google"]);
    edit(folder.path(), "name=acme", "name=acme storage=64");
    for (target, member) in [("tf-azure", "storage_mb"), ("arm", "storageSizeGB"), ("tf-google", "disk_size")] {
        refused(target, member, "falls from");
    }
    // A later version of PostgreSQL takes over where it runs on Azure, and an earlier one does not.
    lock_of(folder.path(), SHOP, &TARGETS);
    edit(folder.path(), "version=\"16\"", "version=\"17\"");
    ["tf-azure", "arm"].into_iter().for_each(|target| assert_eq!(build(folder.path(), target, &[]), [], "{target}"));
    edit(folder.path(), "version=\"16\"", "version=\"15\"");
    ["tf-azure", "arm"].into_iter().for_each(|target| refused(target, "version", "falls from"));
}

#[test]
fn a_balancer_is_replaced_with_the_subnet_that_it_is_in() {
    let text = "stack shop {
    network main cidr=\"10.0.0.0/16\"
    load-balancer front network=main protect=#true { listen 80; }
    service web network=main image=\"registry.example/web:1\" { port 80; route front; }
}
";
    let folder = tempfile::tempdir().unwrap();
    let mut lock = Lock::default();
    lock.put(running(text, "tf-openstack", Variant::default()).unwrap().0);
    std::fs::write(folder.path().join("stack.lock.kdl"), lock.text()).unwrap();
    std::fs::write(folder.path().join("stack.kdl"), text.replace("10.0.0.0/16", "10.8.0.0/16")).unwrap();
    let found = build(folder.path(), "tf-openstack", &[]);
    assert!(
        found.iter().any(|(code, _, message)| code == "E0501" && message.contains("load-balancer front") && message.contains("`vip_subnet_id` leads to")),
        "{found:?}"
    );
}

#[test]
fn what_is_renamed_or_gone_is_refused_where_the_user_can_mend_it() {
    let folder = folder(&TARGETS);
    for target in TARGETS {
        edit(folder.path(), "bucket media", "bucket files");
        let found = build(folder.path(), target, &[]);
        assert_eq!(found.iter().map(|(code, line, _)| (code.as_str(), *line)).collect::<Vec<_>>(), [("E0501", 5)], "{target}: {found:?}");
        assert!(found[0].2.contains("the stack has a `bucket files` instead"), "{target}: {found:?}");
        edit(folder.path(), "    bucket media\n", "");
        let found = build(folder.path(), target, &[]);
        assert_eq!(found.iter().map(|(code, line, _)| (code.as_str(), *line)).collect::<Vec<_>>(), [("E0501", 1)], "{target}: {found:?}");
        assert!(found[0].2.contains("the stack no longer has it"), "{target}: {found:?}");
        assert_eq!(build(folder.path(), target, &["--allow-replace", "media"]), [], "{target}");
    }
}

#[test]
fn another_engine_is_another_database() {
    let folder = folder(&["cfn", "tf-aws", "tf-azure", "arm"]);
    edit(folder.path(), "engine=postgres version=\"16\"", "engine=mysql version=\"8.4\"");
    // The schema of CloudFormation says of the engine that a change may replace.
    for (target, code) in [("cfn", "W0502"), ("tf-aws", "E0501"), ("tf-azure", "E0501"), ("arm", "E0501")] {
        let found = build(folder.path(), target, &[]);
        assert!(found.iter().any(|(found, line, message)| found == code && *line == 4 && message.contains("database data")), "{target}: {found:?}");
    }
}

#[test]
fn a_zone_on_azure_is_known_by_its_domain_whatever_the_template_calls_it() {
    let folder = folder(&["arm", "cfn"]);
    edit(folder.path(), "dns-zone site", "dns-zone other");
    assert_eq!(build(folder.path(), "arm", &[]), []);
    assert_eq!(build(folder.path(), "cfn", &[]).len(), 1);
}

#[test]
fn what_leads_to_something_that_is_replaced_is_replaced_with_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), SHOP).unwrap();
    let mut lock = Lock::default();
    let (mut there, _) = running(SHOP, "tf-azure", Variant::default()).unwrap();
    // The group was in another place, and everything is in the group.
    let group = there.resources.iter_mut().find(|resource| resource.ty == "azurerm_resource_group").unwrap();
    group.fixed.iter_mut().find(|(path, _)| path == "name").unwrap().1 = Some(Kept::Text("elsewhere".to_owned()));
    lock.put(there);
    std::fs::write(folder.path().join("stack.lock.kdl"), lock.text()).unwrap();
    let found = build(folder.path(), "tf-azure", &[]);
    let held: Vec<&str> = ["database data", "bucket media", "dns-zone site", "secret token"]
        .into_iter()
        .filter(|label| found.iter().any(|(code, _, message)| code == "E0501" && message.contains(label) && message.contains("which would be replaced itself")))
        .collect();
    assert_eq!(held, ["database data", "bucket media", "dns-zone site", "secret token"], "{found:?}");
}

#[test]
fn a_stage_and_a_copy_are_compared_with_what_runs_of_them() {
    for (variant, asked) in [
        (Variant { stage: Some("prod"), instance: None }, &["--stage", "prod"][..]),
        (Variant { stage: None, instance: Some("green") }, &["--instance", "green"]),
        (Variant { stage: Some("prod"), instance: Some("green") }, &["--stage", "prod", "--instance", "green"]),
    ] {
        for target in TARGETS {
            let folder = tempfile::tempdir().unwrap();
            let mut lock = Lock::default();
            lock.put(running(SHOP, target, variant).unwrap().0);
            std::fs::write(folder.path().join("stack.lock.kdl"), lock.text()).unwrap();
            std::fs::write(folder.path().join("stack.kdl"), SHOP).unwrap();
            assert_eq!(build(folder.path(), target, asked), [], "{target} {asked:?}");
            edit(folder.path(), "bucket media", "bucket files");
            assert_eq!(build(folder.path(), target, asked).len(), 1, "{target} {asked:?}");
            assert_eq!(build(folder.path(), target, &[]), [], "{target}: nothing runs without {asked:?}");
        }
    }
}

#[test]
fn a_value_that_only_a_deployment_knows_is_warned_of() {
    let folder = folder(&["cfn"]);
    let path = folder.path().join("stack.lock.kdl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("MasterUsername dbadmin"));
    std::fs::write(&path, text.replace("MasterUsername dbadmin", "MasterUsername (param)edition")).unwrap();
    let found = build(folder.path(), "cfn", &[]);
    assert_eq!(found.iter().map(|(code, line, _)| (code.as_str(), *line)).collect::<Vec<_>>(), [("W0502", 4)], "{found:?}");
}

#[test]
fn a_check_refuses_it_too_and_a_snapshot_does_not_look() {
    let folder = folder(&["cfn"]);
    edit(folder.path(), "name=acme", "name=shop");
    assert_eq!(stackc(folder.path(), &["check", "--target", "cfn"]).status.code(), Some(1));
    assert_eq!(stackc(folder.path(), &["check", "--target", "cfn", "--allow-replace", "data"]).status.code(), Some(0));
    std::fs::write(folder.path().join("stack.kdl"), SHOP.replace("name=acme", "name=shop").replace("stack shop {", "stack shop {\n    targets cfn")).unwrap();
    assert!(stackc(folder.path(), &["snapshot"]).status.success());
}

#[test]
fn a_person_sees_what_runs_and_what_would_become_of_it() {
    let folder = folder(&["cfn"]);
    edit(folder.path(), "name=acme", "name=shop user=boss highly-available=#true");
    snapshot("lock-replaced", &stderr(&stackc(folder.path(), &["build", "--target", "cfn"])));
    edit(folder.path(), "bucket media", "bucket files");
    snapshot("lock-renamed", &stderr(&stackc(folder.path(), &["build", "--target", "cfn"])));
    edit(folder.path(), "version=\"16\" name=acme", "version=\"16\" name=acme backup-days=30");
    snapshot("lock-may-be-replaced", &stderr(&stackc(folder.path(), &["build", "--target", "cfn"])));
    snapshot("lock-file", &std::fs::read_to_string(folder.path().join("stack.lock.kdl")).unwrap());
}

#[test]
fn nothing_is_written_over_a_lock_that_cannot_be_read() {
    let folder = folder(&["cfn"]);
    let path = folder.path().join("stack.lock.kdl");
    for (text, code) in [("lock 1\n<<<<<<< ours\n", "E0503"), ("", "E0503"), ("lock 7\n", "E0504")] {
        std::fs::write(&path, text).unwrap();
        let found = build(folder.path(), "cfn", &[]);
        assert_eq!(found.iter().map(|(code, ..)| code.as_str()).collect::<Vec<_>>(), [code], "{text}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert!(!folder.path().join("build").exists());
    }
}

/// What a lock file says of every example, on every target: it is read as it was written, nothing of what holds data is left out, and the stack itself changes
/// nothing.
#[test]
fn every_example_is_at_peace_with_its_own_lock() {
    let mut count = 0;
    let mut nothing = std::collections::BTreeSet::new();
    for example in examples() {
        let text = std::fs::read_to_string(example.join("stack.kdl")).unwrap();
        for target in TARGETS {
            let Some((there, found)) = running(&text, target, Variant::default()) else { continue };
            assert!(found.is_empty(), "{} on {target}: {found:?}", example.display());
            let mut lock = Lock::default();
            lock.put(there);
            let written = lock.text();
            let again = read(FileId(0), &written).unwrap_or_else(|problem| panic!("{} on {target}: {problem:?}", example.display()));
            assert_eq!(again.text(), written, "{} on {target}", example.display());
            let there = again.stacks.first().unwrap();
            let guarded: Vec<_> = there.resources.iter().filter(|resource| resource.guard.is_some()).collect();
            count += guarded.len();
            let unknown = guarded.iter().filter(|resource| resource.fixed.is_empty()).map(|resource| format!("{target} {}", resource.ty));
            nothing.extend(unknown);
        }
    }
    assert!(nothing.is_empty(), "nothing is known of {nothing:?}");
    assert!(count > 50, "only {count} resources with data");
}
