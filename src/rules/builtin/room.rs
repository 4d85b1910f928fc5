//! `(call)room`: the most percent of some copies, where they can be replaced one by one.

use super::{Builtin, Type, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "room",
    about: "The most percent, which with the least percent has to leave room for one of so many copies to stop or to be joined by another: the least are \
            rounded up, the most down. What is known only when deployed is taken as it is.",
    takes: &[("copies", Type::Any), ("least", Type::Any), ("most", Type::Any)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let given = value(args, 2)?;
        if let (ValKind::Integer(copies), ValKind::Integer(least), ValKind::Integer(most)) = (value(args, 0)?.kind, value(args, 1)?.kind, &given.kind) {
            let stay = copies.saturating_mul(least).saturating_add(99) / 100;
            let run = copies.saturating_mul(*most) / 100;
            if copies > 0 && stay >= copies && run <= copies {
                let of = if copies == 1 { "one copy".to_owned() } else { format!("{copies} copies") };
                return Err(format!("of {of}, {stay} have to stay ({least} %) and {run} may run ({most} %): none can be replaced by a new one"));
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
    fn refuses_what_cannot_move() {
        let moves = |numbers: [i64; 3]| {
            let args: Vec<Val> = numbers.into_iter().map(|number| Val::new(ValKind::Integer(number), Origin::default())).collect();
            (BUILTIN.run)(&args).is_ok()
        };
        assert!(moves([2, 50, 100]) && moves([1, 0, 100]) && moves([1, 100, 200]) && moves([2, 100, 150]) && moves([0, 100, 150]));
        assert!(!moves([1, 50, 150]) && !moves([3, 70, 130]) && !moves([2, 100, 149]));
    }
}
