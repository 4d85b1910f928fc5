//! Small faults in an example's text. Every edit keeps the number of lines, so that lines before and after are the same.

use crate::places::{Found, Holder, Place, Shape, Stack};
use crate::random::Random;
use crate::values::{self, Try};
use stackc::portable::{Kind, Property};
use stackc::syntax::Node;
use std::collections::BTreeSet;
use std::ops::Range;

/// A fault, ready to be made.
#[derive(Clone)]
pub struct Fault {
    /// What kind of fault it is, and where in the types: faults are chosen so that every kind gets its turn.
    pub kind: String,
    /// What is replaced by what.
    pub edits: Vec<(Range<usize>, String)>,
    /// The lines on which an error may point.
    pub lines: BTreeSet<usize>,
    /// Whether it must not be accepted, whatever the vendor's tools would say.
    pub must: bool,
    /// The stage that shows it.
    pub stage: Option<String>,
}

impl Fault {
    /// The example's text with the fault in it.
    pub fn apply(&self, stack: &Stack) -> String {
        let mut text = stack.text.clone();
        let mut edits: Vec<_> = self.edits.iter().collect();
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in edits {
            text.replace_range(range.clone(), new);
        }
        text
    }
}

/// Where a new declaration can go without a line of its own.
fn stack_start(stack: &Stack) -> usize {
    stack.braces(&stack.root).expect("a stack has braces").start + 1
}

/// As many line breaks as there were, so that nothing below moves.
fn blank(stack: &Stack, range: &Range<usize>) -> String {
    "\n".repeat(stack.text[range.clone()].matches('\n').count())
}

/// All faults of all kinds, in the order of the file.
pub fn all(stack: &Stack, random: &mut Random) -> Vec<Fault> {
    let found = stack.found();
    let mut maker = Maker { stack, random, made: Vec::new() };
    for place in &found.places {
        maker.place(place);
    }
    for holder in &found.holders {
        maker.holder(holder);
    }
    maker.nodes(&found);
    maker.names();
    maker.swaps(&found);
    maker.brackets();
    maker.made
}

struct Maker<'s, 'r> {
    stack: &'s Stack,
    random: &'r mut Random,
    made: Vec<Fault>,
}

impl Maker<'_, '_> {
    fn add(&mut self, kind: String, edits: Vec<(Range<usize>, String)>, lines: BTreeSet<usize>, must: bool, stage: Option<&str>) {
        self.made.push(Fault { kind, edits, lines, must, stage: stage.map(str::to_owned) });
    }

    /// The lines of a resource, of the stages' changes to it, and of what names it: where a value that is right by itself can
    /// turn out not to fit.
    fn around(&self, owner: &Node) -> BTreeSet<usize> {
        let mut lines = self.stack.lines(self.stack.full(owner));
        if let Some(name) = owner.arg_str(0).filter(|_| owner.name.text != "stage") {
            let mentions = self.stack.mentions(name);
            for (node, _) in self.stack.tops() {
                let whole = self.stack.lines(self.stack.full(node));
                if node.name.text != "stage" && whole.iter().any(|line| mentions.contains(line)) {
                    lines.extend(whole);
                }
            }
            lines.extend(mentions);
        }
        lines
    }

    fn at(&self, range: &Range<usize>) -> BTreeSet<usize> {
        self.stack.lines(range.clone())
    }

    /// Faults of one value.
    fn place(&mut self, place: &Place<'_>) {
        let value = self.stack.range(place.value.span);
        let line = self.at(&value);
        let wide: BTreeSet<usize> = self.around(place.owner);
        for tried in self.tries(place) {
            let mut lines = if tried.fits { wide.clone() } else { line.clone() };
            let mut edits = vec![(value.clone(), tried.text)];
            if let Some(declared) = tried.declare {
                let at = stack_start(self.stack);
                // What does not fit may be the parameter's default.
                lines.insert(self.stack.line(at));
                edits.push((at..at, format!(" {declared};")));
            }
            self.add(format!("{}: {}", place.path, tried.what), edits, lines, tried.must, place.stage);
        }
        // Removed, doubled, misspelt: the property as a whole.
        let whole = place.whole.clone();
        self.add(format!("{}: removed", place.path), vec![(whole.clone(), blank(self.stack, &whole))], wide.clone(), false, place.stage);
        if let Some(key) = place.key {
            let range = self.stack.range(key.span);
            let fixed = !matches!(place.shape, Shape::Entry { .. });
            for wrong in misspelt(&key.text, self.random) {
                self.add(format!("{}: misspelt", place.path), vec![(range.clone(), wrong)], line.clone(), fixed, place.stage);
            }
            let again = format!("{} {}", &self.stack.text[value.clone()], &self.stack.text[whole.clone()]);
            if whole.end == value.end && key.span.end != place.value.span.start && self.stack.text[whole.clone()].contains('=') {
                self.add(format!("{}: given twice", place.path), vec![(value.clone(), again)], line.clone(), true, place.stage);
            }
            if matches!(place.shape, Shape::Entry { secrets: true }) {
                for (odd, must) in [("\"a-b\"", true), ("\"\"", true), ("\"a b\"", true), ("\"1A\"", true), ("\"é\"", true), ("a", false)] {
                    self.add(format!("{}: odd name", place.path), vec![(range.clone(), odd.to_owned())], line.clone(), must, place.stage);
                }
            }
            if matches!(place.shape, Shape::Entry { secrets: false }) {
                let long = format!("\"{}\"", "k".repeat(129));
                for odd in ["\"a b\"", "\"\"", "\"aws:x\"", "\"é\"", "stack", "Name", "\"a?b\"", "\"${x}\"", &long] {
                    self.add(format!("{}: odd name", place.path), vec![(range.clone(), odd.to_owned())], line.clone(), false, place.stage);
                }
            }
        }
        let extra = format!("{} zz-extra", &self.stack.text[value.clone()]);
        let list = matches!(place.shape, Shape::Item(_));
        self.add(format!("{}: one value more", place.path), vec![(value, extra)], wide, !list, place.stage);
    }

    /// What to put in a value's place.
    fn tries(&mut self, place: &Place<'_>) -> Vec<Try> {
        let stack = self.stack;
        let mut tries = values::forms(place, stack);
        match &place.shape {
            Shape::Property(property) | Shape::Item(property) => {
                let kind = place
                    .owner
                    .children()
                    .iter()
                    .chain([place.owner])
                    .find_map(|node| node.prop_str("kind").or_else(|| (node.name.text == "kind").then(|| node.arg_str(0))?));
                tries.extend(values::of(property, place.value.as_str(), kind, stack, self.random));
            }
            Shape::Edge(types) => tries.extend(values::references(types, stack)),
            Shape::Entry { secrets } => {
                tries.extend(values::texts().into_iter().map(|text| Try::odd(&text)));
                if !secrets {
                    tries.push(Try::odd(&"v".repeat(257)));
                    tries.extend(stack.secrets().into_iter().map(|secret| Try::must("a secret", format!("(get)\"{secret}\""))));
                }
                tries.extend(["80", "0.5", "#true", "-1", "1e3"].map(|text| Try::fits("another value", text.to_owned())));
            }
            Shape::Shown => {
                tries.extend(values::texts().into_iter().map(|text| Try::odd(&text)));
                for secret in stack.secrets() {
                    tries.push(Try::must("a secret", format!("(get)\"{secret}\"")));
                    tries.push(Try::must("a secret in a text", format!("(fmt)\"a {{{secret}}}\"")));
                }
                for node in stack.resources() {
                    tries.extend(stack.outputs(node).into_iter().map(|output| Try::fits("another output", format!("(get)\"{output}\""))));
                }
                tries.push(Try::must("null", "#null".to_owned()));
            }
            Shape::Default => {
                tries.extend(values::texts().into_iter().map(|text| Try { fits: true, ..Try::odd(&text) }));
                for text in ["80", "0.5", "#true", "-1", "99999999999999999999", "\"a b\""] {
                    tries.push(Try::fits("another default", text.to_owned()));
                }
            }
        }
        let now = &stack.text[stack.range(place.value.span)];
        tries.retain(|tried| tried.text != *now);
        tries
    }

    /// Properties that were not there.
    fn holder(&mut self, holder: &Holder<'_>) {
        let stack = self.stack;
        let at = holder.node.span.end as usize;
        let mut lines = self.around(holder.owner);
        lines.insert(stack.line(at));
        let there = |name: &str| holder.node.prop(name).is_some() || holder.node.children().iter().any(|child| child.name.text == name);
        let skip = if holder.node.name.text == holder.owner.name.text { 1 } else { 0 };
        let positional = holder.node.args.len() > skip;
        let mut unknown = vec!["zz-unknown=1".to_owned()];
        for property in &holder.fields {
            if there(&property.name) || (property.positional && positional) {
                continue;
            }
            for tried in values::of(property, None, None, stack, self.random) {
                let kind = format!("{} {}: added, {}", holder.path, property.name, tried.what);
                let mut edits = vec![(at..at, format!(" {}={}", property.name, tried.text))];
                let mut lines = lines.clone();
                if let Some(declared) = tried.declare {
                    let at = stack_start(stack);
                    lines.insert(stack.line(at));
                    edits.push((at..at, format!(" {declared};")));
                }
                self.add(kind, edits, lines, tried.must, holder.stage);
            }
            if let Kind::Block(_) | Kind::Map { .. } = property.kind {
                unknown.push(format!("{}=1", property.name));
            } else if let Some(own) = stack.outputs(holder.owner).first().filter(|_| !property.known_when_building()) {
                let edits = vec![(at..at, format!(" {}=(get)\"{own}\"", property.name))];
                self.add(format!("{} {}: added, needs itself", holder.path, property.name), edits, lines.clone(), true, holder.stage);
            }
        }
        for text in unknown {
            self.add(format!("{}: unknown property", holder.path), vec![(at..at, format!(" {text}"))], BTreeSet::from([stack.line(at)]), true, holder.stage);
        }
        if holder.node.children.is_some() {
            let open = stack.braces(holder.node).unwrap().start + 1;
            let node = |text: &str| vec![(open..open, format!(" {text};"))];
            let line = BTreeSet::from([stack.line(open)]);
            for text in ["zz-unknown 1", "zz-unknown", "\"\" 1"] {
                self.add(format!("{}: unknown node", holder.path), node(text), line.clone(), true, holder.stage);
            }
            for property in &holder.fields {
                if let Kind::Block(_) | Kind::Map { .. } | Kind::List(_) = property.kind {
                    self.add(format!("{} {}: added, empty", holder.path, property.name), node(&property.name), lines.clone(), false, holder.stage);
                    self.add(
                        format!("{} {}: added, a number", holder.path, property.name),
                        node(&format!("{} 7", property.name)),
                        lines.clone(),
                        false,
                        holder.stage,
                    );
                }
            }
        }
    }

    /// Faults of whole nodes: removed, doubled, moved, renamed, with a form or a value too many.
    fn nodes(&mut self, found: &Found<'_>) {
        let stack = self.stack;
        let resources: Vec<&Node> = stack.resources().into_iter().filter(|node| node.children.is_some()).collect();
        for &(owner, node, stage) in &found.nodes {
            let full = stack.full(node);
            let name = node.name.text.as_str();
            let path = if std::ptr::eq(owner, node) { name.to_owned() } else { format!("{} {name}", owner.name.text) };
            let mut lines = self.around(owner);
            if owner.name.text == "stage" {
                lines = stack.lines(full.clone());
            }
            let here = BTreeSet::from([stack.line(full.start)]);
            let text = stack.text[full.clone()].to_owned();
            let first = stack.range(node.name.span);
            let top = std::ptr::eq(owner, node);
            // What is in the other stage goes with it.
            self.add(format!("{path}: node removed"), vec![(full.clone(), blank(stack, &full))], lines.clone(), false, stage);
            if !text.contains('\n') && !text.contains("//") {
                let once = matches!(name, "tags" | "targets" | "accept" | "stage" | "state") || (top && stage.is_some());
                let twice = !once;
                self.add(format!("{path}: node given twice"), vec![(full.end..full.end, format!("; {text}"))], lines.clone(), twice, stage);
            }
            for wrong in misspelt(name, self.random) {
                self.add(format!("{path}: node misspelt"), vec![(first.clone(), wrong)], lines.clone(), owner.name.text != "tags", stage);
            }
            for form in ["(get)", "(gte)"] {
                self.add(format!("{path}: a form before the node"), vec![(full.start..full.start, form.to_owned())], here.clone(), true, stage);
            }
            // What a map has in braces are entries of it.
            let is_map = matches!(name, "env" | "tags");
            if !text.contains('\n') && node.children.is_none() {
                self.add(format!("{path}: braces behind it"), vec![(full.end..full.end, " { zz 1 }".to_owned())], here.clone(), !is_map, stage);
                self.add(format!("{path}: empty braces behind it"), vec![(full.end..full.end, " { }".to_owned())], lines.clone(), false, stage);
            }
            if !top && stage.is_none() && !resources.is_empty() {
                let other = resources[self.random.below(resources.len())];
                if !std::ptr::eq(other, owner) {
                    let open = stack.braces(other).unwrap().start + 1;
                    let mut moved = lines.clone();
                    moved.extend(self.around(other));
                    let edits = vec![(full.clone(), blank(stack, &full)), (open..open, format!(" {};", text.replace('\n', " ; ")))];
                    self.add(format!("{path}: moved to a {}", other.name.text), edits, moved, false, stage);
                }
            }
            if top && stage.is_none() && stack.types.contains_key(name) {
                let types: Vec<&String> = stack.types.keys().filter(|ty| *ty != name).collect();
                for _ in 0..2 {
                    let other = types[self.random.below(types.len())];
                    self.add(format!("{path}: another type"), vec![(first.clone(), other.clone())], lines.clone(), false, stage);
                }
            }
        }
    }

    /// Names: of the stack, of resources, parameters, outputs and stages.
    fn names(&mut self) {
        let stack = self.stack;
        let long = "x".repeat(41);
        let wrong = ["Abc", "a_b", "a--b", "-a", "a-", "1a", "\"\"", "\"a b\"", "é", "\"a.b\"", "7", "#true", "(get)a", &long];
        let mut named: Vec<&Node> = stack.root.children().iter().filter(|node| !matches!(node.name.text.as_str(), "tags" | "targets" | "state")).collect();
        named.push(&stack.root);
        for node in named {
            let Some(value) = node.args.first() else { continue };
            let Some(name) = value.as_str() else { continue };
            let range = stack.range(value.span);
            let kind = &node.name.text;
            let mentions = if kind == "stack" { BTreeSet::from([stack.line(range.start)]) } else { stack.mentions(name) };
            for wrong in wrong {
                // An output's name may have more in it, since nothing is made of it.
                let must = kind != "output" || !["Abc", "a_b", "a--b", "a-"].contains(&wrong) && wrong != long;
                self.add(format!("{kind}: name {}", short(wrong)), vec![(range.clone(), wrong.to_owned())], mentions.clone(), must, None);
            }
            if kind == "stack" || kind == "stage" {
                for fine in ["x".repeat(40), "a".to_owned(), "aws".to_owned(), "default".to_owned()] {
                    self.add(format!("{kind}: name that may be"), vec![(range.clone(), fine)], mentions.clone(), false, None);
                }
                continue;
            }
            // Only the declaration is renamed: what refers to it finds nothing.
            let referred = mentions.len() > 1 && kind != "output" && !self.only_own_mention(node, name);
            self.add(format!("{kind}: renamed where it is declared"), vec![(range.clone(), "zz-other".to_owned())], mentions.clone(), referred, None);
            // Renamed everywhere: a name that a cloud or a format may stumble over.
            let mut others: Vec<String> =
                vec!["x".repeat(40), format!("{}-{}", "x".repeat(19), "y".repeat(20)), "a".to_owned(), "aws".to_owned(), "default".to_owned()];
            others.extend(["region", "zones", "outputs", "resources", "cluster", "main", "group", "count", "each", "var", "a1-b2-c3"].map(str::to_owned));
            for (other, _) in stack.names().into_iter().filter(|(other, _)| *other != name) {
                let roles = ["group", "task", "logs", "policy", "bucket", "record", "in", "out", "main", "secret", "subnets", "vpc", "zone"];
                others.push(format!("{other}-{}", roles[self.random.below(roles.len())]));
            }
            for other in others {
                let taken = stack.root.children().iter().any(|node| node.arg_str(0) == Some(other.as_str()));
                if taken {
                    continue;
                }
                let edits = self.occurrences(node, name).into_iter().map(|range| (range, other.clone())).collect();
                let mut lines = mentions.clone();
                lines.extend(stack.resources().iter().flat_map(|node| stack.lines(stack.full(node))));
                self.add(format!("{kind}: renamed everywhere, {}", short(&other)), edits, lines, false, None);
            }
            // The name of something else.
            for (index, other) in stack.root.children().iter().enumerate() {
                let shared = |kind: &str| kind != "output" && kind != "stage" && kind != "tags" && kind != "targets" && kind != "state";
                let same = if kind == "output" { other.name.text == "output" } else { shared(&other.name.text) };
                let Some(taken) = other.arg_str(0).filter(|_| same && !std::ptr::eq(other, node)) else { continue };
                if index % 3 == self.random.below(3) {
                    let mut lines = mentions.clone();
                    lines.extend(stack.mentions(taken));
                    self.add(format!("{kind}: a name that is taken"), vec![(range.clone(), format!("\"{taken}\""))], lines, true, None);
                }
            }
            if kind == "output" {
                for other in stack.root.children().iter().filter(|other| other.name.text == "output" && !std::ptr::eq(*other, node)) {
                    let Some(other) = other.arg_str(0) else { continue };
                    let mut lines = mentions.clone();
                    lines.extend(stack.mentions(other));
                    for alike in [other.replace('_', "-"), format!("{other}_"), other.to_uppercase(), format!("{other}-")] {
                        self.add(format!("{kind}: a name like another"), vec![(range.clone(), alike)], lines.clone(), false, None);
                    }
                }
                for fine in ["x".repeat(64), "X9".to_owned(), "a-b_c".to_owned(), "aws".to_owned()] {
                    self.add(format!("{kind}: name that may be"), vec![(range.clone(), fine)], mentions.clone(), false, None);
                }
                self.add(format!("{kind}: name too long"), vec![(range.clone(), "x".repeat(65))], mentions.clone(), true, None);
            }
        }
    }

    fn only_own_mention(&self, node: &Node, name: &str) -> bool {
        self.occurrences(node, name).len() < 2
    }

    /// Where the declared name itself and references to it stand.
    fn occurrences(&self, node: &Node, name: &str) -> Vec<Range<usize>> {
        let stack = self.stack;
        let mut found: Vec<Range<usize>> = Vec::new();
        let declared = stack.range(node.args[0].span);
        for place in stack.found().places {
            let range = stack.range(place.value.span);
            let refers = match (&place.shape, place.value.tag(), place.value.as_str()) {
                (Shape::Property(Property { kind: Kind::Ref(_), .. }) | Shape::Edge(_), None, Some(text)) => text == name,
                (_, Some("get"), Some(text)) => text == name || text.starts_with(&format!("{name}.")),
                (_, Some("fmt"), Some(text)) => text.contains(&format!("{{{name}}}")) || text.contains(&format!("{{{name}.")),
                _ => false,
            };
            if refers && node.name.text != "output" {
                let text = &stack.text[range.clone()];
                let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
                for (at, _) in text.match_indices(name) {
                    if !part(text[..at].chars().next_back()) && !part(text[at + name.len()..].chars().next()) && !text[..at].ends_with('.') {
                        found.push(range.start + at..range.start + at + name.len());
                    }
                }
            }
        }
        for (other, stage) in stack.tops() {
            if stage.is_some() && other.arg_str(0) == Some(name) && other.name.text == node.name.text {
                found.push(stack.range(other.args[0].span));
            }
        }
        found.push(declared);
        found.sort_by_key(|range| range.start);
        found.dedup();
        found
    }

    /// Two references that change places, and resources that come to need each other.
    fn swaps(&mut self, found: &Found<'_>) {
        let stack = self.stack;
        let refs: Vec<&Place<'_>> =
            found.places.iter().filter(|place| matches!(place.shape, Shape::Edge(_) | Shape::Property(Property { kind: Kind::Ref(_), .. }))).collect();
        for (index, first) in refs.iter().enumerate() {
            for second in refs.iter().skip(index + 1).filter(|second| second.value.as_str() != first.value.as_str()) {
                let (a, b) = (stack.range(first.value.span), stack.range(second.value.span));
                let mut lines = self.around(first.owner);
                lines.extend(self.around(second.owner));
                let edits = vec![(a.clone(), stack.text[b.clone()].to_owned()), (b, stack.text[a].to_owned())];
                self.add(format!("{} and {}: exchanged", first.path, second.path), edits, lines, false, first.stage);
            }
        }
        let open: Vec<(&Node, String, Range<usize>)> = stack
            .resources()
            .into_iter()
            .filter(|node| stack.types.get(&node.name.text).is_some_and(|ty| ty.property("env").is_some()))
            .filter_map(|node| Some((node, stack.outputs(node).first()?.clone(), stack.braces(node)?)))
            .collect();
        for (index, (first, output, braces)) in open.iter().enumerate() {
            let at = braces.start + 1;
            let own = vec![(at..at, format!(" env ZZ=(get)\"{output}\";"))];
            self.add(format!("{}: needs itself", first.name.text), own, self.around(first), true, None);
            for (second, other, there) in open.iter().skip(index + 1) {
                let then = there.start + 1;
                let edits = vec![(at..at, format!(" env ZZ=(get)\"{other}\";")), (then..then, format!(" env ZZ=(get)\"{output}\";"))];
                let mut lines = self.around(first);
                lines.extend(self.around(second));
                self.add(format!("{} and {}: need each other", first.name.text, second.name.text), edits, lines, true, None);
            }
        }
    }

    /// A quote or a brace that is missing.
    fn brackets(&mut self) {
        let stack = self.stack;
        let last = stack.line(stack.text.trim_end().len());
        let code = |at: usize| !stack.line_text(stack.line(at)).trim_start().starts_with("//");
        let quotes: Vec<usize> = stack.text.match_indices('"').map(|(at, _)| at).filter(|at| code(*at)).collect();
        for at in quotes {
            self.add("a quote removed".to_owned(), vec![(at..at + 1, String::new())], BTreeSet::from([stack.line(at)]), false, None);
        }
        let mut braced: Vec<&Node> = vec![&stack.root];
        let mut at = 0;
        while let Some(node) = braced.get(at).copied() {
            braced.extend(node.children().iter().filter(|child| child.children.is_some()));
            at += 1;
        }
        for node in braced {
            let braces = stack.braces(node).unwrap();
            let (open, close) = (braces.start, braces.end - 1);
            // What was inside is now beside it, and the file's last brace closes nothing.
            let mut lines = stack.lines(braces);
            lines.extend(stack.line(close)..=last + 1);
            self.add("an opening brace removed".to_owned(), vec![(open..open + 1, String::new())], lines, true, None);
            // Everything below is now inside, and what was left open is open to the end.
            let mut lines = BTreeSet::from([1, stack.line(stack.root.span.start as usize), stack.line(open), last, last + 1]);
            lines.extend(stack.line(close)..=last);
            self.add("a closing brace removed".to_owned(), vec![(close..close + 1, String::new())], lines, true, None);
        }
        for (range, text, what) in [
            (0..0, "}", "a closing brace too many"),
            (0..0, "network beside; ", "a node beside the stack"),
            (0..0, "/- ", "the stack commented out"),
            (0..0, "stack other { }; ", "two stacks"),
        ] {
            let lines = BTreeSet::from([1, stack.line(stack.root.span.start as usize)]);
            // On the line of the stack itself, since a comment may stand before it.
            let at = stack.root.span.start as usize + range.start;
            self.add(what.to_owned(), vec![(at..at, text.to_owned())], lines, true, None);
        }
    }
}

/// The word with a small fault in it.
fn misspelt(word: &str, random: &mut Random) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    if chars.is_empty() || !chars.iter().all(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)) {
        return Vec::new();
    }
    let at = random.below(chars.len());
    let mut doubled = chars.clone();
    doubled.insert(at, chars[at]);
    let mut wrong = vec![doubled.into_iter().collect::<String>(), format!("{word}z")];
    if chars.len() > 2 {
        let mut swapped = chars.clone();
        let at = random.below(chars.len() - 1);
        swapped.swap(at, at + 1);
        wrong.push(swapped.into_iter().collect());
    }
    wrong.retain(|wrong| wrong != word && wrong.starts_with(|c: char| c.is_ascii_alphabetic()));
    wrong.into_iter().take(2).collect()
}

fn short(text: &str) -> String {
    if text.chars().count() > 24 { format!("of {} characters", text.chars().count()) } else { text.to_owned() }
}
