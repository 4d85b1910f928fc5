//! All variants of a stack, each stage on each target: expanded, those that come out alike checked once, and what is wrong in some of them said with their names.

use crate::check::{self, Elsewhere, Model, Variant};
use crate::diag::{Diagnostic, Diagnostics, check as diag, expand as said};
use crate::expand::{self, Expanded, Outcome, Place, Setting, Stack};
use crate::portable::Catalogue;
use crate::source::{Sources, Span};
use crate::syntax::Node;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How many variants are named where something is wrong in some of them only.
const MOST_NAMED: usize = 3;

/// What is told of several things that stand together: where what no variant takes is looked at, they need not.
const TOGETHER: [&str; 9] = ["E0204", "E0206", "E0215", "E0218", "E0226", "E0227", "E0240", "E0242", "E0241"];

/// What a run asks for, besides the stack.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The stage and the copy.
    pub variant: Variant<'a>,
    /// All targets.
    pub places: &'a [Place],
    /// Lets that are set from outside.
    pub lets: &'a [(String, String)],
}

/// Those variants of a stage that are alike.
struct Alike {
    stage: Option<String>,
    copy: bool,
    /// Which of the places; none where the stack is the same for all.
    places: Vec<usize>,
    model: Model,
    problems: Diagnostics,
}

/// Checks a stack's nodes and builds the model of one stage and copy, or of the stack as it stands. Every stage and every target that the stack is for is
/// checked, whichever is asked for.
pub fn check(nodes: &[Node], file_start: Span, asked: Asked<'_>, catalogue: &Catalogue, sources: &mut Sources) -> (Option<Model>, Diagnostics) {
    let Asked { variant, places, .. } = asked;
    let (stack, mut out) = expand::read(nodes, file_start, places);
    let Some(stack) = stack else { return (None, out) };
    let known = |name: &str| stack.stages.iter().any(|stage| stage.text == name);
    if let Some(wanted) = variant.stage.filter(|wanted| !known(wanted)) {
        let names: Vec<&str> = stack.stages.iter().map(|stage| stage.text.as_str()).collect();
        out.push(diag::unknown_stage(stack.span(), wanted, &names));
    }
    let chosen = variant.stage.filter(|wanted| known(wanted));
    let mut checker = Checker { stack: &stack, asked, chosen, catalogue, sources, used: BTreeSet::new(), whens: HashMap::new() };

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
    let is_copy = variant.instance.is_some();
    let copies: &[bool] = if stack.is_by_copy() { &[false, true] } else { &[is_copy] };
    let cells = stages.iter().flat_map(|stage| copies.iter().map(|copy| (*stage, *copy)));
    let checked: Vec<Alike> = cells.flat_map(|(stage, copy)| checker.alike(stage, copy, &meant)).collect();
    out.extend(together(&stack, &checked, (chosen, is_copy), meant.len(), places, checker.sources));

    let taken: Vec<&Place> = meant.iter().filter_map(|place| places.get(*place)).collect();
    out.extend(checker.untaken(&taken));
    if !out.has_errors() {
        let unused = stack.lets.iter().filter(|name| !checker.used.contains(&name.text));
        out.extend(unused.map(|name| said::unused_let(name.span, &name.text)));
    }

    let others: Vec<usize> = all.into_iter().filter(|place| !meant.contains(place)).collect();
    let elsewhere = if stack.is_by_target() && !others.is_empty() { checker.alike(chosen, is_copy, &others) } else { Vec::new() };
    let names = |alike: &Alike| alike.places.iter().filter_map(|place| places.get(*place)).map(|place| place.target.clone()).collect();
    let no_problems = |alike: Alike| Alike { problems: Diagnostics::default(), ..alike };
    let is_asked = |alike: &Alike| alike.stage.as_deref() == chosen && alike.copy == is_copy;
    let mut of_stage = checked.into_iter().filter(is_asked).map(no_problems).chain(elsewhere);
    let mut model = of_stage.next().map(|alike| alike.model);
    if let Some(model) = &mut model {
        model.elsewhere = of_stage.map(|alike| Elsewhere { targets: names(&alike), model: alike.model, problems: alike.problems }).collect();
        model.differs.clone_from(&stack.differs);
    }
    (model, out)
}

struct Checker<'a, 'n> {
    stack: &'a Stack<'n>,
    asked: Asked<'a>,
    chosen: Option<&'a str>,
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
    /// The lets that some variant reads.
    used: BTreeSet<String>,
    /// The conditions that were come to: the stretch of each, whether some variant takes it, and one that comes to it.
    whens: HashMap<Span, (Span, bool, Cell)>,
}

/// A variant: its stage, its place, and whether it is a copy.
type Cell = (Option<String>, Option<Place>, bool);

impl Checker<'_, '_> {
    /// One stage on several places, those that come out alike together. All of them are, where nothing in the stack depends on it.
    fn alike(&mut self, stage: Option<&str>, copy: bool, places: &[usize]) -> Vec<Alike> {
        let mut found: Vec<(Expanded, Alike)> = Vec::new();
        let all = self.asked.places;
        let each: Vec<Option<usize>> = if self.stack.is_by_target() { places.iter().copied().map(Some).collect() } else { vec![None] };
        for index in each {
            let place = index.and_then(|index| all.get(index));
            let Outcome { expanded, problems, reported, full, .. } = self.expand(stage, place, copy, None);
            let same = |(other, alike): &&mut (Expanded, Alike)| *other == expanded && problems.is_empty() && alike.problems.is_empty();
            if let Some((_, alike)) = found.iter_mut().find(same) {
                alike.places.extend(index);
                continue;
            }
            let (model, problems) = self.model(&expanded, copy, problems, &reported, full);
            let places = index.into_iter().collect();
            found.push((expanded, Alike { stage: stage.map(str::to_owned), copy, places, model, problems }));
        }
        found.into_iter().map(|(_, alike)| alike).collect()
    }

    fn expand(&mut self, stage: Option<&str>, place: Option<&Place>, copy: bool, taken: Option<&HashSet<Span>>) -> Outcome {
        let setting = Setting { stage, place, copy, lets: self.asked.lets, taken };
        let mut outcome = self.stack.expand(setting, self.catalogue, self.sources);
        self.used.append(&mut outcome.used);
        for (at, whole, is_taken) in std::mem::take(&mut outcome.whens) {
            let cell = || (stage.map(str::to_owned), place.cloned(), copy);
            let known = self.whens.entry(at).or_insert_with(|| (whole, false, cell()));
            known.1 |= is_taken;
        }
        outcome
    }

    fn model(&mut self, expanded: &Expanded, copy: bool, mut problems: Diagnostics, reported: &[Span], full: bool) -> (Model, Diagnostics) {
        let of_chosen = expanded.stage.as_ref().map(|stage| stage.text.as_str()) == self.chosen;
        let instance = self.asked.variant.instance.filter(|_| of_chosen && copy);
        let (model, found) = check::check(expanded, instance, self.catalogue, self.sources);
        let echo = |found: &Diagnostic| found.is_of_several() || found.is_of_missing();
        // After an error, something may be unused only because what reads it was refused.
        let full = full || problems.has_errors() && found.iter().all(|found| !found.is_error());
        problems.extend(found.into_iter().filter(|found| !(full || echo(found) && reported.contains(&found.primary.span))));
        (model, problems)
    }

    /// What is wrong in overlays and conditions that no variant takes.
    fn untaken(&mut self, places: &[&Place]) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        for (stage, place, stretch) in self.stack.untaken(places) {
            let Outcome { expanded, problems, reported, full, .. } = self.expand(stage, place.as_ref(), false, None);
            let (_, problems) = self.model(&expanded, false, problems, &reported, full);
            out.extend(problems.into_iter().filter(|found| found.is_error() && self.is_in(found.primary.span, &[stretch])));
        }
        let taken: HashSet<Span> = self.whens.iter().filter(|(_, (_, taken, _))| *taken).map(|(at, _)| *at).collect();
        let mut left: Vec<(Cell, Span)> = self.whens.values().filter(|(_, taken, _)| !taken).map(|(whole, _, cell)| (cell.clone(), *whole)).collect();
        left.sort_by(|a, b| (&a.0.0, a.1).cmp(&(&b.0.0, b.1)));
        while let Some(((stage, place, copy), _)) = left.first().cloned() {
            let is_of = |cell: &Cell| (&cell.0, &cell.1, cell.2) == (&stage, &place, copy);
            let stretches: Vec<Span> = left.iter().filter(|(cell, _)| is_of(cell)).map(|(_, whole)| *whole).collect();
            left.retain(|(cell, _)| !is_of(cell));
            let Outcome { expanded, problems, reported, full, .. } = self.expand(stage.as_deref(), place.as_ref(), copy, Some(&taken));
            let (_, problems) = self.model(&expanded, false, problems, &reported, full);
            let counts = |found: &Diagnostic| found.is_error() && !TOGETHER.contains(&found.code) && self.is_in(found.primary.span, &stretches);
            out.extend(problems.into_iter().filter(counts));
        }
        out
    }

    fn is_in(&self, span: Span, stretches: &[Span]) -> bool {
        let span = self.sources.base(span);
        stretches.iter().any(|all| all.file == span.file && all.start <= span.start && span.end <= all.end)
    }
}

/// What is wrong, each once; where it is so in some of the variants only, their names are said, unless the place says by itself which it is of.
fn together(stack: &Stack<'_>, checked: &[Alike], asked: (Option<&str>, bool), targets: usize, places: &[Place], sources: &Sources) -> Vec<Diagnostic> {
    let mut found: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
    let mut index_of: HashMap<(&str, Span, String), usize> = HashMap::new();
    for (index, alike) in checked.iter().enumerate() {
        for problem in alike.problems.iter() {
            let key = (problem.code, problem.primary.span, format!("{}\n{}", problem.message, problem.primary.text));
            match index_of.get(&key).and_then(|at| found.get_mut(*at)) {
                Some((_, within)) => within.push(index),
                None => {
                    index_of.insert(key, found.len());
                    found.push((problem.clone(), vec![index]));
                }
            }
        }
    }
    let is_asked = |alike: &Alike| (alike.stage.as_deref(), alike.copy) == asked;
    let of_asked: Vec<usize> = (0..checked.len()).filter(|index| checked.get(*index).is_some_and(is_asked)).collect();
    let mut out = Vec::new();
    for (mut problem, mut within) in found {
        within.dedup();
        if !problem.is_error() {
            // A warning is about what is asked for, on each of its targets.
            if of_asked.iter().all(|index| within.contains(index)) {
                out.push(problem);
            }
            continue;
        }
        if within.len() < checked.len() && !stack.is_in_overlay(sources.base(problem.primary.span)) {
            let mut names: Vec<String> = within.iter().filter_map(|index| checked.get(*index)).map(|alike| name(stack, alike, targets, places)).collect();
            names.dedup();
            let more = names.len().saturating_sub(MOST_NAMED);
            names.truncate(MOST_NAMED);
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
    let copy = if stack.is_by_copy() { if alike.copy { "in a copy" } else { "in what is no copy" } } else { "" };
    [stage, on, copy.to_owned()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
