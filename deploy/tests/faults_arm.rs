//! Every verb against every fault on the way to Azure. `cargo test -p stackc-deploy --test faults_arm -- --nocapture` prints the matrix.
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
mod matrix;
mod runs;
mod wire;

use arm_fake::{Fake, Fault, World};
use matrix::{Case, Faulty};
use std::collections::BTreeSet;
use std::sync::OnceLock;

type Run = runs::Run<Fake>;

/// Something to lose, and a secret that goes along.
const STACK: &str = "stack shop {\n    targets arm\n    param token secret=#true about=\"a token\"\n    bucket media versioned=#true\n    secret key value=(get)token\n    output files (get)media.domain\n}\n";

const NEW: &[&str] = &["deploy", "--yes", "--region", "westeurope"];
const DESTROY: &[&str] = &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key"];

const CASES: [Case<Fake>; 12] = [
    Case { name: "plan", arguments: &["plan"], before: edited },
    Case { name: "plan, new", arguments: &["plan", "--region", "westeurope"], before: |_| () },
    Case { name: "deploy, new", arguments: NEW, before: |_| () },
    Case { name: "deploy", arguments: &["deploy", "--yes"], before: edited },
    Case { name: "deploy, busy", arguments: &["deploy", "--yes"], before: busy },
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
        let ended = run.finish(NEW);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        run.fake.with(|world| world.clone())
    });
    run.fake.with(|here| here.put_back(world));
}

fn edited(run: &Run) {
    there(run);
    run.edit("versioned=#true", "versioned=#false");
}

fn busy(run: &Run) {
    edited(run);
    run.fake.with(|world| world.goes_on("shop"));
}

impl Faulty for Fake {
    fn set(&self, faults: Vec<Fault>) {
        self.with(|world| world.faults = faults);
    }

    fn forget(&self) {
        self.with(|world| {
            world.acts.clear();
            world.calls.clear();
            world.runs.clear();
        });
    }

    fn look() -> &'static str {
        "GetStack"
    }

    fn once() -> &'static [&'static str] {
        &["DeleteStack", "DeleteGroup", "PutGroup"]
    }

    fn wrong(&self) -> Option<String> {
        let runs = self.with(|world| world.runs.clone());
        (runs.iter().collect::<BTreeSet<_>>().len() != runs.len()).then(|| format!("a deploy was done twice: {runs:?}"))
    }

    fn left_by_plan(&self) -> bool {
        !self.with(|world| world.acts.is_empty())
    }
}

#[test]
fn every_verb_meets_every_fault() {
    matrix::every_verb_meets_every_fault(STACK, &CASES);
}

#[test]
fn nothing_goes_on_for_ever() {
    let status = CASES.iter().find(|case| case.name == "status").unwrap();
    matrix::nothing_goes_on_for_ever(STACK, status, wire::What::Endless, "does not end after 64 MiB");
}
