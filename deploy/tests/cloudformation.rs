//! Deploys to CloudFormation, played by a fake: what a person sees, and what the cloud saw. The real client of AWS talks to it over a socket.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod fake;
mod runs;
mod wire;

use fake::Fake;
use runs::{FILES, SECRET, SHOP, snapshot};

type Run = runs::Run<Fake>;

#[test]
fn a_first_deploy_an_update_and_its_outputs() {
    let run = Run::new(SHOP);
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["status"]);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--set", "image=acme/shop:1.3"]);
    run.ends(&["plan", "--set", "image=acme/shop:1.3", "--detailed-exitcode", "--format", "json"], 4);
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.3"]);
    run.ok(&["outputs", "--format", "env"]);
    run.ok(&["outputs", "--format", "json"]);
    run.ends(&["destroy", "--yes", "--allow-replace", "media"], 2);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "api-key"]);
    run.ends(&["status"], 2);
    snapshot("a-first-deploy", &run);
}

#[test]
fn a_failed_creation_is_reported_at_the_line_and_made_anew() {
    let run = Run::new(FILES);
    let reason = "Resource handler returned message: \"The VersioningConfiguration is not what this region takes (Service: S3, Status Code: 400)\"";
    run.fake.with(|world| world.script.fail = Some(("MediaBucket", reason)));
    run.ends(&["deploy", "--yes"], 3);
    run.ends(&["plan"], 3);
    run.ends(&["deploy"], 2);
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["deploy", "--yes"]);
    snapshot("rollback-complete", &run);
}

#[test]
fn what_is_protected_stays_when_a_first_deploy_fails_and_the_next_goes_on() {
    let run = Run::new(&FILES.replace("versioned=#true", "versioned=#true protect=#true"));
    run.fake.with(|world| world.script.fail = Some(("ImagesRepository", "The repository with name 'shop' already exists")));
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["status"]);
    run.ends(&["plan", "--detailed-exitcode"], 4);
    run.note("it fails again, and what is there stays");
    run.ends(&["deploy", "--yes"], 3);
    run.ends(&["destroy", "--yes"], 1);
    run.note("the cause is mended");
    run.fake.with(|world| world.script.fail = None);
    run.ok(&["deploy", "--yes"]);
    assert!(run.fake.with(|world| world.stack("shop").protected));
    run.ok(&["plan", "--detailed-exitcode"]);
    snapshot("create-failed", &run);
}

#[test]
fn what_a_half_removed_stack_has_left_behind_protects_it_no_longer() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.delete_fails = vec![("ImagesRepository", "The repository is in use")]);
    let destroy = ["destroy", "--yes", "--allow-replace", "images", "--retain", "media"];
    run.ends(&destroy, 3);
    run.edit("versioned=#true", "versioned=#true protect=#true");
    run.fake.with(|world| world.script.delete_fails = Vec::new());
    run.ok(&destroy);
    assert!(run.fake.with(|world| world.stacks.iter().all(|stack| stack.status == "DELETE_COMPLETE")));
}

#[test]
fn a_failed_update_goes_back() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("bucket media versioned=#true", "bucket media versioned=#true { expire \"tmp/\" days=7; }");
    run.fake.with(|world| world.script.fail = Some(("MediaBucket", "Access Denied: User is not authorized to perform: s3:PutLifecycleConfiguration")));
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["status"]);
    run.ok(&["events", "--last", "6"]);
    snapshot("update-rollback-complete", &run);
}

#[test]
fn a_failed_way_back_is_gone_on_with() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("bucket media versioned=#true", "bucket media versioned=#true { expire \"tmp/\" days=7; }");
    run.fake.with(|world| {
        world.script.fail = Some(("MediaBucket", "The bucket does not answer"));
        world.script.rollback_fails = true;
    });
    run.ends(&["deploy", "--yes"], 3);
    run.ends(&["deploy", "--yes"], 3);
    run.ends(&["plan"], 3);
    // The way back is mended; what failed to be changed is not.
    run.ends(&["deploy", "--yes", "--skip", "media"], 3);
    assert!(run.fake.with(|world| world.acts.iter().any(|act| act == "ContinueUpdateRollback skipping MediaBucket")));
    snapshot("update-rollback-failed", &run);
}

#[test]
fn what_cannot_be_removed_can_be_left_behind() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.delete_fails = vec![("MediaBucket", "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)")]);
    run.ends(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"], 3);
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["destroy", "--yes", "--retain", "media", "--allow-replace", "images"]);
    snapshot("delete-failed", &run);
    // In one go, too: it is left behind only where it could not be removed.
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.delete_fails = vec![("MediaBucket", "not empty")]);
    run.ok(&["destroy", "--yes", "--retain", "media", "--allow-replace", "images"]);
    assert!(run.fake.with(|world| world.acts.ends_with(&["DeleteStack".to_owned(), "DeleteStack retaining MediaBucket".to_owned()])));
}

#[test]
fn what_a_plan_left_behind_is_used() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.put("shop", "REVIEW_IN_PROGRESS", "{}"));
    run.ok(&["status"]);
    run.ok(&["plan"]);
    run.ok(&["deploy", "--yes"]);
    snapshot("review-in-progress", &run);
}

#[test]
fn nobody_is_asked_where_nobody_is() {
    let run = Run::new(FILES);
    run.ends(&["deploy"], 2);
    // Nothing is left of it.
    assert!(run.fake.with(|world| world.stacks.iter().all(|stack| stack.status == "DELETE_COMPLETE")));
    snapshot("nobody-to-ask", &run);
}

#[test]
fn a_thousand_events_are_read_page_by_page() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.chatter = 4);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let all = run.fake.with(|world| world.stack("shop").events.len());
    assert!(all > 1_000, "only {all} events");
    let ended = run.finish(&["events", "--last", "5000"]);
    assert_eq!(ended.stdout.lines().count(), all);
    // What is said twice is shown once.
    let shown = run.finish(&["status", "--long"]).stdout;
    assert_eq!(shown.lines().filter(|line| line.contains("create complete")).count(), 3, "{shown}");
}

#[test]
fn what_holds_data_is_not_replaced_or_removed_without_a_word() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.create_only = vec!["VersioningConfiguration", "EncryptionConfiguration"]);
    run.ok(&["deploy", "--yes"]);
    run.edit("versioned=#true", "versioned=#false");
    run.ends(&["plan"], 1);
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "media"]);
    run.edit("    registry images\n", "");
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "ImagesRepository"]);
    snapshot("replace-refused", &run);
}

#[test]
fn what_is_protected_stays() {
    let run = Run::new(FILES);
    run.edit("bucket media versioned=#true", "bucket media versioned=#true { protect; }");
    run.ok(&["deploy", "--yes"]);
    run.ends(&["destroy", "--yes"], 1);
    // Somebody's own copy of the file does not help.
    run.edit(" { protect; }", "");
    run.ends(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"], 3);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"]);
    snapshot("protected", &run);
}

#[test]
fn what_is_protected_is_replaced_only_by_name_and_protected_again() {
    let run = Run::new(FILES);
    run.edit("bucket media versioned=#true", "bucket media versioned=#true { protect; }");
    run.fake.with(|world| world.script.create_only = vec!["VersioningConfiguration"]);
    run.ok(&["deploy", "--yes"]);
    run.edit("versioned=#true", "versioned=#false");
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "media"]);
    let policy = run.fake.with(|world| world.stack("shop").policy.clone()).unwrap();
    assert!(policy.contains("LogicalResourceId/MediaBucket"), "{policy}");
    // Who deploys by other means meets the policy.
    assert!(run.fake.with(|world| world.acts.iter().filter(|act| act.starts_with("SetStackPolicy")).count()) == 3);
}

#[test]
fn a_bucket_that_is_not_empty_is_emptied_by_name() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    let objects = |world: &mut fake::World| {
        let bucket = world.buckets.entry("shop-mediabucket-1a2b".to_owned()).or_default();
        bucket.extend((0..1_200).map(|index| (format!("photo {index} & more"), String::new())));
    };
    run.fake.with(objects);
    let allow = ["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"];
    run.ends(&allow, 2);
    run.ok(&[&allow[..], &["--empty", "media"]].concat());
    snapshot("bucket-not-empty", &run);
    // Left behind, with all that is in it.
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(objects);
    run.ok(&[&allow[..], &["--retain", "media"]].concat());
    assert_eq!(run.fake.with(|world| world.buckets["shop-mediabucket-1a2b"].len()), 1_200);
}

#[test]
fn a_registry_with_images_is_emptied_by_name() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    let repository = "shop-imagesrepository-1a2b";
    run.fake.with(|world| {
        let mut images: Vec<(String, Option<String>)> = (0..120).map(|index| (format!("sha256:{index:064}"), None)).collect();
        // It names the first, which has to wait for it.
        images.push(("sha256:list".to_owned(), Some(format!("sha256:{:064}", 0))));
        world.images.insert(repository.to_owned(), images);
    });
    let allow = ["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "images"];
    run.ends(&allow, 2);
    assert_eq!(run.fake.with(|world| world.images[repository].len()), 121);
    run.ok(&[&allow[..], &["--empty", "images"]].concat());
    assert_eq!(run.fake.with(|world| world.images[repository].len()), 0);
    snapshot("registry-not-empty", &run);
    // What cannot be deleted is said, and asked for no longer.
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.images.insert(repository.to_owned(), vec![("sha256:a".to_owned(), Some("sha256:a".to_owned()))]));
    let ended = run.ends(&[&allow[..], &["--empty", "images"]].concat(), 3);
    assert!(ended.stderr.contains("referenced by manifest list"), "{}", ended.stderr);
}

#[test]
fn a_number_is_one() {
    let run =
        Run::new("stack shop {\n    targets cfn\n    param days type=int default=30\n    bucket media {\n        expire \"tmp/\" days=(get)days\n    }\n}\n");
    run.ends(&["deploy", "--yes", "--param", "days=a-month"], 1);
    run.ok(&["deploy", "--yes", "--param", "days=7"]);
    snapshot("number", &run);
}

#[test]
fn a_value_is_one_that_goes() {
    let run = Run::new(
        "stack shop {\n    targets cfn\n    param tier default=free why=\"others have no price\" {\n        one-of free paid\n    }\n    bucket media {\n        tags tier=(get)tier\n    }\n}\n",
    );
    let refused = run.ends(&["deploy", "--yes", "--param", "tier=gold"], 1);
    for said in ["D0602", "the value given for `tier` is not one that goes", "others have no price", "give `free` or `paid`"] {
        assert!(refused.stderr.contains(said), "{said}\n{}", refused.stderr);
    }
    run.ok(&["deploy", "--yes", "--param", "tier=paid"]);
}

#[test]
fn a_large_template_goes_by_way_of_a_bucket() {
    let secrets: String = (0..300).map(|index| format!("    secret token-{index}\n")).collect();
    let run = Run::new(&format!("stack shop {{\n    targets cfn\n{secrets}}}\n"));
    let deploys = |arguments: &[&str], code: i32| {
        let ended = run.finish(arguments);
        assert_eq!(ended.code, Some(code), "{}{}", ended.stderr, ended.stdout);
        ended.stderr
    };
    deploys(&["plan"], 0);
    let acts = run.fake.with(|world| world.acts.clone());
    let bucket = "stackc-templates-123456789012-eu-west-1";
    assert_eq!(
        acts,
        [&format!("CreateBucket {bucket}"), &format!("PutBucketVersioning {bucket}"), "PutObject", "CreateChangeSet CREATE", "DeleteChangeSet", "DeleteStack"]
    );
    let url = run.fake.with(|world| world.template_url.clone());
    assert!(url.contains(&format!("/{bucket}/shop/")) && url.ends_with(".json?versionId=v1"), "{url}");
    deploys(&["plan"], 0);
    assert_eq!(run.fake.with(|world| world.acts.iter().filter(|act| act.starts_with("CreateBucket")).count()), 1);
    // One that keeps no versions is made to, and what was laid down before that is not taken.
    run.fake.with(|world| world.versioned.clear());
    deploys(&["plan"], 0);
    assert!(run.fake.with(|world| world.versioned.contains(bucket)));
    // Somebody took its name first: nothing is laid down there, and no change set is made of what lies there.
    run.fake.with(|world| {
        world.foreign.insert(bucket.to_owned());
        world.acts.clear();
    });
    let text = deploys(&["deploy", "--yes"], 3);
    // Messages are wrapped.
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '│').filter(|word| !word.is_empty()).collect();
    assert!(words.join(" ").contains("is another account's") && text.contains("--template-bucket"), "{text}");
    assert!(run.fake.with(|world| world.acts.is_empty()), "{:?}", run.fake.with(|world| world.acts.clone()));
    run.fake.with(|world| world.foreign.clear());
    // A bucket of the user's own is not made.
    let text = deploys(&["plan", "--template-bucket", "nowhere"], 3);
    assert!(text.contains("lay the template down in a bucket"), "{text}");
}

#[test]
fn parameters_come_from_everywhere_and_secrets_not_from_the_command_line() {
    let run = Run::new(SHOP);
    let without = |arguments: &[&str]| {
        let mut command = run.command(arguments);
        let output = command.env_remove("STACKC_PARAM_API_KEY").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, missing) = without(&["deploy", "--yes"]);
    assert_eq!(code, Some(1));
    run.log.borrow_mut().push_str(&format!("$ stackc deploy --yes, with no secret in the environment\n{missing}\n"));
    run.ends(&["deploy", "--yes", "--param", "api-key=in-the-history-of-the-shell"], 2);
    run.ends(&["deploy", "--yes", "--param", "imgae=acme/shop:2"], 2);
    assert!(!run.log.borrow().contains("--param api-key=in-the-history-of-the-shell is"), "the value is repeated");
    std::fs::write(run.folder.path().join("key"), format!("{SECRET}\n")).unwrap();
    std::fs::write(run.folder.path().join("values"), "# what this place needs\nimage=acme/shop:1.4\n").unwrap();
    let (code, text) = without(&["deploy", "--yes", "--param", "api-key=@key", "--params", "values"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(SECRET));
    let seen = run.fake.with(|world| world.stack("shop").params.clone());
    assert_eq!((seen["ApiKey"].as_str(), seen["Image"].as_str()), (SECRET, "acme/shop:1.4"));
    // What was set before stays, and is said; the secret is not asked for again.
    let (code, text) = without(&["deploy", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    run.log.borrow_mut().push_str(&format!("$ stackc deploy --yes, after one with another image\n{text}\n"));
    let seen = run.fake.with(|world| world.stack("shop").params.clone());
    assert_eq!((seen["ApiKey"].as_str(), seen["Image"].as_str()), (SECRET, "acme/shop:1.4"));
    // What followed the file goes on to follow it.
    std::fs::write(run.folder.path().join("values.json"), "{ \"image\": \"acme/shop:1.2\" }").unwrap();
    let (code, text) = without(&["deploy", "--yes", "--params", "values.json"]);
    assert_eq!(code, Some(0), "{text}");
    run.edit("acme/shop:1.2", "acme/shop:1.5");
    let (code, text) = without(&["deploy", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(run.fake.with(|world| world.stack("shop").params["Image"].clone()), "acme/shop:1.5");
    snapshot("parameters", &run);
}

#[test]
fn a_secret_that_the_cloud_quotes_is_not_repeated() {
    let run = Run::new(SHOP);
    let reason: &'static str = Box::leak(format!("Invalid value {SECRET} for SecretString").into_boxed_str());
    run.fake.with(|world| world.script.fail = Some(("ApiKeySecret", reason)));
    // Each run is searched for the secret.
    let ended = run.finish(&["deploy", "--yes"]);
    assert!(ended.stderr.contains("Invalid value **** for SecretString"), "{}", ended.stderr);
    let ended = run.finish(&["deploy", "--yes", "--message-format", "json"]);
    assert!(ended.stdout.contains("Invalid value **** for SecretString"), "{}{}", ended.stdout, ended.stderr);
}

/// Of a reason without end a person sees the beginning.
#[test]
fn a_reason_is_bounded() {
    let run = Run::new(FILES);
    let reason: &'static str = Box::leak(format!("it is wrong{}", " and wrong".repeat(10_000)).into_boxed_str());
    run.fake.with(|world| world.script.fail = Some(("MediaBucket", reason)));
    let ended = run.ends(&["deploy", "--yes"], 3);
    let said = ended.stderr.matches("and wrong").count();
    assert!((100..1_000).contains(&said), "{said}");
}

#[test]
fn what_the_cloud_finds_before_it_begins_is_at_the_line() {
    let run = Run::new(FILES);
    run.fake.with(|world| {
        world.script.early =
            Some(("MediaBucket", "Properties/VersioningConfiguration/Status", "Properties validation failed: #/VersioningConfiguration/Status: no such status"))
    });
    run.ends(&["deploy", "--yes"], 3);
    assert!(run.fake.with(|world| world.stacks.iter().all(|stack| stack.status == "DELETE_COMPLETE")));
    snapshot("early-validation", &run);
}

#[test]
fn a_refusal_inside_a_property_stands_at_the_innermost_line() {
    let body = "bucket media versioned=#true {\n        expire \"tmp/\" days=7\n        expire \"logs/\" days=90\n    }";
    let run = Run::new(&FILES.replace("bucket media versioned=#true", body));
    run.fake.with(|world| {
        world.script.early = Some(("MediaBucket", "Properties/LifecycleConfiguration/Rules/1/ExpirationInDays", "#/ExpirationInDays: more than 60 days"))
    });
    let ended = run.ends(&["deploy", "--yes"], 3);
    assert!(ended.stderr.contains("`LifecycleConfiguration.Rules.1.ExpirationInDays` comes from this"), "{}", ended.stderr);
    assert!(ended.stderr.contains("[stack.kdl:5:29]"), "{}", ended.stderr);
}

#[test]
fn a_second_copy_stands_beside_the_first() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    let names = run.fake.with(|world| world.stacks.iter().map(|stack| stack.name.clone()).collect::<Vec<_>>());
    assert_eq!(names, ["shop", "shop-green"]);
    run.ok(&["destroy", "--yes", "--instance", "green", "--allow-replace", "media", "--allow-replace", "images"]);
    let left = run.fake.with(|world| world.stacks.iter().map(|stack| stack.status.clone()).collect::<Vec<_>>());
    assert_eq!(left, ["CREATE_COMPLETE", "DELETE_COMPLETE"]);
}

#[test]
fn what_others_changed_is_seen() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["drift"]);
    run.fake.with(|world| world.script.drift = vec![("MediaBucket", "VersioningConfiguration/Status", "Enabled", "Suspended"), ("MediaPolicy", "", "", "")]);
    run.ends(&["drift", "--detailed-exitcode"], 4);
    run.ok(&["drift", "--format", "json"]);
    // The template has not changed: only who asks for it gets it back.
    run.ok(&["plan"]);
    run.ok(&["plan", "--revert-drift"]);
    run.ok(&["deploy", "--yes", "--revert-drift"]);
    run.ok(&["drift", "--detailed-exitcode"]);
    snapshot("drift", &run);
}

#[test]
fn a_stack_that_goes_away_meanwhile_is_said() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.deleted_under_us = Some(4));
    run.ends(&["deploy", "--yes"], 3);
    snapshot("deleted-under-us", &run);
}

#[test]
fn what_goes_on_already_is_followed_first() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| {
        world.stack("shop").status = "UPDATE_IN_PROGRESS".to_owned();
        world.goes_on("shop", "UPDATE_COMPLETE");
    });
    run.ends(&["plan"], 3);
    run.ok(&["deploy", "--yes"]);
    snapshot("in-progress", &run);
}

#[test]
fn what_begins_between_two_looks_is_waited_for() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("bucket media versioned=#true", "bucket media");
    run.fake.with(|world| world.script.meanwhile = Some("UPDATE_IN_PROGRESS"));
    let ended = run.ends(&["deploy", "--yes"], 3);
    assert!(ended.stderr.contains("takes it up again"), "{}", ended.stderr);
    run.fake.with(|world| world.goes_on("shop", "UPDATE_COMPLETE"));
    run.ok(&["deploy", "--yes"]);
    assert_eq!(run.fake.with(|world| world.acts.iter().filter(|act| *act == "ExecuteChangeSet").count()), 2);
    // A plan that creates meets the stack that came meanwhile.
    let run = Run::new(FILES);
    run.fake.with(|world| {
        world.put("shop", "REVIEW_IN_PROGRESS", "{}");
        world.script.meanwhile = Some("CREATE_COMPLETE");
    });
    let ended = run.ends(&["deploy", "--yes"], 3);
    assert!(ended.stderr.contains("takes it up again"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes"]);
}

#[test]
fn two_deploys_at_once_do_it_once() {
    for stack_is_there in [false, true] {
        let run = Run::new(FILES);
        if stack_is_there {
            run.ok(&["deploy", "--yes"]);
            run.edit("bucket media versioned=#true", "bucket media");
        }
        let before = run.fake.with(|world| world.acts.iter().filter(|act| *act == "ExecuteChangeSet").count());
        let children: Vec<_> = (0..2).map(|_| run.command(&["deploy", "--yes"]).spawn().unwrap()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let good = output.status.code() == Some(0) || output.status.code() == Some(3) && text.contains("takes it up again");
            assert!(good, "{:?}: {text}", output.status);
        }
        let executed = run.fake.with(|world| world.acts.iter().filter(|act| *act == "ExecuteChangeSet").count());
        assert_eq!(executed, before + 1, "{:?}", run.fake.with(|world| world.acts.clone()));
        run.ok(&["deploy", "--yes"]);
        assert_eq!(run.fake.with(|world| world.acts.iter().filter(|act| *act == "ExecuteChangeSet").count()), before + 1);
    }
}

/// Presses Ctrl-C so many times while an update goes on, which does not come to its end meanwhile.
#[cfg(unix)]
fn interrupted(presses: usize) -> (Run, runs::Ended) {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("bucket media versioned=#true", "bucket media");
    run.fake.with(|world| world.script.hold = true);
    let executed = |fake: &Fake| fake.with(|world| world.acts.iter().filter(|act| *act == "ExecuteChangeSet").count());
    let ended = run.interrupted(&["deploy", "--yes"], presses, |fake| executed(fake) == 2);
    run.fake.with(|world| world.script.hold = false);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    (run, ended)
}

#[cfg(unix)]
#[test]
fn one_interrupt_leaves_and_the_next_deploy_takes_it_up() {
    let (run, ended) = interrupted(1);
    assert!(ended.stderr.contains("goes on in the cloud"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes"]);
    let acts = run.fake.with(|world| world.acts.clone());
    assert_eq!(acts.iter().filter(|act| *act == "ExecuteChangeSet").count(), 2, "{acts:?}");
    assert!(!acts.iter().any(|act| act == "CancelUpdateStack"));
    assert_eq!(run.fake.with(|world| world.stack("shop").status.clone()), "UPDATE_COMPLETE");
}

#[test]
fn a_failure_that_nobody_saw_is_told_when_it_is_taken_up() {
    let run = Run::new(FILES);
    run.fake.with(|world| {
        world.script.fail = Some(("MediaPolicy", "The policy is refused"));
        // Credentials end while it goes on.
        world.faults.push(fake::Fault::of("DescribeStacks", 6, usize::MAX, wire::What::Expired));
    });
    run.ends(&["deploy", "--yes"], 3);
    run.fake.with(|world| world.faults.clear());
    run.ends(&["deploy", "--yes"], 3);
    snapshot("taken-up", &run);
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_cancels() {
    let (run, ended) = interrupted(2);
    assert!(ended.stderr.contains("cancelled: the stack goes back to what it was"), "{}", ended.stderr);
    assert!(run.fake.with(|world| world.acts.last().is_some_and(|act| act == "CancelUpdateStack")));
    run.ends(&["events", "--follow"], 3);
    assert_eq!(run.fake.with(|world| world.stack("shop").status.clone()), "UPDATE_ROLLBACK_COMPLETE");
    run.ok(&["plan"]);
}

#[test]
fn the_call_is_checked() {
    let run = Run::new(FILES);
    run.ends(&["deploy", "--target", "nowhere"], 2);
    run.ends(&["outputs"], 2);
    run.ok(&["destroy", "--yes"]);
    let mut command = run.command(&["status"]);
    let output = command.env_remove("AWS_REGION").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no AWS region"));
    let mut command = run.command(&["status"]);
    let output = command.env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("no AWS credentials"), "{text}");
    snapshot("calls", &run);
}

/// A key that the environment has by chance is another account's: the profile that was named decides, of keys and of the region.
#[test]
fn a_profile_that_is_named_goes_before_the_environment() {
    let run = Run::new(FILES);
    let (config, keys) = (run.folder.path().join("config"), run.folder.path().join("keys"));
    std::fs::write(&config, "[profile prod]\nregion = eu-central-1\n\n[profile bare]\noutput = json\n").unwrap();
    std::fs::write(&keys, "[prod]\naws_access_key_id = AKIDOFPROD\naws_secret_access_key = not-a-key-either\n").unwrap();
    let with = |arguments: &[&str]| {
        run.fake.with(|world| world.keys.clear());
        let mut command = run.command(arguments);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_SHARED_CREDENTIALS_FILE", &keys);
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said, run.fake.with(|world| world.keys.iter().cloned().collect::<Vec<_>>()))
    };
    let (code, said, signed) = with(&["plan", "--profile", "prod"]);
    assert_eq!((code, signed), (Some(0), vec!["AKIDOFPROD".to_owned()]), "{said}");
    assert!(said.contains("eu-central-1") && said.contains("account 123456789012"), "{said}");
    let (code, said, signed) = with(&["plan", "--profile", "prod", "--region", "eu-north-1"]);
    assert_eq!((code, signed), (Some(0), vec!["AKIDOFPROD".to_owned()]), "{said}");
    assert!(said.contains("eu-north-1"), "{said}");
    let (code, said, signed) = with(&["plan"]);
    assert_eq!((code, signed), (Some(0), vec!["AKIDEXAMPLE".to_owned()]), "{said}");
    // One that is not there, or has no keys, is no reason to take others.
    for profile in ["nope", "bare"] {
        let (code, said, signed) = with(&["plan", "--profile", profile]);
        assert_eq!((code, signed), (Some(2), Vec::new()), "{profile}: {said}");
        assert!(said.contains(profile), "{said}");
    }
}
