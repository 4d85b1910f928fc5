//! `(call)function`: one of the format's own functions.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "function",
    about: "One of the format's own functions by its name, such as `Fn::GetAZs` or `tolist`.",
    takes: &[("name", Type::KnownText), ("argument", Type::Any)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| Ok(ValKind::Call(text(args, 0)?.to_owned(), args.iter().skip(1).cloned().collect())),
};
