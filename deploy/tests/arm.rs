//! Deploys to Azure, played by a fake of ours from Microsoft's description of the API: what a person sees, and what the cloud saw.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod arm_fake;
mod runs;
mod wire;

use arm_fake::{Fake, Fault, What};
use runs::{SECRET, SHOP, snapshot};
use serde_json::json;

type Run = runs::Run<Fake>;

/// The smallest stack that has something to lose.
const FILES: &str = r#"stack shop {
    targets arm
    bucket media versioned=#true
    registry images

    output files (get)media.domain
}
"#;

/// A first deploy.
const FIRST: [&str; 4] = ["deploy", "--yes", "--region", "westeurope"];

/// What is deployed already.
fn deployed(stack: &str) -> Run {
    let run = Run::new(stack);
    run.ok(&FIRST);
    run
}

#[test]
fn a_job_has_the_new_image_while_the_service_keeps_the_old_one() {
    let stack = r#"stack shop {
    targets arm
    param image default="acme/shop:1.2" about="container image of the shop"
    network main
    service web network=main {
        image (get)image
        port 80
    }
    job migrate network=main {
        image (get)image
        before web
    }
}
"#;
    let run = Run::new(stack);
    let ended = run.finish(&FIRST);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("then run      job migrate\n") && ended.stderr.contains("migrate is done"), "{}", ended.stderr);
    let images = || {
        let image = |symbol: &str| {
            let body = run.fake.with(|world| world.resource(symbol).body.clone());
            body["properties"]["template"]["containers"][0]["image"].as_str().unwrap().trim_start_matches("acme/shop:").to_owned()
        };
        [image("migrate"), image("web")]
    };
    assert_eq!(images(), ["1.2", "1.2"]);
    // What it printed comes late, and is waited for when it failed.
    run.fake.with(|world| (world.jobs.exit, world.jobs.late) = (1, 12));
    let new = ["deploy", "--yes", "--param", "image=acme/shop:1.3"];
    let ended = run.finish(&new);
    assert_eq!((ended.code, images()), (Some(6), ["1.3".to_owned(), "1.2".to_owned()]), "{}", ended.stderr);
    assert!(ended.stderr.contains("minutes later; it is waited for that\n  | relation \"users\" exists\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("service web stays as before"), "{}", ended.stderr);
    run.fake.with(|world| world.jobs.exit = 0);
    let ended = run.finish(&new);
    assert_eq!((ended.code, images()), (Some(0), ["1.3".to_owned(), "1.3".to_owned()]), "{}", ended.stderr);
    let ended = run.finish(&new);
    assert_eq!((ended.code, run.fake.with(|world| world.jobs.executions.len())), (Some(0), 3), "{}", ended.stderr);
}

/// A registry that cannot be asked, as a proxy that is not there makes any, is neither with the image nor without it.
#[test]
fn a_service_waits_for_its_image() {
    let stack = r#"stack shop {
    targets arm
    network main
    registry images
    service web network=main { image (fmt)"{images.url}:1"; }
    bucket media
}
"#;
    let run = Run::new(stack);
    let end = |arguments: &[&str]| {
        let output = run.command(arguments).env("HTTPS_PROXY", "http://127.0.0.1:9").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let made = || run.fake.with(|world| world.live.keys().cloned().collect::<Vec<_>>().join("\n").to_lowercase());
    let waits = [&FIRST[..], &["--wait-for-gates", "0", "--lock"]].concat();
    let (code, said) = end(&waits);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("web.pushed: push the image ") && said.contains("cannot be asked"), "{said}");
    assert!(made().contains("microsoft.containerregistry") && !made().contains("containerapps"), "{}", made());
    let lock = || std::fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap();
    assert!(lock().contains("of=\"registry images\"") && !lock().contains("Microsoft.App/containerApps\""), "{}", lock());
    // What was made stays as it is while it waits.
    let before = made();
    assert_eq!(end(&["deploy", "--yes", "--no-wait"]).0, Some(5));
    assert_eq!(made(), before);
    assert_eq!(end(&["deploy", "--yes", "--open", "web.push"]).0, Some(2));
    // Somebody knows better.
    let (code, said) = end(&["deploy", "--yes", "--open", "web.pushed"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(made().contains("microsoft.app/containerapps"), "{}", made());
    // From now on nobody looks.
    let (code, said) = end(&["deploy", "--yes"]);
    assert!(code == Some(0) && said.contains("nothing to do"), "{said}");
    assert!(lock().contains("Microsoft.App/containerApps\""), "{}", lock());
}

#[test]
fn a_first_deploy_an_update_and_its_outputs() {
    let run = Run::new(FILES);
    run.ends(&["plan"], 2);
    run.ok(&["plan", "--region", "westeurope"]);
    run.ok(&FIRST);
    run.ok(&["status"]);
    run.ok(&["deploy", "--yes"]);
    run.edit("versioned=#true", "versioned=#false");
    run.ok(&["plan"]);
    run.ends(&["plan", "--detailed-exitcode", "--format", "json"], 4);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["outputs", "--format", "env"]);
    run.ok(&["events", "--last", "4"]);
    run.ends(&["destroy", "--yes", "--allow-replace", "media"], 2);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"]);
    run.ends(&["status"], 2);
    assert!(run.fake.with(|world| world.groups.is_empty() && world.live.is_empty()));
    snapshot("arm-a-first-deploy", &run);
}

#[test]
fn a_secret_is_asked_for_each_time_and_shown_nowhere() {
    let run = Run::new(SHOP);
    run.ok(&FIRST);
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.3"]);
    // What was set by hand stays.
    run.ok(&["plan"]);
    // Azure does not say whether a secret is another, so that it is written again; nothing else is.
    run.ok(&["drift"]);
    run.fake.with(|world| world.script.fail = Some(("web", json!({ "code": "InvalidSecret", "message": format!("The value {SECRET} is none.") }))));
    run.ends(&["deploy", "--yes"], 3);
    let mut command = run.command(&["deploy", "--yes"]);
    command.env_remove("STACKC_PARAM_API_KEY");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    run.log.borrow_mut().push_str(&format!("$ stackc deploy --yes    (without the secret)\n{}\n", String::from_utf8_lossy(&output.stderr)));
    assert!(run.fake.with(|world| world.runs.len() == 3));
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "api-key"]);
    snapshot("arm-secrets", &run);
}

#[test]
fn a_refused_resource_is_reported_at_the_line_and_deployed_again() {
    let run = Run::new(FILES);
    let inner = json!({ "error": { "code": "StorageAccountAlreadyTaken", "message": "The storage account named shopmedia is already taken." } });
    run.fake.with(|world| world.script.fail = Some(("media", json!({ "code": "Conflict", "message": inner.to_string() }))));
    run.ends(&FIRST, 3);
    run.ok(&["status"]);
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-failed", &run);
}

#[test]
fn a_template_that_azure_refuses_changes_nothing() {
    let run = deployed(FILES);
    run.edit("versioned=#true", "versioned=#false");
    let id = run.fake.with(|world| world.resource("media_blobs").id.clone());
    let detail = json!({ "code": "FeatureNotSupported", "target": id, "message": "Versioning is not supported for the account." });
    let error = json!({ "code": "InvalidTemplateDeployment", "message": "The template deployment is not valid.", "details": [detail] });
    run.fake.with(|world| world.script.refuse = Some(error));
    run.ends(&["plan"], 3);
    run.ends(&["deploy", "--yes"], 3);
    snapshot("arm-refused", &run);
}

#[test]
fn what_the_template_no_longer_has_goes_by_name_only() {
    let run = deployed(FILES);
    run.edit("    registry images\n", "");
    run.ends(&["plan"], 1);
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "images"]);
    assert!(run.fake.with(|world| world.live.values().all(|live| !live.ty.contains("ContainerRegistry"))));
    run.ok(&["status"]);
    snapshot("arm-removed", &run);
}

#[test]
fn what_is_protected_stays() {
    let run = Run::new(FILES);
    run.edit("bucket media versioned=#true", "bucket media versioned=#true { protect; }");
    run.ok(&FIRST);
    run.ends(&["destroy", "--yes"], 1);
    // Somebody's own copy of the file does not help.
    run.edit(" { protect; }", "");
    run.ends(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"], 3);
    run.edit("    bucket media versioned=#true\n", "");
    run.edit("    output files (get)media.domain\n", "");
    run.ends(&["deploy", "--yes", "--allow-replace", "media"], 3);
    run.edit("    registry images\n", "    bucket media versioned=#true\n    registry images\n");
    run.ok(&["deploy", "--yes"]);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"]);
    snapshot("arm-protected", &run);
}

#[test]
fn what_others_changed_is_found_and_put_back() {
    let run = deployed(FILES);
    run.ok(&["drift"]);
    run.fake.with(|world| {
        world.resource("media").body["properties"]["minimumTlsVersion"] = json!("TLS1_0");
        let task = world.resource("images_tidy").id.to_lowercase();
        world.live.remove(&task);
        // What Azure itself says has no effect is none.
        world.script.noise = vec![("images", json!({ "path": "properties.policies", "propertyChangeType": "NoEffect", "before": { "a": 1 } }))];
    });
    run.ends(&["drift", "--detailed-exitcode"], 4);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["drift", "--detailed-exitcode"]);
    snapshot("arm-drift", &run);
}

#[test]
fn what_is_there_already_is_taken_over_knowingly() {
    let run = deployed(FILES);
    run.fake.with(|world| world.stacks.clear());
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-adopted", &run);
}

#[test]
fn what_azure_cannot_foresee_is_said() {
    let run = deployed(FILES);
    run.fake.with(|world| world.script.unforeseen = vec!["images_tidy"]);
    run.ok(&["plan"]);
    run.edit("registry images", "registry images keep=3");
    run.ok(&["plan"]);
    // Nothing is taken for removed only because Azure cannot say what becomes of it.
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-unforeseen", &run);
}

#[test]
fn names_are_found_where_azure_says_none() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.nameless = true);
    run.ok(&FIRST);
    run.ok(&["status"]);
    run.edit("versioned=#true", "versioned=#false");
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-nameless", &run);
}

#[test]
fn a_group_that_others_use_stays() {
    let run = Run::new(FILES);
    let group = |tags| arm_fake::Group { location: "northeurope".to_owned(), tags, going: None };
    run.fake.with(|world| world.groups.insert("shared".to_owned(), group(json!({ "team": "one" }))));
    let place = ["--resource-group", "shared"];
    let all = ["--allow-replace", "media", "--allow-replace", "images"];
    run.ok(&[&["plan", "--region", "westeurope"][..], &place].concat());
    run.ok(&[&["deploy", "--yes"][..], &place].concat());
    run.ok(&[&["destroy", "--yes"][..], &place, &all].concat());
    assert!(run.fake.with(|world| world.groups.contains_key("shared")));
    // One of the stack's own, in which somebody put something.
    run.ok(&FIRST);
    run.fake.with(|world| {
        let id = format!("/subscriptions/{}/resourceGroups/shop/providers/Microsoft.Network/publicIPAddresses/mine", arm_fake::SUBSCRIPTION);
        let live = arm_fake::Live { id: id.clone(), ty: "Microsoft.Network/publicIPAddresses".to_owned(), symbol: String::new(), body: json!({}) };
        world.live.insert(id.to_lowercase(), live);
    });
    run.ok(&[&["destroy", "--yes"][..], &all].concat());
    assert!(run.fake.with(|world| world.groups.contains_key("shop") && world.live.len() == 1));
    snapshot("arm-groups", &run);
}

#[test]
fn a_group_that_may_not_be_removed_stays() {
    let run = deployed(FILES);
    run.fake.with(|world| world.script.group_stays = true);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"]);
    // Later, by who may.
    run.fake.with(|world| world.script.group_stays = false);
    run.ok(&["destroy", "--yes"]);
    run.ok(&["destroy", "--yes"]);
    snapshot("arm-group-stays", &run);
}

#[test]
fn a_removal_that_fails_goes_on() {
    let run = deployed(FILES);
    run.fake.with(|world| {
        world.script.delete_fails = vec![("media", "ScopeLocked: The scope cannot perform delete operation because following scope(s) are locked.")]
    });
    let all = ["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"];
    run.ends(&all, 3);
    run.ok(&["status"]);
    run.ends(&[&all[..], &["--retain", "media"]].concat(), 2);
    run.fake.with(|world| world.script.delete_fails.clear());
    run.ok(&["destroy", "--yes", "--allow-replace", "media"]);
    snapshot("arm-delete-failed", &run);
}

#[test]
fn what_goes_on_already_is_followed_first() {
    let run = deployed(FILES);
    run.edit("versioned=#true", "versioned=#false");
    run.fake.with(|world| world.script.hold = true);
    let child = run.command(&["deploy", "--yes"]).spawn().unwrap();
    while run.fake.with(|world| world.stack("shop").state != "creating") {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    run.ends(&["plan"], 3);
    run.ok(&["status"]);
    run.fake.with(|world| world.script.hold = false);
    run.ok(&["events", "--follow", "--last", "0"]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Who comes later follows, and has nothing left to do.
    run.ok(&["deploy", "--yes"]);
    assert_eq!(run.fake.with(|world| world.runs.len()), 2);
}

#[test]
fn of_two_deploys_at_once_one_waits() {
    let run = deployed(FILES);
    run.edit("versioned=#true", "versioned=#false");
    run.fake.with(|world| world.script.meanwhile = true);
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-overtaken", &run);
}

#[test]
fn a_stack_that_somebody_removes_meanwhile_is_no_success() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.deleted_under_us = Some(4));
    run.ends(&FIRST, 3);
    run.fake.with(|world| world.script.deleted_under_us = None);
    run.ok(&["deploy", "--yes"]);
    snapshot("arm-deleted-under-us", &run);
}

#[test]
fn a_token_that_is_no_longer_taken_is_renewed() {
    let run = deployed(FILES);
    run.edit("versioned=#true", "versioned=#false");
    // Those that were given out until the third call from now.
    run.fake.with(|world| world.faults.push(Fault::of("WhatIf", 1, 1, What::Expired)));
    run.fake.with(|world| world.faults.push(Fault::of("PutStack", 1, 1, What::Expired)));
    run.ok(&["deploy", "--yes"]);
    assert_eq!(run.fake.with(|world| world.runs.len()), 2);
    // One that cannot be renewed.
    run.fake.with(|world| world.revoked = u64::MAX);
    run.ends(&["status"], 3);
    snapshot("arm-expired", &run);
}

#[test]
fn a_cloud_that_asks_to_be_left_alone_is_left_alone() {
    let run = deployed(FILES);
    run.fake.with(|world| {
        world.faults.push(Fault::of("GetStack", 1, usize::MAX, What::TooMany));
        world.script.retry_after = Some(3_600);
        world.calls.clear();
    });
    run.ends(&["status"], 3);
    // It is asked once, and told so.
    assert_eq!(run.fake.with(|world| world.calls.iter().filter(|call| *call == "GetStack").count()), 1);
    run.fake.with(|world| {
        world.faults.clear();
        world.faults.push(Fault::of("GetStack", 1, 2, What::TooMany));
        world.script.retry_after = Some(0);
    });
    run.ok(&["status"]);
    snapshot("arm-throttled", &run);
}

#[test]
fn what_is_missing_is_said() {
    let run = Run::new(FILES);
    let said = |remove: &[&str], set: &[(&str, &str)], arguments: &[&str]| {
        let mut command = run.command(arguments);
        remove.iter().for_each(|name| {
            command.env_remove(name);
        });
        let output = command.envs(set.iter().copied()).output().unwrap();
        let set: String = set.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let without = if remove.is_empty() { String::new() } else { format!("    (without {})", remove.join(", ")) };
        let text = format!("$ {set}stackc {}{without}\n{}\n", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        run.log.borrow_mut().push_str(&text);
        output.status.code()
    };
    assert_eq!(said(&["AZURE_SUBSCRIPTION_ID"], &[], &["status"]), Some(2));
    assert_eq!(said(&[], &[("AZURE_CLIENT_SECRET", "x")], &["status"]), Some(2));
    assert_eq!(said(&[], &[("AZURE_RESOURCE_GROUP", "a/b")], &["status"]), Some(2));
    assert_eq!(said(&[], &[("STACKC_ENDPOINT_URL", "http://management.example")], &["status"]), Some(2));
    assert_eq!(said(&[], &[], &["status", "--role", "x"]), Some(2));
    assert_eq!(said(&[], &[], &["status", "--profile", "x"]), Some(2));
    assert_eq!(said(&[], &[], &["deploy", "--skip", "media"]), Some(2));
    snapshot("arm-missing", &run);
}

#[cfg(unix)]
#[test]
fn ctrl_c_twice_cancels_the_deployment() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.hold = true);
    // To where its deployment has begun.
    let ended = run.interrupted(&FIRST, 2, |fake| {
        fake.with(|world| {
            let begun = !world.runs.is_empty();
            begun.then(|| world.step("shop", 3));
            begun
        })
    });
    let said = ended.stderr;
    assert_eq!(ended.code, Some(130), "{said}");
    assert!(said.contains("cancelled: what was done stays, and the next `stackc deploy` goes on from there"), "{said}");
    run.fake.with(|world| world.script.hold = false);
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["deploy", "--yes"]);
}

#[test]
fn the_lock_file_says_what_azure_made() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes", "--region", "westeurope", "--lock"]);
    let path = run.folder.path().join("stack.lock.kdl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("target=arm place=\"Azure, resource group shop\""), "{text}");
    assert!(text.contains("resource media \"Microsoft.Storage/storageAccounts\" of=\"bucket media\" id="), "{text}");
    run.edit("bucket media", "bucket files");
    run.edit("(get)media.domain", "(get)files.domain");
    let refused = run.ends(&["plan"], 1).stderr;
    assert!(refused.contains("the stack has a `bucket files` instead"), "{refused}");
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "files", "--allow-replace", "images"]);
    assert!(!std::fs::read_to_string(&path).unwrap().contains("resource"));
}
