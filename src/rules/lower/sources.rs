//! Where a property's value comes from: a resource whose output it is, the registry of an image.

use super::*;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    /// The resource of a type whose output is in the value that a path of properties leads to.
    pub(super) fn source(&self, path: &Path, ty: &str, at: At<'_, 'm, 'r>) -> Option<ResourceId> {
        self.source_in(self.held(path, at)?, ty)
    }

    /// The value that a path of properties leads to, as the stack has it.
    pub(super) fn held(&self, path: &Path, at: At<'_, 'm, 'r>) -> Option<&'m Value> {
        let (name, before) = path.parts.split_last()?;
        let record: &'m Record = match before {
            [] => match self.instances.get(at.instance)?.who {
                Who::Resource(id) => &self.resource(id)?.values,
                Who::Edge { record, .. } => record,
                Who::Cloud => return None,
            },
            _ => match self.resolve(&Path { parts: before.to_vec(), span: path.span }, at) {
                Item::Resource(id) => &self.resource(id)?.values,
                Item::Block { record, .. } => record,
                _ => return None,
            },
        };
        Some(&record.get(name)?.value)
    }

    /// The registry's host that an image's name begins with, as far as it is known when building, unless images are run from there as they are. A name without
    /// one is Docker's. A parameter has the host of its default.
    pub(super) fn elsewhere(&self, image: &Value) -> Option<String> {
        let (known, whole) = self.beginning(image);
        let host = match known.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) => host,
            Some(_) => DOCKER,
            // What follows could still be a host as long as there is no tag.
            None if known.contains(':') || whole && !known.is_empty() => DOCKER,
            None => return None,
        };
        let here = self.checked.target().registries().any(|pattern| match pattern.strip_prefix('*') {
            Some(end) => host.ends_with(end),
            None => host == pattern,
        });
        (!here).then(|| host.to_owned())
    }

    /// The text that a value begins with, and whether that is all of it.
    fn beginning(&self, value: &Value) -> (String, bool) {
        match value {
            Value::Text(text) => (text.clone(), true),
            Value::Param(id) => {
                let default = self.model.params.get(id.0).and_then(|param| scalar_text(&param.default.as_ref()?.0));
                default.map_or((String::new(), false), |text| (text, true))
            }
            Value::Joined(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    let (known, whole) = self.beginning(&piece.value);
                    text.push_str(&known);
                    if !whole {
                        return (text, false);
                    }
                }
                (text, true)
            }
            _ => (String::new(), false),
        }
    }

    fn source_in(&self, value: &Value, ty: &str) -> Option<ResourceId> {
        match value {
            Value::Output(id, _) => Some(*id).filter(|id| self.resource(*id).is_some_and(|resource| resource.ty.name == ty)),
            Value::Joined(pieces) => pieces.iter().find_map(|piece| self.source_in(&piece.value, ty)),
            _ => None,
        }
    }
}
