//! `(call)cycle`: an item of a list that begins anew behind its last.

use super::{Builtin, Type, integer, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "cycle",
    about: "The item of a list at a place, counted from 0; behind the last comes the first again.",
    takes: &[("list", Type::List), ("place", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Item,
    run: |args| {
        let place = usize::try_from(integer(args, 1)?).map_err(|_| "a place is not negative".to_owned())?;
        match value(args, 0)?.kind {
            ValKind::List(items) if items.is_empty() => Err("the list has no items".to_owned()),
            ValKind::List(mut items) => {
                let place = place % items.len();
                Ok(items.swap_remove(place).kind)
            }
            _ => Err("how many items the list has has to be known when building".to_owned()),
        }
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn begins_anew_behind_the_last() {
        let val = |kind| Val::new(kind, Origin::default());
        let list = val(ValKind::List(["a", "b", "c"].map(|text| Val::text(text, Origin::default())).to_vec()));
        for (place, wanted) in [(0, "a"), (2, "c"), (3, "a"), (7, "b")] {
            let got = (BUILTIN.run)(&[list.clone(), val(ValKind::Integer(place))]);
            assert!(matches!(got, Ok(ValKind::Text(text)) if text == wanted), "{place}");
        }
        assert!((BUILTIN.run)(&[val(ValKind::List(Vec::new())), val(ValKind::Integer(0))]).is_err());
        assert!((BUILTIN.run)(&[val(ValKind::Param(0)), val(ValKind::Integer(0))]).is_err());
    }
}
