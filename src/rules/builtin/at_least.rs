//! `(call)at-least`: a number that is not below another.

use super::{Builtin, Type, integer, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "at-least",
    about: "The number, or the least one where it is below that; of a parameter, by the format's own `max`.",
    takes: &[("number", Type::Any), ("least", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let least = value(args, 1)?;
        match value(args, 0)?.kind {
            ValKind::Integer(number) => Ok(ValKind::Integer(number.max(integer(args, 1)?))),
            _ => Ok(ValKind::Call("max".to_owned(), vec![value(args, 0)?, least])),
        }
    },
};
