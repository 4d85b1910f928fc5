//! JSON over HTTP, for clouds whose client is no more than that: one connection pool, an answer's status turned into what can be done about it.

use super::wire::{Fault, Pace};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

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
    /// The body; null where it is none, or none that is JSON.
    pub body: Value,
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
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
        let answer = call.send().await.map_err(|error| Fault::Lost(why(&error)))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.map_err(|error| Fault::Lost(why(&error)))?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status < 400 {
            return Ok(Answer { status, headers, body });
        }
        if let (429 | 503, Some(wait)) = (status, headers.get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok())) {
            self.asked.set(Instant::now().checked_add(Duration::from_secs(wait)));
        }
        let first = || String::from_utf8_lossy(&bytes).lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason was given").to_owned();
        let text = reason(&body).unwrap_or_else(first);
        Err(match status {
            401 => Fault::Expired(text, self.again),
            429 => Fault::Throttled(text),
            408 | 500.. => Fault::Lost(format!("{status} {text}")),
            _ => Fault::Said(status.to_string(), text),
        })
    }
}

/// An error with its innermost cause, without the address: that can hold a secret.
pub fn why(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { inner.to_string() }
}
