//! The rule language: read, checked against the provider's schema for all inputs, lowered. `docs/rules.md` describes it.
//!
//! Only [`Checked`] rules can be lowered, and only [`check::check`] makes them.

pub mod ast;
pub mod builtin;
pub mod check;
mod find;
mod finish;
mod found;
mod lower;
mod parse;

pub use ast::{Form, Grade, Loss, Rule, Statement, Subject};
pub use check::Checked;
pub use found::{Finder, FinderParam};
pub use lower::lower;

use crate::diag::{Diagnostic, rules as diag};
use crate::embedded;
use crate::emit::Format;
use crate::provider::{Facts, Provider};
use crate::source::{Sources, Span};
use crate::syntax::{self, Node};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The name under which rules reach what a cloud offers by itself, such as its region.
pub const CLOUD: &str = "cloud";

/// What `this` has in an edge's rule: where the edge stands among those of its kind that lead to the same resource.
const PLACE: &str = "place";

/// The name under which an edge's rule reaches the one that stands before its own.
const PREVIOUS: &str = "previous";

/// The name under which a type's rule reaches the edges that lead to it.
const INCOMING: &str = "incoming";

/// With a field's name: of the edges that lead to a resource, the first for every value of the field.
const PER: &str = "per-";

/// With a field's name: of the edges that lead to a resource, those that leave the field out.
const WITHOUT: &str = "without-";

/// With a field's name: the edges to the same resource that have the same value as an edge has, and those that leave the field out.
const SAME: &str = "same-";

/// With a type's name: the resource of that type whose output is in a property's value.
const FROM: &str = "from-";

/// Of an image's name, the host of its registry, where the cloud does not run images from there.
const ELSEWHERE: &str = "elsewhere";

/// The host of the registry that is meant where an image's name has none.
const DOCKER: &str = "docker.io";

/// An output of a cloud: an artefact in a format, written by its own rules and checked against its own facts.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, such as `cfn`.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Its cloud, the name of its folder below `targets/`.
    pub cloud: String,
    /// The cloud, in a few words.
    pub cloud_about: String,
    /// How its template is spelt.
    pub format: Format,
    /// The names of its facts files, with spaces between them.
    pub facts: String,
    /// What the format has to know of it: pins, providers.
    pub settings: Vec<Node>,
    /// The clients of the cloud that an operator needs: the kind of a `handle`, and its keys.
    pub clients: Vec<(String, Vec<String>)>,
    /// Where it is declared.
    pub span: Span,
}

impl Target {
    /// The property by which resources are named, where their rules do not name them.
    pub fn names(&self) -> Option<&str> {
        self.settings.iter().find(|node| node.name.text == "names").and_then(|node| node.arg_str(0))
    }

    /// Types of resources that the cloud knows by some of their properties: the type, those, and what it says of a second one.
    pub fn apart(&self) -> impl Iterator<Item = (&str, Vec<&str>, &str)> {
        self.settings.iter().filter(|node| node.name.text == "apart").filter_map(|node| {
            let mut words = node.args.iter().filter_map(crate::syntax::Value::as_str);
            let (ty, why) = (words.next()?, words.next_back()?);
            Some((ty, words.collect(), why))
        })
    }

    /// The hosts of registries that images are run from as they are; one may begin with `*`.
    pub fn registries(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter(|node| node.name.text == "registries").flat_map(|node| node.args.iter().filter_map(crate::syntax::Value::as_str))
    }

    /// What the format offers by itself, such as the region it deploys to: each as `(ref)` names it, with `::` in it.
    pub fn pseudo(&self) -> Vec<&str> {
        let nodes = self.settings.iter().filter(|node| node.name.text == "pseudo");
        nodes.flat_map(|node| node.args.iter().filter_map(crate::syntax::Value::as_str)).collect()
    }

    /// Whether the format has such a type of a parameter, or such a check of one: of one value, or of several.
    fn takes_param_type(&self, ty: &str, list: bool) -> bool {
        let one = match ty.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>')) {
            Some(one) if list => one,
            None if !list => ty,
            _ => return false,
        };
        let nodes = self.settings.iter().filter(|node| node.name.text == "parameter-types");
        nodes.flat_map(|node| node.args.iter().filter_map(crate::syntax::Value::as_str)).any(|known| known == one)
    }

    /// What the provider's own blocks read: the paths of their `(get)`.
    fn reads(&self) -> Vec<ast::Path> {
        fn find(node: &Node, found: &mut Vec<ast::Path>) {
            let read = node.args.iter().filter(|value| value.tag() == Some("get"));
            found.extend(read.filter_map(|value| Some(ast::Path { parts: value.as_str()?.split('.').map(str::to_owned).collect(), span: value.span })));
            node.children().iter().for_each(|child| find(child, found));
        }
        let mut found = Vec::new();
        self.settings.iter().filter(|node| node.name.text == "provider").for_each(|node| find(node, &mut found));
        found
    }

    /// Properties that every resource gets which has them and whose rule gives none, each with the path of its value.
    fn fills(&self) -> Vec<(String, ast::Path)> {
        let fills = self.settings.iter().filter(|node| node.name.text == "fill");
        fills
            .filter_map(|node| {
                let value = node.args.get(1).filter(|value| value.tag() == Some("get"))?;
                let parts = value.as_str()?.split('.').map(str::to_owned).collect();
                Some((node.arg_str(0)?.to_owned(), ast::Path { parts, span: value.span }))
            })
            .collect()
    }
}

/// The rule files: those in the binary, with a team's own laid over them, whole file by whole file.
#[derive(Debug, Default)]
pub struct RuleFiles {
    overlay: Vec<(String, String)>,
    /// The folder that the overlay comes from, as messages show it.
    shown: String,
    read: RefCell<BTreeMap<String, Rc<Vec<Node>>>>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl RuleFiles {
    /// The embedded files, with others over them: paths such as `aws/database.kdl`, and texts.
    pub fn new(overlay: Vec<(String, String)>) -> RuleFiles {
        RuleFiles { overlay, ..RuleFiles::default() }
    }

    /// Says which folder the overlay comes from, so that messages name its files as the user can open them.
    pub fn shown_in(&mut self, folder: &str) {
        self.shown = folder.trim_end_matches('/').to_owned();
    }

    /// Whether a team's own files are laid over the embedded ones.
    pub fn has_overlay(&self) -> bool {
        !self.overlay.is_empty()
    }

    /// Whether a file is to be judged by itself: one of a team's own, or any where there are none.
    pub fn is_own(&self, sources: &Sources, file: crate::source::FileId) -> bool {
        let name = sources.get(file).map(|source| source.name.as_str()).unwrap_or_default();
        !self.has_overlay() || self.overlay.iter().any(|(path, _)| name.ends_with(path.as_str()) && (self.shown.is_empty() || name.starts_with(&self.shown)))
    }

    /// Whether a team's own file stands in the place of the one of a type.
    pub fn is_replaced(&self, cloud: &str, stem: &str) -> bool {
        let path = format!("{cloud}/{stem}.kdl");
        self.overlay.iter().any(|(name, _)| *name == path)
    }

    /// The names of all clouds.
    pub fn clouds(&self) -> Vec<String> {
        let embedded = embedded::RULES.iter().filter_map(|file| file.path.strip_prefix("targets/")?.split_once('/')).map(|(cloud, _)| cloud.to_owned());
        let laid_over = self.overlay.iter().filter_map(|(path, _)| path.split_once('/')).map(|(cloud, _)| cloud.to_owned());
        let mut clouds: Vec<String> = embedded.chain(laid_over).collect();
        clouds.sort();
        clouds.dedup();
        clouds
    }

    /// The names of a cloud's rule files, without their ending.
    pub fn stems(&self, cloud: &str) -> Vec<String> {
        let prefix = format!("targets/{cloud}/");
        let embedded = embedded::RULES.iter().filter(|file| file.path.starts_with(&prefix)).map(|file| file.stem().to_owned());
        let laid_over = self.overlay.iter().filter_map(|(path, _)| path.strip_prefix(&format!("{cloud}/"))?.strip_suffix(".kdl").map(str::to_owned));
        let mut stems: Vec<String> = embedded.chain(laid_over).collect();
        stems.sort();
        stems.dedup();
        stems
    }

    /// The nodes of a cloud's file; none when there is no such file.
    fn nodes(&self, cloud: &str, stem: &str, sources: &mut Sources) -> Rc<Vec<Node>> {
        let path = format!("{cloud}/{stem}.kdl");
        if let Some(nodes) = self.read.borrow().get(&path) {
            return Rc::clone(nodes);
        }
        let laid_over = self.overlay.iter().find(|(name, _)| *name == path);
        let nodes = if let Some((name, text)) = laid_over {
            let shown = if self.shown.is_empty() { name.clone() } else { format!("{}/{name}", self.shown) };
            let file = sources.add(shown, text.clone());
            let (nodes, problems) = syntax::read(file, text);
            self.problems.borrow_mut().extend(problems);
            nodes
        } else {
            let full = format!("targets/{path}");
            embedded::RULES.iter().find(|file| file.path == full).map(|file| file.load(sources)).unwrap_or_default()
        };
        let nodes = Rc::new(nodes);
        self.read.borrow_mut().insert(path, Rc::clone(&nodes));
        nodes
    }

    /// All targets of all clouds.
    pub fn targets(&self, sources: &mut Sources) -> Vec<Target> {
        let mut targets = Vec::new();
        for cloud in self.clouds() {
            let nodes = self.nodes(&cloud, CLOUD, sources);
            for node in nodes.iter().filter(|node| node.name.text == CLOUD) {
                let words = |child: &Node| child.args.iter().filter_map(crate::syntax::Value::as_str).map(str::to_owned).collect();
                let clients = node.children().iter().filter(|child| child.name.text == "client").filter_map(|child| {
                    let mut words: Vec<String> = words(child);
                    (!words.is_empty()).then(|| (words.remove(0), words))
                });
                let clients: Vec<(String, Vec<String>)> = clients.collect();
                for child in node.children().iter().filter(|child| child.name.text == "target") {
                    let Some(format) = child.prop_str("format").and_then(Format::named) else {
                        self.problems.borrow_mut().push(diag::spec(child.span, "a target has a `format`: `cloudformation` or `terraform`"));
                        continue;
                    };
                    targets.push(Target {
                        name: child.arg_str(0).unwrap_or_default().to_owned(),
                        about: child.arg_str(1).unwrap_or_default().to_owned(),
                        cloud: cloud.clone(),
                        cloud_about: node.arg_str(1).unwrap_or_default().to_owned(),
                        format,
                        facts: child.prop_str("facts").unwrap_or_default().to_owned(),
                        settings: child.children().to_vec(),
                        clients: clients.clone(),
                        span: child.span,
                    });
                }
            }
        }
        targets
    }

    /// What was wrong in the files read so far.
    pub fn problems(&self) -> Vec<Diagnostic> {
        self.problems.borrow().clone()
    }
}

/// The rules of one target, each read when it is first asked for. Not checked yet: see [`check::check`].
#[derive(Debug)]
pub struct Rules<'f> {
    /// The target.
    pub target: Target,
    files: &'f RuleFiles,
    facts: Facts,
    read: RefCell<BTreeMap<String, Rc<Vec<Rc<Rule>>>>>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'f> Rules<'f> {
    /// The rules of a target; an error when its facts are not there.
    pub fn open(target: Target, files: &'f RuleFiles) -> Result<Rules<'f>, Diagnostic> {
        let known: Vec<&str> = embedded::FACTS.iter().map(|file| file.name).collect();
        let facts = Facts::open(&target.facts).ok_or_else(|| diag::unknown_subject(target.span, "facts file", &target.facts, &known))?;
        Ok(Rules { target, files, facts, read: RefCell::default(), problems: RefCell::default() })
    }

    /// The provider's schema.
    pub fn provider(&self) -> &dyn Provider {
        &self.facts
    }

    /// All rules of one file.
    fn file(&self, stem: &str, sources: &mut Sources) -> Rc<Vec<Rc<Rule>>> {
        if let Some(rules) = self.read.borrow().get(stem) {
            return Rc::clone(rules);
        }
        let nodes = self.files.nodes(&self.target.cloud, stem, sources);
        let rules = parse::rules(&nodes, &self.target.name, &mut self.problems.borrow_mut());
        let rules = Rc::new(rules.into_iter().map(Rc::new).collect::<Vec<_>>());
        self.read.borrow_mut().insert(stem.to_owned(), Rc::clone(&rules));
        rules
    }

    /// The rule that makes a type, which stands in the file of its name.
    pub fn lowering(&self, ty: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        self.file(ty, sources).iter().find(|rule| rule.subject == Subject::Type(ty.to_owned())).cloned()
    }

    /// The rule that finds what exists of a type, which stands in the file of its name.
    pub fn finding(&self, ty: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        self.file(ty, sources).iter().find(|rule| rule.subject == Subject::Find(ty.to_owned())).cloned()
    }

    /// The rule of an edge, which stands in the file of the type that it leads to.
    pub fn edge(&self, name: &str, from: &str, to: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        let fits = |rule: &&Rc<Rule>| matches!(&rule.subject, Subject::Edge { edge, from: types, to: target } if edge == name && target == to && types.iter().any(|ty| ty == from));
        self.file(to, sources).iter().find(fits).cloned()
    }
}

/// The native types that statements make and let stay, or leave a copy of, when the stack no longer has them.
pub fn kept_types(statements: &[Statement], found: &mut Vec<String>) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) if resource.keep.is_some() || resource.snapshot => found.push(resource.ty.text.clone()),
            Statement::Form(form) => form.bodies().for_each(|body| kept_types(body, found)),
            _ => {}
        }
    }
}
