//! What becomes of a call when it is not the cloud that answers: nobody, somebody whose certificate proves nothing, a proxy, a cloud whose clock
//! goes otherwise. Each is told at once, though a fault that passes would be waited out for minutes.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// What waits for a fault that passes waits for longer.
const AT_ONCE: Duration = Duration::from_secs(30);

const STACK: &str = "stack shop {\n    bucket media\n}\n";

/// How a run ended.
struct Ended {
    code: Option<i32>,
    text: String,
    took: Duration,
}

/// A plan for a target whose cloud is said to be at this address.
fn plan(target: &str, cloud: &str, more: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), STACK).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackc-deploy"));
    command.args(["plan", "--no-input"]).current_dir(folder.path()).env_clear().envs([("HOME", "/nowhere"), ("STACKC_TARGET", target)]);
    command.envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "not-a-real-key"), ("AWS_REGION", "eu-west-1")]);
    command.envs([("OS_USERNAME", "ci"), ("OS_PASSWORD", "not-a-real-one"), ("OS_PROJECT_NAME", "shop"), ("OS_AUTH_URL", cloud)]);
    command.envs([("AZURE_SUBSCRIPTION_ID", "a-subscription"), ("IDENTITY_HEADER", "not-a-real-one"), ("IDENTITY_ENDPOINT", cloud)]);
    command.env("STACKC_PARAM_OBJECT_STORE", "swift.example/v1/AUTH_shop").env("STACKC_ENDPOINT_URL", cloud);
    command.envs(more.iter().copied());
    let began = Instant::now();
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    Ended { code: output.status.code(), text, took: began.elapsed() }
}

/// Answers everybody who comes by a thread of its own, which ends with the tests.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    port
}

/// A server with a certificate that it made itself.
fn unknown() -> u16 {
    static RING: Once = Once::new();
    RING.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let chain = vec![made.cert.der().clone()];
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
    let config = Arc::new(config);
    serve(move |mut stream| {
        let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        // Who does not trust it hangs up.
        while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
    })
}

/// The first line of what the next one who comes says; then it is refused.
fn first_lines() -> (u16, Receiver<String>) {
    let (sender, lines) = channel();
    let port = serve(move |mut stream| {
        let mut piece = [0; 2048];
        let length = stream.read(&mut piece).unwrap_or_default();
        let text = String::from_utf8_lossy(&piece[..length]).into_owned();
        let _ = sender.send(text.lines().next().unwrap_or_default().to_owned());
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    (port, lines)
}

#[test]
fn an_address_where_nobody_is_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for target in ["cfn", "hot", "arm"] {
        let ended = plan(target, &format!("http://127.0.0.1:{free}"), &[]);
        assert_eq!(ended.code, Some(3), "{target}: {}", ended.text);
        assert!(ended.text.contains("the cloud cannot be reached"), "{target}: {}", ended.text);
        assert!(ended.took < AT_ONCE, "{target} took {:?}", ended.took);
    }
}

#[test]
fn a_certificate_that_proves_nothing_is_told_at_once() {
    let port = unknown();
    for target in ["cfn", "hot", "arm"] {
        let ended = plan(target, &format!("https://127.0.0.1:{port}"), &[]);
        assert_eq!(ended.code, Some(3), "{target}: {}", ended.text);
        assert!(ended.text.contains("cannot prove that it is the cloud"), "{target}: {}", ended.text);
        assert!(ended.took < AT_ONCE, "{target} took {:?}", ended.took);
    }
}

#[test]
fn every_engine_goes_through_the_proxy_that_the_environment_names() {
    let (port, lines) = first_lines();
    let proxy = format!("http://127.0.0.1:{port}");
    for target in ["cfn", "hot", "arm"] {
        let ended = plan(target, "https://cloud.example", &[("HTTPS_PROXY", &proxy), ("STACKC_PATIENCE_MS", "500")]);
        assert_ne!(ended.code, Some(0), "{target}: {}", ended.text);
        let line = lines.recv_timeout(AT_ONCE).unwrap_or_else(|_| panic!("{target} does not ask the proxy: {}", ended.text));
        assert!(line.starts_with("CONNECT cloud.example:443 "), "{target}: {line}");
        while lines.try_recv().is_ok() {}
        let ended = plan(target, "https://127.0.0.1:1", &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")]);
        assert!(ended.text.contains("the cloud cannot be reached"), "{target}: {}", ended.text);
        assert!(lines.try_recv().is_err(), "{target} asks the proxy for what NO_PROXY has");
    }
}

#[test]
fn a_clock_that_is_off_is_no_wrong_password() {
    let text = "Signature expired: 20261128T090000Z is now earlier than 20261128T094500Z (20261128T100000Z - 15 min.)";
    let port = serve(move |mut stream| {
        let mut piece = [0; 8192];
        let _ = stream.read(&mut piece);
        let body = format!("<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{text}</Message></Error></ErrorResponse>");
        let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length";
        let _ = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    });
    let ended = plan("cfn", &format!("http://127.0.0.1:{port}"), &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.text);
    assert!(ended.text.contains("Signature expired") && ended.text.contains("set this machine's clock"), "{}", ended.text);
}
