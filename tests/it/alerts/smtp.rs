//! An SMTP server with scripted answers, which keeps the mails that it takes.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

pub struct SmtpServer {
    pub port: u16,
    mails: Arc<Mutex<Vec<String>>>,
}

impl SmtpServer {
    /// Takes every mail.
    pub async fn start() -> Self {
        Self::answering("250 OK").await
    }

    /// Answers a mail with this line, once it has it.
    pub async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mails: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, Arc::clone(&kept)));
            }
        });
        Self { port, mails }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().iter().map(|it| Mail::read(it)).collect()
    }
}

async fn serve(stream: TcpStream, answer: &str, mails: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 here\r\n").await.ok()?;
    while let Some(command) = lines.next_line().await.ok()? {
        let word = command.split(' ').next().unwrap_or_default().to_uppercase();
        let reply = match word.as_str() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    mail += line.strip_prefix('.').unwrap_or(&line);
                    mail += "\n";
                }
                mails.lock().unwrap().push(mail);
                answer
            }
            "QUIT" => return Some(()),
            "EHLO" | "MAIL" | "RCPT" | "NOOP" | "RSET" => "250 OK",
            _ => "502 unknown",
        };
        writer.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

/// A mail, taken apart.
pub struct Mail {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Mail {
    fn read(mail: &str) -> Self {
        let (head, body) = mail.split_once("\n\n").unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.split_once(": "), headers.last_mut()) {
                (_, Some(last)) if line.starts_with(' ') => last.1 += line,
                (Some((name, value)), _) => headers.push((name.to_owned(), value.to_owned())),
                _ => panic!("{line:?} is no header"),
            }
        }
        let mut mail = Self { headers, body: String::new() };
        mail.body = match mail.header("Content-Transfer-Encoding") {
            "base64" => decoded(&body.replace('\n', "")),
            "quoted-printable" => quoted_printable(body),
            _ => body.to_owned(),
        }
        .replace("\r\n", "\n");
        mail
    }

    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|it| it.0 == name);
        let value = &found.next().unwrap().1;
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    /// The subject, with its encoded words decoded.
    pub fn subject(&self) -> String {
        let mut rest = self.header("Subject");
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
            let (word, after) = after.split_once("?=").unwrap();
            // Spaces between two encoded words are none.
            out += if before.trim().is_empty() { "" } else { before };
            out += &decoded(word);
            rest = after;
        }
        out + rest
    }
}

fn decoded(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
}

fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
