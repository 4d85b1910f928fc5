//! `(call)subnet-cidr`: a piece of an address range.

use super::{Builtin, Type, integer, text};
use crate::check::formats::Cidr;
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "subnet-cidr",
    about: "The range cut into pieces whose prefix is so many bits longer: the piece of that number, counted from 0.",
    takes: &[("range", Type::KnownText), ("bits", Type::KnownNumber), ("number", Type::KnownNumber), ("offset", Type::KnownNumber)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let range = Cidr::parse(text(args, 0)?)?;
        let bits = u8::try_from(integer(args, 1)?).map_err(|_| "too many bits".to_owned())?;
        let offset = if args.len() > 3 { integer(args, 3)? } else { 0 };
        let number = u32::try_from(integer(args, 2)? + offset).map_err(|_| "a piece's number is not negative".to_owned())?;
        range
            .subnet(bits, number)
            .map(|piece| ValKind::Text(piece.to_string()))
            .ok_or_else(|| format!("{range} has no {} pieces of /{}", number + 1, range.prefix.saturating_add(bits)))
    },
};
