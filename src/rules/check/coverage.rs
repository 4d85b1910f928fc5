//! Which rules there are to check, and what a target's rules say nothing of.

use super::*;

impl Checker<'_, '_> {
    pub(super) fn cloud(&mut self) {
        let written = self.rules.target.settings.iter().filter(|node| node.name.text == "fill");
        let unread = written.filter(|node| !self.fills.iter().any(|(name, _)| node.arg_str(0) == Some(name)));
        let spans: Vec<Span> = unread.map(|node| node.span).collect();
        for span in spans {
            self.out.push(diag::spec(span, "`fill` takes a property of the provider's and `(get)cloud.NAME`"));
        }
        if let Some(rule) = self.rules.lowering(CLOUD, self.sources) {
            let scope = Scope { rule: Rc::clone(&rule), subject: Root::Cloud, items: Vec::new() };
            self.rule(&scope);
            let fills = self.fills.clone().into_iter().map(|(_, path)| path);
            for path in fills.chain(self.rules.target.reads()) {
                self.resolve(&scope, &path);
            }
        }
    }

    pub(super) fn portable_type(&mut self, name: &str, all: &[String]) {
        let Some(ty) = self.catalogue.get(name, self.sources) else { return };
        let Some(rule) = self.rules.lowering(name, self.sources) else { return };
        let scope = Scope { rule: Rc::clone(&rule), subject: Root::Type(Rc::clone(&ty)), items: Vec::new() };
        self.rule(&scope);
        for (index, property) in ty.properties.iter().enumerate() {
            let Some(edge) = property.edge().filter(|edge| all.contains(&edge.to)) else { continue };
            let (Some(to), Some(rule)) = (self.catalogue.get(&edge.to, self.sources), self.rules.edge(&property.name, name, &edge.to, self.sources)) else {
                continue;
            };
            let scope = Scope { rule, subject: Root::Edge { from: Rc::clone(&ty), to, property: index }, items: Vec::new() };
            self.rule(&scope);
        }
        self.finding(&ty);
    }

    /// Every rule is about a type or an edge that exists.
    pub(super) fn subjects(&mut self) {
        let types: Vec<&str> = self.catalogue.names().collect();
        let targets: Vec<String> =
            self.rules.files.targets(self.sources).into_iter().filter(|target| target.cloud == self.rules.target.cloud).map(|target| target.name).collect();
        for stem in self.rules.files.stems(&self.rules.target.cloud) {
            let nodes = self.rules.files.nodes(&self.rules.target.cloud, &stem, self.sources);
            for block in nodes.iter().filter(|node| node.name.text != CLOUD).flat_map(|node| node.children()) {
                let is_target = block.tag.is_none() && block.children.is_some() && block.name.text != "pairs";
                if is_target && !targets.contains(&block.name.text) {
                    let known: Vec<&str> = targets.iter().map(String::as_str).collect();
                    self.out.push(diag::unknown_subject(block.name.span, "target", &block.name.text, &known));
                }
            }
            let mut seen: Vec<(Subject, Span)> = Vec::new();
            for rule in self.rules.file(&stem, self.sources).iter() {
                if let Some((_, first)) = seen.iter().find(|(subject, _)| *subject == rule.subject) {
                    self.out.push(diag::declared_twice(rule.span, "rule", &rule.subject.to_string(), *first));
                }
                seen.push((rule.subject.clone(), rule.span));
                if let Subject::Edge { edge, from, to } = &rule.subject {
                    for from in from {
                        let Some(ty) = self.catalogue.get(from, self.sources) else { continue };
                        let known: Vec<&str> = ty
                            .properties
                            .iter()
                            .filter(|property| property.edge().is_some_and(|known| known.to == *to))
                            .map(|property| property.name.as_str())
                            .collect();
                        if !known.contains(&edge.as_str()) && types.contains(&to.as_str()) {
                            self.out.push(diag::unknown_subject(rule.span, &format!("edge from `{from}` to `{to}`"), edge, &known));
                        }
                    }
                }
                let named: Vec<&String> = match &rule.subject {
                    Subject::Type(ty) if ty == CLOUD => continue,
                    Subject::Type(ty) | Subject::Find(ty) => vec![ty],
                    Subject::Edge { from, to, .. } => from.iter().chain([to]).collect(),
                };
                for name in named {
                    if !types.contains(&name.as_str()) {
                        self.out.push(diag::unknown_subject(rule.span, "type", name, &types));
                    }
                }
                let in_place = match &rule.subject {
                    Subject::Type(ty) | Subject::Find(ty) => *ty == stem,
                    Subject::Edge { to, .. } => *to == stem,
                };
                if !in_place {
                    self.out.push(diag::spec(rule.span, "a rule stands in the file of its type, an edge's rule in the file of the type it leads to"));
                }
            }
        }
    }

    /// With `whole`, a type without any rule is a gap too; otherwise lowering says so where a stack uses it.
    pub(super) fn coverage(&mut self, all: &[String], whole: bool) {
        let target = self.rules.target.name.clone();
        for name in all {
            let Some(ty) = self.catalogue.get(name, self.sources) else { continue };
            let Some(rule) = self.rules.lowering(name, self.sources) else {
                if whole {
                    self.out.push(diag::not_covered(self.rules.target.span, name, name, &target, ty.span));
                }
                continue;
            };
            // A type that is not there, or is there by other means, has been dealt with as a whole; one that lacks something has not.
            let whole = |loss: &Loss, name: &str| loss.grade != Grade::Degraded && loss.subject.to_string() == name;
            let declared = |path: &str| self.losses.iter().any(|(of, loss)| of == name && (loss.subject.to_string() == path || whole(loss, name)));
            let mut missing: Vec<(String, Span)> = Vec::new();
            for property in &ty.properties {
                if declared(&property.name) {
                    continue;
                }
                if !self.used.contains(&(name.clone(), property.name.clone())) && property.edge().is_none() {
                    missing.push((property.name.clone(), property.span));
                } else if let Kind::Block(block) = &property.kind {
                    let edge_to = block.edge.as_ref().map(|edge| edge.to.clone());
                    if let Some(to) = &edge_to
                        && self.rules.edge(&property.name, name, to, self.sources).is_none()
                    {
                        missing.push((format!("{} {to}", property.name), property.span));
                        continue;
                    }
                    if edge_to.as_ref().is_some_and(|to| declared(&format!("{} {to}", property.name))) {
                        continue;
                    }
                    for field in &block.fields {
                        let path = format!("{}.{}", property.name, field.name);
                        // The environment's names are derived before any rule sees them.
                        let derived = field.name == "prefix" && edge_to.is_some();
                        if !derived && !declared(&path) && !self.used.contains(&(name.clone(), path.clone())) {
                            missing.push((path, field.span));
                        }
                    }
                }
            }
            for (path, span) in missing {
                self.out.push(diag::not_covered(rule.span, name, &path, &target, span));
            }
            for output in &ty.outputs {
                let given = find_output(&rule.body, &output.name).is_some();
                // One that is there by other means is there.
                let absent = |loss: &Loss| loss.grade == Grade::Unsupported && [name, &output.name].contains(&&loss.subject.to_string());
                let lost = self.losses.iter().any(|(of, loss)| of == name && absent(loss));
                if !given && !lost {
                    self.out.push(diag::missing_output(rule.span, name, &output.name, &target, output.span));
                }
            }
        }
    }
}
