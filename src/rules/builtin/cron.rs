//! `(call)cron`: a cron expression of five fields becomes one of six, as EventBridge wants it.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "cron",
    about: "`cron(…)` of six fields from one of five: one of the two days becomes `?`, weekdays count from 1, and every year is meant.",
    takes: &[("expression", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let fields: Vec<&str> = text(args, 0)?.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err("a cron expression has five fields".to_owned());
        };
        let (day, weekday) = if *weekday == "*" { ((*day).to_owned(), "?".to_owned()) } else { ("?".to_owned(), weekdays(weekday)) };
        Ok(ValKind::Text(format!("cron({minute} {hour} {day} {month} {weekday} *)")))
    },
};

/// Cron counts Sunday as 0 or 7, EventBridge as 1. A range over the week's end is written out, since EventBridge has none.
fn weekdays(field: &str) -> String {
    let number = |day: &str| day.parse::<u32>().ok();
    let convert = |day: u32| (day % 7) + 1;
    let mut parts = Vec::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        match range.split_once('-').and_then(|(from, to)| number(from).zip(number(to))) {
            Some((from, to)) => {
                let step = step.and_then(number).unwrap_or(1).max(1) as usize;
                parts.extend((from..=to).step_by(step).map(|day| convert(day).to_string()));
            }
            None => match (number(range), step) {
                (Some(day), _) => parts.push(convert(day).to_string()),
                (None, Some(step)) => parts.push(format!("{range}/{step}")),
                (None, None) => parts.push(range.to_owned()),
            },
        }
    }
    parts.dedup();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn five_fields_become_six() {
        for (five, six) in [
            ("0 3 * * *", "cron(0 3 * * ? *)"),
            ("*/5 0-6 1 * *", "cron(*/5 0-6 1 * ? *)"),
            ("0 9 * * 1-5", "cron(0 9 ? * 2,3,4,5,6 *)"),
            ("0 9 * * 0", "cron(0 9 ? * 1 *)"),
            ("0 9 * * 7", "cron(0 9 ? * 1 *)"),
        ] {
            let Ok(ValKind::Text(text)) = (BUILTIN.run)(&[Val::text(five, Origin::default())]) else { panic!("{five}") };
            assert_eq!(text, six);
        }
    }
}
