//! Looks whether a gate is open: what the world's name servers say, what a registry has. Nothing is changed by a
//! look, and what could not be looked up is neither open nor shut.

mod dns;
mod docker;
mod ecr;
mod image;

use crate::arguments::{Gates, Place};
use crate::engine::Trouble;
use stackc::gates::{Gate, Look};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is so.
    Open,
    /// It is not so: what is, instead.
    Shut(String),
    /// It could not be looked up: why.
    Unknown(String),
}

impl Seen {
    /// What is to be told of it.
    pub fn words(&self) -> &str {
        match self {
            Seen::Open => "it is so",
            Seen::Shut(why) | Seen::Unknown(why) => why,
        }
    }
}

/// Who looks.
pub struct Looker {
    /// The name servers that are asked, in order.
    resolvers: Vec<SocketAddr>,
    place: Place,
}

impl Looker {
    /// With the name servers that the arguments name, or public ones.
    pub fn new(place: &Place, gates: &Gates) -> Result<Looker, Trouble> {
        let resolvers = match gates.resolver.as_slice() {
            [] => dns::PUBLIC.iter().map(|address| SocketAddr::new(*address, dns::PORT)).collect(),
            said => said.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?,
        };
        Ok(Looker { resolvers, place: place.clone() })
    }

    /// Looks once. The evidence is what the gate's look asks for, each as text.
    pub async fn look(&self, gate: &Gate, evidence: &[String]) -> Seen {
        let answer = Duration::from_millis(self.place.answer_ms.max(1));
        match (gate.look, evidence) {
            (Look::DnsDelegation, [domain, servers]) => dns::look(&self.resolvers, domain, servers, answer.min(dns::LONGEST)).await,
            (Look::Image, [image]) => image::look(image, &self.place, answer).await,
            _ => Seen::Unknown("what is looked for is not known".to_owned()),
        }
    }
}

/// `HOST[:PORT]`.
fn address(text: &str) -> Result<SocketAddr, Trouble> {
    let wrong = || Trouble::Call(format!("--resolver {text}: this is neither an address nor a host's name, with or without `:PORT`"));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, dns::PORT));
    }
    let with_port = if text.contains(':') { text.to_owned() } else { format!("{text}:{}", dns::PORT) };
    with_port.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)
}
