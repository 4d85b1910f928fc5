//! Every verb against every fault on the way to OpenStack. `cargo test -p stackc-deploy --test faults_heat -- --nocapture` prints the matrix.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod heat_fake;
mod matrix;
mod runs;
mod wire;

use heat_fake::{Fake, Fault, World};
use matrix::{Case, Faulty};
use std::sync::OnceLock;

type Run = runs::Run<Fake>;

/// Something to lose, and a secret that goes along.
const STACK: &str = "stack shop {\n    targets hot\n    param token secret=#true about=\"a token\"\n    bucket media { accept \"fine\" target=hot; }\n    secret key value=(get)token { accept \"fine\" target=hot; }\n    dns-zone site domain=\"shop.example\"\n    output files (get)media.domain\n}\n";

const DESTROY: &[&str] = &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key", "--allow-replace", "site"];
const DESTROY_RETAIN: &[&str] = &["destroy", "--yes", "--allow-replace", "media", "--allow-replace", "key", "--allow-replace", "site", "--retain", "site"];
const DEPLOY: &[&str] = &["deploy", "--yes", "--allow-replace", "media"];
const PLAN: &[&str] = &["plan", "--allow-replace", "media"];

const CASES: [Case<Fake>; 13] = [
    Case { name: "plan", arguments: PLAN, before: edited },
    Case { name: "plan, new", arguments: &["plan"], before: |_| () },
    Case { name: "deploy, new", arguments: &["deploy", "--yes"], before: |_| () },
    Case { name: "deploy", arguments: DEPLOY, before: edited },
    Case { name: "deploy, asleep", arguments: DEPLOY, before: asleep },
    Case { name: "status", arguments: &["status"], before: there },
    Case { name: "outputs", arguments: &["outputs"], before: there },
    Case { name: "events", arguments: &["events"], before: there },
    Case { name: "drift", arguments: &["drift"], before: there },
    Case { name: "plan, kept", arguments: &["plan", "--allow-replace", "media", "--out", "shop.plan"], before: edited },
    Case { name: "list", arguments: &["list"], before: there },
    Case { name: "destroy", arguments: DESTROY, before: there },
    Case { name: "with --retain", arguments: DESTROY_RETAIN, before: there },
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
    run.fake.with(|here| here.take(world.clone()));
}

fn edited(run: &Run) {
    there(run);
    run.edit("bucket media {", "bucket media public-read=#true {");
}

fn asleep(run: &Run) {
    edited(run);
    run.fake.with(|world| world.stack("shop").status = "SUSPEND_COMPLETE".to_owned());
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
        "ShowStack"
    }

    fn once() -> &'static [&'static str] {
        &["CreateStack", "UpdateStack", "UpdateStack retaining site", "DeleteStack", "resume"]
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
