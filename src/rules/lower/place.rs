//! First: which resources there are, and what each is named.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    pub(super) fn place(&self, instance: usize, statements: &'r [Statement], frame: &Frame<'m, 'r>) {
        for statement in statements {
            let at = At { instance, frame, user: self.user_span(instance) };
            match statement {
                Statement::Resource(rule) => self.add_slot(instance, rule, frame.clone()),
                Statement::Form(form) => self.inside(form, at, &mut |body, at| self.place(instance, body, &at.frame.to_vec())),
                Statement::Loss(loss) => self.meet(instance, loss),
                Statement::Gate(gate) => self.gates.borrow_mut().push((instance, gate)),
                Statement::Output { .. } | Statement::NoOutput(_) | Statement::Param(_) | Statement::Takes(_) => {}
            }
        }
    }

    fn add_slot(&self, instance: usize, rule: &'r ResourceRule, frame: Frame<'m, 'r>) {
        let place = match self.made_once(instance, rule).or_else(|| self.made_for_the_same(instance, rule, &frame)) {
            Some(place) => place,
            None => {
                let mut slots = self.slots.borrow_mut();
                slots.push(Slot { instance, rule, frame });
                slots.len() - 1
            }
        };
        self.by_role.borrow_mut().entry(instance).or_default().entry(rule.role.text.as_str()).or_default().push(place);
    }

    /// The resource of this rule that another edge between the same two has already made, if one is enough for all.
    fn made_once(&self, instance: usize, rule: &'r ResourceRule) -> Option<usize> {
        let ends = |instance: usize| match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Edge { from, to, .. }) if rule.once => Some((from, to)),
            _ => None,
        };
        let mine = ends(instance)?;
        // Edges of one resource stand next to each other, so the search ends after the last of them.
        let slots = self.slots.borrow();
        let same = |place: &usize| slots.get(*place).is_some_and(|slot| std::ptr::eq(slot.rule, rule) && ends(slot.instance) == Some(mine));
        (0..slots.len()).rev().take(MOST_SLOTS_OF_ONE).find(same)
    }

    /// The resource of this rule that an earlier item of the loop has made, if one is enough for all that lead to the same.
    fn made_for_the_same(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> Option<usize> {
        let path = rule.once_by.as_ref()?;
        let mine = self.leads_to(path, instance, frame)?;
        let candidates = self.by_role.borrow().get(&instance).and_then(|roles| roles.get(rule.role.text.as_str())).cloned().unwrap_or_default();
        candidates.into_iter().find(|&place| {
            let slot = self.slots.borrow().get(place).map(|slot| (std::ptr::eq(slot.rule, rule), slot.frame.clone()));
            slot.is_some_and(|(same, frame)| same && self.leads_to(path, instance, &frame).as_ref() == Some(&mine))
        })
    }

    /// The resource that a path of a loop's item leads to, with the output of it that a secret is. Nothing is evaluated for it.
    fn leads_to(&self, path: &Path, instance: usize, frame: &Frame<'m, 'r>) -> Option<(ResourceId, &'m str)> {
        let (head, rest) = path.parts.split_first()?;
        match (&frame.iter().rev().find(|binding| binding.name == head)?.item, rest) {
            (Item::Entry(_, field), _) => match &field.value {
                Value::Output(id, name) => Some((*id, name.as_str())),
                _ => None,
            },
            _ => match self.resolve(path, At { instance, frame, user: self.user_span(instance) }) {
                Item::Resource(id) => Some((id, "")),
                _ => None,
            },
        }
    }

    pub(super) fn place_cloud_role(&self, instance: usize, role: &str) {
        let placed = self.by_role.borrow().get(&instance).is_some_and(|roles| roles.contains_key(role));
        if self.cloud != Some(instance) || placed {
            return;
        }
        let Some(rule) = self.instances.get(instance).map(|instance| instance.rule) else { return };
        for statement in &rule.body {
            if let Statement::Resource(resource) = statement
                && resource.role.text == role
            {
                self.add_slot(instance, resource, Vec::new());
            }
        }
    }

    pub(super) fn name(&self, instance: usize, role: &str, once: bool) -> Vec<String> {
        let resource_name = |id: ResourceId| self.resource(id).map(|resource| resource.name.text.clone()).unwrap_or_default();
        let mut parts = Vec::new();
        match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Resource(id)) => parts.push(resource_name(id)),
            Some(Who::Edge { from, to, record, .. }) => {
                parts.extend([resource_name(from), resource_name(to)]);
                if !once {
                    parts.extend(slug(&record.key));
                }
            }
            _ => {}
        }
        if role != "main" {
            parts.push(role.to_owned());
        }
        parts
    }

    /// The name of what a loop makes, by what the loop goes over.
    pub(super) fn name_in(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> Vec<String> {
        let mut parts = self.name(instance, &rule.role.text, rule.once);
        // What is made once for all that lead to the same is named by that: by the first of them, it would become another one when that goes.
        let led = rule.once_by.as_ref().and_then(|path| Some((path.parts.first()?, self.leads_to(path, instance, frame)?)));
        for binding in frame.iter() {
            match &led {
                Some((head, (id, output))) if binding.name == head.as_str() => {
                    parts.extend(self.resource(*id).map(|resource| resource.name.text.clone()));
                    parts.extend(slug(output));
                }
                _ => parts.extend(slug(&binding.key)),
            }
        }
        parts
    }

    /// Which of those that take each other's place a resource is; the first has no number in its name.
    pub(super) fn turn(&self, expr: &'r Expr, at: At<'_, 'm, 'r>) -> i64 {
        match self.eval(expr, at).kind {
            ValKind::Integer(number) => number,
            _ => 1,
        }
    }

    /// The words by which what is made once in the stack is named.
    pub(super) fn shared(&self, rule: &'r ResourceRule, at: At<'_, 'm, 'r>) -> Option<Vec<String>> {
        let pieces = match self.eval(rule.shared.as_ref()?, at).kind {
            ValKind::Concat(pieces) => pieces,
            kind => vec![Val::new(kind, Origin { user: at.user, rule: rule.span })],
        };
        let texts: Option<String> = pieces.iter().map(|piece| if let ValKind::Text(text) = &piece.kind { Some(text.as_str()) } else { None }).collect();
        texts.map(|text| slug(&text))
    }
}

/// The words of a key, for a name: `/api/*` is `api` and `all`.
pub(super) fn slug(key: &str) -> Vec<String> {
    let key = key.replace('*', " all ");
    let words = key.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}
