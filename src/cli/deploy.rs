//! `stackc plan`, `deploy`, `back`, `status`, `list`, `outputs`, `events`, `drift`, `run`, `logs`, `shell`, `destroy`: handed over to `stackc-deploy`, a program of its own, so that who only
//! compiles pays nothing for the clouds' clients.

use super::{MessageFormat, wrong_call};
use clap::ValueEnum;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

#[derive(clap::Args)]
pub struct Arguments {
    /// What `stackc-deploy` takes; see `stackc VERB --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Runs the other program in this one's place, and ends as it ends.
pub fn run(verb: &str, arguments: &Arguments, format: MessageFormat) -> ExitCode {
    let name = format!("stackc-deploy{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|path| path.parent().map(|folder| folder.join(&name))).filter(|path| path.is_file());
    let mut command = Command::new(beside.as_ref().map_or_else(|| OsString::from(&name), |path| path.clone().into_os_string()));
    command.arg(verb);
    if let Some(format) = format.to_possible_value().filter(|_| format != MessageFormat::Human) {
        command.args(["--message-format", format.get_name()]);
    }
    if super::report::VERBOSE.load(std::sync::atomic::Ordering::Relaxed) {
        command.arg("--verbose");
    }
    command.args(&arguments.rest);
    match replace(command) {
        Ok(code) => code,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => wrong_call(format!(
            "`stackc {verb}` is done by `stackc-deploy`, which is neither beside stackc nor on PATH: `cargo install --path deploy` puts it there (`cargo build -p stackc-deploy` while working on it)"
        ))
        .into(),
        Err(error) => wrong_call(format!("cannot start stackc-deploy: {error}")).into(),
    }
}

/// In this program's place, so that signals and the terminal are the other's own.
#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<ExitCode> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
