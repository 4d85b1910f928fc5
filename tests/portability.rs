//! The report of losses: what it says of every example, and that it says what a build says.
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
use support::{examples, root, same, stackc, stderr, stdout};

fn folder(stack: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
    folder
}

fn report(stack: &str, arguments: &[&str]) -> Value {
    let folder = folder(stack);
    let output = stackc(folder.path(), &[&["portability", "--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The losses of the first target that fit.
fn losses(report: &Value, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let nodes = report["targets"][0]["nodes"].as_array().unwrap();
    nodes.iter().flat_map(|node| node["losses"].as_array().unwrap().clone()).filter(|loss| fits(loss)).collect()
}

#[test]
fn reports_are_as_they_were() {
    let mut problems = Vec::new();
    for example in examples() {
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        for (format, ending) in [("markdown", "md"), ("json", "json"), ("table", "txt")] {
            let output = stackc(&example, &["portability", "--format", format]);
            assert!(output.status.success(), "{name}: {}", stderr(&output));
            problems.extend(same(&root().join(format!("snapshots/portability/{name}.{ending}")), &stdout(&output)).err());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_report_says_what_a_build_says() {
    let mut met = 0;
    let targets = stackc::Compiler::default().targets(&mut stackc::source::Sources::default());
    assert!(targets.len() >= 7, "only {} targets were found", targets.len());
    for example in examples() {
        let text = std::fs::read_to_string(example.join("stack.kdl")).unwrap();
        let bare: String = text.lines().filter(|line| !line.trim_start().starts_with("accept ")).map(|line| format!("{line}\n")).collect();
        let folder = folder(&bare);
        for target in targets.iter().map(|target| target.name.as_str()) {
            let said = stackc(folder.path(), &["check", "--target", target, "--message-format", "json"]);
            let mut said: Vec<(u64, bool)> = stdout(&said)
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .filter(|line| ["E0404", "W0405"].contains(&line["code"].as_str().unwrap()))
                .map(|line| (line["at"]["line"].as_u64().unwrap(), line["code"] == "E0404"))
                .collect();
            let report = report(&bare, &["--to", target]);
            let open = losses(&report, |loss| loss["given"] == true && loss["accepted"].is_null() && loss["grade"] != "emulated");
            let mut open: Vec<(u64, bool)> = open.iter().map(|loss| (loss["line"].as_u64().unwrap(), loss["grade"] == "unsupported")).collect();
            said.sort_unstable();
            open.sort_unstable();
            said.dedup();
            open.dedup();
            assert_eq!(said, open, "{} on {target}", example.display());
            met += open.len();
        }
    }
    assert!(met > 20, "only {met} losses were compared");
}

const SHOP: &str =
    "stack shop {\n    network main\n    bucket media\n    dns-zone site domain=\"shop.example\"\n    email mail domain=\"shop.example\" zone=site\n}\n";

#[test]
fn a_loss_lowers_the_score_and_its_acceptance_is_shown() {
    let score = |stack: &str| report(stack, &["--to", "tf-openstack"])["targets"][0]["score"].as_u64().unwrap();
    let without = score("stack shop {\n    network main\n    bucket media\n    dns-zone site domain=\"shop.example\"\n}\n");
    let with = score(SHOP);
    assert!(with < without && without <= 100, "{with} {without}");
    let accepted = SHOP.replace(" zone=site", " zone=site {\n        accept \"no mail yet\" target=tf-openstack\n    }");
    let found = losses(&report(&accepted, &["--to", "tf-openstack"]), |loss| loss["accepted"] == "no mail yet");
    assert!(!found.is_empty());
    assert_eq!(score(&accepted), with, "to accept a loss makes it no smaller");
    assert_eq!(score("stack empty {}\n"), 100);
}

#[test]
fn what_is_no_worse_than_today_is_left_out() {
    let found = losses(&report(SHOP, &["--to", "tf-openstack", "--from", "tf-openstack"]), |_| true);
    assert!(found.is_empty(), "{found:?}");
    assert!(!losses(&report(SHOP, &["--to", "tf-openstack", "--from", "cfn"]), |_| true).is_empty());
}

#[test]
fn it_fails_on_what_it_was_told_to_fail_on() {
    let folder = folder(SHOP);
    let code = |arguments: &[&str]| stackc(folder.path(), &[&["portability"], arguments].concat()).status.code();
    assert_eq!(code(&["--to", "tf-openstack"]), Some(0));
    assert_eq!(code(&["--to", "tf-openstack", "--fail-on", "unsupported"]), Some(1));
    assert_eq!(code(&["--to", "cfn", "--fail-on", "unsupported"]), Some(0));
    assert_eq!(code(&["--to", "cfn", "--fail-on", "terrible"]), Some(2));
    assert_eq!(code(&["--to", "nowhere"]), Some(2));
    assert_eq!(code(&["--from", "nowhere"]), Some(2));
}

#[test]
fn a_move_names_what_to_accept_to_answer_and_to_carry() {
    let folder = folder(SHOP);
    let text = stdout(&stackc(folder.path(), &["portability", "--to", "tf-openstack"]));
    for wanted in ["in email mail: accept", "answer", "carry over bucket media: every object"] {
        assert!(text.contains(wanted), "no `{wanted}` in\n{text}");
    }
}

#[test]
fn a_value_that_the_target_refuses_is_in_the_report() {
    let stack = "stack shop {\n    network main\n    service web network=main image=\"a:1\" cpu=0.25 memory=4096\n}\n";
    let report = report(stack, &["--to", "cfn"]);
    assert_eq!(report["targets"][0]["refusals"][0]["code"], "E0410");
    let folder = folder(stack);
    assert_eq!(stackc(folder.path(), &["portability", "--to", "cfn", "--fail-on", "unsupported"]).status.code(), Some(1));
}

#[test]
fn the_page_is_whole_and_holds_no_markup_of_the_stack() {
    for example in examples() {
        let output = stackc(&example, &["portability", "--format", "html"]);
        nested(&stdout(&output));
    }
    let stack = "stack shop {\n    dns-zone site domain=\"shop.example\"\n    email mail domain=\"shop.example\" zone=site {\n        accept \"<script>&\\\"'</td>\"\n    }\n}\n";
    let page = stdout(&stackc(folder(stack).path(), &["portability", "--format", "html"]));
    assert!(page.contains("&lt;script&gt;&amp;&quot;&#39;&lt;/td&gt;"), "{page}");
    nested(&page);
}

/// Every element that is opened is closed, in order.
fn nested(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = page.split_once("</style>").expect("a style").1;
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("`<{tag}` does not end"));
        if let Some(name) = tag.strip_prefix('/') {
            if name == "head" {
                continue;
            }
            if name == "html" {
                assert!(open.is_empty(), "{open:?} stay open");
                continue;
            }
            assert_eq!(open.pop(), Some(name), "in {tag}");
        } else if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    assert!(page.contains("<svg"));
}

/// A score must not be high where ordinary applications do not run, and what a type promises counts although nobody wrote it.
#[test]
fn what_breaks_applications_and_what_is_lost_by_default_counts() {
    let balanced = "stack shop {\n    network main\n    load-balancer public network=main { listen 80 }\n    service web network=main {\n        image \"nginx:1.29\"\n        port 80\n        \
                    route public\n    }\n}\n";
    let found = report(balanced, &["--to", "tf-azure"]);
    let target = &found["targets"][0];
    let web = target["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "web").unwrap();
    assert!(target["score"].as_u64().unwrap() <= 50, "{target:#}");
    assert!(web["share"].as_u64().unwrap() <= 250, "{web:#}");
    let broken = losses(&found, |loss| loss["breaks"].is_string());
    assert_eq!(broken.iter().map(|loss| &loss["subject"]).collect::<Vec<_>>(), ["route"]);
    let (folder, who) = (folder(balanced), broken[0]["breaks"].as_str().unwrap());
    let said = stackc(folder.path(), &["check", "--target", "tf-azure", "--message-format", "json"]);
    assert!(stdout(&said).contains("does not run there") || stderr(&said).contains("does not run there"), "a build says nothing of {who}");
    let table = stdout(&stackc(folder.path(), &["portability", "--to", "tf-azure"]));
    assert!(table.contains("does not run"), "{table}");
    assert!(losses(&report(balanced, &["--to", "tf-aws"]), |loss| loss["breaks"].is_string()).is_empty());
    // `rollout` is not written, and its promise is not kept.
    let found = report(balanced, &["--to", "hot"]);
    let lost = losses(&found, |loss| loss["given"] == false && loss["subject"].as_str().unwrap().starts_with("rollout"));
    assert!(!lost.is_empty(), "{found:#}");
    let web = found["targets"][0]["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "web").unwrap();
    assert!(web["share"].as_u64().unwrap() < 800, "{web:#}");
}

#[test]
fn the_readme_shows_what_the_program_says() {
    let output = stackc(root(), &["portability", "examples/botolphs/stack.kdl", "--from", "cfn"]);
    let plain = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let said = plain(&stdout(&output));
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let block = readme.split("```").find(|block| block.trim_start().starts_with("botolphs: what is worse than on cfn")).unwrap();
    let block = plain(block.trim());
    let odd: Vec<&str> = block.split("\n\n").filter(|piece| !said.contains(piece)).collect();
    assert!(block.contains("score of 100") && odd.is_empty(), "README.md says otherwise:\n{}", odd.join("\n\n"));
}
