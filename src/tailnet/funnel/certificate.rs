//! The certificate of this node's name.

use jiff::Timestamp;
use serde::Serialize;

use super::{Funnel, mount_of};
use crate::{
    Error, ErrorKind,
    client::Result,
    local::{Certificate, serve::ServedAs},
};

/// What is known of a certificate.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// Short name of the machine.
    pub machine: String,
    /// The certificate.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// The days that are left, rounded down; negative after its end.
    pub days_left: i64,
    /// Where it is from: `handshake`, as the internet sees it, or `daemon`.
    pub from: &'static str,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Funnel<'_> {
    /// The certificate of this node's name: from a handshake through the public ingress if something is
    /// public, else from the daemon, which orders one if it has none yet for what it serves over HTTPS, and
    /// renews an old one. Its key is never read.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if nothing is served over HTTPS, so that there may be none;
    /// [`NotOperator`](ErrorKind::NotOperator) if the user who runs this program may not have it.
    pub async fn certificate(&self) -> Result<CertificateInfo> {
        let status = self.daemon().own_status().await?.running()?;
        let served = self.daemon().serve_config().await?.served();
        let over_https = served.iter().filter(|it| it.how == ServedAs::Https);
        let mut over_https: Vec<_> = over_https.filter(|it| it.service.is_none()).collect();
        over_https.sort_by_key(|it| !it.funnel);
        let Some(first) = over_https.first() else {
            let why = format!(
                "`{}` serves nothing over HTTPS, so there may be no certificate",
                status.machine()
            );
            return Err(Error::new(ErrorKind::NotFound, why).with_remedy(
                "the daemon requests a certificate when something is served over HTTPS; asking for it now would \
                 request one",
            ));
        };
        let mut notes = Vec::new();
        if let Some(mount) = mount_of(first).filter(|_| first.funnel) {
            let outside = self.outside(&mount).await;
            if let Some(certificate) = outside.certificate {
                return Ok(info(status.machine(), certificate, "handshake", notes));
            }
            let why = outside.why.unwrap_or_else(|| "it showed no certificate".to_owned());
            notes.push(format!("could not be checked from the internet: {why}"));
        }
        let host = first.at.rsplit_once(':').map_or(first.at.as_str(), |it| it.0);
        let certificate = self.daemon().certificate(host).await?;
        Ok(info(status.machine(), certificate, "daemon", notes))
    }
}

fn info(
    machine: &str,
    certificate: Certificate,
    from: &'static str,
    mut notes: Vec<String>,
) -> CertificateInfo {
    let days_left = certificate.days_left(Timestamp::now());
    if days_left < 14 {
        notes.push(
            "the daemon renews it automatically after two thirds of its lifetime; if not, check the daemon's log"
                .to_owned(),
        );
    }
    CertificateInfo { machine: machine.to_owned(), certificate, days_left, from, notes }
}
