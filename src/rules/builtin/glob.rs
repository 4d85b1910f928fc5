//! `(call)glob`: a text with wildcards, as a cloud takes it that tells whole texts from beginnings.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "glob",
    about: "`exact`: the text, when it ends without `*`. `prefix`: what stands before the `*` at its end. Else absent; a wildcard elsewhere is refused.",
    takes: &[("part", Type::KnownText), ("text", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let whole = text(args, 1)?;
        let before = whole.strip_suffix('*');
        if before.unwrap_or(whole).contains(['*', '?']) {
            return Err("it can have one `*`, at its end".to_owned());
        }
        let part = match text(args, 0)? {
            "exact" if before.is_none() => Some(whole),
            "exact" => None,
            "prefix" => before,
            _ => return Err("the part is `exact` or `prefix`".to_owned()),
        };
        Ok(part.map_or(ValKind::Absent, |part| ValKind::Text(part.to_owned())))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn a_text_is_whole_or_a_beginning() {
        let glob = |part, text| (BUILTIN.run)(&[Val::text(part, Origin::default()), Val::text(text, Origin::default())]);
        for (part, text, wanted) in [("exact", "/api", Some("/api")), ("exact", "/api/*", None), ("prefix", "/api/*", Some("/api/")), ("prefix", "/api", None)]
        {
            let got = if let Ok(ValKind::Text(text)) = glob(part, text) { Some(text) } else { None };
            assert_eq!(got.as_deref(), wanted, "{part} {text}");
        }
        assert!(glob("exact", "/*.png").is_err() && glob("prefix", "/a?/*").is_err() && glob("suffix", "/").is_err());
    }
}
