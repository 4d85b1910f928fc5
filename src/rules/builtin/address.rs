//! `(call)address`: one address of a range.

use super::{Builtin, Type, integer, text};
use crate::check::formats::Cidr;
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "address",
    about: "An address of a range by its number, counted from 0; from the end when the number is negative.",
    takes: &[("range", Type::KnownText), ("number", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let range = Cidr::parse(text(args, 0)?)?;
        let number = integer(args, 1)?;
        let bits = 32_u8.saturating_sub(range.prefix);
        let place = if number < 0 { number + (1_i64 << bits) } else { number };
        let piece = u32::try_from(place).ok().and_then(|place| range.subnet(bits, place));
        let piece = piece.ok_or_else(|| format!("{range} has no address {number}"))?;
        Ok(ValKind::Text(piece.to_string().trim_end_matches("/32").to_owned()))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn counts_from_both_ends() {
        let address = |range: &str, number| match (BUILTIN.run)(&[Val::text(range, Origin::default()), Val::new(ValKind::Integer(number), Origin::default())]) {
            Ok(ValKind::Text(address)) => address,
            other => format!("{other:?}"),
        };
        assert_eq!(address("10.0.0.0/16", 4), "10.0.0.4");
        assert_eq!(address("10.0.0.0/28", -3), "10.0.0.13");
        assert!(address("10.0.0.0/28", 16).starts_with("Err"));
    }
}
