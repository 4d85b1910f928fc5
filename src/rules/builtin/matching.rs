//! `(call)matching`: a text that has to look a certain way on this cloud.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "matching",
    about: "The text itself, when it matches the regular expression somewhere, or what the expression's groups took of it; `wanted` says what it has to be. A parameter's default is looked at too.",
    takes: &[("text", Type::Text), ("expression", Type::KnownText), ("wanted", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| {
        let given = value(args, 0)?;
        let expression = regex_lite::Regex::new(text(args, 1)?).map_err(|error| error.to_string())?;
        let known = &match &given.kind {
            ValKind::Text(known) => known.clone(),
            ValKind::Integer(number) => number.to_string(),
            _ => return Ok(given.kind),
        };
        let Some(found) = expression.captures(known) else { return Err(format!("it has to be {}", text(args, 2)?)) };
        let groups: Vec<&str> = found.iter().skip(1).flatten().map(|group| group.as_str()).collect();
        Ok(ValKind::Text(if expression.captures_len() > 1 { groups.concat() } else { known.clone() }))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn gives_the_text_or_its_groups() {
        let run = |text: &str, expression: &str| (BUILTIN.run)(&[text, expression, "this"].map(|text| Val::text(text, Origin::default())));
        assert!(matches!(run("a1", "[0-9]"), Ok(ValKind::Text(text)) if text == "a1"));
        assert!(matches!(run("0 issue \"ca\"", "^(.*)\"(.*)\"$"), Ok(ValKind::Text(text)) if text == "0 issue ca"));
        assert!(matches!(run("a", "[0-9]"), Err(why) if why == "it has to be this"));
        let [number, expression, wanted] =
            [Val::new(ValKind::Integer(587), Origin::default()), Val::text("[.]", Origin::default()), Val::text("this", Origin::default())];
        assert!((BUILTIN.run)(&[number, expression, wanted]).is_err(), "a number is looked at as it would be written");
    }
}
