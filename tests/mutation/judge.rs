//! What stackc makes of a text, run in this process.

use stackc::Compiler;
use stackc::check::Variant;
use stackc::diag::Diagnostics;
use stackc::emit::Style;
use stackc::rules::Target;
use stackc::source::{FileId, Sources, Span};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Codes of errors that several places make together: a circle, two things of one name, properties that do not go together.
const SHARED: [&str; 4] = ["E0215", "E0227", "E0402", "E0403"];

/// An error as its reader sees it.
pub struct Error {
    /// Its line, or nothing when it points into no file of the user.
    pub line: Option<usize>,
    /// The other lines that are as much to blame, where two or more make the error together.
    pub others: Vec<usize>,
    pub text: String,
}

/// What came of a text on one target.
pub enum Outcome {
    /// It panicked, or said nothing where something has to be said.
    Broken(String),
    Reported(Vec<Error>),
    Built(String),
}

/// The compiler and the targets that are judged.
pub struct Judge {
    compiler: Compiler,
    pub targets: Vec<Target>,
    /// How the templates are laid out.
    pub style: Style,
}

impl Judge {
    /// With every target of these names that can build the text.
    pub fn new(names: &[&str], probe: &str) -> Judge {
        let mut judge = Judge { compiler: Compiler::default(), targets: Vec::new(), style: Style::default() };
        let mut targets = judge.compiler.targets(&mut Sources::default());
        targets.retain(|target| names.contains(&target.name.as_str()));
        judge.targets = targets;
        let built = judge.judge(probe, None).into_iter().map(|outcome| matches!(outcome, Outcome::Built(_))).collect::<Vec<_>>();
        let mut built = built.into_iter();
        judge.targets.retain(|_| built.next() == Some(true));
        assert!(!judge.targets.is_empty(), "no target builds the smallest example");
        judge
    }

    /// With templates in the form of their format that is JSON.
    pub fn compact(self) -> Judge {
        Judge { style: Style { compact: true, yaml: false }, ..self }
    }

    /// One outcome for each target, in their order.
    pub fn judge(&self, text: &str, stage: Option<&str>) -> Vec<Outcome> {
        let run = AssertUnwindSafe(|| self.run(text, stage));
        catch_unwind(run).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("nothing");
            self.targets.iter().map(|_| Outcome::Broken(format!("it panicked: {said}"))).collect()
        })
    }

    fn run(&self, text: &str, stage: Option<&str>) -> Vec<Outcome> {
        let mut sources = Sources::default();
        let file = sources.add("stack.kdl", text.to_owned());
        let (model, problems) = self.compiler.check(file, Variant { stage, instance: None }, &mut sources);
        let model = match model {
            Some(model) if !problems.has_errors() => model,
            _ => {
                let again = || outcome(problems.clone(), None, file, &sources);
                return self.targets.iter().map(|_| again()).collect();
            }
        };
        let mut outcomes = Vec::new();
        for target in &self.targets {
            let (artefact, mut found) = self.compiler.build(&model, target, self.style, &mut sources);
            found.extend(problems.clone());
            outcomes.push(outcome(found, artefact.map(|artefact| artefact.text), file, &sources));
        }
        outcomes
    }
}

fn outcome(problems: Diagnostics, built: Option<String>, file: FileId, sources: &Sources) -> Outcome {
    let mut errors = Vec::new();
    for problem in problems.sorted() {
        let spoken = [problem.message.as_str(), problem.primary.text.as_str(), problem.help.as_deref().unwrap_or("help")];
        let related = problem.related.iter().map(|label| label.text.as_str());
        if spoken.into_iter().chain(related).any(|text| text.trim().is_empty()) {
            return Outcome::Broken(format!("{} has an empty text: {problem:?}", problem.code));
        }
        // To find a line takes a walk through the file, and nobody reads more.
        if problem.is_error() && errors.len() < 200 {
            let line_of = |span: Span| (span.file == file).then(|| sources.line_column(span).0);
            let others = problem.related.iter().filter(|_| SHARED.contains(&problem.code)).filter_map(|label| line_of(label.span)).collect();
            errors.push(Error { line: line_of(problem.primary.span), others, text: format!("{} {}: {}", problem.code, problem.message, problem.primary.text) });
        }
    }
    match built {
        Some(text) if errors.is_empty() => Outcome::Built(text),
        None if errors.is_empty() => Outcome::Broken("nothing was built and nothing reported".to_owned()),
        _ => Outcome::Reported(errors),
    }
}
