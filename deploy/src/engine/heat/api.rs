//! Calls to OpenStack: a token from Keystone, renewed once when it ran out, and the services' addresses from its catalogue.

use super::clouds::{self, Credentials};
use crate::engine::Trouble;
use crate::engine::rest::{Answer, Request, Rest};
use crate::engine::wire::{Fault, Notice, Pace, read};
use reqwest::Method;
use serde_json::Value;
use std::cell::RefCell;

const AGAIN: &str = "log in again: set OS_PASSWORD or another OS_TOKEN, or look at clouds.yaml";
const LOG_IN: &str = "OpenStack does not take these credentials: look at OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME and their domains, or at clouds.yaml";

/// A login.
#[derive(Clone)]
struct Session {
    token: String,
    catalogue: Value,
    project: String,
}

/// A client of one project of one cloud.
pub struct Api {
    rest: Rest,
    credentials: Credentials,
    session: RefCell<Option<Session>>,
    /// Heat's address, with the project's id in it.
    heat: String,
    /// The object store's, where there is one.
    store: Option<String>,
    /// The region.
    pub region: String,
    /// The project's id.
    pub project: String,
    pub pace: Pace,
    pub notice: Notice,
}

/// What an answer may be like besides JSON.
#[derive(Clone, Copy)]
struct Ways {
    reason: fn(&Value) -> Option<String>,
    leads_on: bool,
}

/// Swift's refusals have no reason of a form of its own.
fn of_store(_: &Value) -> Option<String> {
    Some("the object store refuses it".to_owned())
}

/// Nova's refusals are named by their kind, such as `conflictingRequest`.
fn of_nova(body: &Value) -> Option<String> {
    let text = body.as_object()?.values().next()?.get("message")?.as_str()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What Heat and Keystone put into the body of a refusal.
fn reason(body: &Value) -> Option<String> {
    let text = body.get("error")?.get("message")?.as_str()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Api {
    /// Logs in; where the services are is found afterwards.
    async fn logged_in(profile: Option<&str>, region: Option<&str>, pace: Pace, notice: Notice) -> Result<(Api, Session), Trouble> {
        let credentials = clouds::credentials(profile, region)?;
        let rest =
            Rest::new(pace, AGAIN, &credentials.roots).map_err(|error| Trouble::Call(format!("the certificates of OS_CACERT cannot be used: {error}")))?;
        let api = Api {
            rest,
            credentials,
            session: RefCell::default(),
            heat: String::new(),
            store: None,
            region: String::new(),
            project: String::new(),
            pace,
            notice,
        };
        let session = read(api.pace, &api.notice, async || api.log_in(true).await).await.map_err(|why| match why {
            Fault::Said(_, text) => Trouble::Call(format!("could not log in to {}: {text}", api.credentials.auth)),
            why => why.trouble("log in to OpenStack"),
        })?;
        Ok((api, session))
    }

    /// Logs in, and looks where Nova is: its address.
    pub async fn nova(profile: Option<&str>, region: Option<&str>, pace: Pace, notice: Notice) -> Result<(Api, String), Trouble> {
        let (api, session) = Api::logged_in(profile, region, pace, notice).await?;
        let mut found = api.addresses(&session, &["compute"]);
        match (found.pop(), found.as_slice()) {
            (Some((_, address)), []) => Ok((api, address)),
            (None, _) => {
                Err(Trouble::Call("the cloud's catalogue has no address of Nova (compute): look at --region (OS_REGION_NAME) and OS_INTERFACE".to_owned()))
            }
            (Some(_), _) => Err(Trouble::Call("Nova is in several regions: say which with --region or OS_REGION_NAME".to_owned())),
        }
    }

    /// A call of Nova's, sent once.
    pub async fn of_nova(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Fault> {
        Ok(self.send(method, url, body, Ways { reason: of_nova, leads_on: false }).await?.body)
    }

    /// Logs in, and looks where Heat is.
    pub async fn new(profile: Option<&str>, region: Option<&str>, endpoint: Option<&str>, pace: Pace, notice: Notice) -> Result<Api, Trouble> {
        let (mut api, session) = Api::logged_in(profile, region, pace, notice).await?;
        let found = api.addresses(&session, &["orchestration"]);
        let regions: Vec<&str> = found.iter().map(|(region, _)| region.as_str()).collect();
        let only = match (endpoint, found.as_slice()) {
            (Some(endpoint), found) => {
                api.region =
                    api.credentials.region.clone().or_else(|| found.first().map(|(region, _)| region.clone())).unwrap_or_else(|| "no region".to_owned());
                filled(endpoint, &session.project)
            }
            (None, [(region, address)]) => {
                api.region.clone_from(region);
                address.clone()
            }
            (None, []) => {
                let of = api.credentials.region.as_ref().map(|region| format!(" in region `{region}`")).unwrap_or_default();
                return Err(Trouble::Call(format!(
                    "the cloud's catalogue has no {} address of Heat (orchestration){of}: look at --region (OS_REGION_NAME) and OS_INTERFACE, or give Heat's own with --endpoint-url",
                    api.credentials.interface
                )));
            }
            (None, _) => return Err(Trouble::Call(format!("Heat is in several regions: say which with --region or OS_REGION_NAME ({})", regions.join(", ")))),
        };
        api.project.clone_from(&session.project);
        api.heat = only.trim_end_matches('/').to_owned();
        api.store = api.addresses(&session, &["object-store"]).into_iter().find(|(region, _)| *region == api.region).map(|(_, address)| address);
        Ok(api)
    }

    /// A service's addresses, each with its region.
    fn addresses(&self, session: &Session, kinds: &[&str]) -> Vec<(String, String)> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut found = Vec::new();
        for service in session.catalogue.as_array().into_iter().flatten().filter(|service| kinds.contains(&text(service, "type").as_str())) {
            for endpoint in service.get("endpoints").and_then(Value::as_array).into_iter().flatten() {
                let region = Some(text(endpoint, "region")).filter(|region| !region.is_empty()).unwrap_or_else(|| text(endpoint, "region_id"));
                let fits = self.credentials.region.as_ref().is_none_or(|wanted| *wanted == region);
                if fits && text(endpoint, "interface") == self.credentials.interface {
                    found.push((region, text(endpoint, "url")));
                }
            }
        }
        found
    }

    /// Asks Keystone for a token. The first refusal is about the credentials, a later one about their age.
    async fn log_in(&self, first: bool) -> Result<Session, Fault> {
        let url = format!("{}/auth/tokens", self.credentials.auth);
        let request = Request { method: Method::POST, url: &url, headers: Vec::new(), body: Some(&self.credentials.body), leads_on: false };
        let answer = match self.rest.send(&request, reason).await {
            Err(Fault::Expired(text, _)) if first => return Err(Fault::NoCredentials(LOG_IN, text)),
            answer => answer?,
        };
        let token = answer.header("x-subject-token").unwrap_or_default().to_owned();
        let body = answer.body.get("token").cloned().unwrap_or_default();
        let project = body.get("project").and_then(|project| project.get("id")).and_then(Value::as_str).unwrap_or_default().to_owned();
        if token.is_empty() || project.is_empty() {
            return Err(Fault::Strange("the answer has no token for a project; is this Keystone's address (OS_AUTH_URL)?".to_owned()));
        }
        let session = Session { token, catalogue: body.get("catalog").cloned().unwrap_or_default(), project };
        *self.session.borrow_mut() = Some(session.clone());
        Ok(session)
    }

    /// Sends once, with a new token if the one there is ran out: what was refused for that did not happen.
    async fn send(&self, method: Method, url: &str, body: Option<&Value>, ways: Ways) -> Result<Answer, Fault> {
        let known = self.session.borrow().as_ref().map(|session| session.token.clone());
        let token = match known {
            Some(token) => token,
            None => self.log_in(false).await?.token,
        };
        let request = |token: String| Request {
            method: method.clone(),
            url,
            headers: vec![("x-auth-token", token), ("accept", "application/json".to_owned())],
            body,
            leads_on: ways.leads_on,
        };
        match self.rest.send(&request(token), ways.reason).await {
            Err(Fault::Expired(..)) => {
                self.session.borrow_mut().take();
                let session = self.log_in(false).await?;
                self.rest.send(&request(session.token), ways.reason).await
            }
            answer => answer,
        }
    }

    /// A call of Heat's, sent once.
    pub async fn heat(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        // A stack's name leads to the address with its id.
        let leads_on = method == Method::GET;
        self.send(method, &format!("{}{path}", self.heat), body, Ways { reason, leads_on }).await
    }

    /// Reads from Heat, until there is an answer.
    pub async fn get(&self, path: &str) -> Result<Value, Fault> {
        let answer = read(self.pace, &self.notice, async || self.heat(Method::GET, path, None).await).await?;
        if answer.status >= 300 { Err(Fault::Strange(format!("{}: look elsewhere", answer.status))) } else { Ok(answer.body) }
    }

    /// A call of the object store's, until there is an answer; none where the cloud has no object store.
    pub async fn store(&self, method: Method, path: &str) -> Option<Result<Value, Fault>> {
        let url = format!("{}{path}", self.store.as_ref()?.trim_end_matches('/'));
        Some(
            read(self.pace, &self.notice, async || self.send(method.clone(), &url, None, Ways { reason: of_store, leads_on: false }).await)
                .await
                .map(|answer| answer.body),
        )
    }
}

/// An address as other clients take it: with a place for the project's id, with the id, or without.
fn filled(endpoint: &str, project: &str) -> String {
    let mut address = endpoint.trim_end_matches('/').to_owned();
    for place in ["%(tenant_id)s", "%(project_id)s", "$(tenant_id)s", "$(project_id)s"] {
        address = address.replace(place, project);
    }
    match address.split("/v1").nth(1) {
        None => format!("{address}/v1/{project}"),
        Some("") => format!("{address}/{project}"),
        Some(_) => address,
    }
}

/// A piece of an address.
pub fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.as_bytes().iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_heat_is_taken_as_it_is_known() {
        assert_eq!(filled("http://heat:8004", "p1"), "http://heat:8004/v1/p1");
        assert_eq!(filled("http://heat:8004/v1/", "p1"), "http://heat:8004/v1/p1");
        assert_eq!(filled("http://heat/orchestration/v1/%(tenant_id)s", "p1"), "http://heat/orchestration/v1/p1");
        assert_eq!(filled("http://heat:8004/v1/p2", "p1"), "http://heat:8004/v1/p2");
    }

    #[test]
    fn names_are_written_as_addresses_have_them() {
        assert_eq!(encoded("photo 1/ä&b"), "photo%201%2F%C3%A4%26b");
    }
}
