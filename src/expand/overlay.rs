//! Which overlays of a stack apply to a variant, in which order, and where two of them disagree.

use crate::source::Span;
use crate::syntax::Node;
use std::collections::BTreeMap;

/// A `stage`, an `on`, or an `on` within a `stage`.
#[derive(Debug)]
pub struct Overlay<'n> {
    /// The stage that it is for.
    pub stage: Option<&'n str>,
    /// The target or the cloud that it is for.
    pub on: Option<On<'n>>,
    /// Its node.
    pub node: &'n Node,
}

/// What stands behind an `on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On<'n> {
    /// A cloud, with all of its targets.
    Cloud(&'n str),
    /// One target.
    Target(&'n str),
}

impl Overlay<'_> {
    /// How an author calls it: `stage prod`, `on cfn`, `on cfn` in `stage prod`.
    pub fn title(&self) -> String {
        let on = self.on.map(|(On::Cloud(name) | On::Target(name))| format!("`on {name}`"));
        match (self.stage, on) {
            (Some(stage), Some(on)) => format!("{on} of `stage {stage}`"),
            (Some(stage), None) => format!("`stage {stage}`"),
            (None, on) => on.unwrap_or_default(),
        }
    }

    /// Where it comes among those that apply: what says more comes later.
    pub fn rank(&self) -> u8 {
        match (self.stage.is_some(), self.on) {
            (true, None) => 1,
            (false, Some(On::Cloud(_))) => 2,
            (false, Some(On::Target(_))) => 3,
            (true, Some(On::Cloud(_))) => 4,
            (true, Some(On::Target(_))) => 5,
            (false, None) => 0,
        }
    }

    /// Whether it is for less than the other one, of two that apply to the same variant: then it decides. Two for the same are told of elsewhere.
    fn is_within(&self, other: &Overlay<'_>) -> bool {
        let reach = |on: Option<On<'_>>| match on {
            None => 0,
            Some(On::Cloud(_)) => 1,
            Some(On::Target(_)) => 2,
        };
        // Two for the same may stand in two files, and neither comes before the other.
        let here = self.rank() != other.rank() || self.node.span.file == other.node.span.file;
        self.stage.is_some() >= other.stage.is_some() && reach(self.on) >= reach(other.on) && here
    }
}

/// What overlays said so far in one variant, by the path of what they said it of.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Which overlay spoke last of a path, and where.
    said: BTreeMap<Vec<String>, (usize, Span)>,
    /// Where two of them disagree.
    open: BTreeMap<Vec<String>, [(usize, Span); 2]>,
}

impl Ledger {
    /// An overlay says something of what stands at a path, or takes it away.
    pub fn say(&mut self, path: &[String], by: usize, span: Span, overlays: &[&Overlay<'_>]) {
        let within = |a: usize, b: usize| match (overlays.get(a), overlays.get(b)) {
            (Some(a), Some(b)) => a.is_within(b),
            _ => true,
        };
        let above = (1..path.len()).filter_map(|length| path.get(..length));
        let above = above.filter_map(|start| self.said.get(start).copied());
        let below = self.said.range(path.to_vec()..).take_while(|(other, _)| other.starts_with(path)).map(|(_, said)| *said);
        let others: Vec<(usize, Span)> = above.chain(below).filter(|(other, _)| *other != by).collect();
        self.open.retain(|at, both| !(at.starts_with(path) && both.iter().all(|(other, _)| *other != by && within(by, *other))));
        if let Some(&other) = others.iter().find(|(other, _)| !within(by, *other)) {
            self.open.insert(path.to_vec(), [other, (by, span)]);
        }
        self.said.insert(path.to_vec(), (by, span));
    }

    /// Where two overlays disagree and nothing decides: the path, and who says it where.
    pub fn conflicts(self) -> impl Iterator<Item = (String, [(usize, Span); 2])> {
        self.open.into_iter().map(|(path, both)| (path.join(" ").trim_end().to_owned(), both))
    }
}
