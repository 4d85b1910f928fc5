//! `stackc snapshot`: for a user's own CI.

use super::{Input, MessageFormat, Outcome, build, files, report, wrong_call};
use similar::TextDiff;
use stackc::check::Variant;
use stackc::diag::Diagnostics;
use stackc::emit::Style;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The folder of the snapshots
    #[arg(long, default_value = "snapshots", value_name = "DIR")]
    dir: PathBuf,
    /// Compare instead of writing; exit code 1 when anything differs
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let (compiler, mut sources, file) = match files::open(&arguments.input) {
        Ok(opened) => opened,
        Err(outcome) => return outcome,
    };
    let (model, found) = compiler.check(file, Variant::default(), &mut sources);
    let stages: Vec<Option<String>> = match (&arguments.input.stage, &model) {
        (Some(stage), _) => vec![Some(stage.clone())],
        (None, Some(model)) => std::iter::once(None).chain(model.stages.iter().map(|stage| Some(stage.text.clone()))).collect(),
        (None, None) => Vec::new(),
    };
    let mut out = Diagnostics::default();
    out.extend(found);
    let mut templates = Vec::new();
    for stage in stages {
        let variant = Variant { stage: stage.as_deref(), instance: arguments.input.instance.as_deref() };
        match build::build(&compiler, file, variant, None, Style::default(), &build::Guard::default(), &mut sources) {
            Ok((built, problems)) => {
                out.extend(problems);
                templates.extend(
                    built.into_iter().map(|(target, artefact)| (arguments.dir.join(build::folder(&target, variant)).join(artefact.file_name), artefact.text)),
                );
            }
            Err(outcome) => return outcome,
        }
    }
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, false);
    if failed {
        return Outcome::WrongInput;
    }
    if arguments.check { compare(&templates, &arguments.dir) } else { write(&templates) }
}

fn write(templates: &[(PathBuf, String)]) -> Outcome {
    for (path, text) in templates {
        if let Err(error) = files::write(path, text) {
            return wrong_call(format!("cannot write {}: {error}", path.display()));
        }
        say!("{}", path.display());
    }
    Outcome::Done
}

fn compare(templates: &[(PathBuf, String)], folder: &std::path::Path) -> Outcome {
    let mut changed = 0;
    for (path, text) in templates {
        let there = std::fs::read_to_string(path).unwrap_or_default();
        if there != *text {
            changed += 1;
            let name = path.display().to_string();
            put!("{}", TextDiff::from_lines(there.as_str(), text).unified_diff().header(&name, &name));
        }
    }
    for path in leftovers(templates, folder) {
        changed += 1;
        put!("{}: no target or stage of the stack makes it any more\n", path.display());
    }
    if changed == 0 {
        say!("{} templates are as they were", templates.len());
        return Outcome::Done;
    }
    say!("{changed} of {} templates differ; when that is meant, run `stackc snapshot` and commit the result", templates.len());
    Outcome::WrongInput
}

/// Templates in the folder that would not be written today.
fn leftovers(templates: &[(PathBuf, String)], folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            if !templates.iter().any(|(path, _)| *path == file.path()) {
                found.push(file.path());
            }
        }
    }
    found.sort();
    found
}
