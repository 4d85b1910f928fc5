//! A name server on this machine: it answers each question for name servers as it was told.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// What it says of every domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// These are its name servers.
    Servers(Vec<String>),
    /// It is there, and has none.
    NoServers,
    /// There is no such domain (NXDOMAIN).
    Unknown,
    /// It cannot find out (SERVFAIL).
    Failed,
    /// Nothing at all.
    Nothing,
}

pub struct NameServer {
    pub address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    pub fn start(says: Says) -> NameServer {
        NameServer::start_and_after(says.clone(), 0, says)
    }

    /// Says something else once it was asked so often.
    pub fn start_and_after(says: Says, often: usize, then: Says) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(Vec::new())));
        let (told, heard) = (Arc::clone(&says), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let question = &buffer[12..length];
                let end = question.iter().position(|byte| *byte == 0).unwrap() + 5;
                heard.lock().unwrap().push(read_name(question));
                if heard.lock().unwrap().len() == often + 1 {
                    *told.lock().unwrap() = then.clone();
                }
                let answer = answer(&told.lock().unwrap(), &buffer[..2], &question[..end]);
                if let Some(answer) = answer {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        NameServer { address, says, asked }
    }

    /// From now on.
    pub fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// The domains that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(says: &Says, id: &[u8], question: &[u8]) -> Option<Vec<u8>> {
    let (code, servers): (u8, &[String]) = match says {
        Says::Nothing => return None,
        Says::Servers(servers) => (0, servers),
        Says::NoServers => (0, &[]),
        Says::Failed => (2, &[]),
        Says::Unknown => (3, &[]),
    };
    let mut message = [id, &[0x81, 0x80 | code, 0, 1, 0, u8::try_from(servers.len()).unwrap(), 0, 0, 0, 0], question].concat();
    for server in servers {
        let name = write_name(server);
        // The question's name, NS, IN, five minutes.
        message.extend([0xc0, 12, 0, 2, 0, 1, 0, 0, 1, 44]);
        message.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        message.extend(name);
    }
    Some(message)
}

fn write_name(name: &str) -> Vec<u8> {
    let labels = name.trim_end_matches('.').split('.');
    let mut bytes: Vec<u8> = labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

fn read_name(mut bytes: &[u8]) -> String {
    let mut labels = Vec::new();
    while bytes[0] != 0 {
        let (label, rest) = bytes[1..].split_at(usize::from(bytes[0]));
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        bytes = rest;
    }
    labels.join(".")
}
