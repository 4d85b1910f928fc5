//! A rule file's nodes to [`Rule`]s of one target.

use super::ast::*;
use super::check::offers::OFFERS;
use crate::check::Piece;
use crate::check::split_fmt;
use crate::diag::{Diagnostic, rules as diag};
use crate::provider::NativeKind;
use crate::source::Span;
use crate::syntax::{Ident, Node, Scalar, Value};

/// Reads the rules of a file that are about `target`. Rules of other targets are not looked at.
pub fn rules(nodes: &[Node], target: &str, problems: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let mut parser = Parser { problems };
    nodes.iter().filter(|node| !matches!(node.name.text.as_str(), "cloud" | OFFERS)).filter_map(|node| parser.rule(node, target)).collect()
}

struct Parser<'a> {
    problems: &'a mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn wrong(&mut self, span: Span, why: &str) {
        self.problems.push(diag::spec(span, why));
    }

    fn rule(&mut self, node: &Node, target: &str) -> Option<Rule> {
        let block = node.children().iter().find(|child| child.tag.is_none() && child.name.text == target)?;
        let words: Vec<String> = node.args.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
        let subject = match (node.name.text.as_str(), words.as_slice()) {
            ("lower", [ty]) => Subject::Type(ty.clone()),
            ("find", [ty]) => Subject::Find(ty.clone()),
            (edge, [from @ .., to]) if !matches!(edge, "lower" | "find") && !from.is_empty() => {
                Subject::Edge { edge: edge.to_owned(), from: from.to_vec(), to: to.clone() }
            }
            _ => {
                self.wrong(node.span, "a rule is `lower TYPE { … }`, `find TYPE { … }` or `EDGE FROM TO { … }`");
                return None;
            }
        };
        let mut rule = Rule { subject, tables: Vec::new(), pairs: Vec::new(), body: Vec::new(), span: block.span };
        for child in node.children() {
            match (child.tag(), child.name.text.as_str()) {
                (Some("table"), _) => {
                    let others = node.children().iter().filter(|other| other.tag.is_none() && other.name.text != target);
                    let shared = others.flat_map(Node::children).any(|statement| mentions(statement, &child.name.text));
                    rule.tables.push(Table { shared, ..table(child) });
                }
                (None, "pairs") => rule.pairs.extend(self.pairs(child)),
                (None, _) if child.children.is_some() => {}
                _ => self.wrong(child.span, "a rule holds tables, pairs and one block per target"),
            }
        }
        for child in block.children().iter().filter(|child| child.tag() == Some("table")) {
            rule.tables.push(table(child));
        }
        rule.body = self.statements(block.children());
        Some(rule)
    }

    fn pairs(&mut self, node: &Node) -> Option<Pairs> {
        let (Some(first), Some(second), Some(why)) = (node.arg_str(0), node.arg_str(1), node.arg_str(2)) else {
            self.wrong(node.span, "`pairs` names two properties and says why");
            return None;
        };
        let mut rows = Vec::new();
        for row in node.children() {
            self.takes_only(row, &["from", "to", "step"]);
            let words: Vec<String> = row.args.iter().filter_map(|value| word(&value.scalar)).collect();
            let Some((key, values)) = words.split_first() else {
                self.wrong(row.span, "a row is `- FIRST SECOND…` or `- FIRST from=… to=… step=…`");
                continue;
            };
            let prop = |name: &str| match row.prop(name).map(|value| &value.scalar) {
                Some(Scalar::Integer(number)) => Some(*number),
                _ => None,
            };
            let values = match (prop("from"), prop("to"), prop("step").and_then(|step| usize::try_from(step).ok())) {
                (Some(from), Some(to), Some(step)) if step > 0 => (from..=to).step_by(step).map(|value| value.to_string()).collect(),
                _ => values.to_vec(),
            };
            rows.push((key.clone(), values));
        }
        Some(Pairs { first: first.to_owned(), second: second.to_owned(), why: why.to_owned(), rows, span: node.span })
    }

    fn statements(&mut self, nodes: &[Node]) -> Vec<Statement> {
        nodes.iter().filter(|node| node.tag() != Some("table")).filter_map(|node| self.statement(node)).collect()
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
        match (node.tag(), node.name.text.as_str()) {
            (Some("when" | "match" | "each" | "secret"), _) => Some(Statement::Form(self.around(node, Self::statements))),
            (Some("unsupported"), _) => self.loss(node, Grade::Unsupported),
            (Some("degraded"), _) => self.loss(node, Grade::Degraded),
            (Some("emulated"), _) => self.loss(node, Grade::Emulated),
            (None, "resource") => self.resource(node, NativeKind::Resource),
            (None, "data") => self.resource(node, NativeKind::Data),
            (None, "ephemeral") => self.resource(node, NativeKind::Ephemeral),
            (None, "output") => {
                let Some(name) = node.args.first().and_then(ident) else {
                    self.wrong(node.span, "an output has a name");
                    return None;
                };
                if name.text == HANDLE {
                    self.wrong(node.span, "what an operator's client reads is written `handle KIND { … }`");
                    return None;
                }
                if node.args.len() == 1 && node.props.is_empty() && node.children.is_none() {
                    return Some(Statement::NoOutput(name));
                }
                let value = self.value(node, node.args.get(1..).unwrap_or_default());
                Some(Statement::Output { name, value, span: node.span })
            }
            (None, "handle") => {
                let Some(kind) = node.args.first().and_then(ident).filter(|_| node.args.len() == 1) else {
                    self.wrong(node.span, "a `handle` names a client: `handle KIND { … }`");
                    return None;
                };
                let literal = Expr { kind: ExprKind::Literal(Scalar::String(kind.text)), span: kind.span };
                let mut body = vec![Item::Property(Ident { text: KIND.to_owned(), span: kind.span }, literal)];
                body.extend(node.props.iter().map(|(key, value)| Item::Property(key.clone(), self.operand(value))));
                body.extend(self.items(node.children()));
                // A text, so that whatever reads outputs can read it.
                let value = Expr { kind: ExprKind::Call { name: "json".to_owned(), args: Vec::new(), body }, span: node.span };
                Some(Statement::Output { name: Ident { text: HANDLE.to_owned(), span: node.name.span }, value, span: node.span })
            }
            (None, "param") => {
                let Some(name) = node.args.first().and_then(ident).filter(|_| node.args.len() == 1) else {
                    self.wrong(node.span, "a parameter has a name: `param NAME about=…`");
                    return None;
                };
                self.takes_only(node, &["about", "default", "secret", "type", "list", "optional"]);
                let about = node.prop_str("about").unwrap_or_default().to_owned();
                let default = node.prop("default").map(|value| value.scalar.clone());
                let (secret, list, optional) = (node.flag("secret"), node.flag("list"), node.flag("optional"));
                Some(Statement::Param(RuleParam { name, about, secret, list, optional, ty: node.prop("type").and_then(ident), default }))
            }
            (None, "takes" | "refuses") => self.takes(node),
            (None, "gate") => self.gate(node),
            _ => {
                self.wrong(node.span, "expected `resource`, `data`, `ephemeral`, `output`, `handle`, `param`, `gate`, `takes`, `refuses`, or one of the forms `(when)`, `(match)`, `(each)`, `(secret)`, `(unsupported)`, `(degraded)`, `(emulated)`");
                None
            }
        }
    }

    /// `takes EDGE FROM…` or `refuses EDGE FROM… "why"`.
    fn takes(&mut self, node: &Node) -> Option<Statement> {
        self.takes_only(node, &[]);
        let mut words: Vec<Ident> = node.args.iter().filter_map(ident).collect();
        let refused = (node.name.text == "refuses").then(|| words.pop().map(|why| why.text)).flatten();
        if words.len() < 2 || node.children.is_some() || (node.name.text == "refuses" && refused.is_none()) {
            self.wrong(node.span, "which edges lead to what was found is `takes EDGE FROM…` or `refuses EDGE FROM… \"why\"`");
            return None;
        }
        let edge = words.remove(0);
        Some(Statement::Takes(Takes { edge, from: words, refused, span: node.span }))
    }

    /// `(when)`, `(match)`, `(each)` or `(secret)`.
    fn around<T>(&mut self, node: &Node, body: fn(&mut Self, &[Node]) -> Vec<T>) -> Form<T> {
        let takes: &[&str] = if matches!(node.tag(), Some("each" | "secret")) { &["as"] } else { &[] };
        self.takes_only(node, takes);
        if let Some(more) = node.args.first() {
            self.wrong(more.span, "a form has a path and braces, and nothing between them");
        }
        match node.tag() {
            Some("when") => Form::When(node_path(node), body(self, node.children())),
            Some("match") => {
                let arms = node.children().iter().map(|arm| {
                    self.takes_only(arm, &[]);
                    if arm.tag.is_some() || !arm.args.is_empty() {
                        self.wrong(arm.span, "an arm is a value and braces: `some { … }`");
                    }
                    (arm.name.clone(), body(self, arm.children()))
                });
                Form::Match(node_path(node), arms.collect())
            }
            _ => {
                let body = body(self, node.children());
                Form::Each(each(node, body))
            }
        }
    }

    /// What has a key on a node's line is one of these.
    fn takes_only(&mut self, node: &Node, keys: &[&str]) {
        for (key, _) in node.props.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())) {
            let takes = if keys.is_empty() { "nothing of that kind".to_owned() } else { crate::diag::list(keys) };
            self.wrong(key.span, &format!("`{}` is not known here, which takes {takes}", key.text));
        }
    }

    fn loss(&mut self, node: &Node, grade: Grade) -> Option<Statement> {
        let Some(reason) = node.arg_str(0) else {
            self.wrong(node.span, "a loss says why");
            return None;
        };
        self.takes_only(node, &["instead", "breaks"]);
        let text = |name| node.prop_str(name).map(str::to_owned);
        if grade == Grade::Emulated && node.prop_str("breaks").is_some() {
            self.wrong(node.span, "what breaks an application is no emulation of it");
        }
        let (instead, breaks) = (text("instead"), text("breaks"));
        Some(Statement::Loss(Loss { grade, subject: node_path(node), reason: reason.to_owned(), instead, breaks, span: node.span }))
    }

    fn gate(&mut self, node: &Node) -> Option<Statement> {
        let act = node.props.iter().find(|(key, _)| key.text == "do").map(|(_, value)| self.operand(value));
        let (Some(name), Some(look), Some(act)) = (node.args.first().and_then(ident), node.args.get(1).and_then(ident), act) else {
            self.wrong(node.span, "a gate has a name, a look, and `do=` with what a person does");
            return None;
        };
        let fields = node.props.iter().filter(|(key, _)| key.text != "do").map(|(key, value)| (key.clone(), self.operand(value))).collect();
        Some(Statement::Gate(Box::new(GateRule { name, look, fields, act, span: node.span })))
    }

    fn resource(&mut self, node: &Node, kind: NativeKind) -> Option<Statement> {
        let (Some(role), Some(ty)) = (node.args.first().and_then(ident), node.args.get(1).and_then(ident)) else {
            self.wrong(node.span, "a resource has a role and the provider's type");
            return None;
        };
        let mut rule = ResourceRule {
            kind,
            role,
            ty,
            parent: None,
            after: Vec::new(),
            before: Vec::new(),
            waits: Vec::new(),
            keep: None,
            snapshot: false,
            stays: false,
            turn: None,
            once: false,
            once_by: None,
            shared: None,
            yields: false,
            create_first: false,
            revision: false,
            ignore: Vec::new(),
            expect: Vec::new(),
            body: Vec::new(),
            span: node.span,
        };
        for (key, value) in &node.props {
            match (key.text.as_str(), value.as_str()) {
                ("parent", _) => rule.parent = Some(Box::new(self.operand(value))),
                ("after", _) => rule.after.push(self.operand(value)),
                ("before", _) => rule.before.push(self.operand(value)),
                ("waits", Some(text)) if value.tag() == Some("get") => rule.waits.push(path(text, value.span)),
                ("keep", _) => rule.keep = Some(self.operand(value)),
                ("otherwise", Some("snapshot")) => rule.snapshot = true,
                ("otherwise", Some("stay")) => rule.stays = true,
                ("turn", _) => rule.turn = Some(Box::new(self.operand(value))),
                ("once", Some(text)) => rule.once_by = Some(path(text, value.span)),
                ("once", None) => rule.once = node.flag("once"),
                ("shared", _) => rule.shared = Some(self.operand(value)),
                ("yields", None) if rule.shared.is_some() => rule.yields = node.flag("yields"),
                ("replace", Some("create-first")) => rule.create_first = true,
                ("replace", Some("revision")) => rule.revision = true,
                ("ignore", Some(names)) => rule.ignore.push(Ignore { names: names.split(' ').map(str::to_owned).collect(), when: None }),
                ("ignore-when", Some(text)) if !rule.ignore.is_empty() => {
                    if let Some(last) = rule.ignore.last_mut() {
                        last.when = Some(path(text, value.span));
                    }
                }
                _ => self.wrong(
                    key.span,
                    "a resource takes `parent`, `after`, `before`, `waits=(get)…`, `keep`, `otherwise=snapshot`, `otherwise=stay`, `replace=create-first`, `replace=revision`, `turn`, `once`, `shared`, `yields` after it, `ignore` \
                     and `ignore-when`",
                ),
            }
        }
        let (expected, body): (Vec<&Node>, Vec<&Node>) = node.children().iter().partition(|child| child.tag() == Some("expect"));
        for child in expected {
            match (child.args.as_slice(), child.arg_str(1)) {
                ([value, _], Some(why)) => rule.expect.push(Expect { attribute: child.name.clone(), value: self.operand(value), why: why.to_owned() }),
                _ => self.wrong(child.span, "`(expect)` takes a value, and why it may be something else"),
            }
        }
        rule.body = body.into_iter().filter_map(|node| self.item(node)).collect();
        Some(Statement::Resource(Box::new(rule)))
    }

    fn items(&mut self, nodes: &[Node]) -> Vec<Item> {
        nodes.iter().filter_map(|node| self.item(node)).collect()
    }

    fn item(&mut self, node: &Node) -> Option<Item> {
        match node.tag() {
            Some("when" | "match" | "each" | "secret") => Some(Item::Form(self.around(node, Self::items))),
            Some(other) => {
                self.wrong(node.span, &format!("`({other})` is no form that can stand here"));
                None
            }
            None => {
                let value = self.value(node, &node.args);
                Some(if node.name.text == "-" { Item::Element(value) } else { Item::Property(node.name.clone(), value) })
            }
        }
    }

    /// What stands behind a name: a value, several, an object of `key=value`, or something in braces.
    fn value(&mut self, node: &Node, args: &[Value]) -> Expr {
        let span = node.span;
        if let Some(call) = args.first().filter(|value| value.tag() == Some("call")) {
            let mut body: Vec<Item> = node.props.iter().map(|(key, value)| Item::Property(key.clone(), self.operand(value))).collect();
            body.extend(self.items(node.children()));
            let args = args.iter().skip(1).map(|value| self.operand(value)).collect();
            return Expr { kind: ExprKind::Call { name: call.as_str().unwrap_or_default().to_owned(), args, body }, span };
        }
        match (args, node.props.is_empty() && node.children.is_none()) {
            ([one], true) => self.operand(one),
            ([], _) => {
                let mut body: Vec<Item> = node.props.iter().map(|(key, value)| Item::Property(key.clone(), self.operand(value))).collect();
                body.extend(self.items(node.children()));
                Expr { kind: ExprKind::Body(body), span }
            }
            (many, true) => Expr { kind: ExprKind::List(many.iter().map(|value| self.operand(value)).collect()), span },
            _ => {
                self.wrong(span, "either values, or properties and braces");
                Expr { kind: ExprKind::Broken, span }
            }
        }
    }

    fn operand(&mut self, value: &Value) -> Expr {
        let span = value.span;
        let kind = match (value.tag(), value.as_str()) {
            (None, _) => ExprKind::Literal(value.scalar.clone()),
            (Some("fmt"), Some(text)) => match split_fmt(text) {
                Ok(pieces) => ExprKind::Fmt(pieces.into_iter().map(|piece| self.piece(piece, span)).collect()),
                Err(why) => {
                    self.wrong(span, why);
                    ExprKind::Broken
                }
            },
            (Some(form), Some(text)) => self.form(form, text, span),
            (Some(_), None) => {
                self.wrong(span, "a form has text behind it");
                ExprKind::Broken
            }
        };
        Expr { kind, span }
    }

    fn form(&mut self, form: &str, text: &str, span: Span) -> ExprKind {
        match form {
            "get" => ExprKind::Get(path(text, span)),
            "ref" => ExprKind::Ref(text.to_owned()),
            "table" => ExprKind::Table(text.to_owned()),
            "attr" => match text.split_once('.') {
                Some((role, attribute)) => ExprKind::Attr(role.to_owned(), attribute.to_owned()),
                None => {
                    self.wrong(span, "`(attr)` names a role and an attribute, as in `(attr)instance.Arn`");
                    ExprKind::Broken
                }
            },
            "call" => ExprKind::Call { name: text.to_owned(), args: Vec::new(), body: Vec::new() },
            other => {
                self.wrong(span, &format!("`({other})` is no form of a value: there are `(get)`, `(ref)`, `(attr)`, `(table)`, `(fmt)` and `(call)`"));
                ExprKind::Broken
            }
        }
    }

    /// In a `(fmt)` text, `{path}` is a `(get)`; the other forms are written out, as in `{(attr)bucket.Arn}`, and a built-in takes paths, as in
    /// `{(call)txt text}`.
    fn piece(&mut self, piece: Piece, span: Span) -> Expr {
        let kind = match piece {
            Piece::Text(text) => ExprKind::Literal(Scalar::String(text)),
            Piece::Path(text) => match text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                Some(("call", rest)) => {
                    let mut words = rest.split_ascii_whitespace();
                    let name = words.next().unwrap_or_default().to_owned();
                    let args = words.map(|word| Expr { kind: ExprKind::Get(path(word, span)), span }).collect();
                    ExprKind::Call { name, args, body: Vec::new() }
                }
                Some((form, rest)) => self.form(form, rest, span),
                None => ExprKind::Get(path(&text, span)),
            },
        };
        Expr { kind, span }
    }
}

/// `of=#false` says that a table is over no property; without `of` it is over the one of its name.
fn table(node: &Node) -> Table {
    let of = match node.prop("of").map(|value| &value.scalar) {
        Some(Scalar::Bool(false)) => None,
        Some(Scalar::String(property)) => Some(property.clone()),
        _ => Some(node.name.text.clone()),
    };
    let rows = node.props.iter().filter(|(key, _)| key.text != "of").map(|(key, value)| (key.clone(), value.scalar.clone())).collect();
    Table { name: node.name.text.clone(), of, shared: false, rows, span: node.span }
}

/// Whether a node reads a table, or one of those in its braces does.
fn mentions(node: &Node, name: &str) -> bool {
    let values = node.args.iter().chain(node.props.iter().map(|(_, value)| value));
    let read = |value: &Value| match value.tag() {
        Some("table") => value.as_str() == Some(name),
        Some("fmt") => value.as_str().is_some_and(|text| text.contains(&format!("(table){name}"))),
        _ => false,
    };
    let gone_over = node.tag() == Some("each") && node.name.text == name;
    gone_over || values.into_iter().any(read) || node.children().iter().any(|child| mentions(child, name))
}

fn each<T>(node: &Node, body: Vec<T>) -> Each<T> {
    let over = node_path(node);
    let last = over.parts.last().cloned().unwrap_or_default();
    Each { over, name: node.prop_str("as").map_or(last, str::to_owned), secret: node.tag() == Some("secret"), body }
}

fn node_path(node: &Node) -> Path {
    path(&node.name.text, node.name.span)
}

fn path(text: &str, span: Span) -> Path {
    Path { parts: text.split('.').map(str::to_owned).collect(), span }
}

fn ident(value: &Value) -> Option<Ident> {
    value.as_str().map(|text| Ident { text: text.to_owned(), span: value.span })
}

fn word(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::String(text) => Some(text.clone()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Float(number) => Some(number_text(*number)),
        _ => None,
    }
}
