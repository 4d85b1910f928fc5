//! Who asks, as Azure's own library finds out. It comes without a client of its own: ours, with its one TLS, is given to it.

use super::super::rest::{self, Rest};
use super::super::wire::{Fault, Pace};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::{Error, ErrorKind, Result as AzureResult};
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport};
use azure_identity as identity;
use std::cell::RefCell;
use std::sync::Arc;

/// What to do when there is nobody to ask as.
pub const HOW: &str =
    "no credentials for Azure: log in with `az login`, or set AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE";
/// How to log in again.
pub const AGAIN: &str = "log in again (`az login`), or renew what the environment has";

/// How credentials are come by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A secret of an application.
    Secret { tenant: String, client: String, secret: String },
    /// A token that another gives, such as a cluster or a pipeline.
    Federated { tenant: String, client: String, file: String },
    /// The identity of what it runs on, which says where to ask for it.
    Managed { client: Option<String> },
    /// The identity of the machine.
    Machine { client: Option<String> },
    /// Who logged in with the Azure CLI.
    Cli,
}

impl Way {
    /// The first way that the environment has all for, in the order of Azure's own tools; the machine's own identity comes last, since asking for it takes
    /// its time where there is none.
    ///
    /// # Errors
    /// Says what a way lacks that was begun.
    pub fn find(get: &dyn Fn(&str) -> Option<String>, has_cli: bool) -> Result<Way, String> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let (tenant, client) = (get("AZURE_TENANT_ID"), get("AZURE_CLIENT_ID"));
        let with = [("AZURE_CLIENT_SECRET", get("AZURE_CLIENT_SECRET")), ("AZURE_FEDERATED_TOKEN_FILE", get("AZURE_FEDERATED_TOKEN_FILE"))];
        for (name, value) in with {
            let Some(value) = value else { continue };
            return match (tenant, client) {
                (Some(tenant), Some(client)) if name == "AZURE_CLIENT_SECRET" => Ok(Way::Secret { tenant, client, secret: value }),
                (Some(tenant), Some(client)) => Ok(Way::Federated { tenant, client, file: value }),
                (None, _) => Err(format!("{name} is set, and AZURE_TENANT_ID is not")),
                (_, None) => Err(format!("{name} is set, and AZURE_CLIENT_ID is not")),
            };
        }
        Ok(match (get("IDENTITY_ENDPOINT"), has_cli) {
            (Some(_), _) => Way::Managed { client },
            (None, true) => Way::Cli,
            (None, false) => Way::Machine { client },
        })
    }
}

/// Tokens for one audience.
#[derive(Debug)]
pub struct Login {
    way: Way,
    scope: String,
    transport: Transport,
    pace: Pace,
    credential: RefCell<Option<Arc<dyn TokenCredential>>>,
}

impl Login {
    /// Asks for tokens for what answers at an address.
    pub fn new(way: Way, audience: &str, rest: &Rest, pace: Pace) -> Login {
        let transport = Transport::new(Arc::new(Client(rest.client().clone())));
        Login { way, scope: format!("{}/.default", audience.trim_end_matches('/')), transport, pace, credential: RefCell::default() }
    }

    /// A token; the library keeps it until it ends.
    ///
    /// # Errors
    /// The faults of whoever gives tokens.
    pub async fn token(&self) -> Result<String, Fault> {
        let known = self.credential.borrow().clone();
        let credential = match known {
            Some(credential) => credential,
            None => {
                let made = self.made().map_err(|error| self.fault(&error))?;
                self.credential.borrow_mut().insert(made).clone()
            }
        };
        let scopes = [self.scope.as_str()];
        match tokio::time::timeout(self.pace.answer, credential.get_token(&scopes, None)).await {
            Ok(Ok(token)) => Ok(token.token.secret().to_owned()),
            Ok(Err(error)) => Err(self.fault(&error)),
            Err(_) => Err(Fault::Lost("it took too long to log in".to_owned())),
        }
    }

    /// Forgets the token that is kept, since it is no longer taken.
    pub fn forget(&self) {
        self.credential.borrow_mut().take();
    }

    fn made(&self) -> AzureResult<Arc<dyn TokenCredential>> {
        // Whether to try again is decided by who asks.
        let client_options = ClientOptions { transport: Some(self.transport.clone()), retry: RetryOptions::none(), ..ClientOptions::default() };
        Ok(match &self.way {
            Way::Secret { tenant, client, secret } => {
                let options = identity::ClientSecretCredentialOptions { client_options };
                identity::ClientSecretCredential::new(tenant, client.clone(), Secret::new(secret.clone()), Some(options))?
            }
            Way::Federated { tenant, client, file } => {
                let credential_options = identity::ClientAssertionCredentialOptions { client_options };
                identity::WorkloadIdentityCredential::new(Some(identity::WorkloadIdentityCredentialOptions {
                    credential_options,
                    client_id: Some(client.clone()),
                    tenant_id: Some(tenant.clone()),
                    token_file_path: Some(file.into()),
                }))?
            }
            Way::Managed { client } | Way::Machine { client } => {
                let user_assigned_id = client.clone().map(identity::UserAssignedId::ClientId);
                identity::ManagedIdentityCredential::new(Some(identity::ManagedIdentityCredentialOptions { user_assigned_id, client_options }))?
            }
            Way::Cli => identity::AzureCliCredential::new(None)?,
        })
    }

    /// What an error of the library comes to.
    fn fault(&self, error: &Error) -> Fault {
        let mut inner = error;
        while let Some(source) = std::error::Error::source(inner) {
            if let Some(Passing(status)) = source.downcast_ref::<Passing>() {
                let text = format!("{status} from whoever gives tokens");
                return if *status == 429 { Fault::Throttled(text) } else { Fault::Lost(text) };
            }
            if let Some(Unanswered(fault)) = source.downcast_ref::<Unanswered>()
                && !matches!(self.way, Way::Machine { .. })
            {
                return fault.clone();
            }
            let Some(source) = source.downcast_ref::<Error>() else { break };
            inner = source;
        }
        let text = inner.to_string();
        let text = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason was given").to_owned();
        match inner.kind() {
            _ if matches!(self.way, Way::Secret { .. } | Way::Federated { .. }) => {
                Fault::NoCredentials("Azure does not take the credentials of the environment", text)
            }
            _ => Fault::NoCredentials(HOW, text),
        }
    }
}

/// A status that passes: whoever gives tokens is out of order, or is asked too often.
#[derive(Debug)]
struct Passing(u16);

impl std::fmt::Display for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl std::error::Error for Passing {}

/// A call to whoever gives tokens that brought no answer. The address is left out: it can hold a secret.
#[derive(Debug)]
struct Unanswered(Fault);

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Fault::Lost(text) | Fault::Unreachable(text) | Fault::Untrusted(text) => f.write_str(text),
            _ => f.write_str("no answer"),
        }
    }
}

impl std::error::Error for Unanswered {}

/// An answer as the library can read it: a refusal's description has line breaks, and of a text with any the library (1.0.0) says only that it is no text.
fn eased(status: u16, body: Vec<u8>) -> AzureResult<Vec<u8>> {
    if status == 429 || status >= 500 {
        return Err(Error::new(ErrorKind::Io, Passing(status)));
    }
    let refusal = if status >= 400 { serde_json::from_slice::<serde_json::Value>(&body).ok() } else { None };
    let Some(mut refusal) = refusal else { return Ok(body) };
    let Some(text) = refusal.get_mut("error_description") else { return Ok(body) };
    let first: String =
        text.as_str().unwrap_or_default().lines().next().unwrap_or_default().replace(['"', '\\'], "'").chars().filter(|c| !c.is_control()).collect();
    *text = first.into();
    Ok(refusal.to_string().into_bytes())
}

/// Our client, as Azure's library calls one.
#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> AzureResult<AsyncRawResponse> {
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes()).map_err(|error| Error::new(ErrorKind::Other, error))?;
        let mut call = self.0.request(method, request.url().clone());
        for (name, value) in request.headers().iter() {
            call = call.header(name.as_str(), value.as_str());
        }
        if let Body::Bytes(bytes) = request.body() {
            call = call.body(bytes.clone());
        }
        let lost = |error: reqwest::Error| {
            let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
            Error::new(kind, Unanswered(rest::fault(&error)))
        };
        let answer = call.send().await.map_err(lost)?;
        let status = answer.status().as_u16();
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.as_str().to_owned()), value.to_owned());
            }
        }
        let bytes = rest::whole(answer).await.map_err(|fault| Error::new(ErrorKind::Io, Unanswered(fault)))?;
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, eased(status, bytes)?))
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    /// Whoever gives tokens, played: an answer, and what was asked.
    #[derive(Debug)]
    struct Giver(u16, &'static str, Mutex<Vec<String>>);

    #[async_trait::async_trait]
    impl HttpClient for Giver {
        async fn execute_request(&self, request: &Request) -> AzureResult<AsyncRawResponse> {
            let body = if let Body::Bytes(bytes) = request.body() { String::from_utf8_lossy(bytes).into_owned() } else { String::new() };
            self.2.lock().unwrap().push(format!("{} {body}", request.url()));
            Ok(AsyncRawResponse::from_bytes(self.0.into(), Headers::new(), eased(self.0, self.1.as_bytes().to_vec())?))
        }
    }

    const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"a-token"}"#;

    fn asked(way: Way, status: u16, body: &'static str) -> (Vec<String>, Result<String, Fault>) {
        let giver = Arc::new(Giver(status, body, Mutex::default()));
        let pace = Pace { poll: Duration::ZERO, patience: Duration::from_secs(60), answer: Duration::from_secs(60) };
        let transport = Transport::new(giver.clone());
        let login = Login { way, scope: "https://management.azure.com/.default".to_owned(), transport, pace, credential: RefCell::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime.block_on(login.token());
        if first.is_ok() {
            // It is kept, until it is forgotten.
            runtime.block_on(login.token()).unwrap();
            login.forget();
            runtime.block_on(login.token()).unwrap();
        }
        let seen = giver.2.lock().unwrap().clone();
        (seen, first)
    }

    fn secret() -> Way {
        Way::Secret { tenant: "a-tenant".to_owned(), client: "a-client".to_owned(), secret: "a-secret".to_owned() }
    }

    #[test]
    fn an_application_logs_in_with_its_secret() {
        let (seen, token) = asked(secret(), 200, TOKEN);
        assert_eq!(token.as_deref(), Ok("a-token"));
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].starts_with("https://login.microsoftonline.com/a-tenant/oauth2/v2.0/token "), "{seen:?}");
        assert!(seen[0].contains("client_secret=a-secret") && seen[0].contains("scope=https%3A%2F%2Fmanagement.azure.com%2F.default"), "{seen:?}");
    }

    #[test]
    fn a_cluster_or_a_pipeline_logs_in_with_a_token_of_another() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "an-assertion").unwrap();
        let way = Way::Federated { tenant: "a-tenant".to_owned(), client: "a-client".to_owned(), file: file.path().display().to_string() };
        let (seen, token) = asked(way, 200, TOKEN);
        assert_eq!(token.as_deref(), Ok("a-token"));
        assert!(seen[0].contains("client_assertion=an-assertion"), "{seen:?}");
    }

    #[test]
    fn a_refused_login_says_why_and_shows_no_secret() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1","error_codes":[7000215]}"#;
        let (_, token) = asked(secret(), 401, body);
        let Err(Fault::NoCredentials(_, text)) = token else { panic!("{token:?}") };
        assert!(text.starts_with("AADSTS7000215") && !text.contains("a-secret"), "{text}");
        // Whoever gives tokens can be out of order, too, and that passes.
        assert!(matches!(asked(secret(), 503, "").1, Err(Fault::Lost(_))));
        assert!(matches!(asked(secret(), 429, "").1, Err(Fault::Throttled(_))));
    }

    #[test]
    fn the_way_follows_from_the_environment() {
        let find = |set: &'static [(&'static str, &'static str)], cli| {
            Way::find(&|name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()), cli)
        };
        assert_eq!(find(&[("AZURE_TENANT_ID", "a-tenant"), ("AZURE_CLIENT_ID", "a-client"), ("AZURE_CLIENT_SECRET", "a-secret")], true), Ok(secret()));
        assert_eq!(find(&[("IDENTITY_ENDPOINT", "x"), ("AZURE_CLIENT_ID", "c")], true), Ok(Way::Managed { client: Some("c".to_owned()) }));
        assert_eq!((find(&[], true), find(&[], false)), (Ok(Way::Cli), Ok(Way::Machine { client: None })));
        assert!(matches!(find(&[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_FEDERATED_TOKEN_FILE", "f")], false), Ok(Way::Federated { .. })));
        let missing = find(&[("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "t")], true);
        assert_eq!(missing, Err("AZURE_CLIENT_SECRET is set, and AZURE_CLIENT_ID is not".to_owned()));
    }
}
