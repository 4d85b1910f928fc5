//! Finding the engines on this machine, and starting each in an environment of the tests' own making.

use crate::product::root;
use serde_json::Value;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where a provider lies below a mirror, after the registry that Terraform takes it to come from.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

/// Longer than any step takes by several times: a provider that waits for what will never come must not hold CI up.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Says something to the one who runs the tests, past the capture of a passing test's output.
pub fn say(line: &str) {
    // A closed standard error is no reason for a test to fail.
    let _ = writeln!(stderr(), "{line}");
}

/// Reports an engine that is not there: a failure in CI, where all of them must be, else one line.
fn missing<T>(engine: &str, how: &str) -> Option<T> {
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "{engine} is missing, and CI must have it: {how}");
    say(&format!("skipped: {engine} is missing ({how})"));
    None
}

/// The pinned Python environment's interpreter, as `cargo xtask venv` makes it.
pub fn python() -> Option<PathBuf> {
    interpreter("STACKC_VENV", "target/venv", "the Python environment with cfn-lint and moto")
}

/// The interpreter of the Python environment with Heat, as `cargo xtask venv` makes it.
pub fn heat() -> Option<PathBuf> {
    interpreter("STACKC_VENV_OPENSTACK", "target/venv-openstack", "the Python environment with Heat")
}

fn interpreter(variable: &str, usual: &str, what: &str) -> Option<PathBuf> {
    let venv = env::var_os(variable).map_or_else(|| root().join(usual), PathBuf::from);
    let python = venv.join("bin/python");
    if !python.is_file() {
        return missing(what, "make it with `cargo xtask venv`");
    }
    Some(python)
}

/// cloud-init's modules with an interpreter that has what they need, by the environment in which they are found.
pub fn cloud_init() -> Option<(PathBuf, Vec<(&'static str, PathBuf)>)> {
    let python = python()?;
    let unpacked = root().join("target/cloud-init/usr/lib/python3/dist-packages");
    let installed = PathBuf::from("/usr/lib/python3/dist-packages");
    let Some(modules) = [unpacked, installed].into_iter().find(|folder| folder.join("cloudinit").is_dir()) else {
        return missing("cloud-init", "`cargo xtask venv` unpacks Debian's package where apt-get is there");
    };
    Some((python, vec![("PYTHONPATH", modules)]))
}

/// Terraform, the mirror that it takes the provider from, and a folder for what it is given.
pub struct Terraform {
    scratch: TempDir,
}

/// Terraform with the AWS provider, or a line on how to get what is missing.
pub fn terraform() -> Option<Terraform> {
    let terraform = terraform_core()?;
    let Some(mirror) = mirror() else {
        let how = "`terraform providers mirror DIR` makes one; name it in STACKC_TF_MIRROR";
        return missing("a mirror with the provider hashicorp/aws", how);
    };
    let mirror = mirror.to_str().expect("the mirror's path as text");
    terraform.configure(&format!("provider_installation {{\n  filesystem_mirror {{\n    path = {}\n  }}\n}}\n", Value::from(mirror)));
    Some(terraform)
}

/// Terraform without any provider of its own.
pub fn terraform_core() -> Option<Terraform> {
    let version = Command::new("terraform").arg("version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return missing("terraform", "install Terraform 1.11 or later so that it is on PATH");
    }
    let terraform = Terraform { scratch: TempDir::new().unwrap() };
    terraform.configure("");
    Some(terraform)
}

/// A folder that holds the provider: named in the environment, or one of those that Terraform itself would look into,
/// or one below `/opt`, where machine images put such things.
fn mirror() -> Option<PathBuf> {
    if let Some(named) = env::var_os("STACKC_TF_MIRROR") {
        return Some(PathBuf::from(named));
    }
    let mut candidates: Vec<PathBuf> = Vec::new();
    candidates.extend(env::var_os("TF_PLUGIN_CACHE_DIR").map(PathBuf::from));
    candidates.extend(env::var_os("HOME").map(|home| Path::new(&home).join(".terraform.d/plugins")));
    candidates.push(PathBuf::from("/usr/local/share/terraform/plugins"));
    candidates.push(PathBuf::from("/usr/share/terraform/plugins"));
    let mut below: Vec<PathBuf> = fs::read_dir("/opt").map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    below.sort();
    candidates.extend(below);
    candidates.into_iter().find(|folder| folder.join(PROVIDER).is_dir())
}

impl Terraform {
    fn configure(&self, providers: &str) {
        fs::write(self.scratch.path().join("terraform.rc"), format!("{providers}disable_checkpoint = true\n")).unwrap();
    }

    /// The file that tells Terraform where its providers are.
    pub fn configuration(&self) -> PathBuf {
        self.scratch.path().join("terraform.rc")
    }

    /// A new empty folder to run Terraform in.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    }

    /// Terraform in a folder, with nothing from the caller's environment that could steer it or reach a real cloud.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("TF_") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        command.args(arguments).current_dir(folder).env("TF_CLI_CONFIG_FILE", self.configuration()).env("TF_IN_AUTOMATION", "1").env("TF_INPUT", "0");
        command
    }

    /// Runs Terraform to its end, whatever that is.
    pub fn run<V: AsRef<OsStr>>(&self, folder: &Path, arguments: &[&str], environment: &[(String, V)]) -> Output {
        // Into files, because a pipe that nobody reads would stop a long run.
        let (out, err) = (folder.join("stdout.log"), folder.join("stderr.log"));
        let mut child = self
            .command(folder, arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .expect("terraform starts");
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > PATIENCE {
                interrupt(&mut child);
                panic!("terraform {} did not end:\n{}", arguments.join(" "), fs::read_to_string(&out).unwrap());
            }
            sleep(Duration::from_millis(20));
        };
        Output { status, stdout: fs::read(out).unwrap(), stderr: fs::read(err).unwrap() }
    }

    /// Runs Terraform and fails the test with all that it said if it does not succeed.
    pub fn expect<V: AsRef<OsStr>>(&self, folder: &Path, arguments: &[&str], environment: &[(String, V)]) -> String {
        let output = self.run(folder, arguments, environment);
        assert!(output.status.success(), "terraform {} failed:\n{}", arguments.join(" "), both(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Ends Terraform the way that lets it end its providers too, and then for certain.
fn interrupt(child: &mut Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() && asked.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(100));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// All that a program said.
pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A moto server of the test's own. It ends with this value.
pub struct Moto {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Moto {
    /// Starts the server, which chooses its port itself, so that tests that run side by side never meet.
    pub fn start(python: &Path, folder: &Path) -> Moto {
        Moto::start_with(python, folder, &[])
    }

    /// The same, with arguments of its own: `--cloudformation` gives it one that works.
    pub fn start_with(python: &Path, folder: &Path, arguments: &[&str]) -> Moto {
        let log = folder.join("moto.log");
        let mut child = Command::new(python)
            .arg(root().join("tests/engines/moto_server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("the moto server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // From here on the child is ended with the value, even if it did not come up.
        let mut moto = Moto { child, port: 0, log };
        moto.port = line.trim().parse().unwrap_or_else(|_| panic!("moto did not come up:\n{}", moto.log()));
        moto
    }

    /// What makes the provider take this server for AWS.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// What the server complained about, for the message of a test that fails.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A provider that knows a schema and no cloud, served to Terraform's core. It ends with this value.
pub struct SchemaProvider {
    child: Child,
    /// What makes Terraform take it for the provider.
    attach: String,
}

impl SchemaProvider {
    /// Serves schemas: JSON as Terraform prints it, or facts followed by the provider's own arguments.
    pub fn start(python: &Path, schemas: &[String], folder: &Path) -> SchemaProvider {
        let log = folder.join("provider.log");
        let mut child = Command::new(python)
            .arg(root().join("tests/engines/schema_provider.py"))
            .args(schemas)
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("the provider starts");
        let mut attach = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut attach).unwrap();
        let provider = SchemaProvider { child, attach: attach.trim().to_owned() };
        assert!(provider.attach.starts_with('{'), "the provider did not come up:\n{}", fs::read_to_string(log).unwrap_or_default());
        provider
    }

    /// The environment in which Terraform finds it.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("TF_REATTACH_PROVIDERS".to_owned(), self.attach.clone())]
    }
}

impl Drop for SchemaProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
