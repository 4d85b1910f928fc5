//! What a rule says and nothing reads: an output, a parameter, a table.

use super::*;

impl Checker<'_, '_> {
    /// Of a team's own rules only what stands in them: what they no longer read of the others is no fault of those.
    pub(super) fn unread(&mut self, all: &[String]) {
        let mut rules: Vec<(String, Rc<Rule>, Vec<String>)> = Vec::new();
        rules.extend(self.rules.lowering(CLOUD, self.sources).map(|rule| (CLOUD.to_owned(), rule, Vec::new())));
        for name in all {
            let Some(ty) = self.catalogue.get(name, self.sources) else { continue };
            let spec = ty.outputs.iter().map(|output| output.name.clone()).collect();
            rules.extend(self.rules.lowering(name, self.sources).map(|rule| (name.clone(), rule, spec)));
            let asked = self.asked.keys().filter(|(of, _)| of == name).map(|(_, output)| output.clone());
            let items = self.asked_items.iter().filter(|(of, ..)| of == name).map(|(_, _, output)| output.clone());
            let spec = ty.outputs.iter().map(|output| output.name.clone()).chain(asked).chain(items).collect();
            rules.extend(self.rules.finding(name, self.sources).map(|rule| (rule.subject.to_string(), rule, spec)));
            for (index, property) in ty.properties.iter().enumerate() {
                let Some(to) = property.edge().and_then(|edge| self.catalogue.get(&edge.to, self.sources)) else { continue };
                let of = Root::Edge { from: Rc::clone(&ty), to: Rc::clone(&to), property: index }.of();
                rules.extend(self.rules.edge(&property.name, name, &to.name, self.sources).map(|rule| (of, rule, Vec::new())));
            }
        }
        // A table that stands beside the targets, or in an edge's rule for several types, is read by any of them.
        let mut reads: Vec<(String, Span)> = Vec::new();
        let mut found: Vec<(&str, String, Span)> = Vec::new();
        for (of, rule, spec) in &rules {
            let mut said: Vec<(&'static str, &Ident)> = Vec::new();
            each_said(&rule.body, &mut |kind, name| said.push((kind, name)));
            let tables: Vec<Ident> =
                rule.tables.iter().filter(|table| !table.shared).map(|table| Ident { text: table.name.clone(), span: table.span }).collect();
            for (kind, name) in said.into_iter().chain(tables.iter().map(|table| ("table", table))) {
                let key = if kind == "output" { name.text.clone() } else { format!("{kind}.{}", name.text) };
                let asked = kind == "output" && (spec.contains(&name.text) || name.text == HANDLE);
                if asked || self.read.contains(&(of.clone(), key)) {
                    reads.push((kind.to_owned(), name.span));
                } else {
                    found.push((kind, name.text.clone(), name.span));
                }
            }
        }
        found.retain(|(kind, _, span)| !reads.iter().any(|(of, read)| of == kind && read == span));
        found.sort_by_key(|(.., span)| (span.file.0, span.start));
        found.dedup_by_key(|(.., span)| *span);
        for (kind, name, span) in found {
            let (what, by) = match kind {
                "output" => ("output", "it is none of the type's, and no rule has a path to it"),
                "param" => ("parameter", "the deployer would be asked for nothing"),
                _ => ("table", "`(table)NAME` or `(each)NAME` does"),
            };
            if self.rules.files.is_own(self.sources, span.file) {
                self.out.push(diag::unread(span, what, &name, by));
            }
        }
    }
}

/// The outputs and parameters of a rule.
fn each_said<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'static str, &'r Ident)) {
    for statement in statements {
        match statement {
            Statement::Output { name, .. } => found("output", name),
            Statement::Param(param) => found("param", &param.name),
            Statement::Form(form) => form.bodies().for_each(|body| each_said(body, found)),
            _ => {}
        }
    }
}
