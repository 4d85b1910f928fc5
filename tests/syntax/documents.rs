//! Documents by chance: valid ones in every spelling, damaged ones, and what the comments of a text are.

use crate::random::Random;

/// Pieces that damage is made of.
const PIECES: [&str; 44] = [
    "{", "}", "(", ")", "=", ";", "\n", " ", "\"", "\"\"\"", "#", "#\"", "\"#", "/-", "//", "/*", "*/", "\\", "a", "b=1", "true", "#true", "#null", "1",
    "0x1F", "1.5", "-", "+1", ".1", "1e3", "\\n", "\\u{41}", "\\q", "é", "\u{a0}", "\u{2028}", "\r\n", "[", "]", "/", "{ c }", "(t)", "\t", "\\\n",
];

/// One valid document, small enough that a reader which calls itself survives it.
pub fn document(random: &mut Random) -> String {
    let mut text = String::new();
    nodes(random, &mut text, 3, false);
    text
}

fn nodes(random: &mut Random, text: &mut String, depth: usize, one_line: bool) {
    let count = random.below(4);
    for index in 0..count {
        if !one_line {
            lines(random, text);
        }
        if random.below(12) == 0 {
            *text += ["/-", "/- ", "/- /* left out */ ", "/-\n"][random.below(if one_line { 3 } else { 4 })];
        }
        node(random, text, depth, one_line);
        let last = index + 1 == count;
        *text += match random.below(6) {
            0 if !one_line => " // behind\n",
            1 if !one_line => "\r\n",
            2 | 3 if !one_line => "\n",
            4 if last && one_line => "",
            _ => ";",
        };
    }
    if !one_line {
        lines(random, text);
    }
}

fn lines(random: &mut Random, text: &mut String) {
    for _ in 0..random.below(3) {
        *text += ["\n", "  ", "// of its own\n", "/* block */", "/* two\n lines */\n", "\t", " \\\n", "\n\n"][random.below(8)];
    }
}

fn space(random: &mut Random, text: &mut String, one_line: bool) {
    *text += [" ", "  ", "\t", " /* in it */ ", " \\\n    ", " \\ // goes on\n"][random.below(if one_line { 4 } else { 6 })];
}

fn node(random: &mut Random, text: &mut String, depth: usize, one_line: bool) {
    tag(random, text);
    *text += word(random);
    for _ in 0..random.below(4) {
        space(random, text, one_line);
        if random.below(10) == 0 {
            *text += ["/-", "/- "][random.below(2)];
        }
        if random.below(2) == 0 {
            *text += word(random);
            *text += ["=", " = ", "= ", " ="][random.below(4)];
        }
        tag(random, text);
        value(random, text, one_line);
    }
    if depth > 0 && random.below(3) == 0 {
        if random.below(4) > 0 {
            space(random, text, one_line);
        }
        if random.below(10) == 0 {
            *text += "/-";
        }
        *text += "{";
        let inner = one_line || random.below(2) == 0;
        *text += [" ", ""][random.below(2)];
        nodes(random, text, depth - 1, inner);
        *text += [" ", ""][random.below(2)];
        *text += "}";
    }
}

fn tag(random: &mut Random, text: &mut String) {
    if random.below(5) == 0 {
        *text += ["(t)", "( t )", "(\"a tag\")", "(t) "][random.below(4)];
    }
}

fn word(random: &mut Random) -> &'static str {
    ["a", "b-c", "\"quoted\"", "\"two words\"", "ünï", "#\"raw\"#", "--", "a.b", "-x", "+", "\"\""][random.below(11)]
}

fn value(random: &mut Random, text: &mut String, one_line: bool) {
    const VALUES: [&str; 24] = [
        "1",
        "-2",
        "+3",
        "1_000",
        "0x1F",
        "-0o17",
        "0b1_0",
        "1.5",
        "1e10",
        "-1.25E-3",
        "#true",
        "#false",
        "#null",
        "word",
        "\"text\"",
        "\"a\\nb\\\"c\\u{e9}\"",
        "#\"raw \\ \"#",
        "##\"a\"#b\"##",
        "\"é{x}\"",
        "\"\\   gone\"",
        "\"// no comment\"",
        "\"\"\"\n  two\n    lines\n\n  \"\"\"",
        "#\"\"\"\n\traw \\\n\t\"\"\"#",
        "\"\"\"\n a\\\n   b\n \"\"\"",
    ];
    *text += VALUES[random.below(if one_line { 21 } else { 24 })];
}

/// The text with some damage.
pub fn damaged(random: &mut Random, text: &str) -> String {
    let mut damaged = text.to_owned();
    for _ in 0..=random.below(3) {
        let at = boundary(&damaged, random.below(damaged.len() + 1));
        match random.below(3) {
            0 => damaged.insert_str(at, PIECES[random.below(PIECES.len())]),
            1 => {
                let end = boundary(&damaged, at + random.below(4));
                damaged.replace_range(at..end.max(at), "");
            }
            _ => {
                let end = boundary(&damaged, at + 1 + random.below(2));
                damaged.replace_range(at..end.max(at), PIECES[random.below(PIECES.len())]);
            }
        }
    }
    damaged
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Whether the `kdl` crate (6.7) is known to differ from KDL's grammar: it refuses a node that `/-` leaves out and a `;` ends, and `/-`
/// right behind a value; it takes `#"""text"#` on one line, what stands behind braces without a `;`, and `1e31_0` as something else.
pub fn theirs_differs(text: &str, told: &str) -> bool {
    if told.contains("behind the braces") || told.contains("E0106") && told.contains('_') {
        return true;
    }
    let dashed = text.match_indices("/-").any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_some_and(|c| !c.is_whitespace()) || text[at..].starts_with("/-\n") || text[at..].contains(';')
    });
    dashed || text.match_indices("#\"\"\"").any(|(at, found)| !text[at + found.len()..].starts_with(['\n', '\r']))
}

/// The comments of a valid document, in their order.
pub fn comments(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"//") {
            let line = text[at..].find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
            found.push(String::from_utf8_lossy(&rest[..line]).into_owned());
            at += line;
        } else if rest.starts_with(b"/*") {
            let mut depth = 0;
            let mut end = 0;
            while end < rest.len() {
                if rest[end..].starts_with(b"/*") {
                    depth += 1;
                    end += 2;
                } else if rest[end..].starts_with(b"*/") {
                    depth -= 1;
                    end += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    end += 1;
                }
            }
            found.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            at += end;
        } else if rest[0] == b'"' || rest[0] == b'#' {
            let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
            let quotes = rest[hashes..].iter().take_while(|&&byte| byte == b'"').count().min(3);
            let quotes = if quotes == 2 { 1 } else { quotes };
            let mut end = hashes + quotes;
            if quotes > 0 {
                let closing = format!("{}{}", "\"".repeat(quotes), "#".repeat(hashes));
                while end < rest.len() && !rest[end..].starts_with(closing.as_bytes()) {
                    end += if hashes == 0 && rest[end] == b'\\' { 2 } else { 1 };
                }
                end += closing.len();
            }
            at += end.max(1);
        } else {
            at += 1;
        }
    }
    found
}
