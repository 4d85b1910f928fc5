//! The command line: one file per command. Only here is anything read, written or printed.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

#[macro_use]
mod out;

mod build;
mod check;
mod deploy;
mod explain;
mod files;
mod fmt;
mod init;
mod losses;
mod portability;
mod report;
mod rules;
mod snapshot;
mod targets;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use stackc::check::Variant;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The input is wrong.
    WrongInput,
    /// The call is wrong.
    WrongCall,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::WrongInput => 1,
            Outcome::WrongCall => 2,
        })
    }
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// For a person, on standard error.
    Human,
    /// One JSON object a line, on standard output.
    Json,
    /// One SARIF 2.1.0 document, on standard output.
    Sarif,
}

#[derive(Parser)]
#[command(
    name = "stackc",
    version,
    about = "Compiles one portable description of a cloud stack to the native template of each cloud",
    after_help = "Examples:\n  stackc init shop                      write a small stack to begin with\n  stackc build --target cfn             compile ./stack.kdl to CloudFormation, into build/cfn/\n  stackc build --target tf-aws -o -     print the Terraform JSON\n  stackc explain database               what a type takes\n  stackc explain E0205                  what an error means\n\nExit codes: 0 done, 1 the input is wrong, 2 the call is wrong."
)]
struct Arguments {
    /// How messages are written
    #[arg(long, global = true, value_enum, default_value = "human")]
    message_format: MessageFormat,
    /// Show each loss at its line, with the rule that says so
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

/// What to read, for every command that reads a stack.
#[derive(clap::Args)]
pub struct Input {
    /// The stack's file
    #[arg(default_value = "stack.kdl")]
    file: PathBuf,
    /// The stage whose changes are applied
    #[arg(long)]
    stage: Option<String>,
    /// A copy beside others, with names of its own: that of the running stack ends with this
    #[arg(long, value_name = "NAME", value_parser = files::copy_name)]
    instance: Option<String>,
    /// A `let` of the stack that has this value in the run: `size=large`
    #[arg(long = "let", value_name = "NAME=VALUE", value_parser = files::let_of)]
    lets: Vec<(String, String)>,
    /// A folder of rule files that replace the built-in ones, file by file (`aws/database.kdl`)
    #[arg(long = "targets", value_name = "DIR")]
    rules: Option<PathBuf>,
}

impl Input {
    fn variant(&self) -> Variant<'_> {
        Variant { stage: self.stage.as_deref(), instance: self.instance.as_deref() }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Compile a stack to templates
    #[command(
        after_help = "Examples:\n  stackc build --target cfn\n  stackc build shop/stack.kdl --target cfn,tf-aws --stage prod -o out\n  stackc build --target cfn --format yaml -o - > template.yaml"
    )]
    Build(build::Arguments),
    /// Check a stack, and what it would become on its targets, without writing anything
    #[command(after_help = "Examples:\n  stackc check\n  stackc check --target cfn\n  stackc check --message-format sarif > stackc.sarif")]
    Check(check::Arguments),
    /// Explain a portable type, a property or a diagnostic code
    #[command(
        after_help = "Examples:\n  stackc explain                 all types\n  stackc explain database        a type, with an example that builds\n  stackc explain service.memory  one property\n  stackc explain E0205           a diagnostic"
    )]
    Explain(explain::Arguments),
    /// List the targets, or which type they build
    #[command(after_help = "Examples:\n  stackc targets\n  stackc targets --matrix")]
    Targets(targets::Arguments),
    /// Report what a stack keeps and loses on each target, and what a move there takes
    #[command(
        after_help = "Examples:\n  stackc portability --from cfn\n  stackc portability --to tf-openstack --fail-on unsupported\n  stackc portability --format html > portability.html\n\nExit code 1 also means that something was as bad as --fail-on says."
    )]
    Portability(portability::Arguments),
    /// Work on rules
    #[command(after_help = "Example:\n  stackc rules check ./our-targets")]
    Rules(rules::Arguments),
    /// Give a stack's file the one form that all have: spaces, lines and indentation, comments kept
    #[command(
        after_help = "Examples:\n  stackc fmt                     ./stack.kdl\n  stackc fmt --check .           in CI: fail when a file has another form\n  stackc fmt --diff stack.kdl    show what would change\n  stackc fmt --stdin < stack.kdl for an editor"
    )]
    Fmt(fmt::Arguments),
    /// Write a small stack that builds, to begin with
    #[command(after_help = "Example:\n  stackc init shop && stackc build shop/stack.kdl --target cfn")]
    Init(init::Arguments),
    /// Write the templates of all the stack's targets and stages to a folder, or compare them with it
    #[command(
        after_help = "Examples:\n  stackc snapshot            write snapshots/\n  stackc snapshot --check    in CI: fail, with a diff, when a template changed"
    )]
    Snapshot(snapshot::Arguments),
    /// Show what a deploy would add, change, replace and remove
    #[command(disable_help_flag = true)]
    Plan(deploy::Arguments),
    /// Take a stack to a running one: plan, ask, do, and follow it
    #[command(disable_help_flag = true)]
    Deploy(deploy::Arguments),
    /// Deploy with the values of the parameters that ran before, such as the image
    #[command(disable_help_flag = true)]
    Back(deploy::Arguments),
    /// Show how a running stack is
    #[command(disable_help_flag = true)]
    Status(deploy::Arguments),
    /// List the running stacks, stages and copies of an account or a project
    #[command(disable_help_flag = true)]
    List(deploy::Arguments),
    /// Print the outputs of a running stack
    #[command(disable_help_flag = true)]
    Outputs(deploy::Arguments),
    /// Show what happened to a running stack
    #[command(disable_help_flag = true)]
    Events(deploy::Arguments),
    /// Compare a running stack with what was deployed
    #[command(disable_help_flag = true)]
    Drift(deploy::Arguments),
    /// Start a job, show what it prints, and end with its status
    #[command(disable_help_flag = true)]
    Run(deploy::Arguments),
    /// Show what the containers of a service or a job printed
    #[command(disable_help_flag = true)]
    Logs(deploy::Arguments),
    /// Open a shell in a running copy of a service
    #[command(disable_help_flag = true)]
    Shell(deploy::Arguments),
    /// Remove a running stack
    #[command(disable_help_flag = true)]
    Destroy(deploy::Arguments),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  stackc completions bash > ~/.local/share/bash-completion/completions/stackc")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let format = arguments.message_format;
    report::VERBOSE.store(arguments.verbose, Ordering::Relaxed);
    let outcome = match arguments.command {
        Command::Build(arguments) => build::run(&arguments, format),
        Command::Check(arguments) => check::run(&arguments, format),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Targets(arguments) => targets::run(&arguments),
        Command::Portability(arguments) => portability::run(&arguments, format),
        Command::Rules(arguments) => rules::run(&arguments, format),
        Command::Fmt(arguments) => fmt::run(&arguments, format),
        Command::Init(arguments) => init::run(&arguments),
        Command::Snapshot(arguments) => snapshot::run(&arguments, format),
        Command::Plan(arguments) => return deploy::run("plan", &arguments, format),
        Command::Deploy(arguments) => return deploy::run("deploy", &arguments, format),
        Command::Status(arguments) => return deploy::run("status", &arguments, format),
        Command::Back(arguments) => return deploy::run("back", &arguments, format),
        Command::List(arguments) => return deploy::run("list", &arguments, format),
        Command::Outputs(arguments) => return deploy::run("outputs", &arguments, format),
        Command::Events(arguments) => return deploy::run("events", &arguments, format),
        Command::Drift(arguments) => return deploy::run("drift", &arguments, format),
        Command::Run(arguments) => return deploy::run("run", &arguments, format),
        Command::Logs(arguments) => return deploy::run("logs", &arguments, format),
        Command::Shell(arguments) => return deploy::run("shell", &arguments, format),
        Command::Destroy(arguments) => return deploy::run("destroy", &arguments, format),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "stackc", &mut std::io::stdout());
            Outcome::Done
        }
    };
    outcome.into()
}

/// Says what is wrong with the call.
pub fn wrong_call(message: impl std::fmt::Display) -> Outcome {
    say!("stackc: {message}");
    Outcome::WrongCall
}
