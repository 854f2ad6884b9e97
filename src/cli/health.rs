//! `tailsteward health`: asks a running HTTP server, for the health check of a container that has nothing else to
//! ask with.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::print;
use crate::{Error, client::Result, visible::visible};

/// How long the server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// As long as the first line of an answer may be.
const MAX_STATUS_LINE: usize = 64;

/// Which server, and what to ask it.
#[derive(Debug, clap::Args)]
pub(super) struct HealthArguments {
    /// The address and port of the server
    #[arg(default_value = "127.0.0.1:8710", value_name = "ADDRESS")]
    address: SocketAddr,
    /// Ask whether it is ready, too: whether the API answers it
    #[arg(long)]
    ready: bool,
}

impl HealthArguments {
    /// Prints that the server is well.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it is not, or does not answer in time.
    pub(super) async fn run(&self) -> Result<()> {
        let (path, well) =
            if self.ready { ("/health/ready", "is ready") } else { ("/health", "answers") };
        let status = timeout(ANSWER_TIMEOUT, status_line(self.address, path));
        let status = match status.await {
            Ok(status) => status.map_err(|error| self.error(&error.to_string()))?,
            Err(_) => return Err(self.error("no answer in 5 seconds")),
        };
        if status.split(' ').nth(1) != Some("200") {
            return Err(self.error(&format!("{path} answered `{}`", visible(&status))));
        }
        print(&format!("the server at {} {well}", self.address));
        Ok(())
    }

    fn error(&self, why: &str) -> Error {
        Error::config(
            format!("the server at {} is not healthy: {why}", self.address),
            "start it with `tailsteward serve --http`, or read its log",
        )
    }
}

/// The first line of the answer to a GET request, as far as it fits.
async fn status_line(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let most = u64::try_from(MAX_STATUS_LINE).unwrap_or(u64::MAX);
    stream.take(most).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
