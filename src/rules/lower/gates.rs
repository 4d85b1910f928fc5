//! The gates that a stack meets: what is known of them when building, outputs for the rest, and who waits.

use super::super::ast::{GateRule, Path};
use super::{At, Item, Lowering, Who};
use crate::check::ResourceId;
use crate::gates::{Evidence, Gate, Look};
use crate::native::{NativeOutput, NativeResource, Origin, Val, ValKind};
use std::collections::HashMap;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    /// Makes the gates that something waits for, each once for all that look for the same, and says of the resources which they wait for.
    pub(super) fn meet_gates(&self, resources: &mut [NativeResource], outputs: &mut Vec<NativeOutput>) -> Vec<Gate> {
        let written = self.gates.borrow().clone();
        let mut gates: Vec<Gate> = Vec::new();
        let mut looked_for: Vec<(Look, Vec<Val>)> = Vec::new();
        let mut places: HashMap<(usize, &str), usize> = HashMap::new();
        for index in 0..resources.len() {
            let Some((instance, rule, frame)) = self.slot(index) else { continue };
            for path in &rule.waits {
                let at = At { instance, frame: &frame, user: self.user_span(instance) };
                let (all, name) = self.gates_at(path, at);
                for of in all {
                    let Some((_, gate)) = written.iter().find(|(whose, gate)| *whose == of && gate.name.text == name) else { continue };
                    let place = match places.get(&(of, gate.name.text.as_str())) {
                        Some(place) => *place,
                        None => {
                            let Some(place) = self.meet_gate(of, gate, &mut gates, &mut looked_for, outputs) else { continue };
                            places.insert((of, gate.name.text.as_str()), place);
                            place
                        }
                    };
                    if let Some(resource) = resources.get_mut(index).filter(|resource| !resource.waits.contains(&place)) {
                        resource.waits.push(place);
                    }
                }
            }
        }
        gates
    }

    /// Whose gates a path leads to, and their name.
    fn gates_at<'p>(&self, path: &'p Path, at: At<'_, 'm, 'r>) -> (Vec<usize>, &'p str) {
        let Some((name, holder)) = path.parts.split_last() else { return (Vec::new(), "") };
        if matches!(holder, [this] if this == "this") {
            return (vec![at.instance], name);
        }
        let rule_of = |id: ResourceId| self.of_resource.get(&id).copied();
        let from = |edge: &usize| match self.instances.get(*edge)?.who {
            Who::Edge { from, .. } => rule_of(from),
            _ => None,
        };
        let found = match self.resolve(&Path { parts: holder.to_vec(), span: path.span }, at) {
            Item::Resource(id) => rule_of(id).into_iter().collect(),
            Item::Edges(edges) => edges.iter().filter_map(from).collect(),
            _ => Vec::new(),
        };
        (found, name)
    }

    fn meet_gate(
        &self,
        instance: usize,
        rule: &'r GateRule,
        gates: &mut Vec<Gate>,
        looked_for: &mut Vec<(Look, Vec<Val>)>,
        outputs: &mut Vec<NativeOutput>,
    ) -> Option<usize> {
        let look = Look::named(&rule.look.text)?;
        let at = At { instance, frame: &[], user: self.user_span(instance) };
        let own = self.owner_of(instance)?;
        let owner = self.resource(own)?.name.text.as_str();
        let field = |name: &&str| rule.fields.iter().find(|(field, _)| field.text == **name).map(|(_, value)| self.eval(value, at));
        let wanted: Vec<Val> = look.fields().iter().map(field).collect::<Option<_>>()?;
        let name = format!("{owner}.{}", rule.name.text);
        let same = |(kind, vals): &(Look, Vec<Val>)| *kind == look && vals.iter().zip(&wanted).all(|(one, other)| one.alike(other));
        if let Some(place) = looked_for.iter().position(same) {
            if let Some(gate) = gates.get_mut(place) {
                gate.names.push(name);
            }
            return Some(place);
        }
        let evidence = look.fields().iter().zip(&wanted).map(|(field, val)| self.evidence(&format!("{owner}-{field}"), val, outputs)).collect();
        let act = match self.eval(&rule.act, at).kind {
            ValKind::Text(text) => text,
            _ => String::new(),
        };
        gates.push(Gate { names: vec![name], look, evidence, act, of: own, origin: Origin { user: at.user, rule: rule.span } });
        looked_for.push((look, wanted));
        Some(gates.len() - 1)
    }

    /// What is known when building, or an output that tells it: one that is there already, or one more.
    fn evidence(&self, name: &str, val: &Val, outputs: &mut Vec<NativeOutput>) -> Evidence {
        if let ValKind::Text(text) = &val.kind {
            return Evidence::Known(text.clone());
        }
        if let Some(output) = outputs.iter().find(|output| output.handle.is_none() && output.value.alike(val)) {
            return Evidence::Output(output.name.clone());
        }
        let format = self.checked.target().format;
        let taken = |name: &str| outputs.iter().any(|output| format.output_name(&output.name) == format.output_name(name));
        let mut own = name.to_owned();
        while taken(&own) {
            own = format!("gate-{own}");
        }
        outputs.push(NativeOutput { name: own.clone(), span: val.origin.user, value: val.clone(), handle: None });
        Evidence::Output(own)
    }

    fn owner_of(&self, instance: usize) -> Option<ResourceId> {
        match self.instances.get(instance)?.who {
            Who::Resource(id) => Some(id),
            _ => None,
        }
    }
}
