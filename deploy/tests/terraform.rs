//! Deploys by Terraform. The real one, with the real provider of AWS on moto, and with a provider that serves a schema; and a fake of the program itself
//! (`terraform/fake.sh`) for what the real one cannot be brought to.
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

/// What the engines ask of the program under test.
mod product {
    use std::path::{Path, PathBuf};

    /// The repository.
    pub fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
    }
}

use engines::{Moto, SchemaProvider};
use product::root;
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SHOP: &str = r#"stack shop {
    param api-key secret=#true about="key of the payment service"

    registry images keep=20
    secret pay value=(get)api-key

    output images (get)images.url
}
"#;

const SECRET: &str = "s3cr3t-kEy-\"of\"-the-shop";

/// A run takes seconds; on a busy machine, and with a provider that waits, minutes.
const LIMIT: Duration = Duration::from_secs(600);

/// A folder with a stack, and what was done with it.
struct Run {
    folder: TempDir,
    environment: Vec<(String, String)>,
    log: RefCell<String>,
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn new(stack: &str, target: &str, environment: Vec<(String, String)>) -> Run {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("stack.kdl"), stack).unwrap();
        let run = Run { folder, environment, log: RefCell::default() };
        run.with("STACKC_TARGET", target)
    }

    fn with(mut self, name: &str, value: &str) -> Run {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the fake in Terraform's place.
    fn faked(how: &str) -> Run {
        let run = Run::new(SHOP, "tf-aws", Vec::new()).with("FAKE", how);
        let bin = run.folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let program = bin.join("terraform");
        // By another process: what is open for writing here, or in a child that a test beside this one starts, cannot be run.
        let copied = Command::new("install").args(["-m", "755"]).arg(root().join("deploy/tests/terraform/fake.sh")).arg(&program).status();
        assert!(copied.unwrap().success());
        let path = format!("{}:/usr/bin:/bin", bin.display());
        run.with("PATH", &path)
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("stack.kdl");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the stack has no `{from}`");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        self.log.borrow_mut().push_str(&format!("# in stack.kdl: {from} → {to}\n\n"));
    }

    fn note(&self, text: &str) {
        self.log.borrow_mut().push_str(&format!("# {text}\n\n"));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackc-deploy"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.envs([("STACKC_PARAM_API_KEY", SECRET), ("STACKC_POLL_MS", "20"), ("STACKC_ANSWER_MS", "3000")]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, writes down what is seen, and looks for the secret in all that is seen and left.
    fn any(&self, arguments: &[&str]) -> Ended {
        let child = self.command(arguments).spawn().unwrap();
        let ended = until_end(child, arguments);
        self.record(arguments, &ended);
        ended
    }

    fn record(&self, arguments: &[&str], ended: &Ended) {
        assert!(!leaks(&format!("{}{}", ended.stdout, ended.stderr)), "{arguments:?} leaks the secret");
        self.clean(&self.folder.path().join(".stackc"), arguments);
        let mut log = self.log.borrow_mut();
        log.push_str(&format!("$ stackc {}\n{}", arguments.join(" "), ended.stderr));
        if !ended.stdout.is_empty() {
            log.push_str(&format!("--- standard output\n{}", ended.stdout));
        }
        log.push_str(&format!("--- ends with {}\n\n", ended.code.map_or("a signal".to_owned(), |code| code.to_string())));
    }

    /// No file that is left may hold the secret, but a state that Terraform itself keeps in the clear.
    fn clean(&self, folder: &Path, arguments: &[&str]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if name != "providers" {
                    self.clean(&path, arguments);
                }
                continue;
            }
            let goes_on = folder.join("running.json").exists();
            assert!(goes_on || !name.starts_with("plan-") && name != "running.log", "{arguments:?} leaves {name}");
            let kept_by_terraform = name.starts_with("terraform.tfstate") && self.environment.iter().any(|(_, value)| value == "tf-openstack");
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(kept_by_terraform || !leaks(&text), "{arguments:?} leaves the secret in {}", path.display());
        }
    }

    fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.any(arguments);
        assert_eq!(ended.code, Some(code), "{}", self.log.borrow());
        ended
    }

    fn ok(&self, arguments: &[&str]) -> Ended {
        self.ends(arguments, 0)
    }

    /// Begins a run, and waits until standard error has a line with these words.
    fn begin(&self, arguments: &[&str], until: &str) -> Begun {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(until) {
            let length = said.len();
            lines.read_line(&mut said).unwrap();
            assert!(said.len() > length, "it ended before `{until}`:\n{said}");
        }
        Begun { child, lines, said }
    }

    /// The process that applies.
    fn applying(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join(".stackc/tf-aws/running.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["process"].to_string()
    }

    fn snapshot(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(root().join("snapshots/deploy"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        // How fast it is and what goes first are this machine's, and what the cloud makes up is new each time.
        settings.add_filter(r"(?m)^ +\d+:\d\d  .*\n", "");
        settings.add_filter(r"(is deployed|is removed): .*", "$1: TIME");
        settings.add_filter(r"arn:aws:secretsmanager:\S+", "ARN");
        settings.add_filter(r"RequestID:(\s+│)?\s+[0-9A-Za-z-]+", "RequestID: ID");
        settings.add_filter(r"kill -INT \d+", "kill -INT PROCESS");
        let stack = fs::read_to_string(self.folder.path().join("stack.kdl")).unwrap();
        let text = format!("{stack}\n{}", self.log.borrow());
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// A run under way.
struct Begun {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Begun {
    fn signal(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    fn end(mut self) -> Ended {
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.lines, &mut rest).unwrap();
        let mut ended = until_end(self.child, &["begun before"]);
        ended.stderr = format!("{}{}", self.said, String::from_utf8_lossy(&rest));
        ended
    }
}

fn send(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

fn leaks(text: &str) -> bool {
    text.contains(SECRET) || text.contains(&SECRET.replace('"', "\\\""))
}

fn until_end(child: Child, arguments: &[&str]) -> Ended {
    let id = child.id().to_string();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let what = format!("{arguments:?}");
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(LIMIT).is_err() {
            eprintln!("{what} hangs");
            send("-KILL", &id);
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// moto, and what makes Terraform and its provider work with it.
struct Aws {
    moto: Moto,
    python: PathBuf,
    environment: Vec<(String, String)>,
    _terraform: engines::Terraform,
    _folder: TempDir,
}

impl Aws {
    fn start() -> Option<Aws> {
        let (python, terraform) = (engines::python()?, engines::terraform()?);
        let folder = TempDir::new().unwrap();
        let moto = Moto::start(&python, folder.path());
        let mut environment = moto.environment();
        environment.push(("TF_CLI_CONFIG_FILE".to_owned(), terraform.configuration().to_str().unwrap().to_owned()));
        Some(Aws { moto, python, environment, _terraform: terraform, _folder: folder })
    }

    /// Does something behind the stack's back, in Python with boto3.
    fn behind(&self, code: &str) -> String {
        let code = format!("import boto3\nof = boto3.client\n{code}");
        let output = Command::new(&self.python).args(["-c", &code]).env("AWS_DEFAULT_REGION", "us-east-1").envs(self.environment.clone()).output().unwrap();
        assert!(output.status.success(), "{}\n{}", engines::both(&output), self.moto.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn a_whole_life_with_the_real_provider() {
    let Some(aws) = Aws::start() else { return };
    aws.behind("of('s3').create_bucket(Bucket='acme-state')");
    let run = Run::new(SHOP, "tf-aws", aws.environment.clone());
    let run = run.with("CI", "true");
    run.edit("stack shop {", "stack shop {\n    state s3 bucket=acme-state region=us-east-1 use_path_style=#true");
    run.ends(&["outputs"], 2);
    run.ends(&["plan", "--detailed-exitcode"], 2);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["status"]);
    assert!(!leaks(&aws.behind("print(of('s3').get_object(Bucket='acme-state', Key='stackc/shop/tf-aws.tfstate')['Body'].read().decode())")));

    run.note("somebody else holds the lock");
    aws.behind(
        r#"of('s3').put_object(Bucket='acme-state', Key='stackc/shop/tf-aws.tfstate.tflock', Body='{"ID":"1-2","Operation":"OperationTypeApply","Who":"ana@build","Version":"1.11.4","Created":"2026-11-25T03:36:42Z","Path":"x","Info":""}')"#,
    );
    run.ends(&["plan"], 3);
    aws.behind("of('s3').delete_object(Bucket='acme-state', Key='stackc/shop/tf-aws.tfstate.tflock')");

    run.note("somebody switches off the scan of images");
    aws.behind("of('ecr').put_image_scanning_configuration(repositoryName='shop-images', imageScanningConfiguration={'scanOnPush': False})");
    run.ends(&["drift", "--detailed-exitcode"], 2);
    run.edit("keep=20", "keep=10");
    run.ok(&["deploy", "--yes"]);
    run.ok(&["drift", "--detailed-exitcode"]);
    run.ok(&["plan", "--format", "json"]);

    run.note("a second copy beside it");
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    run.edit("registry images", "registry pictures");
    run.edit("(get)images.url", "(get)pictures.url");
    run.ends(&["deploy", "--yes"], 1);
    run.ends(&["destroy", "--yes", "--instance", "green"], 2);
    run.ok(&["destroy", "--yes", "--instance", "green", "--allow-replace", "aws_ecr_repository.images", "--allow-replace", "pay"]);
    assert_eq!(aws.behind("print(*[r['repositoryName'] for r in of('ecr').describe_repositories()['repositories']])").trim(), "shop-images");
    run.ok(&["destroy", "--yes", "--allow-replace", "aws_ecr_repository.images", "--allow-replace", "pay"]);
    run.ok(&["destroy", "--yes"]);
    run.snapshot("terraform-a-whole-life");
}

#[test]
fn a_refusal_is_shown_at_its_line_and_the_next_deploy_goes_on() {
    let Some(aws) = Aws::start() else { return };
    aws.behind("of('ecr').create_repository(repositoryName='shop-images')");
    let run = Run::new(SHOP, "tf-aws", aws.environment.clone());
    run.ends(&["deploy", "--yes"], 3);
    run.ok(&["status"]);
    run.note("the other repository is removed");
    aws.behind("of('ecr').delete_repository(repositoryName='shop-images')");
    run.ok(&["deploy", "--yes"]);
    run.snapshot("terraform-refused");
}

#[test]
fn one_killed_in_the_middle_is_gone_on_with() {
    let Some(aws) = Aws::start() else { return };
    let stack = SHOP.replace("registry images keep=20", "bucket images versioned=#true").replace("images.url", "images.domain");
    let run = Run::new(&stack, "tf-aws", aws.environment.clone());
    // The provider looks for a while whether the rules are there.
    let begun = run.begin(&["deploy", "--yes"], "bucket images: lifecycle                      creating");
    let applying = run.applying();
    begun.signal("-KILL");
    send("-KILL", &applying);
    let killed = begun.end();
    assert_eq!(killed.code, None);
    let ended = run.ok(&["deploy", "--yes"]);
    assert!(!ended.stderr.contains("bucket images  "), "the bucket is made twice:\n{}", ended.stderr);
    run.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(aws.behind("print(len(of('s3').list_buckets()['Buckets']))").trim(), "1");
    // Its policy lets nobody write without TLS, which moto does not speak.
    aws.behind(
        "s3 = of('s3')\nname = s3.list_buckets()['Buckets'][0]['Name']\ns3.delete_bucket_policy(Bucket=name)\ns3.put_object(Bucket=name, Key='a', Body='b')",
    );
    let destroy = ["destroy", "--yes", "--allow-replace", "images", "--allow-replace", "pay"];
    let ended = run.ends(&destroy, 3);
    assert!(ended.stderr.contains("the cloud refuses `bucket images`") && ended.stderr.contains("stackc destroy --retain images"), "{}", ended.stderr);
    let retained = [&destroy[..], &["--retain", "images"]].concat();
    run.ok(&retained);
    assert_eq!(aws.behind("print(len(of('s3').list_buckets()['Buckets']))").trim(), "1");
    run.ok(&["destroy", "--yes"]);
}

#[test]
fn who_has_no_credentials_or_no_region_is_told() {
    let Some(terraform) = engines::terraform() else { return };
    let run = Run::new(SHOP, "tf-aws", Vec::new()).with("AWS_EC2_METADATA_DISABLED", "true");
    let run = run.with("TF_CLI_CONFIG_FILE", terraform.configuration().to_str().unwrap());
    let ended = run.ends(&["plan", "--region", "us-east-1"], 3);
    assert!(ended.stderr.contains("no credentials were found"), "{}", ended.stderr);
    let run = run.with("AWS_ACCESS_KEY_ID", "test").with("AWS_SECRET_ACCESS_KEY", "test");
    let ended = run.ends(&["plan"], 3);
    assert!(ended.stderr.contains("say which region"), "{}", ended.stderr);
}

#[test]
fn a_whole_life_with_the_schema_of_openstack() {
    let (Some(python), Some(terraform)) = (engines::python(), engines::terraform_core()) else { return };
    let facts = root().join("specs/providers/terraform-openstack.facts").to_str().unwrap().to_owned();
    let provider = SchemaProvider::start(&python, &[facts], &terraform.folder("provider"));
    let mut environment = provider.environment();
    environment.push(("TF_CLI_CONFIG_FILE".to_owned(), terraform.configuration().to_str().unwrap().to_owned()));
    let stack = "stack shop {\n    param api-key secret=#true\n    network main\n    secret pay value=(get)api-key {\n        accept \"nothing real is kept there\" target=tf-openstack\n    }\n}\n";
    let run = Run::new(stack, "tf-openstack", environment);
    run.ends(&["plan", "--detailed-exitcode"], 2);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.edit("network main", "network main cidr=\"10.7.0.0/16\"");
    fs::write(run.folder.path().join("key"), format!("another {SECRET}")).unwrap();
    // The provider makes a new secret for another value.
    run.ok(&["plan", "--param", "api-key=@key", "--allow-replace", "pay"]);
    run.ok(&["destroy", "--yes", "--allow-replace", "pay"]);
    run.edit("tf-openstack\n", "tf-openstack\n        protect #true\n");
    run.ok(&["deploy", "--yes"]);
    run.edit("secret pay", "secret card");
    run.ends(&["deploy", "--yes"], 1);
    run.edit("secret card", "secret pay");
    run.ends(&["destroy", "--yes", "--allow-replace", "pay"], 1);
    run.snapshot("terraform-openstack");
}

#[test]
fn ctrl_c_lets_it_keep_its_state() {
    let run = Run::faked("slow");
    let begun = run.begin(&["deploy", "--yes"], "creating");
    begun.signal("-INT");
    let ended = begun.end();
    run.record(&["deploy", "--yes"], &ended);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    run.ok(&["status"]);
    run.snapshot("terraform-ctrl-c");
}

#[test]
fn ctrl_c_twice_kills_it_after_a_warning() {
    let run = Run::faked("stubborn");
    let mut begun = run.begin(&["deploy", "--yes"], "creating");
    begun.signal("-INT");
    while !begun.said.contains("Ctrl-C once more") {
        assert!(begun.lines.read_line(&mut begun.said).unwrap() > 0);
    }
    begun.signal("-INT");
    let ended = begun.end();
    run.record(&["deploy", "--yes"], &ended);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    run.snapshot("terraform-ctrl-c-twice");
}

#[test]
fn an_apply_outlives_us_and_is_followed_by_the_next() {
    let run = Run::faked("slow");
    let begun = run.begin(&["deploy", "--yes"], "creating");
    begun.signal("-KILL");
    assert_eq!(begun.end().code, None);
    let status = run.ends(&["plan"], 3);
    assert!(status.stderr.contains("an apply is under way"), "{}", status.stderr);
    let next = run.begin(&["deploy", "--yes"], "following that first");
    fs::write(run.folder.path().join("go"), "").unwrap();
    let ended = next.end();
    run.record(&["deploy", "--yes"], &ended);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    run.snapshot("terraform-outlived");
}

#[test]
fn what_could_not_be_saved_comes_first() {
    let run = Run::faked("unsaved");
    run.ends(&["deploy", "--yes"], 3);
    run.ends(&["deploy", "--yes"], 3);
    run.snapshot("terraform-unsaved");
}

#[test]
fn what_is_protected_is_said_at_its_line() {
    let run = Run::faked("protected");
    run.ends(&["plan"], 3);
    run.snapshot("terraform-protected");
    run.edit("value=(get)api-key", "value=(get)api-key protect=#true");
    let protects = || {
        let text = fs::read_to_string(run.folder.path().join(".stackc/tf-aws/main.tf.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap().pointer("/resource/aws_secretsmanager_secret/pay/lifecycle/prevent_destroy").cloned()
    };
    run.ends(&["plan"], 3);
    assert_eq!(protects(), Some(true.into()));
    run.ends(&["plan", "--allow-replace", "pay"], 3);
    assert_eq!(protects(), Some(false.into()));
}

#[test]
fn what_says_nothing_is_stopped() {
    let run = Run::faked("silent").with("STACKC_PATIENCE_MS", "1000");
    let began = Instant::now();
    run.ends(&["plan"], 3);
    assert!(began.elapsed() < Duration::from_secs(40));
    run.snapshot("terraform-silent");
}

#[test]
fn calls_that_cannot_be_right() {
    let run = Run::faked("");
    run.ends(&["events"], 2);
    run.ends(&["plan", "--engine", "no-such-program"], 2);
    run.ends(&["plan", "--state", "s3 region=eu-west-1"], 2);
    run.ends(&["plan", "--role", "arn:aws:iam::1:role/x"], 2);
    let run = run.with("CI", "true");
    run.ends(&["plan"], 2);
    run.edit("stack shop {", "stack shop {\n    state s3 bucket=acme-state key=shop region=eu-west-1");
    run.ends(&["plan", "--instance", "green"], 2);
    let run = run.with("PATH", "/nowhere");
    run.ends(&["plan", "--state", "local"], 2);
    run.snapshot("terraform-calls");
}

#[test]
fn the_lock_file_says_what_terraform_keeps() {
    let run = Run::faked("plain");
    run.ok(&["deploy", "--yes", "--lock", "--instance", "green"]);
    let path = run.folder.path().join("stack.lock.kdl");
    let text = fs::read_to_string(&path).unwrap();
    // Where the state is does not hang on where the command was run, nor on the program.
    assert!(text.contains("stack shop instance=green called=shop-green target=tf-aws place=\"local state\" {"), "{text}");
    assert!(text.contains("resource pay aws_secretsmanager_secret of=\"secret pay\" id=pay-1 guard=data"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("(secret)"), "{text}");
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
