//! The edges that lead to one resource, and their order.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    /// Of the edges that lead to one resource: the first for each value of a field, or those without one.
    pub(super) fn of_field(&self, edges: &[usize], part: &str) -> Option<Rc<[usize]>> {
        if let Some(name) = part.strip_prefix(PER) {
            let mut seen: Vec<&str> = Vec::new();
            let first = |edge: &usize| {
                self.edge_text(*edge, name).is_some_and(|text| {
                    !seen.contains(&text) && {
                        seen.push(text);
                        true
                    }
                })
            };
            return Some(edges.iter().copied().filter(first).collect());
        }
        let name = part.strip_prefix(WITHOUT)?;
        Some(edges.iter().copied().filter(|edge| self.edge_text(*edge, name).is_none()).collect())
    }

    /// The edges with the same value of a field as an edge has, and then those without one, but for what one of the former takes already.
    pub(super) fn alike(&self, edge: usize, name: &str) -> Rc<[usize]> {
        let all = self.siblings(edge);
        let mine = self.edge_text(edge, name);
        let mut found: Vec<usize> = all.iter().copied().filter(|other| mine.is_some() && self.edge_text(*other, name) == mine).collect();
        let taken: Vec<Vec<&str>> = found.iter().map(|other| self.rest_of_key(*other, name)).collect();
        found.extend(all.iter().copied().filter(|other| self.edge_text(*other, name).is_none() && !taken.contains(&self.rest_of_key(*other, name))));
        found.into()
    }

    /// The texts of an edge's key, but for one field.
    fn rest_of_key(&self, edge: usize, but: &str) -> Vec<&'m str> {
        let Some(Who::Edge { from, property, .. }) = self.instances.get(edge).map(|edge| edge.who) else { return Vec::new() };
        let key = self.resource(from).and_then(|from| from.ty.properties.iter().filter(|other| other.name == property).find_map(edge_key));
        let fields = key.into_iter().flat_map(|key| key.split(' ')).filter(|field| *field != but);
        fields.map(|field| self.edge_text(edge, field).unwrap_or_default()).collect()
    }

    /// A field of an edge, as text.
    fn edge_text(&self, edge: usize, name: &str) -> Option<&'m str> {
        match self.instances.get(edge)?.who {
            Who::Edge { record, .. } => match &record.get(name)?.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The edges of one kind that lead to the same resource as an edge does.
    pub(super) fn siblings(&self, instance: usize) -> Rc<[usize]> {
        match self.instances.get(instance).map(|edge| edge.who) {
            Some(Who::Edge { to, property, .. }) => self.leading_to(to, property),
            _ => Rc::new([]),
        }
    }

    /// The edges of one kind that lead to a resource, what matches least first: by each field of the edge's key, given before absent,
    /// more of it written out before less.
    pub(super) fn leading_to(&self, to: ResourceId, wanted: &str) -> Rc<[usize]> {
        if let Some(known) = self.siblings.borrow().get(&(to, wanted.to_owned())) {
            return Rc::clone(known);
        }
        let mut found = Vec::new();
        for (index, edge) in self.instances.iter().enumerate() {
            if let Who::Edge { from, to: other, record, property } = edge.who
                && (other, property) == (to, wanted)
            {
                let named = self.resource(from).and_then(|from| from.ty.properties.iter().filter(|other| other.name == property).find_map(edge_key));
                let text = |field: &str| match record.get(field).map(|field| &field.value) {
                    Some(Value::Text(text)) => text.as_str(),
                    _ => "",
                };
                found.push((named.iter().flat_map(|key| key.split(' ')).map(text).map(|text| (Reverse(narrow(text)), text)).collect::<Vec<_>>(), index));
            }
        }
        found.sort();
        let found: Rc<[usize]> = found.into_iter().map(|(_, index)| index).collect();
        self.siblings.borrow_mut().insert((to, wanted.to_owned()), Rc::clone(&found));
        found
    }

    /// An edge as a group of fields.
    pub(super) fn edge_item(&self, edge: usize) -> Item<'m> {
        match self.instances.get(edge).map(|edge| edge.who) {
            Some(Who::Edge { from, record, property, .. }) => Item::Block { owner: from, property, record },
            _ => Item::Absent,
        }
    }

    pub(super) fn previous(&self, instance: usize) -> Item<'m> {
        let edges = self.siblings(instance);
        let before = edges.iter().position(|&edge| edge == instance).and_then(|place| edges.get(place.checked_sub(1)?));
        before.map_or(Item::Absent, |&edge| self.edge_item(edge))
    }
}

/// The names of the fields that are an edge's key.
fn edge_key(property: &Property) -> Option<&str> {
    if let Kind::Block(block) = &property.kind { block.key.as_deref() } else { None }
}

/// How much of a text is written out rather than left to wildcards; the whole of it counts a little more.
fn narrow(text: &str) -> usize {
    let written = text.chars().filter(|c| !"*?".contains(*c)).count();
    if text.is_empty() { 0 } else { written + 1 + usize::from(!text.contains(['*', '?'])) }
}
