//! `(call)priority`: where a path and a host stand in the order in which a listener tries its rules.

use super::{Builtin, Type, hash, text};
use crate::native::ValKind;

/// Rules of the same length share a class of so many priorities; 240 classes of them stay below the 50,000 that a listener has.
const CLASS: u32 = 205;
/// Longest path that still counts as longer.
const LONGEST: u32 = 119;

pub const BUILTIN: Builtin = Builtin {
    name: "priority",
    about: "A number from 1 to 49,200, lower for what matches less: with a host before without, longer paths before shorter. It depends on nothing else, so another route changes no number.",
    takes: &[("path", Type::KnownText), ("host", Type::KnownText)],
    variadic: true,
    body: false,
    apart: true,
    gives: Type::KnownNumber,
    run: |args| {
        let path = text(args, 0)?;
        let host = match args.get(1).map(|val| &val.kind) {
            Some(ValKind::Text(host)) => host.as_str(),
            _ => "",
        };
        let literal = path.chars().filter(|c| !"*?".contains(*c)).count();
        let exact = usize::from(!path.contains(['*', '?']));
        let length = u32::try_from(literal + exact).unwrap_or(LONGEST).min(LONGEST);
        let class = if host.is_empty() { 2 * LONGEST + 1 - length } else { LONGEST - length };
        Ok(ValKind::Integer(i64::from(1 + class * CLASS + hash(&format!("{host}{path}")) % CLASS)))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    fn priority(path: &str, host: &str) -> i64 {
        match (BUILTIN.run)(&[Val::text(path, Origin::default()), Val::text(host, Origin::default())]) {
            Ok(ValKind::Integer(number)) => number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_matches_less_comes_first() {
        assert!(priority("/api/*", "") < priority("/*", ""));
        assert!(priority("/api", "") < priority("/ap*", ""));
        assert!(priority("/*", "a.example") < priority("/very/long/path/*", ""));
        assert!(priority("/*", "") <= 49_200 && priority(&format!("/{}", "x".repeat(127)), "a.example") >= 1);
    }
}
