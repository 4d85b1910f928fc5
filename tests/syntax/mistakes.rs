//! Each mistake of a text: one diagnostic, at its place, and the rest of the text goes on.

use stackc::source::{FileId, Sources};
use stackc::syntax::{Node, read_on};
use stackc::{Compiler, check};

/// What is told of a text: code, the text that is pointed at, the message.
fn told(text: &str) -> Vec<(&'static str, String, String)> {
    let read = read_on(FileId(0), text);
    let slice = |problem: &stackc::diag::Diagnostic| text[problem.primary.span.start as usize..problem.primary.span.end as usize].to_owned();
    read.problems.iter().map(|problem| (problem.code, slice(problem), problem.message.clone())).collect()
}

/// The names of the nodes that are read, those in braces behind them.
fn names(nodes: &[Node]) -> String {
    let each = nodes.iter().map(|node| match &node.children {
        Some(children) => format!("{} {{ {} }}", node.name.text, names(children)),
        None => node.name.text.clone(),
    });
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn one_mistake_is_told_once_at_its_place() {
    // The text, the code, what is pointed at, the beginning of what is said, and the nodes that are read nevertheless.
    let cases = [
        ("a }\nb", "E0101", "}", "this `}` closes nothing", "a b"),
        ("a {\n    b\nc\n", "E0101", "{", "this `{` is not closed", "a { b } c"),
        ("a {\n    b {\n        c\n}\nd\n", "E0101", "{", "this `{` is not closed", "a { b { c } } d"),
        ("a {\n    b {\n    }\n    }\n    c\n}\n", "E0101", "}", "this `}` closes nothing", "a { b {  } c }"),
        ("a b)\nc", "E0101", ")", "this `)` closes nothing", "a c"),
        ("(a b\nc", "E0101", "(", "this `(` is not closed", "b c"),
        ("a (get b\nc", "E0101", "(", "this `(` is not closed", "a c"),
        ("a (get)\nc", "E0101", "(get)", "`(get)` with nothing behind it", "a c"),
        ("a (b)(c)d\ne", "E0101", "(", "two forms behind one another", "a e"),
        ("a \"b\nc", "E0101", "\"", "this text is not closed", "a c"),
        ("a b=c\" d=1 {\n    e\n}\nf", "E0101", "\"", "this text is not closed", "a { e } f"),
        ("a https://b.example/c\" {\n    e\n}\nf", "E0101", "https://b.example/c\"", "an address needs quotes", "a { e } f"),
        ("a { b \"c }\nd", "E0101", "\"", "this text is not closed", "a { b } d"),
        ("a #\"b\"\nc", "E0101", "#\"", "this text is not closed", "a c"),
        ("a \"\"\"b\"\"\"\nc", "E0101", "\"\"\"b\"\"\"", "three quotes are for text of several lines", "a c"),
        ("a \"\"\"\nb\n  \"\"\"\nc", "E0101", "\"\"\"\nb\n  \"\"\"", "a line of this text is indented less", "a c"),
        ("a /* b", "E0101", "/*", "this comment is not closed", "a"),
        ("a \"b\\qc\"\nd", "E0101", "\\q", "this `\\` escapes nothing", "a d"),
        ("a \"\\u{d800}\"\nd", "E0101", "\\u", "this `\\` escapes nothing", "a d"),
        ("a b\\\"c\nd", "E0101", "\\", "a `\\` outside of quotes", "a d"),
        ("a = b\nc", "E0101", "=", "a `=` behind `a`, which begins its line", "a c"),
        ("a b==c\nd", "E0101", "=", "a `=` without a value", "a d"),
        ("=a\nc", "E0101", "=", "a `=` without a name", "c"),
        ("a b=\nc", "E0101", "=", "a `=` without a value", "a c"),
        ("a 1=b\nc", "E0101", "1", "this is no name", "a c"),
        ("a path=/api\nc", "E0101", "/api", "this text needs quotes", "a c"),
        ("a web/api\nc", "E0101", "web/api", "this text needs quotes", "a c"),
        ("a [1]\nc", "E0101", "[1]", "this text needs quotes", "a c"),
        ("a https://b.example/c\nd", "E0101", "https://b.example/c", "an address needs quotes", "a d"),
        ("a #fff\nc", "E0101", "#fff", "`#fff` is no word of KDL", "a c"),
        ("a 2, 3\nc", "E0101", "2,", "`2,` is no number", "a c"),
        ("a 10.0.0.0/16\nc", "E0101", "10.0.0.0/16", "this text needs quotes", "a c"),
        ("a 1.2.3\nc", "E0101", "1.2.3", "`1.2.3` is no number", "a c"),
        ("8080\nc", "E0101", "8080", "a line begins with a word", "c"),
        ("a { b } c\nd", "E0101", "c", "something stands behind the braces", "a { b } c d"),
        ("a \"b\"\"c\"\nd", "E0101", "\"c\"", "two values without a space", "a d"),
        ("a { b } { c }\nd", "E0101", "{", "braces come last", "a { b } d"),
        ("a;; b", "E0101", ";", "this `;` ends nothing", "a b"),
        ("a { /- }\nb", "E0101", "/-", "a `/-` with nothing behind it", "a {  } b"),
        ("a \u{202e}b\nc", "E0101", "\u{202e}", "the character U+202E", "a c"),
        ("a b=true\nc", "E0102", "true", "`true` is how KDL 1 wrote it", "a c"),
        ("a r\"b\"\nc", "E0102", "r\"b\"", "`r\"…\"` is how KDL 1 wrote it", "a c"),
        ("/- kdl-version 1\na", "E0102", "/- kdl-version 1", "the file says that it is KDL 1", "a"),
        ("a #inf\nb", "E0106", "#inf", "`#inf` is a number that would not arrive", "a b"),
    ];
    let mut problems = Vec::new();
    for (text, code, place, message, nodes) in cases {
        let found = told(text);
        let wanted = |(c, p, m): &(&str, String, String)| *c == code && p == place && m.starts_with(message);
        if found.len() != 1 || !wanted(&found[0]) {
            problems.push(format!("{text:?}: {found:?}"));
        }
        let read = names(&read_on(FileId(0), text).nodes);
        if read != nodes {
            problems.push(format!("{text:?} is read as `{read}`"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_right_is_told_nothing_of() {
    let right = [
        "(a)b (c)d e=(f)g",
        "a \"=(){}\" /* ={}() */ // }\n",
        "a #\"\"=\"# b",
        "a \\\n b=1",
        "a \\ // b\n c=1",
        "a \"https://b\" // c://d",
        "a; b c=d; e { f; }",
        "a \"\"\"\n\"\"\n\"\"\"",
        "( a )b",
        "a (\"b c\")d",
        "a b=\\\n  c",
        "/- a {\n}\n",
        "a /-x=1 {\n}\n",
        "/- kdl-version 2\na",
        "\u{feff}a",
        "a /-1e999\n/-b 1e999 { c 1e999 }\nd /-{ e 1e999 }",
    ];
    for text in right {
        assert_eq!(told(text), [], "{text:?}");
    }
}

#[test]
fn depth_has_a_limit_and_no_stack_grows_with_it() {
    assert_eq!(told(&("a {".repeat(64) + &"}".repeat(64))), []);
    assert_eq!(told(&("/- a {".repeat(64) + &"}".repeat(64))), []);
    let deep = told(&("a {".repeat(300_000) + &"}".repeat(300_000)));
    assert_eq!(deep.iter().map(|(code, ..)| *code).collect::<Vec<_>>(), ["E0103"]);
    let comments = "/*".repeat(300_000) + &"*/".repeat(300_000);
    assert_eq!(told(&comments), []);
    assert!(told(&"a {".repeat(300_000)).len() <= 50);
    assert!(told(&"(".repeat(300_000)).len() <= 50);
}

/// The codes and lines of what the whole front end says of a stack.
fn checked(text: &str) -> Vec<(String, usize)> {
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", text.to_owned());
    let (_, problems) = Compiler::default().check(file, check::Variant::default(), &mut sources);
    problems.sorted().iter().map(|problem| (problem.code.to_owned(), sources.line_column(problem.primary.span).0)).collect()
}

#[test]
fn a_half_typed_line_hides_no_other_mistake_and_makes_none() {
    let stack = |line: &str| format!("stack shop {{\n    network main\n{line}\n    bucket media versionned=#true\n    secret key length=3\n}}\n");
    let others = |codes: &[(String, usize)]| codes.iter().filter(|(_, line)| *line != 3).map(|(code, line)| format!("{code}:{line}")).collect::<Vec<_>>();
    let without = others(&checked(&stack("")));
    assert!(without.len() == 2, "{without:?}");
    let half = [
        "    database data network=main engine=",
        "    database data network=main engine=\"postgres",
        "    database data network=(get",
        "    database data network=main engine=postgres version=16, {",
        "    database data network=main engine=postgres { name \"shop }",
        "    service web network=main { image \"nginx\" port 80 }} ",
        "    service web network=main { image nginx/latest; port 80 }",
        "    load-balancer all network=main { listen 80 }; service web network=main image=nginx\" port=80 { route all path=\"/\" }",
        "    dns-record www zone=main label=a/b kind=A { values 192.0.2.10 }",
    ];
    let mut problems = Vec::new();
    for line in half {
        let found = checked(&stack(line));
        if others(&found) != without || !found.iter().any(|(code, at)| code.starts_with("E01") && *at == 3) {
            problems.push(format!("{line}: {found:?}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
