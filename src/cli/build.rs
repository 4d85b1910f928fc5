//! `stackc build`.

use super::{Input, MessageFormat, Outcome, files, report, targets, wrong_call};
use stackc::check::{Model, Variant};
use stackc::diag::{Diagnostic, Diagnostics};
use stackc::emit::Style;
use stackc::gates::Notice;
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
    /// Write only what can be made before a person has done what the stack waits for: the first of the two steps of a first deploy by hand
    #[arg(long)]
    first: bool,
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
        Ok(guard) => Guard { first: arguments.first, ..guard },
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
            [(_, artefact)] => {
                say_gates(&built, format);
                files::print(artefact.compact.as_ref().unwrap_or(&artefact.text))
            }
            _ => wrong_call("`-o -` writes one template: name one target"),
        };
    }
    for (target, artefact) in &built {
        let path = arguments.output.join(folder(target, arguments.input.variant())).join(artefact.file_name);
        let text = artefact.compact.as_ref().unwrap_or(&artefact.text);
        if let Err(error) = files::write(&path, text) {
            return wrong_call(format!("cannot write {}: {error}", path.display()));
        }
        if format == MessageFormat::Human {
            let plural = if artefact.resources == 1 { "" } else { "s" };
            let why = artefact.compact.as_ref().map(|_| format!(" (laid out it has {}, too many to be handed over directly)", artefact.text.len()));
            say!("{}: {} resource{plural}, {} bytes{}", path.display(), artefact.resources, text.len(), why.unwrap_or_default());
        }
    }
    say_gates(&built, format);
    Outcome::Done
}

/// The most names that are told of what waits for something.
const MOST_NAMES: usize = 4;

/// Says what a person has to do in the midst of a first deploy, each thing once for all targets.
fn say_gates(built: &[(Target, Artefact)], format: MessageFormat) {
    let mut told: Vec<(&Notice, Vec<&str>)> = Vec::new();
    for (target, notice) in built.iter().flat_map(|(target, artefact)| artefact.gates.iter().map(move |notice| (target, notice))) {
        let same = |known: &Notice| (&known.name, &known.wanted, &known.act) == (&notice.name, &notice.wanted, &notice.act);
        match told.iter_mut().find(|(known, _)| same(known)) {
            Some((_, targets)) => targets.push(&target.name),
            None => told.push((notice, vec![&target.name])),
        }
    }
    if told.is_empty() || format != MessageFormat::Human {
        return;
    }
    for (notice, targets) in &told {
        let mut names: Vec<&str> = notice.waiting.iter().take(MOST_NAMES).map(String::as_str).collect();
        let more = format!("{} more", notice.waiting.len() - names.len());
        if notice.waiting.len() > names.len() {
            names.push(&more);
        }
        say!("first deploy ({}): {} before {} can be made: {}", targets.join(", "), notice.wanted, names.join(", "), notice.act);
    }
    say!("  `stackc deploy` makes the rest, waits for it and goes on; by hand, deploy what `stackc build --first` writes, do it, deploy this");
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
    /// Whether only the part is built that waits for nobody.
    first: bool,
    /// Why there is none, though there is a file.
    problem: Option<Diagnostic>,
}

impl Guard {
    /// Reads the lock file, if there is one.
    pub fn open(input: &Input, losses: &Losses, sources: &mut Sources) -> Result<Guard, Outcome> {
        let allowed = losses.allow_replace.clone();
        Ok(match files::open_lock(&input.file, sources)? {
            None => Guard::default(),
            Some(Ok(lock)) => Guard { lock: Some(lock), allowed, ..Guard::default() },
            Some(Err(problem)) => Guard { allowed, problem: Some(problem), ..Guard::default() },
        })
    }

    /// Builds for a target. With a lock file, what it would do to what runs, wherever that is.
    fn build(&self, compiler: &Compiler, model: &Model, target: &Target, style: Style, sources: &mut Sources) -> (Option<Artefact>, Diagnostics) {
        let running: Vec<&lock::Running> = self.lock.iter().flat_map(|lock| lock.of(model, &target.name)).collect();
        if running.is_empty() && !self.first {
            return compiler.build(model, target, style, sources);
        }
        let known = running.iter().flat_map(|running| &running.resources);
        let there: Vec<String> = known.map(|known| target.format.address(known.kind, &known.ty, &known.name)).collect();
        let (built, mut out) = compiler.build_with_origins(model, target, style, sources);
        let (mut artefact, origins) = built.unzip();
        if let Some(origins) = origins {
            running.iter().for_each(|running| out.extend(lock::judge(running, &origins, target.format, model.span, &self.allowed)));
        }
        if self.first && artefact.is_some() && !out.has_errors() {
            artefact = compiler.build_first(model, target, style, &|address| there.iter().any(|known| known == address), sources).0;
        }
        // What all runs already is no first deploy of anything.
        if let Some(artefact) = &mut artefact {
            artefact.gates.retain(|gate| !self.first && !gate.for_it.iter().all(|address| there.contains(address)));
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
