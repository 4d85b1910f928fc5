//! The stack's file to a template, as `stackc build` does it, with what a deployment needs besides: the user's names and lines.

use crate::arguments::{MessageFormat, Place};
use crate::{Outcome, files, report, wrong_call};
use stackc::backend::Backend;
use stackc::check::Variant;
use stackc::emit::{self, Format, Style};
use stackc::gates::{self, Held};
use stackc::lock::Running;
use stackc::native::{Graph, NativeResource, Removal};
use stackc::origins::{Origins, ResourceOrigin};
use stackc::provider::NativeKind;
use stackc::rules::Target;
use stackc::source::{Sources, Span};
use std::collections::BTreeMap;

/// A stack, ready to be brought to life.
pub struct Compiled {
    /// All files that were read.
    pub sources: Sources,
    /// The target.
    pub target: Target,
    /// The stack's name.
    pub stack: String,
    /// The running stack's name.
    pub name: String,
    /// The template.
    pub template: String,
    /// From its names back to the stack.
    pub origins: Origins,
    /// Where the stack says that Terraform keeps its state.
    pub state: Option<Backend>,
    /// What the template is made of, of which a part can be written.
    pub graph: Graph,
    /// How the template is laid out.
    style: Style,
    /// Where the stack is declared.
    pub span: Span,
    /// Native types that hold what a replacement would lose, by the rules.
    stateful: Vec<String>,
    /// What the lock file calls resources that the stack no longer has: by address, the user's type and name, and the part.
    gone: BTreeMap<String, (String, String, String)>,
}

/// Compiles; what is wrong is reported here.
pub fn compile(place: &Place, format: MessageFormat) -> Result<Compiled, Outcome> {
    let (compiler, mut sources, file) = files::open(&place.input)?;
    let variant = Variant { stage: place.input.stage.as_deref(), instance: place.input.instance.as_deref() };
    let (model, mut out) = compiler.check(file, variant, &mut sources);
    let Some(mut model) = model.filter(|_| !out.has_errors()) else {
        report::report(&out.sorted(), &sources, format, true);
        return Err(Outcome::WrongInput);
    };
    let all = compiler.targets(&mut sources);
    let target = choose(place.target.as_deref(), all, &model.targets.iter().map(|name| name.text.as_str()).collect::<Vec<_>>())?;
    let (stack, name) = (model.name.clone(), model.full_name());
    // The engine says where the state is, since a call can say otherwise.
    let state = model.state.take();
    // Terraform shows the line that it refuses.
    let compact = target.format != Format::Terraform;
    let style = Style { compact, yaml: false };
    let (built, problems) = compiler.build_with_graph(&model, &target, style, &mut sources);
    out.extend(problems);
    let failed = out.has_errors();
    report::report(&out.sorted(), &sources, format, true);
    let Some((artefact, origins, graph)) = built.filter(|_| !failed) else { return Err(Outcome::WrongInput) };
    let stateful = compiler.stateful_types(&target, &mut sources);
    Ok(Compiled { sources, target, stack, name, template: artefact.text, origins, state, graph, style, span: model.span, stateful, gone: BTreeMap::new() })
}

/// The target that is meant; the stack's file is read only where the call does not say it, and what is wrong in it hinders nothing.
pub fn target(place: &Place, format: MessageFormat) -> Result<Target, Outcome> {
    if place.target.is_some() {
        let mut sources = Sources::default();
        let all = files::compiler(place.input.rules.as_deref())?.targets(&mut sources);
        return choose(place.target.as_deref(), all, &[]);
    }
    let (compiler, mut sources, file) = files::open(&place.input)?;
    let (model, out) = compiler.check(file, Variant { stage: None, instance: None }, &mut sources);
    let Some(model) = model else {
        report::report(&out.sorted(), &sources, format, true);
        return Err(Outcome::WrongInput);
    };
    let all = compiler.targets(&mut sources);
    choose(None, all, &model.targets.iter().map(|name| name.text.as_str()).collect::<Vec<_>>())
}

/// The target: the one that is asked for, or the stack's only one.
fn choose(wanted: Option<&str>, all: Vec<Target>, named: &[&str]) -> Result<Target, Outcome> {
    let names = stackc::diag::list(all.iter().map(|target| &target.name));
    if let Some(wanted) = wanted {
        return all
            .into_iter()
            .find(|target| target.name == wanted)
            .ok_or_else(|| wrong_call(format!("there is no target `{wanted}`: the targets are {names}")));
    }
    let mut fit: Vec<Target> = all.into_iter().filter(|target| named.is_empty() || named.contains(&target.name.as_str())).collect();
    match fit.pop() {
        Some(only) if fit.is_empty() => Ok(only),
        Some(last) => {
            fit.push(last);
            Err(wrong_call(format!("the stack can be deployed to {}: say which with --target", stackc::diag::list(fit.iter().map(|target| &target.name)))))
        }
        None => Err(wrong_call(format!("there is no target to deploy to: the targets are {names}"))),
    }
}

/// `database data: instance`.
fn part_of(ty: &str, of: &str, part: &str) -> String {
    if part.is_empty() { format!("{ty} {of}") } else { format!("{ty} {of}: {part}") }
}

/// What of a stack can be made while some gates are shut.
pub struct Part {
    /// Its template.
    pub template: String,
    /// The addresses of what it has.
    pub addresses: Vec<String>,
    /// The addresses of what waits.
    pub waiting: Vec<String>,
    /// The addresses of what would wait, and cannot: something that runs needs it.
    pub let_through: Vec<String>,
    /// Where jobs are to end before the rest changes: all that is not part of this stays as it runs.
    pub jobs: Option<Jobs>,
}

/// Jobs that are to end well before what waits for them changes.
pub struct Jobs {
    /// The gates whose job can be started once the part is there.
    pub ready: Vec<usize>,
    /// Whether what waits for them runs already, and stays as it is meanwhile.
    pub runs: bool,
}

impl Compiled {
    fn address(&self, resource: &NativeResource) -> String {
        gates::address(resource, self.target.format)
    }

    /// The addresses of what waits for a gate itself.
    pub fn waiting_for(&self, gate: usize) -> Vec<String> {
        gates::waiting(&self.graph, gate).map(|resource| self.address(resource)).collect()
    }

    /// What can be made while these gates are shut, and what is there already stays in it; none when nothing waits.
    pub fn part(&self, shut: &[usize], there: &[String]) -> Option<Part> {
        let held: Held = gates::held(&self.graph, shut, &|resource| there.contains(&self.address(resource)));
        if held.count(&self.graph) == 0 {
            return None;
        }
        let part = gates::part(&self.graph, &held);
        let made = |(resource, _): &(&NativeResource, &bool)| resource.kind == NativeKind::Resource;
        let all = || self.graph.resources.iter().zip(&held.waits).filter(made);
        let through = held.let_through.iter().filter_map(|id| self.graph.resources.get(id.0));
        Some(Part {
            template: emit::write(&part, &self.target, self.style),
            addresses: all().filter(|(_, waits)| !**waits).map(|(resource, _)| self.address(resource)).collect(),
            waiting: all().filter(|(_, waits)| **waits).map(|(resource, _)| self.address(resource)).collect(),
            let_through: through.map(|resource| self.address(resource)).collect(),
            jobs: None,
        })
    }

    /// What comes before these jobs have ended. While all that waits for them is new, it is whatever neither waits for
    /// them nor for what is shut; else no more than the jobs need.
    pub fn before(&self, jobs: &[usize], shut: &[usize], there: &[String]) -> Part {
        let is_there = |resource: &NativeResource| there.contains(&self.address(resource));
        let held = gates::held(&self.graph, shut, &is_there).waits;
        let behind = gates::behind(&self.graph, jobs);
        let runs = self.graph.resources.iter().zip(&behind).any(|(resource, behind)| *behind && is_there(resource));
        let needed = |gate: &usize| self.graph.gates.get(*gate).map(|gate| gates::needed_to_run(&self.graph, gate)).unwrap_or_default();
        let needs: Vec<(usize, Vec<bool>)> = jobs.iter().map(|gate| (*gate, needed(gate))).collect();
        let free = |needed: &[bool]| !needed.iter().zip(held.iter().zip(&behind)).any(|(needed, (held, behind))| *needed && (*held || *behind));
        let ready: Vec<&(usize, Vec<bool>)> = needs.iter().filter(|(_, needed)| free(needed)).collect();
        let only_them = runs && !ready.is_empty();
        let made = |index: usize| match only_them {
            true => ready.iter().any(|(_, needed)| needed.get(index) == Some(&true)),
            false => held.get(index) == Some(&false) && behind.get(index) == Some(&false),
        };
        let waits: Vec<bool> = (0..self.graph.resources.len()).map(|index| !made(index)).collect();
        let part = gates::part(&self.graph, &Held { waits: waits.clone(), let_through: Vec::new() });
        let all = || self.graph.resources.iter().zip(&waits).filter(|(resource, _)| resource.kind == NativeKind::Resource);
        let not_there = |address: &String| !there.contains(address);
        Part {
            template: emit::write(&part, &self.target, self.style),
            addresses: all().filter(|(_, waits)| !**waits).map(|(resource, _)| self.address(resource)).collect(),
            waiting: all().filter(|(_, waits)| **waits).map(|(resource, _)| self.address(resource)).filter(not_there).collect(),
            let_through: Vec::new(),
            jobs: Some(Jobs { ready: ready.iter().map(|(gate, _)| *gate).collect(), runs }),
        }
    }

    /// The user's nodes whose change is a reason to start the job of a gate, as `service web`: the job's own first, then
    /// those that wait for it.
    pub fn nodes_of(&self, gate: usize) -> Vec<String> {
        let Some(known) = self.graph.gates.get(gate) else { return Vec::new() };
        let of_job = |resource: &&NativeResource| resource.owner == Some(known.of);
        let all = self.graph.resources.iter().filter(of_job).take(1).chain(gates::waiting(&self.graph, gate));
        let mut names: Vec<String> = Vec::new();
        for name in all.map(|resource| crate::table::node_of(self, &self.address(resource))) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// What a resource of the template is called, by its address: `database data: instance`. What the stack no longer has goes by its address.
    pub fn label(&self, address: &str) -> String {
        let Some(origin) = self.origins.resource(address) else {
            return self.gone.get(address).map_or_else(|| address.to_owned(), |(ty, of, part)| part_of(ty, of, part));
        };
        match (&origin.of, origin.part.as_str()) {
            (Some((ty, of)), part) => part_of(ty, of, part),
            (None, "") => origin.name.clone(),
            (None, part) => format!("stack: {part}"),
        }
    }

    /// The user's own name of a resource of the template, by its address.
    pub fn user_name<'a>(&'a self, address: &'a str) -> &'a str {
        let known = self.origins.resource(address).and_then(|origin| origin.of.as_ref()).map(|(_, of)| of);
        known.or_else(|| self.gone.get(address).map(|(_, of, _)| of)).map_or(address, String::as_str)
    }

    /// Learns what a running stack's resources were called, for those that the stack no longer has.
    pub fn learn(&mut self, running: &Running) {
        for locked in &running.resources {
            let Some((ty, of)) = &locked.of else { continue };
            let address = self.target.format.address(locked.kind, &locked.ty, &locked.name);
            if self.origins.resource(&address).is_none() {
                self.gone.insert(address, (ty.clone(), of.clone(), locked.part.clone()));
            }
        }
    }

    /// The addresses of what a user calls by a name: his own, or the template's.
    pub fn addresses(&self, user: &str) -> Vec<String> {
        let own = |origin: &&ResourceOrigin| origin.of.as_ref().is_some_and(|(_, name)| name == user);
        let of_template = |origin: &&ResourceOrigin| origin.name == user || origin.address == user;
        let gone = self.gone.iter().filter(|(_, (_, of, _))| of == user).map(|(address, _)| address.clone());
        let found: Vec<String> = self.origins.resources.iter().filter(own).map(|origin| origin.address.clone()).chain(gone).collect();
        if found.is_empty() { self.origins.resources.iter().filter(of_template).map(|origin| origin.address.clone()).collect() } else { found }
    }

    /// Why replacing or removing a resource takes a word more, if it does.
    pub fn guarded(&self, address: &str, ty: &str) -> Option<&'static str> {
        match self.origins.resource(address) {
            Some(origin) if origin.removal == Removal::Keep => Some("is protected"),
            Some(origin) if origin.stateful => Some("holds data"),
            Some(_) => None,
            None if self.origins.resources.iter().any(|origin| origin.ty == ty && origin.takes_over(address)) => None,
            None => self.stateful.iter().any(|known| known == ty).then_some("holds data"),
        }
    }

    /// The protected ones of the user's resources.
    pub fn protected(&self) -> Vec<&ResourceOrigin> {
        self.origins.resources.iter().filter(|origin| origin.removal == Removal::Keep).collect()
    }
}
