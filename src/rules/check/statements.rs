//! A rule's statements: tables, forms, outputs, losses.

use super::*;

impl Checker<'_, '_> {
    pub(super) fn rule(&mut self, scope: &Scope) {
        self.known.clear();
        self.checking = scope.of();
        let rule = Rc::clone(&scope.rule);
        for table in &rule.tables {
            self.table(scope, table);
        }
        if let Root::Type(ty) = &scope.subject {
            for pairs in &rule.pairs {
                for name in [&pairs.first, &pairs.second] {
                    self.used.insert((ty.name.clone(), name.clone()));
                    if !ty
                        .property(name)
                        .is_some_and(|property| matches!(property.kind, Kind::Integer { .. } | Kind::Number { .. } | Kind::Enum(_) | Kind::String(_)))
                    {
                        self.out.push(diag::unknown_path(pairs.span, name, &property_names(&ty.properties)));
                    }
                }
            }
        }
        self.statements(scope, &rule.body);
    }

    fn table(&mut self, scope: &Scope, table: &Table) {
        let Some(of) = &table.of else { return };
        if let Some((first, second)) = of.split_once(' ') {
            // A table over two properties has the rows that `pairs` allows; a stack that meets none is told so.
            for name in [first, second] {
                let found = matches!(&scope.subject, Root::Type(ty) if ty.property(name).is_some_and(Property::known_when_building));
                if !found {
                    self.out.push(diag::unknown_path(table.span, name, &[]));
                }
                self.mark(scope, name);
            }
            self.pair_rows(scope, table, first, second);
            return;
        }
        let properties = match &scope.subject {
            Root::Type(ty) => &ty.properties,
            Root::Edge { from, property, .. } => match from.properties.get(*property).map(|property| &property.kind) {
                Some(Kind::Block(block)) => &block.fields,
                _ => return,
            },
            Root::Cloud => return,
        };
        let Some(property) = properties.iter().find(|property| property.name == *of) else {
            self.out.push(diag::unknown_path(table.span, of, &property_names(properties)));
            return;
        };
        let values: Vec<String> = match &property.kind {
            Kind::Enum(values) => values.iter().map(|(value, _)| value.clone()).collect(),
            Kind::Bool => vec!["yes".to_owned(), "no".to_owned()],
            _ => {
                self.out.push(diag::spec(table.span, "a table is over an enumeration or over `yes` and `no`"));
                return;
            }
        };
        self.total(table.span, &table.name, &values, &table.rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
        self.mark(scope, of);
    }

    /// A table over two properties has rows for pairs that go together, and each once.
    fn pair_rows(&mut self, scope: &Scope, table: &Table, first: &str, second: &str) {
        let Some(pairs) = scope.rule.pairs.iter().find(|pairs| pairs.first == first && pairs.second == second) else {
            self.out.push(diag::spec(table.span, &format!("a table over two properties needs `pairs {first} {second}`")));
            return;
        };
        let values = pair_names(pairs);
        let given: Vec<Ident> = table.rows.iter().map(|(key, _)| key.clone()).collect();
        let wanted: Vec<String> = values.into_iter().filter(|value| given.iter().any(|key| key.text == *value)).collect();
        self.total(table.span, &table.name, &wanted, &given);
    }

    /// What is an output in one arm is one in every arm, or said to be none there.
    fn outputs_of_arms(&mut self, form: &Form<Statement>) {
        let Form::Match(_, arms) = form else { return };
        let mut names: Vec<&str> = Vec::new();
        arms.iter().for_each(|(_, body)| each_output(body, &mut |name| names.push(&name.text)));
        names.sort_unstable();
        names.dedup();
        for (key, body) in arms {
            let mut here: Vec<&str> = Vec::new();
            each_output(body, &mut |name| here.push(&name.text));
            for name in names.iter().filter(|name| !here.contains(name)) {
                let why = format!("`{name}` is an output in another arm: give it here as well, or say `output {name}` without a value");
                self.out.push(diag::spec(key.span, &why));
            }
        }
    }

    /// Where a table over two properties is read, it has a row for each pair that can be met there: under `(match)` of the first, those of the arm.
    pub(super) fn pairs_met(&mut self, scope: &Scope, table: &Table, span: Span) {
        let Some((first, second)) = table.of.as_deref().and_then(|of| of.split_once(' ')) else { return };
        let Some(pairs) = scope.rule.pairs.iter().find(|pairs| pairs.first == first && pairs.second == second) else { return };
        let arm = format!("{first}=");
        let here = self.known.iter().rev().find_map(|known| known.strip_prefix(&arm));
        let met = |value: &String| here.is_none_or(|here| value.split(' ').next() == Some(here));
        for value in pair_names(pairs).iter().filter(|value| met(value) && !table.rows.iter().any(|(key, _)| key.text == **value)) {
            self.out.push(diag::not_total(span, &table.name, &format!("its table says nothing for `{value}`")));
        }
    }

    fn total(&mut self, span: Span, what: &str, values: &[String], given: &[Ident]) {
        for value in values.iter().filter(|value| !given.iter().any(|key| key.text == **value)) {
            self.out.push(diag::not_total(span, what, &format!("nothing is said for `{value}`")));
        }
        for (index, key) in given.iter().enumerate() {
            if !values.contains(&key.text) {
                self.out.push(diag::not_total(key.span, what, &format!("there is no value `{}`", key.text)));
            }
            if let Some(first) = given.iter().take(index).find(|other| other.text == key.text) {
                self.out.push(diag::declared_twice(key.span, "value", &key.text, first.span));
            }
        }
    }

    fn mark(&mut self, scope: &Scope, path: &str) {
        match &scope.subject {
            Root::Type(ty) => {
                self.used.insert((ty.name.clone(), path.to_owned()));
            }
            Root::Edge { from, property, .. } => {
                if let Some(property) = from.properties.get(*property) {
                    self.used.insert((from.name.clone(), property.name.clone()));
                    self.used.insert((from.name.clone(), format!("{}.{path}", property.name)));
                }
            }
            Root::Cloud => {}
        }
    }

    /// Two outputs or two roles of one name in one place: the first would hide the second.
    fn declared_once(&mut self, statements: &[Statement]) {
        let mut seen: Vec<(&str, &Ident)> = Vec::new();
        for statement in statements {
            let (what, name) = match statement {
                Statement::Resource(resource) => ("resource", &resource.role),
                Statement::Output { name, .. } | Statement::NoOutput(name) => ("output", name),
                Statement::Param(param) => ("parameter", &param.name),
                Statement::Gate(gate) => ("gate", &gate.name),
                _ => continue,
            };
            if let Some((_, first)) = seen.iter().find(|(kind, other)| *kind == what && other.text == name.text) {
                self.out.push(diag::declared_twice(name.span, what, &name.text, first.span));
            }
            seen.push((what, name));
        }
    }

    fn statements(&mut self, scope: &Scope, statements: &[Statement]) {
        self.declared_once(statements);
        for statement in statements {
            match statement {
                Statement::Output { name, value, .. } => {
                    self.circle = false;
                    self.busy.push((scope.of(), name.text.clone()));
                    // What is only handed on is needed by who reads that.
                    self.waiting = matches!((&scope.subject, &value.kind), (Root::Edge { .. }, ExprKind::Get(_)));
                    self.infer(scope, value);
                    self.waiting = false;
                    self.busy.pop();
                    if name.text == HANDLE {
                        self.handle(scope, value);
                    }
                    if std::mem::take(&mut self.circle) {
                        self.out.push(diag::spec(value.span, "this output reads itself by way of `this`"));
                    }
                }
                Statement::Param(param) => self.param(scope, param),
                Statement::NoOutput(_) => {}
                Statement::Takes(takes) if !scope.finds() => {
                    self.out.push(diag::spec(takes.span, "only a rule that finds says which edges lead to what it found"))
                }
                Statement::Takes(_) => {}
                Statement::Gate(gate) if scope.finds() => self.out.push(diag::spec(gate.span, "what was found is there, and nothing of it is waited for")),
                Statement::Gate(gate) => self.gate(scope, gate),
                Statement::Resource(resource) if scope.finds() && resource.kind != NativeKind::Data => {
                    self.out.push(diag::spec(resource.span, "a rule that finds makes nothing: it takes `data` and `param`"));
                }
                Statement::Resource(resource) => self.resource(scope, resource),
                Statement::Form(form) => {
                    self.outputs_of_arms(form);
                    self.inside(scope, form, &mut |checker, scope, body| checker.statements(scope, body));
                }
                Statement::Loss(loss) => self.loss(scope, loss),
            }
        }
    }

    fn loss(&mut self, scope: &Scope, loss: &Loss) {
        let subject = loss.subject.to_string();
        let ty = match &scope.subject {
            Root::Cloud => return,
            Root::Type(ty) => ty,
            Root::Edge { from, to, property } => {
                let Some((property, Kind::Block(block))) = from.properties.get(*property).map(|property| (property, &property.kind)) else { return };
                let path = match (subject == property.name, block.fields.iter().any(|field| field.name == subject)) {
                    (true, _) => format!("{} {}", property.name, to.name),
                    (false, true) => format!("{}.{subject}", property.name),
                    (false, false) => {
                        let names = property_names(&block.fields).into_iter().chain([property.name.clone()]).collect::<Vec<_>>();
                        self.out.push(diag::unknown_path(loss.span, &subject, &names));
                        return;
                    }
                };
                let subject = Path { parts: vec![path], span: loss.subject.span };
                self.losses.push((from.name.clone(), Loss { subject, ..loss.clone() }));
                return;
            }
        };
        let head = loss.subject.parts.first().map(String::as_str).unwrap_or_default();
        let known = subject == ty.name || ty.property(head).is_some() || ty.output(&subject).is_some();
        if !known {
            let names: Vec<String> = property_names(&ty.properties).into_iter().chain(ty.outputs.iter().map(|output| output.name.clone())).collect();
            self.out.push(diag::unknown_path(loss.span, &subject, &names));
        }
        self.losses.push((ty.name.clone(), loss.clone()));
    }

    /// Goes over the bodies of a form, each with what is known in it.
    pub(super) fn inside<T>(&mut self, scope: &Scope, form: &Form<T>, go: &mut dyn FnMut(&mut Self, &Scope, &[T])) {
        let depth = self.known.len();
        match form {
            Form::When(path, body) => {
                self.condition(scope, path);
                self.known.push(path.to_string());
                go(self, scope, body);
            }
            Form::Match(path, arms) => {
                self.arms(scope, path, &arms.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
                for (key, body) in arms {
                    self.assume(path, key);
                    go(self, scope, body);
                    self.known.truncate(depth);
                }
            }
            Form::Each(each) => {
                let (inner, _) = self.enter(scope, each);
                go(self, &inner, &each.body);
            }
        }
        self.known.truncate(depth);
    }

    /// Makes an item's name known inside a loop.
    pub(super) fn enter<T>(&mut self, scope: &Scope, each: &Each<T>) -> (Scope, usize) {
        let depth = self.known.len();
        let typed = self.resolve(scope, &each.over);
        let item = match &typed.ty {
            Ty::List(item) => (**item).clone(),
            Ty::Entries(secrets) => {
                if each.secret && !secrets {
                    self.out.push(diag::secret_in_rule(each.over.span, &format!("`{}`", each.over)));
                }
                Ty::Entry(each.secret)
            }
            Ty::Blocks(ty, indices) => indices.first().map_or(Ty::Any, |index| Ty::Block(Rc::clone(ty), *index)),
            Ty::Integer if typed.known => Ty::Place,
            Ty::Rows(numbers) => Ty::Row(*numbers),
            Ty::Any => Ty::Any,
            _ => {
                self.out.push(diag::spec(each.over.span, "only a list, a map, a repeated block or a number known when building can be gone over"));
                Ty::Any
            }
        };
        let mut inner = scope.clone();
        inner.items.push((each.name.clone(), item));
        self.known.push(each.name.clone());
        self.known.extend(each.over.parts.last().and_then(|part| part.strip_prefix(PER)).map(|field| format!("{}.{field}", each.name)));
        (inner, depth)
    }

    /// What a condition or a match is over: whether any edge leads here is one question, whichever types the edges come from.
    fn asked(&mut self, scope: &Scope, path: &Path) -> Typed {
        match (&scope.subject, path.parts.as_slice()) {
            (Root::Type(ty), [head, edge]) if head == INCOMING => match self.leading_to(ty, edge).0.into_iter().next() {
                Some((from, index)) => Typed::new(Ty::Blocks(from, vec![index])),
                None => self.resolve(scope, path),
            },
            // Of what exists, nothing has a default.
            (Root::Type(ty), [name]) if scope.finds() && ty.property(name).is_some() => Typed { optional: true, ..self.resolve(scope, path) },
            _ => self.resolve(scope, path),
        }
    }

    pub(super) fn condition(&mut self, scope: &Scope, path: &Path) {
        let typed = self.asked(scope, path);
        let decidable = typed.optional || matches!(typed.ty, Ty::Bool | Ty::Any | Ty::List(_) | Ty::Entries(_) | Ty::Blocks(..));
        if !decidable {
            self.out.push(diag::spec(path.span, "a condition is a boolean, or something that may be absent"));
        }
    }

    /// What is known inside of one arm of a match.
    pub(super) fn assume(&mut self, path: &Path, key: &Ident) {
        self.known.push(if key.text == "some" { path.to_string() } else { format!("{path}={}", key.text) });
    }

    /// The arms cover every value.
    pub(super) fn arms(&mut self, scope: &Scope, path: &Path, given: &[Ident]) {
        let typed = self.asked(scope, path);
        let word = |text: &str| text.to_owned();
        let values = match &typed.ty {
            Ty::Text(Some(values)) if !typed.optional => values.to_vec(),
            Ty::Bool if !(scope.finds() && typed.optional) => vec![word("yes"), word("no")],
            Ty::Any => return,
            Ty::Entries(_) | Ty::Blocks(..) => vec![word("some"), word("none")],
            _ if typed.optional => vec![word("some"), word("none")],
            _ => {
                self.out.push(diag::spec(path.span, "a match is over an enumeration, a boolean, or something that may be absent"));
                return;
            }
        };
        self.total(path.span, &path.to_string(), &values, given);
    }
}

/// The pairs that go together, each as a table over both has it.
fn pair_names(pairs: &Pairs) -> Vec<String> {
    pairs.rows.iter().flat_map(|(one, others)| others.iter().map(move |other| format!("{one} {other}"))).collect()
}
