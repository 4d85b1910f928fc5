//! `(call)scale`: a number in another unit.

use super::{Builtin, Type, number};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "scale",
    about: "A number times a factor, as a whole number: 0.25 vCPU times 1024 is 256 CPU units.",
    takes: &[("number", Type::KnownNumber), ("factor", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownNumber,
    run: |args| {
        let product = (number(args, 0)? * number(args, 1)?).round();
        if product.abs() > 9e15 {
            return Err("the product is out of range".to_owned());
        }
        #[allow(clippy::cast_possible_truncation)]
        Ok(ValKind::Integer(product as i64))
    },
};
