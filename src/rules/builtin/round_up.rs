//! `(call)round-up`: the least of several numbers that is not below a number.

use super::{Builtin, Type, integer};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "round-up",
    about: "The first of the numbers behind it that is not below the first argument; the last one when all are.",
    takes: &[("number", Type::KnownNumber), ("choice", Type::KnownNumber)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownNumber,
    run: |args| {
        let wanted = integer(args, 0)?;
        let choices: Vec<i64> = (1..args.len()).map(|index| integer(args, index)).collect::<Result<_, _>>()?;
        choices
            .iter()
            .copied()
            .find(|choice| *choice >= wanted)
            .or(choices.last().copied())
            .map(ValKind::Integer)
            .ok_or_else(|| "there is nothing to choose from".to_owned())
    },
};
