//! The ledger of losses as a report: what a stack keeps and loses on a target, node by node, and what a move there would take.
//!
//! Everything in it is what lowering itself met ([`MetLoss`]), so that the report and the warnings of a build cannot disagree.

mod html;
mod picture;
mod text;

pub use html::html;
pub use text::{markdown, table};

use crate::check::{Field, Model, Record, Resource, ResourceId, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::native::{Graph, MetLoss, ValKind};
use crate::rules::{Grade, Target};
use crate::source::{Sources, Span};
use serde_json::json;
use std::collections::HashSet;

/// How much of a node arrives at most, in thousandths, where ordinary applications do not run because of a loss.
const BROKEN: u32 = 250;

/// The score of a target at most where a node of the stack is broken: the rest may arrive as well as it will.
const BROKEN_SCORE: u32 = 50;

/// What a stack keeps and loses on one target.
#[derive(Debug)]
pub struct Report {
    /// The target's name.
    pub target: String,
    /// What the target is, in a few words.
    pub about: String,
    /// How much arrives, from 0 to 100; see [`Node::share`].
    pub score: u32,
    /// One for each resource of the stack, the worst first.
    pub nodes: Vec<Node>,
    /// What the target refuses besides: a value or a combination that it does not offer.
    pub refusals: Vec<Diagnostic>,
    /// What the deployer is asked for there, besides the stack's own parameters.
    pub asks: Vec<Ask>,
}

/// A resource of the stack on a target.
#[derive(Debug)]
pub struct Node {
    /// Its type.
    pub ty: String,
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// How many things it says: itself, its properties, its edges.
    pub said: u32,
    /// How much of them arrives, in thousandths: each counts 1000 when exact, 900 when emulated, 500 when degraded, 0 when unsupported.
    /// A default that is lost counts as one more. A node whose type is unsupported has 0, one that a loss breaks [`BROKEN`] at most.
    pub share: u32,
    /// Its losses, the worst first.
    pub losses: Vec<MetLoss>,
    /// What has to be carried over.
    pub carry: Option<String>,
    /// Whether it exists already and is found there, rather than made.
    pub found: bool,
}

impl Node {
    /// The worst that happens to it; `None` when all of it is exact.
    pub fn worst(&self) -> Option<Grade> {
        self.losses.iter().map(|loss| loss.grade).max()
    }

    /// The worst in one word: what nobody asked for and is missing by default counts as degraded.
    pub fn summary(&self) -> Option<Grade> {
        self.losses.iter().map(|loss| if loss.given { loss.grade } else { loss.grade.min(Grade::Degraded) }).max()
    }

    /// Whether ordinary applications do not run because of what it loses.
    pub fn is_broken(&self) -> bool {
        self.losses.iter().any(|loss| loss.breaks.is_some())
    }

    /// Why its author accepts what it loses there.
    pub fn accepted(&self) -> Option<&str> {
        self.losses.iter().filter(|loss| loss.grade > Grade::Emulated).find_map(|loss| loss.accepted.as_deref())
    }

    /// The losses that a build would speak of: written by the user, and not accepted.
    pub fn open(&self) -> impl Iterator<Item = &MetLoss> {
        self.losses.iter().filter(|loss| (loss.given || loss.breaks.is_some()) && loss.accepted.is_none() && loss.grade > Grade::Emulated)
    }
}

/// A parameter that a target's rules add.
#[derive(Debug)]
pub struct Ask {
    /// Its name in the template.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Its default, as text.
    pub default: Option<String>,
    /// Whether it is kept out of sight.
    pub secret: bool,
}

impl Report {
    /// The worst grade of all nodes.
    pub fn worst(&self) -> Option<Grade> {
        if self.refusals.is_empty() { self.nodes.iter().filter_map(Node::worst).max() } else { Some(Grade::Unsupported) }
    }

    /// Whether anything is lost or refused.
    pub fn has_losses(&self) -> bool {
        self.worst().is_some()
    }

    /// How many losses there are of a grade.
    pub fn count(&self, grade: Grade) -> usize {
        self.nodes.iter().flat_map(|node| &node.losses).filter(|loss| loss.grade == grade).count()
    }

    /// Leaves out what is no worse than on another target, such as the one that the stack runs on today.
    pub fn beyond(&mut self, from: &Report) {
        for node in &mut self.nodes {
            let there = from.nodes.iter().find(|other| other.name == node.name);
            let known = |loss: &MetLoss| {
                there.iter().flat_map(|other| &other.losses).any(|other| other.subject == loss.subject && other.to == loss.to && other.grade >= loss.grade)
            };
            node.losses.retain(|loss| !known(loss));
        }
        sort(&mut self.nodes);
    }
}

/// The worst that happens to each resource on each target, the resources in the order of the stack's own report.
pub(crate) fn overview(model: &Model, reports: &[Report]) -> Vec<(String, Vec<Option<Grade>>)> {
    let worst = |name: &str| -> Vec<Option<Grade>> {
        reports.iter().map(|report| report.nodes.iter().find(|node| node.name == name).and_then(Node::summary)).collect()
    };
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    // A resource may be there on some of the targets only.
    for resource in std::iter::once(model).chain(reports.iter().map(|report| model.on(&report.target))).flat_map(|model| &model.resources) {
        let name = (resource.ty.name.as_str(), resource.name.text.as_str());
        if seen.insert(name) {
            names.push(name);
        }
    }
    let mut rows: Vec<(String, Vec<Option<Grade>>)> = names.into_iter().map(|(ty, name): (&str, &str)| (format!("{ty} {name}"), worst(name))).collect();
    rows.sort_by_key(|(_, grades)| std::cmp::Reverse(grades.iter().copied().max().flatten()));
    rows
}

/// Puts a report together from what lowering met.
pub(crate) fn report(model: &Model, target: &Target, graph: Graph, problems: Diagnostics) -> Report {
    let mut nodes: Vec<Node> = model
        .resources
        .iter()
        .enumerate()
        .map(|(index, resource)| {
            let mut losses: Vec<MetLoss> = graph.losses.iter().filter(|loss| loss.resource == ResourceId(index)).cloned().collect();
            losses.sort_by(|a, b| b.grade.cmp(&a.grade).then(b.given.cmp(&a.given)).then(a.user.start.cmp(&b.user.start)).then(a.subject.cmp(&b.subject)));
            losses.dedup_by(|a, b| (a.grade, &a.subject, a.to, a.user, &a.reason) == (b.grade, &b.subject, b.to, b.user, &b.reason));
            let (said, share) = share(resource, &losses);
            // What is found is its owner's to move.
            let found = resource.found.is_some();
            let carry = resource.ty.carry.clone().filter(|_| !found);
            Node { ty: resource.ty.name.clone(), name: resource.name.text.clone(), span: resource.span, said, share, losses, carry, found }
        })
        .collect();
    sort(&mut nodes);
    let total: u32 = nodes.iter().map(|node| node.share).sum();
    let score = u32::try_from(nodes.len()).ok().filter(|count| *count > 0).map_or(100, |count| total / count / 10);
    let score = if nodes.iter().any(Node::is_broken) { score.min(BROKEN_SCORE) } else { score };
    let asks = graph
        .params
        .iter()
        .skip(model.params.len())
        .filter(|param| param.used)
        .map(|param| Ask {
            name: param.name.clone(),
            about: param.about.clone().unwrap_or_default(),
            default: param.default.as_ref().and_then(|val| match &val.kind {
                ValKind::Text(text) => Some(text.clone()),
                ValKind::Integer(number) => Some(number.to_string()),
                ValKind::Number(number) => Some(number.to_string()),
                ValKind::Bool(flag) => Some(flag.to_string()),
                _ => None,
            }),
            secret: param.secret,
        })
        .collect();
    let refusals = problems.sorted().into_iter().filter(|problem| problem.is_error() && problem.code != crate::diag::lower::UNSUPPORTED).collect();
    Report { target: target.name.clone(), about: target.about.clone(), score, nodes, refusals, asks }
}

fn sort(nodes: &mut [Node]) {
    nodes.sort_by(|a, b| b.worst().cmp(&a.worst()).then(a.share.cmp(&b.share)).then(a.name.cmp(&b.name)));
}

/// How many things a resource says, and how much of them arrives, in thousandths.
fn share(resource: &Resource, losses: &[MetLoss]) -> (u32, u32) {
    let worth = |grade: Option<Grade>| match grade {
        None => 1000,
        Some(Grade::Emulated) => 900,
        Some(Grade::Degraded) => 500,
        Some(Grade::Unsupported) => 0,
    };
    let worst = |of: &dyn Fn(&MetLoss) -> bool| losses.iter().filter(|loss| loss.given && of(loss)).map(|loss| loss.grade).max();
    let whole = worst(&|loss| loss.subject == resource.ty.name);
    if whole == Some(Grade::Unsupported) {
        return (1, 0);
    }
    let mut worths: Vec<u32> = vec![worth(whole)];
    for (name, field) in resource.values.fields.iter().filter(|(_, field)| field.given) {
        let is_head = |loss: &MetLoss| loss.subject.split('.').next() == Some(name.as_str());
        match &field.value {
            Value::Blocks(records) if records.iter().any(|record| record.to.is_some()) => {
                let within = |record: &Record, loss: &MetLoss| (record.span.start..=record.span.end).contains(&loss.user.start);
                worths.extend(records.iter().map(|record| worth(worst(&|loss| is_head(loss) && loss.to == record.to && within(record, loss)))));
            }
            _ => worths.push(worth(worst(&is_head))),
        }
    }
    let mut defaults: Vec<(&str, Grade)> = losses.iter().filter(|loss| !loss.given).map(|loss| (loss.subject.as_str(), loss.grade)).collect();
    defaults.sort();
    worths.extend(defaults.iter().map(|(_, grade)| worth(Some(*grade))));
    let said = u32::try_from(worths.len()).unwrap_or(u32::MAX);
    let share = worths.iter().sum::<u32>() / said.max(1);
    (said, if losses.iter().any(|loss| loss.breaks.is_some()) { share.min(BROKEN) } else { share })
}

/// What leads from one resource to another, for the picture: a property or an edge.
pub(crate) fn links(resource: &Resource) -> Vec<(ResourceId, String)> {
    fn within(record: &Record, head: Option<&str>, found: &mut Vec<(ResourceId, String)>) {
        found.extend(record.to.map(|to| (to, head.unwrap_or_default().to_owned())));
        for (name, field) in &record.fields {
            value(field, head.unwrap_or(name), found);
        }
    }
    fn value(field: &Field, name: &str, found: &mut Vec<(ResourceId, String)>) {
        match &field.value {
            Value::Resource(id) | Value::Output(id, _) => found.push((*id, name.to_owned())),
            Value::Block(record) => within(record, Some(name), found),
            Value::Blocks(records) => records.iter().for_each(|record| within(record, Some(name), found)),
            Value::List(items) | Value::Joined(items) => items.iter().for_each(|item| value(item, name, found)),
            Value::Map(items) => items.iter().for_each(|(_, item)| value(item, name, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    within(&resource.values, None, &mut found);
    found.sort();
    found.dedup_by_key(|(to, _)| *to);
    found
}

/// The word for a grade; `exact` for none.
pub fn word(grade: Option<Grade>) -> &'static str {
    match grade {
        None => "exact",
        Some(Grade::Emulated) => "emulated",
        Some(Grade::Degraded) => "degraded",
        Some(Grade::Unsupported) => "unsupported",
    }
}

/// What a loss is about, for a person: the whole, a property, an edge with where it leads.
fn subject(loss: &MetLoss, node: &Node, model: &Model) -> String {
    let to = loss.to.and_then(|to| model.resources.get(to.0)).map(|to| format!(" {}", to.name.text)).unwrap_or_default();
    if loss.subject == node.ty { "all of it".to_owned() } else { format!("{}{to}", loss.subject) }
}

fn place(span: Span, sources: &Sources) -> String {
    let name = sources.get(span.file).map(|source| source.name.as_str()).unwrap_or_default();
    format!("{name}:{}", sources.line_column(span).0)
}

/// The `accept` lines that a build for the target still needs, by node: what to paste, with the reason left to the author.
fn to_accept(report: &Report) -> Vec<(&Node, String)> {
    let needed = report.nodes.iter().filter(|node| node.open().next().is_some());
    needed.map(|node| (node, format!("accept \"why it does no harm\" target={}", report.target))).collect()
}

/// All reports as one JSON document. Its fields are described in `docs/portability.md`.
pub fn json(model: &Model, reports: &[Report], from: Option<&str>, sources: &Sources) -> String {
    let targets: Vec<serde_json::Value> = reports
        .iter()
        .map(|report| {
            let model = model.on(&report.target);
            let nodes: Vec<serde_json::Value> = report
                .nodes
                .iter()
                .map(|node| {
                    let losses: Vec<serde_json::Value> = node
                        .losses
                        .iter()
                        .map(|loss| {
                            json!({
                                "subject": loss.subject,
                                "to": loss.to.and_then(|to| model.resources.get(to.0)).map(|to| &to.name.text),
                                "grade": loss.grade,
                                "reason": loss.reason,
                                "instead": loss.instead,
                                "breaks": loss.breaks,
                                "given": loss.given,
                                "accepted": loss.accepted,
                                "line": sources.line_column(loss.user).0,
                            })
                        })
                        .collect();
                    json!({
                        "type": node.ty,
                        "name": node.name,
                        "line": sources.line_column(node.span).0,
                        "grade": word(node.worst()),
                        "share": node.share,
                        "losses": losses,
                        "carry": node.carry,
                        "existing": node.found,
                    })
                })
                .collect();
            json!({
                "target": report.target,
                "score": report.score,
                "nodes": nodes,
                "refusals": report.refusals.iter().map(|refusal| json!({
                    "code": refusal.code,
                    "message": refusal.message,
                    "reason": refusal.primary.text,
                    "line": sources.line_column(refusal.primary.span).0,
                })).collect::<Vec<_>>(),
                "asks": report.asks.iter().map(|ask| json!({
                    "name": ask.name,
                    "about": ask.about,
                    "default": ask.default,
                    "secret": ask.secret,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let differs: Vec<serde_json::Value> =
        model.differs.iter().map(|(what, at)| json!({ "what": what.replace('`', ""), "line": sources.line_column(*at).0 })).collect();
    format!("{:#}\n", json!({ "stack": model.name, "stage": model.stage, "from": from, "differs": differs, "targets": targets }))
}
