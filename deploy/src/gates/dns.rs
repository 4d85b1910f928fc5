//! Whom the world asks for a domain.

use super::Seen;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where name servers listen.
pub const PORT: u16 = 53;

/// Whom everybody can ask: Cloudflare, Google, Quad9. A delegation is what the world sees of it, and not what this
/// machine's own name server does.
pub const PUBLIC: [IpAddr; 3] = [IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9))];

/// Nobody waits longer for one answer.
pub const LONGEST: Duration = Duration::from_secs(5);

/// Asks one after the other, until one says something of the domain.
pub async fn look(resolvers: &[SocketAddr], domain: &str, servers: &str, answer: Duration) -> Seen {
    let wanted: BTreeSet<String> = servers.split(',').map(plain).filter(|name| !name.is_empty()).collect();
    if wanted.is_empty() {
        return Seen::Unknown("its name servers are not known".to_owned());
    }
    let mut why = Vec::new();
    for resolver in resolvers {
        match ask(*resolver, domain, answer).await {
            Ok(found) => return judge(domain, &wanted, &found),
            Err(Said::No(text)) => return Seen::Shut(text),
            Err(Said::Nothing(text)) => why.push(format!("{}: {text}", resolver.ip())),
        }
    }
    Seen::Unknown(format!("no name server says anything of {domain} ({}); --resolver names another", why.join("; ")))
}

enum Said {
    /// That there is no such thing.
    No(String),
    /// Nothing that helps: another may know.
    Nothing(String),
}

async fn ask(resolver: SocketAddr, domain: &str, answer: Duration) -> Result<BTreeSet<String>, Said> {
    let nothing = |text: String| Said::Nothing(text);
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].into_iter().map(|mut connection| {
        connection.port = resolver.port();
        connection
    });
    let server = NameServerConfig::new(resolver.ip(), true, connections.collect());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.timeout, options.attempts, options.cache_size) = (answer, 2, 0);
    options.use_hosts_file = ResolveHosts::Never;
    let resolver = builder.build().map_err(|error| nothing(error.to_string()))?;
    match resolver.lookup(format!("{}.", plain(domain)), RecordType::NS).await {
        Ok(lookup) => {
            let names = lookup.answers().iter().filter_map(|record| match &record.data {
                RData::NS(name) => Some(plain(&name.0.to_utf8())),
                _ => None,
            });
            Ok(names.collect())
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NXDomain => Err(Said::No(format!("{domain} is not known to the world yet (NXDOMAIN)"))),
            ResponseCode::NoError => Err(Said::No(format!("{domain} is not delegated: the zone above it answers for it"))),
            code => Err(nothing(code.to_string())),
        },
        Err(NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail))) => {
            Err(nothing("SERVFAIL, so that whom it is delegated to does not answer for it, or its signature is wrong".to_owned()))
        }
        Err(NetError::Timeout) => Err(nothing("no answer in time".to_owned())),
        Err(error) => Err(nothing(error.to_string())),
    }
}

/// Delegated to some of the wanted ones alone is enough: whoever is asked knows the answer.
fn judge(domain: &str, wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> Seen {
    let others: Vec<&str> = found.difference(wanted).map(String::as_str).collect();
    match (found.is_empty(), others.len()) {
        (true, _) => Seen::Shut(format!("{domain} has no name servers")),
        (false, 0) => Seen::Open,
        (false, count) if count == found.len() => Seen::Shut(format!("{domain} is delegated to others: {}", others.join(", "))),
        _ => Seen::Shut(format!("{domain} is delegated to these, and to others as well: {}", others.join(", "))),
    }
}

/// A name without the final dot, in small letters.
fn plain(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
#[path = "../../tests/gates/name_server.rs"]
mod name_server;

#[cfg(test)]
mod tests {
    use super::name_server::{NameServer, Says};
    use super::*;

    /// Asks for `shop.example`, whose name servers should be two.
    fn looked(servers: &[&NameServer]) -> Seen {
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(look(&addresses, "shop.example", "NS-1.example.,ns-2.example", Duration::from_millis(300)))
    }

    fn servers(names: &[&str]) -> Says {
        Says::Servers(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_a_name_server_says_is_told_apart() {
        let server = NameServer::start(servers(&["ns-2.Example", "ns-1.example"]));
        assert_eq!(looked(&[&server]), Seen::Open);
        server.says(servers(&["dns.other"]));
        assert_eq!(looked(&[&server]), Seen::Shut("shop.example is delegated to others: dns.other".to_owned()));
        server.says(Says::Unknown);
        assert_eq!(looked(&[&server]), Seen::Shut("shop.example is not known to the world yet (NXDOMAIN)".to_owned()));
        server.says(Says::NoServers);
        assert_eq!(looked(&[&server]), Seen::Shut("shop.example is not delegated: the zone above it answers for it".to_owned()));
        for (says, word) in [(Says::Failed, "SERVFAIL"), (Says::Nothing, "no answer in time")] {
            server.says(says);
            assert!(matches!(looked(&[&server]), Seen::Unknown(why) if why.contains(word)), "{word}: {:?}", looked(&[&server]));
        }
        assert!(server.asked().iter().all(|name| name == "shop.example"));
    }

    #[test]
    fn who_says_nothing_is_followed_by_the_next() {
        let (first, second) = (NameServer::start(Says::Failed), NameServer::start(servers(&["ns-1.example"])));
        assert_eq!(looked(&[&first, &second]), Seen::Open);
        second.says(Says::Unknown);
        assert!(matches!(looked(&[&first, &second]), Seen::Shut(_)));
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| plain(name)).collect()
    }

    #[test]
    fn names_are_compared_as_sets_without_case_and_final_dot() {
        let wanted = set(&["NS-1.example.", "ns-2.example"]);
        assert_eq!(judge("shop.example", &wanted, &set(&["ns-2.Example.", "ns-1.example"])), Seen::Open);
        assert_eq!(judge("shop.example", &wanted, &set(&["ns-2.example"])), Seen::Open);
        let shut = |found: &[&str]| judge("shop.example", &wanted, &set(found)).words().to_owned();
        assert_eq!(shut(&["a.other"]), "shop.example is delegated to others: a.other");
        assert_eq!(shut(&["a.other", "ns-1.example"]), "shop.example is delegated to these, and to others as well: a.other");
        assert_eq!(shut(&[]), "shop.example has no name servers");
    }
}
