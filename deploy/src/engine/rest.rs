//! JSON over HTTP, for clouds whose client is no more than that: one connection pool, an answer's status turned into what can be done about it.

use super::wire::{self, Fault, Pace};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// An answer is no larger: a template has 4 MiB at most, and a plan says each of its 800 resources twice.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How much of a text from elsewhere is shown, in characters.
const MOST_SHOWN: usize = 2_000;

/// A client of one cloud.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client,
    pace: Pace,
    /// How to log in again, told when the cloud no longer takes the credentials.
    again: &'static str,
    /// Until when the cloud asked to be left alone (`Retry-After`).
    asked: Rc<Cell<Option<Instant>>>,
}

/// What came back, and was no fault.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status, below 400.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null where it is none.
    pub body: Value,
}

impl Answer {
    /// The body, if it is an object with these fields, of which the last is the one that matters.
    ///
    /// # Errors
    /// [`Fault::Strange`] for everything else: what does not have the shape that an API promises says nothing.
    pub fn with(&self, path: &str, is: fn(&Value) -> bool) -> Result<&Value, Fault> {
        has(&self.body, path, is)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is at a path of an answer, if it is what the API promises.
///
/// # Errors
/// See [`Answer::with`].
pub fn has<'v>(body: &'v Value, path: &str, is: fn(&Value) -> bool) -> Result<&'v Value, Fault> {
    let strange = || Fault::Strange(format!("it has no `{}` as it should", path.trim_start_matches('/').replace('/', ".")));
    body.pointer(path).filter(|value| is(value)).ok_or_else(strange)
}

/// Whether a value is a text that is not empty.
pub fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// GET, PUT, POST, PATCH, DELETE.
    pub method: Method,
    /// The whole address.
    pub url: &'r str,
    /// Further headers; one that is called like a credential is never shown.
    pub headers: Vec<(&'static str, String)>,
    /// A body.
    pub body: Option<&'r Value>,
    /// Whether the answer may be another address, which nobody follows here.
    pub leads_on: bool,
}

impl Rest {
    /// A client that waits so long for an answer. `roots` are certificates in PEM that are trusted besides those of the machine.
    ///
    /// # Errors
    /// Says what is wrong with the certificates.
    pub fn new(pace: Pace, again: &'static str, roots: &[u8]) -> Result<Rest, String> {
        // A second provider of cryptography would be linked in without this: the clouds' clients share one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder().timeout(pace.answer).connect_timeout(pace.answer.min(Duration::from_secs(10)));
        builder = builder.user_agent(concat!("stackc/", env!("CARGO_PKG_VERSION"))).redirect(reqwest::redirect::Policy::none());
        for certificate in reqwest::Certificate::from_pem_bundle(roots).map_err(|error| format!("{error}"))? {
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map(|client| Rest { client, pace, again, asked: Rc::default() }).map_err(|error| why(&error))
    }

    /// What sends, for a cloud's own library that brings none.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for as long as the cloud asked for; when that is longer than anybody waits, nothing is sent.
    async fn left_alone(&self) -> Result<(), Fault> {
        let Some(left) = self.asked.get().map(|until| until.saturating_duration_since(Instant::now())) else { return Ok(()) };
        if left > self.pace.patience {
            return Err(Fault::Throttled(format!("it asks to wait {} s", left.as_secs_f64().ceil())));
        }
        tokio::time::sleep(left).await;
        self.asked.set(None);
        Ok(())
    }

    /// Sends it once.
    ///
    /// # Errors
    /// [`Fault::Said`] has the status as its code, and what `reason` finds in the body (or the body's first line) as its text.
    pub async fn send(&self, request: &Request<'_>, reason: fn(&Value) -> Option<String>) -> Result<Answer, Fault> {
        self.left_alone().await?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let value = HeaderValue::from_str(value).map_err(|_| Fault::Said("400".to_owned(), format!("{name} cannot be sent: it is no text of one line")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let mut call = self.client.request(request.method.clone(), request.url).headers(headers);
        if let Some(body) = request.body {
            call = call.json(body);
        }
        let answer = call.send().await.map_err(|error| fault(&error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = whole(answer).await?;
        if (300..400).contains(&status) {
            return if request.leads_on {
                Ok(Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() })
            } else {
                Err(Fault::Strange(format!("{status}: look elsewhere, at {}", host(headers.get("location")))))
            };
        }
        let read: Result<Value, serde_json::Error> = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        if status < 400 {
            if matches!(status, 202 | 204) {
                // Taken, and nothing said of it: Heat puts a sentence there.
                return Ok(Answer { status, headers, body: read.unwrap_or_default() });
            }
            let body = read.map_err(|_| Fault::Strange(format!("no JSON, but {}", beginning(&bytes))))?;
            return Ok(Answer { status, headers, body });
        }
        let body = read.unwrap_or_default();
        if let (429 | 503, Some(wait)) = (status, headers.get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok())) {
            self.asked.set(Instant::now().checked_add(Duration::from_secs(wait)));
        }
        let own = reason(&body);
        if status == 404 && own.is_none() {
            // Any server in between can say so of an address that it does not know.
            return Err(Fault::Strange(format!("404 without the cloud's own reason, but {}", beginning(&bytes))));
        }
        let text = own.map_or_else(|| beginning(&bytes), |text| bounded(&text));
        Err(match status {
            401 => Fault::Expired(text, self.again),
            429 => Fault::Throttled(text),
            408 | 500.. => Fault::Lost(format!("{status} {text}")),
            _ => Fault::Said(status.to_string(), text),
        })
    }
}

/// The body of an answer.
///
/// # Errors
/// [`Fault::Strange`] when it is larger than any answer of a cloud.
pub async fn whole(mut answer: reqwest::Response) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(Fault::Strange(format!("it does not end after {} MiB", MOST_BYTES / 1024 / 1024)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The server that an address names; of the rest a part can be secret.
fn host(location: Option<&HeaderValue>) -> String {
    let text = location.and_then(|text| text.to_str().ok()).unwrap_or_default();
    let server = text.split_once("://").map(|(scheme, rest)| format!("{scheme}://{}", rest.split(['/', '?', '#']).next().unwrap_or_default()));
    server.map_or_else(|| "an address of the same server".to_owned(), |server| bounded(&server))
}

/// How an answer begins, for a person.
fn beginning(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(4 * MOST_SHOWN)).unwrap_or(bytes);
    String::from_utf8_lossy(start).lines().map(str::trim).find(|line| !line.is_empty()).map_or("nothing at all".to_owned(), bounded)
}

/// A text of which a person sees no more than a few lines.
pub fn bounded(text: &str) -> String {
    if text.chars().count() <= MOST_SHOWN { text.to_owned() } else { text.chars().take(MOST_SHOWN).chain(['…']).collect() }
}

/// What became of a call that brought no answer.
pub fn fault(error: &reqwest::Error) -> Fault {
    wire::no_answer(error, why(error))
}

/// An error with its innermost cause, without the address: that can hold a secret.
pub fn why(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { inner.to_string() }
}
