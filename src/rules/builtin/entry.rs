//! `(call)entry`: an object whose only key may be known only when deployed.

use super::{Builtin, Type, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "entry",
    about: "An object with one entry: its name, which may be known only when deployed, and what stands in braces (Terraform, ARM).",
    takes: &[("name", Type::Text)],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| Ok(ValKind::Entry(Box::new(value(args, 0)?), Box::new(value(args, 1)?))),
};
