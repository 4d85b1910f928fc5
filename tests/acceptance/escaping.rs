//! Plain text stays plain text: what a user writes reaches the cloud unchanged, whatever it looks like to the target.

use crate::cfn_lint::{lint, list};
use crate::engines::{heat, python, terraform};
use crate::heat::{answers, behind_comments, objections, properties};
use crate::product::{build, try_build};
use serde_json::{Value, from_slice, from_str};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How many outputs are plain text and how many put a parameter between two texts, together below CloudFormation's limit
/// of 200.
const PLAIN: usize = 160;
const FORMATTED: usize = 38;

/// The parameter's value.
const VALUE: &str = "there";

/// What means something to a language that a string passes through on its way. Decomposed letters are left out:
/// Terraform normalises all text to NFC, and nothing that is written to it can prevent that.
pub const PIECES: &[&str] = &[
    "${",
    "%{",
    "$${",
    "%%{",
    "${!",
    "$",
    "%",
    "{",
    "}",
    "{{",
    "}}",
    "$$",
    "%%",
    "~}",
    "%{ if true }",
    "%{ endif }",
    "${AWS::Region}",
    "${!AWS::Region}",
    "${filler}",
    "${aws_s3_bucket.filler.id}",
    "${path.module}",
    "${{ x }}",
    "{{resolve:",
    "{{resolve:ssm:/name:1}}",
    "{{resolve:secretsmanager:name:SecretString:key}}",
    "{{ x }}",
    "[",
    "]",
    "[[",
    "[concat('a')]",
    "\"",
    "'",
    "`",
    "\\",
    "\\\\",
    "\\n",
    "\\u0041",
    "\\\"",
    "\n",
    "\r\n",
    "\t",
    "\r",
    " ",
    "  ",
    "#",
    "//",
    "/*",
    "*/",
    "<<EOT",
    "EOT",
    "<",
    ">",
    "&",
    "&amp;",
    "=",
    ":",
    ": ",
    "- ",
    "|",
    ">-",
    "!Ref x",
    "!Sub",
    "Ref",
    "Fn::Sub",
    "true",
    "no",
    "null",
    "~",
    "012",
    "1e3",
    "2012-10-17",
    "12:30:45",
    "0x1F",
    ".inf",
    "#true",
    "é",
    "ß",
    "中文",
    "\u{1F469}\u{200D}\u{1F4BB}",
    "\u{1F1E8}\u{1F1ED}",
    "שלום",
    "مرحبا",
    "\u{202E}",
    "\u{2066}",
    "\u{1}",
    "\u{2}",
    "\u{7}",
    "\u{8}",
    "\u{B}",
    "\u{C}",
    "\u{1B}[31m",
    "\u{1F}",
    "\u{7F}",
    "\u{85}",
    "\u{A0}",
    "\u{200B}",
    "\u{200C}",
    "\u{2028}",
    "\u{2029}",
    "\u{FEFF}",
    "\u{FFFD}",
    "\u{10FFFF}",
    "word",
    "a",
    "Z",
    "9",
    "-",
    "_",
];

#[test]
fn text_passes_through_terraform_unchanged() {
    let Some(terraform) = terraform() else { return };
    let cases = cases();
    let out = TempDir::new().unwrap();
    build(&stack(&cases, out.path()), "tf-aws", &[], out.path());
    let mut template: Value = from_slice(&fs::read(out.path().join("tf-aws/main.tf.json")).unwrap()).unwrap();
    // Only the outputs are to be evaluated, which needs neither a provider nor a cloud.
    for section in ["provider", "terraform", "data", "resource"] {
        template.as_object_mut().unwrap().remove(section);
    }
    let folder = terraform.folder("escaping");
    // On one line, every message would print all of it.
    fs::write(folder.join("main.tf.json"), format!("{template:#}")).unwrap();
    let none: &[(String, String)] = &[];
    terraform.expect(&folder, &["init", "-no-color"], none);
    terraform.expect(&folder, &["apply", "-no-color", "-auto-approve"], none);
    let answer: Value = from_str(&terraform.expect(&folder, &["output", "-json"], none)).unwrap();
    let outputs = answer.as_object().unwrap();
    compare(&cases, |name| Some(outputs.get(name)?["value"].as_str()?.to_owned()));
}

#[test]
fn text_passes_through_cloudformation_unchanged() {
    let (_, cases): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(Case::is_a_dynamic_reference);
    let out = TempDir::new().unwrap();
    build(&stack(&cases, out.path()), "cfn", &[], out.path());
    let file = out.path().join("cfn/template.json");
    let template: Value = from_slice(&fs::read(&file).unwrap()).unwrap();
    let outputs: BTreeMap<String, &Value> = template["Outputs"]
        .as_object()
        .expect("outputs")
        .iter()
        // A logical name may not have every character that a name in a stack has, nor need it have the same case.
        .map(|(name, output)| (name.to_lowercase(), &output["Value"]))
        .collect();
    compare(&cases, |name| evaluate(outputs.get(name)?, &template["Parameters"]));

    let Some(python) = python() else { return };
    let complaints = lint(&python, &[file]);
    assert!(complaints.is_empty(), "cfn-lint objects:\n{}", list(&complaints, out.path()));
}

#[test]
fn text_passes_through_heat_unchanged() {
    let Some(python) = heat() else { return };
    let cases = cases();
    let out = TempDir::new().unwrap();
    build(&stack(&cases, out.path()), "hot", &[], out.path());
    let answers = answers(&python, &[out.path().join("hot/template.yaml")], &[]);
    assert_eq!(objections(&answers), Vec::<String>::new());
    let outputs = &answers[0]["outputs"];
    compare(&cases, |name| Some(outputs.get(name)?.as_str()?.to_owned()));
}

/// The same texts as the environment of a container, which Heat writes into JSON, and that into the JSON of a server's user data.
#[test]
fn text_passes_through_the_user_data_of_a_server_unchanged() {
    let Some(python) = heat() else { return };
    let cases = cases();
    let out = TempDir::new().unwrap();
    let mut text = format!(
        "stack escaping {{\n    param here default=\"{VALUE}\"\n    network main\n    service web network=main image=\"a:1\" {{\n        accept trial\n"
    );
    for Case { name, written, .. } in &cases {
        writeln!(text, "        env {}={written}", name.to_uppercase()).unwrap();
    }
    text.push_str("    }\n}\n");
    let file = out.path().join("stack.kdl");
    fs::write(&file, text).unwrap();
    build(&file, "hot", &[], out.path());
    let answers = answers(&python, &[out.path().join("hot/template.yaml")], &[]);
    assert_eq!(objections(&answers), Vec::<String>::new());
    let data = properties(&answers[0], "OS::Nova::Server")[0]["user_data"].as_str().unwrap();
    let config: Value = from_str(behind_comments(data)).unwrap();
    let pod: Value = from_str(config["write_files"][0]["content"].as_str().unwrap()).unwrap();
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    compare(&cases, |name| Some(env.iter().find(|entry| entry["name"] == name.to_uppercase())?["value"].as_str()?.to_owned()));
}

/// CloudFormation has no escape for a dynamic reference, also not by joining it from parts, so no text may have one.
#[test]
fn text_that_cloudformation_would_resolve_is_refused_at_its_line() {
    let (cases, _): (Vec<Case>, Vec<Case>) = cases().into_iter().partition(Case::is_a_dynamic_reference);
    assert!(cases.len() > 2, "there is nothing to refuse");
    let out = TempDir::new().unwrap();
    let refused = try_build(&stack(&cases, out.path()), "cfn", &["--message-format", "json"], out.path());
    assert_eq!(refused.status.code(), Some(1));
    let lines: BTreeSet<u64> = String::from_utf8(refused.stdout)
        .unwrap()
        .lines()
        .map(|line| from_str::<Value>(line).expect("a diagnostic a line"))
        .filter(|diagnostic| diagnostic["severity"] == "error")
        .filter_map(|diagnostic| diagnostic["at"]["line"].as_u64())
        .collect();
    let outputs: BTreeSet<u64> = (OUTPUTS_BEGIN..).take(cases.len()).collect();
    assert_eq!(lines, outputs, "the lines with an error, and the lines with a dynamic reference");
    assert!(!out.path().join("cfn/template.json").exists(), "a template was written all the same");
}

/// An output of the stack: what the user writes, and what has to come of it.
pub struct Case {
    name: String,
    written: String,
    expected: String,
}

impl Case {
    fn is_a_dynamic_reference(&self) -> bool {
        self.expected.contains("{{resolve:")
    }
}

/// The line of the stack on which its outputs begin.
const OUTPUTS_BEGIN: u64 = 4;

/// Every piece by itself, lines of pieces at random, and such lines around a parameter: always the same ones.
pub fn cases() -> Vec<Case> {
    let mut random = Random(2);
    let mut texts: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    while texts.len() < PLAIN {
        texts.push(line(&mut random));
    }
    let plain = texts.into_iter().map(|text| (quoted(&text), text));
    let mut cases: Vec<(String, String)> = plain.collect();
    // What stands next to a reference can spoil it: a dollar before it, say.
    let mut around: Vec<(String, String)> = ["$", "$$", "%", "{", "!", "\r", "\\"].map(|text| (text.to_owned(), text.to_owned())).to_vec();
    around.resize_with(FORMATTED, || (line(&mut random), line(&mut random)));
    for (before, after) in around {
        let braces = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let written = format!("(fmt){}", quoted(&format!("{}{{here}}{}", braces(&before), braces(&after))));
        cases.push((written, format!("{before}{VALUE}{after}")));
    }
    cases.into_iter().enumerate().map(|(number, (written, expected))| Case { name: format!("o{number}"), written, expected }).collect()
}

/// Some pieces in a row.
fn line(random: &mut Random) -> String {
    let length = 2 + random.below(9);
    (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

/// Writes a stack with one output a case, and a bucket, since a template without a resource is no template.
pub fn stack(cases: &[Case], folder: &Path) -> PathBuf {
    let mut text = format!("stack escaping {{\n    param here default=\"{VALUE}\"\n    bucket filler\n");
    for Case { name, written, .. } in cases {
        writeln!(text, "    output {name} {written}").unwrap();
    }
    text.push_str("}\n");
    let file = folder.join("stack.kdl");
    fs::write(&file, text).unwrap();
    file
}

/// A string as KDL writes it: an escape for what KDL has one for, and for what may not stand in a document as it is.
pub fn quoted(string: &str) -> String {
    let mut quoted = String::from('"');
    for character in string.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{0}'..='\u{1F}' | '\u{7F}' | '\u{85}' | '\u{FEFF}' => escape(character, &mut quoted),
            '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                escape(character, &mut quoted);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(character: char, text: &mut String) {
    write!(text, "\\u{{{:x}}}", u32::from(character)).unwrap();
}

/// Fails with all texts that did not arrive, as they were expected and as they came.
pub fn compare(cases: &[Case], arrived: impl Fn(&str) -> Option<String>) {
    let mut faults = String::new();
    for Case { name, expected, .. } in cases {
        let came = arrived(name);
        if came.as_ref() != Some(expected) {
            writeln!(faults, "{name}: {expected:?} came as {came:?}").unwrap();
        }
    }
    assert!(faults.is_empty(), "text was changed:\n{faults}");
}

/// The text that CloudFormation makes of a value, or nothing if that depends on more than the parameters' defaults.
fn evaluate(value: &Value, parameters: &Value) -> Option<String> {
    let call = match value {
        Value::String(text) => return Some(text.clone()),
        Value::Object(call) if call.len() == 1 => call,
        _ => return None,
    };
    let (function, argument) = call.iter().next()?;
    match function.as_str() {
        "Ref" => Some(parameters[argument.as_str()?]["Default"].as_str()?.to_owned()),
        "Fn::Join" => {
            let parts: Option<Vec<String>> = argument[1].as_array()?.iter().map(|part| evaluate(part, parameters)).collect();
            Some(parts?.join(argument[0].as_str()?))
        }
        "Fn::Sub" => substitute(argument.as_str()?, parameters),
        _ => None,
    }
}

/// The text of `Fn::Sub` with the parameters put in; `${!` stands for `${` itself.
fn substitute(text: &str, parameters: &Value) -> Option<String> {
    let mut pieces = text.split("${");
    let mut result = pieces.next()?.to_owned();
    for piece in pieces {
        if let Some(plain) = piece.strip_prefix('!') {
            result.push_str("${");
            result.push_str(plain);
        } else {
            let (name, rest) = piece.split_once('}')?;
            result.push_str(parameters[name]["Default"].as_str()?);
            result.push_str(rest);
        }
    }
    Some(result)
}

/// A small generator of numbers that is the same on every machine: xorshift with 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}
