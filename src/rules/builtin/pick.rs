//! `(call)pick`: a field of the one object in a list that has a certain value in another field.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "pick",
    about: "Of a list of objects, the one whose field `key` is `value`; of that, the field `field`.",
    takes: &[("list", Type::List), ("key", Type::KnownText), ("value", Type::Text), ("field", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| {
        Ok(ValKind::Pick {
            from: Box::new(value(args, 0)?),
            key: text(args, 1)?.to_owned(),
            value: Box::new(value(args, 2)?),
            field: text(args, 3)?.to_owned(),
        })
    },
};
