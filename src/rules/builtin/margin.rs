//! `(call)margin`: a number that is far enough above another.

use super::{Builtin, Type, integer, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "margin",
    about: "The number, which has to be at least so many percent above another. What is known only when deployed is taken as it is.",
    takes: &[("number", Type::Any), ("other", Type::Any), ("percent", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let (given, percent) = (value(args, 0)?, integer(args, 2)?);
        if let (ValKind::Integer(number), ValKind::Integer(other)) = (&given.kind, value(args, 1)?.kind) {
            let least = other.saturating_mul(percent.saturating_add(100)).saturating_add(99) / 100;
            if *number < least {
                return Err(format!("it has to be {percent} % above {other}, which is {least} or more"));
            }
        }
        Ok(given.kind)
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn rounds_up_what_is_least() {
        let takes = |numbers: [i64; 3]| {
            let args: Vec<Val> = numbers.into_iter().map(|number| Val::new(ValKind::Integer(number), Origin::default())).collect();
            (BUILTIN.run)(&args).is_ok()
        };
        assert!(takes([110, 100, 10]) && takes([28, 25, 10]) && takes([22, 20, 10]));
        assert!(!takes([109, 100, 10]) && !takes([27, 25, 10]));
    }
}
