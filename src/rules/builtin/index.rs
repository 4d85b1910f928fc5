//! `(call)index`: an item of a list.

use super::{Builtin, Type, integer, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "index",
    about: "The item of a list at a place, counted from 0.",
    takes: &[("list", Type::List), ("place", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Item,
    run: |args| {
        let place = usize::try_from(integer(args, 1)?).map_err(|_| "a place is not negative".to_owned())?;
        match value(args, 0)?.kind {
            ValKind::List(mut items) if place < items.len() => Ok(items.swap_remove(place).kind),
            ValKind::List(items) => Err(format!("the list has {} items", items.len())),
            _ => Ok(ValKind::Index(Box::new(value(args, 0)?), place)),
        }
    },
};
