//! Plain values of a property: what somebody would write.

use stackc::portable::{Format, Kind, Property};
use stackc::syntax::Scalar;

/// Other values than the one that is there, the likeliest first.
pub fn of(property: &Property, now: Option<&str>) -> Vec<String> {
    let was = now.map(str::to_owned).or_else(|| property.default.as_ref().map(written));
    let number: i64 = was.as_deref().and_then(|was| was.parse().ok()).unwrap_or(0);
    let mut tries: Vec<String> = match &property.kind {
        Kind::Bool => vec!["#true".to_owned(), "#false".to_owned()],
        Kind::Integer { min, max } => [number * 2, number + 1, number - 1, 3, 7, 14, 30, 60, 90, 120, 400, 443, 1024, 2048, 4096, *min, *max]
            .into_iter()
            .filter(|n| min <= n && n <= max)
            .map(|n| n.to_string())
            .collect(),
        Kind::Number { .. } => ["0.5", "1", "0.25", "2", "4"].map(str::to_owned).to_vec(),
        Kind::Enum(words) => words.iter().map(|(word, _)| format!("\"{word}\"")).collect(),
        Kind::String(format) | Kind::List(format) => texts(*format, &property.name, was.as_deref()),
        _ => Vec::new(),
    };
    let bare = |text: &str| text.trim_matches('"').to_owned();
    tries.retain(|tried| was.as_deref().is_none_or(|was| bare(was) != bare(tried)));
    tries
}

/// A default as it is written.
fn written(scalar: &Scalar) -> String {
    match scalar {
        Scalar::String(text) => format!("\"{text}\""),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(value) => format!("#{value}"),
        Scalar::Null => "#null".to_owned(),
    }
}

fn texts(format: Format, name: &str, now: Option<&str>) -> Vec<String> {
    let domain = now.map(|now| now.trim_matches('"').trim_start_matches("*.")).filter(|now| now.contains('.'));
    let texts: Vec<String> = match format {
        Format::Any => match name {
            "repository" => vec!["acme/zz".to_owned()],
            "tag" | "branch" => vec!["zz".to_owned()],
            "values" => {
                ["192.0.2.77", "2001:db8::77", "zz.elsewhere.example", "30 mx3.elsewhere.example", "0 issue \\\"zz.example\\\""].map(str::to_owned).to_vec()
            }
            _ => vec!["zz".to_owned(), "zz/zz".to_owned(), "zz.html".to_owned()],
        },
        Format::Cidr => ["10.77.0.0/16", "192.0.2.128/25"].map(str::to_owned).to_vec(),
        Format::Domain => match domain {
            Some(domain) => vec![format!("zz.{domain}"), "zz.example".to_owned()],
            None => vec!["zz.example".to_owned()],
        },
        Format::Label => vec!["zz".to_owned(), "@".to_owned()],
        Format::Image => vec!["acme/zz:2".to_owned()],
        Format::Path => vec!["/zz".to_owned(), "/zz/*".to_owned()],
        Format::Cron => vec!["5 4 * * *".to_owned()],
        Format::Identifier => vec!["zz".to_owned()],
        Format::Origin => vec!["https://zz.example".to_owned()],
        Format::Words => vec!["In other words".to_owned()],
        Format::Variable => vec!["ZZ".to_owned()],
        Format::Statuses => vec!["200-399".to_owned()],
        // Of one digit are those of caches.
        Format::Version if now.is_some_and(|now| now.trim_matches('"').len() == 1) => ["6", "7", "8"].map(str::to_owned).to_vec(),
        Format::Version => ["17", "15", "16.3", "8.4", "8.0", "11.8", "10.11"].map(str::to_owned).to_vec(),
        Format::Handle if name == "connection" => vec!["arn:aws:codestar-connections:eu-central-1:123456789012:connection/2".to_owned()],
        Format::Handle => vec!["zz-before-upgrade".to_owned()],
        Format::Method => ["DELETE", "HEAD", "POST"].map(str::to_owned).to_vec(),
    };
    texts.into_iter().map(|text| format!("\"{text}\"")).collect()
}

/// A value for a person.
pub fn short(text: &str) -> String {
    if text.chars().count() > 50 { format!("{}…", text.chars().take(50).collect::<String>()) } else { text.to_owned() }
}
