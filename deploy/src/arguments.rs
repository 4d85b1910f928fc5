//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// How messages about the input are written.
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
    bin_name = "stackc",
    version,
    about = "Takes a stack to a running one",
    after_help = "Exit codes: 0 done or nothing to do, 1 the input is wrong, 2 the call is wrong, 3 the cloud refused or could not be reached, 4 with --detailed-exitcode there are changes, 5 it is begun with --no-wait, or waits for a gate, 6 a job that comes before a service did not end well, 130 left with Ctrl-C, or a no at a question."
)]
pub struct Arguments {
    /// How messages about the input are written
    #[arg(long, global = true, value_enum, default_value = "human", hide = true)]
    pub message_format: MessageFormat,
    /// Show each loss at its line, with the rule that says so
    #[arg(short, long, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to read.
#[derive(Args, Debug, Clone)]
pub struct Input {
    /// The stack's file
    #[arg(default_value = "stack.kdl")]
    pub file: PathBuf,
    /// The stage whose changes are applied; the running stack's name ends with it
    #[arg(long)]
    pub stage: Option<String>,
    /// A copy beside others, with names of its own: that of the running stack ends with this
    #[arg(long, value_name = "NAME", value_parser = crate::files::copy_name)]
    pub instance: Option<String>,
    /// A `let` of the stack that has this value in the run: `size=large`
    #[arg(long = "let", value_name = "NAME=VALUE", value_parser = crate::files::let_of)]
    pub lets: Vec<(String, String)>,
    /// A folder of rule files that replace the built-in ones, file by file (`aws/database.kdl`)
    #[arg(long = "targets", value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

/// Which running stack is meant.
#[derive(Args, Debug, Clone)]
pub struct Place {
    #[command(flatten)]
    pub input: Input,
    /// The target; needed when the stack is for more than one that can be deployed
    #[arg(long, env = "STACKC_TARGET")]
    pub target: Option<String>,
    /// The cloud's region; on Azure, where the resource group is made
    #[arg(long)]
    pub region: Option<String>,
    /// The profile of your AWS configuration, or the cloud of clouds.yaml
    #[arg(long)]
    pub profile: Option<String>,
    /// The resource group of Azure that the stack lies in; without it, the one of the running stack's name, which is made when it is not there
    #[arg(long, env = "AZURE_RESOURCE_GROUP", value_name = "NAME")]
    pub resource_group: Option<String>,
    /// Another address of the cloud's API
    #[arg(long, env = "STACKC_ENDPOINT_URL", value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The role that the cloud's engine acts in
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// A bucket for templates that are too large to be handed over directly; without it, one of the account's own is made once
    #[arg(long, value_name = "BUCKET")]
    pub template_bucket: Option<String>,
    /// What brings a Terraform target to life: terraform, tofu, or the path of one
    #[arg(long, env = "STACKC_ENGINE", value_name = "PROGRAM")]
    pub engine: Option<String>,
    /// Where Terraform keeps its state, over the stack's own `state`: a kind and its settings, "s3 bucket=acme-state region=eu-west-1", azurerm, gcs, http, local
    #[arg(long, env = "STACKC_STATE", value_name = "STATE")]
    pub state: Option<String>,
    /// Never ask; what would have to be asked is refused
    #[arg(long)]
    pub no_input: bool,
    /// Milliseconds between two looks at what goes on
    #[arg(long, env = "STACKC_POLL_MS", hide = true, default_value_t = 3000)]
    pub poll_ms: u64,
    /// Milliseconds until a cloud that does not answer is given up
    #[arg(long, env = "STACKC_PATIENCE_MS", hide = true, default_value_t = 300_000)]
    pub patience_ms: u64,
    /// Milliseconds for one answer
    #[arg(long, env = "STACKC_ANSWER_MS", hide = true, default_value_t = 60_000)]
    pub answer_ms: u64,
    /// Milliseconds that a second Ctrl-C is waited for
    #[arg(long, env = "STACKC_SECOND_MS", hide = true, default_value_t = 3000)]
    pub second_ms: u64,
}

/// Values of the stack's parameters.
#[derive(Args, Debug, Clone, Default)]
pub struct Values {
    /// A parameter's value; `@FILE` takes it from a file. A secret is taken from a file, from STACKC_PARAM_NAME or from a question only
    #[arg(long = "param", visible_alias = "set", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// A file of parameters: lines NAME=VALUE, or one JSON object
    #[arg(long = "params", value_name = "FILE")]
    pub params_file: Option<PathBuf>,
    /// Take secrets from --param too, where a shell's history and the list of processes show them
    #[arg(long)]
    pub secrets_in_arguments: bool,
}

/// What may be lost.
#[derive(Args, Debug, Clone, Default)]
pub struct Losses {
    /// A resource that may be replaced or removed though it is protected or holds data
    #[arg(long, value_name = "NAME")]
    pub allow_replace: Vec<String>,
    /// Make the stack here too, though the lock file knows it in another place or of another account
    #[arg(long)]
    pub elsewhere: bool,
}

/// What a first deploy waits for.
#[derive(Args, Debug, Clone, Default)]
pub struct Gates {
    /// Take a gate for open without looking, by its name (`site.delegated`)
    #[arg(long, value_name = "GATE")]
    pub open: Vec<String>,
    /// A name server that is asked for delegations, over public ones
    #[arg(long, env = "STACKC_RESOLVER", value_name = "HOST[:PORT]", value_delimiter = ',')]
    pub resolver: Vec<String>,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a person.
    Table,
    /// For a program.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrintFormat {
    /// For a person.
    Table,
    /// For a program.
    Json,
}

/// How outputs are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For a person.
    Table,
    /// For a program.
    Json,
    /// For a shell: lines NAME='value'.
    Env,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Show what a deploy would add, change, replace and remove
    #[command(
        after_help = "Examples:\n  stackc plan\n  stackc plan --stage prod --set image=acme/shop:1.3\n  stackc plan --format markdown    for a comment on a pull request\n  stackc plan --out shop.plan    for `stackc deploy shop.plan`\n  stackc plan --format json --detailed-exitcode    for CI: exit code 4 means changes"
    )]
    Plan {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        values: Values,
        #[command(flatten)]
        losses: Losses,
        #[command(flatten)]
        gates: Gates,
        /// How the plan is printed
        #[arg(long, value_enum, default_value = "table")]
        format: PlanFormat,
        /// A line for each resource, with its type, and all that changes in it
        #[arg(long)]
        long: bool,
        /// Put the plan into a file, which `stackc deploy FILE` does as it is
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Exit code 4 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Plan to put back, too, what was changed by others
        #[arg(long)]
        revert_drift: bool,
    },
    /// Take a stack to a running one: plan, ask, do, and follow it
    #[command(
        after_help = "Examples:\n  stackc deploy\n  stackc deploy --set image=acme/shop:1.3 --yes\n  stackc deploy --stage prod --instance green\n  stackc deploy --allow-replace data\n  stackc deploy --stage prod --lock\n  stackc deploy shop.plan    what `stackc plan --out shop.plan` has shown, and nothing else"
    )]
    Deploy {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        values: Values,
        #[command(flatten)]
        losses: Losses,
        #[command(flatten)]
        gates: Gates,
        /// How long a gate of a first deploy is waited for; without it, a day at a terminal and an hour elsewhere
        #[arg(long, value_name = "MINUTES")]
        wait_for_gates: Option<u64>,
        /// Do not ask before what loses nothing
        #[arg(long)]
        yes: bool,
        /// Show a line for each resource, with its type, and all that changes in it
        #[arg(long)]
        long: bool,
        /// Begin it and end with 5, without waiting: the same command takes it up again, and sees it through
        #[arg(long)]
        no_wait: bool,
        /// Where a failed update could not go back: leave this resource as it is
        #[arg(long, value_name = "NAME")]
        skip: Vec<String>,
        /// Put back, too, what was changed by others
        #[arg(long)]
        revert_drift: bool,
        /// Keep what runs in stack.lock.kdl, by which `stackc build` refuses what would replace data; once it stands there, it is renewed without this
        #[arg(long)]
        lock: bool,
        /// The plan that is in the file.
        #[arg(skip)]
        saved: Option<Box<crate::saved::Saved>>,
    },
    /// Deploy with the values of the parameters that ran before, such as the image; they win over those that are given otherwise
    #[command(
        after_help = "Examples:\n  stackc back\n  stackc back --stage prod --yes\n  stackc back --target tf-aws --failed    Terraform keeps no parameters, and cannot tell\n\nThe values are those that stack.lock.kdl keeps of the deploy before the last one, and of the last one where a later one failed; secrets are not among them. The stack is the one of the file: what was changed there, its history takes back."
    )]
    Back {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        values: Values,
        #[command(flatten)]
        losses: Losses,
        #[command(flatten)]
        gates: Gates,
        /// Do not ask before what loses nothing
        #[arg(long)]
        yes: bool,
        /// Show a line for each resource, with its type, and all that changes in it
        #[arg(long)]
        long: bool,
        /// The last deploy failed: go back to the one before it, which ended well. Only Terraform has to be told
        #[arg(long)]
        failed: bool,
        /// Begin it and end with 5, without waiting: `stackc deploy` takes it up again, and sees it through
        #[arg(long)]
        no_wait: bool,
    },
    /// Show how a running stack is
    #[command(after_help = "Examples:\n  stackc status\n  stackc status --stage prod --format json")]
    Status {
        #[command(flatten)]
        place: Place,
        /// How it is printed
        #[arg(long, value_enum, default_value = "table")]
        format: PrintFormat,
        /// A line for each resource, with what the cloud calls it
        #[arg(long)]
        long: bool,
    },
    /// List the running stacks, stages and copies of an account or a project
    #[command(
        after_help = "Examples:\n  stackc list\n  stackc list --target cfn --region eu-west-1\n  stackc list --format json\n\nThe stack's file only says which target is meant: with --target none is needed."
    )]
    List {
        #[command(flatten)]
        place: Place,
        /// How they are printed
        #[arg(long, value_enum, default_value = "table")]
        format: PrintFormat,
    },
    /// Print the outputs of a running stack
    #[command(after_help = "Examples:\n  stackc outputs\n  stackc outputs --format env > .env\n  stackc outputs --name files\n  stackc outputs --format json")]
    Outputs {
        #[command(flatten)]
        place: Place,
        /// How they are printed
        #[arg(long, value_enum, default_value = "table")]
        format: OutputFormat,
        /// Print the value of this one alone
        #[arg(long, value_name = "NAME", conflicts_with = "format")]
        name: Option<String>,
    },
    /// Show what happened to a running stack
    #[command(after_help = "Examples:\n  stackc events\n  stackc events --last 500\n  stackc events --follow")]
    Events {
        #[command(flatten)]
        place: Place,
        /// How many, counted from now
        #[arg(long, default_value_t = 50)]
        last: usize,
        /// Go on until what goes on has come to its end
        #[arg(long)]
        follow: bool,
        /// How they are printed
        #[arg(long, value_enum, default_value = "table", conflicts_with = "follow")]
        format: PrintFormat,
    },
    /// Compare a running stack with what was deployed
    #[command(after_help = "Examples:\n  stackc drift\n  stackc drift --format json --detailed-exitcode    for CI: exit code 4 means drift")]
    Drift {
        #[command(flatten)]
        place: Place,
        /// How it is printed
        #[arg(long, value_enum, default_value = "table")]
        format: PrintFormat,
        /// Exit code 4 when something drifted
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Start a job, show what it prints, and end with its status
    #[command(
        after_help = "Examples:\n  stackc run migrate\n  stackc run createsuperuser --stage prod -- ./manage.py createsuperuser\n  stackc run migrate --no-wait\n\nExit codes: 0 the job ended well, else the job's own status; 125 it was not started, or not followed to its end; 126 no status of its own is known; 5 with --no-wait it is begun; 130 left with Ctrl-C, and the job goes on."
    )]
    Run {
        /// The job
        job: String,
        #[command(flatten)]
        place: Place,
        /// Start it and end with 5, without waiting
        #[arg(long)]
        no_wait: bool,
        /// What it is to run in the place of its `command`
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
    /// Show what the containers of a service or a job printed
    #[command(after_help = "Examples:\n  stackc logs web\n  stackc logs web --follow --since 10m\n  stackc logs web --failed    of the copy that failed last")]
    Logs {
        /// The service or the job
        node: String,
        #[command(flatten)]
        place: Place,
        /// Go on until Ctrl-C
        #[arg(long)]
        follow: bool,
        /// What the copy printed that failed last, and why it did
        #[arg(long, conflicts_with_all = ["follow", "since"])]
        failed: bool,
        /// How far back: 90s, 10m, 1h, 2d
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
        since: std::time::Duration,
    },
    /// Open a shell in a running copy of a service whose `shell` is on
    #[command(after_help = "Example:\n  stackc shell web --stage prod\n\nExit codes: that of the shell; 125 none was opened; 126 it ended with no status.")]
    Shell {
        /// The service
        service: String,
        #[command(flatten)]
        place: Place,
    },
    /// Remove a running stack
    #[command(after_help = "Examples:\n  stackc destroy --instance green\n  stackc destroy --retain media\n  stackc destroy --yes --allow-replace data")]
    Destroy {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        losses: Losses,
        /// Do not ask before what loses nothing
        #[arg(long)]
        yes: bool,
        /// A bucket or a registry that is emptied, all versions and images for good, so that it can go
        #[arg(long, value_name = "NAME")]
        empty: Vec<String>,
        /// A resource that stays, outside of the stack, when a removal failed at it (with Heat, in any case)
        #[arg(long, value_name = "NAME")]
        retain: Vec<String>,
    },
}

impl Verb {
    /// Which running stack it is about.
    pub fn place(&self) -> &Place {
        match self {
            Verb::Plan { place, .. }
            | Verb::Deploy { place, .. }
            | Verb::Back { place, .. }
            | Verb::Status { place, .. }
            | Verb::List { place, .. }
            | Verb::Outputs { place, .. }
            | Verb::Events { place, .. }
            | Verb::Drift { place, .. }
            | Verb::Run { place, .. }
            | Verb::Logs { place, .. }
            | Verb::Shell { place, .. }
            | Verb::Destroy { place, .. } => place,
        }
    }

    /// Whether it ends with the status of what it runs, so that stackc's own endings have to be told from that.
    pub fn runs(&self) -> bool {
        matches!(self, Verb::Run { .. } | Verb::Shell { .. })
    }
}

/// How far back a log is read: a number and a unit.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no length of time: write 90s, 10m, 1h or 2d");
    let unit = text.chars().next_back().filter(char::is_ascii_alphabetic).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text.get(..text.len() - 1).unwrap_or_default().parse().map_err(|_| wrong())?;
    Ok(std::time::Duration::from_secs(u64::from(number) * seconds))
}

/// Reads the command line, or ends the program as clap does; where what is run has a status, a wrong call has the one of a wrong call.
pub fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        let runs = std::env::args().nth(1).is_some_and(|verb| verb == "run" || verb == "shell");
        if runs && error.use_stderr() {
            let _ = error.print();
            std::process::exit(i32::from(crate::OWN));
        }
        error.exit()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        let seconds = |text: &str| duration(text).ok().map(|found| found.as_secs());
        assert_eq!(["90s", "10m", "1h", "2d"].map(seconds), [Some(90), Some(600), Some(3_600), Some(172_800)]);
        assert_eq!(["", "h", "10", "-1h", "1w", "1.5h", "1 h", "1é"].map(seconds), [None; 8]);
    }
}
