//! `(call)replaced`: a text with a piece of it replaced wherever it stands.

use super::{Builtin, Type, text, value};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "replaced",
    about: "The value with one piece of text replaced by another wherever it stands in what is known of it, in every item of a list.",
    takes: &[("from", Type::KnownText), ("to", Type::KnownText), ("value", Type::Any)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let (from, to) = (text(args, 0)?, text(args, 1)?);
        Ok(replaced(value(args, 2)?, from, to).kind)
    },
};

fn replaced(val: Val, from: &str, to: &str) -> Val {
    let all = |items: Vec<Val>| items.into_iter().map(|item| replaced(item, from, to)).collect();
    let kind = match val.kind {
        ValKind::Text(text) => ValKind::Text(text.replace(from, to)),
        ValKind::List(items) => ValKind::List(all(items)),
        ValKind::Concat(items) => ValKind::Concat(all(items)),
        kind => kind,
    };
    Val::new(kind, val.origin)
}

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn every_item_is_looked_at() {
        let text = |text: &str| Val::text(text, Origin::default());
        let list = Val::new(ValKind::List(vec![text("a(b"), text("c")]), Origin::default());
        let Ok(ValKind::List(items)) = (BUILTIN.run)(&[text("("), text("[("), list]) else { panic!("a list") };
        assert!(matches!(&items[0].kind, ValKind::Text(text) if text == "a[(b"));
        assert!(matches!(&items[1].kind, ValKind::Text(text) if text == "c"));
    }
}
