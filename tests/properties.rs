//! What holds for every stack: the same template each time, no line moved by an unrelated edit, no input that crashes, no secret
//! in sight, and plain text as it was written.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong, and it does its own I/O"
)]

#[path = "mutation/judge.rs"]
mod judge;
#[path = "mutation/places.rs"]
mod places;
#[path = "acceptance/product.rs"]
mod product;
#[path = "mutation/random.rs"]
mod random;
#[path = "mutation/values.rs"]
mod values;

use judge::{Judge, Outcome};
use places::{Holder, Stack};
use random::{Random, seed};
use serde_json::Value;
use similar::TextDiff;
use stackc::Compiler;
use stackc::check::Variant;
use stackc::source::Sources;
use stackc::syntax::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use values::quoted;

/// How many times each example is put into another order.
const ORDERS: usize = 6;
/// How many inputs are made by chance.
const INPUTS: usize = 4000;
/// How long a single input may take. A stack takes milliseconds; the slowest machine gets the rest.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one may take with all that the machine does besides.
const LAST: Duration = Duration::from_secs(60);
/// The stack that the program itself runs on.
const STACK_SIZE: usize = 8 * 1024 * 1024;

fn stacks() -> Vec<Stack> {
    let mut files: Vec<(String, std::path::PathBuf)> =
        product::variants().into_iter().filter(|variant| variant.stage.is_none()).map(|variant| (variant.name.clone(), variant.file)).collect();
    files.sort();
    files.into_iter().map(|(name, file)| Stack::new(&name, &std::fs::read_to_string(file).unwrap())).collect()
}

fn judge() -> Judge {
    // Every target: an invariant holds for all rules.
    judge_of(&["cfn", "tf-aws", "hot", "tf-openstack", "arm", "tf-azure", "tf-google"])
}

fn judge_of(names: &[&str]) -> Judge {
    Judge::new(names, "stack probe {\n    bucket files\n}\n")
}

/// The stack itself, and each of its stages.
fn stages(stack: &Stack) -> Vec<Option<&str>> {
    let stages = stack.root.children().iter().filter(|node| node.name.text == "stage").map(|node| node.arg_str(0));
    [None].into_iter().chain(stages).collect()
}

/// The templates for all targets that the stack is for, which have to be built.
fn build(judge: &Judge, text: &str, stage: Option<&str>) -> Vec<(String, String)> {
    let named: Vec<&str> =
        text.lines().find_map(|line| line.trim().strip_prefix("targets ")).map(|names| names.split_whitespace().collect()).unwrap_or_default();
    let is_for = |target: &str| named.is_empty() || named.contains(&target);
    let built = judge.judge(text, stage).into_iter().zip(&judge.targets).filter(|(_, target)| is_for(&target.name)).map(|(outcome, target)| match outcome {
        Outcome::Built(template) => (target.name.clone(), template),
        Outcome::Broken(why) => panic!("{}: {why}\n{text}", target.name),
        Outcome::Reported(errors) => {
            let errors: Vec<String> = errors.iter().map(|error| format!("line {:?}: {}", error.line, error.text)).collect();
            panic!("{} refuses:\n{}\n{text}", target.name, errors.join("\n"))
        }
    });
    built.collect()
}

// ---- the same each time ----------------------------------------------------------------------------------------------

#[test]
fn the_same_stack_gives_the_same_bytes() {
    for stack in stacks() {
        for stage in stages(&stack) {
            // Two compilers, so that nothing that one remembers can make the second run alike.
            let (first, second) = (build(&judge(), &stack.text, stage), build(&judge(), &stack.text, stage));
            assert_eq!(first, second, "{}", stack.name);
        }
    }
}

#[test]
fn the_order_of_declarations_changes_nothing() {
    let judge = judge();
    let mut faults = String::new();
    for stack in stacks() {
        for stage in stages(&stack) {
            let expected = build(&judge, &stack.text, stage);
            for order in 0..ORDERS {
                let mut random = Random::new(seed() + order as u64);
                let text = shuffled(&stack, &mut random);
                for ((target, before), (_, after)) in expected.iter().zip(build(&judge, &text, stage)) {
                    if *before != after {
                        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
                        let shown: String =
                            diff.unified_diff().context_radius(2).to_string().lines().take(10).fold(String::new(), |all, line| all + line + "\n");
                        writeln!(faults, "{} for {target}, order {order}:\n{shown}", stack.name).unwrap();
                        break;
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "the order of declarations shows:\n{faults}");
}

/// The stack with its nodes in another order, and with some properties in braces that stood behind the name.
fn shuffled(stack: &Stack, random: &mut Random) -> String {
    let found = stack.found();
    let mut out = String::new();
    write_node(stack, &found.holders, &stack.root, &mut out, random);
    out
}

fn write_node(stack: &Stack, holders: &[Holder<'_>], node: &Node, out: &mut String, random: &mut Random) {
    let is_stack = std::ptr::eq(node, &stack.root) || node.name.text == "stage";
    let holds = holders.iter().any(|holder| std::ptr::eq(holder.node, node));
    if let Some(tag) = &node.tag {
        write!(out, "({})", tag.text).unwrap();
    }
    out.push_str(stack.slice(node.name.span));
    for value in &node.args {
        write!(out, " {}", stack.slice(value.span)).unwrap();
    }
    let mut inline: Vec<String> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for (key, value) in &node.props {
        let (key, value) = (stack.slice(key.span), stack.slice(value.span));
        if holds && random.below(2) == 0 {
            lines.push(format!("{key} {value}"));
        } else {
            inline.push(format!("{key}={value}"));
        }
    }
    random.shuffle(&mut inline);
    inline.iter().for_each(|text| write!(out, " {text}").unwrap());
    for child in node.children() {
        let mut text = String::new();
        write_node(stack, holders, child, &mut text, random);
        lines.push(text);
    }
    if holds || is_stack {
        random.shuffle(&mut lines);
    }
    if !lines.is_empty() {
        writeln!(out, " {{\n{}\n}}", lines.join("\n")).unwrap();
    }
}

// ---- an unrelated edit -----------------------------------------------------------------------------------------------

#[test]
fn an_unrelated_declaration_only_adds_lines() {
    let judge = judge();
    let mut faults = String::new();
    let unrelated = [
        "bucket zz-unrelated",
        "bucket aa-unrelated",
        "registry zz-unrelated { accept trial; }",
        "secret aa-unrelated",
        "dns-zone mm-unrelated domain=\"unrelated.example\"",
        "network aa-unrelated cidr=\"10.77.0.0/16\"",
        "network zz-unrelated cidr=\"10.77.0.0/16\" { nat none; }",
        "param aa-unrelated default=x; output aa-unrelated (get)aa-unrelated",
    ];
    for stack in stacks() {
        for stage in stages(&stack) {
            let before = build(&judge, &stack.text, stage);
            for added in unrelated {
                let at = stack.braces(&stack.root).unwrap().start + 1;
                let mut text = stack.text.clone();
                text.insert_str(at, &format!(" {added};"));
                for ((target, before), (_, after)) in before.iter().zip(build(&judge, &text, stage)) {
                    if let Err(why) = only_added(before, &after) {
                        writeln!(faults, "{} with `{added}` for {target}: {why}", stack.name).unwrap();
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "an unrelated declaration changed something:\n{faults}");
}

/// Whether all that was there is there as it was: each value by itself, and each line, which is all that can be told of YAML.
fn only_added(before: &str, after: &str) -> Result<(), String> {
    if before.starts_with('{') {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        contained(&value(before), &value(after), "")?;
    }
    // A comma follows what was last before, and `{}` opens when it gets its first entry.
    let lines = |text: &str| text.lines().map(|line| line.trim_end_matches(',').trim_end_matches("{}").to_owned()).collect::<Vec<_>>();
    let after = lines(after);
    let mut rest = after.iter();
    match lines(before).iter().find(|line| !rest.any(|other| other.trim_end_matches('{') == line.trim_end_matches('{'))) {
        Some(line) => Err(format!("this line is gone, or has moved: {}", line.trim())),
        None => Ok(()),
    }
}

/// Sections may get entries; an entry itself stays as it is.
fn contained(before: &Value, after: &Value, path: &str) -> Result<(), String> {
    let depth = path.matches('/').count();
    let section = path.is_empty() || (depth < 3 && !path.starts_with("/Resources/") && !path.starts_with("/Outputs/") && !path.starts_with("/Parameters/"));
    match (before, after) {
        (Value::Object(before), Value::Object(after)) if section => {
            for (name, value) in before {
                let other = after.get(name).ok_or_else(|| format!("{path}/{name} is gone"))?;
                contained(value, other, &format!("{path}/{name}"))?;
            }
            Ok(())
        }
        _ if before == after => Ok(()),
        _ => Err(format!("{path} has changed")),
    }
}

// ---- no input crashes or stalls --------------------------------------------------------------------------------------

#[test]
fn no_input_of_an_unlikely_size_crashes_or_stalls() {
    let mut faults = Vec::new();
    for (number, (name, _)) in hostile().into_iter().enumerate() {
        // Each in a process of its own: an overflow of the stack ends all of it.
        let mut child = limited(&std::env::current_exe().unwrap())
            .args(["--exact", "one_input_of_an_unlikely_size", "--nocapture", "--test-threads=1"])
            .env(ONE, number.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        loop {
            match child.try_wait().unwrap() {
                Some(status) if status.success() => break,
                Some(status) => {
                    faults.push(format!("{name}: {status}"));
                    break;
                }
                None if started.elapsed() > LAST => {
                    let _ = child.kill();
                    let _ = child.wait();
                    faults.push(format!("{name}: it takes longer than {LAST:?}"));
                    break;
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
    assert!(faults.is_empty(), "{} inputs:\n{}", faults.len(), faults.join("\n"));
}

/// A program that is ended when it has worked for longer than an input may take. What it waits for on a busy machine does not count.
fn limited(program: &Path) -> Command {
    if cfg!(unix) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -t {} && exec \"$0\" \"$@\"", PATIENCE.as_secs())]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Names the input that the test below is for.
const ONE: &str = "STACKC_ONE_INPUT";

/// Does nothing by itself: the test above starts it.
#[test]
fn one_input_of_an_unlikely_size() {
    let Some(number) = std::env::var(ONE).ok().and_then(|number| number.parse::<usize>().ok()) else { return };
    let (name, text) = hostile().remove(number);
    // The text is what is unlikely here, and one target of a format stands for the others.
    let work = move || broken(&judge_of(&["cfn", "tf-aws", "hot"]), &text);
    let found = thread::Builder::new().stack_size(STACK_SIZE).spawn(work).unwrap().join().unwrap();
    assert_eq!(found, None, "{name}");
}

/// What is wrong with the answer to an input.
fn broken(judge: &Judge, text: &str) -> Option<String> {
    judge.judge(text, None).into_iter().find_map(|outcome| match outcome {
        Outcome::Broken(why) => Some(why),
        _ => None,
    })
}

#[test]
fn no_input_made_by_chance_crashes_or_stalls() {
    let (send, inputs) = mpsc::channel::<String>();
    let (done, ends) = mpsc::channel::<Option<String>>();
    let worker = move || {
        let judge = judge();
        for text in inputs {
            if done.send(broken(&judge, &text)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().stack_size(STACK_SIZE).spawn(worker).unwrap();
    // What is caught is counted below; its text would only be in the way.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut faults = Vec::new();
    for (name, text) in by_chance() {
        send.send(text.clone()).unwrap();
        let why = match ends.recv_timeout(PATIENCE) {
            Ok(why) => why,
            Err(mpsc::RecvTimeoutError::Timeout) => Some(format!("it takes longer than {PATIENCE:?}")),
            Err(mpsc::RecvTimeoutError::Disconnected) => Some("it ended the thread".to_owned()),
        };
        if let Some(why) = why {
            faults.push(format!("{name}: {why}: {text:?}"));
            if !faults.iter().all(|fault| fault.contains("it panicked")) {
                break;
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(faults.is_empty(), "{} inputs:\n{}", faults.len(), faults.join("\n"));
}

/// Texts of a size or depth that nobody writes.
fn hostile() -> Vec<(String, String)> {
    let many = |count: usize, text: &str| text.repeat(count);
    let stack = |inner: String| format!("stack s {{\n{inner}\n}}\n");
    let numbered = |count: usize, make: &dyn Fn(usize) -> String| (0..count).map(make).collect::<Vec<_>>().join("\n");
    let network = "network n\n";
    let all = [
        ("nested braces", many(100_000, "a {")),
        ("closed nested braces", format!("{}{}", many(100_000, "a {"), many(100_000, "}"))),
        ("braces in a row", many(100_000, "{")),
        ("closing braces", many(100_000, "}")),
        ("slashdashes", many(10_000, "/-")),
        ("slashdashed nodes", many(10_000, "/- a {\n")),
        ("slashdashed children", many(10_000, "a /-{ ")),
        ("slashdashed arguments", format!("a {}", many(10_000, "/- 1 "))),
        ("slashdashed properties", format!("a {}", many(10_000, "/-b=1 "))),
        ("slashdashed lines", many(10_000, "/- a\n")),
        ("nested slashdashes, closed", format!("{}{}", many(60, "/- a {\n"), many(60, "}\n"))),
        ("parentheses", many(100_000, "(")),
        ("types before a value", format!("a {}x", many(50_000, "(a)"))),
        ("nested comments", many(100_000, "/*")),
        ("closed nested comments", format!("{}{} a", many(50_000, "/*"), many(50_000, "*/"))),
        ("comment ends", many(100_000, "*/")),
        ("line continuations", format!("a {}", many(100_000, "\\\n"))),
        ("one word", many(1_000_000, "a")),
        ("one string", format!("a \"{}\"", many(1_000_000, "b"))),
        ("one open string", format!("a \"{}", many(1_000_000, "b"))),
        ("one number", format!("a {}", many(1_000_000, "9"))),
        ("one fraction", format!("a 0.{}", many(1_000_000, "9"))),
        ("one hexadecimal number", format!("a 0x{}", many(1_000_000, "f"))),
        ("underscores", format!("a 1{}", many(1_000_000, "_"))),
        ("hashes", many(1_000_000, "#")),
        ("open raw string", format!("a {}\"", many(100_000, "#"))),
        ("raw string", format!("a {0}\"b\"{0}", many(100_000, "#"))),
        ("many raw string ends", format!("a ##\"{}\"##", many(300_000, "\"#"))),
        ("quotes", many(300_000, "\"")),
        ("triple quotes", format!("a {}", many(100_000, "\"\"\""))),
        ("multi-line string", format!("a \"\"\"\n{}\n\"\"\"", many(20_000, "    b\n"))),
        ("backslashes", format!("a \"{}\"", many(500_000, "\\\\"))),
        ("unicode escapes", format!("a \"{}\"", many(100_000, "\\u{41}"))),
        ("semicolons", many(1_000_000, ";")),
        ("line breaks", many(1_000_000, "\n")),
        ("spaces", many(1_000_000, " ")),
        ("byte order marks", many(300_000, "\u{feff}")),
        ("zero bytes", many(100_000, "\0")),
        ("equals signs", format!("a {}", many(100_000, "="))),
        ("nodes", many(50_000, "a\n")),
        ("stacks", many(20_000, "stack a { }\n")),
        ("arguments of a stack", format!("stack {} {{ }}", many(20_000, "a "))),
        ("one property many times", format!("stack s {{ network n {} }}", many(5_000, "zones=2 "))),
        ("different unknown properties", format!("stack s {{ network n {} }}", (0..5_000).fold(String::new(), |all, n| all + &format!("p{n}=2 ")))),
        ("environment", stack(format!("{network}job j network=n image=x {{ env {} }}", (0..5_000).fold(String::new(), |all, n| all + &format!("E{n}=2 "))))),
        ("tags", stack(format!("bucket b {{ tags {} }}", (0..5_000).fold(String::new(), |all, n| all + &format!("t{n}=2 "))))),
        ("resources", stack(numbered(2_000, &|n| format!("bucket b{n}")))),
        ("resources of one name", stack(many(2_000, "bucket b\n"))),
        ("networks", stack(numbered(500, &|n| format!("network n{n} cidr=\"10.{}.0.0/16\"", n % 256)))),
        ("parameters", stack(numbered(3_000, &|n| format!("param p{n}")))),
        ("outputs", stack(numbered(3_000, &|n| format!("output o{n} x")))),
        ("outputs of one name", stack(many(3_000, "output o x\n"))),
        ("unknown names", stack(numbered(1_000, &|n| format!("job j{n} network=nothing{n} image=x")))),
        ("unknown types", stack(numbered(2_000, &|n| format!("bucke b{n}")))),
        ("stages", stack(numbered(200, &|n| format!("stage s{n} {{ bucket b {{ protect }} }}")) + "\nbucket b")),
        ("a chain of needs", stack(format!("{network}{}", numbered(300, &|n| format!("job j{n} network=n image=x {{ env X=(get)j{}.task }}", n + 1))))),
        (
            "a circle of needs",
            stack(format!("{network}{}", numbered(300, &|n| format!("job j{n} network=n image=x {{ env X=(get)j{}.task }}", (n + 1) % 300)))),
        ),
        (
            "everything needs everything",
            stack(format!(
                "{network}{}",
                numbered(40, &|n| {
                    let needs = (0..40).fold(String::new(), |all, other| all + &format!("X{other}=(get)j{other}.task "));
                    format!("job j{n} network=n image=x {{ env {needs} }}")
                })
            )),
        ),
        ("braces of a text", stack(format!("output o (fmt)\"{}\"", many(100_000, "{")))),
        ("doubled braces of a text", stack(format!("output o (fmt)\"{}\"", many(100_000, "{{")))),
        ("values in a text", stack(format!("bucket b\noutput o (fmt)\"{}\"", many(5_000, "{b.name}")))),
        ("unknown values in a text", stack(format!("output o (fmt)\"{}\"", many(5_000, "{b.name}")))),
        ("a long path in a text", stack(format!("output o (fmt)\"{{{}}}\"", many(100_000, "a.")))),
        ("a long name", stack(format!("bucket {}", many(100_000, "a")))),
        ("a long misspelt property", stack(format!("bucket b {}=1", many(20_000, "versioned")))),
        ("a long misspelt type", stack(format!("{} b", many(20_000, "bucket")))),
        ("a long domain", stack(format!("dns-zone z domain=\"{}\"", many(100_000, "a.")))),
        ("a long schedule", stack(format!("{network}job j network=n image=x schedule=\"{}\"", many(100_000, "1,")))),
        ("zones", stack("network n zones=9223372036854775807".to_owned())),
        ("a long list", stack(format!("{network}job j network=n image=x {{ command {} }}", many(20_000, "x ")))),
        ("expiry rules", stack(format!("bucket b {{\n{}\n}}", numbered(2_000, &|n| format!("expire \"p{n}/\" days=1"))))),
        ("listeners", stack(format!("{network}load-balancer l network=n {{\n{}\n}}", numbered(2_000, &|n| format!("listen {}", n + 1))))),
        ("nothing", String::new()),
        ("a byte order mark", "\u{feff}".to_owned()),
        ("half a character", "\u{fffd}".to_owned()),
    ];
    all.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Examples cut off, changed and mixed, words of the language in a row, and bytes.
fn by_chance() -> Vec<(String, String)> {
    const WORDS: &[&str] = &[
        "stack",
        "network",
        "bucket",
        "service",
        "job",
        "param",
        "output",
        "stage",
        "tags",
        "{",
        "}",
        "{ ",
        " }",
        "\n",
        ";",
        " ",
        "=",
        "\"",
        "#true",
        "#null",
        "#inf",
        "(get)",
        "(fmt)",
        "(",
        ")",
        "/-",
        "/*",
        "*/",
        "//",
        "\\",
        "#\"",
        "\"#",
        "\"\"\"",
        "a",
        "b.c",
        "\"{a.b}\"",
        "0x1",
        "1e9",
        "-1",
        "1.5",
        "é",
        "\u{2028}",
        "\u{0}",
        "\u{feff}",
        "cidr",
        "\"10.0.0.0/16\"",
        "env A=1",
        "connect",
        "route",
        "r#\"",
        "0b",
        "_",
        ".",
        "..",
        "+",
    ];
    let examples: Vec<String> = stacks().into_iter().map(|stack| stack.text).collect();
    let mut random = Random::new(seed());
    let mut made = Vec::new();
    for number in 0..INPUTS {
        let example = &examples[random.below(examples.len())];
        let bytes = example.as_bytes();
        let (name, bytes): (&str, Vec<u8>) = match number % 6 {
            0 => ("cut off", bytes[..random.below(bytes.len())].to_vec()),
            1 => {
                let mut bytes = bytes.to_vec();
                for _ in 0..=random.below(8) {
                    let at = random.below(bytes.len());
                    bytes[at] = u8::try_from(random.below(256)).unwrap();
                }
                ("changed bytes", bytes)
            }
            2 => {
                let mut bytes = bytes.to_vec();
                for _ in 0..=random.below(6) {
                    let at = random.below(bytes.len());
                    bytes.splice(at..at, WORDS[random.below(WORDS.len())].bytes());
                }
                ("words put in", bytes)
            }
            3 => {
                let from = random.below(bytes.len());
                let to = (from + random.below(60)).min(bytes.len());
                let mut bytes = bytes.to_vec();
                let piece: Vec<u8> = bytes.drain(from..to).collect();
                let at = random.below(bytes.len());
                if random.below(2) == 0 {
                    bytes.splice(at..at, piece);
                }
                ("a piece moved", bytes)
            }
            4 => ("words in a row", (0..random.below(80)).flat_map(|_| WORDS[random.below(WORDS.len())].bytes()).collect()),
            _ => ("bytes", (0..random.below(300)).map(|_| u8::try_from(random.below(256)).unwrap()).collect()),
        };
        made.push((format!("{name} {number}"), String::from_utf8_lossy(&bytes).into_owned()));
    }
    made
}

// ---- secrets ---------------------------------------------------------------------------------------------------------

/// Where a secret parameter may go: what keeps it, or says which provider's secret it is.
const KEEPERS: [(&str, &str); 7] = [
    ("cfn", "SecretString"),
    ("tf-aws", "secret_string_wo"),
    ("hot", "payload"),
    ("tf-openstack", "payload"),
    ("arm", "/properties/value"),
    ("tf-azure", "value_wo"),
    ("tf-google", "secret_data_wo"),
];

#[test]
fn no_secret_stands_in_a_template() {
    let judge = judge().compact();
    let mut seen = 0;
    for stack in stacks() {
        let secrets: BTreeSet<String> = stack
            .root
            .children()
            .iter()
            .filter(|node| node.name.text == "param" && node.flag("secret"))
            .filter_map(|node| node.arg_str(0).map(str::to_owned))
            .collect();
        let declared: BTreeSet<&str> = stack.root.children().iter().filter(|node| node.name.text == "param").filter_map(|node| node.arg_str(0)).collect();
        for stage in stages(&stack) {
            for (target, text) in build(&judge, &stack.text, stage) {
                let template: Value = serde_json::from_str(&text).unwrap();
                let (section, hidden, default) = match target.as_str() {
                    "cfn" => ("Parameters", "NoEcho", "Default"),
                    "hot" => ("parameters", "hidden", "default"),
                    "arm" => ("parameters", "type", "defaultValue"),
                    _ => ("variable", "sensitive", "default"),
                };
                let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
                for (name, param) in template[section].as_object().into_iter().flatten() {
                    let secret = secrets.iter().any(|secret| plain(secret) == plain(name));
                    let is_hidden = param[hidden] == true || param[hidden] == "secureString";
                    // What a rule asks for may be secret as well.
                    if secret || declared.iter().any(|declared| plain(declared) == plain(name)) {
                        assert_eq!(is_hidden, secret, "{} for {target}: {name} is hidden when it is a secret: {param}", stack.name);
                    }
                    assert!(!secret || param.get(default).is_none(), "{} for {target}: the secret {name} has a default: {param}", stack.name);
                    if secret {
                        seen += 1;
                        let (_, keeper) = KEEPERS.iter().find(|(name, _)| *name == target).unwrap();
                        let mut uses = Vec::new();
                        uses_of(&template, name, "", &mut uses);
                        assert!(!uses.is_empty(), "{} for {target}: nothing keeps {name}", stack.name);
                        for place in uses {
                            assert!(place.contains(keeper), "{} for {target}: the secret {name} goes to {place}", stack.name);
                        }
                    }
                }
            }
        }
    }
    assert!(seen > 6, "only {seen} secret parameters were seen");
}

/// The paths of all values that a parameter goes into.
fn uses_of(value: &Value, name: &str, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let word = |text: &str, word: &str| {
                text.match_indices(word).any(|(at, _)| !text[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
            };
            if ((path.ends_with("/Ref") || path.ends_with("/get_param")) && text == name)
                || word(text, &format!("${{{name}}}"))
                || word(text, &format!("var.{name}"))
                || text.contains(&format!("parameters('{name}')"))
            {
                found.push(path.to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| uses_of(item, name, path, found)),
        Value::Object(items) => items.iter().for_each(|(key, item)| uses_of(item, name, &format!("{path}/{key}"), found)),
        _ => {}
    }
}

#[test]
fn a_secret_with_a_default_is_refused() {
    let judge = judge();
    for default in ["x", "7", "\"\"", "#true"] {
        let text = format!("stack s {{\n    param token secret=#true default={default}\n    secret kept value=(get)token\n}}\n");
        for outcome in judge.judge(&text, None) {
            assert!(matches!(outcome, Outcome::Reported(errors) if errors.iter().all(|error| error.line == Some(2))), "{text}");
        }
    }
}

// ---- plain text ------------------------------------------------------------------------------------------------------

/// What means something to a language that a text passes through. Left out is what a target says that it cannot write.
const PIECES: &[&str] = &[
    "${x}",
    "%{x}",
    "[x]",
    "{{x}}",
    "$${x}",
    "%%{",
    "$",
    "$$",
    "%",
    "%%",
    "{",
    "}",
    "${",
    "%{",
    "$${",
    "${!x}",
    "!",
    "~}",
    "%{ if true }",
    "${AWS::Region}",
    "${path.module}",
    "${jsonencode(1)}",
    "\"",
    "\\",
    "\\\"",
    "\\n",
    "\\u0041",
    "\n",
    "\r\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "中文",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{202e}",
    "'",
    "`",
    "#",
    "//",
    "/*",
    "<<EOT",
    "&",
    "<",
    "=",
    ":",
    "a",
    "true",
    "null",
    "012",
    "!Ref x",
    "Fn::Sub",
    "\" \"",
    "\\042",
    "@",
    "*",
    ",",
    ";",
    "(get)x",
    "{x}",
    "[concat('a')]",
    "\u{10ffff}",
];

#[test]
fn plain_text_is_plain_text() {
    let mut random = Random::new(seed());
    let mut texts: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    texts.extend((0..60).map(|_| (0..2 + random.below(6)).map(|_| PIECES[random.below(PIECES.len())]).collect::<String>()));
    // Long ones, since a record cuts them; one that is all escapes, and one that is cut within a character.
    texts.extend(["x".repeat(300), "\"".repeat(200), format!("{}é", "x".repeat(254)), "${".repeat(200)]);
    let mut text = String::from("stack plain {\n    network n\n    dns-zone z domain=\"plain.example\"\n    bucket tagged {\n        tags");
    // What AWS takes as a tag; what it does not is refused (tests/tags.rs).
    let tag = |text: &str| text.chars().count() <= 256 && text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+@-".contains(c));
    assert!(texts.iter().filter(|piece| tag(piece)).count() >= 5, "too few texts go into tags");
    for (number, piece) in texts.iter().enumerate().filter(|(_, piece)| tag(piece)).take(40) {
        write!(text, " t{number}={}", quoted(piece)).unwrap();
    }
    text.push_str("\n    }\n    job j network=n image=\"acme/app:1\" {\n        command");
    texts.iter().for_each(|piece| write!(text, " {}", quoted(piece)).unwrap());
    text.push_str("\n        env");
    texts.iter().enumerate().for_each(|(number, piece)| write!(text, " E{number}={}", quoted(piece)).unwrap());
    text.push_str("\n        env FIRST=(get)p");
    text.push_str("\n    }\n    param p default=there\n    dns-record r zone=z kind=TXT {\n        values");
    texts.iter().for_each(|piece| write!(text, " {}", quoted(piece)).unwrap());
    text.push_str("\n    }\n");
    for (number, piece) in texts.iter().enumerate() {
        let braced = piece.replace('{', "{{").replace('}', "}}");
        // Every second one as a text with values in it, every third with one in fact.
        let value = match number % 3 {
            0 => quoted(piece),
            1 => format!("(fmt){}", quoted(&braced)),
            _ => format!("(fmt){}", quoted(&format!("{braced}{{p}}{braced}"))),
        };
        writeln!(text, "    output o{number} {value}").unwrap();
    }
    text.push_str("}\n");

    let mut faults = String::new();
    // What Heat makes of text, Heat itself says (tests/acceptance/escaping.rs).
    for (target, template) in build(&judge_of(&["cfn", "tf-aws"]), &text, None) {
        let template: Value = serde_json::from_str(&template).unwrap();
        let arrived = if target == "cfn" { from_cloudformation(&template) } else { from_terraform(&template) };
        for (number, piece) in texts.iter().enumerate() {
            let shown = if number % 3 == 2 { format!("{piece}there{piece}") } else { piece.clone() };
            let mut expected =
                vec![(format!("E{number}"), piece), (format!("command {number}"), piece), (format!("record {number}"), piece), (format!("o{number}"), &shown)];
            if tag(piece) && texts.iter().take(number).filter(|piece| tag(piece)).count() < 40 {
                expected.push((format!("t{number}"), piece));
            }
            for (place, expected) in expected {
                let came = arrived.get(&place);
                if came != Some(expected) {
                    writeln!(faults, "{target} {place}: {expected:?} came as {came:?}").unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "text was changed:\n{faults}");
}

/// Every text of the stack above by its place.
fn from_cloudformation(template: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let value = |value: &Value| cloudformation_text(value, &template["Parameters"]).unwrap_or_else(|| format!("not a text: {value}"));
    for (name, output) in template["Outputs"].as_object().unwrap() {
        found.insert(name.to_lowercase(), value(&output["Value"]));
    }
    for resource in template["Resources"].as_object().unwrap().values() {
        let properties = &resource["Properties"];
        for tag in properties["Tags"].as_array().into_iter().flatten().filter(|_| resource["Type"] == "AWS::S3::Bucket") {
            found.insert(value(&tag["Key"]), value(&tag["Value"]));
        }
        for container in properties["ContainerDefinitions"].as_array().into_iter().flatten() {
            for variable in container["Environment"].as_array().into_iter().flatten() {
                found.insert(value(&variable["Name"]), value(&variable["Value"]));
            }
            for (number, word) in container["Command"].as_array().into_iter().flatten().enumerate() {
                found.insert(format!("command {number}"), value(word));
            }
        }
        for (number, record) in properties["ResourceRecords"].as_array().into_iter().flatten().enumerate().filter(|_| properties["Type"] == "TXT") {
            found.insert(format!("record {number}"), record_text(&value(record)));
        }
    }
    found
}

/// What CloudFormation makes of a value, with the parameters' defaults.
fn cloudformation_text(value: &Value, parameters: &Value) -> Option<String> {
    let parameter = |name: &str| Some(parameters[name]["Default"].as_str()?.to_owned());
    let call = match value {
        Value::String(text) => return Some(text.clone()),
        Value::Object(call) if call.len() == 1 => call,
        _ => return None,
    };
    let (function, argument) = call.iter().next()?;
    match function.as_str() {
        "Ref" => parameter(argument.as_str()?),
        "Fn::Join" => {
            let parts: Option<Vec<String>> = argument[1].as_array()?.iter().map(|part| cloudformation_text(part, parameters)).collect();
            Some(parts?.join(argument[0].as_str()?))
        }
        "Fn::Sub" => {
            let mut pieces = argument.as_str()?.split("${");
            let mut text = pieces.next()?.to_owned();
            for piece in pieces {
                match piece.strip_prefix('!') {
                    Some(plain) => text.extend(["${", plain]),
                    None => {
                        let (name, rest) = piece.split_once('}')?;
                        text.extend([parameter(name)?.as_str(), rest]);
                    }
                }
            }
            Some(text)
        }
        _ => None,
    }
}

/// Every text of the stack above by its place.
fn from_terraform(template: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let value = |value: &Value| terraform_value(value, &template["variable"]);
    let text = |from: &Value| match value(from) {
        Value::String(text) => text,
        other => format!("not a text: {other}"),
    };
    for (name, output) in template["output"].as_object().unwrap() {
        found.insert(name.clone(), text(&output["value"]));
    }
    for (key, tag) in template["resource"]["aws_s3_bucket"].as_object().unwrap().values().flat_map(|bucket| bucket["tags"].as_object().unwrap()) {
        found.insert(text(&Value::String(key.clone())), text(tag));
    }
    for task in template["resource"]["aws_ecs_task_definition"].as_object().unwrap().values() {
        let containers: Value = match value(&task["container_definitions"]) {
            Value::String(json) => serde_json::from_str(&json).expect("the definitions are JSON"),
            other => panic!("the definitions are no text: {other}"),
        };
        for variable in containers[0]["environment"].as_array().unwrap() {
            found.insert(variable["name"].as_str().unwrap().to_owned(), variable["value"].as_str().unwrap_or("not a text").to_owned());
        }
        for (number, word) in containers[0]["command"].as_array().unwrap().iter().enumerate() {
            found.insert(format!("command {number}"), word.as_str().unwrap().to_owned());
        }
    }
    for record in template["resource"]["aws_route53_record"].as_object().unwrap().values().filter(|record| record["type"] == "TXT") {
        for (number, record) in record["records"].as_array().unwrap().iter().enumerate() {
            // The provider puts the outermost quotes around it.
            found.insert(format!("record {number}"), record_text(&format!("\"{}\"", text(record))));
        }
    }
    found
}

/// What Terraform makes of a value in its JSON syntax: every text is a template, and one that is a single expression is its value.
fn terraform_value(value: &Value, variables: &Value) -> Value {
    match value {
        Value::String(text) => Hcl { rest: text, variables }.template(true),
        Value::Array(items) => items.iter().map(|item| terraform_value(item, variables)).collect(),
        other => other.clone(),
    }
}

/// As much of Terraform's expression language as a template of stackc uses. What is not known before a run becomes a mark.
struct Hcl<'t> {
    rest: &'t str,
    variables: &'t Value,
}

impl Hcl<'_> {
    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expect(&mut self, token: &str) {
        self.space();
        assert!(self.eat(token), "`{token}` is expected at: {}", self.rest.chars().take(60).collect::<String>());
    }

    /// A template to its end, or to the quote that closes it.
    fn template(&mut self, whole: bool) -> Value {
        let mut parts: Vec<Value> = Vec::new();
        let mut text = String::new();
        while !self.rest.is_empty() && (whole || !self.rest.starts_with('"')) {
            if self.eat("$${") {
                text.push_str("${");
            } else if self.eat("%%{") {
                text.push_str("%{");
            } else if self.eat("${") {
                parts.push(Value::String(std::mem::take(&mut text)));
                parts.push(self.expression());
                self.expect("}");
            } else if self.eat("%{") {
                panic!("a template directive at: {}", self.rest.chars().take(60).collect::<String>());
            } else if !whole && self.eat("\\") {
                text.push(self.escape());
            } else {
                let c = self.rest.chars().next().unwrap();
                text.push(c);
                self.rest = &self.rest[c.len_utf8()..];
            }
        }
        if let ([Value::String(before), value], "") = (parts.as_slice(), text.as_str())
            && before.is_empty()
        {
            return value.clone();
        }
        let written = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
        Value::String(parts.iter().map(written).collect::<String>() + &text)
    }

    fn escape(&mut self) -> char {
        let c = self.rest.chars().next().unwrap();
        self.rest = &self.rest[c.len_utf8()..];
        let digits = match c {
            'n' => return '\n',
            'r' => return '\r',
            't' => return '\t',
            '"' | '\\' => return c,
            'u' => 4,
            'U' => 8,
            other => panic!("`\\{other}` is no escape"),
        };
        let (code, rest) = self.rest.split_at(digits);
        self.rest = rest;
        char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap()
    }

    fn items(&mut self, end: &str, mut item: impl FnMut(&mut Self)) {
        loop {
            self.space();
            if self.eat(end) {
                return;
            }
            item(self);
            self.space();
            self.eat(",");
        }
    }

    fn expression(&mut self) -> Value {
        self.space();
        if self.eat("\"") {
            let text = self.template(false);
            self.expect("\"");
            return text;
        }
        if self.eat("[") {
            let mut list = Vec::new();
            self.items("]", |hcl| list.push(hcl.expression()));
            return Value::Array(list);
        }
        if self.eat("{") {
            let mut object = serde_json::Map::new();
            self.items("}", |hcl| {
                let key = match hcl.expression() {
                    Value::String(key) => key,
                    other => panic!("{other} is no key"),
                };
                hcl.expect("=");
                object.insert(key, hcl.expression());
            });
            return Value::Object(object);
        }
        let word = |c: char| c.is_alphanumeric() || "_-.[]*".contains(c);
        let length = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        // A bracket that closes a list around the word is not the word's own.
        let unbalanced = name.matches(']').count().saturating_sub(name.matches('[').count());
        let (name, rest) = if unbalanced > 0 { self.rest.split_at(length - unbalanced) } else { (name, rest) };
        assert!(!name.is_empty(), "nothing is understood at: {}", self.rest.chars().take(60).collect::<String>());
        self.rest = rest;
        if self.eat("(") {
            let mut arguments = Vec::new();
            self.items(")", |hcl| arguments.push(hcl.expression()));
            return match (name, arguments.as_slice()) {
                ("tostring", [value]) => value.as_str().map_or_else(|| Value::String(value.to_string()), |text| Value::String(text.to_owned())),
                ("jsonencode", [value]) => Value::String(value.to_string()),
                ("join", [Value::String(separator), Value::Array(items)]) => {
                    Value::String(items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(separator))
                }
                _ => Value::String(format!("<{name}>")),
            };
        }
        match name.strip_prefix("var.") {
            Some(variable) => self.variables[variable]["default"].clone(),
            None => serde_json::from_str(name).unwrap_or_else(|_| Value::String(format!("<{name}>"))),
        }
    }
}

/// The text of a TXT record from its character strings (RFC 1035: quotes, octal escapes, 255 bytes in each at most).
fn record_text(record: &str) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = record.as_bytes();
    while let Some((first, inner)) = rest.split_first() {
        rest = inner;
        if *first == b' ' {
            continue;
        }
        assert_eq!(*first, b'"', "a character string begins with a quote: {record}");
        let from = bytes.len();
        loop {
            match rest {
                [b'"', after @ ..] => {
                    rest = after;
                    break;
                }
                [b'\\', a, b, c, after @ ..] => {
                    bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                    rest = after;
                }
                [byte, after @ ..] => {
                    bytes.push(*byte);
                    rest = after;
                }
                [] => panic!("a character string has no end: {record}"),
            }
        }
        assert!(bytes.len() - from <= 255, "a character string is too long: {record}");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_evaluators_see_a_change() {
    let none = Value::Null;
    assert_eq!(terraform_value(&Value::from("a$${b}%%{c}$"), &none), "a${b}%{c}$");
    assert_eq!(terraform_value(&Value::from("${jsonencode([{\"a\" = \"$${x}\\\"\"}, aws_a.b[0].id])}"), &none), "[{\"a\":\"${x}\\\"\"},\"<aws_a.b[0].id>\"]");
    assert_eq!(record_text("\"a\\042\" \"b\""), "a\"b");
}

/// A compiler that was used before says the same as a new one.
#[test]
fn a_compiler_remembers_nothing_of_a_stack() {
    let used = judge();
    for stack in stacks() {
        let mut sources = Sources::default();
        let file = sources.add("broken.kdl", format!("{} }}", stack.text));
        assert!(Compiler::default().check(file, Variant::default(), &mut sources).1.has_errors(), "a brace too many passed");
        let _ = used.judge(&stack.text.replace("network", "netwrok"), None);
        assert_eq!(build(&used, &stack.text, None), build(&judge(), &stack.text, None), "{}", stack.name);
    }
}
