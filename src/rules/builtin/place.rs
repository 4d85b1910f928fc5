//! `(call)place`: a number of one's own among all that ask for one.

use super::{Builtin, Type, hash, integer, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "place",
    about: "A number that depends on the text alone, one of so many from the first on, away from zero; the next free one when another resource of the stack has it.",
    takes: &[("text", Type::KnownText), ("first", Type::KnownNumber), ("many", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: true,
    gives: Type::KnownNumber,
    run: |args| {
        let (text, first, many) = (text(args, 0)?, integer(args, 1)?, integer(args, 2)?);
        let step = i64::from(hash(text)) % many.max(1);
        Ok(ValKind::Integer(if first < 0 { first - step } else { first + step }))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn it_goes_away_from_zero() {
        let place = |text: &str, first| {
            let number = |number| Val::new(ValKind::Integer(number), Origin::default());
            match (BUILTIN.run)(&[Val::text(text, Origin::default()), number(first), number(8)]) {
                Ok(ValKind::Integer(number)) => number,
                other => panic!("{other:?}"),
            }
        };
        for text in ["a", "public", "internal-two"] {
            assert!((4..12).contains(&place(text, 4)) && (-10..=-3).contains(&place(text, -3)), "{text}");
            assert_eq!(place(text, 4) - 4, -3 - place(text, -3));
        }
    }
}
