//! Queries one resolver over HTTPS (RFC 8484).

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hickory_resolver::proto::{
    ProtoError,
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::Name,
};
use url::Url;

use super::{
    Found, Kind,
    ask::{self, Asked},
};
use crate::{
    Error, ErrorKind,
    client::{Client, Result},
};

const MESSAGE: &str = "application/dns-message";
/// The maximum size of a DNS message.
const MAX_RESPONSE_BYTES: usize = 65_535;

/// Queries the resolver at `url`.
pub(super) async fn ask(
    client: &Client,
    url: &str,
    name: &str,
    kind: Kind,
    patience: Duration,
) -> Asked {
    let started = Instant::now();
    // The TLS handshake needs more round trips than a DNS query, so allow twice the time.
    let answer = tokio::time::timeout(patience * 2, exchange(client, url, name, kind)).await;
    let took = Some(started.elapsed());
    let asked = match answer {
        Err(_) | Ok(Err(_)) => failed(),
        Ok(Ok(message)) => read(&message),
    };
    Asked { took, ..asked }
}

async fn exchange(client: &Client, url: &str, name: &str, kind: Kind) -> Result<Message> {
    let mut url = Url::parse(url).map_err(|error| {
        Error::invalid_input("nameservers", format!("has an invalid URL: {error}"))
    })?;
    let query = question(name, kind)
        .map_err(|error| Error::invalid_input("name", format!("cannot be queried: {error}")))?;
    url.query_pairs_mut().append_pair("dns", &URL_SAFE_NO_PAD.encode(query));
    let body = client.read_elsewhere(url, MESSAGE, MAX_RESPONSE_BYTES).await?;
    Message::from_vec(&body)
        .map_err(|_| Error::new(ErrorKind::Upstream, "its response is not a DNS message"))
}

/// Encodes a DNS query. Its ID is zero, so that equal queries can be cached (RFC 8484, 4.1).
fn question(name: &str, kind: Kind) -> std::result::Result<Vec<u8>, ProtoError> {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(format!("{name}."))?, ask::record_type(kind)));
    message.to_vec()
}

fn read(message: &Message) -> Asked {
    let code = message.metadata.response_code;
    if code != ResponseCode::NoError || message.answers.is_empty() {
        return Asked::of(ask::without_records(code));
    }
    let records = message.answers.iter().map(ask::record).collect();
    Asked { records, ..Asked::of(Found::Answered) }
}

/// The host is somebody else's choice: that it did not answer as a resolver is all that is said of it.
fn failed() -> Asked {
    Asked { reason: Some("no DNS answer over HTTPS".to_owned()), ..Asked::of(Found::Unreachable) }
}
