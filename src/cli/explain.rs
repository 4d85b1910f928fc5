//! `stackc explain`: types and properties from their specs, diagnostics from their pages.

use super::{Outcome, files, wrong_call};
use stackc::diag::{did_you_mean, list};
use stackc::portable::{Catalogue, Kind, PortableType, Property};
use stackc::rules::{FinderParam, RuleFiles};
use stackc::source::Sources;
use stackc::syntax::Scalar;
use stackc::{check, embedded};

#[derive(clap::Args)]
pub struct Arguments {
    /// A type, a property such as `service.memory`, a word of the language such as `let`, or a code such as `E0205`; all types when absent
    what: Option<String>,
    /// All types as one Markdown page
    #[arg(long, conflicts_with = "what")]
    markdown: bool,
}

/// The page of the language, and which of its sections is about which words.
const LANGUAGE: &str = include_str!("../../docs/language.md");
const SECTIONS: [(&str, &str); 10] = [
    ("include", "Several files"),
    ("let", "Lets"),
    ("when unless", "Conditions"),
    ("each", "Loops"),
    ("stage on remove accept", "Overlays: stages and targets"),
    ("get fmt", "Values"),
    ("param output", "Parameters and outputs"),
    ("targets", "Targets"),
    ("state", "State"),
    ("tags", "Resources"),
];

/// A section of the page, with its title.
fn section(title: &str) -> &'static str {
    let start = LANGUAGE.find(&format!("## {title}\n")).unwrap_or_default();
    let rest = LANGUAGE.get(start..).unwrap_or_default();
    rest.find("\n\n## ").and_then(|end| rest.get(..end + 1)).unwrap_or(rest)
}

pub fn run(arguments: &Arguments) -> Outcome {
    let catalogue = Catalogue::default();
    let mut sources = Sources::default();
    let Some(what) = arguments.what.as_deref() else {
        let mut text = String::new();
        let mut types: Vec<_> = catalogue.names().filter_map(|name| catalogue.get(name, &mut sources)).collect();
        types.sort_by_key(|ty| ty.order);
        for ty in types {
            if arguments.markdown {
                text.push_str(&markdown(&ty));
            } else {
                text.push_str(&format!("{:<15}{}\n", ty.name, ty.about));
            }
        }
        return files::print(&text);
    };
    if let Some((_, page)) = embedded::PAGES.iter().find(|(code, _)| code.eq_ignore_ascii_case(what)) {
        return files::print(page);
    }
    if let Some((_, title)) = SECTIONS.iter().find(|(words, _)| words.split(' ').any(|word| word == what)) {
        return files::print(section(title));
    }
    let (name, property) = what.split_once('.').map_or((what, None), |(name, property)| (name, Some(property)));
    let Some(ty) = catalogue.get(name, &mut sources) else {
        let codes = embedded::PAGES.iter().map(|(code, _)| *code);
        let words = SECTIONS.iter().flat_map(|(words, _)| words.split(' '));
        let known: Vec<&str> = catalogue.names().chain(words).chain(codes).collect();
        let meant = did_you_mean(what, known.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return wrong_call(format!("there is no type or code `{what}`{meant} The types are {}", list(catalogue.names())));
    };
    match property {
        None => files::print(&markdown(&ty)),
        Some(path) => {
            let (head, field) = path.split_once('.').map_or((path, None), |(head, field)| (head, Some(field)));
            let found: Vec<&Property> = ty.properties.iter().filter(|property| property.name == head).collect();
            let text: String = match field {
                None => found.iter().map(|property| lines(property, 0)).collect(),
                Some(field) => {
                    found.iter().flat_map(|property| fields(property)).filter(|property| property.name == field).map(|property| lines(property, 0)).collect()
                }
            };
            if text.is_empty() {
                let names: Vec<&str> = ty.properties.iter().map(|property| property.name.as_str()).collect();
                let meant = did_you_mean(head, names.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                return wrong_call(format!("a {name} has no property `{path}`{meant}"));
            }
            files::print(&text)
        }
    }
}

fn fields(property: &Property) -> &[Property] {
    match &property.kind {
        Kind::Block(block) => &block.fields,
        _ => &[],
    }
}

/// A type as a Markdown section.
fn markdown(ty: &PortableType) -> String {
    let mut text = format!("## {}\n\n{}\n", ty.name, ty.about);
    for example in &ty.examples {
        text.push_str(&format!("\n```kdl\n{example}\n```\n"));
    }
    text.push('\n');
    for property in &ty.properties {
        text.push_str(&lines(property, 0));
    }
    text.push_str(&found(ty));
    let mut outputs = ty.outputs.iter().filter(|output| !output.by_edges).peekable();
    if outputs.peek().is_some() {
        text.push_str("\nOutputs:\n\n");
        for output in outputs {
            text.push_str(&format!("- `{}`{}: {}\n", output.name, if output.secret { " (secret)" } else { "" }, output.about));
        }
    }
    text.push('\n');
    text
}

/// By what each target finds one that exists.
fn found(ty: &PortableType) -> String {
    let mut text = String::new();
    for finder in RuleFiles::default().finders(&ty.name, &mut Sources::default()) {
        let own: Vec<&String> = finder.reads.iter().filter(|name| ty.property(name).is_some()).collect();
        if finder.params.is_empty() && own.is_empty() {
            continue;
        }
        let param = |param: &FinderParam| {
            let notes = [(param.list, "one or several texts"), (param.optional, "may be left out")].into_iter().filter(|(is, _)| *is).map(|(_, note)| note);
            let notes: Vec<&str> = notes.collect();
            let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
            format!("  - `{}`{notes}: {}\n", param.name, param.about)
        };
        let lines: String = finder.params.iter().map(param).collect();
        let own = if own.is_empty() { String::new() } else { format!("  - what of its own is written: {}\n", list(own)) };
        text.push_str(&format!("- `{}`\n{lines}{own}", finder.target));
    }
    if text.is_empty() { text } else { format!("\nOne that exists, `(existing){} NAME`, is found by:\n\n{text}", ty.name) }
}

fn lines(property: &Property, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let mut notes = vec![match &property.kind {
        Kind::Integer { min, max } => range("whole number", &min.to_string(), &max.to_string(), *min > i64::MIN, *max < i64::MAX),
        Kind::Number { min, max } => range("number", &min.to_string(), &max.to_string(), *min > f64::MIN, *max < f64::MAX),
        Kind::Block(block) => match &block.edge {
            Some(edge) => format!("edge to: {}, may be repeated", edge.to),
            None if block.many => "may be repeated".to_owned(),
            None => "once".to_owned(),
        },
        Kind::List(_) => "one or several texts".to_owned(),
        _ => check::wanted(property),
    }];
    notes.extend(property.unit.clone());
    if property.required {
        notes.push("required".to_owned());
    }
    notes.extend(property.default.as_ref().map(|default| format!("default {}", shown(default))));
    let mut text = format!("{indent}- `{}` ({}): {}\n", property.name, notes.join(", "), property.about);
    if let Kind::Enum(values) = &property.kind {
        for (value, about) in values {
            text.push_str(&format!("{indent}  - `{value}`: {about}\n"));
        }
    }
    for field in fields(property) {
        text.push_str(&lines(field, depth + 1));
    }
    text
}

fn range(word: &str, min: &str, max: &str, has_min: bool, has_max: bool) -> String {
    match (has_min, has_max) {
        (true, true) => format!("{word} from {min} to {max}"),
        (true, false) => format!("{word} from {min}"),
        (false, true) => format!("{word} up to {max}"),
        (false, false) => word.to_owned(),
    }
}

fn shown(scalar: &Scalar) -> String {
    match scalar {
        Scalar::String(text) => format!("`\"{text}\"`"),
        Scalar::Integer(number) => format!("`{number}`"),
        Scalar::Float(number) => format!("`{number}`"),
        Scalar::Bool(flag) => format!("`#{flag}`"),
        Scalar::Null => "`#null`".to_owned(),
    }
}
