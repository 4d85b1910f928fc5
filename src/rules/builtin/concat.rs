//! `(call)concat`: texts put together, where `(fmt)` cannot hold one of them.

use super::{Builtin, Type};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "concat",
    about: "The texts in braces, one behind the other; for those that `(fmt)` cannot hold, such as JSON.",
    takes: &[],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Text,
    run: |args| match args.first() {
        Some(Val { kind: ValKind::List(items), .. }) => Ok(ValKind::Concat(items.clone())),
        _ => Err("the texts are written with `-`".to_owned()),
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn takes_items_only() {
        let val = |kind| Val::new(kind, Origin::default());
        let got = (BUILTIN.run)(&[val(ValKind::List(vec![val(ValKind::Text("a".into())), val(ValKind::Param(0))]))]);
        assert!(matches!(got, Ok(ValKind::Concat(pieces)) if pieces.len() == 2));
        assert!((BUILTIN.run)(&[val(ValKind::Map(Vec::new()))]).is_err());
    }
}
