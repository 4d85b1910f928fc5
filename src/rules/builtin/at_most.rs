//! `(call)at-most`: a number that is not above another.

use super::{Builtin, Type, integer, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "at-most",
    about: "The number, or the greatest one where it is above that; of a parameter, by the format's own `min`.",
    takes: &[("number", Type::Any), ("most", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let most = value(args, 1)?;
        match value(args, 0)?.kind {
            ValKind::Integer(number) => Ok(ValKind::Integer(number.min(integer(args, 1)?))),
            _ => Ok(ValKind::Call("min".to_owned(), vec![value(args, 0)?, most])),
        }
    },
};
