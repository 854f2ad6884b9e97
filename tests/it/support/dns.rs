//! A name server with scripted answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::net::UdpSocket;

/// What it says to a question.
#[derive(Debug, Clone)]
pub enum Says {
    /// An IPv4 address, and for how long it may be kept.
    Address([u8; 4], u32),
    Text(&'static str),
    /// Another name, which has that address.
    Alias(&'static str, [u8; 4]),
    NoSuchName,
    /// There is such a name, and nothing of that type.
    Nothing,
    Refused,
    Failed,
    /// It does not answer.
    Silence,
}

pub struct NameServer {
    pub at: SocketAddr,
    /// The names that it was asked for, with the number of the type.
    pub asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    pub async fn start(says: impl Fn(&str, u16) -> Says + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<(String, u16)>>> = Arc::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let query = &buffer[..length];
                let (name, kind, end) = question(query);
                heard.lock().unwrap().push((name.clone(), kind));
                if let Some(answer) = answer(query, end, &says(&name, kind)) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self { at, asked }
    }

    pub fn names(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|it| it.0.clone()).collect()
    }
}

/// What a name server answers to a question that came another way.
pub fn message(query: &[u8], says: &Says) -> Vec<u8> {
    answer(query, question(query).2, says).unwrap()
}

/// The name and the type that are asked for, and where the question ends.
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (labels.join("."), kind, at + 5)
}

fn answer(query: &[u8], end: usize, says: &Says) -> Option<Vec<u8>> {
    // A pointer to the name in the question.
    let asked = vec![0xc0, 12];
    let records = match says {
        Says::Silence => return None,
        Says::Address(address, ttl) => vec![record(asked, 1, *ttl, address)],
        Says::Text(text) => {
            let length = u8::try_from(text.len()).unwrap();
            vec![record(asked, 16, 60, &[&[length], text.as_bytes()].concat())]
        }
        Says::Alias(name, address) => {
            vec![record(asked, 5, 60, &wire(name)), record(wire(name), 1, 60, address)]
        }
        _ => Vec::new(),
    };
    let code = match says {
        Says::NoSuchName => 3,
        Says::Refused => 5,
        Says::Failed => 2,
        _ => 0,
    };
    let mut answer = query[..2].to_vec();
    // An answer, to a question that wanted recursion, with it.
    answer.extend([0x81, 0x80 | code, 0, 1]);
    answer.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    answer.extend([0, 0, 0, 0]);
    answer.extend(&query[12..end]);
    answer.extend(records.concat());
    Some(answer)
}

fn record(name: Vec<u8>, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = name;
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(ttl.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}
