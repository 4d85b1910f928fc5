//! HTTP, as little of it as the client needs, and the faults on the way.

use super::{Fault, What, World};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Listens on a free port for as long as the test program runs.
pub fn serve(world: Arc<Mutex<World>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let world = Arc::clone(&world);
            std::thread::spawn(move || while one(&stream, &world).is_some() {});
        }
    });
    port
}

/// Answers one request; none when the connection is over.
fn one(stream: &TcpStream, world: &Arc<Mutex<World>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if method != "POST" || target != "/" {
        let (status, text) = super::s3::answer(&mut world.lock().unwrap(), &method, &target, &body);
        return reply(stream, status, &text);
    }
    let fields = form(&body);
    let action = fields.get("Action").cloned().unwrap_or_default();
    let fault = {
        let mut world = world.lock().unwrap();
        world.calls.push(action.clone());
        hit(&mut world.faults, &action)
    };
    let early = match fault {
        Some(What::Throttle) => Some(refusal(400, "Throttling", "Rate exceeded")),
        Some(What::TooMany) => Some(refusal(429, "TooManyRequestsException", "Too Many Requests")),
        Some(What::Expired) => Some(refusal(403, "ExpiredToken", "The security token included in the request is expired")),
        Some(What::Unavailable) => Some(refusal(503, "ServiceUnavailable", "Service Unavailable")),
        Some(What::Denied) => {
            Some(refusal(403, "AccessDenied", &format!("User: arn:aws:iam::123456789012:user/ci is not authorized to perform: cloudformation:{action}")))
        }
        Some(What::CutBefore) => {
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        }
        _ => None,
    };
    let (status, text) = early.unwrap_or_else(|| match world.lock().unwrap().answer(&action, &fields) {
        Ok(inner) => (200, format!("<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>{inner}</{action}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{action}Response>")),
        Err((status, code, text)) => refusal(status, code, &text),
    });
    match fault {
        Some(What::CutAfter) => {
            let _ = stream.shutdown(Shutdown::Both);
            return None;
        }
        Some(What::Slow(milliseconds)) => std::thread::sleep(std::time::Duration::from_millis(milliseconds)),
        _ => {}
    }
    reply(stream, status, &text)
}

fn reply(mut stream: &TcpStream, status: u16, text: &str) -> Option<()> {
    // In one piece: a second one would wait for the first to be acknowledged.
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    stream.write_all(answer.as_bytes()).ok()
}

/// The fault of this call, if it has one.
fn hit(faults: &mut [Fault], action: &str) -> Option<What> {
    let fault = faults.iter_mut().find(|fault| fault.action == action || fault.action == "*")?;
    fault.hits += 1;
    (fault.from..=fault.to).contains(&fault.hits).then_some(fault.what)
}

fn refusal(status: u16, code: &str, text: &str) -> (u16, String) {
    let text = escape(text);
    (
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
