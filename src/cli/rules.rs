//! `stackc rules check`.

use super::{MessageFormat, Outcome, files, report};
use stackc::diag::Diagnostics;
use stackc::rules::{Rules, check};
use stackc::source::Sources;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check all rules against the providers' schemas and the portable types, for all inputs
    Check {
        /// A folder of rule files that replace the built-in ones, file by file
        folder: Option<PathBuf>,
    },
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let Command::Check { folder } = &arguments.command;
    let compiler = match files::compiler(folder.as_deref()) {
        Ok(compiler) => compiler,
        Err(outcome) => return outcome,
    };
    let mut sources = Sources::default();
    let mut out = Diagnostics::default();
    let targets = compiler.targets(&mut sources);
    let mut names = Vec::new();
    for target in targets {
        names.push(target.name.clone());
        match Rules::open(target, &compiler.files) {
            Ok(rules) => out.extend(check::check(rules, &[], true, &compiler.catalogue, &mut sources).1),
            Err(problem) => out.push(problem),
        }
    }
    out.extend(compiler.files.problems());
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, false);
    if failed {
        return Outcome::WrongInput;
    }
    if format == MessageFormat::Human {
        say!("the rules of {} hold for every stack", names.join(", "));
    }
    Outcome::Done
}
