//! `list`: what runs in an account, a project, a subscription, by fakes of their clouds.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod arm_fake;
mod fake;
mod heat_fake;
mod runs;
mod wire;

use runs::{Cloud, Run};
use serde_json::Value;

/// Something small that every cloud has, and a stage.
const SMALL: &str = r#"stack shop {
    bucket media
    stage prod {}
}
"#;

fn small(target: &str) -> String {
    SMALL.replacen("stack shop {", &format!("stack shop {{\n    targets {target}"), 1)
}

fn listed<C: Cloud>(run: &Run<C>) -> Vec<Value> {
    let whole: Value = serde_json::from_str(&run.ok(&["list", "--format", "json"]).stdout).unwrap();
    assert!(whole["place"].as_str().is_some_and(|place| !place.is_empty()), "{whole}");
    whole["stacks"].as_array().unwrap().clone()
}

/// A stack, a stage of it and a copy of that, each by its name, and from which stack it is.
fn three<C: Cloud>(run: &Run<C>, more: &[&'static str]) -> Vec<Value> {
    assert!(listed(run).is_empty());
    for which in [&[][..], &["--stage", "prod"], &["--stage", "prod", "--instance", "green"]] {
        run.ok(&[&["deploy", "--yes"], which, more].concat());
    }
    let found = listed(run);
    let names: Vec<&str> = found.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop", "shop-prod", "shop-prod-green"]);
    assert!(found.iter().all(|one| one["stack"] == "shop"), "{found:?}");
    let which: Vec<String> = found.iter().map(|one| one["which"].to_string()).collect();
    assert_eq!(which, ["[]", "[\"prod\"]", "[\"prod\",\"green\"]"]);
    let table = run.ok(&["list"]).stdout;
    assert!(table.contains(": 3 stacks of stackc's\n") && table.contains("shop: prod, green"), "{table}");
    found
}

#[test]
fn cloudformation_lists_what_a_change_set_of_ours_made() {
    let run = Run::<fake::Fake>::new(&small("cfn"));
    let found = three(&run, &[]);
    assert!(found.iter().all(|one| one["status"] == "CREATE_COMPLETE" && one["changed"].is_string()), "{found:?}");
    // Another's is not ours, whatever it is called.
    run.fake.with(|world| world.stack("shop").change_set = Some("arn:aws:cloudformation:eu-west-1:1:changeSet/by-hand/1".to_owned()));
    assert_eq!(listed(&run).len(), 2);
    // More than one page.
    run.fake.with(|world| {
        for number in 0..250 {
            let mut one = world.stack("shop-prod").clone();
            one.name = format!("other-{number:03}");
            world.stacks.push(one);
        }
    });
    assert_eq!(listed(&run).len(), 252);
    // The stack's file is not needed when the call says which cloud is meant, and what is wrong in it hinders nothing.
    run.edit("bucket media", "bucket media versioned=maybe");
    assert_eq!(listed(&run).len(), 252);
    std::fs::remove_file(run.folder.path().join("stack.kdl")).unwrap();
    let output = run.command(&["list"]).env_remove("STACKC_TARGET").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(run.ok(&["list", "--target", "cfn"]).stdout.contains("shop-prod-green"));
}

#[test]
fn heat_lists_what_has_a_tag_of_ours() {
    let run = Run::<heat_fake::Fake>::new(&small("hot"));
    three(&run, &[]);
    run.fake.with(|world| world.stack("shop").tags = vec!["somebody".to_owned()]);
    assert_eq!(listed(&run).len(), 2);
}

#[test]
fn azure_lists_what_has_a_tag_of_ours_in_all_groups() {
    let run = Run::<arm_fake::Fake>::new(&small("arm"));
    let found = three(&run, &["--region", "westeurope"]);
    assert_eq!(found[1]["within"], "resource group shop-prod");
    run.fake.with(|world| world.stack("shop").tags = Value::Null);
    assert_eq!(listed(&run).len(), 2);
}

/// What has not the shape of a list is none, and not an empty one.
#[test]
fn what_is_no_list_is_not_empty() {
    for what in [
        wire::What::Instead(200, "<html>hello</html>"),
        wire::What::Instead(200, ""),
        wire::What::Instead(200, "{}"),
        wire::What::Instead(404, "{}"),
        wire::What::Denied,
    ] {
        let (one, two, three) = (Run::<fake::Fake>::new(&small("cfn")), Run::<heat_fake::Fake>::new(&small("hot")), Run::<arm_fake::Fake>::new(&small("arm")));
        let of = |name| wire::Fault::of(name, 1, usize::MAX, what);
        one.fake.with(|world| world.faults.push(of("DescribeStacks")));
        two.fake.with(|world| world.faults.push(of("ListStacks")));
        three.fake.with(|world| world.faults.push(of("ListGroups")));
        for ended in [one.any(&["list"]), two.any(&["list"]), three.any(&["list"])] {
            assert!(ended.code == Some(3) && ended.stdout.is_empty(), "{what:?}: {:?}\n{}{}", ended.code, ended.stdout, ended.stderr);
        }
    }
}

#[test]
fn of_terraform_it_says_what_is_known_here() {
    let run = Run::<fake::Fake>::new(&small("tf-aws"));
    for folder in ["tf-aws.prod", "tf-google"] {
        std::fs::create_dir_all(run.folder.path().join(".stackc").join(folder)).unwrap();
    }
    let lock = "lock 3\n\nstack shop stage=test target=tf-aws place=\"state in s3, acme-state\" {\n}\n";
    std::fs::write(run.folder.path().join("stack.lock.kdl"), lock).unwrap();
    let table = run.ok(&["list", "--target", "tf-aws"]).stdout;
    assert!(table.starts_with("Terraform: 2 stacks of stackc's\n") && table.contains("Terraform keeps no list"), "{table}");
    assert!(table.contains("shop-test") && table.contains("state in s3, acme-state") && table.contains("perhaps running"), "{table}");
    assert!(run.fake.calls().is_empty(), "{:?}", run.fake.calls());
}
