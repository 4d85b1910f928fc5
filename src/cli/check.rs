//! `stackc check`.

use super::{Input, MessageFormat, Outcome, build, files, report};
use stackc::emit::Style;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The targets, with commas between them; those that the stack names when absent
    #[arg(long)]
    target: Option<String>,
    #[command(flatten)]
    losses: build::Losses,
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let (compiler, mut sources, file) = match files::open(&arguments.input) {
        Ok(opened) => opened,
        Err(outcome) => return outcome,
    };
    let guard = match build::Guard::open(&arguments.input, &arguments.losses, &mut sources) {
        Ok(guard) => guard,
        Err(outcome) => return outcome,
    };
    let (built, out) = match build::build(&compiler, file, arguments.input.variant(), arguments.target.as_deref(), Style::default(), &guard, &mut sources) {
        Ok(built) => built,
        Err(outcome) => return outcome,
    };
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, false);
    if failed {
        return Outcome::WrongInput;
    }
    if format == MessageFormat::Human {
        let names: Vec<&str> = built.iter().map(|(target, _)| target.name.as_str()).collect();
        say!("{}: good for {}", arguments.input.file.display(), names.join(", "));
    }
    Outcome::Done
}
