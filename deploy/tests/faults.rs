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
mod matrix;
mod runs;
mod wire;

use fake::{Fake, Fault, World};
use matrix::{Case, Faulty};
use std::sync::OnceLock;

type Run = runs::Run<Fake>;

/// Something to lose, and a secret that goes along.
const STACK: &str = "stack shop {\n    targets cfn\n    param token secret=#true about=\"a token\"\n    bucket media versioned=#true\n    secret key value=(get)token\n    output files (get)media.domain\n}\n";

const DESTROY: &[&str] = &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key"];

const CASES: [Case<Fake>; 12] = [
    Case { name: "plan", arguments: &["plan"], before: edited },
    Case { name: "plan, new", arguments: &["plan"], before: |_| () },
    Case { name: "deploy, new", arguments: &["deploy", "--yes"], before: |_| () },
    Case { name: "deploy", arguments: &["deploy", "--yes"], before: edited },
    Case { name: "deploy, stuck", arguments: &["deploy", "--yes"], before: stuck },
    Case { name: "status", arguments: &["status"], before: there },
    Case { name: "outputs", arguments: &["outputs"], before: there },
    Case { name: "events", arguments: &["events"], before: there },
    Case { name: "drift", arguments: &["drift"], before: there },
    Case { name: "plan, kept", arguments: &["plan", "--out", "shop.plan"], before: edited },
    Case { name: "list", arguments: &["list"], before: there },
    Case { name: "destroy", arguments: DESTROY, before: there },
];

/// A cloud in which the stack is deployed.
fn there(run: &Run) {
    static DEPLOYED: OnceLock<World> = OnceLock::new();
    let world = DEPLOYED.get_or_init(|| {
        let mut run = Run::new(STACK);
        matrix::patient(&mut run);
        let ended = run.finish(&["deploy", "--yes"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        run.fake.with(|world| world.clone())
    });
    run.fake.with(|here| *here = world.clone());
}

fn edited(run: &Run) {
    there(run);
    run.edit("versioned=#true", "versioned=#false");
}

fn stuck(run: &Run) {
    edited(run);
    run.fake.with(|world| world.stack("shop").status = "UPDATE_ROLLBACK_FAILED".to_owned());
}

impl Faulty for Fake {
    fn set(&self, faults: Vec<Fault>) {
        self.with(|world| world.faults = faults);
    }

    fn forget(&self) {
        self.with(|world| {
            world.acts.clear();
            world.calls.clear();
        });
    }

    fn look() -> &'static str {
        "DescribeStacks"
    }

    fn once() -> &'static [&'static str] {
        &["ExecuteChangeSet", "ContinueUpdateRollback", "UpdateTerminationProtection true", "UpdateTerminationProtection false"]
    }

    fn left_by_plan(&self) -> bool {
        self.with(|world| world.has_change_sets())
    }
}

#[test]
fn every_verb_meets_every_fault() {
    matrix::every_verb_meets_every_fault(STACK, &CASES);
}

/// What runs containers, and a job.
const APP: &str = "stack shop {\n    targets cfn\n    network main\n    service web network=main image=\"acme/shop:1.2\"\n    job migrate network=main image=\"acme/shop:1.2\"\n}\n";

/// A cloud in which it runs.
fn runs(run: &Run) {
    static DEPLOYED: OnceLock<World> = OnceLock::new();
    let world = DEPLOYED.get_or_init(|| {
        let mut run = Run::new(APP);
        matrix::patient(&mut run);
        let ended = run.finish(&["deploy", "--yes"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        run.fake.with(|world| {
            (world.ecs.exit, world.ecs.running, world.ecs.failed) = (Some(0), 2, true);
            world.ecs.prints = vec!["one", "two"];
            world.clone()
        })
    });
    run.fake.with(|here| *here = world.clone());
}

#[test]
fn what_runs_is_asked_through_every_fault() {
    let cases = [
        Case { name: "run", arguments: &["run", "migrate"], before: runs },
        Case { name: "logs", arguments: &["logs", "web"], before: runs },
        Case { name: "logs, failed", arguments: &["logs", "web", "--failed"], before: runs },
        Case { name: "status, running", arguments: &["status"], before: runs },
    ];
    matrix::every_verb_meets_every_fault(APP, &cases);
}

#[test]
fn nothing_goes_on_for_ever() {
    let looks = ["events", "status"].map(|name| CASES.iter().find(|case| case.name == name).unwrap());
    for case in looks {
        matrix::nothing_goes_on_for_ever(STACK, case, wire::What::Endless, "does not end after 64 MiB");
        matrix::nothing_goes_on_for_ever(STACK, case, wire::What::Again, "leads back to itself");
    }
}
