//! What a path leads to in one stack.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    pub(super) fn get(&self, path: &Path, at: At<'_, 'm, 'r>) -> Val {
        self.needs(path, at);
        let origin = Origin { user: at.user, rule: path.span };
        let mut val = self.item_val(self.resolve(path, at), at, path.span);
        val.origin.rule = origin.rule;
        val
    }

    fn item_val(&self, item: Item<'m>, at: At<'_, 'm, 'r>, rule: Span) -> Val {
        let origin = Origin { user: at.user, rule };
        match item {
            Item::Val(val) => val,
            Item::Fields(fields) => Val::new(ValKind::List(fields.iter().map(|field| self.field(field, rule)).collect()), origin),
            Item::Place(number) => Val::new(ValKind::Integer(number), origin),
            Item::Entries(entries) => Val::new(ValKind::Map(entries.iter().map(|(name, field)| (name.clone(), self.field(field, rule))).collect()), origin),
            _ => Val::new(ValKind::Absent, origin),
        }
    }

    pub(super) fn resolve(&self, path: &Path, at: At<'_, 'm, 'r>) -> Item<'m> {
        let Some(head) = path.parts.first() else { return Item::Absent };
        // Before anything else: a condition may ask for it, and must not evaluate the value that it is about.
        let source = path.parts.iter().enumerate().skip(1).rev().find_map(|(index, part)| Some((index, part.strip_prefix(FROM)?)));
        if let Some((index, ty)) = source {
            let holder = Path { parts: path.parts.iter().take(index).cloned().collect(), span: path.span };
            let found = self.source(&holder, ty, at).map_or(Item::Absent, Item::Resource);
            return path.parts.iter().skip(index + 1).fold(found, |item, part| self.step(item, part, at, path.span));
        }
        if let Some((ELSEWHERE, holder)) = path.parts.split_last().filter(|(_, holder)| !holder.is_empty()).map(|(part, holder)| (part.as_str(), holder)) {
            let holder = Path { parts: holder.to_vec(), span: path.span };
            let host = self.held(&holder, at).and_then(|value| self.elsewhere(value));
            return host.map_or(Item::Absent, |host| Item::Val(Val::text(host, Origin { user: at.user, rule: path.span })));
        }
        let bound = at.frame.iter().rev().find(|binding| binding.name == head).map(|binding| binding.item.clone());
        let who = self.instances.get(at.instance).map(|instance| instance.who);
        let mut taken = 1;
        let mut item = match (bound, head.as_str(), who) {
            (Some(item), ..) => item,
            (None, "stack", _) => Item::Names(vec![("name", self.model.full_name())]),
            (None, CLOUD, _) => Item::Cloud,
            (None, "param", _) => {
                let name = path.parts.get(1).map(String::as_str).unwrap_or_default();
                return self.rule_param(at.instance, name, Origin { user: at.user, rule: path.span });
            }
            (None, "this", Some(_)) if path.parts.get(1).is_some_and(|part| part == PLACE) => {
                let place = self.siblings(at.instance).iter().position(|&edge| edge == at.instance).unwrap_or(0);
                return Item::Val(Val::new(ValKind::Integer(i64::try_from(place + 1).unwrap_or(i64::MAX)), Origin { user: at.user, rule: path.span }));
            }
            (None, INCOMING, Some(Who::Resource(id))) => {
                taken = 2;
                path.parts.get(1).map_or(Item::Absent, |edge| Item::Edges(self.leading_to(id, edge)))
            }
            (None, PREVIOUS, Some(Who::Edge { .. })) => self.previous(at.instance),
            (None, "this", Some(Who::Resource(_) | Who::Edge { .. })) if path.parts.get(1).is_some_and(|part| !OWN_NAMES.contains(&part.as_str())) => {
                taken = 2;
                path.parts.get(1).and_then(|part| self.output(at.instance, part)).map_or(Item::Absent, Item::Val)
            }
            (None, "this", Some(who)) => self.names_of(who),
            (None, "from", Some(Who::Edge { from, .. })) => Item::Resource(from),
            (None, "to", Some(Who::Edge { to, .. })) => Item::Resource(to),
            (None, name, Some(Who::Edge { from, record, property, .. })) => self.in_record(from, property, record, name, path.span),
            (None, name, Some(Who::Resource(id))) => self.resource(id).map_or(Item::Absent, |resource| self.in_values(id, &resource.values, name, path.span)),
            _ => Item::Absent,
        };
        for part in path.parts.iter().skip(taken) {
            item = self.step(item, part, at, path.span);
        }
        item
    }

    fn names_of(&self, who: Who<'m>) -> Item<'m> {
        let name = |id: ResourceId| self.resource(id).map(|resource| resource.name.text.clone()).unwrap_or_default();
        Item::Names(match who {
            Who::Cloud => vec![],
            Who::Resource(id) => vec![("name", name(id))],
            Who::Edge { from, to, record, .. } => {
                let key = slug(&record.key);
                let whole = [vec![name(from), name(to)], key.clone()].concat().join("-");
                vec![("name", whole), ("from", name(from)), ("to", name(to)), ("key", key.join("-"))]
            }
        })
    }

    fn in_values(&self, owner: ResourceId, record: &'m Record, name: &str, rule: Span) -> Item<'m> {
        let Some((property, field)) = record.fields.iter().find(|(field, _)| field == name) else { return Item::Absent };
        match &field.value {
            Value::Resource(id) => Item::Resource(*id),
            Value::List(items) => Item::Fields(items),
            Value::Map(entries) => Item::Entries(entries),
            Value::Block(record) => Item::Block { owner, property, record },
            Value::Blocks(records) => Item::Blocks { owner, property, records },
            _ => Item::Val(self.field(field, rule)),
        }
    }

    /// A field of a block or an edge, or an output that belongs to it.
    fn in_record(&self, owner: ResourceId, property: &'m str, record: &'m Record, name: &str, rule: Span) -> Item<'m> {
        if name == "to"
            && let Some(to) = record.to
        {
            return Item::Resource(to);
        }
        if name == "from" && record.to.is_some() {
            return Item::Resource(owner);
        }
        if record.get(name).is_some() {
            return self.in_values(owner, record, name, rule);
        }
        if let Some(&edge) = self.of_edge.get(&std::ptr::from_ref(record)) {
            if let Some(field) = name.strip_prefix(SAME) {
                return Item::Edges(self.alike(edge, field));
            }
            return self.output(edge, name).map_or(Item::Absent, Item::Val);
        }
        let Some(&instance) = self.of_resource.get(&owner) else { return Item::Absent };
        let Some(found) = self.instances.get(instance).and_then(|made| find_item_output(&made.rule.body, property, name)) else { return Item::Absent };
        let (_, item_name, body) = found;
        let frame = vec![Binding { name: item_name, item: Item::Block { owner, property, record }, key: record.key.clone() }];
        let at = At { instance, frame: &frame, user: record.span };
        self.find_here(body, name, at).map_or(Item::Absent, |expr| Item::Val(self.eval(expr, at)))
    }

    fn step(&self, item: Item<'m>, part: &str, at: At<'_, 'm, 'r>, rule: Span) -> Item<'m> {
        let origin = Origin { user: at.user, rule };
        let text = |text: String| Item::Val(Val::text(text, origin));
        match item {
            Item::Names(names) => names.into_iter().find(|(name, _)| *name == part).map_or(Item::Absent, |(_, name)| text(name)),
            Item::Place(number) => match part {
                "index" => Item::Val(Val::new(ValKind::Integer(number), origin)),
                "number" => Item::Val(Val::new(ValKind::Integer(number + 1), origin)),
                _ => text(letter(number)),
            },
            Item::Row(key, val) => match part {
                "key" => text(key),
                _ => Item::Val(val),
            },
            Item::Entry(key, field) => match part {
                "key" => Item::Val(Val::text(key, Origin { user: field.span, rule })),
                _ => Item::Val(self.field(field, rule)),
            },
            Item::Cloud => self.cloud_value(part, origin),
            Item::Resource(id) => {
                if part == "this" {
                    return self.names_of(Who::Resource(id));
                }
                if let Some(val) = self.of_resource.get(&id).and_then(|&instance| self.output(instance, part)) {
                    return Item::Val(val);
                }
                self.resource(id).map_or(Item::Absent, |resource| self.in_values(id, &resource.values, part, rule))
            }
            Item::Block { owner, property, record } => self.in_record(owner, property, record, part, rule),
            Item::Blocks { owner, property, records } => {
                let vals = records
                    .iter()
                    .map(|record| self.item_val(self.in_record(owner, property, record, part, rule), at, rule))
                    .filter(|val| !val.is_absent())
                    .collect();
                Item::Val(Val::new(ValKind::List(vals), origin))
            }
            Item::Edges(edges) => {
                if let Some(some) = self.of_field(&edges, part) {
                    return Item::Edges(some);
                }
                let vals = edges.iter().map(|edge| self.item_val(self.step(self.edge_item(*edge), part, at, rule), at, rule));
                Item::Val(Val::new(ValKind::List(vals.filter(|val| !val.is_absent()).collect()), origin))
            }
            Item::Val(Val { kind: ValKind::Map(fields), .. }) => {
                fields.into_iter().find(|(name, _)| name == part).map_or(Item::Absent, |(_, val)| Item::Val(val))
            }
            Item::Absent | Item::Val(_) | Item::Fields(_) | Item::Entries(_) => Item::Absent,
        }
    }

    fn cloud_value(&self, name: &str, origin: Origin) -> Item<'m> {
        let Some(index) = self.cloud else { return Item::Absent };
        if let Some(val) = self.output(index, name) {
            return Item::Val(val);
        }
        self.rule_param(index, name, origin)
    }

    /// An output of a rule applied to something; `None` when the rule has none of that name here.
    pub(super) fn output(&self, instance: usize, name: &str) -> Option<Val> {
        let key = (instance, name.to_owned());
        if let Some(known) = self.outputs.borrow().get(&key) {
            return known.clone();
        }
        let rule = self.instances.get(instance)?.rule;
        find_output(&rule.body, name)?;
        // A circle of outputs ends here: the inner one is absent.
        self.outputs.borrow_mut().insert(key.clone(), None);
        let at = At { instance, frame: &[], user: self.user_span(instance) };
        let val = self.find_here(&rule.body, name, at).map(|expr| self.eval(expr, at)).filter(|val| !val.is_absent());
        self.outputs.borrow_mut().insert(key, val.clone());
        val
    }

    /// The output's expression in the branches that apply to this stack.
    fn find_here(&self, statements: &'r [Statement], wanted: &str, at: At<'_, 'm, 'r>) -> Option<&'r Expr> {
        statements.iter().find_map(|statement| match statement {
            Statement::Output { name, value, .. } if name.text == wanted => Some(value),
            Statement::Form(Form::When(path, body)) if self.holds(path, at) => self.find_here(body, wanted, at),
            Statement::Form(Form::Match(path, arms)) => self.arm(path, arms, at).and_then(|body| self.find_here(body, wanted, at)),
            _ => None,
        })
    }

    pub(super) fn field(&self, field: &'m Field, rule: Span) -> Val {
        let origin = Origin { user: field.span, rule };
        let kind = match &field.value {
            Value::Text(text) => ValKind::Text(text.clone()),
            Value::Integer(number) => ValKind::Integer(*number),
            Value::Number(number) => ValKind::Number(*number),
            Value::Bool(flag) => ValKind::Bool(*flag),
            Value::List(items) => ValKind::List(items.iter().map(|item| self.field(item, rule)).collect()),
            Value::Map(items) => ValKind::Map(items.iter().map(|(name, item)| (name.clone(), self.field(item, rule))).collect()),
            Value::Param(id) => ValKind::Param(id.0),
            Value::Output(id, name) => match self.of_resource.get(id).and_then(|&instance| self.output(instance, name)) {
                Some(val) => val.kind,
                None => ValKind::Absent,
            },
            Value::Joined(pieces) => return concat(pieces.iter().map(|piece| self.field(piece, rule)).collect(), origin),
            Value::Resource(_) | Value::Block(_) | Value::Blocks(_) => ValKind::Absent,
        };
        Val::new(kind, origin)
    }
}
