//! Resources and their properties, held against the provider's schema.

use super::*;

impl Checker<'_, '_> {
    pub(super) fn resource(&mut self, scope: &Scope, rule: &ResourceRule) {
        let kind = rule.kind;
        let said = [
            ("keep", rule.keep.is_some()),
            ("otherwise", rule.snapshot || rule.stays),
            ("replace", rule.create_first),
            ("ignore", !rule.ignore.is_empty()),
            ("expect", !rule.expect.is_empty()),
        ];
        for (option, _) in said.into_iter().filter(|(option, said)| *said && !self.rules.target.format.can_say(option)) {
            self.out.push(diag::format_cannot(rule.span, option, &self.rules.target.name));
        }
        self.waiting = true;
        rule.after.iter().chain(&rule.before).for_each(|expr| _ = self.infer(scope, expr));
        self.waiting = false;
        for expr in rule.keep.iter().chain(&rule.shared).chain(rule.expect.iter().map(|expect| &expect.value)) {
            self.infer(scope, expr);
        }
        let Some(native) = self.rules.provider().native_type(kind, &rule.ty.text) else {
            self.out.push(diag::unknown_native_type(rule.ty.span, &rule.ty.text, &self.rules.provider().names(kind)));
            return;
        };
        rule.waits.iter().for_each(|path| self.waits(scope, path));
        self.parent(scope, rule);
        self.object(scope, &rule.body, &native, 0, rule.span, true);
        if let Some(path) = &rule.once_by {
            let typed = self.resolve(scope, path);
            if !matches!(typed.ty, Ty::Resource(_) | Ty::Secret | Ty::Object(_) | Ty::Any) {
                self.out.push(diag::spec(path.span, "`once` is `#true`, or the path to a resource or a secret of the loop's item"));
            }
        }
        if let Some(turn) = &rule.turn {
            let typed = self.infer(scope, turn);
            if !(matches!(typed.ty, Ty::Integer | Ty::Any) && typed.known && !typed.optional) {
                self.out.push(diag::spec(turn.span, "`turn` is a number that is known when building (in the spec: `build=#true`)"));
            }
        }
        for path in rule.ignore.iter().filter_map(|ignore| ignore.when.as_ref()) {
            self.condition(scope, path);
        }
        for Expect { attribute, .. } in rule.expect.iter().filter(|expect| native.attribute(&expect.attribute.text).is_none()) {
            self.out.push(diag::unknown_attribute(attribute.span, &native.name, &attribute.text, &native.attribute_names()));
        }
        for name in rule.ignore.iter().flat_map(|ignore| &ignore.names) {
            if native.root().member(name).is_none() && native.attribute(name).is_none() {
                let known: Vec<&str> = native.root().members.iter().map(|member| member.name.as_str()).collect();
                self.out.push(diag::unknown_native_property(rule.span, &native.name, name, &known));
            }
        }
    }

    /// What is a part of another resource names it, and nothing else does.
    fn parent(&mut self, scope: &Scope, rule: &ResourceRule) {
        let container = self.rules.target.format.container(&rule.ty.text).map(str::to_owned);
        match (&rule.parent, container) {
            (None, Some(container)) => self.out.push(diag::spec(rule.span, &format!("it is a part of a `{container}`, which `parent=(ref)role` names"))),
            (Some(parent), None) => self.out.push(diag::spec(parent.span, "it is no part of another resource")),
            (Some(parent), Some(container)) => {
                self.infer(scope, parent);
                if let ExprKind::Ref(role) = &parent.kind
                    && let Some(((_, ty), ..)) = self.role(scope, parent.span, role)
                    && ty != container
                {
                    self.out.push(diag::spec(parent.span, &format!("it is a part of a `{container}`, and this is a `{ty}`")));
                }
            }
            (None, None) => {}
        }
    }

    fn object(&mut self, scope: &Scope, items: &[Item], native: &NativeType, object: usize, span: Span, root: bool) {
        let (always, _) = self.object_items(scope, items, native, object);
        for member in &native.object(object).members {
            let tags = root && native.tags.as_ref().is_some_and(|(name, _)| *name == member.name);
            let named = root && self.rules.target.names().is_some_and(|name| name == member.name);
            let filled = root && self.fills.iter().any(|(name, _)| *name == member.name);
            if member.presence == Presence::Required && !always.contains_key(&member.name) && !tags && !named && !filled {
                self.out.push(diag::missing_native_property(span, &native.name, &member.name));
            }
        }
    }

    /// The names always given, and those sometimes given.
    fn object_items(&mut self, scope: &Scope, items: &[Item], native: &NativeType, object: usize) -> (Given, Given) {
        let (mut always, mut sometimes) = (Given::new(), Given::new());
        for item in items {
            match item {
                Item::Property(name, value) => {
                    if let Some(first) = always.get(&name.text).or(sometimes.get(&name.text)) {
                        self.out.push(diag::declared_twice(name.span, "property", &name.text, *first));
                    }
                    let given = if self.member_value(scope, name, value, native, object) { &mut always } else { &mut sometimes };
                    given.insert(name.text.clone(), name.span);
                }
                Item::Element(value) => self.out.push(diag::spec(value.span, "an object has properties, no items written with `-`")),
                Item::Form(form) => {
                    let before = always.clone();
                    let mut bodies: Vec<(Given, Given)> = Vec::new();
                    self.inside(scope, form, &mut |checker, scope, body| bodies.push(checker.object_items(scope, body, native, object)));
                    for (name, span) in bodies.iter().flat_map(|(given, maybe)| given.iter().chain(maybe)) {
                        if let Some(first) = before.get(name) {
                            self.out.push(diag::declared_twice(*span, "property", name, *first));
                        }
                    }
                    if let Form::Each(each) = form {
                        let once = |name: &str| !matches!(native.object(object).member(name).map(|member| &member.shape), Some(Shape::Block(_, true)));
                        for (name, span) in bodies.iter().flat_map(|(given, maybe)| given.iter().chain(maybe)).filter(|(name, _)| once(name)) {
                            self.out.push(diag::declared_twice(*span, "property", name, each.over.span));
                        }
                    }
                    if let (Form::Match(..), Some((first, rest))) = (form, bodies.split_first()) {
                        let everywhere = first.0.iter().filter(|(name, _)| rest.iter().all(|(given, _)| given.contains_key(*name)));
                        always.extend(everywhere.map(|(name, span)| (name.clone(), *span)));
                    }
                    sometimes.extend(bodies.into_iter().flat_map(|(given, maybe)| given.into_iter().chain(maybe)));
                }
            }
        }
        (always, sometimes)
    }

    /// Checks one property; whether it is given for every stack.
    fn member_value(&mut self, scope: &Scope, name: &Ident, value: &Expr, native: &NativeType, object: usize) -> bool {
        let object = native.object(object);
        let Some(member) = object.member(&name.text) else {
            let known: Vec<&str> = object.members.iter().filter(|member| member.presence != Presence::ReadOnly).map(|member| member.name.as_str()).collect();
            self.out.push(diag::unknown_native_property(name.span, &native.name, &name.text, &known));
            self.infer(scope, value);
            return true;
        };
        if member.presence == Presence::ReadOnly {
            self.out.push(diag::read_only(name.span, &native.name, &name.text));
        }
        self.fits(scope, value, member, &member.shape, native)
    }

    /// Whether a value fits a shape is reported; whether it is there for every stack is returned.
    fn fits(&mut self, scope: &Scope, value: &Expr, member: &Member, shape: &Shape, native: &NativeType) -> bool {
        if let Shape::AnyOf(shapes) = shape {
            return self.fits_any(scope, value, member, shapes, native);
        }
        match (&value.kind, shape) {
            (ExprKind::Body(items), Shape::Object(object) | Shape::Block(object, _)) if !is_list(items) => {
                self.object(scope, items, native, *object, value.span, false);
                true
            }
            (ExprKind::Body(items), Shape::Block(object, true)) => {
                self.elements(scope, items, member, &Shape::Object(*object), native);
                true
            }
            (ExprKind::Body(items), Shape::List(item)) if is_list(items) => {
                self.elements(scope, items, member, item, native);
                true
            }
            // A single object where the provider wants a list of them.
            (ExprKind::Body(_), Shape::List(item)) => self.fits(scope, value, member, item, native),
            (ExprKind::Body(items), Shape::Map(inner)) => {
                self.map(scope, items, member, inner, native);
                true
            }
            (ExprKind::Body(items), Shape::Json) => {
                self.free(scope, items);
                true
            }
            (ExprKind::Body(_), _) => {
                self.out.push(diag::wrong_native_type(value.span, &member.name, &shape.wanted(), "something in braces"));
                true
            }
            (ExprKind::List(items), Shape::List(inner)) => {
                for item in items {
                    self.fits(scope, item, member, inner, native);
                }
                true
            }
            (ExprKind::List(items), Shape::Json) => {
                for item in items {
                    self.infer(scope, item);
                }
                true
            }
            (ExprKind::List(_), _) => {
                self.out.push(diag::wrong_native_type(value.span, &member.name, &shape.wanted(), "several values"));
                true
            }
            _ => {
                let typed = self.infer(scope, value);
                self.typed_fits(value.span, &typed, member, shape, false);
                !typed.optional
            }
        }
    }

    /// One of several shapes: the first that raises no objection, or the objections of the first.
    fn fits_any(&mut self, scope: &Scope, value: &Expr, member: &Member, shapes: &[Shape], native: &NativeType) -> bool {
        let mut first: Option<Diagnostics> = None;
        for shape in shapes {
            let outer = std::mem::take(&mut self.out);
            let given = self.fits(scope, value, member, shape, native);
            let found = std::mem::replace(&mut self.out, outer);
            if found.is_empty() {
                return given;
            }
            first.get_or_insert(found);
        }
        self.out.extend(first.into_iter().flatten());
        true
    }

    fn elements(&mut self, scope: &Scope, items: &[Item], member: &Member, shape: &Shape, native: &NativeType) {
        for item in items {
            match item {
                Item::Element(value) => {
                    self.fits(scope, value, member, shape, native);
                }
                Item::Property(name, _) => self.out.push(diag::spec(name.span, "a list has items, written with `-`")),
                Item::Form(form) => self.inside(scope, form, &mut |checker, scope, body| checker.elements(scope, body, member, shape, native)),
            }
        }
    }

    fn map(&mut self, scope: &Scope, items: &[Item], member: &Member, inner: &Shape, native: &NativeType) {
        for item in items {
            match item {
                Item::Property(_, value) | Item::Element(value) => {
                    self.fits(scope, value, member, inner, native);
                }
                Item::Form(form) => self.inside(scope, form, &mut |checker, scope, body| checker.map(scope, body, member, inner, native)),
            }
        }
    }

    /// A body that no schema describes: its paths still have to lead somewhere.
    pub(super) fn free(&mut self, scope: &Scope, items: &[Item]) {
        for item in items {
            match item {
                Item::Property(_, value) | Item::Element(value) => {
                    self.infer(scope, value);
                }
                Item::Form(form) => self.inside(scope, form, &mut |checker, scope, body| checker.free(scope, body)),
            }
        }
    }

    fn typed_fits(&mut self, span: Span, typed: &Typed, member: &Member, shape: &Shape, item: bool) {
        let limits = if item { &member.item_limits } else { &member.limits };
        let wrong = |got: &str| diag::wrong_native_type(span, &member.name, &shape.wanted(), got);
        let problem = match (&typed.ty, shape) {
            (Ty::Any | Ty::Given(None), _) | (_, Shape::Json) => None,
            (Ty::Text(values), Shape::String) => {
                for value in values.iter().flat_map(|values| values.iter()) {
                    self.in_enum(span, &member.name, value, limits);
                }
                None
            }
            (Ty::Integer, Shape::Integer | Shape::Number | Shape::String)
            | (Ty::Number, Shape::Number | Shape::String)
            | (Ty::Bool, Shape::Boolean | Shape::String) => None,
            (Ty::Secret, Shape::String) => (!member.keeps_secret).then(|| diag::secret_in_rule(span, &format!("`{}`", member.name))),
            // An item may be any JSON, but what a rule has as a list of lists is one list too many.
            (Ty::List(inner), Shape::List(wanted)) if matches!(**inner, Ty::List(_)) && !matches!(**wanted, Shape::List(_)) => Some(wrong("a list of lists")),
            (Ty::List(inner), Shape::List(wanted)) => {
                let inner = Typed { ty: (**inner).clone(), optional: false, known: typed.known };
                self.typed_fits(span, &inner, member, wanted, true);
                None
            }
            // A single value where the provider wants a list becomes a list of one.
            (_, Shape::List(wanted)) if !matches!(typed.ty, Ty::Given(Some(_))) => {
                self.typed_fits(span, typed, member, wanted, true);
                None
            }
            (Ty::Given(Some(given)), _) => (!shapes_agree(given, shape)).then(|| wrong(&given.wanted())),
            (Ty::Object(fields), Shape::Map(_) | Shape::Object(_)) if !fields.is_empty() => None,
            (Ty::Text(_), _) => Some(wrong("text")),
            (Ty::Integer, _) => Some(wrong("a whole number")),
            (Ty::Number, _) => Some(wrong("a number")),
            (Ty::Bool, _) => Some(wrong("true or false")),
            (Ty::List(_), _) => Some(wrong("a list")),
            (Ty::Resource(ty), _) => Some(wrong(&format!("a whole {}: name one of its outputs", ty.name))),
            (Ty::Secret, _) => Some(wrong("a secret text")),
            _ => Some(wrong("a group of values")),
        };
        self.out.extend(problem);
    }

    fn in_enum(&mut self, span: Span, name: &str, value: &str, limits: &Limits) {
        let Some(values) = &limits.one_of else { return };
        let found = values.iter().any(|known| if limits.any_case { known.eq_ignore_ascii_case(value) } else { known == value });
        if !found {
            self.out.push(diag::not_in_enum(span, name, value, values));
        }
    }
}

fn shapes_agree(given: &Shape, wanted: &Shape) -> bool {
    let scalar = |shape: &Shape| matches!(shape, Shape::String | Shape::Integer | Shape::Number | Shape::Boolean | Shape::Json);
    match (given, wanted) {
        (_, Shape::Json) | (Shape::Json, _) => true,
        (Shape::AnyOf(given), _) => given.iter().any(|given| shapes_agree(given, wanted)),
        (_, Shape::AnyOf(wanted)) => wanted.iter().any(|wanted| shapes_agree(given, wanted)),
        (Shape::List(given), Shape::List(wanted)) | (Shape::Map(given), Shape::Map(wanted)) => shapes_agree(given, wanted),
        (_, Shape::List(wanted)) => shapes_agree(given, wanted),
        _ => scalar(given) && scalar(wanted),
    }
}
