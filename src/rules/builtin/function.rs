//! `(call)function`: one of the format's own functions.

use super::{Builtin, Type, text};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "function",
    about: "One of the format's own functions by its name, such as `Fn::GetAZs` or `tolist`; items in braces are further arguments, properties one more.",
    takes: &[("name", Type::KnownText), ("argument", Type::Any)],
    variadic: true,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let name = text(args, 0)?.to_owned();
        let (body, given) = args.get(1..).and_then(<[Val]>::split_last).ok_or("a function has its arguments behind its name")?;
        let mut all = given.to_vec();
        match &body.kind {
            ValKind::List(items) => all.extend(items.iter().cloned()),
            ValKind::Map(fields) if fields.is_empty() => {}
            _ => all.push(body.clone()),
        }
        Ok(ValKind::Call(name, all))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn takes_arguments_behind_its_name_and_in_braces() {
        let val = |kind| Val::new(kind, Origin::default());
        let text = |text: &str| Val::text(text, Origin::default());
        let count = |body: ValKind| match (BUILTIN.run)(&[text("if"), text("a"), val(body)]) {
            Ok(ValKind::Call(name, args)) if name == "if" => args.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(count(ValKind::Map(Vec::new())), 1);
        assert_eq!(count(ValKind::List(vec![text("b"), text("c")])), 3);
        assert_eq!(count(ValKind::Map(vec![("data".to_owned(), text("b"))])), 2);
    }
}
