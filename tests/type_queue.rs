//! What a queue has to be on every target that has one: who may do what with it, and what becomes of what nobody is done with.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::Value;
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

const TARGETS: &str = "cfn tf-aws arm tf-azure tf-google";

/// A template for a target, and what was said of the stack; no template when there was an error.
fn built(queue: &str, service: &str, target: &str) -> (Option<String>, String) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let text = format!(
        "stack shop {{\n    targets {TARGETS} hot tf-openstack\n    network main\n    queue orders {queue}\n    \
         service web network=main {{\n        image \"a:1\"\n        {service}\n    }}\n}}\n"
    );
    let file = sources.add("stack.kdl", text);
    let (model, mut said) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let artefact = model.and_then(|model| {
        let (artefact, more) = compiler.build_with_origins(&model, &target, Style { compact: false, yaml: false }, &mut sources);
        said.extend(more);
        artefact
    });
    (artefact.map(|(artefact, _)| artefact.text), said.iter().map(|one| format!("{one:?}\n")).collect())
}

fn template(queue: &str, service: &str, target: &str) -> Value {
    let (template, said) = built(queue, service, target);
    serde_json::from_str(&template.unwrap_or_else(|| panic!("{target}: {said}"))).unwrap()
}

#[test]
fn an_application_is_told_where_to_send_and_where_to_read() {
    for target in TARGETS.split(' ') {
        let text = template("", "connect orders access=both", target).to_string();
        for variable in ["ORDERS_QUEUE", "ORDERS_TOPIC", "ORDERS_ENDPOINT"] {
            assert!(text.contains(variable), "{target} has no {variable}");
        }
    }
}

#[test]
fn who_sends_cannot_read_and_who_reads_cannot_send() {
    let cases = [
        ("cfn", "sqs:SendMessage", "sqs:ReceiveMessage"),
        ("tf-aws", "sqs:SendMessage", "sqs:ReceiveMessage"),
        ("arm", "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"),
        ("tf-azure", "Azure Service Bus Data Sender", "Azure Service Bus Data Receiver"),
        ("tf-google", "roles/pubsub.publisher", "roles/pubsub.subscriber"),
    ];
    for (target, sends, reads) in cases {
        for (access, may_send, may_read) in [("send", true, false), ("receive", false, true), ("both", true, true)] {
            let text = template("", &format!("connect orders access={access}"), target).to_string();
            assert_eq!((text.contains(sends), text.contains(reads)), (may_send, may_read), "{target}: {access}");
        }
    }
}

#[test]
fn what_failed_so_often_is_kept_apart() {
    let cfn = template("dead-letters=5", "", "cfn");
    let policy = &cfn["Resources"]["Orders"]["Properties"]["RedrivePolicy"];
    assert_eq!((&policy["maxReceiveCount"], &policy["deadLetterTargetArn"]["Fn::GetAtt"][0]), (&5.into(), &"OrdersFailed".into()));
    assert_eq!(cfn["Resources"]["OrdersFailed"]["Properties"]["MessageRetentionPeriod"], 1_209_600);
    assert!(template("", "", "cfn")["Resources"].get("OrdersFailed").is_none());

    let arm = template("dead-letters=5", "", "arm");
    assert_eq!(arm["resources"]["orders"]["properties"]["maxDeliveryCount"], 5);

    // Pub/Sub takes no fewer than five, and moves them as an account of its own.
    let google = template("dead-letters=2", "", "tf-google");
    let policy = &google["resource"]["google_pubsub_subscription"]["orders_reader"]["dead_letter_policy"][0];
    assert_eq!(policy["max_delivery_attempts"], 5);
    for ty in ["google_pubsub_topic_iam_member", "google_pubsub_subscription_iam_member"] {
        let member = google["resource"][ty].as_object().unwrap().values().next().unwrap()["member"].as_str().unwrap().to_owned();
        assert!(member.contains("@gcp-sa-pubsub.iam.gserviceaccount.com"), "{ty}: {member}");
    }
}

#[test]
fn an_order_is_kept_where_it_is_asked_for() {
    let cfn = template("ordered=#true dead-letters=5", "", "cfn");
    for name in ["Orders", "OrdersFailed"] {
        assert_eq!(cfn["Resources"][name]["Properties"]["FifoQueue"], true, "{name}");
    }
    let arm = template("ordered=#true", "", "arm");
    assert_eq!(arm["resources"]["orders"]["properties"]["requiresSession"], true);
    let google = template("ordered=#true", "", "tf-google");
    assert_eq!(google["resource"]["google_pubsub_subscription"]["orders_reader"]["enable_message_ordering"], true);
}

#[test]
fn times_are_written_as_azure_writes_them() {
    for (seconds, wanted) in [(10, "PT10S"), (31, "PT45S"), (60, "PT1M"), (61, "PT1M30S"), (300, "PT5M"), (43200, "PT5M")] {
        let queue = format!("visibility={seconds} retention=7");
        let arm = template(&queue, "", "arm");
        let properties = &arm["resources"]["orders"]["properties"];
        assert_eq!((&properties["lockDuration"], &properties["defaultMessageTimeToLive"]), (&wanted.into(), &"P7D".into()));
        let azure = template(&queue, "", "tf-azure");
        assert_eq!(azure["resource"]["azurerm_servicebus_queue"]["orders"]["lock_duration"], wanted);
    }
}

#[test]
fn nobody_sends_without_tls_or_by_a_key_that_all_know() {
    let cfn = template("", "", "cfn");
    let statement = &cfn["Resources"]["OrdersTls"]["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!((&statement["Effect"], &statement["Condition"]["Bool"]["aws:SecureTransport"]), (&"Deny".into(), &"false".into()));
    let azure = template("", "", "tf-azure");
    let namespace = &azure["resource"]["azurerm_servicebus_namespace"]["messages"];
    assert_eq!((&namespace["local_auth_enabled"], &namespace["minimum_tls_version"]), (&false.into(), &"1.2".into()));
}

#[test]
fn openstack_says_what_to_take_instead() {
    for target in ["hot", "tf-openstack"] {
        let (template, said) = built("", "", target);
        assert!(template.is_none() && said.contains("eviction noeviction"), "{target}: {said}");
    }
}
