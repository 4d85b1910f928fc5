//! `(call)glob-regex`: a text with wildcards as a regular expression.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "glob-regex",
    about: "The regular expression for a whole text, in which `*` is anything and `?` any one character.",
    takes: &[("text", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let mut regex = "^".to_owned();
        for c in text(args, 0)?.chars() {
            match c {
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                c if "\\.+()[]{}|^$".contains(c) => regex.extend(['\\', c]),
                c => regex.push(c),
            }
        }
        regex.push('$');
        Ok(ValKind::Text(regex))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn escapes_all_but_wildcards() {
        for (glob, regex) in [("/*", "^/.*$"), ("/a.b/?", "^/a\\.b/.$"), ("*.shop.example", "^.*\\.shop\\.example$")] {
            let got = (BUILTIN.run)(&[Val::text(glob, Origin::default())]);
            assert!(matches!(got, Ok(ValKind::Text(text)) if text == regex), "{glob}");
        }
    }
}
