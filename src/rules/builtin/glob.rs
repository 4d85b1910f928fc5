//! `(call)glob`: a text with wildcards, as a cloud takes it that tells whole texts from beginnings.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "glob",
    about: "`exact`: the text, when it ends without `*`. `prefix`: what stands before the `*` at its end. Else absent; a wildcard elsewhere is refused. `whole` and `suffix`: the same of a text that may begin with `*`.",
    takes: &[("part", Type::KnownText), ("text", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let whole = text(args, 1)?;
        let (rest, place) = match text(args, 0)? {
            "exact" | "prefix" => (whole.strip_suffix('*'), "end"),
            "whole" | "suffix" => (whole.strip_prefix('*'), "beginning"),
            _ => return Err("the part is `exact`, `prefix`, `whole` or `suffix`".to_owned()),
        };
        if rest.unwrap_or(whole).contains(['*', '?']) {
            return Err(format!("it can have one `*`, at its {place}"));
        }
        let part = match text(args, 0)? {
            "exact" | "whole" => rest.is_none().then_some(whole),
            _ => rest,
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
        assert!(glob("exact", "/*.png").is_err() && glob("prefix", "/a?/*").is_err() && glob("middle", "/").is_err());
        for (part, text, wanted) in [("whole", "a.b", Some("a.b")), ("whole", "*.b", None), ("suffix", "*.b", Some(".b")), ("suffix", "a.b", None)] {
            let got = if let Ok(ValKind::Text(text)) = glob(part, text) { Some(text) } else { None };
            assert_eq!(got.as_deref(), wanted, "{part} {text}");
        }
        assert!(glob("suffix", "a.*").is_err());
    }
}
