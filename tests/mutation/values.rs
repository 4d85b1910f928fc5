//! Values that a property should refuse, and values at the edge of what it should take.

use crate::places::{Place, Shape, Stack};
use crate::random::Random;
use stackc::portable::{Format, Kind, Property};

/// A value to try.
#[derive(Clone)]
pub struct Try {
    /// What is odd about it.
    pub what: String,
    /// The value as KDL.
    pub text: String,
    /// Whether it has to be refused.
    pub must: bool,
    /// Whether it is right by itself, so that an error may well stand where it turns out not to fit.
    pub fits: bool,
    /// What the stack has to declare for it.
    pub declare: Option<String>,
}

impl Try {
    /// A value that has to be refused, at its own line.
    pub fn must(what: &str, text: String) -> Try {
        Try { what: format!("{what} {}", shown(&text)), text, must: true, fits: false, declare: None }
    }

    /// A value that is right by itself.
    pub fn fits(what: &str, text: String) -> Try {
        Try { what: format!("{what} {}", shown(&text)), text, must: false, fits: true, declare: None }
    }

    /// A text that may be refused, but at its own line.
    pub fn odd(text: &str) -> Try {
        let text = quoted(text);
        Try { what: format!("odd text {}", shown(&text)), text, must: false, fits: false, declare: None }
    }
}

fn shown(text: &str) -> String {
    if text.chars().count() > 40 { format!("{}… ({})", text.chars().take(20).collect::<String>(), text.chars().count()) } else { text.to_owned() }
}

/// A string as KDL writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{FEFF}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}') => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Texts that mean something to a format, a cloud or a shell, or are only long.
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "${x}",
        "%{x}",
        "{{x}}",
        "[x]",
        "$${x}",
        "a\nb",
        "a\"b",
        "\\",
        "é",
        "a b",
        "-",
        "0",
        "*",
        "../x",
        "a/b",
        ".",
        "#",
        "a,b",
        "a=b",
        "a:b",
        "{{resolve:ssm:x}}",
        "${AWS::Region}",
        "\u{1}",
        "\u{202e}",
        "😀",
        "<b>",
        "null",
        "@",
        "a|b",
        "'",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend(["x".repeat(64), "x".repeat(300), "x".repeat(5000)]);
    texts
}

/// Forms in parentheses: such as there are none, of what there is not, and of what is known only when deployed.
pub fn forms(place: &Place<'_>, stack: &Stack) -> Vec<Try> {
    let mut tries = vec![
        Try::must("an unknown form", "(gte)x".to_owned()),
        Try::must("an unknown form", "(ref)x".to_owned()),
        Try::must("a parameter that is not there", "(get)zz-nothing".to_owned()),
        Try::must("an output of nothing", "(get)zz-nothing.url".to_owned()),
        Try::must("an empty path", "(get)\"\"".to_owned()),
        Try::must("a path of dots", "(get)\"..\"".to_owned()),
        Try::must("a number in a form", "(get)7".to_owned()),
        Try::must("a text that is not closed", "(fmt)\"{\"".to_owned()),
        Try::must("a text that was never opened", "(fmt)\"a}\"".to_owned()),
        Try::must("an empty brace", "(fmt)\"{}\"".to_owned()),
        Try::must("a text with nothing there", "(fmt)\"{zz-nothing}\"".to_owned()),
    ];
    for (name, ty) in stack.names() {
        tries.push(Try::must("a resource without an output", format!("(get){name}")));
        tries.push(Try::must("an output that is not there", format!("(get){name}.zz")));
        if let Some(output) = stack.types.get(ty).and_then(|ty| ty.outputs.first()) {
            tries.push(Try::must("a misspelt output", format!("(get){name}.{}z", output.name)));
        }
    }
    if let (Shape::Property(property) | Shape::Item(property), false) = (&place.shape, matches!(place.shape, Shape::Shown)) {
        let shaping = property.known_when_building();
        let own = stack.outputs(place.owner);
        let is_secret = matches!(property.kind, Kind::Secret);
        for node in stack.resources() {
            for output in stack.outputs(node) {
                let itself = own.contains(&output);
                let must = shaping || itself || is_secret;
                tries.push(Try { must, fits: !must || itself, ..Try::fits("an output", format!("(get){output}")) });
                if matches!(property.kind, Kind::String(_) | Kind::List(_)) {
                    tries.push(Try { must, fits: !must || itself, ..Try::fits("a text with an output", format!("(fmt)\"a-{{{output}}}\"")) });
                }
            }
        }
        for secret in stack.secrets() {
            if !is_secret {
                tries.push(Try::must("a secret", format!("(get){secret}")));
                tries.push(Try::must("a secret in a text", format!("(fmt)\"a{{{secret}}}\"")));
            }
        }
        for (default, what) in [("", "without a default"), (" default=\"x\"", "of text"), (" default=7", "of a number"), (" type=int", "of a number to come")] {
            let must = shaping || is_secret;
            let declare = Some(format!("param zz-param{default}"));
            // A default that does not fit is reported where the parameter is declared.
            tries.push(Try { must, fits: !must, declare, ..Try::fits(&format!("a parameter {what}"), "(get)zz-param".to_owned()) });
        }
    }
    tries
}

/// Names of resources, of the right types and of others.
pub fn references(types: &[&str], stack: &Stack) -> Vec<Try> {
    let mut tries: Vec<Try> = ["zz-nothing", "\"\"", "7", "#true", "\"a b\""].map(|text| Try::must("no name", text.to_owned())).to_vec();
    for (name, ty) in stack.names() {
        tries.push(if types.contains(&ty) {
            Try::fits("another reference", name.to_owned())
        } else {
            Try::must(&format!("a reference to a {ty}"), name.to_owned())
        });
    }
    for node in stack.root.children().iter().filter(|node| node.name.text == "param") {
        tries.extend(node.arg_str(0).map(|name| Try::must("the name of a parameter", name.to_owned())));
    }
    tries
}

/// Values for a property. `kind` is what a sibling of that name says, which decides what some texts have to be.
pub fn of(property: &Property, now: Option<&str>, kind: Option<&str>, stack: &Stack, random: &mut Random) -> Vec<Try> {
    let must = |what: &str, texts: &[&str]| texts.iter().map(|text| Try::must(what, (*text).to_owned())).collect::<Vec<_>>();
    let fits = |what: &str, texts: &[&str]| texts.iter().map(|text| Try::fits(what, (*text).to_owned())).collect::<Vec<_>>();
    // `#null` leaves a property out, and is no fault.
    let mut tries = Vec::new();
    match &property.kind {
        Kind::Bool => {
            tries.extend(must("no boolean", &["\"true\"", "1", "0", "yes", "\"\"", "#inf"]));
            tries.extend(fits("the other", &["#true", "#false"]));
        }
        Kind::Integer { min, max } => {
            tries.extend(must(
                "no whole number",
                &["\"7\"", "many", "#true", "1.5", "\"\"", "#nan", "#inf", "99999999999999999999", "-99999999999999999999", "1e400", "65536.5"],
            ));
            let span = usize::try_from(max.saturating_sub(*min)).unwrap_or(usize::MAX);
            for number in [-1, 0, 65_536, i64::MIN, i64::MAX, min.saturating_sub(1), max.saturating_add(1)] {
                let inside = (*min..=*max).contains(&number);
                tries.push(if inside { Try::fits("a number", number.to_string()) } else { Try::must("out of range", number.to_string()) });
            }
            for number in [*min, min + 1, *max, max - 1] {
                tries.push(Try::fits("at the edge", number.to_string()));
            }
            for _ in 0..3 {
                let number = min + i64::try_from(random.below(span)).unwrap_or(0);
                tries.push(Try::fits("some number", number.to_string()));
            }
            if property.name == "memory" {
                tries.extend(fits("unit sizes", &["1000", "512", "1024", "513", "3000", "4096", "8192", "65536"]));
            }
        }
        Kind::Number { .. } => {
            tries.extend(must(
                "no number in the range",
                &["\"1\"", "many", "#true", "\"\"", "#nan", "#inf", "#-inf", "-1", "0", "99999999999999999999", "1e400"],
            ));
            tries.extend(fits("unit sizes", &["0.25", "0.5", "0.3", "1", "1.1", "2", "3", "4", "8", "16", "0.2500001", "1e0"]));
            tries.extend(must("unit sizes", &["32", "0.1", "17"]));
        }
        Kind::Enum(words) => {
            tries.extend(must("not one of its words", &["zz", "\"\"", "7", "#true", "\"${x}\""]));
            for (word, _) in words {
                tries.push(Try::fits("another word", quoted(word)));
                if word.to_uppercase() != *word && !words.iter().any(|(other, _)| *other == word.to_uppercase()) {
                    tries.push(Try::must("in capitals", quoted(&word.to_uppercase())));
                }
                if !words.iter().any(|(other, _)| *other == format!("{word}s")) {
                    tries.push(Try::must("a misspelt word", quoted(&format!("{word}s"))));
                }
            }
        }
        Kind::Ref(types) => tries.extend(references(&types.iter().map(String::as_str).collect::<Vec<_>>(), stack)),
        Kind::Secret => tries.extend(must("a secret in the open", &["hunter2", "7", "\"\"", "(fmt)\"x\""])),
        Kind::String(format) | Kind::List(format) => {
            if *format != Format::Any {
                tries.extend(must("no text", &["7", "#true", "0.5"]));
            }
            tries.extend(formatted(*format));
            tries.extend(by_name(&property.name, kind));
        }
        Kind::Map { .. } | Kind::Block(_) => tries.extend(must("no node of its own", &["7", "x"])),
    }
    tries.retain(|tried| now.is_none_or(|now| tried.text != quoted(now) && tried.text != now));
    tries
}

/// Texts of a format: wrong ones, and right ones at the edge.
fn formatted(format: Format) -> Vec<Try> {
    let long = |length: usize| "x".repeat(length);
    let (bad, odd): (Vec<String>, Vec<String>) = match format {
        Format::Any => (vec![], texts()),
        Format::Cidr => (
            [
                "10.0.0.1/16",
                "10.0.0.0/33",
                "10.0.0.0",
                "256.0.0.0/16",
                "10.0.0/16",
                "::/0",
                "10.0.0.0/16 ",
                "10.0.0.0/-1",
                "a/16",
                "",
                "10.0.0.0/",
                "10.0.0.0/1e1",
            ]
            .map(str::to_owned)
            .to_vec(),
            [
                "10.0.0.0/28",
                "0.0.0.0/0",
                "10.0.0.0/8",
                "10.0.0.0/24",
                "10.0.0.0/25",
                "10.0.0.0/20",
                "172.16.0.0/16",
                "127.0.0.0/16",
                "169.254.0.0/16",
                "224.0.0.0/16",
                "0.0.0.0/16",
                "255.255.0.0/16",
                "100.64.0.0/16",
                "10.9.0.0/16",
                "10.30.0.0/16",
                "192.0.2.1/32",
                "010.0.0.0/16",
                "10.0.0.0/016",
                "198.51.100.0/24",
                "203.0.113.0/30",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        Format::Domain => (
            [
                "a",
                "-a.example",
                "a..example",
                ".example",
                "Example.org",
                "a b.example",
                "bücher.example",
                "a_b.example",
                "${x}.example",
                "a.example/",
                "http://a.example",
                "a.*.example",
                "*.*.example",
                "",
                " a.example",
                "a.example\n",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("{}.example", long(64)), format!("{}.example", [long(60), long(60), long(60), long(60), long(60)].join("."))])
            .collect(),
            ["a.example", "*.a.example", "a.example.", "xn--bcher-kva.example", "1.2.3.4", "a.b.c.d.e.f.example", "a.1", "everything.example"]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("{}.example", long(63)), format!("{}.example", [long(61), long(60), long(60), long(60)].join("."))])
                .collect(),
        ),
        Format::Label => (
            ["a b", "A", "-a", "a-", "", "a..b", ".", "é", "${x}", "a/b"].map(str::to_owned).into_iter().chain([long(64)]).collect(),
            ["@", "*", "a.b", "_dmarc", "*.a", "a.*", "@.a", "_a._b", "1"]
                .map(str::to_owned)
                .into_iter()
                .chain([long(63), [long(63), long(63), long(63), long(63)].join(".")])
                .collect(),
        ),
        Format::Image => (
            ["a b", "https://acme/app", "", "a\nb", "a\tb"].map(str::to_owned).to_vec(),
            [
                "${x}",
                "%{x}",
                "ACME/App:1",
                ":1",
                "acme/app:",
                "@sha256:00",
                "a/../b",
                "é",
                "-",
                "/",
                "a\"b",
                "a@b",
                "a:b:c",
                "a//b",
                "acme/app:1.2@sha256:00",
                "{{x}}",
                "x",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([long(255), long(300), format!("acme/app:{}", long(129))])
            .collect(),
        ),
        Format::Path => (
            ["api", "", "/a b", "/é", "/a\nb", "*", "/${x}", "/{x}", "/a#b"].map(str::to_owned).into_iter().chain([format!("/{}", long(128))]).collect(),
            ["/*", "/", "//", "/a?b&c", "/**", "/*/*/*/*/*/*/*", "/~a", "/'", "/%20", "/(x)", "/@:+", "/a/", "/?", "/$x"]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("/{}", long(127)), format!("/{}", long(126))])
                .collect(),
        ),
        Format::Cron => (
            [
                "* * * *",
                "60 * * * *",
                "* 24 * * *",
                "* * 0 * *",
                "* * 32 * *",
                "* * * 0 *",
                "* * * 13 *",
                "* * * * 8",
                "*/0 * * * *",
                "5-1 * * * *",
                "0 0 1 * 1",
                "* * * * * *",
                "",
                "@daily",
                "-1 * * * *",
                "a * * * *",
                "1, * * * *",
                "*- * * * *",
                "0 3 * JANUARY *",
            ]
            .map(str::to_owned)
            .to_vec(),
            [
                "0 0 31 2 *",
                "0 3 * * 5-7",
                "0 3 * * 0-6",
                "0 3 * * 7-7",
                "1,2,3 * * * *",
                "0 3 * * */2",
                "0 3 */2 * *",
                "59/1 * * * *",
                "0 3 * JAN *",
                "0  3 * * *",
                "1-5/2 * * * *",
                "*/60 * * * *",
                "*/61 * * * *",
                "0 0 ? * 1",
                "0 0 L * *",
                "0 0 1,15 * *",
                "0 3 * * 1,3,5",
                "0 3 * * 0,7",
                "*/255 * * * *",
                "0 3 * */13 *",
                "0 3 * * 1/2",
                "* * * * *",
                "0-59 0-23 1-31 1-12 *",
                "5/100 * * * *",
                "0 3 */32 * *",
                "+5 * * * *",
                "007 3 * * *",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        Format::Identifier => (
            ["Abc", "a-b", "1a", "", "a b", "é", "_a", "a.b", "postgres", "admin", "${x}"].map(str::to_owned).into_iter().chain([long(33), long(64)]).collect(),
            [
                "a",
                "a_",
                "a__b",
                "db",
                "table",
                "select",
                "order",
                "database",
                "db2admin",
                "rds_superuser",
                "replication",
                "mysql_x",
                "pg_x",
                "a1",
                "user1",
                "current_user",
                "session_user",
                "public_x",
                "all",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain([long(16), long(17), long(32)])
            .collect(),
        ),
        Format::Origin => (
            ["x", "https://", "http://a/b", "https://a b", "", "ftp://x", "a.example"].map(str::to_owned).to_vec(),
            [
                "*",
                "https://*.a.example",
                "https://**",
                "https://*.*.x",
                "https://a:99999",
                "https://é",
                "https://${x}",
                "http://localhost:3000",
                "https://A.example",
                "https://a?b",
                "https://a#b",
                "https://\"a",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        Format::Version => (
            ["", "v16", "16 ", "16-alpine", "99999", "16..3", ".16", "a", "16.", "１６"].map(str::to_owned).to_vec(),
            [
                "99", "16.99", "0", "16.3", "15", "8.0", "16", "17", "18", "13", "10.6", "10.11", "11.4", "11.8", "8.4", "9.6", "5.7", "016", "8", "10",
                "16.13", "0016",
            ]
            .map(str::to_owned)
            .to_vec(),
        ),
        // What a newer format is like is left to its own name, see below.
        _ => (vec![String::new()], texts()),
    };
    let bad = bad.into_iter().map(|text| Try::must("wrong text", quoted(&text)));
    let odd = odd.into_iter().map(|text| Try { fits: true, ..Try::odd(&text) });
    bad.chain(odd).collect()
}

/// Texts for properties whose values mean more than their format says.
fn by_name(name: &str, kind: Option<&str>) -> Vec<Try> {
    let texts: Vec<String> = match (name, kind) {
        ("values", Some(kind)) => {
            let mut texts: Vec<String> = [
                "192.0.2.1",
                "256.1.1.1",
                "1.2.3",
                "192.0.2.1 ",
                "2001:db8::1",
                "::g",
                "::",
                "a.example",
                "a.example.",
                "a",
                "a b",
                "10 mx.example",
                "70000 mx.example",
                "-1 mx.example",
                "10  mx.example",
                "10 mx.example.",
                "10 192.0.2.1",
                "0 .",
                "10",
                "0 issue \"x.example\"",
                "0 issue x.example",
                "0 other \"x\"",
                "256 issue \"x\"",
                "0 issue \"\"",
                "0 issue \";\"",
                "0 iodef \"mailto:a@b.example\"",
                "128 issuewild \"x.example\"",
                "",
                "*.a.example",
                "_x.a.example",
                "x y z",
                "\"quoted\"",
                "0192.0.2.1",
                "::ffff:192.0.2.1",
                "FE80::1",
                "fe80::1%eth0",
                "10\tmx.example",
            ]
            .map(str::to_owned)
            .to_vec();
            texts.extend(["x".repeat(255), "x".repeat(256), "x".repeat(3000), "\"".repeat(1500), "é".repeat(1000), "\\".repeat(3000), "x".repeat(4001)]);
            let wrong = |text: &String| match kind {
                "A" => text.parse::<std::net::Ipv4Addr>().is_err(),
                "AAAA" => text.parse::<std::net::Ipv6Addr>().is_err(),
                "CNAME" => text.contains(' ') || !text.contains('.'),
                "MX" => !text.starts_with("10"),
                "CAA" => !text.contains(" iss") && !text.contains(" iodef"),
                _ => text.is_empty() || text.len() > 4000,
            };
            return texts.iter().map(|text| if wrong(text) { Try::must("wrong text", quoted(text)) } else { Try { fits: true, ..Try::odd(text) } }).collect();
        }
        ("health-codes", _) => {
            ["200", "200-", "abc", "99", "600", "200,201", "200 - 299", "299-200", "0", "499", "500", "200,", ",", "200-299,301", "100", "199", "-"]
                .map(str::to_owned)
                .to_vec()
        }
        ("repository", _) => ["a", "a/b/c", "a b/c", "/b", "a/", "a/b.c", "A/B_c", "group/sub/name"].map(str::to_owned).to_vec(),
        ("methods", _) => ["FETCH", "get", "PATCH", "OPTIONS", "PUT", "POST", "DELETE", "GET, PUT", "HEAD"].map(str::to_owned).to_vec(),
        ("prefix", _) => ["a-b", "A B", "1A", "a/b/", "é", "${x}", "tmp", "LOG_LEVEL", "Ä"].map(str::to_owned).to_vec(),
        ("index" | "error", _) => ["/index.html", "a/b.html", "index", ".html"].map(str::to_owned).to_vec(),
        ("tag", _) => ["a b", "latest", "é", "-a", ".a", "a/b", "a:b"].map(str::to_owned).into_iter().chain(["x".repeat(128), "x".repeat(129)]).collect(),
        ("branch", _) => ["a b", "feature/x", "~", "-a", "a..b"].map(str::to_owned).into_iter().chain(["x".repeat(256)]).collect(),
        ("restore-from", _) => ["rds:x-2020", "arn:aws:rds:eu-central-1:123456789012:snapshot:x", "a_b", "A"].map(str::to_owned).to_vec(),
        ("about", _) => ["über", "a;b", "a(b)", "a\tb"].map(str::to_owned).into_iter().chain(["x".repeat(255), "x".repeat(256)]).collect(),
        ("connection", _) => ["arn:aws:codestar-connections:eu-central-1:123456789012:connection/0", "x"].map(str::to_owned).to_vec(),
        _ => vec![],
    };
    texts.iter().map(|text| Try { fits: true, ..Try::odd(text) }).collect()
}
