//! A small HTTP server for fakes of clouds, and the faults on the way to them.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What answers.
pub trait Site: Send + 'static {
    /// What a request is called in tests.
    fn name(&self, request: &Request) -> String;

    /// The faults that are set.
    fn faults(&mut self) -> &mut Vec<Fault>;

    /// Writes a call down.
    fn called(&mut self, name: &str);

    /// The cloud's own way to say that a call met a fault; for those that cut the connection or only come late it is not asked.
    fn refuse(&self, name: &str, what: What) -> Answer;

    /// Does it, and answers.
    fn answer(&mut self, name: &str, request: &Request) -> Answer;
}

/// What goes wrong on the way.
#[derive(Clone)]
pub struct Fault {
    /// The call; `*` is any.
    pub action: &'static str,
    /// From which of these calls on, and to which, counted from 1.
    pub from: usize,
    pub to: usize,
    /// What happens.
    pub what: What,
    hits: usize,
}

/// The ways in which an answer can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The cloud's own word for too many calls.
    Throttle,
    /// 429.
    TooMany,
    /// The credentials are no longer good.
    Expired,
    /// 503.
    Unavailable,
    /// The connection is cut before anything is done.
    CutBefore,
    /// It is done, and the connection is cut instead of an answer.
    CutAfter,
    /// It is done, and the answer comes this many milliseconds later.
    Slow(u64),
    /// The credentials are good, and not enough.
    Denied,
    /// Nothing is done, and something else answers, with this status and body.
    Instead(u16, &'static str),
    /// Nothing is done, and an answer comes that does not end.
    Endless,
    /// It is done, and half of the answer comes before the connection is cut.
    Half,
    /// It is done, and the answer comes twice in one.
    Doubled,
    /// It is done, and the answer says that there is another page, which is the same one.
    Again,
    /// Nothing is done, and what comes is one thing in another a hundred thousand times.
    Deep,
}

impl Fault {
    /// A fault of the given calls.
    pub fn of(action: &'static str, from: usize, to: usize, what: What) -> Fault {
        Fault { action, from, to, what, hits: 0 }
    }
}

/// Listens on a free port for as long as the test program runs.
pub fn serve<S: Site>(site: Arc<Mutex<S>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let site = Arc::clone(&site);
            std::thread::spawn(move || while one(&stream, &site).is_some() {});
        }
    });
    port
}

/// Answers one request; none when the connection is over.
fn one<S: Site>(stream: &TcpStream, site: &Arc<Mutex<S>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ').map(str::to_owned);
    let mut request = Request { method: words.next()?, target: words.next()?, ..Request::default() };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let body = if request.headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        chunks(&mut reader)?
    } else {
        let length = request.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body
    };
    request.body = String::from_utf8_lossy(&body).into_owned();
    let (name, fault, early) = {
        let mut site = site.lock().unwrap();
        let name = site.name(&request);
        site.called(&name);
        let fault = hit(site.faults(), &name);
        let early = match fault {
            Some(What::Instead(status, body)) => {
                let headers = if status == 302 { vec![("Location", "http://127.0.0.1:9/login?next=secret".to_owned())] } else { Vec::new() };
                Some(Answer { status, headers, body: body.to_owned() })
            }
            Some(What::Deep) => {
                let form = request.headers.get("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
                Some(Answer { status: 200, body: if form { "<a>" } else { "{\"a\":" }.repeat(100_000), ..Answer::default() })
            }
            Some(what @ (What::Throttle | What::TooMany | What::Expired | What::Unavailable | What::Denied)) => Some(site.refuse(&name, what)),
            _ => None,
        };
        (name, fault, early)
    };
    if fault == Some(What::Endless) {
        return endless(stream);
    }
    if fault == Some(What::CutBefore) {
        let _ = stream.shutdown(Shutdown::Both);
        return None;
    }
    let answer = early.unwrap_or_else(|| site.lock().unwrap().answer(&name, &request));
    match fault {
        Some(What::CutAfter) => {
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        }
        Some(What::Slow(milliseconds)) => std::thread::sleep(std::time::Duration::from_millis(milliseconds)),
        _ => {}
    }
    match fault {
        Some(What::Half) => half(stream, &answer),
        Some(What::Again) => reply(stream, &Answer { body: again(&answer.body), ..answer }),
        Some(What::Doubled) => reply(stream, &Answer { body: answer.body.repeat(2), ..answer }),
        _ => reply(stream, &answer),
    }
}

/// An answer of AWS's, with the token of a next page.
fn again(body: &str) -> String {
    match body.rfind("Result>").and_then(|at| body[..at].rfind("</")) {
        Some(end) => format!("{}<NextToken>again</NextToken>{}", &body[..end], &body[end..]),
        None => body.to_owned(),
    }
}

/// The beginning of an answer that says to be longer.
fn half(mut stream: &TcpStream, answer: &Answer) -> Option<()> {
    let text = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n", answer.status, answer.body.len().max(2));
    let body = answer.body.as_bytes();
    stream.write_all(&[text.as_bytes(), body.get(..body.len() / 2).unwrap_or_default()].concat()).ok()?;
    let _ = stream.shutdown(Shutdown::Both);
    None
}

/// JSON that begins and goes on until nobody listens; a reader without a bound would take all of it.
fn endless(mut stream: &TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 1099511627776\r\n\r\n{\"stack\": \"").ok()?;
    let piece = vec![b'x'; 1 << 20];
    // More than anybody takes, so that the test ends even then.
    for _ in 0..256 {
        stream.write_all(&piece).ok()?;
    }
    None
}

/// A body that comes in pieces, each with its length before it.
fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk.get(..length)?);
    }
}

fn reply(mut stream: &TcpStream, answer: &Answer) -> Option<()> {
    // In one piece: a second one would wait for the first to be acknowledged.
    let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!("HTTP/1.1 {} X\r\n{headers}Content-Length: {}\r\n\r\n{}", answer.status, answer.body.len(), answer.body);
    stream.write_all(text.as_bytes()).ok()
}

/// The fault of this call, if it has one.
fn hit(faults: &mut [Fault], action: &str) -> Option<What> {
    let fault = faults.iter_mut().find(|fault| fault.action == action || fault.action == "*")?;
    fault.hits += 1;
    (fault.from..=fault.to).contains(&fault.hits).then_some(fault.what)
}
