//! A look at a Funnel from outside, through the public ingress.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Serialize;

use super::Funnel;
use crate::{
    client::ingress,
    local::{Certificate, serve::Mount},
    tailnet::dns::resolve::ask::addresses,
};

/// A public resolver: this machine's own would answer with the address in the tailnet.
const RESOLVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), 53);

/// What was seen from outside.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Outside {
    /// Whether the public address answered.
    pub answered: bool,
    /// The status of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The certificate that was shown.
    #[serde(skip)]
    pub certificate: Option<Certificate>,
}

impl Funnel<'_> {
    /// Asks the public address of a place from outside: its name is looked up at a public resolver, and the
    /// request goes through Tailscale's ingress.
    pub async fn outside(&self, mount: &Mount) -> Outside {
        let settings = self.tailnet().settings();
        let public: Vec<SocketAddr> = if let Some(address) = settings.funnel_ingress {
            vec![address]
        } else {
            let found = addresses(RESOLVER, &mount.host).await.into_iter();
            found.map(|it| SocketAddr::new(it, mount.port)).collect()
        };
        if public.is_empty() {
            let why =
                format!("{} has no public DNS record yet; this can take ten minutes", mount.host);
            return Outside { why: Some(why), ..Outside::default() };
        }
        let ca_file = settings.ca_file.as_deref();
        // An address that was given has the port, too, which that of the URL would replace.
        let url = match settings.funnel_ingress {
            Some(_) => format!("https://{}{}", mount.host, mount.path),
            None => mount.url(),
        };
        match ingress::look(&url, &mount.host, &public, ca_file).await {
            Ok(seen) => Outside {
                answered: true,
                status: Some(seen.status),
                why: None,
                certificate: seen.certificate.and_then(|it| Certificate::read(&it).ok()),
            },
            Err(error) => Outside { why: Some(error.to_string()), ..Outside::default() },
        }
    }
}
