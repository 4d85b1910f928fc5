//! Takes a stack to a running one: plan, deploy, status, list, outputs, events, drift, run, logs, shell, destroy. `stackc` hands these verbs over.
//!
//! The same stack.kdl is compiled here as `stackc build` compiles it; [`begin`] finds its engine; an [`engine`] brings the template to life; [`life`] decides, asks and explains, whichever
//! engine it is; [`screen`] is all that is printed.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[allow(unused_macros)]
#[macro_use]
#[path = "../../src/cli/out.rs"]
mod out;

mod arguments;
mod begin;
mod compile;
mod engine;
mod explain;
#[allow(dead_code)]
#[path = "../../src/cli/files.rs"]
mod files;
mod gates;
mod interrupt;
mod life;
mod list;
mod lock;
#[path = "../../src/cli/losses.rs"]
mod losses;
mod markdown;
mod operate;
mod own;
mod params;
mod question;
#[path = "../../src/cli/report.rs"]
mod report;
mod saved;
mod screen;
mod table;
mod watch;

pub use arguments::{Input, MessageFormat};
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do.
    Done,
    /// The input is wrong.
    WrongInput,
    /// The call is wrong.
    WrongCall,
    /// The cloud refused, or could not be reached.
    Refused,
    /// Asked for with `--detailed-exitcode`: there are changes, or there is drift.
    Changes,
    /// Begun and not waited for, as was asked, or a gate is still shut: the same command goes on.
    Begun,
    /// A job that comes before the rest did not end well, and the rest stays as it was.
    JobFailed,
    /// Nobody waited for the end, or somebody said no.
    Left,
    /// What was run ended so.
    Status(u8),
    /// What was run failed, and has no status of its own.
    NoStatus,
}

/// What a verb ends with that ends with the status of what it runs, where that was not run, or not to its end. As with `docker run`.
pub const OWN: u8 = 125;

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::WrongInput => 1,
            Outcome::WrongCall => 2,
            Outcome::Refused => 3,
            Outcome::Changes => 4,
            Outcome::Begun => 5,
            Outcome::JobFailed => 6,
            Outcome::Left => 130,
            Outcome::Status(status) => status,
            Outcome::NoStatus => 126,
        })
    }
}

/// Says what is wrong with the call.
pub fn wrong_call(message: impl std::fmt::Display) -> Outcome {
    say!("stackc: {message}");
    Outcome::WrongCall
}

fn main() -> ExitCode {
    let arguments = arguments::parse();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let runs = arguments.verb.runs();
            match runtime.block_on(begin::run(arguments)) {
                Outcome::WrongInput | Outcome::WrongCall | Outcome::Refused if runs => ExitCode::from(OWN),
                outcome => outcome.into(),
            }
        }
        Err(error) => wrong_call(format!("cannot begin: {error}")).into(),
    }
}
