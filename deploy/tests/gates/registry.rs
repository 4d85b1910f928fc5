//! A registry of images on this machine, with a login that gives tokens.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it has, and whom it lets look.
#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// `path:tag`.
    pub images: Vec<String>,
    /// Whether everybody gets a token.
    pub open: bool,
    /// Who gets one besides: the value of the header that says so, and of the form.
    pub basic: String,
    pub refresh: String,
    /// A status for everything, instead.
    pub status: Option<u16>,
}

pub struct Registry {
    pub address: SocketAddr,
    pub holds: Arc<Mutex<Holds>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub fn start(holds: Holds) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (holds, asked) = (Arc::new(Mutex::new(holds)), Arc::new(Mutex::new(Vec::new())));
        let (held, heard) = (Arc::clone(&holds), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, address, &held.lock().unwrap(), &heard);
            }
        });
        Registry { address, holds, asked }
    }

    /// The calls: method and path.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, address: SocketAddr, holds: &Holds, heard: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut authorization, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    heard.lock().unwrap().push(format!("{method} {}", path.split('?').next().unwrap_or_default()));
    let (status, headers, text) = answer(method, path, &authorization, &body, address, holds);
    let length = text.len();
    let text = if method == "HEAD" { String::new() } else { text };
    let mut stream = stream;
    let _ = write!(stream, "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{text}");
}

fn answer(method: &str, path: &str, authorization: &str, body: &str, address: SocketAddr, holds: &Holds) -> (u16, String, String) {
    let none = String::new;
    if let Some(status) = holds.status {
        return (status, none(), none());
    }
    if path.starts_with("/token") {
        let good = holds.open
            || !holds.basic.is_empty() && authorization == holds.basic
            || method == "POST" && !holds.refresh.is_empty() && body.contains(&format!("refresh_token={}", holds.refresh));
        return if good { (200, none(), "{\"token\": \"ticket\"}".to_owned()) } else { (401, none(), "{}".to_owned()) };
    }
    if authorization != "Bearer ticket" {
        let realm = format!("Bearer realm=\"http://{address}/token\",service=\"fake\",scope=\"repository:x:pull\"");
        return (401, format!("www-authenticate: {realm}\r\n"), "{}".to_owned());
    }
    let there = holds.images.iter().any(|image| {
        let (name, tag) = image.split_once(':').unwrap();
        path == format!("/v2/{name}/manifests/{tag}")
    });
    (if there { 200 } else { 404 }, none(), "{}".to_owned())
}
