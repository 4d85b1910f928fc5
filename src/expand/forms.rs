//! `(when)`, `(unless)` and `(each)`: which nodes a variant has, and nodes that stand for several.

use super::lets::{Found, Known, What};
use super::{Expander, extent};
use crate::diag::{Diagnostic, check as diag, expand as forms};
use crate::source::Span;
use crate::syntax::{Ident, Node, Scalar, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// What a file may become by what stands in it for more than itself, in bytes as a file would have them.
const MOST: usize = 4 * 1024 * 1024;

/// A node, and what a map gave to it besides.
type Gathered = (Node, Vec<Node>);

/// What a `(when)` looks at besides lets.
const SUBJECTS: [&str; 4] = ["stage", "target", "cloud", "copy"];

impl Expander<'_, '_> {
    /// The nodes of one level, with forms worked out. It calls itself as deep as braces are taken in.
    pub(super) fn body(&mut self, nodes: &[Node], top: bool) -> Vec<Node> {
        let mut found = Vec::with_capacity(nodes.len());
        self.gather(nodes, top, &mut found);
        self.settle_maps(found)
    }

    fn gather(&mut self, nodes: &[Node], top: bool, found: &mut Vec<Gathered>) {
        for node in nodes {
            if self.full {
                return;
            }
            match node.tag() {
                Some("when" | "unless") => {
                    let taken = self.is_taken(node);
                    if taken {
                        self.gather(node.children(), top, found);
                    } else if top {
                        self.note_absent(node);
                    }
                }
                Some("each") => self.each(node, top, found),
                _ => found.extend(self.node(node, top)),
            }
        }
    }

    /// A node with what its names stand for; none where its one value is `#null`.
    fn node(&mut self, node: &Node, top: bool) -> Option<Gathered> {
        let span = self.at(node.span);
        self.around.push(span);
        let gathered = self.node_at(node, span, top);
        self.around.pop();
        gathered
    }

    fn node_at(&mut self, node: &Node, span: Span, top: bool) -> Option<Gathered> {
        let name = Ident { text: node.name.text.clone(), span: self.at(node.name.span) };
        let tag = node.tag.as_ref().map(|tag| Ident { text: tag.text.clone(), span: self.at(tag.span) });
        let (mut args, mut maps) = (Vec::with_capacity(node.args.len()), Vec::new());
        for value in &node.args {
            match self.value(value) {
                Found::One(value) => args.push(value),
                Found::List(values) => args.extend(values),
                Found::Map(entries) => self.entries(&entries, value.span, &mut maps),
                Found::Nothing => {
                    self.reported.extend(&self.around);
                    return None;
                }
            }
        }
        let mut props = Vec::with_capacity(node.props.len());
        for (key, value) in &node.props {
            let key = Ident { text: key.text.clone(), span: self.at(key.span) };
            match self.value(value) {
                Found::One(value) => props.push((key, value)),
                Found::List(mut values) if values.len() == 1 => props.extend(values.pop().map(|value| (key, value))),
                other => {
                    self.reported.extend(&self.around);
                    match other {
                        Found::List(_) => self.out.push(forms::not_that_kind(key.span, "one value behind `=`", "a list")),
                        Found::Map(_) => self.out.push(forms::not_that_kind(key.span, "one value behind `=`", "a map")),
                        Found::One(_) | Found::Nothing => {}
                    }
                }
            }
        }
        // What could not be read is none either, and was told.
        if !node.broken {
            let is_null = |value: &Value| matches!(value.scalar, Scalar::Null) && value.tag.is_none();
            props.retain(|(_, value)| !is_null(value));
            let given = args.len();
            args.retain(|value| !is_null(value));
            if !top && given > 0 && args.is_empty() && props.is_empty() && node.children.is_none() && maps.is_empty() {
                return None;
            }
        }
        if self.context.is_some() {
            self.spend_bytes(32 + node.name.text.len());
        }
        let children = node.children.as_ref().map(|children| self.body(children, false));
        Some((Node { tag, name, args, props, children, span, broken: node.broken }, maps))
    }

    /// A map's entries as nodes. It calls itself as deep as a `let` may have maps in maps.
    fn entries(&mut self, entries: &[(Ident, Rc<Known>)], at: Span, found: &mut Vec<Node>) {
        let here = self.at(at);
        for (key, known) in entries {
            if self.full {
                return;
            }
            let span = Span { file: self.sources.view(here.file, key.span, &format!("`{}` is given here", key.text)), ..here };
            self.spend_bytes(32 + key.text.len());
            let name = Ident { text: key.text.clone(), span };
            let placed = |value: &Value| Value { span, ..value.clone() };
            let mut node = Node { tag: None, name, args: Vec::new(), props: Vec::new(), children: None, span, broken: false };
            match &known.what {
                What::One(value) if matches!(value.scalar, Scalar::Null) && value.tag.is_none() => continue,
                What::One(value) => node.args.push(placed(value)),
                What::List(values) => node.args.extend(values.iter().map(placed)),
                What::Map(inner) => {
                    let mut children = Vec::new();
                    self.entries(inner, at, &mut children);
                    node.children = Some(children);
                }
            }
            found.push(node);
        }
    }

    /// Puts what maps gave into their nodes: what is written beside them wins, and no two of them give the same.
    fn settle_maps(&mut self, found: Vec<Gathered>) -> Vec<Node> {
        if found.iter().all(|(_, maps)| maps.is_empty()) {
            return found.into_iter().map(|(node, _)| node).collect();
        }
        let mut written: HashMap<String, Vec<String>> = HashMap::new();
        for (node, _) in &found {
            let keys = node.props.iter().map(|(key, _)| &key.text).chain(node.children().iter().map(|child| &child.name.text));
            written.entry(node.name.text.clone()).or_default().extend(keys.cloned());
        }
        let written: HashMap<String, std::collections::HashSet<String>> = written.into_iter().map(|(name, keys)| (name, keys.into_iter().collect())).collect();
        let mut given: HashMap<(String, String), Span> = HashMap::new();
        let mut nodes = Vec::with_capacity(found.len());
        for (mut node, maps) in found {
            for entry in maps {
                if written.get(&node.name.text).is_some_and(|keys| keys.contains(&entry.name.text)) {
                    continue;
                }
                match given.insert((node.name.text.clone(), entry.name.text.clone()), entry.span) {
                    Some(first) => self.out.push(diag::duplicate_property(entry.span, &entry.name.text, first)),
                    None => node.children.get_or_insert_default().push(entry),
                }
            }
            nodes.push(node);
        }
        nodes
    }

    /// Whether what stands in a `(when)` or an `(unless)` is there in this variant.
    fn is_taken(&mut self, node: &Node) -> bool {
        let turned = node.tag() == Some("unless");
        let Some(holds) = self.holds(node) else { return false };
        let taken = holds != turned;
        let whole = extent(node);
        if let Some(known) = self.known_whens
            && !known.contains(&node.span)
        {
            self.whens.push((node.span, whole, true));
            return true;
        }
        self.whens.push((node.span, whole, taken));
        taken
    }

    /// Whether a condition holds; `None` where it cannot be judged, which was reported.
    fn holds(&mut self, node: &Node) -> Option<bool> {
        let span = self.at(node.span);
        for (key, _) in &node.props {
            let span = self.at(key.span);
            self.out.push(diag::unknown_property(span, &key.text, &format!("`({})`", node.tag().unwrap_or_default()), &[]));
        }
        if node.children.is_none() {
            self.out.push(forms::bad_when(span, "nothing stands in it", "put what is there only then into its braces"));
            return None;
        }
        let subject = node.name.text.as_str();
        let plain: Vec<&str> = node.args.iter().filter(|value| value.tag.is_none()).filter_map(Value::as_str).collect();
        if SUBJECTS.contains(&subject) {
            if plain.len() != node.args.len() {
                self.out.push(forms::bad_when(span, &format!("a {subject} is compared with names"), "write the names as plain text"));
                return None;
            }
            if (subject == "copy") != plain.is_empty() {
                let help = if subject == "copy" { "write `(when)copy { … }`" } else { "name what it is compared with, one or several" };
                self.out.push(forms::bad_when(span, &format!("`{subject}` is compared with {}", if subject == "copy" { "nothing" } else { "a name" }), help));
                return None;
            }
        }
        let known: Vec<&str> = match subject {
            "stage" => self.stack.stages.iter().map(|stage| stage.text.as_str()).collect(),
            "target" => self.stack.places.iter().map(|place| place.target.as_str()).collect(),
            "cloud" => self.stack.places.iter().map(|place| place.cloud.as_str()).collect(),
            "copy" => return Some(self.setting.copy),
            _ => return self.let_holds(node, span),
        };
        let mut unknown = plain.iter().zip(&node.args).filter(|(name, _)| !known.contains(name)).peekable();
        if unknown.peek().is_some() {
            let found: Vec<Diagnostic> = unknown.map(|(name, value)| forms::when_of_nothing(self.context_span(value.span), subject, name, &known)).collect();
            self.out.extend(found);
            return None;
        }
        let is = match subject {
            "stage" => self.setting.stage,
            "target" => self.setting.place.map(|place| place.target.as_str()),
            _ => self.setting.place.map(|place| place.cloud.as_str()),
        };
        Some(is.is_some_and(|is| plain.contains(&is)))
    }

    /// The same over a let or an item: compared with values, or alone for "there and not `#false`".
    fn let_holds(&mut self, node: &Node, span: Span) -> Option<bool> {
        let subject = node.name.text.as_str();
        if !self.knows(subject) {
            let mut known: Vec<&str> = SUBJECTS.to_vec();
            known.extend(self.lets.keys().map(String::as_str));
            known.extend(self.items.iter().map(|(name, _)| name.as_str()));
            let problem =
                if self.stack.params.contains(subject) { forms::when_of_param(span, subject) } else { forms::when_of_nothing(span, "(when)", subject, &known) };
            self.out.push(problem);
            return None;
        }
        let known = self.look_up(subject, node.name.span)?;
        match &known.what {
            What::One(value) if value.tag.is_some() => {
                self.out.push(forms::bad_when(span, &format!("`{subject}` is known only when deployed"), "compare a `let` whose value is written in the file"));
                None
            }
            what if node.args.is_empty() => Some(!matches!(what, What::One(Value { scalar: Scalar::Bool(false) | Scalar::Null, .. }))),
            What::One(value) => {
                let mut holds = false;
                for arg in &node.args {
                    let like = arg.tag.is_none() && (kind(&arg.scalar) == kind(&value.scalar) || matches!(value.scalar, Scalar::Null));
                    if !like {
                        let span = self.at(arg.span);
                        let wanted = format!("`{subject}` is {}", known.what.kind());
                        self.out.push(forms::bad_when(span, &wanted, "compare it with a value of its kind"));
                        return None;
                    }
                    holds |= same(&arg.scalar, &value.scalar);
                }
                Some(holds)
            }
            what => {
                self.out.push(forms::bad_when(span, &format!("`{subject}` is {}", what.kind()), "compare a single value"));
                None
            }
        }
    }

    /// What is named in a condition that does not hold is absent, not unknown.
    fn note_absent(&mut self, node: &Node) {
        let mut open: Vec<&Node> = node.children().iter().collect();
        while let Some(child) = open.pop() {
            if matches!(child.tag(), Some("when" | "unless" | "each")) {
                open.extend(child.children());
            } else if let Some(name) = child.args.first().and_then(|value| match self.value(value) {
                Found::One(value) if value.tag.is_none() => value.as_str().map(str::to_owned),
                _ => None,
            }) {
                self.absent.insert(name, node.span);
            }
        }
    }

    /// `(each)LET as=ITEM { … }`.
    fn each(&mut self, node: &Node, top: bool, found: &mut Vec<Gathered>) {
        let span = self.at(node.span);
        for (key, _) in node.props.iter().filter(|(key, _)| key.text != "as") {
            let span = self.at(key.span);
            self.out.push(diag::unknown_property(span, &key.text, "`(each)`", &["as"]));
        }
        for extra in &node.args {
            let span = self.at(extra.span);
            self.out.push(diag::too_many_values(span, "(each)", "one name, and what an item is called as `as=NAME`"));
        }
        let item = node.prop("as").filter(|value| value.tag.is_none()).and_then(|value| Some((value.as_str()?.to_owned(), value.span)));
        let Some((item, item_span)) = item.filter(|_| node.children.is_some()) else {
            self.out.push(forms::bad_each(span, "it has no `as=NAME`, or nothing in its braces"));
            return;
        };
        let item_span = self.at(item_span);
        if let Some(why) = crate::check::flaw_of_name(&item) {
            self.out.push(diag::bad_name(item_span, &item, &why));
            return;
        }
        let taken = self.items.iter().find(|(name, _)| *name == item).map(|(_, known)| known.span);
        if let Some(first) = taken.or(self.stack.names.get(&item).copied()) {
            self.out.push(diag::duplicate_name(item_span, &item, first));
            return;
        }
        let plain = |child: &&Node| child.tag.is_none() && child.args.first().is_some_and(|name| name.tag.is_none());
        let plain: Vec<Span> =
            node.children().iter().filter(|_| top).filter(plain).map(|child| child.args.first().map_or(child.span, |name| name.span)).collect();
        if !plain.is_empty() {
            let problems: Vec<Diagnostic> = plain.into_iter().map(|span| forms::name_without_item(self.at(span), &item)).collect();
            self.out.extend(problems);
            self.used.insert(node.name.text.clone());
            return;
        }
        if !self.knows(&node.name.text) {
            let known: Vec<&str> = self.lets.keys().map(String::as_str).collect();
            let problem = forms::each_of_nothing(span, &node.name.text, &known);
            self.out.push(problem);
            return;
        }
        let Some(over) = self.look_up(&node.name.text, node.name.span) else { return };
        let Some(items) = self.items_of(&over, span) else { return };
        for (shown, known) in items {
            self.spend_bytes(16);
            if self.full {
                break;
            }
            let outside = self.context.replace((span, format!("made for `{shown}` of this")));
            self.items.push((item.clone(), Rc::new(known)));
            self.gather(node.children(), top, found);
            self.items.pop();
            self.context = outside;
        }
    }

    /// The items of a list or a map, each with what it is called in a message.
    fn items_of(&mut self, over: &Known, span: Span) -> Option<Vec<(String, Known)>> {
        let one = |value: &Value| Known::new(What::One(value.clone()), value.span);
        match &over.what {
            What::Map(entries) => {
                let name = |key: &Ident| Value { tag: None, scalar: Scalar::String(key.text.clone()), parts: None, span: key.span };
                let word = |text: &str, span: Span| Ident { text: text.to_owned(), span };
                let item = |key: &Ident, known: &Rc<Known>| {
                    let key_known = Rc::new(one(&name(key)));
                    Known::new(What::Map(vec![(word("key", key.span), key_known), (word("value", key.span), Rc::clone(known))]), key.span)
                };
                Some(entries.iter().map(|(key, known)| (key.text.clone(), item(key, known))).collect())
            }
            What::One(_) | What::List(_) => {
                let values = match &over.what {
                    What::One(value) => std::slice::from_ref(value),
                    What::List(values) => values.as_slice(),
                    What::Map(_) => &[],
                };
                let mut seen: HashMap<String, Span> = HashMap::new();
                let mut items = Vec::with_capacity(values.len());
                for value in values {
                    if value.tag.is_some() || matches!(value.scalar, Scalar::Null) {
                        self.out.push(forms::bad_each(span, "its items have to be known when building"));
                        return None;
                    }
                    let shown = shown(&value.scalar);
                    if let Some(first) = seen.insert(shown.clone(), value.span) {
                        self.out.push(forms::equal_items(value.span, &shown, first));
                        continue;
                    }
                    items.push((shown, one(value)));
                }
                Some(items)
            }
        }
    }

    /// The place of what is made for an item: where it is written, with what took it in.
    pub(super) fn at(&mut self, span: Span) -> Span {
        match &self.context {
            Some((taken, text)) => Span { file: self.sources.view(span.file, *taken, text), ..span },
            None => span,
        }
    }

    fn context_span(&mut self, span: Span) -> Span {
        self.at(span)
    }

    pub(super) fn spend(&mut self, value: &Value) {
        let parts = value.parts.iter().flat_map(|parts| parts.iter()).map(|part| match part {
            crate::syntax::Part::Text(text) | crate::syntax::Part::Path(text) => 8 + text.len(),
        });
        self.spend_bytes(8 + value.as_str().map_or(0, str::len) + parts.sum::<usize>());
    }

    pub(super) fn spend_bytes(&mut self, bytes: usize) {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > MOST && !std::mem::replace(&mut self.full, true) {
            // Where the loops begin that are around, or the stack's own values.
            let span = self.context.as_ref().map_or(self.stack.span(), |(span, _)| *span);
            self.out.push(forms::too_much(span, MOST));
        }
    }
}

fn kind(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Integer(_) | Scalar::Float(_) => "a number",
        other => other.kind(),
    }
}

#[allow(clippy::cast_precision_loss)]
fn same(a: &Scalar, b: &Scalar) -> bool {
    match (a, b) {
        (Scalar::Integer(a), Scalar::Float(b)) | (Scalar::Float(b), Scalar::Integer(a)) => *a as f64 == *b,
        _ => a == b,
    }
}

fn shown(scalar: &Scalar) -> String {
    match scalar {
        Scalar::String(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Null => "#null".to_owned(),
    }
}
