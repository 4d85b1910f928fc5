//! Arguments in, exit code out.

#![allow(missing_docs)]
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
