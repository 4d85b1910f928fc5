//! Deploys to Heat, played by a fake: what a person sees, and what the cloud saw.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "heat/gates.rs"]
mod gates;
mod heat_fake;
#[path = "gates/registry.rs"]
mod registry;
mod runs;
mod wire;

use heat_fake::{Fake, Fault, What};
use runs::{SECRET, snapshot};

type Run = runs::Run<Fake>;

/// A stack with a parameter, a secret, something that holds data, and a resource that names another.
const SHOP: &str = r#"stack shop {
    targets hot
    param token secret=#true about="a token"
    param host default="192.0.2.1" about="address of the shop"

    bucket media { accept "encrypted by the operator" target=hot; }
    secret key value=(get)token { accept "only members may read it" target=hot; }
    dns-zone site domain="shop.example"
    dns-record www zone=site kind=A ttl=300 { values (get)host; }

    output files (get)media.domain
}
"#;

/// What agrees to lose all of it.
const ALL: [&str; 7] = ["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key", "--allow-replace"];

fn all(more: &[&'static str]) -> Vec<&'static str> {
    [&ALL[..], &["site"], more].concat()
}

fn updates(run: &Run) -> usize {
    run.fake.with(|world| world.acts.iter().filter(|act| act.starts_with("UpdateStack")).count())
}

#[test]
fn a_first_deploy_an_update_and_its_outputs() {
    let run = Run::new(SHOP);
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["status"]);
    // The secret is given each time; that it is the same is seen.
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--set", "host=192.0.2.2"]);
    run.ends(&["plan", "--set", "host=192.0.2.2", "--detailed-exitcode", "--format", "json"], 4);
    run.ok(&["deploy", "--yes", "--set", "host=192.0.2.2"]);
    run.ok(&["outputs", "--format", "env"]);
    run.ok(&["outputs", "--format", "json"]);
    run.ok(&["events", "--last", "4"]);
    run.ends(&["destroy", "--yes"], 2);
    run.ok(&all(&[]));
    run.ends(&["status"], 2);
    run.ok(&all(&[]));
    snapshot("heat-a-first-deploy", &run);
}

#[test]
fn a_failed_creation_is_reported_at_the_line_and_gone_on_with() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.script.fail = Some(("site", "OverQuota: resources.site: Quota exceeded for zones.")));
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["status"]);
    run.ok(&["plan"]);
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["deploy", "--yes"]);
    assert_eq!(run.fake.with(|world| world.acts.clone()), ["CreateStack", "UpdateStack"]);
    snapshot("heat-create-failed", &run);
}

#[test]
fn a_failed_update_goes_back() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.edit("ttl=300", "ttl=60");
    run.fake.with(|world| world.script.fail = Some(("record_in_site", "BadRequest: resources.record_in_site: Provided object does not match schema")));
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["status"]);
    run.ok(&["events", "--last", "6"]);
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["deploy", "--yes"]);
    snapshot("heat-rollback-complete", &run);
}

#[test]
fn after_a_failed_update_that_stayed_the_values_of_the_last_good_one_come_back() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes", "--lock"]);
    run.ok(&["deploy", "--yes", "--set", "host=192.0.2.2"]);
    run.fake.with(|world| {
        world.script.fail = Some(("record_in_site", "Designate does not answer"));
        world.script.rollback_fails = true;
    });
    run.ends(&["deploy", "--yes", "--set", "host=192.0.2.3"], 3);
    run.fake.with(|world| {
        world.script.fail = None;
        world.script.rollback_fails = false;
    });
    let ended = run.ok(&["back", "--yes"]);
    assert!(ended.stderr.contains("`host` goes back to 192.0.2.2"), "{}", ended.stderr);
    assert!(ended.stderr.contains("shop is deployed"), "{}", ended.stderr);
}

#[test]
fn a_failed_way_back_is_gone_on_from() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.edit("ttl=300", "ttl=60");
    run.fake.with(|world| {
        world.script.fail = Some(("record_in_site", "Designate does not answer"));
        world.script.rollback_fails = true;
    });
    run.ends(&["deploy", "--yes"], 3);
    run.fake.with(|world| world.script = heat_fake::Script::default());
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    assert_eq!(run.fake.with(|world| world.stack("shop").status.clone()), "UPDATE_COMPLETE");
    snapshot("heat-rollback-failed", &run);
}

#[test]
fn what_cannot_be_removed_is_told_and_what_is_kept_is_marked_first() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.delete_fails = vec![("site", "Forbidden: resources.site: Zone has records that were made outside of the stack")]);
    run.ends(&all(&[]), 3);
    run.ends(&["deploy", "--yes"], 3);
    // Heat has no way to leave something behind now.
    run.ends(&all(&["--retain", "site"]), 2);
    run.fake.with(|world| world.script.delete_fails.clear());
    run.ok(&all(&[]));
    snapshot("heat-delete-failed", &run);
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.delete_fails = vec![("site", "Forbidden")]);
    run.ok(&all(&["--retain", "site"]));
    assert_eq!(run.fake.with(|world| world.acts.clone()), ["CreateStack", "UpdateStack retaining site", "DeleteStack"]);
    snapshot("heat-retained", &run);
}

/// As the rules are, but for buckets, which Heat is told to delete.
fn deletes_buckets(run: &Run) {
    let (from, to) = (std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets"), run.folder.path().join("targets"));
    for cloud in std::fs::read_dir(from).unwrap() {
        let cloud = cloud.unwrap();
        let folder = to.join(cloud.file_name());
        std::fs::create_dir_all(&folder).unwrap();
        for rules in std::fs::read_dir(cloud.path()).unwrap() {
            let rules = rules.unwrap();
            let text = std::fs::read_to_string(rules.path()).unwrap();
            std::fs::write(folder.join(rules.file_name()), text.replace(" otherwise=stay", "")).unwrap();
        }
    }
}

#[test]
fn a_container_that_is_not_empty_is_emptied_by_name() {
    let run = Run::new(SHOP);
    deletes_buckets(&run);
    run.ok(&["deploy", "--yes", "--targets", "targets"]);
    let objects = |world: &mut heat_fake::World| {
        world.containers.insert("shop-media".to_owned(), (0..1_200).map(|index| format!("photo {index}/a & b")).collect());
    };
    run.fake.with(objects);
    run.ends(&all(&[]), 2);
    assert!(run.fake.with(|world| world.has("shop")));
    let ended = run.finish(&all(&["--empty", "media"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(run.fake.with(|world| world.acts.iter().filter(|act| *act == "DeleteObject").count()), 1_200);
    snapshot("heat-container-not-empty", &run);
    // Left behind, with all that is in it.
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(objects);
    run.ok(&all(&["--retain", "media"]));
    assert_eq!(run.fake.with(|world| world.containers["shop-media"].len()), 1_200);
}

#[test]
fn what_holds_data_is_not_replaced_or_removed_without_a_word() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    // Another domain is another zone, and its records are others then.
    run.edit("shop.example", "shop.test");
    run.edit("bucket media {", "bucket media public-read=#true {");
    run.ends(&["plan"], 1);
    run.ends(&["deploy", "--yes"], 1);
    assert_eq!(updates(&run), 0);
    run.ok(&["deploy", "--yes", "--allow-replace", "media", "--allow-replace", "site"]);
    run.edit("    bucket media public-read=#true { accept \"encrypted by the operator\" target=hot; }\n", "");
    run.edit("    output files (get)media.domain\n", "");
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "media"]);
    snapshot("heat-replace-refused", &run);
}

#[test]
fn what_is_protected_stays() {
    let run = Run::new(SHOP);
    run.edit("bucket media {", "bucket media { protect;");
    run.ok(&["deploy", "--yes"]);
    run.ends(&all(&[]), 1);
    run.edit("{ protect;", "public-read=#true { protect;");
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "media"]);
    // Who takes the protection out of a copy of the file only leaves behind what Heat was told to keep.
    run.edit("{ protect;", "{");
    run.ok(&all(&[]));
    snapshot("heat-protected", &run);
}

#[test]
fn secrets_stay_as_they_were_set_and_are_changed_by_name() {
    let run = Run::new(SHOP);
    let without = |arguments: &[&str]| {
        let mut command = run.command(arguments);
        let output = command.env_remove("STACKC_PARAM_TOKEN").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(without(&["deploy", "--yes"]).0, Some(1));
    run.ok(&["deploy", "--yes", "--set", "host=192.0.2.9"]);
    let (code, text) = without(&["deploy", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    run.log.borrow_mut().push_str(&format!("$ stackc deploy --yes, with no secret in the environment\n{text}\n"));
    run.edit("ttl=300", "ttl=60");
    let (code, text) = without(&["deploy", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    let seen = run.fake.with(|world| world.stack("shop").params.clone());
    assert_eq!((seen["token"].as_str(), seen["host"].as_str()), (SECRET, "192.0.2.9"));
    // Another secret replaces what has it; what it is is nowhere.
    std::fs::write(run.folder.path().join("token"), "another-s3cret").unwrap();
    run.ends(&["deploy", "--yes", "--param", "token=@token"], 1);
    let ended = run.ok(&["deploy", "--yes", "--param", "token=@token", "--allow-replace", "key"]);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("another-s3cret"));
    assert_eq!(run.fake.with(|world| world.stack("shop").params["token"].clone()), "another-s3cret");
    // What goes back to its default is said to go back.
    std::fs::write(run.folder.path().join("values"), "host=192.0.2.1\n").unwrap();
    assert_eq!(without(&["deploy", "--yes", "--params", "values"]).0, Some(0));
    run.edit("\"192.0.2.1\"", "\"192.0.2.7\"");
    assert_eq!(without(&["deploy", "--yes"]).0, Some(0));
    assert_eq!(run.fake.with(|world| world.stack("shop").params["host"].clone()), "192.0.2.7");
    snapshot("heat-parameters", &run);
}

#[test]
fn what_heat_finds_before_it_begins_is_at_the_line() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.script.refuse = Some("Property error: resources.record_in_site.properties.ttl: 300 is out of range (min: 301, max: 86400)"));
    run.ends(&["deploy", "--yes"], 3);
    assert!(run.fake.with(|world| world.acts.is_empty()));
    run.fake.with(|world| world.script.refuse = None);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.immutable = vec!["ttl"]);
    run.edit("ttl=300", "ttl=60");
    run.ends(&["deploy", "--yes"], 3);
    assert_eq!(updates(&run), 0);
    snapshot("heat-early", &run);
}

#[test]
fn a_secret_that_the_cloud_quotes_is_not_repeated() {
    let run = Run::new(SHOP);
    let reason: &'static str = Box::leak(format!("BadRequest: resources.key_given: Invalid payload {SECRET}").into_boxed_str());
    run.fake.with(|world| world.script.fail = Some(("key_given", reason)));
    let ended = run.finish(&["deploy", "--yes"]);
    assert!(ended.stderr.contains("Invalid payload ****"), "{}", ended.stderr);
}

#[test]
fn what_others_changed_is_seen_and_put_back() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["drift"]);
    run.fake.with(|world| world.script.check_fails = vec![("media", "ClientException: resources.media: Container HEAD failed: 404 Not Found")]);
    run.ends(&["drift", "--detailed-exitcode"], 4);
    run.ok(&["drift", "--format", "json"]);
    run.fake.with(|world| world.script.check_fails.clear());
    // What failed to be found might be made anew, and is guarded.
    run.ends(&["plan"], 1);
    run.ends(&["deploy", "--yes", "--revert-drift"], 2);
    run.ok(&["deploy", "--yes", "--allow-replace", "media"]);
    snapshot("heat-drift", &run);
}

#[test]
fn a_stack_that_goes_away_meanwhile_is_said() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.script.deleted_under_us = Some(4));
    run.ends(&["deploy", "--yes"], 3);
    snapshot("heat-deleted-under-us", &run);
}

#[test]
fn what_goes_on_already_is_followed_first() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.somebody_changes("shop"));
    run.ends(&["plan"], 3);
    run.fake.with(|world| world.somebody_changes("shop"));
    run.ok(&["deploy", "--yes"]);
    snapshot("heat-in-progress", &run);
}

#[test]
fn a_stack_that_sleeps_is_woken_up() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.stack("shop").status = "SUSPEND_COMPLETE".to_owned());
    run.ends(&["plan"], 3);
    run.ends(&["deploy"], 2);
    run.ok(&["deploy", "--yes"]);
    snapshot("heat-suspended", &run);
}

#[test]
fn who_comes_between_is_seen() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.script.meanwhile = true);
    let ended = run.ends(&["deploy", "--yes"], 3);
    assert!(ended.stderr.contains("somebody else changed the stack since this was planned"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes"]);
    // Heat goes on with the later of two changes.
    run.edit("ttl=300", "ttl=60");
    run.fake.with(|world| world.script.taken_over = true);
    let ended = run.ends(&["deploy", "--yes"], 3);
    assert!(ended.stderr.contains("takes it up again"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes"]);
    snapshot("heat-overtaken", &run);
}

#[test]
fn two_deploys_at_once_do_no_harm() {
    for stack_is_there in [false, true] {
        let run = Run::new(SHOP);
        if stack_is_there {
            run.ok(&["deploy", "--yes"]);
            run.edit("ttl=300", "ttl=60");
        }
        let children: Vec<_> = (0..2).map(|_| run.command(&["deploy", "--yes"]).spawn().unwrap()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let good = output.status.code() == Some(0) || output.status.code() == Some(3) && text.contains("takes it up again");
            assert!(good, "{:?}: {text}", output.status);
        }
        // A later change takes over an earlier one; a second stack there never is.
        assert_eq!(run.fake.with(|world| world.acts.iter().filter(|act| *act == "CreateStack").count()), 1);
        run.ok(&["deploy", "--yes"]);
        let before = updates(&run);
        run.ok(&["deploy", "--yes"]);
        assert_eq!(updates(&run), before);
        let ttl = run.fake.with(|world| world.stack("shop").template["resources"]["record_in_site"]["properties"]["ttl"].clone());
        assert_eq!(ttl, if stack_is_there { 60 } else { 300 });
    }
}

#[test]
fn a_token_that_runs_out_is_renewed() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.good_for = Some(3));
    run.ok(&["deploy", "--yes"]);
    let logins = run.fake.with(|world| world.calls.iter().filter(|call| *call == "Login").count());
    assert!(logins > 4, "only {logins} logins");
    assert_eq!(run.fake.with(|world| world.acts.clone()), ["CreateStack"]);
    // One that nobody renews is told, and what was begun goes on.
    run.edit("ttl=300", "ttl=60");
    run.fake.with(|world| {
        world.good_for = None;
        world.faults.push(Fault::of("Login", 2, usize::MAX, What::Expired));
        world.faults.push(Fault::of("ShowStack", 4, usize::MAX, What::Expired));
    });
    run.ends(&["deploy", "--yes"], 3);
    run.fake.with(|world| world.faults.clear());
    run.ok(&["deploy", "--yes"]);
    assert_eq!(updates(&run), 1);
    snapshot("heat-expired", &run);
}

#[test]
fn a_thousand_events_are_read_page_by_page() {
    let run = Run::new(SHOP);
    run.fake.with(|world| world.script.chatter = 300);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let all = run.fake.with(|world| world.stack("shop").events.len());
    assert!(all > 1_000, "only {all} events");
    let ended = run.finish(&["events", "--last", "5000"]);
    assert_eq!(ended.stdout.lines().count(), all);
    let ended = run.finish(&["events", "--last", "250"]);
    assert_eq!(ended.stdout.lines().count(), 250);
}

#[test]
fn a_second_copy_stands_beside_the_first() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    assert_eq!(run.fake.with(|world| world.stacks.iter().map(|stack| stack.name.clone()).collect::<Vec<_>>()), ["shop", "shop-green"]);
    run.ok(&all(&["--instance", "green"]));
    assert!(run.fake.with(|world| world.has("shop") && !world.has("shop-green")));
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_cancels() {
    for (creates, act, status) in [(false, "cancel_update", "ROLLBACK_COMPLETE"), (true, "cancel_without_rollback", "CREATE_FAILED")] {
        let run = Run::new(SHOP);
        if !creates {
            run.ok(&["deploy", "--yes"]);
            run.edit("ttl=300", "ttl=60");
        }
        run.fake.with(|world| world.script.hold = true);
        let before = run.fake.with(|world| world.acts.len());
        let ended = run.interrupted(&["deploy", "--yes"], 2, |fake| fake.with(|world| world.acts.len()) > before);
        let text = ended.stderr;
        assert_eq!(ended.code, Some(130), "{text}");
        assert!(text.contains(if creates { "cancelled: Heat ends what it is at; what was made stays" } else { "cancelled: the stack goes back" }), "{text}");
        assert!(run.fake.with(|world| world.acts.last().is_some_and(|last| last == act)), "{text}");
        run.fake.with(|world| world.script.hold = false);
        let _ = run.finish(&["events", "--follow"]);
        assert_eq!(run.fake.with(|world| world.stack("shop").status.clone()), status, "{text}");
        run.ok(&["deploy", "--yes"]);
    }
}

#[test]
fn clouds_yaml_is_read() {
    let run = Run::new(SHOP);
    let with = |arguments: &[&str], cloud: Option<&str>| {
        let mut command = run.command(arguments);
        for name in ["OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_AUTH_URL", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME", "OS_REGION_NAME"] {
            command.env_remove(name);
        }
        let output = command.envs(cloud.map(|cloud| ("OS_CLOUD", cloud))).output().unwrap();
        (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    };
    let tell = |what: &str, (code, text): (Option<i32>, String)| {
        let text = text.replace(&run.fake.url(), "http://keystone");
        run.log.borrow_mut().push_str(&format!("$ {what}\n{text}--- ends with {}\n\n", code.unwrap()));
    };
    tell("stackc status, with no credentials", with(&["status"], None));
    tell("stackc status --profile ours, with no clouds.yaml", with(&["status", "--profile", "ours"], None));
    let clouds = format!(
        "# our clouds\nclouds:\n  ours:\n    auth:\n      auth_url: {}/v3\n      username: ci\n      project_name: shop\n    region_name: RegionOne\n  closed:\n    verify: false\n    auth: {{ auth_url: {0} }}\n",
        run.fake.url()
    );
    std::fs::write(run.folder.path().join("clouds.yaml"), clouds).unwrap();
    tell("stackc status --profile theirs", with(&["status", "--profile", "theirs"], None));
    tell("stackc status --profile closed", with(&["status", "--profile", "closed"], None));
    tell("stackc status --profile ours, with no password", with(&["status", "--profile", "ours"], None));
    std::fs::write(run.folder.path().join("secure.yaml"), "clouds:\n  ours:\n    auth:\n      password: wrong\n").unwrap();
    tell("stackc status --profile ours, with a wrong password", with(&["status", "--profile", "ours"], None));
    std::fs::write(run.folder.path().join("secure.yaml"), format!("clouds:\n  ours:\n    auth:\n      password: '{SECRET}'\n")).unwrap();
    tell("stackc status --profile ours", with(&["status", "--profile", "ours"], None));
    tell("OS_CLOUD=ours stackc status", with(&["status"], Some("ours")));
    tell("stackc status --profile ours --region RegionTwo", with(&["status", "--profile", "ours", "--region", "RegionTwo"], None));
    let own = format!("{}/heat", run.fake.url());
    let (code, text) = with(&["status", "--profile", "ours", "--region", "RegionTwo", "--endpoint-url", &own], None);
    // It is not there, and was asked after.
    assert!(code == Some(2) && text.contains("not there"), "{text}");
    std::fs::write(run.folder.path().join("clouds.yaml"), "clouds: [\n  password: \"hunter2").unwrap();
    let (code, text) = with(&["status", "--profile", "ours"], None);
    assert!(code == Some(2) && text.contains("is no YAML") && !text.contains("hunter2"), "{text}");
    snapshot("heat-clouds", &run);
}

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy-heat.md");
    runs::page::<Fake>(&path, 2);
}

#[test]
fn the_call_is_checked() {
    let run = Run::new(SHOP);
    run.ends(&["outputs"], 2);
    run.ok(&["destroy", "--yes"]);
    run.ends(&["deploy", "--yes", "--role", "ours"], 2);
    snapshot("heat-calls", &run);
}

#[test]
fn the_lock_file_says_what_heat_made_and_a_change_that_loses_it_is_refused() {
    let run = Run::new(SHOP);
    run.ok(&["deploy", "--yes", "--lock"]);
    let path = run.folder.path().join("stack.lock.kdl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("resource media \"OS::Swift::Container\" of=\"bucket media\" id="), "{text}");
    // The secret is a parameter, and stands there as such.
    assert!(text.contains("payload (param)token") && !text.contains(SECRET), "{text}");
    run.edit("bucket media {", "bucket media public-read=#true {");
    // Heat makes a new container for other readers.
    let refused = run.ends(&["plan"], 1).stderr;
    assert!(refused.contains("E0501") && refused.contains("X-Container-Read"), "{refused}");
}
