//! Every verb against every fault on the way to the cloud. Each cell of the matrix ends in "done", "resumable" or "refused"; none hangs, none repeats an act,
//! none leaks a secret. `cargo test -p stackc-deploy --test faults -- --nocapture` prints it.
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

use fake::{Fake, Fault, What, World};
use std::collections::BTreeMap;

type Run = runs::Run<Fake>;

/// Something to lose, and a secret that goes along.
const STACK: &str = "stack shop {\n    targets cfn\n    param token secret=#true about=\"a token\"\n    bucket media versioned=#true\n    secret key value=(get)token\n    output files (get)media.domain\n}\n";

/// How a stack is before a verb, and the verb.
struct Case {
    name: &'static str,
    there: bool,
    changed: bool,
    stuck: Option<&'static str>,
    arguments: &'static [&'static str],
}

const CASES: [Case; 10] = [
    Case { name: "plan", there: true, changed: true, stuck: None, arguments: &["plan"] },
    Case { name: "plan, new", there: false, changed: false, stuck: None, arguments: &["plan"] },
    Case { name: "deploy, new", there: false, changed: false, stuck: None, arguments: &["deploy", "--yes"] },
    Case { name: "deploy", there: true, changed: true, stuck: None, arguments: &["deploy", "--yes"] },
    Case { name: "deploy, stuck", there: true, changed: true, stuck: Some("UPDATE_ROLLBACK_FAILED"), arguments: &["deploy", "--yes"] },
    Case { name: "status", there: true, changed: false, stuck: None, arguments: &["status"] },
    Case { name: "outputs", there: true, changed: false, stuck: None, arguments: &["outputs"] },
    Case { name: "events", there: true, changed: false, stuck: None, arguments: &["events"] },
    Case { name: "drift", there: true, changed: false, stuck: None, arguments: &["drift"] },
    Case { name: "destroy", there: true, changed: false, stuck: None, arguments: &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key"] },
];

/// The faults, with whether they pass.
const FAULTS: [(&str, What); 8] = [
    ("throttled", What::Throttle),
    ("429", What::TooMany),
    ("503", What::Unavailable),
    ("cut before", What::CutBefore),
    ("cut after", What::CutAfter),
    ("slow", What::Slow(150)),
    ("expired", What::Expired),
    ("denied", What::Denied),
];

/// A cloud in which the stack is deployed.
fn deployed() -> World {
    let run = Run::new(STACK);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    run.fake.with(|world| world.clone())
}

fn start(case: &Case, deployed: &World) -> Run {
    let mut run = Run::new(STACK);
    run.answer = 100;
    run.patience = 300;
    if case.there {
        run.fake.with(|world| *world = deployed.clone());
    }
    if case.changed {
        run.edit("versioned=#true", "versioned=#false");
    }
    if let Some(status) = case.stuck {
        run.fake.with(|world| world.stack("shop").status = status.to_owned());
    }
    run.fake.with(|world| {
        world.acts.clear();
        world.calls.clear();
    });
    run
}

/// Runs a cell, and says how it ended, or what is wrong with it.
fn cell(case: &Case, faults: &[Fault], deployed: &World) -> Result<&'static str, String> {
    let run = start(case, deployed);
    run.fake.with(|world| world.faults = faults.to_vec());
    let ended = run.finish(case.arguments);
    let acts = run.fake.with(|world| world.acts.clone());
    let said = format!("{:?} in {:?}\n{}\n{}\nacts: {acts:?}", ended.code, ended.took, ended.stderr, ended.stdout);
    once(&acts).map_err(|what| format!("{what}\n{said}"))?;
    if ended.code == Some(0) && case.arguments[0] == "plan" && run.fake.with(|world| world.has_change_sets()) {
        return Err(format!("the plan left something behind: {said}"));
    }
    let how = match ended.code {
        Some(0) => "done",
        Some(3) if ended.stderr.contains("takes it up again") => "resumable",
        Some(2 | 3) if ended.stderr.lines().count() > 0 => "refused",
        _ => return Err(format!("neither done nor explained: {said}")),
    };
    // Without the fault, the same command comes to its end, and what was done is not done again.
    run.fake.with(|world| world.faults.clear());
    let again = run.finish(case.arguments);
    if again.code != Some(0) {
        return Err(format!("the same command does not take it up again: {:?}\n{}\nat first: {said}", again.code, again.stderr));
    }
    let acts = run.fake.with(|world| world.acts.clone());
    once(&acts).map_err(|what| format!("the second time: {what}\n{said}\n{}\nacts: {acts:?}", again.stderr))?;
    Ok(how)
}

/// What changes the stack happens once, and is not even tried a second time.
fn once(acts: &[String]) -> Result<(), String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for act in acts {
        *counts.entry(act.as_str()).or_default() += 1;
    }
    for (act, count) in counts {
        if act.starts_with("refused") {
            return Err(format!("a call came again after its act: {act}"));
        }
        let counted = ["ExecuteChangeSet", "ContinueUpdateRollback", "UpdateTerminationProtection true", "UpdateTerminationProtection false"];
        if count > 1 && counted.contains(&act) {
            return Err(format!("{act} happened {count} times"));
        }
    }
    Ok(())
}

#[test]
fn every_verb_meets_every_fault() {
    // They wait more than they work.
    let deployed = deployed();
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let threads: Vec<_> = CASES.iter().map(|case| scope.spawn(|| row(case, &deployed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut table = format!("{:<14}", "");
    FAULTS.iter().for_each(|(name, _)| table.push_str(&format!("{name:<24}")));
    rows.iter().for_each(|row| table.push_str(&format!("\n{}", row.line)));
    let cells: usize = rows.iter().map(|row| row.runs).sum();
    let wrong: Vec<&str> = rows.iter().flat_map(|row| &row.wrong).map(String::as_str).collect();
    println!("{table}\n{cells} runs");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}\n{table}", wrong.len(), wrong.join("\n\n"));
}

/// A verb's row of the matrix.
struct Row {
    line: String,
    runs: usize,
    wrong: Vec<String>,
}

fn row(case: &Case, deployed: &World) -> Row {
    let mut table = String::new();
    let mut wrong = Vec::new();
    let mut cells = 0;
    // What it calls when nothing goes wrong.
    let run = start(case, deployed);
    let plain = run.finish(case.arguments);
    assert_eq!(plain.code, Some(0), "{}: {}", case.name, plain.stderr);
    let mut actions: Vec<String> = run.fake.with(|world| world.calls.clone());
    actions.sort();
    actions.dedup();
    let known: Vec<&'static str> = actions.iter().map(|action| &*Box::leak(action.clone().into_boxed_str())).collect();
    table.push_str(&format!("{:<14}", case.name));
    for (name, what) in FAULTS {
        let passes = !matches!(what, What::Expired | What::Denied);
        let mut ways: Vec<Vec<Fault>> = Vec::new();
        if passes {
            // Once in each call, and from some call on for good.
            ways.push(known.iter().map(|action| Fault::of(action, 1, 1, what)).collect());
            ways.extend(known.iter().filter(|action| is_act(action)).map(|action| vec![Fault::of(action, 1, usize::MAX, what)]));
            ways.push(vec![Fault::of("DescribeStacks", 2, usize::MAX, what)]);
        } else {
            ways.extend(known.iter().map(|action| vec![Fault::of(action, 1, usize::MAX, what)]));
        }
        let mut ends: Vec<&str> = Vec::new();
        for way in ways {
            cells += 1;
            match cell(case, &way, deployed) {
                Ok(how) if !ends.contains(&how) => ends.push(how),
                Ok(_) => {}
                Err(why) => {
                    let calls: Vec<String> = way.iter().map(|fault| format!("{} {}..{}", fault.action, fault.from, fault.to)).collect();
                    wrong.push(format!("{} × {name} at {}: {why}", case.name, calls.join(", ")));
                }
            }
        }
        ends.sort_unstable();
        table.push_str(&format!("{:<24}", ends.join(", ")));
    }
    Row { line: table, runs: cells, wrong }
}

/// Whether a call changes something.
fn is_act(action: &str) -> bool {
    ["Create", "Execute", "Delete", "Continue", "Update", "Cancel"].iter().any(|verb| action.starts_with(verb))
}
