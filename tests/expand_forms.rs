//! `let`, `(when)`, `(unless)` and `(each)`: a stack that uses them is the stack that is written out, byte by byte.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong"
)]

use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;
use std::time::{Duration, Instant};

/// A variant of a stack on a target, with lets from outside.
fn built_with(text: &str, variant: Variant<'_>, lets: &[(&str, &str)], target: &str) -> Result<String, String> {
    let (mut compiler, mut sources) = (Compiler::default(), Sources::default());
    compiler.lets = lets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, mut said) = compiler.check(file, variant, &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|other| other.name == target).unwrap();
    let artefact = model.filter(|_| !said.has_errors()).and_then(|model| {
        let (artefact, found) = compiler.build(&model, &target, Style::default(), &mut sources);
        said.extend(found);
        artefact
    });
    let said: Vec<String> = said.sorted().into_iter().map(|said| format!("{} {}: {}", said.code, said.message, said.primary.text)).collect();
    artefact.map(|artefact| artefact.text).ok_or_else(|| said.join("\n"))
}

fn built(text: &str, stage: Option<&str>, target: &str) -> String {
    built_with(text, Variant { stage, instance: None }, &[], target).unwrap_or_else(|said| panic!("{said}\n{text}"))
}

/// A service with these lines, in a stack with these others.
fn shop(top: &str, within: &str) -> String {
    format!(
        "stack shop {{\n    targets cfn tf-aws\n    {top}\n    network main\n    database data network=main engine=postgres version=\"17\"\n    bucket files\n    service web network=main {{\n        image \"acme/shop:1\"\n        {within}\n    }}\n    stage prod\n}}\n"
    )
}

#[test]
fn a_let_is_what_is_written_behind_it() {
    let cases = [
        ("let days 7", "log-days (get)days", "log-days 7"),
        ("let days 7", "env DAYS=(get)days", "env DAYS=7"),
        ("let run serve \"--fast\"", "command (get)run", "command serve \"--fast\""),
        ("let run serve; let more \"-a\" \"-b\"", "command (get)run (get)more end", "command serve \"-a\" \"-b\" end"),
        ("let all (get)run last; let run serve \"--fast\"", "command (get)all", "command serve \"--fast\" last"),
        ("let on #true", "shell (get)on", "shell #true"),
        ("let none #null", "shell (get)none; log-days (get)none", ""),
        ("", "log-days #null", ""),
        ("let common { A a; B 2; }", "env (get)common", "env A=a B=2"),
        ("let common A=a B=2", "env (get)common C=3", "env A=a B=2 C=3"),
        // What is written beside them wins, in the same node or in another one.
        ("let common A=a B=2", "env (get)common B=3", "env A=a B=3"),
        ("let common A=a B=2", "env (get)common; env { B 3; }", "env A=a B=3"),
        ("let one A=a; let two B=b", "env (get)one; env (get)two", "env A=a B=b"),
        ("let common A=a B=2", "env X=(get)common.A", "env X=a"),
        ("let policy { min-healthy 50; max 200; }", "rollout (get)policy", "rollout min-healthy=50 max=200"),
        ("let deep { a { b { c 9; }; }; }", "log-days (get)deep.a.b.c", "log-days 9"),
        // Text with values in it, known when building or only when deployed.
        ("let a x; let b 2", "env V=(fmt)\"{a}-{b}-{{}}\"", "env V=\"x-2-{}\""),
        ("let host (get)data.host", "env V=(get)host", "env V=(get)data.host"),
        ("let url (fmt)\"//{data.host}:{data.port}\"; let a x", "env V=(fmt)\"{a}{url}/{{\"", "env V=(fmt)\"x//{data.host}:{data.port}/{{\""),
        ("let url (fmt)\"//{data.host}\"", "env V=(get)url", "env V=(fmt)\"//{data.host}\""),
        ("let path \"{data.host}\"", "env V=(get)path", "env V=\"{data.host}\""),
        ("let path \"{data.host}}\"", "env V=(fmt)\"{path}{data.host}\"", "env V=(fmt)\"{{data.host}}}}{data.host}\""),
        ("param level default=info; let alias (get)level", "env V=(get)alias W=(get)level", "env V=(get)level W=(get)level"),
    ];
    for (lets, with, plain) in cases {
        let param = lets.split(';').next().filter(|first| first.starts_with("param")).unwrap_or_default();
        for target in ["cfn", "tf-aws"] {
            let (one, other) = (built(&shop(lets, with), None, target), built(&shop(param, plain), None, target));
            assert!(one == other, "{lets} / {with} is not {plain} on {target}\n{one}");
        }
    }
}

#[test]
fn a_condition_holds_in_its_variants_and_in_no_other() {
    let cases = [
        ("(when)stage prod", [false, true, false, true]),
        ("(unless)stage prod", [true, false, true, false]),
        ("(when)target cfn", [true, true, false, false]),
        ("(when)target cfn tf-aws", [true, true, true, true]),
        ("(when)cloud azure", [false; 4]),
        ("(unless)cloud azure gcp", [true; 4]),
        ("(when)copy", [false; 4]),
        ("(unless)copy", [true; 4]),
        ("(when)size large", [false, true, false, true]),
        ("(when)size small large", [true; 4]),
        ("(unless)size small", [false, true, false, true]),
        ("(when)flag", [false; 4]),
        ("(unless)flag", [true; 4]),
        ("(when)size", [true; 4]),
        ("(when)count 3", [true; 4]),
        ("(when)count 3.0", [true; 4]),
        ("(when)count 4", [false; 4]),
    ];
    let lets = "let size small; let flag #false; let count 3";
    let stage = |text: String| text.replace("stage prod\n", "stage prod { let size large; }\n");
    for (condition, holds) in cases {
        for (place, holds) in [("cfn", None), ("cfn", Some("prod")), ("tf-aws", None), ("tf-aws", Some("prod"))].into_iter().zip(holds) {
            let (target, of) = place;
            let given = stage(shop(&format!("{lets}; {condition} {{ secret key; }}"), &format!("{condition} {{ env A=1; connect files; }}")));
            let plain = if holds { shop("secret key", "env A=1; connect files") } else { shop("", "") };
            assert!(built(&given, of, target) == built(&plain, of, target), "{condition} in {of:?} on {target}");
        }
    }
    // One within another, and over an item.
    let nested = shop("(when)target cfn { (unless)stage prod { secret key; }; }", "");
    assert_eq!(built(&nested, None, "cfn"), built(&shop("secret key", ""), None, "cfn"));
    assert_eq!(built(&nested, Some("prod"), "cfn"), built(&shop("", ""), Some("prod"), "cfn"));
    let of_items =
        shop("let all { a { open #true; }; b { open #false; }; }; (each)all as=one { (when)one.value.open { secret (fmt)\"key-{one.key}\"; }; }", "");
    assert_eq!(built(&of_items, None, "cfn"), built(&shop("secret key-a", ""), None, "cfn"));
}

#[test]
fn a_copy_may_be_otherwise() {
    let text = shop("(when)copy { secret key; }", "(unless)copy { replicas 3; }");
    let of = |text: &str, instance| built_with(text, Variant { stage: None, instance }, &[], "cfn").unwrap();
    assert_eq!(of(&text, None), of(&shop("", "replicas 3"), None));
    assert_eq!(of(&text, Some("green")), of(&shop("secret key", ""), Some("green")));
}

#[test]
fn a_let_is_set_from_outside() {
    let text = shop(
        "let size small; let count 2; let flag #true; let share 0.5",
        "replicas (get)count; (when)size large { log-days 7; }; (when)flag { shell; }; env S=(get)share",
    );
    let of = |lets: &[(&str, &str)]| built_with(&text, Variant::default(), lets, "cfn");
    let plain = |within: &str| Ok(built(&shop("", within), None, "cfn"));
    assert_eq!(of(&[]), plain("replicas 2; shell; env S=0.5"));
    assert_eq!(of(&[("size", "large"), ("count", "4"), ("flag", "false"), ("share", "0.75")]), plain("replicas 4; log-days 7; env S=0.75"));
    for wrong in [("count", "many"), ("flag", "yes"), ("share", "inf"), ("sise", "large")] {
        assert!(of(&[wrong]).unwrap_err().starts_with("E0246"), "{wrong:?}");
    }
}

#[test]
fn a_loop_is_what_it_stands_for() {
    let cases = [
        ("let names a b; (each)names as=n { secret (fmt)\"key-{n}\" length=40; }", "", "secret key-b length=40; secret key-a length=40", ""),
        ("let names a; (each)names as=n { secret (fmt)\"key-{n}\"; }", "", "secret key-a", ""),
        ("let names {}; (each)names as=n { secret (fmt)\"key-{n}\"; }", "", "", ""),
        ("let keys a=32 b=40; (each)keys as=k { secret (fmt)\"{k.key}\" length=(get)k.value; }", "", "secret a length=32; secret b length=40", ""),
        (
            "let names a b; let more x y; (each)names as=n { (each)more as=m { secret (fmt)\"{n}-{m}\"; }; }",
            "",
            "secret a-x; secret a-y; secret b-x; secret b-y",
            "",
        ),
        (
            "secret k-a; secret k-b; let names b a",
            "(each)names as=n { connect (fmt)\"k-{n}\" prefix=(fmt)\"P{n}\"; }",
            "secret k-a; secret k-b",
            "connect k-a prefix=Pa; connect k-b prefix=Pb",
        ),
        ("let names A B", "env { (each)names as=n { V (get)n; }; }", "", ""),
        (
            "let names a b; (each)names as=n { param (fmt)\"p-{n}\" default=(get)n; output (fmt)\"o-{n}\" (fmt)\"{n}: {files.name}\"; }",
            "tags a=(get)p-a b=(get)p-b",
            "param p-a default=a; param p-b default=b; output o-a (fmt)\"a: {files.name}\"; output o-b (fmt)\"b: {files.name}\"",
            "tags a=(get)p-a b=(get)p-b",
        ),
    ];
    for (top, within, plain_top, plain_within) in cases {
        let variant = Variant::default();
        let given = built_with(&shop(top, within), variant, &[], "cfn");
        // A name of an entry is a word, so that two of them are one twice.
        if within.contains("V (get)n") {
            assert!(given.unwrap_err().starts_with("E0206"));
            continue;
        }
        assert_eq!(given, built_with(&shop(plain_top, plain_within), variant, &[], "cfn"), "{top} {within}");
    }
}

/// Where a stack's lines stand means nothing, whatever form they have.
#[test]
fn the_order_of_forms_means_nothing() {
    let lines = [
        "let names b a",
        "let common A=(get)first",
        "let first x",
        "(each)names as=n { secret (fmt)\"key-{n}\"; }",
        "(when)target cfn { bucket more; }",
        "on cfn { service web { env B=(get)first; }; }",
        "on tf-aws { let first y; }",
        "accept web env \"it is none\"",
    ];
    let within = ["env (get)common", "(each)names as=n { connect (fmt)\"key-{n}\"; }", "(when)target cfn { connect more; }", "env C=(fmt)\"{first}\""];
    let text = |lines: Vec<&str>, within: Vec<&str>| shop(&lines.join("\n"), &within.join("\n"));
    for target in ["cfn", "tf-aws"] {
        let first = built(&text(lines.to_vec(), within.to_vec()), None, target);
        for turn in 1..lines.len() {
            let (mut lines, mut within) = (lines.to_vec(), within.to_vec());
            lines.rotate_left(turn);
            lines.swap(0, turn / 2);
            within.rotate_left(turn % 4);
            assert_eq!(first, built(&text(lines, within), None, target));
        }
    }
}

/// Whatever text a let has, it arrives as it would without one.
#[test]
fn any_text_goes_through_a_let() {
    let texts = [
        "{",
        "}",
        "{{",
        "}}",
        "{data.host}",
        "{x}",
        "${A}",
        "%{A}",
        "[x]",
        "{{x}}",
        "(get)x",
        "a\\nb",
        "\\\"",
        "é\\u{1F600}",
        "",
        "#true",
        "'",
        "$",
        "{{{{",
        "{other}",
    ];
    for text in texts {
        for target in ["cfn", "tf-aws"] {
            let plain = built(&shop("", &format!("env A=\"{text}\"")), None, target);
            assert_eq!(built(&shop(&format!("let other o; let x \"{text}\""), "env A=(get)x"), None, target), plain.clone(), "{text}");
            assert_eq!(built(&shop(&format!("let other o; let x \"{text}\""), "env A=(fmt)\"{x}\""), None, target), plain.clone(), "{text}");
            assert_eq!(built(&shop(&format!("let x \"{text}\" z"), "(each)x as=y { (unless)y z { env A=(get)y; }; }"), None, target), plain, "{text}");
        }
    }
}

/// What forms make is bounded, however they are nested, and costs no more than the text that it stands for.
#[test]
fn forms_are_bounded_and_linear() {
    let doubling: String = (1..60).map(|n| format!("let a{n} (fmt)\"{{a{}}}{{a{}}}\"\n", n - 1, n - 1)).collect();
    let lists: String = (1..60).map(|n| format!("let a{n} (get)a{} (get)a{}\n", n - 1, n - 1)).collect();
    let maps: String = (1..60).map(|n| format!("let a{n} {{ x (get)a{}; y (get)a{}; }}\n", n - 1, n - 1)).collect();
    let chain: String = (1..20_000).map(|n| format!("let a{n} (get)a{}\n", n - 1)).collect();
    let long: String = (0..3000).map(|n| format!("n{n} ")).collect();
    let started = Instant::now();
    for (top, within) in [
        (format!("let a0 xxxxxxxx\n{doubling}"), "env A=(get)a59"),
        (format!("let a0 x y\n{lists}"), "command (get)a59"),
        (format!("let a0 A=1 B=2\n{maps}"), "env (get)a59"),
        (format!("let all {long}"), "(each)all as=x { (each)all as=y { connect (fmt)\"{x}{y}\"; }; }"),
    ] {
        let said = built_with(&shop(&top, within), Variant::default(), &[], "cfn").unwrap_err();
        assert!(said.starts_with("E0249") && said.lines().count() == 1, "{}", said.lines().take(3).collect::<String>());
    }
    assert_eq!(built(&shop(&format!("let a0 x\n{chain}"), "env A=(get)a19999"), None, "cfn"), built(&shop("", "env A=x"), None, "cfn"));
    let time = |count: usize| {
        let names: String = (0..count).map(|n| format!("n{n} ")).collect();
        let text = format!("stack shop {{\n    let all {names}\n    (each)all as=x {{ secret (fmt)\"{{x}}\"; }}\n}}\n");
        let (compiler, mut sources) = (Compiler::default(), Sources::default());
        let file = sources.add("stack.kdl", text);
        let started = Instant::now();
        let (model, said) = compiler.check(file, Variant::default(), &mut sources);
        assert!(!said.has_errors() && model.unwrap().resources.len() == count);
        started.elapsed()
    };
    let (small, large) = (time(500), time(4000));
    assert!(large < small * 24 + Duration::from_millis(200), "{small:?} for 500 items, {large:?} for 4000");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
