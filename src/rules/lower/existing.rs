//! What exists already: by what it is found, and which edges can lead to it.

use super::super::found::takes;
use super::*;

/// Why an edge cannot lead to what it leads to, if that exists already and its rule refuses it.
pub(super) fn refused(
    model: &Model,
    checked: &Checked<'_>,
    from: &Resource,
    (to, edge, record): (ResourceId, &str, &Record),
    sources: &mut Sources,
) -> Option<crate::diag::Diagnostic> {
    let to = model.resources.get(to.0).filter(|to| to.found.is_some())?;
    let rule = checked.finding(&to.ty.name, sources)?;
    let said = takes(&rule).find(|takes| takes.edge.text == edge && takes.from.iter().any(|ty| ty.text == from.ty.name));
    let (why, span) = match said {
        Some(takes) => (takes.refused.as_deref()?, takes.span),
        None => ("nothing says what it would add to that", rule.span),
    };
    Some(diag::edge_refused(record.span, edge, &to.name.text, &checked.target().name, why, span))
}

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    /// What the stack says for a name by which a resource is found.
    pub(super) fn said(&self, instance: usize, name: &str, list: bool, rule: Span) -> Option<Val> {
        let Who::Resource(id) = self.instances.get(instance)?.who else { return None };
        let field = self.resource(id)?.found.as_ref()?.get(name)?;
        let val = self.field(field, rule);
        let origin = val.origin;
        Some(if list && !matches!(val.kind, ValKind::List(_)) { Val::new(ValKind::List(vec![val]), origin) } else { val })
    }

    /// Says that a property of what exists is needed here and not written: no default of the type applies to it.
    pub(super) fn needs(&self, path: &Path, at: At<'_, 'm, 'r>) {
        let (Some(name), Some(Who::Resource(id))) = (path.parts.first(), self.instances.get(at.instance).map(|instance| instance.who)) else { return };
        let Some(resource) = self.resource(id).filter(|resource| resource.found.is_some()) else { return };
        let Some(property) =
            resource.ty.property(name).filter(|of| (of.required || of.default.is_some()) && !at.frame.iter().any(|binding| binding.name == name))
        else {
            return;
        };
        self.say_missing(id, resource, property);
    }

    /// Says that groups of fields are needed here of what exists, and are not written: without them nothing would come of what goes over them.
    pub(super) fn needs_items(&self, path: &Path, at: At<'_, 'm, 'r>) {
        let Some((name, holder)) = path.parts.split_last().filter(|(_, holder)| !holder.is_empty()) else { return };
        let Item::Resource(id) = self.resolve(&Path { parts: holder.to_vec(), span: path.span }, at) else { return };
        let Some(resource) = self.resource(id).filter(|resource| resource.found.is_some()) else { return };
        if let Some(property) = resource.ty.property(name).filter(|property| matches!(property.kind, Kind::Block(_))) {
            self.say_missing(id, resource, property);
        }
    }

    fn say_missing(&self, id: ResourceId, resource: &Resource, property: &Property) {
        let name = &property.name;
        let key = (id, name.clone());
        if resource.values.get(name).is_some() || self.missing.borrow().contains(&key) {
            return;
        }
        self.missing.borrow_mut().push(key);
        let of = format!("the {} `{}`, which exists already,", resource.ty.name, resource.name.text);
        self.out.borrow_mut().push(crate::diag::check::missing_property(resource.span, name, &of, &property.about));
    }
}
