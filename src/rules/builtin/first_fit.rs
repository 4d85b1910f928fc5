//! `(call)first-fit`: the first of some sizes that is large enough.

use super::{Builtin, Type, number};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "first-fit",
    about: "Of the rows in braces, each so many numbers and a value behind them, the value of the first whose numbers are not below those given; \
            nothing where there is none behind them.",
    takes: &[("number", Type::KnownNumber), ("number", Type::KnownNumber)],
    variadic: true,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let (Some(Val { kind: ValKind::List(rows), .. }), count) = (args.last(), args.len().saturating_sub(1)) else {
            return Err("the rows are written with `-`".to_owned());
        };
        let wanted: Vec<f64> = (0..count).map(|index| number(args, index)).collect::<Result<_, _>>()?;
        for row in rows {
            let cells = match &row.kind {
                ValKind::List(cells) => cells.as_slice(),
                _ => std::slice::from_ref(row),
            };
            let sizes: Vec<f64> = (0..count).map(|index| number(cells, index)).collect::<Result<_, _>>()?;
            if sizes.iter().zip(&wanted).all(|(size, wanted)| size >= wanted) {
                return Ok(cells.get(count).map_or(ValKind::Absent, |val| val.kind.clone()));
            }
        }
        let wanted: Vec<String> = wanted.iter().map(f64::to_string).collect();
        Err(format!("nothing here is as large as {}", wanted.join(" and ")))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    fn fit(cpu: f64, memory: i64) -> Result<ValKind, String> {
        let val = |kind| Val::new(kind, Origin::default());
        let row =
            |cpu, memory, name: &str| val(ValKind::List(vec![val(ValKind::Integer(cpu)), val(ValKind::Integer(memory)), Val::text(name, Origin::default())]));
        (BUILTIN.run)(&[val(ValKind::Number(cpu)), val(ValKind::Integer(memory)), val(ValKind::List(vec![row(1, 2048, "small"), row(4, 8192, "large")]))])
    }

    #[test]
    fn takes_the_first_that_is_large_enough() {
        for (cpu, memory, name) in [(0.25, 512, "small"), (1.0, 2048, "small"), (2.0, 512, "large"), (0.5, 4096, "large")] {
            assert!(matches!(fit(cpu, memory), Ok(ValKind::Text(text)) if text == name), "{cpu} {memory}");
        }
        assert!(fit(16.0, 512).is_err());
    }

    #[test]
    fn gives_nothing_where_a_row_has_none() {
        let val = |kind| Val::new(kind, Origin::default());
        let rows =
            || val(ValKind::List(vec![val(ValKind::Integer(399)), val(ValKind::List(vec![val(ValKind::Integer(65536)), val(ValKind::Integer(12000))]))]));
        let given = |number| (BUILTIN.run)(&[val(ValKind::Integer(number)), rows()]);
        assert!(matches!(given(399), Ok(ValKind::Absent)) && matches!(given(400), Ok(ValKind::Integer(12000))));
    }
}
