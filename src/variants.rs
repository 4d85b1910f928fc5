//! All variants of a stack, each stage on each target: expanded, those that come out alike checked once, and what is wrong in some of them said with their names.

use crate::check::{self, Elsewhere, Model, Variant};
use crate::diag::{Diagnostic, Diagnostics, check as diag};
use crate::expand::{self, Expanded, Place, Setting, Stack};
use crate::portable::Catalogue;
use crate::source::{Sources, Span};
use crate::syntax::Node;

/// How many variants are named where something is wrong in some of them only.
const MOST_NAMED: usize = 3;

/// Those variants of a stage that are alike.
struct Alike {
    stage: Option<String>,
    /// Which of the places; none where the stack is the same for all.
    places: Vec<usize>,
    model: Model,
    problems: Diagnostics,
}

/// Checks a stack's nodes and builds the model of one stage and copy, or of the stack as it stands. Every stage and every target that the stack is for is
/// checked, whichever is asked for.
pub fn check(
    nodes: &[Node],
    file_start: Span,
    variant: Variant<'_>,
    places: &[Place],
    catalogue: &Catalogue,
    sources: &mut Sources,
) -> (Option<Model>, Diagnostics) {
    let (stack, mut out) = expand::read(nodes, file_start, places);
    let Some(stack) = stack else { return (None, out) };
    let known = |name: &str| stack.stages.iter().any(|stage| stage.text == name);
    if let Some(wanted) = variant.stage.filter(|wanted| !known(wanted)) {
        let names: Vec<&str> = stack.stages.iter().map(|stage| stage.text.as_str()).collect();
        out.push(diag::unknown_stage(stack.span(), wanted, &names));
    }
    let chosen = variant.stage.filter(|wanted| known(wanted));
    let mut checker = Checker { stack: &stack, places, instance: variant.instance, chosen, catalogue, sources };

    let mut stages: Vec<Option<&str>> = stack.stages.iter().map(|stage| Some(stage.text.as_str())).collect();
    stages.dedup();
    if chosen.is_none() {
        stages.push(None);
    }
    let is_meant = |place: &&usize| {
        let name = places.get(**place).map(|place| place.target.as_str());
        stack.targets.is_empty() || name.is_some_and(|name| stack.targets.contains(&name))
    };
    let all: Vec<usize> = (0..places.len()).collect();
    let mut meant: Vec<usize> = all.iter().filter(is_meant).copied().collect();
    if meant.is_empty() {
        meant.clone_from(&all);
    }
    let checked: Vec<Alike> = stages.iter().flat_map(|stage| checker.alike(*stage, &meant)).collect();
    out.extend(together(&stack, &checked, chosen, meant.len(), places));

    // What no variant takes is looked at as well, for what is wrong in it.
    let taken: Vec<&Place> = meant.iter().filter_map(|place| places.get(*place)).collect();
    for (stage, place, stretch) in stack.untaken(&taken) {
        let (_, _, problems) = checker.one(stage, place.as_ref());
        let within = |found: &Diagnostic| found.is_error() && stretch.start <= found.primary.span.start && found.primary.span.end <= stretch.end;
        out.extend(problems.into_iter().filter(within));
    }

    let others: Vec<usize> = all.into_iter().filter(|place| !meant.contains(place)).collect();
    let elsewhere = if stack.is_by_target() && !others.is_empty() { checker.alike(chosen, &others) } else { Vec::new() };
    let names = |alike: &Alike| alike.places.iter().filter_map(|place| places.get(*place)).map(|place| place.target.clone()).collect();
    let no_problems = |alike: Alike| Alike { problems: Diagnostics::default(), ..alike };
    let mut of_stage = checked.into_iter().filter(|alike| alike.stage.as_deref() == chosen).map(no_problems).chain(elsewhere);
    let mut model = of_stage.next().map(|alike| alike.model);
    if let Some(model) = &mut model {
        model.elsewhere = of_stage.map(|alike| Elsewhere { targets: names(&alike), model: alike.model, problems: alike.problems }).collect();
        model.differs.clone_from(&stack.differs);
    }
    (model, out)
}

struct Checker<'a, 'n> {
    stack: &'a Stack<'n>,
    places: &'a [Place],
    instance: Option<&'a str>,
    chosen: Option<&'a str>,
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
}

impl Checker<'_, '_> {
    /// One stage on several places, those that come out alike together. All of them are, where nothing in the stack depends on it.
    fn alike(&mut self, stage: Option<&str>, places: &[usize]) -> Vec<Alike> {
        let mut found: Vec<(Expanded, Alike)> = Vec::new();
        let all = self.places;
        let each: Vec<Option<usize>> = if self.stack.is_by_target() { places.iter().copied().map(Some).collect() } else { vec![None] };
        for index in each {
            let place = index.and_then(|index| all.get(index));
            let (expanded, problems) = self.stack.expand(Setting { stage, place }, self.catalogue, self.sources);
            let same = |(other, alike): &&mut (Expanded, Alike)| *other == expanded && problems.is_empty() && alike.problems.is_empty();
            if let Some((_, alike)) = found.iter_mut().find(same) {
                alike.places.extend(index);
                continue;
            }
            let (model, problems) = self.model(&expanded, problems);
            found.push((expanded, Alike { stage: stage.map(str::to_owned), places: index.into_iter().collect(), model, problems }));
        }
        found.into_iter().map(|(_, alike)| alike).collect()
    }

    fn one(&mut self, stage: Option<&str>, place: Option<&Place>) -> (Expanded, Model, Diagnostics) {
        let (expanded, problems) = self.stack.expand(Setting { stage, place }, self.catalogue, self.sources);
        let (model, problems) = self.model(&expanded, problems);
        (expanded, model, problems)
    }

    fn model(&mut self, expanded: &Expanded, mut problems: Diagnostics) -> (Model, Diagnostics) {
        let of_chosen = expanded.stage.as_ref().map(|stage| stage.text.as_str()) == self.chosen;
        let (model, found) = check::check(expanded, self.instance.filter(|_| of_chosen), self.catalogue, self.sources);
        problems.extend(found);
        (model, problems)
    }
}

/// What is wrong, each once; where it is so in some of the variants only, their names are said, unless the place says by itself which it is of.
fn together(stack: &Stack<'_>, checked: &[Alike], chosen: Option<&str>, targets: usize, places: &[Place]) -> Vec<Diagnostic> {
    let mut found: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
    for (index, alike) in checked.iter().enumerate() {
        for problem in alike.problems.iter() {
            let same = |other: &Diagnostic| (other.code, &other.primary, &other.message) == (problem.code, &problem.primary, &problem.message);
            match found.iter_mut().find(|(other, _)| same(other)) {
                Some((_, within)) => within.push(index),
                None => found.push((problem.clone(), vec![index])),
            }
        }
    }
    let of_chosen: Vec<usize> = (0..checked.len()).filter(|index| checked.get(*index).is_some_and(|alike| alike.stage.as_deref() == chosen)).collect();
    let mut out = Vec::new();
    for (mut problem, mut within) in found {
        within.dedup();
        if !problem.is_error() {
            // A warning is about what is asked for, on each of its targets.
            if of_chosen.iter().all(|index| within.contains(index)) {
                out.push(problem);
            }
            continue;
        }
        if within.len() < checked.len() && !stack.is_in_overlay(problem.primary.span) {
            let names: Vec<String> = within.iter().filter_map(|index| checked.get(*index)).map(|alike| name(stack, alike, targets, places)).collect();
            let more = names.len().saturating_sub(MOST_NAMED);
            let mut names: Vec<String> = names.into_iter().take(MOST_NAMED).collect();
            if more > 0 {
                names.push(format!("{more} more"));
            }
            problem.primary.text.push_str(&format!(": {}", names.join(", ")));
        }
        out.push(problem);
    }
    out
}

/// ``in stage `prod` on `cfn` and `tf-aws` ``, as far as that tells variants apart.
fn name(stack: &Stack<'_>, alike: &Alike, targets: usize, places: &[Place]) -> String {
    let stage = match &alike.stage {
        Some(stage) => format!("in stage `{stage}`"),
        None if stack.stages.is_empty() => String::new(),
        None => "without a stage".to_owned(),
    };
    let names: Vec<String> = alike.places.iter().filter_map(|place| places.get(*place)).map(|place| format!("`{}`", place.target)).collect();
    let on = if names.is_empty() || names.len() == targets { String::new() } else { format!("on {}", names.join(" and ")) };
    [stage, on].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
