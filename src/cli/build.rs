//! `stackc build`.

use super::{Input, MessageFormat, Outcome, files, report, targets, wrong_call};
use stackc::diag::Diagnostics;
use stackc::emit::Style;
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
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let to_stdout = arguments.output == Path::new("-");
    let (compiler, mut sources, file) = match files::open(&arguments.input) {
        Ok(opened) => opened,
        Err(outcome) => return outcome,
    };
    let style = Style { compact: arguments.compact, yaml: arguments.format == "yaml" };
    let (built, out) = match build(&compiler, file, arguments.input.stage.as_deref(), Some(&arguments.target), style, &mut sources) {
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
        let path = arguments.output.join(folder(target, arguments.input.stage.as_deref())).join(artefact.file_name);
        if let Err(error) = files::write(&path, &artefact.text) {
            return wrong_call(format!("cannot write {}: {error}", path.display()));
        }
        if format == MessageFormat::Human {
            let plural = if artefact.resources == 1 { "" } else { "s" };
            eprintln!("{}: {} resource{plural}, {} bytes", path.display(), artefact.resources, artefact.text.len());
        }
    }
    Outcome::Done
}

/// The folder of a target's artefact.
pub fn folder(target: &Target, stage: Option<&str>) -> String {
    match stage {
        Some(stage) => format!("{}.{stage}", target.name),
        None => target.name.clone(),
    }
}

/// What was built for each target, and all that there is to say of it.
pub type Built = (Vec<(Target, Artefact)>, Diagnostics);

/// Builds for all chosen targets; none is left half done, since nothing is written here.
pub fn build(compiler: &Compiler, file: FileId, stage: Option<&str>, wanted: Option<&str>, style: Style, sources: &mut Sources) -> Result<Built, Outcome> {
    let (model, mut out) = compiler.check(file, stage, sources);
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
        let (artefact, problems) = compiler.build(&model, &target, style, sources);
        out.extend(problems);
        built.extend(artefact.map(|artefact| (target, artefact)));
    }
    Ok((built, out))
}
