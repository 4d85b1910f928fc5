//! Deploys to moto, a simulated AWS, by a CloudFormation that its own services stand behind (`tests/engines/moto_cloudformation.py`): a second opinion on
//! the happy path of the example that has the most, beside the fake of `fake/`. After each step moto is asked whether what was said is so.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../tests/acceptance/engines.rs"]
mod engines;
#[path = "moto/existing.rs"]
mod existing;
#[path = "moto/gates.rs"]
mod gates;
#[path = "gates/name_server.rs"]
mod name_server;
mod runs;

/// What the engines ask of the program under test.
mod product {
    use std::path::{Path, PathBuf};

    /// The repository.
    pub fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
    }
}

use engines::Moto;
use product::root;
use runs::{Cloud, Run, SECRET, snapshot_without};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What moto makes up anew each time, and how fast it is.
const FLEETING: [(&str, &str); 12] = [
    // Of the progress, what the stack itself comes to, what fails and what stays; 88 resources are in the tables.
    (r"(?m)^ +\d+:\d\d  (stack .*?|.*? (?:failed|skipped))(  \(.*\))?$", "    TIME  $1"),
    (r"(?m)^ +\d+:\d\d  .*\n", ""),
    (r"(is deployed|is removed): .*", "$1: TIME"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME"),
    (r"\b(vpc|igw|rtb|subnet|rtbassoc|nat|sg|sgr|vpce)-[0-9a-f]{17}\b", "$1-ID"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"/[0-9a-f]{16}\b", "/ID"),
    (r"(?m)( {3,})[A-Z0-9]{18,}$", "${1}ZONE"),
    (r"(?m)(secret:\S+)-\w{6}$", "$1-ID"),
    (r"127\.\d+\.\d+\.\d+", "ADDRESS"),
    (r"http://ADDRESS:\d+", "ENDPOINT"),
    (r"\.[a-z0-9]{10}\.us-east-1\.rds", ".ID.us-east-1.rds"),
];

/// moto, with what it was asked for in its log.
struct Aws {
    moto: Moto,
    /// Looks at it, and changes it, with boto3. Ends with its standard input.
    behind: RefCell<(Child, BufReader<ChildStdout>)>,
    _folder: TempDir,
}

impl Cloud for Aws {
    fn start() -> Aws {
        let python = engines::python().unwrap();
        let folder = TempDir::new().unwrap();
        let moto = Moto::start_with(&python, folder.path(), &["--cloudformation"]);
        let mut command = Command::new(&python);
        command.arg(root().join("deploy/tests/moto/behind.py")).env("AWS_DEFAULT_REGION", "us-east-1").envs(moto.environment());
        let mut behind = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(behind.stdout.take().unwrap());
        Aws { moto, behind: RefCell::new((behind, lines)), _folder: folder }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment: Vec<(&'static str, String)> = self.moto.environment().into_iter().map(|(name, value)| (&*name.leak(), value)).collect();
        let connection = "arn:aws:codestar-connections:us-east-1:123456789012:connection/0ab1";
        environment
            .extend(["STACKC_PARAM_S3_ACCESS_KEY", "STACKC_PARAM_S3_ACCESS_SECRET", "STACKC_PARAM_MAIL_SMTP_PASSWORD"].map(|name| (name, SECRET.to_owned())));
        environment.push(("STACKC_PARAM_MAIL_SMTP_USER", "AKIAMAIL".to_owned()));
        environment.extend([("STACKC_TARGET", "cfn".to_owned()), ("STACKC_PARAM_SOURCE_CONNECTION", connection.to_owned())]);
        environment
    }

    fn acts(&self) -> Vec<String> {
        let reads = ["Describe", "Get", "List", "DetectStackDrift"];
        self.calls().into_iter().filter(|call| !reads.iter().any(|read| call.starts_with(read))).collect()
    }

    fn calls(&self) -> Vec<String> {
        self.moto.log().lines().filter_map(|line| line.strip_prefix("asked for ")).map(str::to_owned).collect()
    }
}

impl Aws {
    /// Calls a function of `moto/behind.py`.
    fn behind(&self, call: &[&str]) -> String {
        let (behind, lines) = &mut *self.behind.borrow_mut();
        writeln!(behind.stdin.as_mut().unwrap(), "{}", serde_json::json!(call)).unwrap();
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let (wrong, said): (Option<String>, String) = serde_json::from_str(&line).unwrap();
        assert!(wrong.is_none(), "{call:?}: {}\n{}", wrong.unwrap_or_default(), self.moto.log());
        said
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let (behind, _) = &mut *self.behind.borrow_mut();
        drop(behind.stdin.take());
        let _ = behind.wait();
    }
}

/// A stack in an account of its own; none where Python is missing.
fn begun(stack: &str) -> Option<Run<Aws>> {
    engines::python()?;
    let mut run = Run::<Aws>::new(stack);
    // A machine under load is no cloud that does not answer.
    (run.patience, run.answer, run.limit) = (120_000, 60_000, Duration::from_secs(300));
    Some(run)
}

#[test]
fn the_life_of_botolphs() {
    let Some(run) = begun(&fs::read_to_string(root().join("examples/botolphs/stack.kdl")).unwrap()) else { return };
    let before = run.fake.behind(&["inventory"]);
    run.ends(&["plan", "--detailed-exitcode"], 4);
    assert_eq!(run.fake.behind(&["inventory"]), before, "a plan leaves something behind");

    // Its domain is delegated already, as far as anybody knows here; what it is to wait for that, is told in `moto/gates.rs`.
    run.ok(&["deploy", "--yes", "--open", "site.delegated"]);
    let outputs = run.ok(&["outputs", "--format", "json"]).stdout;
    run.fake.behind(&["stands", &outputs]);
    run.fake.behind(&["runs", "asanami/botolphs:1.2", &outputs, SECRET]);
    run.fake.behind(&["protected", "on"]);
    let deployed = run.fake.behind(&["inventory"]);

    let again = run.ok(&["deploy", "--yes"]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    run.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(run.fake.behind(&["inventory"]), deployed);

    run.ok(&["deploy", "--yes", "--set", "app-image=asanami/botolphs:1.3"]);
    let outputs = run.ok(&["outputs", "--format", "json"]).stdout;
    run.fake.behind(&["runs", "asanami/botolphs:1.3", &outputs, SECRET]);
    let lines = run.ok(&["outputs", "--format", "env"]).stdout;
    let parsed: serde_json::Value = serde_json::from_str(&outputs).unwrap();
    for (name, value) in parsed.as_object().unwrap() {
        let (name, value) = (name.to_uppercase().replace('-', "_"), value.as_str().unwrap().replace('\'', "'\\''"));
        assert!(lines.contains(&format!("{name}='{value}'\n")), "{name} is not in\n{lines}");
    }
    // Where nobody says an image, the last one stays.
    let again = run.ok(&["deploy", "--yes"]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    run.ok(&["status"]);
    run.ok(&["events", "--last", "4"]);

    // moto starts no task whose containers leave their memory to the task, so that a job cannot be run there.
    run.ok(&["logs", "web"]);
    run.ok(&["logs", "web", "--failed"]);

    run.note("somebody lets three tasks run");
    run.fake.behind(&["scale", "3"]);
    run.ends(&["drift", "--detailed-exitcode"], 4);
    run.ok(&["deploy", "--yes", "--revert-drift"]);
    run.fake.behind(&["runs", "asanami/botolphs:1.3", &outputs, SECRET]);
    run.ok(&["drift", "--detailed-exitcode"]);

    run.ends(&["destroy", "--yes"], 1);
    run.edit("        backup-days 7\n        protect\n", "        backup-days 7\n");
    run.ok(&["deploy", "--yes"]);
    run.fake.behind(&["protected", "off"]);

    run.note("a secret and the database's password are made anew, and what runs has the new ones");
    run.edit("secret app-secret length=64 {", "secret app-secret length=64 revision=2 {");
    run.edit("engine=postgres version=\"16\" {\n        accept \"dumps", "engine=postgres version=\"16\" password-revision=2 {\n        accept \"dumps");
    let task = run.fake.behind(&["task"]);
    run.ok(&["deploy", "--yes"]);
    assert_ne!(run.fake.behind(&["task"]), task, "nothing is restarted");
    let renewed = run.ok(&["outputs", "--format", "json"]).stdout;
    run.fake.behind(&["runs", "asanami/botolphs:1.3", &renewed, SECRET]);
    let again = run.ok(&["deploy", "--yes"]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    run.ends(&["destroy", "--yes"], 2);
    run.note("somebody pushes an image");
    run.fake.behind(&["push"]);
    let data = ["admin-password", "app-secret", "data", "images", "media", "s3-access-key", "s3-access-secret", "site"];
    let allowed: Vec<&str> = ["destroy", "--yes"].into_iter().chain(data.iter().flat_map(|name| ["--allow-replace", name])).collect();
    run.ends(&allowed, 2);
    let emptied = [&allowed[..], &["--empty", "images"]].concat();
    let refused = run.ends(&emptied, 3);
    assert!(refused.stderr.contains("HostedZoneNotEmpty"), "{}", refused.stderr);
    run.note("somebody takes the certificate's proof out of the zone");
    run.fake.behind(&["remove_proof"]);
    run.ok(&allowed);
    // A database without `protect` leaves a last snapshot, and that is all.
    let left: Vec<String> = run.fake.behind(&["inventory"]).lines().filter(|line| !before.contains(line)).map(str::to_owned).collect();
    assert!(left.len() == 1 && left[0].starts_with("DBSnapshots botolphs-datainstance-"), "{left:?}");
    run.ok(&["destroy", "--yes"]);
    snapshot_without("moto-botolphs", &run, &FLEETING);
}

/// That all goes well says something only where what is wrong fails.
#[test]
fn what_is_wrong_fails_there() {
    let Some(run) = begun(MAIL) else { return };
    let before = run.fake.behind(&["inventory"]);
    let wrong = [
        (r#""AWS::EC2::VPC", "Properties": {"CidrBlock": {"Ref": "Nothing"}}"#, "Unresolved resource dependencies [Nothing]"),
        (r#""AWS::Glue::Job""#, "Unrecognized resource types: [AWS::Glue::Job]"),
        (r#""AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/33"}"#, "is invalid"),
        (r#""AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16", "Ipv4Cidr": "10.0.0.0/16"}"#, "has no Ipv4Cidr here"),
        (r#""AWS::EC2::Route", "Properties": {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "Gateway": "x"}"#, "Unknown parameter"),
        (r#""AWS::EC2::Route", "Properties": {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0"}"#, "InvalidRouteTableID.NotFound"),
        (
            r#""AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}, "B": {"Type": "AWS::EC2::InternetGateway", "Properties": {"Tags": [{"Key": "a", "Value": {"Fn::GetAtt": ["A", "Colour"]}}]}"#,
            "Requested attribute Colour does not exist",
        ),
    ];
    for (resource, words) in wrong {
        let said = run.fake.behind(&["refused", &format!(r#"{{"Resources": {{"A": {{"Type": {resource}}}}}}}"#)]);
        assert!(said.contains(words), "{resource}: {said}");
        assert_eq!(run.fake.behind(&["inventory"]), before, "{resource}");
    }
}

const MAIL: &str = r#"stack mail {
    targets cfn
    bucket letters versioned=#true
    dns-zone site domain="mail.example"
    email post domain="mail.example" zone=site
    registry images

    output files (get)letters.domain
}
"#;

/// Gives a stack rules of its own, by which repositories have names. The built-in ones leave that to AWS, so that none is taken.
fn named(run: &Run<Aws>) {
    let rule = fs::read_to_string(root().join("targets/aws/registry.kdl")).unwrap();
    let head = "resource repository \"AWS::ECR::Repository\" keep=(get)protect {\n";
    let name = "            RepositoryName (fmt)\"{stack.name}-{this.name}\"\n";
    assert!(rule.contains(head));
    fs::create_dir_all(run.folder.path().join("rules/aws")).unwrap();
    fs::write(run.folder.path().join("rules/aws/registry.kdl"), rule.replacen(head, &format!("{head}{name}"), 1)).unwrap();
}

#[test]
fn a_refusal_of_a_service_is_shown_at_its_line_and_the_next_deploy_goes_on() {
    let Some(run) = begun(MAIL) else { return };
    named(&run);
    let deploy = ["deploy", "--yes", "--targets", "rules"];

    run.note("somebody has a repository of this name");
    run.fake.behind(&["take", "mail-images"]);
    let before = run.fake.behind(&["inventory"]);
    let refused = run.ends(&deploy, 3);
    assert!(refused.stderr.contains("stack.kdl:6:5") && refused.stderr.contains("RepositoryAlreadyExistsException"), "{}", refused.stderr);
    run.ok(&["status"]);
    let left = run.fake.behind(&["inventory"]);
    assert_eq!(left.replace("Stacks mail\n", ""), before, "a rollback leaves something behind");
    run.note("it is gone");
    run.fake.behind(&["give", "mail-images"]);
    run.ok(&deploy);
    let made = run.fake.behind(&["inventory"]);
    let named = ["Buckets mail-letters", "HostedZones mail.example.", "Identities mail.example", "repositories mail-images"];
    assert!(named.iter().all(|name| made.contains(name)), "{made}");

    run.note("an update is refused in the same way, and the stack is as it was");
    run.edit("registry images\n", "registry images\n    registry more\n    bucket more-letters\n");
    run.fake.behind(&["take", "mail-more"]);
    run.ends(&deploy, 3);
    run.fake.behind(&["give", "mail-more"]);
    assert_eq!(run.fake.behind(&["inventory"]), made);
    run.ok(&["status"]);
    run.ok(&deploy);
    let more = run.fake.behind(&["inventory"]);
    assert!(more.contains("repositories mail-more") && more.contains("Buckets mail-morelettersbucket"), "{more}");
    snapshot_without("moto-refused", &run, &FLEETING);
}

/// What protects a database would keep a first deploy that fails from being taken back: it stays.
#[test]
fn a_first_deploy_that_fails_behind_a_protected_database_is_gone_on_with() {
    let stack = r#"stack shop {
    targets cfn
    network main
    database data network=main engine=postgres version="16" {
        protect
    }
    registry images
}
"#;
    let Some(run) = begun(stack) else { return };
    named(&run);
    let deploy = ["deploy", "--yes", "--targets", "rules"];
    run.note("somebody has a repository of this name");
    run.fake.behind(&["take", "shop-images"]);
    run.ends(&deploy, 3);
    run.note("it is gone");
    run.fake.behind(&["give", "shop-images"]);
    run.ok(&["status"]);
    run.ok(&deploy);
    run.ok(&["plan", "--detailed-exitcode", "--targets", "rules"]);
    let found = run.fake.behind(&["inventory"]);
    assert_eq!(found.matches("DBInstances shop-datainstance-").count(), 1, "{found}");
    assert_eq!(found.matches("repositories shop-images").count(), 1, "{found}");
    snapshot_without("moto-protected-and-failed", &run, &FLEETING);
}
