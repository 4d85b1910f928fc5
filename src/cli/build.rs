//! `stackc build`.

use super::{Input, MessageFormat, Outcome, files, report, targets, wrong_call};
use stackc::check::{Model, Variant};
use stackc::diag::{Diagnostic, Diagnostics};
use stackc::emit::Style;
use stackc::lock::{self, Lock};
use stackc::rules::Target;
use stackc::source::{FileId, Sources};
use stackc::{Artefact, Compiler};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The targets, with commas between them, or `all` for those that the stack names
    #[arg(long)]
    target: String,
    /// Where to write: a folder, in which each target has its own, or `-` for standard output
    #[arg(short, long, default_value = "build", value_name = "DIR")]
    output: PathBuf,
    /// How to write a CloudFormation template
    #[arg(long, value_parser = ["json", "yaml"], default_value = "json")]
    format: String,
    /// Without line breaks and indentation
    #[arg(long)]
    compact: bool,
    #[command(flatten)]
    losses: Losses,
}

/// What may be lost, where a lock file says what runs.
#[derive(clap::Args)]
pub struct Losses {
    /// A resource that may be replaced or removed though the lock file knows that it is protected or holds data
    #[arg(long, value_name = "NAME")]
    allow_replace: Vec<String>,
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let to_stdout = arguments.output == Path::new("-");
    let (compiler, mut sources, file) = match files::open(&arguments.input) {
        Ok(opened) => opened,
        Err(outcome) => return outcome,
    };
    let style = Style { compact: arguments.compact, yaml: arguments.format == "yaml" };
    let guard = match Guard::open(&arguments.input, &arguments.losses, &mut sources) {
        Ok(guard) => guard,
        Err(outcome) => return outcome,
    };
    let (built, out) = match build(&compiler, file, arguments.input.variant(), Some(&arguments.target), style, &guard, &mut sources) {
        Ok(built) => built,
        Err(outcome) => return outcome,
    };
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, to_stdout);
    if failed {
        return Outcome::WrongInput;
    }
    if to_stdout {
        return match built.as_slice() {
            [(_, artefact)] => files::print(&artefact.text),
            _ => wrong_call("`-o -` writes one template: name one target"),
        };
    }
    for (target, artefact) in &built {
        let path = arguments.output.join(folder(target, arguments.input.variant())).join(artefact.file_name);
        if let Err(error) = files::write(&path, &artefact.text) {
            return wrong_call(format!("cannot write {}: {error}", path.display()));
        }
        if format == MessageFormat::Human {
            let plural = if artefact.resources == 1 { "" } else { "s" };
            say!("{}: {} resource{plural}, {} bytes", path.display(), artefact.resources, artefact.text.len());
        }
    }
    Outcome::Done
}

/// The folder of a target's artefact.
pub fn folder(target: &Target, variant: Variant<'_>) -> String {
    [Some(target.name.as_str()), variant.stage, variant.instance].into_iter().flatten().collect::<Vec<_>>().join(".")
}

/// What a build must not replace: what the lock file beside the stack says that runs.
#[derive(Debug, Default)]
pub struct Guard {
    lock: Option<Lock>,
    allowed: Vec<String>,
    /// Why there is none, though there is a file.
    problem: Option<Diagnostic>,
}

impl Guard {
    /// Reads the lock file, if there is one.
    pub fn open(input: &Input, losses: &Losses, sources: &mut Sources) -> Result<Guard, Outcome> {
        let allowed = losses.allow_replace.clone();
        Ok(match files::open_lock(&input.file, sources)? {
            None => Guard::default(),
            Some(Ok(lock)) => Guard { lock: Some(lock), allowed, problem: None },
            Some(Err(problem)) => Guard { lock: None, allowed, problem: Some(problem) },
        })
    }

    /// Builds for a target. With a lock file, what it would do to what runs, wherever that is.
    fn build(&self, compiler: &Compiler, model: &Model, target: &Target, style: Style, sources: &mut Sources) -> (Option<Artefact>, Diagnostics) {
        let mut running = self.lock.iter().flat_map(|lock| lock.of(model, &target.name)).peekable();
        if running.peek().is_none() {
            return compiler.build(model, target, style, sources);
        }
        let (built, mut out) = compiler.build_with_origins(model, target, style, sources);
        let (artefact, origins) = built.unzip();
        if let Some(origins) = origins {
            running.for_each(|running| out.extend(lock::judge(running, &origins, target.format, model.span, &self.allowed)));
        }
        (artefact, out)
    }
}

/// What was built for each target, and all that there is to say of it.
pub type Built = (Vec<(Target, Artefact)>, Diagnostics);

/// Builds for all chosen targets; none is left half done, since nothing is written here.
pub fn build(
    compiler: &Compiler,
    file: FileId,
    variant: Variant<'_>,
    wanted: Option<&str>,
    style: Style,
    guard: &Guard,
    sources: &mut Sources,
) -> Result<Built, Outcome> {
    let (model, mut out) = compiler.check(file, variant, sources);
    out.extend(guard.problem.clone());
    let Some(model) = model else { return Ok((Vec::new(), out)) };
    if out.has_errors() {
        return Ok((Vec::new(), out));
    }
    let chosen = targets::choose(wanted, &model, compiler, sources)?;
    let mut built = Vec::new();
    for target in chosen {
        if style.yaml && !target.format.has_yaml() {
            return Err(wrong_call(format!("`{}` has no YAML form: leave `--format yaml` out for it", target.name)));
        }
        let (artefact, problems) = guard.build(compiler, &model, &target, style, sources);
        out.extend(problems);
        built.extend(artefact.map(|artefact| (target, artefact)));
    }
    Ok((built, out))
}
