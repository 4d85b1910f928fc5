//! Calls of Azure Resource Manager. Paths, versions and fields are those of Microsoft's own description of the API (the repository azure-rest-api-specs,
//! `specification/resources/resource-manager/Microsoft.Resources`: `deploymentStacks`, `deployments`, `resources`).

use super::super::rest::{Answer, Request, Rest};
use super::super::wire::{self, Fault, Notice, Pace};
use super::login::Login;
use reqwest::Method;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;

/// Deployment stacks; the first version that can leave behind what Azure cannot delete, such as a vault's secrets.
pub const STACKS: &str = "2025-07-01";
/// Deployments; the first version that says which resource of the template it speaks of.
pub const DEPLOYMENTS: &str = "2025-04-01";
/// Resource groups, and what is in them.
pub const GROUPS: &str = "2021-04-01";

/// Azure's word for a subscription that is not there, or not for who asks.
const NO_SUBSCRIPTION: &str = "SubscriptionNotFound";

/// A client of one subscription's manager.
pub struct Api {
    rest: Rest,
    login: Login,
    endpoint: String,
    /// The cloud's clock when it answered last.
    clock: Cell<f64>,
    pub pace: Pace,
    pub notice: Notice,
}

impl Api {
    /// Talks to what answers at an address.
    pub fn new(rest: Rest, login: Login, endpoint: String, pace: Pace, notice: Notice) -> Api {
        Api { rest, login, endpoint, clock: Cell::new(0.0), pace, notice }
    }

    /// Sends it once; a token that is no longer taken is renewed first, since then nothing was done.
    ///
    /// # Errors
    /// See [`Rest::send`]; a token is sent to nobody but the manager.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let url = if path.starts_with('/') { format!("{}{path}", self.endpoint) } else { path.to_owned() };
        if !is_at(&url, &self.endpoint) {
            return Err(Fault::Said("400".to_owned(), "Azure names an address that is not its own".to_owned()));
        }
        let mut renewed = false;
        loop {
            let bearer = format!("Bearer {}", self.login.token().await?);
            // A request that has none is refused by some of Azure's front ends.
            let empty = (body.is_none() && method == Method::POST).then(|| Value::Object(serde_json::Map::new()));
            let request =
                Request { method: method.clone(), url: &url, headers: vec![("authorization", bearer)], body: body.or(empty.as_ref()), leads_on: false };
            match self.rest.send(&request, reason).await {
                Err(Fault::Expired(..)) if !renewed => {
                    renewed = true;
                    self.login.forget();
                }
                Ok(answer) => {
                    let clock = answer.header("date").and_then(super::moments::seconds);
                    self.clock.set(clock.unwrap_or_else(super::moments::now));
                    return Ok(answer);
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// Seconds since 1970 by the cloud's clock.
    pub fn clock(&self) -> f64 {
        self.clock.get()
    }

    /// Reads, until there is an answer.
    ///
    /// # Errors
    /// See [`wire::read`].
    pub async fn get(&self, path: &str) -> Result<Answer, Fault> {
        wire::read(self.pace, &self.notice, async || self.send(Method::GET, path, None).await).await
    }

    /// Reads what may not be there.
    ///
    /// # Errors
    /// See [`wire::read`].
    pub async fn find(&self, path: &str) -> Result<Option<Answer>, Fault> {
        match self.get(path).await {
            Ok(answer) => Ok(Some(answer)),
            Err(why) if is_missing(&why) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// All pages of a list that is always there.
    ///
    /// # Errors
    /// See [`wire::read`].
    pub async fn all(&self, path: &str) -> Result<Vec<Value>, Fault> {
        self.get(path).await?;
        self.list(path).await
    }

    /// All pages of a list; none where there is nothing that could have one.
    ///
    /// # Errors
    /// See [`wire::read`].
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let Some(page) = self.find(&path).await? else { break };
            let items = page.with("/value", Value::is_array)?;
            found.extend(items.as_array().into_iter().flatten().cloned());
            next = page.body.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()).map(str::to_owned);
            if !seen.insert(path) {
                return Err(Fault::Strange("a page of a list leads back to one before".to_owned()));
            }
        }
        Ok(found)
    }

    /// Asks a question that takes its time, and waits for what comes of it.
    ///
    /// # Errors
    /// See [`wire::read`]; [`Fault::Lost`] when it takes too long.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let began = std::time::Instant::now();
        let mut answer = wire::read(self.pace, &self.notice, async || self.send(Method::POST, path, Some(body)).await).await?;
        while answer.status == 202 {
            let Some(next) = answer.header("location").or(answer.header("azure-asyncoperation")).map(str::to_owned) else {
                return Err(Fault::Said("202".to_owned(), "Azure does not say where its answer will be".to_owned()));
            };
            if began.elapsed() > self.pace.patience * 2 {
                return Err(Fault::Lost("it does not come to an end".to_owned()));
            }
            tokio::time::sleep(self.pace.poll).await;
            answer = self.get(&next).await?;
        }
        Ok(answer.body)
    }
}

/// Whether an address is one of the manager's: its own host, or one of a region below it.
fn is_at(url: &str, endpoint: &str) -> bool {
    let split = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        // What stands before an @ would pass for a host.
        (!host.contains('@')).then(|| (scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
    };
    match (split(url), split(endpoint)) {
        (Some((scheme, host)), Some((own_scheme, own))) => scheme == own_scheme && (host == own || host.ends_with(&format!(".{own}"))),
        _ => false,
    }
}

/// Whether Azure says that there is no such thing.
pub fn is_missing(why: &Fault) -> bool {
    // In a subscription that is not there, nobody knows of anything else.
    matches!(why, Fault::Said(code, text) if code == "404" && !text.starts_with(NO_SUBSCRIPTION))
}

/// Whether something else came first.
pub fn is_conflict(why: &Fault) -> bool {
    matches!(why, Fault::Said(code, _) if code == "409" || code == "412")
}

/// What an answer says in its error: the innermost of it.
fn reason(body: &Value) -> Option<String> {
    let error = body.get("error")?;
    let text = super::errors::innermost(error).into_iter().next().map(|found| found.text)?;
    let no_subscription = error.get("code").and_then(Value::as_str).is_some_and(|code| code.eq_ignore_ascii_case(NO_SUBSCRIPTION));
    Some(if no_subscription { format!("{NO_SUBSCRIPTION}: {text}") } else { text })
}

#[cfg(test)]
mod tests {
    use super::is_at;

    #[test]
    fn a_token_goes_to_the_manager_only() {
        let own = "https://management.azure.com";
        assert!(is_at("https://management.azure.com/subscriptions/1/operationresults/2?t=3", own));
        assert!(is_at("https://westeurope.management.azure.com/subscriptions/1", own));
        for other in [
            "http://management.azure.com/x",
            "https://management.azure.com.example/x",
            "https://management.azure.com@example/x",
            "https://example/?management.azure.com",
        ] {
            assert!(!is_at(other, own), "{other}");
        }
    }
}
