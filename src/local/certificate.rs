//! Certificates of this node's names.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Serialize;
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

use super::{Ask, Daemon};
use crate::{
    Error, ErrorKind,
    client::{Result, path_segment},
    visible::visible_up_to,
};

/// An order at the CA takes some seconds; one that the CA refuses for now would hang for hours.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most characters of a name.
const MAX_NAME: usize = 255;

/// What a certificate says. Its key is never read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Certificate {
    /// The DNS names for which it is valid.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// From when it is valid.
    pub valid_from: Timestamp,
    /// Until when it is valid.
    pub valid_until: Timestamp,
    /// Serial number, in hexadecimal.
    pub serial: String,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`NotJson`](ErrorKind::NotJson) if it is none.
    pub fn read(der: &[u8]) -> Result<Self> {
        let unreadable = |why: String| {
            Error::new(ErrorKind::NotJson, format!("the certificate cannot be read: {why}"))
        };
        let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der)
            .map_err(|error| unreadable(error.to_string()))?;
        let names = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .into_iter()
            .flat_map(|it| &it.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(visible_up_to(name, MAX_NAME).into_owned()),
                _ => None,
            });
        let at = |seconds: i64| {
            Timestamp::from_second(seconds).map_err(|error| unreadable(error.to_string()))
        };
        let validity = certificate.validity();
        Ok(Self {
            names: names.collect(),
            issuer: visible_up_to(&certificate.issuer().to_string(), MAX_NAME).into_owned(),
            valid_from: at(validity.not_before.timestamp())?,
            valid_until: at(validity.not_after.timestamp())?,
            serial: certificate.raw_serial_as_string(),
        })
    }

    /// The days that are left, rounded down; negative after its end.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.valid_until.as_second().saturating_sub(now.as_second()).div_euclid(24 * 3600)
    }
}

impl Daemon {
    /// The certificate for one of this node's names (`GET cert/DOMAIN?type=cert`). The daemon orders one if
    /// it has none, and renews an old one in the background.
    ///
    /// # Errors
    ///
    /// [`NotOperator`](ErrorKind::NotOperator) if the user who runs this program may not have it;
    /// [`Timeout`](ErrorKind::Timeout) if the order does not end in time.
    pub async fn certificate(&self, domain: &str) -> Result<Certificate> {
        let call = format!("cert/{}?type=cert", path_segment(domain));
        let answer = self.send(Ask { timeout: TIMEOUT, ..Ask::new(Method::GET, &call) }).await?;
        let first = CertificateDer::from_pem_slice(&answer.body).map_err(|error| {
            Error::new(ErrorKind::NotJson, format!("the daemon returned no certificate: {error:?}"))
        })?;
        Certificate::read(&first)
    }
}
