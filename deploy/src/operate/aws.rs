//! AWS's services that speak JSON over one address: signed, sent, understood. Their own clients take longer to build than all else here.

use crate::engine::Trouble;
use crate::engine::cfn::{self, of_code};
use crate::engine::rest::{Request, Rest};
use crate::engine::wire::{Fault, Notice, Pace, read};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Method;
use serde_json::Value;
use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// A service: the first part of its address, its name where one address is given for it alone, and what stands before its actions.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// As in `ecs.eu-west-1.amazonaws.com`.
    pub host: &'static str,
    /// As in `AWS_ENDPOINT_URL_ECS`.
    pub variable: &'static str,
    /// As in `X-Amz-Target`.
    pub target: &'static str,
}

/// The beginnings of regions' names, and the domain that their services lie in (botocore's partitions.json, `dnsSuffix`).
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

const JSON: &str = "application/x-amz-json-1.1";

/// A connection to the services of a region.
pub struct Aws {
    rest: Rest,
    config: aws_config::SdkConfig,
    /// Those of the last call: some of their sources are a service of their own.
    credentials: RefCell<Option<Credentials>>,
    region: String,
    /// The profile that was named.
    pub profile: Option<String>,
    pace: Pace,
    notice: Notice,
}

impl Aws {
    /// Connects to a region, by what AWS's own tools would use.
    pub async fn new(region: String, profile: Option<&str>, endpoint: Option<&str>, pace: Pace, notice: Notice) -> Result<Aws, Trouble> {
        let config = cfn::config(Some(&region), profile, endpoint, pace).await;
        let rest = Rest::new(pace, cfn::AGAIN, &[]).map_err(|why| Trouble::Call(format!("cannot begin to talk to AWS: {why}")))?;
        Ok(Aws { rest, config, credentials: RefCell::default(), region, profile: profile.map(str::to_owned), pace, notice })
    }

    fn address(&self, service: Service) -> String {
        let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", service.variable)).ok().filter(|url| !url.is_empty());
        if let Some(url) = own.as_deref().or(self.config.endpoint_url()) {
            return format!("{}/", url.trim_end_matches('/'));
        }
        let domain = DOMAINS.iter().find(|(beginning, _)| self.region.starts_with(beginning)).map_or("amazonaws.com", |(_, domain)| domain);
        let fips = if self.config.use_fips() == Some(true) { "-fips" } else { "" };
        format!("https://{}{fips}.{}.{domain}/", service.host, self.region)
    }

    async fn credentials(&self) -> Result<Credentials, Fault> {
        let good = |known: &Credentials| known.expiry().is_none_or(|end| end > SystemTime::now() + Duration::from_secs(60));
        let known = self.credentials.borrow().clone().filter(good);
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(provider) = self.config.credentials_provider() else {
            return Err(Fault::NoCredentials(cfn::LOG_IN, "there is nowhere to take them from".to_owned()));
        };
        let found = provider.provide_credentials().await.map_err(|error| cfn::of_credentials(&error))?;
        *self.credentials.borrow_mut() = Some(found.clone());
        Ok(found)
    }

    /// Sends a call once.
    async fn once(&self, service: Service, action: &str, body: &Value) -> Result<Value, Fault> {
        let identity = self.credentials().await?.into();
        let url = self.address(service);
        let target = format!("{}.{action}", service.target);
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        let params = v4::SigningParams::builder().identity(&identity).region(&self.region).name(service.host).time(SystemTime::now());
        let unsigned = |why: &dyn std::fmt::Display| Fault::Said("400".to_owned(), format!("the call cannot be signed: {why}"));
        let params = params.settings(SigningSettings::default()).build().map_err(|why| unsigned(&why))?.into();
        let headers = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let request = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(&bytes)).map_err(|why| unsigned(&why))?;
        let (signed, _) = sign(request, &params).map_err(|why| unsigned(&why))?.into_parts();
        let mut headers = vec![("content-type", JSON.to_owned()), ("x-amz-target", target)];
        let known = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
        headers.extend(signed.headers().filter_map(|(name, value)| Some((*known.iter().find(|known| **known == name)?, value.to_owned()))));
        let answer = self.rest.send(&Request { method: Method::POST, url: &url, headers, body: Some(body), leads_on: false }, reason).await;
        match answer {
            Ok(answer) if answer.body.is_object() => Ok(answer.body),
            Ok(_) => Err(Fault::Strange("it is no object".to_owned())),
            Err(Fault::Said(status, text)) => {
                let (code, text) = text.split_once(": ").unwrap_or((status.as_str(), text.as_str()));
                Err(of_code(status.parse().unwrap_or(400), code, text))
            }
            Err(why) => Err(why),
        }
    }

    /// Reads, again and again until there is an answer.
    pub async fn read(&self, service: Service, action: &str, body: &Value) -> Result<Value, Fault> {
        read(self.pace, &self.notice, async || self.once(service, action, body).await).await
    }

    /// How long to wait for what.
    pub fn pace(&self) -> Pace {
        self.pace
    }
}

/// What a refusal says: its code and its text.
fn reason(body: &Value) -> Option<String> {
    let code = body.get("__type").and_then(Value::as_str)?;
    let code = code.rsplit('#').next().unwrap_or(code);
    let text = ["message", "Message"].iter().find_map(|name| body.get(*name).and_then(Value::as_str)).unwrap_or("no reason was given");
    Some(format!("{code}: {text}"))
}
