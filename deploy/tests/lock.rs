//! The lock file of running stacks: when it is written, renewed and left alone, and what it keeps from being done.
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
use runs::{SECRET, snapshot};

type Run = runs::Run<Fake>;

const ZONE: &str = r#"stack shop {
    targets cfn
    param api-key secret=#true about="key of the payment service"

    bucket media versioned=#true
    dns-zone site domain="shop.example"
    secret pay value=(get)api-key

    stage prod {
        bucket media { protect; }
    }
}
"#;

/// What the lock file says; nothing when there is none.
fn lock(run: &Run) -> String {
    let text = std::fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap_or_default();
    assert!(!text.contains(SECRET) && !text.contains(&SECRET.replace('"', "\\\"")), "the lock file holds the secret:\n{text}");
    text
}

/// Writes down what the lock file says.
fn show(run: &Run) {
    let text = lock(run);
    run.log.borrow_mut().push_str(&format!("--- stack.lock.kdl\n{text}\n"));
}

#[test]
fn it_is_written_when_asked_for_and_renewed_from_then_on() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes"]);
    assert_eq!(lock(&run), "", "nobody asked for it");
    run.ok(&["deploy", "--yes", "--lock"]);
    show(&run);
    run.edit("    secret pay", "    registry images\n    secret pay");
    run.ok(&["deploy", "--yes"]);
    assert!(lock(&run).contains("resource ImagesRepository \"AWS::ECR::Repository\""), "{}", lock(&run));
    let before = lock(&run);
    run.ok(&["deploy", "--yes"]);
    assert_eq!(lock(&run), before);
    run.ok(&["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "site", "--allow-replace", "pay", "--allow-replace", "images"]);
    assert_eq!(lock(&run).lines().skip(1).collect::<Vec<_>>(), ["lock 3"]);
    snapshot("lock", &run);
}

#[test]
fn what_it_knows_is_refused_before_the_cloud_is_asked() {
    let run = Run::new(ZONE);
    run.fake.with(|world| world.script.create_only = vec!["Name"]);
    run.ok(&["deploy", "--yes", "--lock"]);
    run.edit("shop.example", "store.example");
    run.ends(&["plan"], 1);
    run.ends(&["deploy", "--yes"], 1);
    // Allowed once, it is not refused again by the plan.
    run.ok(&["deploy", "--yes", "--allow-replace", "site"]);
    assert!(lock(&run).contains("Name store.example"), "{}", lock(&run));
    run.ok(&["plan"]);
    snapshot("lock-refuses", &run);
}

#[test]
fn each_running_stack_has_its_part() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    run.ok(&["deploy", "--yes", "--lock", "--stage", "prod"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    assert!(!lock(&run).contains("green"), "a copy stands in it only when that is asked for");
    run.ok(&["deploy", "--yes", "--lock", "--instance", "green"]);
    let heads = |text: &str| text.lines().filter(|line| line.starts_with("stack ")).map(str::to_owned).collect::<Vec<_>>();
    let place = "target=cfn place=\"CloudFormation, eu-west-1\" account=\"123456789012\" {";
    assert_eq!(heads(&lock(&run)), [format!("stack shop {place}"), format!("stack shop instance=green {place}"), format!("stack shop stage=prod {place}")]);
    assert!(lock(&run).contains("guard=protected"));
    // What another copy runs with is no business of this one.
    run.edit("shop.example", "store.example");
    run.ends(&["plan"], 1);
    run.ok(&["deploy", "--yes", "--instance", "blue"]);
    run.ok(&["destroy", "--yes", "--instance", "green", "--allow-replace", "media", "--allow-replace", "site", "--allow-replace", "pay"]);
    assert_eq!(heads(&lock(&run)), [format!("stack shop {place}"), format!("stack shop stage=prod {place}")]);
}

#[test]
fn a_deploy_that_failed_leaves_it_as_it_was() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    let before = lock(&run);
    run.edit("    secret pay", "    registry images\n    secret pay");
    run.fake.with(|world| world.script.fail = Some(("ImagesRepository", "The repository does not answer")));
    run.ends(&["deploy", "--yes"], 3);
    assert_eq!(lock(&run), before);
}

#[test]
fn one_that_cannot_be_read_stops_what_would_heed_it_and_stays_as_it_is() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    let path = run.folder.path().join("stack.lock.kdl");
    for text in ["lock 1\n<<<<<<< ours\n", "lock 4\n"] {
        std::fs::write(&path, text).unwrap();
        run.ends(&["plan"], 1);
        for verb in [&["deploy", "--yes"][..], &["deploy", "--yes", "--lock"], &["destroy", "--yes"]] {
            assert_eq!(run.finish(verb).code, Some(1), "{verb:?}");
            assert_eq!(lock(&run), text);
        }
        assert_eq!(run.finish(&["status"]).code, Some(0));
    }
    run.ends(&["plan"], 1);
    snapshot("lock-damaged", &run);
}

/// The same stack with another account's credentials, or in another region, would be made a second time, and its lines written over.
#[test]
fn what_runs_elsewhere_is_not_made_again_unasked() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    let before = lock(&run);
    run.note("with another account's credentials");
    run.fake.with(|world| {
        world.account = "999999999999".to_owned();
        world.stacks.clear();
        world.acts.clear();
    });
    for verb in [&["plan"][..], &["deploy", "--yes"], &["deploy", "--yes", "--lock"]] {
        let ended = run.ends(verb, 1);
        assert!(ended.stderr.contains("D0705") && ended.stderr.contains("999999999999") && ended.stderr.contains("123456789012"), "{}", ended.stderr);
    }
    assert!(run.fake.with(|world| world.acts.is_empty()), "something was done");
    assert_eq!(lock(&run), before);
    // What is removed here is not what runs there.
    run.ok(&["destroy", "--yes"]);
    assert_eq!(lock(&run), before);
    run.ok(&["deploy", "--yes", "--lock", "--elsewhere"]);
    let heads: Vec<String> = lock(&run).lines().filter(|line| line.starts_with("stack ")).map(str::to_owned).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    snapshot("lock-elsewhere", &run);
    // In another region as well.
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    assert!(run.ends(&["plan", "--region", "eu-north-1"], 1).stderr.contains("D0705"));
}

#[test]
fn a_file_that_does_not_know_the_account_is_taken_over() {
    let run = Run::new(ZONE);
    run.ok(&["deploy", "--yes", "--lock"]);
    let path = run.folder.path().join("stack.lock.kdl");
    let old = lock(&run).replace("lock 3", "lock 1").replace(" account=\"123456789012\"", "");
    std::fs::write(&path, &old).unwrap();
    run.edit("    secret pay", "    registry images\n    secret pay");
    run.ok(&["deploy", "--yes"]);
    let heads: Vec<String> = lock(&run).lines().filter(|line| line.starts_with("stack ") || line.starts_with("lock ")).map(str::to_owned).collect();
    assert_eq!(heads, ["lock 3", "stack shop target=cfn place=\"CloudFormation, eu-west-1\" account=\"123456789012\" {"]);
}

/// The values that the lock file has, of now and of before.
fn values(run: &Run) -> String {
    let text = lock(run);
    let lines = text.lines().skip_while(|line| !line.contains("(values)")).take_while(|line| !line.contains("resource"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_deploy_goes_back_to_the_values_of_before() {
    let run = Run::new(runs::SHOP);
    run.ok(&["deploy", "--yes"]);
    let ended = run.ends(&["back", "--yes"], 2);
    assert!(ended.stderr.contains("nothing is known here of what ran before"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes", "--lock"]);
    let ended = run.ends(&["back", "--yes"], 2);
    assert!(ended.stderr.contains("no other values yet"), "{}", ended.stderr);
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.3"]);
    assert_eq!(values(&run), [r#"(values)now { image "acme/shop:1.3" }"#, r#"(values)before { image "acme/shop:1.2" }"#].join(" "));
    // A deploy of the same is none to go back to.
    run.ok(&["deploy", "--yes"]);
    let until_now = lock(&run);
    let ended = run.ok(&["back", "--yes"]);
    assert!(ended.stderr.contains("`image` goes back to acme/shop:1.2 (now acme/shop:1.3)"), "{}", ended.stderr);
    assert_eq!(values(&run), [r#"(values)now { image "acme/shop:1.2" }"#, r#"(values)before { image "acme/shop:1.3" }"#].join(" "));
    // As if it had been cut off before it could say so in the file: the same command sees it through, and does not turn around.
    std::fs::write(run.folder.path().join("stack.lock.kdl"), until_now).unwrap();
    let ended = run.ok(&["back", "--yes"]);
    assert!(ended.stderr.contains("nothing to do"), "{}", ended.stderr);
    assert_eq!(values(&run), [r#"(values)now { image "acme/shop:1.2" }"#, r#"(values)before { image "acme/shop:1.3" }"#].join(" "));
    run.ok(&["back", "--yes"]);
    assert_eq!(values(&run), [r#"(values)now { image "acme/shop:1.3" }"#, r#"(values)before { image "acme/shop:1.2" }"#].join(" "));
    // A parameter that is gone goes nowhere.
    run.edit("    param image default=\"acme/shop:1.2\" about=\"container image of the shop\"\n", "");
    run.edit("image (get)image", "image \"acme/shop:2\"");
    let ended = run.ok(&["back", "--yes"]);
    assert!(ended.stderr.contains("`image` is no parameter of the stack any more"), "{}", ended.stderr);
}
