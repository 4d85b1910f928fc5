//! `(call)flat`: the items of the lists in a list become one list.

use super::{Builtin, Type, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "flat",
    about: "Of a list of lists known when building, such as an output of several edges: one list of all their items, nothing where there are none.",
    takes: &[("list", Type::List)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::List,
    run: |args| {
        let ValKind::List(outer) = value(args, 0)?.kind else { return Err("the list is known only when deployed".to_owned()) };
        let mut items = Vec::new();
        for item in outer {
            match item.kind {
                ValKind::List(more) => items.extend(more),
                ValKind::Absent => {}
                _ => items.push(item),
            }
        }
        Ok(if items.is_empty() { ValKind::Absent } else { ValKind::List(items) })
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Origin, Val};

    #[test]
    fn one_list_of_the_items_of_all() {
        let val = |kind| Val::new(kind, Origin::default());
        let text = |text: &str| Val::text(text, Origin::default());
        let lists = val(ValKind::List(vec![val(ValKind::List(vec![text("a"), text("b")])), val(ValKind::List(vec![])), text("c")]));
        let Ok(ValKind::List(items)) = (BUILTIN.run)(&[lists]) else { panic!("no list") };
        assert_eq!(items.len(), 3);
    }
}
