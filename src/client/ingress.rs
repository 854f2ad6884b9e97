//! A look at a public page, from outside: through addresses that somebody else resolved, and with the
//! certificate that was shown.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::{Error, Result, http as built, retry};

/// How long the look may take; the first one waits until the certificate is there.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What was seen from outside.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The status of the answer.
    pub(crate) status: u16,
    /// The certificate, in DER.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Asks for `url`, whose host has these `addresses`. The body is not read.
pub(crate) async fn look(
    url: &str,
    host: &str,
    addresses: &[SocketAddr],
    ca_file: Option<&Path>,
) -> Result<Seen> {
    let client = built::build_ingress(host, addresses, ca_file, TIMEOUT)?;
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| Error::new(retry::failure(&error), retry::words(&error)))?;
    let tls = answer.extensions().get::<reqwest::tls::TlsInfo>();
    let certificate = tls.and_then(|it| it.peer_certificate()).map(<[u8]>::to_vec);
    Ok(Seen { status: answer.status().as_u16(), certificate })
}
