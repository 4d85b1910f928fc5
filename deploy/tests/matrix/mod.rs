//! The matrix of every verb with every fault on the way to a cloud, whichever cloud it is. Each cell ends in "done", "resumable" or "refused"; none hangs, none
//! repeats an act, none leaks a secret.
#![allow(dead_code)]

use crate::runs::{Cloud, Run};
use crate::wire::{Fault, What};
use std::collections::BTreeMap;

/// How a stack is before a verb, and the verb.
pub struct Case<C> {
    pub name: &'static str,
    pub arguments: &'static [&'static str],
    /// Brings the cloud and the stack's file to where the verb begins.
    pub before: fn(&Run<C>),
}

/// What a fake lets the matrix do.
pub trait Faulty: Cloud + Sync + Send {
    /// Sets what goes wrong from now on.
    fn set(&self, faults: Vec<Fault>);

    /// Forgets what was called and done.
    fn forget(&self);

    /// The call by which what goes on is looked at.
    fn look() -> &'static str;

    /// Acts that happen once at most.
    fn once() -> &'static [&'static str];

    /// What else is wrong with what was done.
    fn wrong(&self) -> Option<String> {
        None
    }

    /// What a plan has left behind.
    fn left_by_plan(&self) -> bool;
}

/// The faults.
const FAULTS: [(&str, What); 17] = [
    ("throttled", What::Throttle),
    ("429", What::TooMany),
    ("503", What::Unavailable),
    ("cut before", What::CutBefore),
    ("cut after", What::CutAfter),
    ("slow", What::Slow(150)),
    ("expired", What::Expired),
    ("denied", What::Denied),
    ("a login page", What::Instead(200, "<!DOCTYPE html>\n<html><body>Please log in</body></html>")),
    ("a redirect", What::Instead(302, "<html>Found</html>")),
    ("nothing", What::Instead(200, "")),
    ("{}", What::Instead(200, "{}")),
    ("[]", What::Instead(200, "[]")),
    ("half of it", What::Half),
    ("twice in one", What::Doubled),
    ("too deep", What::Deep),
    ("not a cloud's 404", What::Instead(404, "<html><h1>Not Found</h1><p>nginx</p></html>")),
];

/// Whether what comes back is no answer of the cloud's, so that nothing may follow from it.
fn is_no_answer(what: What) -> bool {
    matches!(what, What::Instead(..) | What::Deep | What::Doubled)
}

fn start<C: Faulty>(stack: &str, case: &Case<C>) -> Run<C> {
    let mut run = Run::new(stack);
    run.answer = 100;
    run.patience = 300;
    (case.before)(&run);
    run.fake.forget();
    run
}

/// Where nothing goes wrong, a machine that is busy does not count as a cloud that does not answer.
pub fn patient<C: Cloud>(run: &mut Run<C>) {
    (run.answer, run.patience) = (10_000, 10_000);
}

/// Runs a cell, and says how it ended, or what is wrong with it.
fn cell<C: Faulty>(stack: &str, case: &Case<C>, faults: &[Fault]) -> Result<&'static str, String> {
    let mut run = start(stack, case);
    run.fake.set(faults.to_vec());
    let ended = run.finish(case.arguments);
    let acts = run.fake.acts();
    let said = format!("{:?} in {:?}\n{}\n{}\nacts: {acts:?}", ended.code, ended.took, ended.stderr, ended.stdout);
    once(&run.fake, &acts).map_err(|what| format!("{what}\n{said}"))?;
    // What was only said to be deleted does no harm there, and the next plan finds it.
    let claimed = faults.iter().any(|fault| is_no_answer(fault.what));
    if ended.code == Some(0) && case.arguments[0] == "plan" && !case.arguments.contains(&"--out") && run.fake.left_by_plan() && !claimed {
        return Err(format!("the plan left something behind: {said}"));
    }
    let how = match ended.code {
        Some(0) => "done",
        Some(3) if ended.stderr.contains("takes it up again") => "resumable",
        // What ends with the status of a job has another one for this.
        Some(2 | 3 | 125) if ended.stderr.lines().count() > 0 => "refused",
        _ => return Err(format!("neither done nor explained: {said}")),
    };
    // Without the fault, the same command comes to its end, and what was done is not done again.
    run.fake.set(Vec::new());
    patient(&mut run);
    let again = run.finish(case.arguments);
    if again.code != Some(0) {
        return Err(format!("the same command does not take it up again: {:?}\n{}\nat first: {said}", again.code, again.stderr));
    }
    let before = acts;
    let acts = run.fake.acts();
    let no_answer = faults.iter().any(|fault| is_no_answer(fault.what));
    if no_answer && how == "done" && case.arguments[0] == "destroy" && acts.len() > before.len() {
        return Err(format!("it said that it was done, and the second time there was more to do: {said}\n{}\nacts: {acts:?}", again.stderr));
    }
    if no_answer && how == "done" && again.stdout != ended.stdout && ["status", "outputs"].contains(&case.arguments[0]) {
        return Err(format!("it was done, and shows something else the second time: {said}\n{}", again.stdout));
    }
    once(&run.fake, &acts).map_err(|what| format!("the second time: {what}\n{said}\n{}\nacts: {acts:?}", again.stderr))?;
    Ok(how)
}

/// What changes the stack happens once, and is not even tried a second time.
fn once<C: Faulty>(fake: &C, acts: &[String]) -> Result<(), String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for act in acts {
        *counts.entry(act.as_str()).or_default() += 1;
    }
    for (act, count) in counts {
        if act.starts_with("refused") {
            return Err(format!("a call came again after its act: {act}"));
        }
        if count > 1 && C::once().contains(&act) {
            return Err(format!("{act} happened {count} times"));
        }
    }
    fake.wrong().map_or(Ok(()), Err)
}

/// A verb's row of the matrix.
struct Row {
    line: String,
    runs: usize,
    wrong: Vec<String>,
}

fn row<C: Faulty>(stack: &str, case: &Case<C>) -> Row {
    let mut line = format!("{:<14}", case.name);
    let mut wrong = Vec::new();
    let mut runs = 0;
    // What it calls when nothing goes wrong.
    let mut run = start(stack, case);
    patient(&mut run);
    let plain = run.finish(case.arguments);
    assert_eq!(plain.code, Some(0), "{}: {}", case.name, plain.stderr);
    let mut actions: Vec<String> = run.fake.calls();
    actions.sort();
    actions.dedup();
    let known: Vec<&'static str> = actions.iter().map(|action| &*Box::leak(action.clone().into_boxed_str())).collect();
    for (name, what) in FAULTS {
        // For good, from one call on.
        let mut ways: Vec<Vec<Fault>> = known.iter().map(|action| vec![Fault::of(action, 1, usize::MAX, what)]).collect();
        if is_no_answer(what) {
            ways.push(known.iter().map(|action| Fault::of(action, 1, 1, what)).collect());
        } else if what != What::Denied {
            // Once in each call, and for good in the middle.
            ways.push(known.iter().map(|action| Fault::of(action, 1, 1, what)).collect());
            ways.push(vec![Fault::of(C::look(), 2, usize::MAX, what)]);
        }
        let mut ends: Vec<&str> = Vec::new();
        for way in ways {
            runs += 1;
            match cell(stack, case, &way) {
                Ok(how) if !ends.contains(&how) => ends.push(how),
                Ok(_) => {}
                Err(why) => {
                    let calls: Vec<String> = way.iter().map(|fault| format!("{} {}..{}", fault.action, fault.from, fault.to)).collect();
                    wrong.push(format!("{} × {name} at {}: {why}", case.name, calls.join(", ")));
                }
            }
        }
        ends.sort_unstable();
        line.push_str(&format!("{:<24}", ends.join(", ")));
    }
    Row { line, runs, wrong }
}

/// What does not end is given up, and so is a list whose page leads back to itself; nothing follows from either.
pub fn nothing_goes_on_for_ever<C: Faulty>(stack: &str, case: &Case<C>, what: What, words: &str) {
    let mut run = start(stack, case);
    patient(&mut run);
    run.fake.set(vec![Fault::of("*", 1, usize::MAX, what)]);
    let ended = run.finish(case.arguments);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert!(run.fake.acts().is_empty(), "{:?}", run.fake.acts());
}

/// Fills the matrix, and prints it.
pub fn every_verb_meets_every_fault<C: Faulty>(stack: &str, cases: &[Case<C>]) {
    // They wait more than they work; more of them at once, and a machine of two cores would answer too late by itself.
    let mut rows: Vec<Row> = Vec::new();
    for some in cases.chunks(6) {
        rows.extend(std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|case| scope.spawn(|| row(stack, case))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Row>>()
        }));
    }
    let mut table = format!("{:<14}", "");
    FAULTS.iter().for_each(|(name, _)| table.push_str(&format!("{name:<24}")));
    rows.iter().for_each(|row| table.push_str(&format!("\n{}", row.line)));
    let cells: usize = rows.iter().map(|row| row.runs).sum();
    let wrong: Vec<&str> = rows.iter().flat_map(|row| &row.wrong).map(String::as_str).collect();
    println!("{table}\n{cells} runs");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}\n{table}", wrong.len(), wrong.join("\n\n"));
}
