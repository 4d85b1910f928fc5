//! What texts of a format look like.

use crate::portable::Format;
use std::net::Ipv4Addr;

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// First address.
    pub base: u32,
    /// Prefix length.
    pub prefix: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/16`; the reason when it is none, or has bits set beyond its prefix.
    pub fn parse(text: &str) -> Result<Cidr, String> {
        let wrong = || "an address, a slash and a prefix length are expected".to_owned();
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| format!("`{address}` is no IPv4 address"))?;
        let length: u8 =
            prefix.parse().ok().filter(|length| *length <= 32 && prefix.len() <= 2).ok_or_else(|| format!("`{prefix}` is no prefix length from 0 to 32"))?;
        let base = u32::from(address);
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        if base & !mask != 0 {
            return Err(format!("the network of that length is `{}/{length}`", Ipv4Addr::from(base & mask)));
        }
        Ok(Cidr { base, prefix: length })
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Cidr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(other.prefix))).unwrap_or(0);
        self.base & mask == other.base & mask
    }

    /// The network number `index` when this one is cut into pieces with `bits` more bits of prefix.
    pub fn subnet(self, bits: u8, index: u32) -> Option<Cidr> {
        let prefix = self.prefix.checked_add(bits).filter(|prefix| *prefix <= 32)?;
        if u64::from(index) >= 1_u64 << bits {
            return None;
        }
        Some(Cidr { base: self.base + index.checked_shl(32 - u32::from(prefix)).unwrap_or(0), prefix })
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

/// What texts of the format are, with an example.
pub fn wanted(format: Format) -> &'static str {
    match format {
        Format::Any => "text",
        Format::Cidr => "an IPv4 network such as `10.0.0.0/16`",
        Format::Domain => "a domain name such as `www.example.org`",
        Format::Label => "a DNS label such as `www`",
        Format::Image => "a container image such as `acme/shop:1.2`",
        Format::Path => "a path such as `/api/*`",
        Format::Cron => "a cron expression of five fields such as `0 3 * * *`",
        Format::Identifier => "a name of lower-case letters, digits and `_` such as `shop_data`",
        Format::Origin => "an origin such as `https://www.example.org`, or `*`",
        Format::Words => "a few words in plain letters",
        Format::Variable => "a name of letters, digits and `_` such as `DB`",
        Format::Statuses => "statuses such as `200-299` or `200,204`",
        Format::Version => "a version such as `16` or `16.3`, in quotes",
        Format::Handle => "the cloud's name for something made by hand, or a parameter",
        Format::Method => "an HTTP method: GET, HEAD, PUT, POST or DELETE",
    }
}

/// The reason why `text` is not of the format.
pub fn check(format: Format, text: &str) -> Result<(), String> {
    let fail = |why: &str| Err(why.to_owned());
    if text.is_empty() && format != Format::Any {
        return fail("this is empty");
    }
    match format {
        Format::Any => Ok(()),
        Format::Cidr => Cidr::parse(text).map(|_| ()),
        Format::Domain => domain(text),
        Format::Label if text == "@" || text == "*" => Ok(()),
        // A whole name has 253 characters at most, with its domain, and names in templates are made of it.
        Format::Label if text.len() > 128 => fail("a label has 128 characters at most"),
        Format::Label => text.split('.').try_for_each(|part| label(part, true)),
        Format::Image if text.chars().any(|c| c.is_whitespace() || c.is_control()) => fail("an image has no spaces in it"),
        Format::Image if text.contains("://") => fail("an image is named without `https://`"),
        Format::Image => Ok(()),
        Format::Path if !text.starts_with('/') => fail("a path starts with `/`"),
        Format::Path if text.len() > 128 => fail("a path has 128 characters at most"),
        Format::Path if !text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?()%".contains(c)) => {
            fail("a path has letters, digits and `_-.$/~@:+&*` only")
        }
        Format::Path => Ok(()),
        Format::Cron => cron(text),
        Format::Identifier if !text.starts_with(|c: char| c.is_ascii_lowercase()) => fail("it starts with a lower-case letter"),
        Format::Identifier if !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') => {
            fail("only lower-case letters, digits and `_` may be in it")
        }
        // The shortest of the clouds' limits for a database's and its user's name.
        Format::Identifier if text.len() > 32 => fail("it has 32 characters at most"),
        Format::Identifier if RESERVED_USERS.contains(&text) => fail("the databases keep this name for themselves"),
        Format::Identifier => Ok(()),
        Format::Origin if text == "*" => Ok(()),
        Format::Origin => match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            Some(host) if !host.is_empty() && !host.contains('/') && !host.contains(char::is_whitespace) => Ok(()),
            _ => fail("an origin is a scheme and a host, without a path"),
        },
        Format::Words if text.len() > 255 => fail("it has 255 characters at most"),
        // What EC2 takes as a group's description, the strictest of the clouds.
        Format::Words => match text.chars().find(|c| !c.is_ascii_alphanumeric() && !" ._-:/()#,@[]+=&;{}!$*".contains(*c)) {
            Some(c) => Err(format!("`{c}` may not be in it")),
            None => Ok(()),
        },
        Format::Variable if is_variable(text) => Ok(()),
        Format::Variable => fail("it starts with a letter or `_`, and only letters, digits and `_` may be in it"),
        Format::Statuses => statuses(text),
        Format::Version if text.split('.').all(|part| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())) => Ok(()),
        Format::Version => fail("a version is numbers with dots between them"),
        Format::Handle if text.chars().any(|c| c.is_whitespace() || c.is_control()) => fail("no cloud's name has spaces in it"),
        Format::Handle => Ok(()),
        // What S3 takes, the shortest list of the clouds.
        Format::Method if ["GET", "HEAD", "PUT", "POST", "DELETE"].contains(&text) => Ok(()),
        Format::Method => fail("no cloud, or not every one, allows this method"),
    }
}

/// Names that one of the clouds' databases refuses, for an administrator or a database (RDS and Azure Database documentation).
const RESERVED_USERS: &[&str] = &[
    "admin",
    "administrator",
    "azure_pg_admin",
    "azure_superuser",
    "default",
    "guest",
    "information_schema",
    "innodb",
    "master",
    "mysql",
    "performance_schema",
    "postgres",
    "public",
    "rdsadmin",
    "root",
    "sa",
    "sys",
    "template0",
    "template1",
    "test",
    "user",
];

/// The reason why `text` is not what a DNS record of that type holds.
pub fn dns_value(kind: &str, text: &str) -> Result<(), String> {
    let host = |text: &str| domain(text.strip_suffix('.').unwrap_or(text));
    match kind {
        "A" => text.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| format!("`{text}` is no IPv4 address")),
        "AAAA" => text.parse::<std::net::Ipv6Addr>().map(|_| ()).map_err(|_| format!("`{text}` is no IPv6 address")),
        "CNAME" => host(text),
        "MX" => match text.split_once(' ') {
            Some((preference, server)) if preference.parse::<u16>().is_ok() => host(server),
            _ => Err("a preference from 0 to 65535, a space and a mail server are expected".to_owned()),
        },
        "CAA" => {
            let parts: Vec<&str> = text.splitn(3, ' ').collect();
            let [flag, tag, value] = parts.as_slice() else { return Err("a flag, a tag and a value in quotes are expected".to_owned()) };
            let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"') && !value.trim_matches('"').contains('"');
            match (flag.parse::<u8>(), *tag, quoted) {
                (Err(_), ..) => Err(format!("`{flag}` is no flag from 0 to 255")),
                (_, tag, _) if !matches!(tag, "issue" | "issuewild" | "iodef") => Err(format!("`{tag}` is none of `issue`, `issuewild` and `iodef`")),
                (.., false) => Err("its value stands in quotes".to_owned()),
                _ => Ok(()),
            }
        }
        _ if text.is_empty() => Err("this is empty".to_owned()),
        // Route 53 takes 4,000 characters for all strings of a record, with their quotes.
        _ if text.len() > 3000 => Err("a text has 3,000 bytes at most".to_owned()),
        _ => Ok(()),
    }
}

fn domain(text: &str) -> Result<(), String> {
    if text.len() > 253 {
        return Err("a domain name has 253 characters at most".to_owned());
    }
    if !text.contains('.') {
        return Err("a domain name has a dot in it".to_owned());
    }
    text.strip_prefix("*.").unwrap_or(text).split('.').try_for_each(|part| label(part, false))
}

fn label(text: &str, underscore: bool) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (underscore && c == '_');
    match text {
        "" => Err("two dots follow one another, or one stands at an end".to_owned()),
        _ if text.len() > 63 => Err("a part between dots has 63 characters at most".to_owned()),
        _ if !text.chars().all(fits) => Err(format!("`{text}` has something else than lower-case letters, digits and dashes in it")),
        _ if text.starts_with('-') || text.ends_with('-') => Err(format!("`{text}` starts or ends with a dash")),
        _ => Ok(()),
    }
}

/// Whether a text can be the name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Statuses from 200 to 499, which is what a load balancer counts as an answer at all.
fn statuses(text: &str) -> Result<(), String> {
    let status = |text: &str| text.parse::<u16>().ok().filter(|status| (200..=499).contains(status));
    for part in text.split(',') {
        let fits = match part.split_once('-') {
            Some((low, high)) => status(low).zip(status(high)).is_some_and(|(low, high)| low <= high),
            None => status(part).is_some(),
        };
        if !fits {
            return Err(format!("`{part}` is no status from 200 to 499, and no range of them"));
        }
    }
    // A range and a list cannot be mixed.
    if text.contains(',') && text.contains('-') { Err("either a range or a list".to_owned()) } else { Ok(()) }
}

fn cron(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let ranges = [("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7)];
    if fields.len() != ranges.len() {
        return Err(format!("there are {} fields, not five: minute, hour, day of the month, month, day of the week", fields.len()));
    }
    for (field, (name, low, high)) in fields.iter().zip(ranges) {
        for part in field.split(',') {
            let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let number = |text: &str| text.parse::<u8>().ok().filter(|n| (low..=high).contains(n));
            let fits = match range.split_once('-') {
                Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
                None => range == "*" || number(range).is_some(),
            };
            if !fits || step.is_some_and(|step| step.parse::<u8>().ok().is_none_or(|step| step == 0)) {
                return Err(format!("`{part}` is no {name}: {low} to {high}, `*`, a range or a list"));
            }
        }
    }
    if let (Some(days), Some(months)) = (fields.get(2), fields.get(3)) {
        never_comes(days, months)?;
    }
    // EventBridge, the strictest of the schedulers, takes only one of the two.
    if fields.get(2) != Some(&"*") && fields.get(4) != Some(&"*") {
        return Err("either the day of the month or the day of the week has to be `*`".to_owned());
    }
    Ok(())
}

/// The reason why no month that is meant has a day that is meant. The fields are well-formed.
fn never_comes(days: &str, months: &str) -> Result<(), String> {
    let bounds = |part: &str, low: u8, high: u8| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let number = |text: &str| text.parse::<u8>().ok();
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from), number(to)),
            None if range == "*" => (Some(low), Some(high)),
            None => (number(range), step.map_or_else(|| number(range), |_| Some(high))),
        };
        (from.unwrap_or(low), to.unwrap_or(high), step.and_then(number).unwrap_or(1).max(1))
    };
    let first = days.split(',').map(|part| bounds(part, 1, 31).0).min().unwrap_or(1);
    let length = |month: u8| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let longest = months.split(',').flat_map(|part| {
        let (from, to, step) = bounds(part, 1, 12);
        (from..=to).step_by(usize::from(step)).map(length)
    });
    match longest.max() {
        Some(longest) if first > longest => Err(format!("no month that is meant has a day {first}: this time never comes")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cidr, check};
    use crate::portable::Format;

    #[test]
    fn cidr_arithmetic() {
        let net = Cidr::parse("10.0.0.0/16").unwrap();
        assert_eq!(net.subnet(4, 3).unwrap().to_string(), "10.0.48.0/20");
        assert_eq!(net.subnet(4, 16), None);
        assert!(net.overlaps(Cidr::parse("10.0.9.0/24").unwrap()));
        assert!(!net.overlaps(Cidr::parse("10.1.0.0/16").unwrap()));
        assert!(Cidr::parse("0.0.0.0/0").unwrap().overlaps(net));
        assert!(Cidr::parse("10.0.0.1/16").is_err());
    }

    #[test]
    fn formats_take_what_they_should() {
        for (format, good, bad) in [
            (Format::Domain, "*.example.org", "example"),
            (Format::Domain, "a.b-c.example", "-a.example"),
            (Format::Label, "_dmarc", "a b"),
            (Format::Cron, "*/5 0-6,12 * 1 1-5", "61 * * * *"),
            (Format::Cron, "0 3 1 * *", "0 3 1 * 1"),
            (Format::Identifier, "shop_data", "Shop"),
            (Format::Identifier, "botolphsuser", "postgres"),
            (Format::Origin, "https://a.example:8443", "a.example"),
            (Format::Version, "16.3", "16-alpine"),
            (Format::Image, "acme/shop@sha256:00", "acme shop"),
            (Format::Path, "/api/*", "api"),
            (Format::Method, "GET", "get"),
            (Format::Handle, "arn:aws:x:1", "an arn"),
        ] {
            assert_eq!(check(format, good), Ok(()), "{good}");
            assert!(check(format, bad).is_err(), "{bad}");
        }
    }
}
