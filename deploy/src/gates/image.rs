//! Whether an image is in its registry, by the API that all registries have ("OCI Distribution Specification",
//! "Pulling manifests"; the token by Docker's "Registry authentication"). AWS's own is asked by AWS's API, with the
//! credentials of who deploys.

use super::docker::{self, Login};
use super::{Seen, ecr};
use crate::arguments::Place;
use crate::engine::rest;
use aws_smithy_types::base64;
use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// What a manifest can be: of one image, or of one for each kind of processor.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// An image's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry.
    pub host: String,
    /// The repository in it.
    pub path: String,
    /// The tag or the digest.
    pub version: String,
}

impl Reference {
    /// Takes a name apart as Docker does.
    pub fn of(image: &str) -> Reference {
        let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path.to_owned()),
            Some(_) => ("registry-1.docker.io", name.to_owned()),
            None => ("registry-1.docker.io", format!("library/{name}")),
        };
        let (path, tag) = path.split_once(':').map_or((path.as_str(), "latest"), |(path, tag)| (path, tag));
        Reference { host: host.to_owned(), path: path.to_owned(), version: digest.unwrap_or(tag).to_owned() }
    }

    /// A registry on this machine speaks without TLS, as Docker has it.
    fn scheme(&self) -> &'static str {
        let host = self.host.split(':').next().unwrap_or_default();
        if host == "localhost" || host.starts_with("127.") { "http" } else { "https" }
    }
}

/// Looks once.
pub async fn look(image: &str, place: &Place, answer: Duration) -> Seen {
    let reference = Reference::of(image);
    if let Some(region) = ecr::region(&reference.host) {
        return ecr::look(&reference, region, place, answer).await;
    }
    let asked = Registry::new(&reference, answer);
    match asked {
        Ok(registry) => registry.look().await.unwrap_or_else(Seen::Unknown),
        Err(why) => Seen::Unknown(why),
    }
}

struct Registry<'r> {
    reference: &'r Reference,
    client: Client,
}

impl Registry<'_> {
    fn new(reference: &Reference, answer: Duration) -> Result<Registry<'_>, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().timeout(answer).connect_timeout(answer.min(Duration::from_secs(10)));
        let builder = builder.user_agent(concat!("stackc/", env!("CARGO_PKG_VERSION"))).redirect(reqwest::redirect::Policy::none());
        builder.build().map(|client| Registry { reference, client }).map_err(|error| rest::why(&error))
    }

    async fn look(&self) -> Result<Seen, String> {
        self.look_with(async || docker::login(&self.reference.host).await).await
    }

    async fn look_with(&self, login: impl AsyncFnOnce() -> Option<Login>) -> Result<Seen, String> {
        let first = self.manifest(None).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(self.judge(first.status()));
        }
        let asks = first.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let login = login().await;
        let authorization = match asks.split_once(' ').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
            Some((scheme, parameters)) if scheme == "bearer" => self.token(parameters, login.as_ref()).await?.map(|token| format!("Bearer {token}")),
            _ => login.as_ref().and_then(Login::basic),
        };
        let Some(authorization) = authorization else { return Ok(self.unknown("it has to be logged in to")) };
        Ok(self.judge(self.manifest(Some(&authorization)).await?.status()))
    }

    fn judge(&self, status: StatusCode) -> Seen {
        match status.as_u16() {
            200 => Seen::Open,
            404 => Seen::Shut("it is not in its registry yet".to_owned()),
            401 | 403 => self.unknown("it does not let us look"),
            other => Seen::Unknown(format!("the registry {} answers with {other}", self.reference.host)),
        }
    }

    fn unknown(&self, why: &str) -> Seen {
        let host = &self.reference.host;
        Seen::Unknown(format!("the registry {host} does not say whether it is there: {why} (`docker login {host}`, or the cloud's own command for it)"))
    }

    async fn manifest(&self, authorization: Option<&str>) -> Result<Response, String> {
        let Reference { host, path, version } = self.reference;
        let url = format!("{}://{host}/v2/{path}/manifests/{version}", self.reference.scheme());
        let mut call = self.client.request(Method::HEAD, url).header(ACCEPT, MANIFESTS);
        if let Some(authorization) = authorization {
            call = call.header(AUTHORIZATION, authorization);
        }
        call.send().await.map_err(|error| format!("the registry {host} cannot be asked: {}", rest::why(&error)))
    }

    /// A token for this one repository: without a login for what everybody may read.
    async fn token(&self, parameters: &str, login: Option<&Login>) -> Result<Option<String>, String> {
        let parameter = |name: &str| {
            let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let host = &self.reference.host;
        let realm = parameter("realm").ok_or_else(|| format!("the registry {host} does not say where to log in"))?;
        if self.reference.scheme() == "https" && !realm.starts_with("https://") {
            return Err(format!("the registry {host} wants its login without TLS"));
        }
        let scope = parameter("scope").map_or_else(|| format!("repository:{}:pull", self.reference.path), str::to_owned);
        let asked = format!("service={}&scope={}", escaped(parameter("service").unwrap_or_default()), escaped(&scope));
        let call = match login {
            Some(Login::Token(token)) => {
                let form = format!("grant_type=refresh_token&client_id=stackc&{asked}&refresh_token={}", escaped(token));
                self.client.post(realm).header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            other => {
                let call = self.client.get(format!("{realm}{}{asked}", if realm.contains('?') { '&' } else { '?' }));
                match other.and_then(Login::basic) {
                    Some(basic) => call.header(AUTHORIZATION, basic),
                    None => call,
                }
            }
        };
        let answer = call.send().await.map_err(|error| format!("the login of the registry {host} cannot be asked: {}", rest::why(&error)))?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let body = rest::whole(answer).await.map_err(|_| format!("the login of the registry {host} gives no answer"))?;
        let body: Value = serde_json::from_slice(&body).map_err(|_| format!("the login of the registry {host} gives no JSON"))?;
        Ok(["token", "access_token"].iter().find_map(|name| body.get(*name)?.as_str()).map(str::to_owned))
    }
}

impl Login {
    /// As a header.
    fn basic(&self) -> Option<String> {
        match self {
            Login::Password(name, password) => Some(format!("Basic {}", base64::encode(format!("{name}:{password}")))),
            Login::Token(_) => None,
        }
    }
}

/// A value in a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
#[path = "../../tests/gates/registry.rs"]
mod registry;

#[cfg(test)]
mod tests {
    use super::registry::{Holds, Registry as Fake};
    use super::*;

    fn looked(fake: &Fake, login: Option<&Login>) -> Result<Seen, String> {
        let reference = Reference::of(&format!("{}/acme/shop:1", fake.address));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Registry::new(&reference, Duration::from_secs(5)).unwrap().look_with(async || login.cloned()))
    }

    #[test]
    fn an_image_is_there_or_not_or_nobody_says() {
        let fake = Fake::start(Holds { open: true, ..Holds::default() });
        assert_eq!(looked(&fake, None), Ok(Seen::Shut("it is not in its registry yet".to_owned())));
        fake.holds.lock().unwrap().images.push("acme/shop:1".to_owned());
        assert_eq!(looked(&fake, None), Ok(Seen::Open));
        assert_eq!(fake.asked()[..3], ["HEAD /v2/acme/shop/manifests/1", "GET /token", "HEAD /v2/acme/shop/manifests/1"]);
        // Nobody gets in without a login, and with it by its own way.
        fake.holds.lock().unwrap().open = false;
        assert!(matches!(looked(&fake, None), Ok(Seen::Unknown(why)) if why.contains("docker login")));
        let password = Login::Password("me".to_owned(), "it".to_owned());
        fake.holds.lock().unwrap().basic = password.basic().unwrap();
        assert_eq!(looked(&fake, Some(&password)), Ok(Seen::Open));
        fake.holds.lock().unwrap().refresh = "long".to_owned();
        assert_eq!(looked(&fake, Some(&Login::Token("long".to_owned()))), Ok(Seen::Open));
        assert!(matches!(looked(&fake, Some(&Login::Token("old".to_owned()))), Ok(Seen::Unknown(_))));
        for status in [302, 403, 500] {
            fake.holds.lock().unwrap().status = Some(status);
            assert!(matches!(looked(&fake, None), Ok(Seen::Unknown(_))), "{status}");
        }
    }

    #[test]
    fn a_name_is_taken_apart_as_docker_does() {
        let parts = |image: &str| {
            let found = Reference::of(image);
            (found.host, found.path, found.version)
        };
        let made = |host: &str, path: &str, version: &str| (host.to_owned(), path.to_owned(), version.to_owned());
        assert_eq!(parts("nginx"), made("registry-1.docker.io", "library/nginx", "latest"));
        assert_eq!(parts("acme/shop:1.2"), made("registry-1.docker.io", "acme/shop", "1.2"));
        assert_eq!(parts("ghcr.io/acme/shop@sha256:ab"), made("ghcr.io", "acme/shop", "sha256:ab"));
        assert_eq!(parts("localhost:5000/shop:1"), made("localhost:5000", "shop", "1"));
        assert_eq!(Reference::of("127.0.0.1:5000/shop").scheme(), "http");
        assert_eq!(Reference::of("acme.azurecr.io/shop").scheme(), "https");
        assert_eq!(escaped("repository:a/b:pull"), "repository%3Aa%2Fb%3Apull");
    }
}
