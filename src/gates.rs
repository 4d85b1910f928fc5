//! Gates: what somebody has to do before the rest of a stack can be made, and the part that can be made meanwhile.

use crate::check::{Model, ResourceId};
use crate::emit::Format;
use crate::native::{Graph, NativeId, NativeResource, Origin};
use crate::provider::NativeKind;

/// How it is looked up whether a gate is open. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The world asks these name servers for a domain.
    DnsDelegation,
    /// An image is in its registry.
    Image,
    /// A job has ended well. Whoever deploys starts it; nobody else opens this.
    Run,
}

impl Look {
    /// All of them, as rules name them.
    pub const NAMES: [&'static str; 3] = ["dns-delegation", "image", "run"];

    /// The look of this name.
    pub fn named(name: &str) -> Option<Look> {
        match name {
            "dns-delegation" => Some(Look::DnsDelegation),
            "image" => Some(Look::Image),
            "run" => Some(Look::Run),
            _ => None,
        }
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Look::DnsDelegation => "dns-delegation",
            Look::Image => "image",
            Look::Run => "run",
        }
    }

    /// What has to be known to look.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Look::DnsDelegation => &["domain", "name-servers"],
            Look::Image => &["image"],
            Look::Run => &["node"],
        }
    }
}

/// What has to be so before some of a stack can be made.
#[derive(Debug, Clone)]
pub struct Gate {
    /// `site.delegated`: the resource and the rule's name for it. Several where several look for the same.
    pub names: Vec<String>,
    /// How it is looked up.
    pub look: Look,
    /// What is looked for, in the order of [`Look::fields`].
    pub evidence: Vec<Evidence>,
    /// What a person does, as a sentence without its full stop.
    pub act: String,
    /// The user's resource whose rule has it; of several, the first.
    pub of: ResourceId,
    /// The user's node, and the rule.
    pub origin: Origin,
}

/// One thing that has to be known to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Known when building.
    Known(String),
    /// Known when deployed: the output, by its name in the stack.
    Output(String),
}

impl Gate {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.names.first().map(String::as_str).unwrap_or_default()
    }

    /// What has to be so, in words; `known` gives the values of outputs that are known.
    pub fn wanted(&self, known: &dyn Fn(&str) -> Option<String>) -> String {
        let text = |place: usize| match self.evidence.get(place) {
            Some(Evidence::Known(text)) => text.clone(),
            Some(Evidence::Output(name)) => known(name).unwrap_or_else(|| format!("output `{name}`")),
            None => String::new(),
        };
        match self.look {
            Look::DnsDelegation => format!("delegate {} to {}", text(0), text(1).replace(',', ", ")),
            Look::Image => format!("push the image {}", text(0)),
            Look::Run => format!("start the job {}", text(0)),
        }
    }
}

/// What waits behind a gate, for who reads about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The gate.
    pub name: String,
    /// What has to be done, in words.
    pub wanted: String,
    /// How a person does it.
    pub act: String,
    /// Whose resources wait, as `type name`, each once.
    pub waiting: Vec<String>,
    /// How many resources wait.
    pub resources: usize,
    /// The addresses of those that wait for the gate itself: where all of them are there, it is not met.
    pub for_it: Vec<String>,
}

/// What cannot be made while some gates are shut.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// For each resource of the graph, whether it waits.
    pub waits: Vec<bool>,
    /// What would wait, and cannot: something that runs already needs it.
    pub let_through: Vec<NativeId>,
}

impl Held {
    /// How many resources wait.
    pub fn count(&self, graph: &Graph) -> usize {
        let made = |(resource, waits): (&NativeResource, &bool)| *waits && resource.kind == NativeKind::Resource;
        graph.resources.iter().zip(&self.waits).filter(|pair| made(*pair)).count()
    }

    /// Whose resources wait, as `type name`, each once.
    pub fn owners(&self, graph: &Graph, model: &Model) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (resource, _) in graph.resources.iter().zip(&self.waits).filter(|(_, waits)| **waits) {
            let Some(owner) = resource.owner.and_then(|id| model.resources.get(id.0)) else { continue };
            let name = format!("{} {}", owner.ty.name, owner.name.text);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The gates of a graph that a first deploy meets.
pub fn notices(graph: &Graph, model: &Model, format: Format) -> Vec<Notice> {
    let all = graph.gates.iter().enumerate();
    all.map(|(index, gate)| {
        let held = held(graph, &[index], &|_| false);
        Notice {
            name: gate.name().to_owned(),
            wanted: gate.wanted(&|_| None),
            act: gate.act.clone(),
            waiting: held.owners(graph, model),
            resources: held.count(graph),
            for_it: waiting(graph, index).map(|resource| address(resource, format)).collect(),
        }
    })
    .collect()
}

/// What waits for a gate itself.
pub fn waiting(graph: &Graph, gate: usize) -> impl Iterator<Item = &NativeResource> {
    graph.resources.iter().filter(move |resource| resource.waits.contains(&gate))
}

/// What tells a resource from all others of its template.
pub fn address(resource: &NativeResource, format: Format) -> String {
    format.address(resource.kind, &resource.ty, &format.logical_name(&resource.name))
}

/// What cannot be made while these gates are shut: what waits for one, and whatever needs that. What is there already
/// never waits, nor does what that needs: a gate holds back only what is new.
pub fn held(graph: &Graph, shut: &[usize], there: &dyn Fn(&NativeResource) -> bool) -> Held {
    let needs: Vec<Vec<NativeId>> = graph.resources.iter().map(NativeResource::needs).collect();
    let mut needed = vec![false; graph.resources.len()];
    let is_there = |index: &usize| graph.resources.get(*index).is_some_and(there);
    let mut open: Vec<usize> = (0..needs.len()).filter(is_there).collect();
    while let Some(index) = open.pop() {
        if let Some(slot) = needed.get_mut(index).filter(|slot| !**slot) {
            *slot = true;
            open.extend(needs.get(index).into_iter().flatten().map(|id| id.0));
        }
    }
    let mut held = Held { waits: vec![false; needs.len()], let_through: Vec::new() };
    let for_a_gate = |resource: &NativeResource| resource.waits.iter().any(|gate| shut.contains(gate));
    for (index, resource) in graph.resources.iter().enumerate().filter(|(_, resource)| for_a_gate(resource)) {
        match needed.get(index) {
            Some(true) if !there(resource) => held.let_through.push(NativeId(index)),
            Some(false) => held.waits.iter_mut().skip(index).take(1).for_each(|waits| *waits = true),
            _ => {}
        }
    }
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (index, ids) in needs.iter().enumerate() {
        for id in ids {
            if let Some(list) = dependents.get_mut(id.0) {
                list.push(index);
            }
        }
    }
    let waiting = held.waits.iter().enumerate().filter(|(_, waits)| **waits);
    let mut open: Vec<usize> = waiting.map(|(index, _)| index).collect();
    while let Some(index) = open.pop() {
        for &next in dependents.get(index).into_iter().flatten() {
            if let Some(slot) = held.waits.get_mut(next).filter(|slot| !**slot) {
                *slot = true;
                open.push(next);
            }
        }
    }
    leave_out_unread(graph, &dependents, &mut held);
    held
}

/// What is only looked up for what waits is not looked up either: it may be there no sooner.
fn leave_out_unread(graph: &Graph, dependents: &[Vec<usize>], held: &mut Held) {
    let mut read = Vec::new();
    graph.settings.iter().for_each(|(_, val)| val.references(&mut read));
    graph.outputs.iter().for_each(|output| output.value.references(&mut read));
    loop {
        let waits = |index: &usize| held.waits.get(*index).copied().unwrap_or(false);
        let unread = |index: &usize| {
            let looked_up = graph.resources.get(*index).is_some_and(|resource| resource.kind == NativeKind::Data);
            let by = dependents.get(*index).map(Vec::as_slice).unwrap_or_default();
            looked_up && !waits(index) && !by.is_empty() && by.iter().all(waits) && !read.contains(&NativeId(*index))
        };
        let more: Vec<usize> = (0..graph.resources.len()).filter(unread).collect();
        if more.is_empty() {
            return;
        }
        for index in more {
            if let Some(slot) = held.waits.get_mut(index) {
                *slot = true;
            }
        }
    }
}

/// The graph without what waits, and without outputs that read it. Its parameters are those of the whole, so that a
/// value that was given once stays.
pub fn part(graph: &Graph, held: &Held) -> Graph {
    let waits = |id: usize| held.waits.get(id).copied().unwrap_or(false);
    let mut places = Vec::new();
    let mut next = 0;
    for index in 0..graph.resources.len() {
        places.push(NativeId(next));
        next += usize::from(!waits(index));
    }
    let stays = graph.resources.iter().enumerate().filter(|(index, _)| !waits(*index));
    let mut resources: Vec<NativeResource> = stays.map(|(_, resource)| resource.clone()).collect();
    resources.iter_mut().for_each(|resource| resource.renumber(&places));
    let reads_waiting = |val: &crate::native::Val| {
        let mut found = Vec::new();
        val.references(&mut found);
        found.iter().any(|id| waits(id.0))
    };
    let mut outputs: Vec<_> = graph.outputs.iter().filter(|output| !reads_waiting(&output.value)).cloned().collect();
    outputs.iter_mut().for_each(|output| output.value.renumber(&places));
    let mut settings = graph.settings.clone();
    settings.iter_mut().for_each(|(_, val)| val.renumber(&places));
    Graph {
        stack: graph.stack.clone(),
        about: graph.about.clone(),
        params: graph.params.clone(),
        resources,
        outputs,
        settings,
        losses: Vec::new(),
        state: graph.state.clone(),
        gates: graph.gates.clone(),
    }
}

/// The gates that are opened by a job which whoever deploys starts.
pub fn runs(graph: &Graph) -> impl Iterator<Item = usize> {
    graph.gates.iter().enumerate().filter(|(_, gate)| gate.look == Look::Run).map(|(index, _)| index)
}

/// What waits for these gates, and whatever needs that, there or not: none of it changes before they are open.
pub fn behind(graph: &Graph, gates: &[usize]) -> Vec<bool> {
    held(graph, gates, &|_| false).waits
}

/// What a job is made of, with what its handle reads, and all that these need: what has to be as it is to be before it is
/// started.
pub fn needed_to_run(graph: &Graph, gate: &Gate) -> Vec<bool> {
    let own = graph.resources.iter().enumerate().filter(|(_, resource)| resource.owner == Some(gate.of));
    let mut open: Vec<NativeId> = own.map(|(index, _)| NativeId(index)).collect();
    let told = graph.outputs.iter().filter(|output| output.handle == Some(gate.of));
    told.for_each(|output| output.value.references(&mut open));
    let mut needed = vec![false; graph.resources.len()];
    while let Some(id) = open.pop() {
        if let Some(slot) = needed.get_mut(id.0).filter(|slot| !**slot) {
            *slot = true;
            open.extend(graph.resources.get(id.0).map(NativeResource::needs).unwrap_or_default());
        }
    }
    needed
}
