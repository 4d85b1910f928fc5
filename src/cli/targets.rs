//! `stackc targets`, and how other commands choose among them.

use super::{Outcome, files, wrong_call};
use stackc::check::Model;
use stackc::diag::list;
use stackc::rules::{Rules, Target};
use stackc::source::Sources;
use stackc::{Compiler, rules};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// Show which portable type each target builds
    #[arg(long)]
    matrix: bool,
    /// A folder of rule files that replace the built-in ones, file by file
    #[arg(long = "targets", value_name = "DIR")]
    rules: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let compiler = match files::compiler(arguments.rules.as_deref()) {
        Ok(compiler) => compiler,
        Err(outcome) => return outcome,
    };
    let mut sources = Sources::default();
    let targets = compiler.targets(&mut sources);
    let mut text = String::new();
    if !arguments.matrix {
        for target in &targets {
            text.push_str(&format!("{:<14}{:<32}{}\n", target.name, target.about, target.cloud_about));
        }
        return files::print(&text);
    }
    text.push_str(&format!("| type |{}\n", targets.iter().map(|target| format!(" {} |", target.name)).collect::<String>()));
    text.push_str(&format!("|---|{}\n", "---|".repeat(targets.len())));
    for ty in compiler.catalogue.names() {
        text.push_str(&format!("| {ty} |"));
        for target in &targets {
            let cell = match Rules::open(target.clone(), &compiler.files) {
                Ok(rules) => coverage(&rules, ty, &mut sources),
                Err(_) => "no facts".to_owned(),
            };
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    files::print(&text)
}

/// What a target makes of a type: the worst loss declared for it, or that it is built.
fn coverage(rules: &Rules<'_>, ty: &str, sources: &mut Sources) -> String {
    let Some(rule) = rules.lowering(ty, sources) else { return "—".to_owned() };
    let mut losses: Vec<&rules::Loss> = Vec::new();
    collect(&rule.body, &mut losses);
    if losses.iter().any(|loss| loss.grade == rules::Grade::Unsupported && loss.subject.to_string() == ty) {
        return "unsupported".to_owned();
    }
    let count = |grade: rules::Grade| {
        let mut subjects: Vec<String> = losses.iter().filter(|loss| loss.grade == grade).map(|loss| loss.subject.to_string()).collect();
        subjects.sort();
        subjects.dedup();
        subjects.len()
    };
    let parts: Vec<String> = [(rules::Grade::Unsupported, "unsupported"), (rules::Grade::Degraded, "degraded"), (rules::Grade::Emulated, "emulated")]
        .into_iter()
        .filter(|(grade, _)| count(*grade) > 0)
        .map(|(grade, word)| format!("{} {word}", count(grade)))
        .collect();
    if parts.is_empty() { "exact".to_owned() } else { parts.join(", ") }
}

fn collect<'r>(statements: &'r [rules::Statement], losses: &mut Vec<&'r rules::Loss>) {
    for statement in statements {
        match statement {
            rules::Statement::Loss(loss) => losses.push(loss),
            rules::Statement::Form(form) => form.bodies().for_each(|body| collect(body, losses)),
            _ => {}
        }
    }
}

/// The targets that a `--target` names: a list with commas, or `all` for those that the stack says it is for.
pub fn choose(wanted: Option<&str>, model: &Model, compiler: &Compiler, sources: &mut Sources) -> Result<Vec<Target>, Outcome> {
    let all = compiler.targets(sources);
    let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
    let find = |name: &str| all.iter().find(|target| target.name == name).cloned();
    match wanted {
        Some("all") | None if model.targets.is_empty() => Ok(all),
        Some("all") | None => Ok(model.targets.iter().filter_map(|name| find(&name.text)).collect()),
        Some(wanted) => {
            let mut chosen = Vec::new();
            for name in wanted.split(',') {
                let Some(target) = find(name.trim()) else {
                    let meant = stackc::diag::did_you_mean(name, names.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                    return Err(wrong_call(format!("there is no target `{name}`: the targets are {}{meant}", list(&names))));
                };
                chosen.push(target);
            }
            Ok(chosen)
        }
    }
}
