//! How Docker on this machine logs in to a registry, which who pushes has to do anyway: its `config.json`, and the
//! programs that keep passwords for it.

use aws_smithy_types::base64;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program that asks somebody is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Password(String, String),
    /// A token that another token is had for.
    Token(String),
}

/// How Docker would log in; none when it would not.
pub async fn login(host: &str) -> Option<Login> {
    let config: Value = serde_json::from_slice(&std::fs::read(folder()?.join("config.json")).ok()?).ok()?;
    let names = names(host);
    let of = |section: &str| names.iter().find_map(|name| config.get(section)?.get(name));
    let helper = of("credHelpers").or_else(|| config.get("credsStore")).and_then(Value::as_str);
    if let Some(found) = helper {
        let (program, host) = (format!("docker-credential-{found}"), names.first().cloned().unwrap_or_default());
        let asked = tokio::task::spawn_blocking(move || helped(&program, &host));
        if let Ok(Ok(Some(login))) = tokio::time::timeout(PATIENCE, asked).await {
            return Some(login);
        }
    }
    written(of("auths")?)
}

/// What the file itself has.
fn written(entry: &Value) -> Option<Login> {
    if let Some(token) = entry.get("identitytoken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
        return Some(Login::Token(token.to_owned()));
    }
    let decoded = base64::decode(entry.get("auth")?.as_str()?).ok()?;
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Login::Password(name.to_owned(), password.trim_end_matches('\0').to_owned()))
}

fn helped(program: &str, host: &str) -> Option<Login> {
    let mut child = Command::new(program).arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    child.stdin.take()?.write_all(host.as_bytes()).ok()?;
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    let said: Value = serde_json::from_slice(&output.stdout).ok()?;
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    let (name, secret) = (text("Username")?, text("Secret")?);
    // The protocol of credential helpers: this name says that the secret is such a token.
    Some(if name == "<token>" { Login::Token(secret) } else { Login::Password(name, secret) })
}

/// What a registry goes by in the file; Docker's own has a name from before.
fn names(host: &str) -> Vec<String> {
    let mut names = vec![host.to_owned(), format!("https://{host}")];
    if host == "registry-1.docker.io" {
        names.insert(0, "https://index.docker.io/v1/".to_owned());
    }
    names
}

fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DOCKER_CONFIG").or_else(|| Some(set("HOME").or_else(|| set("USERPROFILE"))?.join(".docker")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_docker_wrote_is_read() {
        assert_eq!(written(&json!({ "auth": base64::encode("me:p:w") })), Some(Login::Password("me".to_owned(), "p:w".to_owned())));
        let azure = json!({ "auth": base64::encode("00000000-0000-0000-0000-000000000000:"), "identitytoken": "t" });
        assert_eq!(written(&azure), Some(Login::Token("t".to_owned())));
        assert_eq!(written(&json!({})), None);
    }
}
