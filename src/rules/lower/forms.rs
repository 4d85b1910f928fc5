//! Conditions, matches and loops, decided for one stack.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    pub(super) fn holds(&self, path: &Path, at: At<'_, 'm, 'r>) -> bool {
        match self.resolve(path, at) {
            Item::Absent => false,
            Item::Val(val) => !matches!(val.kind, ValKind::Bool(false) | ValKind::Absent),
            Item::Blocks { records, .. } => !records.is_empty(),
            Item::Entries(entries) => !entries.is_empty(),
            Item::Fields(fields) => !fields.is_empty(),
            Item::Edges(edges) => !edges.is_empty(),
            _ => true,
        }
    }

    pub(super) fn arm<'a, T>(&self, path: &Path, arms: &'a [(crate::syntax::Ident, T)], at: At<'_, 'm, 'r>) -> Option<&'a T> {
        let item = self.resolve(path, at);
        let word = match &item {
            Item::Val(Val { kind: ValKind::Text(text), .. }) => Some(text.as_str()),
            Item::Val(Val { kind: ValKind::Bool(true), .. }) => Some("yes"),
            Item::Val(Val { kind: ValKind::Bool(false), .. }) => Some("no"),
            _ => None,
        };
        let present = if self.holds(path, at) { "some" } else { "none" };
        let find = |wanted: &str| arms.iter().find(|(key, _)| key.text == wanted).map(|(_, body)| body);
        // Whether something is there is another question than what it is: `none` may be one of its values.
        let by_value = word.filter(|_| !arms.iter().any(|(key, _)| key.text == "some"));
        by_value.and_then(find).or_else(|| find(present))
    }

    /// Goes into the bodies of a form that hold for this stack, as often as they do.
    pub(super) fn inside<T>(&self, form: &'r Form<T>, at: At<'_, 'm, 'r>, go: &mut dyn FnMut(&'r [T], At<'_, 'm, 'r>)) {
        match form {
            Form::When(path, body) if self.holds(path, at) => go(body, at),
            Form::When(..) => {}
            Form::Match(path, arms) => {
                if let Some(body) = self.arm(path, arms, at) {
                    go(body, at);
                }
            }
            Form::Each(each) => {
                for binding in self.items(each, at) {
                    let mut frame = at.frame.to_vec();
                    frame.push(binding);
                    go(&each.body, At { frame: &frame, ..at });
                }
            }
        }
    }

    fn items<T>(&self, each: &'r Each<T>, at: At<'_, 'm, 'r>) -> Vec<Binding<'m, 'r>> {
        let name = each.name.as_str();
        let binding = |item, key: String| Binding { name, item, key };
        if let [head] = each.over.parts.as_slice()
            && let Some(table) =
                self.instances.get(at.instance).and_then(|instance| instance.rule.tables.iter().find(|table| table.of.is_none() && table.name == *head))
        {
            return table
                .rows
                .iter()
                .map(|(key, scalar)| {
                    let val = Val::new(literal(scalar), Origin { user: at.user, rule: key.span });
                    binding(Item::Row(key.text.clone(), val), key.text.clone())
                })
                .collect();
        }
        self.needs_items(&each.over, at);
        match self.resolve(&each.over, at) {
            Item::Blocks { owner, property, records } => records
                .iter()
                .map(|record| {
                    let key = match record.to.and_then(|to| self.resource(to)) {
                        Some(to) => format!("{} {}", to.name.text, record.key),
                        None => record.key.clone(),
                    };
                    binding(Item::Block { owner, property, record }, key)
                })
                .collect(),
            Item::Edges(edges) => edges
                .iter()
                .filter_map(|&edge| match self.instances.get(edge)?.who {
                    Who::Edge { from, record, .. } => {
                        let from = self.resource(from)?.name.text.as_str();
                        Some(binding(self.edge_item(edge), format!("{from} {}", record.key)))
                    }
                    _ => None,
                })
                .collect(),
            Item::Entries(entries) => entries
                .iter()
                .filter(|(_, field)| self.is_secret(field) == each.secret)
                .map(|(key, field)| binding(Item::Entry(key, field), key.clone()))
                .collect(),
            Item::Fields(fields) => fields
                .iter()
                .map(|field| {
                    let key = if let Value::Text(text) = &field.value { text.clone() } else { String::new() };
                    binding(Item::Val(self.field(field, each.over.span)), key)
                })
                .collect(),
            Item::Val(Val { kind: ValKind::Integer(count), origin }) => {
                if count > MOST_COPIES {
                    let why = format!("it asks for {count} copies of a resource; {MOST_COPIES} are the most");
                    self.out.borrow_mut().push(diag::call_failed(origin.user, each.over.span, "each", &why));
                }
                (0..count.clamp(0, MOST_COPIES)).map(|place| binding(Item::Place(place), letter(place))).collect()
            }
            Item::Val(Val { kind: ValKind::List(items), .. }) => items
                .into_iter()
                .enumerate()
                .map(|(index, val)| {
                    let key = if let ValKind::Text(text) = &val.kind { text.clone() } else { index.to_string() };
                    binding(Item::Val(val), key)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn is_secret(&self, field: &Field) -> bool {
        match &field.value {
            Value::Output(id, name) => self.resource(*id).and_then(|resource| resource.ty.output(name)).is_some_and(|output| output.secret),
            _ => false,
        }
    }
}

/// `a`, `b`, …, `z`, `a1`, …
pub(super) fn letter(place: i64) -> String {
    let letter = char::from(b'a' + u8::try_from(place.rem_euclid(26)).unwrap_or(0));
    if place < 26 { letter.to_string() } else { format!("{letter}{}", place / 26) }
}
