//! What a first deploy waits for, and the part of a stack that is made meanwhile.
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

use serde_json::Value;
use stackc::Compiler;
use stackc::check::{Model, Variant};
use stackc::emit::{self, Style};
use stackc::gates::{self, Evidence};
use stackc::native::Graph;
use stackc::provider::NativeKind;
use stackc::rules::Target;
use stackc::source::Sources;
use std::collections::BTreeSet;
use support::{stackc, stderr, stdout};

/// A site whose certificate waits for its zone, and a service that waits for its image: not all of it waits.
const SHOP: &str = r#"stack shop {
    param tag default="1"
    network main
    dns-zone site domain="shop.example"
    certificate tls domain="www.shop.example" zone=site
    load-balancer public network=main {
        listen 443 protocol=https certificate=tls
        name www zone=site
    }
    registry images
    service web network=main port=80 {
        image (fmt)"{images.url}:{tag}"
        route public path="/*"
    }
    service worker network=main { image (fmt)"{images.url}:{tag}"; }
    database data network=main engine=postgres version="16"
    output address (get)public.hostname
}"#;

fn graph(target: &str, stack: &str) -> (Graph, Model, Target) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", stack.to_owned());
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let model = model.unwrap_or_else(|| panic!("{problems:?}"));
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build_with_graph(&model, &target, Style::default(), &mut sources);
    let (_, _, graph) = built.unwrap_or_else(|| panic!("{:?}", problems.sorted()));
    (graph, model, target)
}

fn addresses(graph: &Graph, target: &Target) -> BTreeSet<String> {
    graph.resources.iter().map(|resource| gates::address(resource, target.format)).collect()
}

/// The names of what waits, when these gates are shut and this is there.
fn waiting(graph: &Graph, target: &Target, shut: &[&str], there: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let shut: Vec<usize> = shut.iter().map(|name| graph.gates.iter().position(|gate| gate.names.iter().any(|known| known == name)).unwrap()).collect();
    let held = gates::held(graph, &shut, &|resource| there(&gates::address(resource, target.format)));
    let part = gates::part(graph, &held);
    addresses(graph, target).difference(&addresses(&part, target)).cloned().collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_certificate_waits_for_the_delegation_and_a_service_for_its_image() {
    let (graph, _, target) = graph("cfn", SHOP);
    let known: Vec<_> = graph.gates.iter().map(|gate| (gate.names.join(" "), gate.evidence.clone())).collect();
    let output = |name: &str| Evidence::Output(name.to_owned());
    let expected = [
        ("site.delegated".to_owned(), vec![Evidence::Known("shop.example".to_owned()), output("site-name-servers")]),
        // Two that look for one image are one gate.
        ("web.pushed worker.pushed".to_owned(), vec![output("web-image")]),
    ];
    assert_eq!(known, expected);
    let none = |_: &str| false;
    assert_eq!(waiting(&graph, &target, &["site.delegated"], &none), names(&["PublicListener443", "PublicRule443", "TlsCertificate", "WebService"]));
    assert_eq!(waiting(&graph, &target, &["worker.pushed"], &none), names(&["WebService", "WorkerServiceUnrouted"]));
    assert!(waiting(&graph, &target, &[], &none).is_empty());
}

#[test]
fn each_cloud_holds_back_what_would_block_there() {
    let waits = |name: &str| {
        let (graph, ..) = graph(name, SHOP);
        let gates: BTreeSet<String> = graph.gates.iter().map(|gate| gate.look.word().to_owned()).collect();
        let held = gates::held(&graph, &(0..graph.gates.len()).collect::<Vec<_>>(), &|_| false);
        (gates, held.count(&graph))
    };
    for (target, looks) in [
        ("cfn", names(&["dns-delegation", "image"])),
        ("tf-aws", names(&["dns-delegation", "image"])),
        ("arm", names(&["image"])),
        ("tf-azure", names(&["image"])),
        ("tf-google", names(&["image"])),
    ] {
        let (found, held) = waits(target);
        assert_eq!(found, looks, "{target}");
        assert!(held > 0, "{target}");
    }
}

/// Every name that a part's text refers to is in it: its own emitter would write an empty one.
#[test]
fn a_part_refers_to_nothing_that_waits() {
    for name in ["cfn", "tf-aws", "arm", "tf-azure", "tf-google"] {
        let (graph, _, target) = graph(name, SHOP);
        let held = gates::held(&graph, &(0..graph.gates.len()).collect::<Vec<_>>(), &|_| false);
        let part = gates::part(&graph, &held);
        let (gone, stays): (BTreeSet<String>, BTreeSet<String>) =
            (addresses(&graph, &target).difference(&addresses(&part, &target)).cloned().collect(), addresses(&part, &target));
        assert!(!gone.is_empty() && !stays.is_empty());
        for resource in &part.resources {
            assert!(resource.needs().iter().all(|id| part.resources.get(id.0).is_some()), "{name}");
        }
        let whole: Value = serde_json::from_str(&emit::write(&graph, &target, Style::default())).unwrap();
        let text: Value = serde_json::from_str(&emit::write(&part, &target, Style::default())).unwrap();
        // What stays is written as in the whole: only then does the second step not change what the first made.
        let section = |template: &Value, address: &str| {
            let (first, second) = address.split_once('.').unwrap_or((address, ""));
            match (name, first, second) {
                ("cfn", ..) => template["Resources"][address].clone(),
                ("arm", ..) => template["resources"][address].clone(),
                (_, "data", rest) => rest.split_once('.').map_or(Value::Null, |(ty, own)| template["data"][ty][own].clone()),
                (_, "ephemeral", rest) => rest.split_once('.').map_or(Value::Null, |(ty, own)| template["ephemeral"][ty][own].clone()),
                (_, ty, own) => template["resource"][ty][own].clone(),
            }
        };
        for address in &stays {
            assert!(!section(&text, address).is_null(), "{name}: {address}");
            assert_eq!(section(&text, address), section(&whole, address), "{name}: {address}");
        }
        for address in &gone {
            assert!(section(&text, address).is_null(), "{name}: {address}");
        }
        let params = |template: &Value| ["Parameters", "parameters", "variable"].map(|key| template[key].clone());
        assert_eq!(params(&text), params(&whole), "{name}: what was given once stays given");
    }
}

/// On the hundredth day a name server may not answer: nothing that runs is left out for that.
#[test]
fn what_is_there_never_waits() {
    for name in ["cfn", "tf-aws", "arm", "tf-azure", "tf-google"] {
        let (graph, _, target) = graph(name, SHOP);
        let made = graph.resources.iter().filter(|resource| resource.kind == NativeKind::Resource);
        let all: BTreeSet<String> = made.map(|resource| gates::address(resource, target.format)).collect();
        let shut: Vec<&str> = graph.gates.iter().map(gates::Gate::name).collect();
        assert!(waiting(&graph, &target, &shut, &|_| true).is_empty(), "{name}");
        // Whichever one is there, it stays, and with it all that it needs.
        for there in &all {
            let gone = waiting(&graph, &target, &shut, &|address| address == there);
            assert!(!gone.contains(there), "{name}: {there}");
        }
    }
}

#[test]
fn what_runs_and_needs_something_new_lets_it_through() {
    let (graph, _, target) = graph("cfn", SHOP);
    let delegated = graph.gates.iter().position(|gate| gate.name() == "site.delegated").unwrap();
    let held = gates::held(&graph, &[delegated], &|resource| gates::address(resource, target.format) == "PublicListener443");
    assert_eq!(held.count(&graph), 0);
    let through: Vec<String> = held.let_through.iter().map(|id| gates::address(&graph.resources[id.0], target.format)).collect();
    assert_eq!(through, ["TlsCertificate"]);
}

#[test]
fn the_evidence_is_an_output_of_its_own_or_one_that_is_there() {
    let stack = |outputs: &str| SHOP.replace("output address (get)public.hostname", outputs);
    let output_of = |stack: &str| graph("cfn", stack).0.gates[0].evidence[1].clone();
    assert_eq!(output_of(&stack("output dns (get)site.name-servers")), Evidence::Output("dns".to_owned()));
    assert_eq!(output_of(&stack("output site-name-servers (get)public.hostname")), Evidence::Output("gate-site-name-servers".to_owned()));
    let text = emit::write(&graph("cfn", SHOP).0, &graph("cfn", SHOP).2, Style::default());
    assert!(text.contains("\"SiteNameServers\""));
}

#[test]
fn without_what_waits_there_is_no_gate() {
    let (graph, ..) = graph(
        "cfn",
        "stack shop {\n dns-zone site domain=\"shop.example\"\n registry images\n network main\n service web network=main image=\"acme/web:1\"\n}",
    );
    assert!(graph.gates.is_empty() && graph.outputs.iter().all(|output| output.handle.is_some()));
}

#[test]
fn a_build_says_once_what_a_first_deploy_waits_for_and_writes_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), SHOP).unwrap();
    let built = stackc(folder.path(), &["build", "--target", "cfn,tf-aws"]);
    assert!(built.status.success(), "{}", stderr(&built));
    let said = stderr(&built);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("first deploy") || line.starts_with("  `stackc deploy`")).collect();
    assert_eq!(
        lines,
        [
            "first deploy (cfn, tf-aws): delegate shop.example to output `site-name-servers` before certificate tls, load-balancer public, service web can be made: enter them where the domain is registered, or as NS records of the zone above it",
            "first deploy (cfn, tf-aws): push the image output `web-image` before service web, service worker can be made: log in with `aws ecr get-login-password`, and push it",
            "  `stackc deploy` makes the rest, waits for it and goes on; by hand, deploy what `stackc build --first` writes, do it, deploy this",
        ]
    );
    let json = stackc(folder.path(), &["build", "--target", "cfn", "--message-format", "json"]);
    assert_eq!((stdout(&json), stderr(&json)), (String::new(), String::new()));
    let resources = |arguments: &[&str]| {
        let output = stackc(folder.path(), &[&["build", "--target", "cfn", "-o", "-"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let template: Value = serde_json::from_str(&stdout(&output)).unwrap();
        (template["Resources"].as_object().unwrap().len(), stderr(&output))
    };
    let ((whole, _), (first, said)) = (resources(&[]), resources(&["--first"]));
    assert_eq!(whole - first, 5);
    assert!(!said.contains("first deploy"), "{said}");
}

#[test]
fn what_the_lock_file_knows_to_run_is_in_the_first_step_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), SHOP).unwrap();
    let lock = "lock 3\nstack shop target=cfn place=\"CloudFormation, eu-west-1\" {\n resource TlsCertificate \"AWS::CertificateManager::Certificate\" of=\"certificate tls\" part=certificate id=a\n}\n";
    std::fs::write(folder.path().join("stack.lock.kdl"), lock).unwrap();
    let output = stackc(folder.path(), &["build", "--target", "cfn", "-o", "-", "--first"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let template: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(!template["Resources"]["TlsCertificate"].is_null());
    let said = stderr(&stackc(folder.path(), &["build", "--target", "cfn"]));
    assert!(said.contains("push the image") && !said.contains("delegate"), "{said}");
}

/// Migrations before two services, of an image in the stack's own registry.
const MIGRATED: &str = r#"stack shop {
    network main
    registry images
    database data network=main engine=postgres version="16"
    bucket media
    service web network=main port=80 image=(fmt)"{images.url}:1" { connect data; connect media; }
    service worker network=main image=(fmt)"{images.url}:1" { connect data; }
    job migrate network=main image=(fmt)"{images.url}:1" {
        connect data
        before web
        before worker
    }
}"#;

/// The rest does not change before the job has ended, and what the job needs is all there before it is started.
#[test]
fn services_wait_for_a_job_that_needs_its_own_things_alone() {
    for name in ["cfn", "tf-aws", "arm", "tf-azure", "tf-google"] {
        let (graph, model, _) = graph(name, MIGRATED);
        let jobs: Vec<usize> = gates::runs(&graph).collect();
        let [job] = jobs.as_slice() else { panic!("{name}: {jobs:?}") };
        let gate = &graph.gates[*job];
        assert_eq!((gate.name(), gate.evidence.as_slice()), ("migrate.done", &[Evidence::Known("migrate".to_owned())][..]), "{name}");
        let owner = |index: usize| graph.resources[index].owner.map(|id| model.resources[id.0].name.text.clone());
        let (needed, behind) = (gates::needed_to_run(&graph, gate), gates::behind(&graph, &jobs));
        let owners = |which: &[bool]| -> BTreeSet<String> { (0..which.len()).filter(|index| which[*index]).filter_map(owner).collect() };
        assert!(owners(&behind).is_superset(&names(&["web", "worker"])), "{name}: {:?}", owners(&behind));
        let needs = owners(&needed);
        assert!(needs.is_superset(&names(&["migrate", "data", "main"])), "{name}: {needs:?}");
        for other in ["web", "worker", "media"] {
            assert!(!needs.contains(other), "{name}: the job would need {other}");
        }
        assert!(!needed.iter().zip(&behind).any(|(needed, behind)| *needed && *behind), "{name}");
        // What is needed is whole: the part refers to nothing outside of it.
        for (index, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
            assert!(graph.resources[index].needs().iter().all(|id| needed[id.0]), "{name}: {:?}", graph.resources[index].name);
        }
        // It is not started before its own image is there.
        let pushed: Vec<usize> = (0..graph.gates.len()).filter(|index| graph.gates[*index].look.word() == "image").collect();
        let held = gates::held(&graph, &pushed, &|_| false).waits;
        assert!(needed.iter().zip(&held).any(|(needed, held)| *needed && *held), "{name}");
    }
}

#[test]
fn openstack_promises_no_job_before_a_service() {
    for name in ["hot", "tf-openstack"] {
        let folder = tempfile::tempdir().unwrap();
        let stack = "stack shop {\n network main\n service web network=main image=\"a/b:1\"\n job migrate network=main image=\"a/b:1\" { before web; }\n}\n";
        std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
        let output = stackc(folder.path(), &["check", "--target", name]);
        assert!(!output.status.success() && stderr(&output).contains("has no `before` from a job to a service"), "{}", stderr(&output));
        assert!(stderr(&output).contains("neither that its container ended well"), "{}", stderr(&output));
    }
}

#[test]
fn the_first_of_two_steps_by_hand_has_the_job_and_no_service() {
    let folder = tempfile::tempdir().unwrap();
    let stack = MIGRATED.replace("(fmt)\"{images.url}:1\"", "\"acme/shop:1\"");
    std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
    let output = stackc(folder.path(), &["build", "--target", "cfn", "-o", "all"]);
    let said = "start the job migrate before service web, service worker can be made: by hand with the command in the output `migrate-start`";
    assert!(stderr(&output).contains(said), "{}{}", stdout(&output), stderr(&output));
    stackc(folder.path(), &["build", "--first", "--target", "cfn", "-o", "first"]);
    let first: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("first/cfn/template.json")).unwrap()).unwrap();
    let has = |name: &str| !first["Resources"][name].is_null();
    assert!(has("MigrateTask") && has("DataInstance") && !has("WebService") && !has("WorkerService"));
}
