//! Every verb against every fault on the way to Azure, as `faults.rs` does it for CloudFormation: each cell ends in "done", "resumable" or "refused"; none hangs, none
//! repeats an act, none leaks a secret. `cargo test -p stackc-deploy --test faults_arm -- --nocapture` prints it.
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

use arm_fake::{Fake, Fault, What, World};
use std::collections::BTreeSet;

type Run = runs::Run<Fake>;

/// Something to lose, and a secret that goes along.
const STACK: &str = "stack shop {\n    targets arm\n    param token secret=#true about=\"a token\"\n    bucket media versioned=#true\n    secret key value=(get)token\n    output files (get)media.domain\n}\n";

/// How a stack is before a verb, and the verb.
struct Case {
    name: &'static str,
    there: bool,
    changed: bool,
    busy: bool,
    arguments: &'static [&'static str],
}

const CASES: [Case; 10] = [
    Case { name: "plan", there: true, changed: true, busy: false, arguments: &["plan"] },
    Case { name: "plan, new", there: false, changed: false, busy: false, arguments: &["plan", "--region", "westeurope"] },
    Case { name: "deploy, new", there: false, changed: false, busy: false, arguments: &["deploy", "--yes", "--region", "westeurope"] },
    Case { name: "deploy", there: true, changed: true, busy: false, arguments: &["deploy", "--yes"] },
    Case { name: "deploy, busy", there: true, changed: true, busy: true, arguments: &["deploy", "--yes"] },
    Case { name: "status", there: true, changed: false, busy: false, arguments: &["status"] },
    Case { name: "outputs", there: true, changed: false, busy: false, arguments: &["outputs"] },
    Case { name: "events", there: true, changed: false, busy: false, arguments: &["events"] },
    Case { name: "drift", there: true, changed: false, busy: false, arguments: &["drift"] },
    Case { name: "destroy", there: true, changed: false, busy: false, arguments: &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key"] },
];

/// The faults.
const FAULTS: [(&str, What); 7] = [
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
    let ended = run.finish(&["deploy", "--yes", "--region", "westeurope"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    run.fake.with(|world| world.clone())
}

fn start(case: &Case, deployed: &World) -> Run {
    let mut run = Run::new(STACK);
    (run.answer, run.patience) = (10_000, 10_000);
    if case.there {
        run.fake.with(|world| world.put_back(deployed));
    }
    if case.busy {
        run.fake.with(|world| world.goes_on("shop"));
    }
    if case.changed {
        run.edit("versioned=#true", "versioned=#false");
    }
    run.fake.with(|world| {
        world.acts.clear();
        world.calls.clear();
        world.runs.clear();
    });
    run
}

/// Runs a cell, and says how it ended, or what is wrong with it.
fn cell(case: &Case, faults: &[Fault], deployed: &World) -> Result<&'static str, String> {
    let mut run = start(case, deployed);
    // Only what meets a fault is in a hurry: the machine may have other things to do.
    (run.answer, run.patience) = (100, 300);
    run.fake.with(|world| world.faults = faults.to_vec());
    let ended = run.finish(case.arguments);
    let said = format!("{:?}\n{}{}", ended.code, ended.stderr, ended.stdout);
    if ended.code.is_none() {
        return Err(format!("it hangs: {said}"));
    }
    once(&run).map_err(|what| format!("{what}\n{said}"))?;
    let how = match ended.code {
        Some(0) => "done",
        Some(3) if ended.stderr.contains("takes it up again") => "resumable",
        Some(2 | 3) if ended.stderr.lines().count() > 0 => "refused",
        _ => return Err(format!("neither done nor explained: {said}")),
    };
    // Without the fault, the same command comes to its end.
    run.fake.with(|world| world.faults.clear());
    (run.answer, run.patience) = (10_000, 10_000);
    let again = run.finish(case.arguments);
    if again.code != Some(0) {
        return Err(format!("the same command does not take it up again: {:?}\n{}\nat first: {said}", again.code, again.stderr));
    }
    once(&run).map_err(|what| format!("the second time: {what}\n{said}\n{}", again.stderr))?;
    Ok(how)
}

/// Each deploy is taken in once, and no call comes again after its act.
fn once(run: &Run) -> Result<(), String> {
    let (acts, runs) = run.fake.with(|world| (world.acts.clone(), world.runs.clone()));
    if let Some(act) = acts.iter().find(|act| act.starts_with("refused")) {
        return Err(format!("a call came again after its act: {act} of {acts:?}"));
    }
    if runs.iter().collect::<BTreeSet<_>>().len() != runs.len() {
        return Err(format!("a deploy was done twice: {acts:?}"));
    }
    for act in ["DeleteStack", "DeleteGroup", "PutGroup"] {
        if acts.iter().filter(|other| *other == act).count() > 1 {
            return Err(format!("{act} happened more than once: {acts:?}"));
        }
    }
    Ok(())
}

/// A verb's row of the matrix.
struct Row {
    line: String,
    runs: usize,
    wrong: Vec<String>,
}

fn row(case: &Case, deployed: &World) -> Row {
    let mut line = format!("{:<14}", case.name);
    let (mut wrong, mut runs) = (Vec::new(), 0);
    // What it calls when nothing goes wrong.
    let run = start(case, deployed);
    let plain = run.finish(case.arguments);
    assert_eq!(plain.code, Some(0), "{}: {}", case.name, plain.stderr);
    let calls: BTreeSet<String> = run.fake.with(|world| world.calls.iter().cloned().collect());
    let known: Vec<&'static str> = calls.iter().map(|call| &*Box::leak(call.clone().into_boxed_str())).collect();
    for (name, what) in FAULTS {
        let mut ways: Vec<Vec<Fault>> = known.iter().map(|call| vec![Fault::of(call, 1, usize::MAX, what)]).collect();
        if what != What::Denied {
            // Once in each call.
            ways.push(known.iter().map(|call| Fault::of(call, 1, 1, what)).collect());
            ways.push(vec![Fault::of("GetStack", 2, usize::MAX, what)]);
        }
        let mut ends = BTreeSet::new();
        for way in ways {
            runs += 1;
            match cell(case, &way, deployed) {
                Ok(how) => {
                    ends.insert(how);
                }
                Err(why) => {
                    let calls: Vec<String> = way.iter().map(|fault| format!("{} {}..{}", fault.action, fault.from, fault.to)).collect();
                    wrong.push(format!("{} × {name} at {}: {why}", case.name, calls.join(", ")));
                }
            }
        }
        line.push_str(&format!("{:<26}", ends.into_iter().collect::<Vec<_>>().join(", ")));
    }
    Row { line, runs, wrong }
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
    FAULTS.iter().for_each(|(name, _)| table.push_str(&format!("{name:<26}")));
    rows.iter().for_each(|row| table.push_str(&format!("\n{}", row.line.trim_end())));
    let runs: usize = rows.iter().map(|row| row.runs).sum();
    let wrong: Vec<&str> = rows.iter().flat_map(|row| &row.wrong).map(String::as_str).collect();
    println!("{table}\n{runs} runs");
    assert!(wrong.is_empty(), "{} of {runs}:\n{}\n{table}", wrong.len(), wrong.join("\n\n"));
}
