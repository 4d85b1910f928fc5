//! The query protocol: forms in, XML out.

use super::World;
use crate::wire::{Answer, Fault, Request, Site, What};
use std::collections::BTreeMap;

impl Site for World {
    fn name(&self, request: &Request) -> String {
        if let Some(action) = of_registry(request) {
            return format!("ECR {action}");
        }
        if let Some(name) = of_ecs(request) {
            return name;
        }
        if is_query(request) { form(&request.body).remove("Action").unwrap_or_default() } else { format!("S3 {}", request.method) }
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, name: &str) {
        // The matrix of faults is about the stack's own service.
        if !name.starts_with("S3 ") && !name.starts_with("ECR ") {
            self.calls.push(name.to_owned());
        }
    }

    fn refuse(&self, name: &str, what: What) -> Answer {
        if name.starts_with("ECS ") || name.starts_with("Logs ") {
            let (status, code) = match what {
                What::Throttle => (400, "ThrottlingException"),
                What::TooMany => (429, "TooManyRequestsException"),
                What::Expired => (400, "ExpiredTokenException"),
                What::Denied => (400, "AccessDeniedException"),
                _ => (503, "ServiceUnavailableException"),
            };
            return json(status, format!("{{\"__type\":\"com.amazon.coral.service#{code}\",\"message\":\"{name}\"}}"));
        }
        match what {
            What::Throttle => refusal(400, "Throttling", "Rate exceeded"),
            What::TooMany => refusal(429, "TooManyRequestsException", "Too Many Requests"),
            What::Expired => refusal(403, "ExpiredToken", "The security token included in the request is expired"),
            What::Denied => {
                refusal(403, "AccessDenied", &format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: cloudformation:{name}"))
            }
            _ => refusal(503, "ServiceUnavailable", "Service Unavailable"),
        }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        let signed = request.headers.get("authorization").and_then(|value| value.split("Credential=").nth(1)?.split('/').next());
        self.keys.extend(signed.map(str::to_owned));
        if let Some(action) = of_registry(request) {
            let (status, body) = super::ecr::answer(self, &action, &request.body);
            return json(status, body);
        }
        if of_ecs(request).is_some() {
            let (status, body) = super::ecs::answer(self, name, &request.body);
            return json(status, body);
        }
        if !is_query(request) {
            let owner = request.headers.get("x-amz-expected-bucket-owner").cloned();
            let (status, body, version) = super::s3::answer(self, &request.method, &request.target, &request.body, owner.as_deref());
            let mut answer = xml(status, body);
            answer.headers.extend(version.map(|version| ("x-amz-version-id", version)));
            return answer;
        }
        match self.act(name, &form(&request.body)) {
            Ok(inner) => xml(
                200,
                format!(
                    "<{name}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{name}Result>{inner}</{name}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{name}Response>"
                ),
            ),
            Err((status, code, text)) => refusal(status, code, &text),
        }
    }
}

/// The action, if it is a call to the service of registries.
fn of_registry(request: &Request) -> Option<String> {
    request.headers.get("x-amz-target")?.strip_prefix("AmazonEC2ContainerRegistry_V20150921.").map(str::to_owned)
}

/// The name of the call, if it is one to the service of containers or that of their logs.
fn of_ecs(request: &Request) -> Option<String> {
    super::ecs::action(request.headers.get("x-amz-target")?)
}

fn json(status: u16, body: String) -> Answer {
    Answer { status, headers: vec![("Content-Type", "application/x-amz-json-1.1".to_owned())], body }
}

/// Whether it is a call of the query protocol, and none of S3.
fn is_query(request: &Request) -> bool {
    request.method == "POST" && request.target == "/"
}

fn xml(status: u16, body: String) -> Answer {
    Answer { status, headers: vec![("Content-Type", "text/xml".to_owned())], body }
}

fn refusal(status: u16, code: &str, text: &str) -> Answer {
    let text = escape(text);
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
        ),
    )
}

/// Text in XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn form(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = [rest.next(), rest.next()].into_iter().flatten().map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
