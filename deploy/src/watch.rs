//! The progress of an operation: a bar for each resource under way on a terminal, a calm log elsewhere.

use crate::compile::Compiled;
use crate::engine::{Change, Event, Step, What};
use crate::screen::Screen;
use crate::table;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After so long without a word, a log says what is waited for.
const QUIET: Duration = Duration::from_secs(60);

/// A resource under way: since when by the cloud's clock, the cloud's word, and its bar.
type Open = (f64, String, Option<ProgressBar>);

/// What is seen of an operation.
pub struct Watch {
    began: Option<f64>,
    last: f64,
    open: BTreeMap<String, Open>,
    took: Vec<(String, f64)>,
    style: ProgressStyle,
    /// What is to come, when that is known and not told resource by resource.
    left: Option<Left>,
    /// Since when nothing was said.
    quiet: Instant,
    /// Whether anything was said.
    said: bool,
}

/// What is to come.
struct Left {
    all: usize,
    done: usize,
    nodes: Vec<Node>,
    bar: Option<ProgressBar>,
}

/// What is to come of one of the user's nodes.
struct Node {
    name: String,
    all: usize,
    /// By address, and whether it is to go.
    left: Vec<(String, bool)>,
}

impl Default for Watch {
    fn default() -> Watch {
        let style = ProgressStyle::with_template("  {spinner} {elapsed:>5}  {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        Watch { began: None, last: 0.0, open: BTreeMap::new(), took: Vec::new(), style, left: None, quiet: Instant::now(), said: false }
    }
}

impl Watch {
    /// Watches what was planned, and says of each node when all of it is done.
    pub fn of_plan(compiled: &Compiled, screen: &Screen, changes: &[Change]) -> Watch {
        Watch::of(compiled, screen, changes.iter().map(|change| (change.name.clone(), change.what == What::Remove)))
    }

    /// Watches the removal of these.
    pub fn of_removal(compiled: &Compiled, screen: &Screen, addresses: impl Iterator<Item = String>) -> Watch {
        Watch::of(compiled, screen, addresses.map(|address| (address, true)))
    }

    fn of(compiled: &Compiled, screen: &Screen, expected: impl Iterator<Item = (String, bool)>) -> Watch {
        let mut nodes: Vec<Node> = Vec::new();
        for (address, goes) in expected {
            let name = table::node_of(compiled, &address);
            match nodes.iter_mut().find(|node| node.name == name) {
                Some(node) => node.left.push((address, goes)),
                None => nodes.push(Node { name, all: 0, left: vec![(address, goes)] }),
            }
        }
        nodes.iter_mut().for_each(|node| node.all = node.left.len());
        let all = nodes.iter().map(|node| node.all).sum();
        let bar = screen.bar(|| {
            let style = ProgressStyle::with_template("  {pos} of {len}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(all as u64).with_style(style)
        });
        Watch { left: Some(Left { all, done: 0, nodes, bar }), ..Watch::default() }
    }

    /// Takes in what happened.
    pub fn show(&mut self, events: &[Event], compiled: &Compiled, screen: &Screen) {
        for event in events {
            let began = *self.began.get_or_insert(event.at);
            self.last = self.last.max(event.at);
            let label = event.name.as_ref().map_or_else(|| format!("stack {}", compiled.name), |name| compiled.label(name));
            let key = event.name.clone().unwrap_or_default();
            let word = event.word.to_ascii_lowercase().replace('_', " ");
            // That it goes on at all is told by the first that begins.
            let told = self.left.is_none() || event.name.is_none() || !self.said;
            let mut line = |label: &str, rest: &str| {
                (self.quiet, self.said) = (Instant::now(), true);
                screen.say(format!("  {:>6}  {label:<44}  {rest}", clock(event.at - began)));
            };
            match event.step {
                // CloudFormation says so twice: when it begins, and when it knows what it will be called.
                Step::Begins if self.open.get(&key).is_some_and(|(_, before, _)| *before == event.word) => {}
                Step::Begins => {
                    let bar = screen.bar(|| ProgressBar::new_spinner().with_style(self.style.clone()).with_message(format!("{label}  {word}")));
                    bar.iter().for_each(|bar| bar.enable_steady_tick(Duration::from_millis(120)));
                    if bar.is_none() && told {
                        line(&label, &word);
                    }
                    if let Some((.., Some(old))) = self.open.insert(key, (event.at, event.word.clone(), bar)) {
                        old.finish_and_clear();
                    }
                }
                Step::Done | Step::Failed | Step::Note => {
                    let open = self.open.remove(&key);
                    if let Some((.., Some(bar))) = &open {
                        bar.finish_and_clear();
                    }
                    let took = open.map(|(at, ..)| event.at - at);
                    if let (Step::Done, Some(took), Some(_)) = (event.step, took, &event.name) {
                        self.took.push((label.clone(), took));
                    }
                    let rest = took.filter(|took| *took >= 1.0).map(|took| format!("  ({})", span(took))).unwrap_or_default();
                    match (&mut self.left, &event.name, event.step) {
                        (Some(left), Some(name), Step::Done) => {
                            if let Some((node, rest)) = left.done(name, event.goes) {
                                line(&node, &rest);
                            }
                        }
                        _ => line(&label, &format!("{word}{rest}")),
                    }
                }
            }
        }
        self.still(compiled, screen);
    }

    /// Says what is waited for, when nothing was said for a while and nobody sees bars.
    fn still(&mut self, compiled: &Compiled, screen: &Screen) {
        if self.left.is_none() || self.quiet.elapsed() < QUIET || self.open.values().any(|(.., bar)| bar.is_some()) {
            return;
        }
        let mut open: Vec<(f64, &String)> = self.open.iter().filter(|(name, _)| !name.is_empty()).map(|(name, (at, ..))| (*at, name)).collect();
        open.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
        let names: Vec<String> = open.iter().take(3).map(|(_, name)| compiled.label(name)).collect();
        let more = open.len().saturating_sub(names.len());
        if !names.is_empty() {
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            screen.say(format!("          still at {}{more}", names.join(", ")));
        }
        self.quiet = Instant::now();
    }

    /// Takes the bars away.
    pub fn close(&mut self) {
        for (.., bar) in std::mem::take(&mut self.open).into_values() {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        }
        if let Some(bar) = self.left.as_mut().and_then(|left| left.bar.take()) {
            bar.finish_and_clear();
        }
    }

    /// How long it took, and what of it took longest.
    pub fn summary(&self) -> String {
        let mut slowest = self.took.clone();
        slowest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let slowest: Vec<String> = slowest.iter().take(3).filter(|(_, took)| *took >= 1.0).map(|(label, took)| format!("{label} {}", span(*took))).collect();
        let all = span(self.last - self.began.unwrap_or(self.last));
        if slowest.is_empty() { all } else { format!("{all}; slowest: {}", slowest.join(", ")) }
    }
}

impl Left {
    /// Takes note that a resource is done; when it was the last of its node, the node and what is to be said.
    fn done(&mut self, address: &str, goes: bool) -> Option<(String, String)> {
        let expects = |node: &&mut Node| node.left.iter().any(|(known, to_go)| known == address && *to_go == goes);
        let node = self.nodes.iter_mut().find(expects)?;
        node.left.retain(|(known, _)| known != address);
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        let count = if node.all == 1 { String::new() } else { format!("  ({} resources)", node.all) };
        node.left.is_empty().then(|| (node.name.clone(), format!("{:>3} of {}{count}", self.done, self.all)))
    }
}

/// `3:07`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `3 min 7 s`.
fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!((clock(187.4), span(187.4), span(59.0)), ("3:07".to_owned(), "3 min 7 s".to_owned(), "59 s".to_owned()));
    }

    #[test]
    fn a_node_is_done_with_its_last_resource_and_a_replaced_one_with_the_new() {
        let node = Node { name: "bucket media".to_owned(), all: 2, left: vec![("a".to_owned(), false), ("b".to_owned(), true)] };
        let mut left = Left { all: 2, done: 0, nodes: vec![node], bar: None };
        assert_eq!(left.done("a", true), None);
        assert_eq!((left.done("a", false), left.done("other", false)), (None, None));
        assert_eq!(left.done("b", true), Some(("bucket media".to_owned(), "  2 of 2  (2 resources)".to_owned())));
    }
}
