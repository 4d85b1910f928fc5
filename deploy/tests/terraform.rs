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

#[path = "terraform/azurerm.rs"]
mod azurerm;
#[path = "terraform/clouds.rs"]
mod clouds;
#[path = "../../tests/acceptance/engines.rs"]
mod engines;
#[path = "terraform/existing.rs"]
mod existing;
#[path = "terraform/gates.rs"]
mod gates;
#[path = "terraform/gcs.rs"]
mod gcs;
#[path = "terraform/jobs.rs"]
mod jobs;
#[path = "gates/name_server.rs"]
mod name_server;
#[path = "terraform/run.rs"]
mod run;
#[path = "terraform/saved.rs"]
mod saved;
#[path = "terraform/state.rs"]
mod state;
#[path = "terraform/tofu.rs"]
mod tofu;
#[path = "wire/mod.rs"]
mod wire;

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
use run::{Run, SECRET, SHOP, leaks, send};
use std::fs;
use std::io::BufRead;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
    run.ends(&["plan", "--detailed-exitcode"], 4);
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
    run.ends(&["drift", "--detailed-exitcode"], 4);
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
fn a_service_that_ecs_took_back_is_no_deploy_that_was_done() {
    let Some(aws) = Aws::start() else { return };
    let stack = "stack shop {\n    param image default=\"acme/shop:1.2\"\n    network main\n    service web network=main image=(get)image\n}\n";
    let run = Run::new(stack, "tf-aws", aws.environment.clone());
    run.ok(&["deploy", "--yes"]);
    // The provider waits until the service is steady, which it is again with the tasks from before.
    let ended = run.ends(&["deploy", "--yes", "--set", "image=acme/shop:broken"], 3);
    assert!(ended.stderr.contains("circuit breaker took the service back") && ended.stderr.contains("stack.kdl:4"), "{}", ended.stderr);
    let running = "ecs = of('ecs')\nservice = ecs.describe_services(cluster='shop', services=['web-unrouted'])['services'][0]\nprint(ecs.describe_task_definition(taskDefinition=service['taskDefinition'])['taskDefinition']['containerDefinitions'][0]['image'])";
    assert_eq!(aws.behind(running).trim(), "acme/shop:1.2");
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.3"]);
    assert_eq!(aws.behind(running).trim(), "acme/shop:1.3");
    run.ok(&["plan", "--set", "image=acme/shop:1.3", "--detailed-exitcode"]);
}

#[test]
fn one_killed_in_the_middle_is_gone_on_with() {
    let Some(aws) = Aws::start() else { return };
    let stack = SHOP.replace("registry images keep=20", "bucket images versioned=#true").replace("images.url", "images.domain");
    let run = Run::new(&stack, "tf-aws", aws.environment.clone());
    // The provider looks for a while whether the rules are there.
    let begun = run.begin(&["deploy", "--yes", "--long"], "bucket images: lifecycle                      creating");
    let applying = run.applying();
    begun.signal("-KILL");
    send("-KILL", &applying);
    let killed = begun.end();
    assert_eq!(killed.code, None);
    let ended = run.ok(&["deploy", "--yes"]);
    assert!(ended.stderr.contains(": 1 to add\n"), "the bucket is made twice:\n{}", ended.stderr);
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
    run.ends(&["plan", "--detailed-exitcode"], 4);
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
fn what_lies_in_the_folder_and_is_not_ours_is_not_run() {
    let run = Run::faked("");
    run.ok(&["deploy", "--yes"]);
    let folder = run.folder.path().join(".stackc/tf-aws");
    for name in ["evil.tf", "main_override.tf.json", "x.tofu", "terraform.tfvars", "a.auto.tfvars.json", ".terraform/environment"] {
        fs::create_dir_all(folder.join(".terraform")).unwrap();
        fs::write(folder.join(name), "other").unwrap();
        for verb in [&["plan"][..], &["deploy", "--yes"], &["outputs"], &["drift"], &["destroy", "--yes"]] {
            let ended = run.ends(verb, 2);
            assert!(ended.stderr.contains(name) && ended.stderr.contains("nothing was done"), "{verb:?} with {name}: {}", ended.stderr);
        }
        fs::remove_file(folder.join(name)).unwrap();
    }
    // What would be written there must not be written elsewhere.
    let elsewhere = run.folder.path().join("elsewhere");
    fs::write(&elsewhere, "kept").unwrap();
    fs::remove_file(folder.join("main.tf.json")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("main.tf.json")).unwrap();
    run.ends(&["plan"], 2);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
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
    run.ends(&["plan", "--instance", "green"], 1);
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
    assert!(text.contains("stack shop instance=green target=tf-aws place=\"local state\" {"), "{text}");
    assert!(text.contains("resource pay aws_secretsmanager_secret of=\"secret pay\" id=pay-1 guard=data"), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("(secret)"), "{text}");
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

/// `network main` has a part `internet`, and the database is called `main-internet`: what is about to be replaced is the database.
#[test]
fn a_name_that_two_types_have_does_not_hide_a_database() {
    let run = Run::faked("namesakes");
    run.edit("registry images keep=20", "registry images keep=20\n    network main\n    database main-internet network=main engine=postgres version=\"16\"");
    let ended = run.ends(&["deploy", "--yes"], 1);
    assert!(ended.stderr.contains("D0703") && ended.stderr.contains("database main-internet"), "{}", ended.stderr);
    assert!(!run.folder.path().join(".stackc/tf-aws/state").exists(), "something was applied");
    let plan = run.any(&["plan"]);
    assert!(plan.stdout.contains("database main-internet") && plan.stdout.contains("network main: internet"), "{}", plan.stdout);
}
