//! A state in Azure's Blob Storage: the real Terraform's backend `azurerm`, led to a fake of what it uses of the service (`tests/engines/azure_blobs.py`).

use crate::engines;
use crate::product::root;
use crate::state::{provided, run_with};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const STACK: &str = "stack shop {\n    state azurerm storage_account_name=acmestate container_name=state\n    network main\n}\n";

/// The key of the storage account.
const KEY: &str = "dGhlIGFjY291bnQga2V5IG9mIGFjbWVzdGF0ZQ==";

/// The fake. It ends with this value.
struct Blobs {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Blobs {
    fn start() -> Option<Blobs> {
        let (python, folder) = (engines::python()?, TempDir::new().unwrap());
        let log = folder.path().join("log");
        let mut command = Command::new(python);
        command.arg(root().join("tests/engines/azure_blobs.py")).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut blobs = Blobs { child, port: 0, folder };
        blobs.port = line.trim().parse().unwrap_or_else(|_| panic!("it did not come up: {}", fs::read_to_string(log).unwrap_or_default()));
        Some(blobs)
    }

    /// Asks the fake itself.
    fn ask(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "{method} /{path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_life_with_its_state_in_blob_storage() {
    let (Some(provided), Some(blobs)) = (provided(), Blobs::start()) else { return };
    let run = run_with(&provided, STACK).with("HTTPS_PROXY", &format!("http://127.0.0.1:{}", blobs.port));
    let run = run.with("SSL_CERT_FILE", blobs.folder.path().join("ca.pem").to_str().unwrap()).with("ARM_ACCESS_KEY", KEY);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    let all = blobs.ask("GET", "", "");
    let names: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(names, ["state/stackc/shop-green/tf-openstack.tfstate", "state/stackc/shop/tf-openstack.tfstate"]);

    run.note("somebody else holds the lock");
    let lock = r#"{"ID":"1-2","Operation":"OperationTypeApply","Who":"ana@build","Version":"1.11.4","Created":"2026-11-25T03:36:42Z","Path":"","Info":""}"#;
    blobs.ask("POST", "state/stackc/shop/tf-openstack.tfstate", lock);
    let ended = run.ends(&["plan"], 3);
    assert!(ended.stderr.contains("locked by ana@build since 2026-11-25 03:36:42 (UTC) (apply)"), "{}", ended.stderr);
    run.ok(&["plan", "--instance", "green"]);
    blobs.ask("POST", "state/stackc/shop/tf-openstack.tfstate", "");

    run.ok(&["destroy", "--yes"]);
    run.ok(&["destroy", "--yes", "--instance", "green"]);
    let found = Command::new("grep").args(["-rlF", KEY]).arg(run.folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the key lies in these");
    assert!(!run.log.borrow().contains(KEY));
    run.snapshot("terraform-state-azurerm");
}
