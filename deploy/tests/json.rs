//! What a deploy prints for a program has the schemas of `docs/schemas`, whichever engine it is; and the codes that it ends
//! with are those of `docs/deploy.md`, each with one meaning.
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
#[path = "../../tests/schema/mod.rs"]
mod schema;
mod wire;

use runs::{Cloud, FILES, Run, SHOP};
use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A verb's JSON, and nothing else on standard output.
fn holds<C: Cloud>(run: &Run<C>, arguments: &[&str]) {
    let ended = run.any(&[arguments, &["--format", "json"]].concat());
    assert!(!ended.stdout.is_empty(), "{arguments:?}: {}", ended.stderr);
    schema::holds(root(), arguments[0], &ended.stdout);
}

/// Before anything is there, when all is, and with a change on the way.
fn all<C: Cloud>(run: &Run<C>, edit: (&str, &str), more: &[&'static str]) {
    let plan = [&["plan"][..], more].concat();
    holds(run, &plan);
    holds(run, &["status"]);
    holds(run, &["list"]);
    run.ok(&[&["deploy", "--yes"][..], more].concat());
    run.edit(edit.0, edit.1);
    holds(run, &plan);
    for verb in ["status", "list", "outputs", "events", "drift"] {
        holds(run, &[verb]);
    }
    // A message is one of its own, a line each.
    run.edit(edit.1, "nonsense (get)nobody");
    let ended = run.any(&["plan", "--message-format", "json"]);
    assert_eq!(ended.code, Some(1));
    let text = [ended.stdout, ended.stderr].concat();
    assert!(text.lines().count() > 0);
    text.lines().for_each(|line| schema::holds(root(), "message", line));
}

#[test]
fn cloudformation() {
    let run = Run::<fake::Fake>::new(SHOP);
    all(&run, ("bucket media versioned=#true", "bucket media versioned=#false"), &[]);
    let run = Run::<fake::Fake>::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.fake.with(|world| world.script.drift = vec![("MediaBucket", "VersioningConfiguration", "on", "off"), ("ImagesRepository", "", "", "")]);
    holds(&run, &["drift"]);
    run.edit("    bucket media versioned=#true\n", "");
    run.edit("    output files (get)media.domain\n", "");
    holds(&run, &["plan"]);
}

#[test]
fn heat() {
    let stack = "stack shop {\n    targets hot\n    dns-zone site domain=\"shop.example\"\n    bucket media { accept \"the operator's\" target=hot; }\n    dns-record www zone=site kind=A ttl=300 { values \"192.0.2.1\"; }\n    output files (get)media.domain\n}\n";
    all(&Run::<heat_fake::Fake>::new(stack), ("ttl=300", "ttl=60"), &[]);
}

#[test]
fn azure() {
    let stack = SHOP.replacen("stack shop {", "stack shop {\n    targets arm", 1);
    all(&Run::<arm_fake::Fake>::new(&stack), ("port 3000", "port 3001"), &["--region", "westeurope"]);
}

/// What a first deploy waits for.
#[test]
fn gates() {
    let stack = "stack shop {\n    targets cfn\n    dns-zone site domain=\"shop.example\"\n    certificate tls domain=\"shop.example\" zone=site\n}\n";
    let run = Run::<fake::Fake>::new(stack);
    // Nobody answers there.
    holds(&run, &["plan", "--resolver", "127.0.0.1:9"]);
    let ended = run.any(&["plan", "--format", "json", "--resolver", "127.0.0.1:9"]);
    assert!(ended.stdout.contains("\"gates\": [\n    {"), "{}", ended.stdout);
}

/// The codes of a table, and what it says of each.
fn codes(page: &str, heading: &str) -> BTreeSet<i32> {
    let page = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let rows = page.split(heading).nth(1).unwrap().lines().skip_while(|line| !line.starts_with("| 0"));
    let cells = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split(", ").filter_map(|code| code.trim().parse().ok()).collect::<Vec<_>>()).collect()
}

#[test]
fn every_code_has_one_meaning_and_stands_in_the_table() {
    let mut met = BTreeSet::new();
    let mut ends = |run: &Run<fake::Fake>, arguments: &[&str], code: i32| {
        run.ends(arguments, code);
        met.insert(code);
    };
    let run = Run::<fake::Fake>::new(FILES);
    ends(&run, &["plan"], 0);
    // Changes are told from a wrong call, and both from a wrong stack.
    ends(&run, &["plan", "--detailed-exitcode"], 4);
    ends(&run, &["plan", "--no-such-option"], 2);
    ends(&run, &["plan", "no-such-file.kdl"], 2);
    ends(&run, &["deploy"], 2);
    ends(&run, &["status"], 2);
    ends(&run, &["deploy", "--yes", "--no-wait"], 5);
    ends(&run, &["deploy", "--yes"], 0);
    ends(&run, &["plan", "--detailed-exitcode"], 0);
    run.fake.with(|world| world.faults.push(wire::Fault::of("DescribeStacks", 1, usize::MAX, wire::What::Denied)));
    for verb in [&["plan", "--detailed-exitcode"][..], &["deploy", "--yes"], &["status"], &["outputs"], &["drift", "--detailed-exitcode"], &["list"]] {
        ends(&run, verb, 3);
    }
    // What is run has a code of its own; stackc's are told from it.
    ends(&run, &["run", "nobody"], 125);
    run.edit("bucket media", "bucket media nonsense=1");
    ends(&run, &["plan", "--detailed-exitcode"], 1);
    ends(&run, &["run", "nobody"], 125);
    // 6 is in `before.rs`, 126 and 130 in `operate.rs` and `terminal.rs`, with a person at the terminal.
    met.extend([6, 126, 130]);
    assert_eq!(codes("deploy.md", "## Codes"), met);
    let help = run.finish(&["--help"]).stdout;
    let help: String = help.split("Exit codes: ").nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for code in met.iter().filter(|code| ![125, 126].contains(*code)) {
        let stands = help.starts_with(&format!("{code} ")) || help.contains(&format!(", {code} "));
        assert!(stands, "{code} is not in: {help}");
    }
}
