//! What a template has as a whole: parameters, outputs, settings, tags.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    pub(super) fn params(&self) -> Vec<NativeParam> {
        let mut params: Vec<NativeParam> = self
            .model
            .params
            .iter()
            .map(|param| {
                let default = param.default.as_ref().map(|(scalar, span)| Val::new(literal(scalar), Origin { user: *span, rule: Span::default() }));
                NativeParam {
                    name: param.name.text.clone(),
                    about: param.about.clone(),
                    secret: param.secret,
                    number: param.number,
                    list: false,
                    ty: None,
                    limits: param.limits.clone(),
                    default,
                    span: param.name.span,
                    used: false,
                }
            })
            .collect();
        params.extend(self.rule_params.borrow().iter().cloned());
        params
    }

    /// A parameter that a rule asks for: one for the stack in the cloud's own rule, one for each resource in any other.
    pub(super) fn rule_param(&self, instance: usize, name: &str, origin: Origin) -> Item<'m> {
        let Some(param) = self.instances.get(instance).and_then(|made| find_param(&made.rule.body, name)) else { return Item::Absent };
        if let Some(val) = self.said(instance, name, param.list, origin.rule) {
            return Item::Val(val);
        }
        if param.optional {
            return Item::Absent;
        }
        let mut parts = if self.cloud == Some(instance) { Vec::new() } else { self.name(instance, "main", false) };
        parts.push(name.to_owned());
        let full = parts.join("-");
        let mut params = self.rule_params.borrow_mut();
        let place = params.iter().position(|known| known.name == full).unwrap_or_else(|| {
            let default = param.default.as_ref().map(|scalar| Val::new(literal(scalar), origin));
            let number = matches!(param.default, Some(Scalar::Integer(_) | Scalar::Float(_)));
            params.push(NativeParam {
                name: full,
                about: Some(param.about.clone()),
                secret: param.secret,
                number,
                list: param.list,
                ty: param.ty.as_ref().map(|ty| ty.text.clone()),
                limits: crate::check::Limits::default(),
                default,
                span: origin.user,
                used: false,
            });
            params.len() - 1
        });
        // A parameter that was only declared so far belongs to the line that reads it first.
        if let Some(param) = params.get_mut(place).filter(|param| param.span == self.model.span) {
            param.span = origin.user;
        }
        Item::Val(Val::new(ValKind::Param(self.model.params.len() + place), origin))
    }

    /// The parameters of the cloud's own rule stand in its order, so that an unrelated resource that reads one moves none. Those that nothing reads are left out.
    pub(super) fn declare_cloud_params(&self) {
        let Some((index, cloud)) = self.cloud.and_then(|index| Some((index, self.instances.get(index)?))) else { return };
        for statement in &cloud.rule.body {
            if let Statement::Param(param) = statement {
                self.rule_param(index, &param.name.text, Origin { user: self.model.span, rule: Span::default() });
            }
        }
    }

    /// What the stack shows, what every stack tells of a resource, and what an operator's client reads of it.
    pub(super) fn stack_outputs(&self) -> Vec<NativeOutput> {
        let shown = self.model.outputs.iter().map(|output| NativeOutput {
            name: output.name.text.clone(),
            span: output.name.span,
            value: self.field(&output.value, Span::default()),
            handle: None,
        });
        let mut outputs: Vec<NativeOutput> = shown.collect();
        let ids = (0..self.model.resources.len()).map(ResourceId);
        for (id, instance) in ids.filter_map(|id| Some((id, *self.of_resource.get(&id)?))) {
            let Some(resource) = self.resource(id) else { continue };
            let span = resource.name.span;
            for output in resource.ty.outputs.iter().filter(|output| output.told && resource.found.is_none()) {
                let name = format!("{}-{}", resource.name.text, output.name);
                let said = |value: &Value| matches!(value, Value::Output(of, said) if *of == id && *said == output.name);
                if self.model.outputs.iter().any(|output| output.name.text == name || said(&output.value.value)) {
                    continue;
                }
                outputs.extend(self.output(instance, &output.name).map(|value| NativeOutput { name, span, value, handle: None }));
            }
            let name = format!("{HANDLE}-{}", resource.name.text);
            outputs.extend(self.output(instance, HANDLE).map(|value| NativeOutput { name, span, value, handle: Some(id) }));
        }
        outputs.retain(|output| !output.value.is_absent());
        outputs
    }

    /// What the target's settings read of the cloud.
    pub(super) fn settings(&self) -> Vec<(String, Val)> {
        let Some(instance) = self.cloud else { return Vec::new() };
        let at = At { instance, frame: &[], user: self.model.span };
        self.checked.target().reads().into_iter().map(|path| (path.to_string(), self.get(&path, at))).collect()
    }

    pub(super) fn stack_tags(&self) -> Vec<(String, Val)> {
        let mut tags: Vec<(String, Val)> = vec![("stack".to_owned(), Val::text(&self.model.name, Origin { user: self.model.span, rule: Span::default() }))];
        for (name, which) in [("stage", &self.model.stage), ("instance", &self.model.instance)] {
            tags.extend(which.as_ref().map(|which| (name.to_owned(), Val::text(which, Origin { user: self.model.span, rule: Span::default() }))));
        }
        put_tags(&mut tags, self.model.tags.iter().map(|(name, field)| (name.clone(), self.field(field, Span::default()))));
        tags
    }

    pub(super) fn own_tags(&self, id: NativeId) -> Vec<(String, Val)> {
        let Some(who) = self.slots.borrow().get(id.0).and_then(|slot| self.instances.get(slot.instance)).map(|instance| instance.who) else {
            return Vec::new();
        };
        let owner = match who {
            Who::Resource(id) | Who::Edge { from: id, .. } => id,
            Who::Cloud => return Vec::new(),
        };
        self.resource(owner)
            .map(|resource| resource.tags.iter().map(|(name, field)| (name.clone(), self.field(field, Span::default()))).collect())
            .unwrap_or_default()
    }
}

/// Sets tags; a later one of the same name replaces an earlier one.
pub(in crate::rules) fn put_tags(tags: &mut Vec<(String, Val)>, more: impl IntoIterator<Item = (String, Val)>) {
    for (name, val) in more {
        match tags.iter_mut().find(|(other, _)| *other == name) {
            Some((_, slot)) => *slot = val,
            None => tags.push((name, val)),
        }
    }
}

pub(super) fn scalar_text(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::String(text) => Some(text.clone()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Float(number) => Some(number.to_string()),
        Scalar::Bool(flag) => Some(flag.to_string()),
        Scalar::Null => None,
    }
}

pub(super) fn literal(scalar: &Scalar) -> ValKind {
    match scalar {
        Scalar::String(text) => ValKind::Text(text.clone()),
        Scalar::Integer(number) => ValKind::Integer(*number),
        Scalar::Float(number) => ValKind::Number(*number),
        Scalar::Bool(flag) => ValKind::Bool(*flag),
        Scalar::Null => ValKind::Absent,
    }
}
