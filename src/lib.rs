//! stackc compiles one portable description of a cloud stack, written in KDL 2, to the native template of a cloud.
//!
//! Text becomes a tree ([`syntax`]), the tree a portable model ([`check`]), the model native resources ([`rules`]), native
//! resources text ([`emit`]). Whatever knows a cloud is data below `specs/` and `targets/`; whatever knows how is code here.

pub mod backend;
pub mod check;
pub mod diag;
pub mod embedded;
pub mod emit;
pub mod expand;
pub mod gates;
pub mod lock;
pub mod native;
pub mod origins;
pub mod portability;
pub mod portable;
pub mod provider;
pub mod rules;
pub mod source;
pub mod syntax;
pub mod variants;

use diag::{Diagnostics, lower as lower_diag};
use emit::Style;
use origins::Origins;
use portable::Catalogue;
use rules::{RuleFiles, Rules, Target};
use source::{FileId, Sources, Span};

/// A template, ready to be written to a file.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// The file's name.
    pub file_name: &'static str,
    /// Its text.
    pub text: String,
    /// The same without line breaks and indentation, where its cloud takes it directly so and not otherwise.
    pub compact: Option<String>,
    /// How many resources it has.
    pub resources: usize,
    /// What has to be done by somebody before all of it can be made.
    pub gates: Vec<gates::Notice>,
}

/// What a run knows besides the stack: the portable types and the rule files.
#[derive(Debug, Default)]
pub struct Compiler {
    /// The portable types.
    pub catalogue: Catalogue,
    /// The rule files, with a team's own over them.
    pub files: RuleFiles,
    /// The files beside the stack, for what takes them in.
    pub parts: expand::Files,
    /// Lets of the stack that are set from outside, with their text.
    pub lets: Vec<(String, String)>,
}

impl Compiler {
    /// A compiler with rule files laid over the embedded ones: paths such as `aws/database.kdl`, and texts.
    pub fn new(overlay: Vec<(String, String)>) -> Compiler {
        Compiler { catalogue: Catalogue::default(), files: RuleFiles::new(overlay), parts: expand::Files::default(), lets: Vec::new() }
    }

    /// Reads and checks a stack, without any target.
    pub fn check(&self, file: FileId, variant: check::Variant<'_>, sources: &mut Sources) -> (Option<check::Model>, Diagnostics) {
        let text = sources.get(file).map(|source| source.text.to_string()).unwrap_or_default();
        let mut out = Diagnostics::default();
        let syntax::Read { mut nodes, mut problems, mut reported } = syntax::read_on(file, &text);
        if nodes.is_empty() && !problems.is_empty() {
            out.extend(problems);
            return (None, out);
        }
        let (found, lines) = expand::includes(&mut nodes, &self.parts, sources);
        problems.extend(found);
        reported.extend(lines);
        let targets = self.targets(sources);
        let places: Vec<expand::Place> = targets.iter().map(|target| expand::Place { target: target.name.clone(), cloud: target.cloud.clone() }).collect();
        let asked = variants::Asked { variant, places: &places, lets: &self.lets };
        let (model, found) = variants::check(&nodes, Span::first(file, &text), asked, &self.catalogue, sources);
        let found = found.in_files(sources);
        if problems.is_empty() {
            out.extend(found);
        } else {
            // What could not be read hides no other mistake, and is not reported as something that is missing as well.
            let echo = |span: Span| reported.iter().any(|line| line.file == span.file && line.start <= span.start && span.start <= line.end);
            let lacks = problems.iter().any(|problem| problem.code == diag::expand::NOT_TAKEN);
            let found = found.into_iter().filter(|found| !(lacks && found.is_of_a_name()));
            out.extend(found.filter(|found| found.is_error() && !found.is_of_several() && !echo(found.primary.span)));
            out.extend(problems);
        }
        let mut names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        for name in model.iter().flat_map(|model| &model.targets).filter(|name| !names.contains(&name.text.as_str())) {
            out.push(diag::check::unknown_target(name.span, &name.text, &names));
        }
        // What a whole cloud lacks is accepted for all of its targets at once.
        names.extend(targets.iter().map(|target| target.cloud.as_str()));
        names.dedup();
        let models = model.iter().flat_map(|model| std::iter::once(model).chain(model.elsewhere.iter().map(|other| &other.model)));
        let accepted = models.flat_map(|model| &model.resources).flat_map(|resource| &resource.accepts).filter_map(|accept| accept.target.as_ref());
        for name in accepted.filter(|name| !names.contains(&name.text.as_str())) {
            out.push(diag::check::unknown_target(name.span, &name.text, &names));
        }
        out.extend(model.iter().flat_map(|model| self.files.check_found(model, sources)));
        out.extend(self.files.problems());
        out.extend(self.catalogue.problems());
        (model, out)
    }

    /// Lowers a checked stack for a target, and writes its template when there was no error.
    pub fn build(&self, model: &check::Model, target: &Target, style: Style, sources: &mut Sources) -> (Option<Artefact>, Diagnostics) {
        let (built, out) = self.build_graph(model, target, style, sources);
        (built.map(|(artefact, _)| artefact), out)
    }

    /// The same, with the way from the template's names back to the stack, for who deploys it.
    pub fn build_with_origins(&self, model: &check::Model, target: &Target, style: Style, sources: &mut Sources) -> (Option<(Artefact, Origins)>, Diagnostics) {
        let (built, out) = self.build_with_graph(model, target, style, sources);
        (built.map(|(artefact, origins, _)| (artefact, origins)), out)
    }

    /// The same, with the graph, of which a part can be written ([`gates::part`]).
    pub fn build_with_graph(
        &self,
        model: &check::Model,
        target: &Target,
        style: Style,
        sources: &mut Sources,
    ) -> (Option<(Artefact, Origins, native::Graph)>, Diagnostics) {
        let (built, out) = self.build_graph(model, target, style, sources);
        // What the provider's schema says of changes is asked of it once more: who only compiles does not need it.
        let model = model.on(&target.name);
        let traced = built.and_then(|(artefact, graph)| {
            let origins = Origins::of(&graph, model, target.format, &provider::Facts::open(&target.facts)?);
            Some((artefact, origins, graph))
        });
        (traced, out)
    }

    /// What of a checked stack can be made while all of its gates are shut, as a template. What is there already, by its address, is never left out of it.
    pub fn build_first(
        &self,
        model: &check::Model,
        target: &Target,
        style: Style,
        there: &dyn Fn(&str) -> bool,
        sources: &mut Sources,
    ) -> (Option<Artefact>, Diagnostics) {
        let (built, out) = self.build_graph(model, target, style, sources);
        let first = built.map(|(whole, graph)| {
            let is_there = |resource: &native::NativeResource| there(&gates::address(resource, target.format));
            let held = gates::held(&graph, &(0..graph.gates.len()).collect::<Vec<_>>(), &is_there);
            let part = gates::part(&graph, &held);
            let text = emit::write(&part, target, style);
            Artefact {
                compact: compact(&part, target, &text, style).filter(|(fits, _)| *fits).map(|(_, text)| text),
                text,
                resources: part.resources.len(),
                ..whole
            }
        });
        (first, out)
    }

    fn build_graph(&self, model: &check::Model, target: &Target, style: Style, sources: &mut Sources) -> (Option<(Artefact, native::Graph)>, Diagnostics) {
        if let Some(problems) = model.problems_on(&target.name).filter(|problems| problems.has_errors()) {
            return (None, problems.clone().in_files(sources));
        }
        let (graph, mut out) = self.lower(model, target, sources);
        let model = model.on(&target.name);
        let Some(graph) = graph.filter(|_| !out.has_errors()) else { return (None, out) };
        let text = emit::write(&graph, target, style);
        let compact = compact(&graph, target, &text, style);
        out.extend(over_limits(&graph, target, &text, compact.as_ref(), model.span));
        if out.has_errors() {
            return (None, out);
        }
        let (resources, gates) = (graph.resources.len(), gates::notices(&graph, model, target.format));
        let compact = compact.filter(|(fits, _)| *fits).map(|(_, text)| text);
        (Some((Artefact { file_name: target.format.file_name(style), text, compact, resources, gates }, graph)), out)
    }

    /// Lowers a checked stack for a target. The graph is there unless the rules themselves are wrong; with errors, it is not to be written.
    fn lower(&self, model: &check::Model, target: &Target, sources: &mut Sources) -> (Option<native::Graph>, Diagnostics) {
        let (model, mut out) = (model.on(&target.name), Diagnostics::default());
        let rules = match Rules::open(target.clone(), &self.files) {
            Ok(rules) => rules,
            Err(problem) => {
                out.push(problem);
                return (None, out);
            }
        };
        let mut types: Vec<String> = model.resources.iter().map(|resource| resource.ty.name.clone()).collect();
        types.sort();
        types.dedup();
        let (checked, problems) = rules::check::checked(rules, &types, &self.catalogue, sources);
        out.extend(problems);
        let Some(checked) = checked else { return (None, out) };
        let (graph, problems) = rules::lower(model, &checked, sources);
        out.extend(problems.in_files(sources));
        (Some(graph), out)
    }

    /// What a move of a checked stack to a target would keep and lose. The diagnostics are those of the rules themselves; then there is no report.
    pub fn portability(&self, model: &check::Model, target: &Target, sources: &mut Sources) -> (Option<portability::Report>, Diagnostics) {
        let (graph, mut out) = self.lower(model, target, sources);
        out.extend(model.problems_on(&target.name).cloned().unwrap_or_default());
        let model = model.on(&target.name);
        match graph {
            Some(graph) => (Some(portability::report(model, target, graph, out)), Diagnostics::default()),
            None => (None, out),
        }
    }

    /// The native types that hold what a replacement would lose, by the rules of a target and the portable types: what a deployment asks about before it removes
    /// one that the stack no longer names.
    pub fn stateful_types(&self, target: &Target, sources: &mut Sources) -> Vec<String> {
        let Ok(rules) = Rules::open(target.clone(), &self.files) else { return Vec::new() };
        let mut found = Vec::new();
        for name in self.catalogue.names() {
            let carries = self.catalogue.get(name, sources).is_some_and(|ty| ty.carry.is_some());
            if let Some(rule) = rules.lowering(name, sources).filter(|_| carries) {
                rules::kept_types(&rule.body, &mut found);
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// All targets of all clouds.
    pub fn targets(&self, sources: &mut Sources) -> Vec<Target> {
        self.files.targets(sources)
    }
}

/// A template that is larger than what can be handed over directly, without line breaks and indentation, and whether it can be so.
fn compact(graph: &native::Graph, target: &Target, text: &str, style: Style) -> Option<(bool, String)> {
    let direct = target.format.limits().direct.filter(|direct| text.len() > *direct && !style.compact && !style.yaml)?;
    let compact = emit::write(graph, target, Style { compact: true, yaml: false });
    Some((compact.len() <= direct, compact))
}

/// What the cloud would refuse for its size alone, and what most of it comes from.
fn over_limits(graph: &native::Graph, target: &Target, text: &str, compact: Option<&(bool, String)>, stack: Span) -> Vec<diag::Diagnostic> {
    let limits = target.format.limits();
    let mut found = Vec::new();
    let count = graph.resources.len();
    if count == 0 {
        return vec![lower_diag::nothing_made(stack, &target.name)];
    }
    if limits.resources.is_some_and(|most| count > most) {
        let most = limits.resources.unwrap_or_default();
        return vec![lower_diag::beyond_limit(stack, &format!("{count} resources"), &most.to_string(), &contributors(graph))];
    }
    let params = graph.params.iter().filter(|param| param.used).count();
    for (what, entries, most) in [("parameters", params, limits.params), ("outputs", graph.outputs.len(), limits.outputs)] {
        if let Some(most) = most.filter(|most| entries > *most) {
            found.push(lower_diag::beyond_limit(stack, &format!("{entries} {what}"), &most.to_string(), &[]));
        }
    }
    if let Some(most) = limits.expression {
        let longest = emit::longest_expression(text);
        if longest > most {
            found.push(lower_diag::beyond_limit(stack, &format!("an expression of {longest} characters"), &most.to_string(), &[]));
        }
    }
    let bytes = text.len();
    if let Some(most) = limits.bytes.filter(|most| bytes > *most) {
        found.push(lower_diag::beyond_limit(stack, &format!("{bytes} bytes"), &most.to_string(), &contributors(graph)));
    } else if let Some(direct) = limits.direct.filter(|direct| bytes > *direct && compact.is_none_or(|(fits, _)| !fits)) {
        found.push(lower_diag::large(stack, compact.map_or(bytes, |(_, text)| text.len()), direct));
    }
    found
}

/// The user's resources that most native resources come from.
fn contributors(graph: &native::Graph) -> Vec<String> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for resource in &graph.resources {
        *counts.entry(resource.name.first().map(String::as_str).unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts.into_iter().take(5).map(|(name, count)| format!("{name} ({count})")).collect()
}
