//! `stackc portability`.

use super::{Input, MessageFormat, Outcome, files, report, targets, wrong_call};
use stackc::portability::{self, Report};
use stackc::rules::{Grade, Target};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The target that the stack runs on today: what is no worse than there is left out
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    /// The targets to look at, with commas between them; all others when absent
    #[arg(long, value_name = "TARGETS")]
    to: Option<String>,
    /// How the report is written
    #[arg(long, value_parser = ["table", "json", "markdown", "html"], default_value = "table")]
    format: String,
    /// Fail when something is as bad as this or worse
    #[arg(long, value_name = "GRADE", value_parser = ["emulated", "degraded", "unsupported"])]
    fail_on: Option<String>,
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let (compiler, mut sources, file) = match files::open(&arguments.input) {
        Ok(opened) => opened,
        Err(outcome) => return outcome,
    };
    let (model, out) = compiler.check(file, arguments.input.variant(), &mut sources);
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, true);
    let Some(model) = model.filter(|_| !failed) else { return Outcome::WrongInput };
    let all = compiler.targets(&mut sources);
    let chosen = match &arguments.to {
        Some(to) => match targets::choose(Some(to), &model, &compiler, &mut sources) {
            Ok(chosen) => chosen,
            Err(outcome) => return outcome,
        },
        None => all.iter().filter(|target| Some(&target.name) != arguments.from.as_ref()).cloned().collect(),
    };
    let from = match arguments.from.as_deref().map(|from| targets::choose(Some(from), &model, &compiler, &mut sources)) {
        Some(Ok(targets)) => targets.into_iter().next(),
        Some(Err(outcome)) => return outcome,
        None => None,
    };
    let mut look = |target: &Target| {
        let (found, problems) = compiler.portability(&model, target, &mut sources);
        report::report(&problems.sorted(), &sources, format, true);
        found.ok_or(Outcome::WrongInput)
    };
    let today = match from.as_ref().map(&mut look).transpose() {
        Ok(today) => today,
        Err(outcome) => return outcome,
    };
    let mut reports: Vec<Report> = match chosen.iter().map(look).collect() {
        Ok(reports) => reports,
        Err(outcome) => return outcome,
    };
    if let Some(today) = &today {
        reports.iter_mut().for_each(|report| report.beyond(today));
    }
    let from = from.map(|from| from.name);
    let write = match arguments.format.as_str() {
        "json" => portability::json,
        "markdown" => portability::markdown,
        "html" => portability::html,
        _ => portability::table,
    };
    let printed = files::print(&write(&model, &reports, from.as_deref(), &sources));
    let limit = match arguments.fail_on.as_deref() {
        Some("emulated") => Some(Grade::Emulated),
        Some("degraded") => Some(Grade::Degraded),
        Some("unsupported") => Some(Grade::Unsupported),
        Some(other) => return wrong_call(format!("`{other}` is no grade")),
        None => None,
    };
    match limit {
        Some(limit) if printed == Outcome::Done && reports.iter().any(|report| report.worst() >= Some(limit)) => Outcome::WrongInput,
        _ => printed,
    }
}
