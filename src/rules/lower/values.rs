//! Then: what is in the resources.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    pub(super) fn fill(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> (NativeResource, Vec<NativeId>) {
        let user = frame
            .iter()
            .rev()
            .find_map(|binding| if let Item::Block { record, .. } = &binding.item { Some(record.span) } else { None })
            .unwrap_or_else(|| self.user_span(instance));
        let at = At { instance, frame, user };
        let references = |exprs: &'r [Expr]| {
            let mut found = Vec::new();
            exprs.iter().for_each(|expr| self.eval(expr, at).references(&mut found));
            found
        };
        let keep = rule.keep.as_ref().is_some_and(|expr| matches!(self.eval(expr, at).kind, ValKind::Bool(true)));
        let removal = match (keep || rule.stays, rule.snapshot) {
            (true, _) => Removal::Keep,
            (false, true) => Removal::Snapshot,
            (false, false) => Removal::Delete,
        };
        let mut body = self.body(&rule.body, at);
        self.fill_in(rule, &mut body, user);
        let turns = rule.turn.as_ref().map(|expr| self.turn(expr, at));
        let mut name = self.shared(rule, at).unwrap_or_else(|| self.name_in(instance, rule, frame));
        name.extend(turns.filter(|turn| *turn > 1).map(|turn| turn.to_string()));
        let owner = match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Resource(id) | Who::Edge { from: id, .. }) => Some(id),
            Some(Who::Cloud) | None => None,
        };
        let resource = NativeResource {
            owner,
            kind: rule.kind,
            ty: rule.ty.text.clone(),
            version: None,
            parent: rule.parent.as_deref().and_then(|parent| references(std::slice::from_ref(parent)).first().copied()),
            name,
            turns,
            body,
            after: references(&rule.after),
            waits: Vec::new(),
            removal,
            protected: keep,
            can_be_kept: rule.keep.is_some() || rule.snapshot,
            create_first: rule.create_first || rule.revision,
            revision: rule.revision,
            ignored: self.ignored(rule, at),
            expected: rule
                .expect
                .iter()
                .map(|Expect { attribute, value, why }| Expected { attribute: attribute.text.clone(), value: self.eval(value, at), why: why.clone() })
                .filter(|expected| !expected.value.is_absent())
                .collect(),
            origin: Origin { user, rule: rule.span },
        };
        (resource, references(&rule.before))
    }

    /// The properties of a resource whose later changes are somebody else's, each once.
    fn ignored(&self, rule: &ResourceRule, at: At<'_, 'm, 'r>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for ignore in rule.ignore.iter().filter(|ignore| ignore.when.as_ref().is_none_or(|path| self.holds(path, at))) {
            for name in &ignore.names {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Gives a resource what the target's settings give to every one that has such a property.
    fn fill_in(&self, rule: &'r ResourceRule, body: &mut Vec<(String, Val)>, user: Span) {
        let Some(instance) = self.cloud.filter(|_| rule.kind == NativeKind::Resource && !self.fills.is_empty()) else { return };
        let Some(native) = self.checked.provider().native_type(rule.kind, &rule.ty.text) else { return };
        for (name, path) in &self.fills {
            let takes = native.root().member(name).is_some_and(|member| member.presence != Presence::ReadOnly);
            if takes && !body.iter().any(|(given, _)| given == name) {
                let val = self.get(path, At { instance, frame: &[], user });
                if !val.is_absent() {
                    body.push((name.clone(), val));
                }
            }
        }
    }

    fn body(&self, items: &'r [RuleItem], at: At<'_, 'm, 'r>) -> Vec<(String, Val)> {
        let mut body = Vec::new();
        for item in items {
            match item {
                RuleItem::Property(name, value) => {
                    let val = self.eval(value, at);
                    if !val.is_absent() {
                        body.push((name.text.clone(), val));
                    }
                }
                RuleItem::Element(_) => {}
                RuleItem::Form(form) => self.inside(form, at, &mut |inner, at| body.extend(self.body(inner, at))),
            }
        }
        body
    }

    fn elements(&self, items: &'r [RuleItem], at: At<'_, 'm, 'r>) -> Vec<Val> {
        let mut elements = Vec::new();
        for item in items {
            match item {
                RuleItem::Element(value) => {
                    let val = self.eval(value, at);
                    if !val.is_absent() {
                        elements.push(val);
                    }
                }
                RuleItem::Property(..) => {}
                RuleItem::Form(form) => self.inside(form, at, &mut |inner, at| elements.extend(self.elements(inner, at))),
            }
        }
        elements
    }

    pub(super) fn eval(&self, expr: &'r Expr, at: At<'_, 'm, 'r>) -> Val {
        let origin = Origin { user: at.user, rule: expr.span };
        match &expr.kind {
            ExprKind::Broken => Val::new(ValKind::Absent, origin),
            ExprKind::Literal(scalar) => Val::new(literal(scalar), origin),
            ExprKind::Get(path) => self.get(path, at),
            ExprKind::Ref(role) if role.contains("::") => Val::new(ValKind::Pseudo(role.clone()), origin),
            ExprKind::Ref(role) => self.role(role, at, origin, ValKind::Ref),
            ExprKind::Attr(role, attribute) => self.role(role, at, origin, |id| ValKind::Attr(id, attribute.clone())),
            ExprKind::Table(name) => self.table(name, at, origin),
            ExprKind::Fmt(pieces) => concat(pieces.iter().map(|piece| self.eval(piece, at)).collect(), origin),
            ExprKind::List(items) => Val::new(ValKind::List(items.iter().map(|item| self.eval(item, at)).filter(|val| !val.is_absent()).collect()), origin),
            ExprKind::Body(items) if is_list(items) => Val::new(ValKind::List(self.elements(items, at)), origin),
            ExprKind::Body(items) => Val::new(ValKind::Map(self.body(items, at)), origin),
            ExprKind::Call { name, args, body } => self.call(name, args, body, at, origin),
        }
    }

    fn call(&self, name: &str, args: &'r [Expr], body: &'r [RuleItem], at: At<'_, 'm, 'r>, origin: Origin) -> Val {
        let Some(builtin) = builtin::find(name) else { return Val::new(ValKind::Absent, origin) };
        let mut values: Vec<Val> = args.iter().map(|arg| self.eval(arg, at)).collect();
        if builtin.body {
            let inner = if is_list(body) { ValKind::List(self.elements(body, at)) } else { ValKind::Map(self.body(body, at)) };
            values.push(Val::new(inner, origin));
        }
        let needed = builtin.takes.len() - usize::from(builtin.variadic);
        if values.iter().take(needed).any(Val::is_absent) {
            return Val::new(ValKind::Absent, origin);
        }
        let user = values.iter().map(|val| val.origin.user).find(|span| *span != at.user).unwrap_or(at.user);
        // A parameter's default is a value that may come, so what the built-in says of it counts.
        if let Some(Val { kind: ValKind::Param(index), .. }) = values.first()
            && let Some((default, span)) = self.model.params.get(*index).and_then(|param| param.default.as_ref())
            && let Some(default) = scalar_text(default)
        {
            let mut assumed = values.clone();
            if let Some(first) = assumed.first_mut() {
                first.kind = ValKind::Text(default);
            }
            if let Err(why) = (builtin.run)(&assumed) {
                self.out.borrow_mut().push(diag::call_failed(*span, origin.rule, name, &why));
            }
        }
        match (builtin.run)(&values) {
            Ok(ValKind::Integer(number)) if builtin.apart => Val::new(ValKind::Integer(self.apart(at.instance, number)), Origin { user, rule: origin.rule }),
            Ok(kind) => Val::new(kind, Origin { user, rule: origin.rule }),
            Err(why) => {
                self.out.borrow_mut().push(diag::call_failed(user, origin.rule, name, &why));
                Val::new(ValKind::Absent, origin)
            }
        }
    }

    /// The number, or the next one that no other edge with the same other end has, or no other resource.
    fn apart(&self, instance: usize, mut number: i64) -> i64 {
        let end = match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Edge { to, .. }) => Some(to),
            Some(Who::Resource(_)) => None,
            _ => return number,
        };
        let mut taken = self.taken.borrow_mut();
        while *taken.entry((end, number)).or_insert(instance) != instance {
            number += if number < 0 { -1 } else { 1 };
        }
        number
    }

    fn table(&self, name: &str, at: At<'_, 'm, 'r>, origin: Origin) -> Val {
        let found = self.instances.get(at.instance).and_then(|instance| instance.rule.tables.iter().find(|table| table.name == name));
        let Some(table) = found else { return Val::new(ValKind::Absent, origin) };
        let Some(of) = &table.of else { return Val::new(ValKind::Absent, origin) };
        let get = |name: &str| self.get(&Path { parts: vec![name.to_owned()], span: origin.rule }, at);
        let key = match of.split_once(' ') {
            None => get(of),
            Some((first, second)) => match (get(first).kind, get(second)) {
                (ValKind::Text(first), Val { kind: ValKind::Text(second), origin }) => Val::text(format!("{first} {second}"), origin),
                _ => Val::new(ValKind::Absent, origin),
            },
        };
        let word = match &key.kind {
            ValKind::Text(text) => text.as_str(),
            ValKind::Bool(true) => "yes",
            ValKind::Bool(false) => "no",
            _ => return Val::new(ValKind::Absent, origin),
        };
        let row = table.rows.iter().find(|(key, _)| key.text == word);
        row.map_or(Val::new(ValKind::Absent, origin), |(_, scalar)| Val::new(literal(scalar), Origin { user: key.origin.user, rule: origin.rule }))
    }

    /// A role's resource: the one of this loop, or all of them when we stand outside of the loop that makes them.
    fn role(&self, role: &str, at: At<'_, 'm, 'r>, origin: Origin, make: impl Fn(NativeId) -> ValKind) -> Val {
        self.place_cloud_role(at.instance, role);
        let by_role = self.by_role.borrow();
        let slots = self.slots.borrow();
        let candidates = by_role.get(&at.instance).and_then(|roles| roles.get(role)).map(Vec::as_slice).unwrap_or_default();
        let mut all = Vec::new();
        for &index in candidates {
            let Some(slot) = slots.get(index) else { continue };
            // A loop of another name that we stand in has nothing to do with it.
            let here = |name: &str| at.frame.iter().rev().find(|binding| binding.name == name);
            if slot.frame.iter().any(|made| here(made.name).is_some_and(|binding| binding.key != made.key)) {
                continue;
            }
            if slot.frame.iter().all(|made| here(made.name).is_some()) {
                return Val::new(make(NativeId(index)), origin);
            }
            all.push(Val::new(make(NativeId(index)), origin));
        }
        if all.is_empty() { Val::new(ValKind::Absent, origin) } else { Val::new(ValKind::List(all), origin) }
    }
}

/// Puts texts together; known neighbours become one text, and a text with an absent part is absent.
pub(super) fn concat(pieces: Vec<Val>, origin: Origin) -> Val {
    let mut user = origin.user;
    let mut joined: Vec<Val> = Vec::new();
    for piece in pieces {
        if piece.is_absent() {
            return Val::new(ValKind::Absent, origin);
        }
        let text = match &piece.kind {
            ValKind::Text(text) => Some(text.clone()),
            ValKind::Integer(number) => Some(number.to_string()),
            ValKind::Number(number) => Some(number.to_string()),
            ValKind::Bool(flag) => Some(flag.to_string()),
            ValKind::Concat(_) => None,
            _ => None,
        };
        if piece.origin.user != origin.user {
            user = piece.origin.user;
        }
        match (text, joined.last_mut()) {
            (Some(text), Some(Val { kind: ValKind::Text(last), .. })) => last.push_str(&text),
            (Some(text), _) => joined.push(Val::text(text, piece.origin)),
            (None, _) => match piece.kind {
                ValKind::Concat(inner) => joined.extend(inner),
                kind => joined.push(Val::new(kind, piece.origin)),
            },
        }
    }
    let origin = Origin { user, ..origin };
    match joined.len() {
        0 => Val::text("", origin),
        1 => Val::new(joined.swap_remove(0).kind, origin),
        _ => Val::new(ValKind::Concat(joined), origin),
    }
}
