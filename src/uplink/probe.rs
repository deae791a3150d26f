//! A look at the way to the server, stage by stage, for people: it ends before `device.hello`, so it takes nobody's
//! place.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::dial::{DialError, Dialer};
use super::tls::TlsFault;
use super::upgrade::{Mode, Upgraded};
use super::wire::Wire;
use crate::words::printable;

/// What each stage came to.
#[derive(Debug, Default)]
pub struct Findings {
    /// The name's addresses.
    pub dns: Stage<Vec<SocketAddr>>,
    /// A connection.
    pub tcp: Stage<()>,
    /// What answered in plain HTTP where TLS was expected: its first line, and where it leads to.
    pub portal: Option<String>,
    /// The handshake; `false` where the endpoint has none.
    pub tls: Stage<bool>,
    /// The upgrade with the token.
    pub token: Stage<Found>,
}

/// A server that takes the token.
#[derive(Debug)]
pub struct Found {
    /// What it speaks.
    pub mode: Mode,
    /// The time of day that it states, as in the header `Date`.
    pub date: Option<String>,
}

/// One stage.
#[derive(Debug, Default)]
pub enum Stage<T> {
    /// It was not come to.
    #[default]
    NotTried,
    /// It works.
    Works(T),
    /// It does not.
    Failed(DialError),
    /// The time was up before it came to an end.
    Late,
}

/// How long what stands in the server's place may take to answer in HTTP.
const HTTP_LIMIT: Duration = Duration::from_secs(2);
/// How long a farewell may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Goes as far as it comes until `deadline`; to the upgrade only `with_token`.
pub async fn probe(dialer: &Dialer, with_token: bool, deadline: Instant) -> Findings {
    let mut findings = Findings::default();
    // What was found by then stays.
    let late = timeout_at(deadline, look(dialer, with_token, &mut findings)).await.is_err();
    if late {
        findings.mark_late();
    }
    findings
}

async fn look(dialer: &Dialer, with_token: bool, findings: &mut Findings) {
    let addresses = match dialer.resolve().await {
        Ok(addresses) => addresses,
        Err(error) => return findings.dns = Stage::Failed(error),
    };
    findings.dns = Stage::Works(addresses.clone());
    let tcp = match dialer.connect(&addresses).await {
        Ok(tcp) => tcp,
        Err(error) => return findings.tcp = Stage::Failed(error),
    };
    findings.tcp = Stage::Works(());
    let stream = match dialer.secure(tcp).await {
        Ok(stream) => stream,
        Err(error) => {
            if matches!(&error, DialError::Tls(_, why) if why.fault == TlsFault::NotTls)
                && let Ok(again) = dialer.connect(&addresses).await
            {
                findings.portal = timeout(HTTP_LIMIT, http_answer(again)).await.ok().flatten();
            }
            return findings.tls = Stage::Failed(error);
        }
    };
    findings.tls = Stage::Works(dialer.is_tls());
    if !with_token {
        return;
    }
    match dialer.upgrade(stream).await {
        Ok(Upgraded { socket, mode, date }) => {
            findings.token = Stage::Works(Found { mode, date });
            let mut wire = Wire::new(socket);
            if wire.queue(Message::Close(None)).is_ok() {
                // Politeness: the server would log a broken connection.
                drop(timeout(CLOSE_LIMIT, wire.flush()).await);
            }
        }
        Err(error) => findings.token = Stage::Failed(error),
    }
}

/// The first line of an answer in plain HTTP and its `Location`, if that is what comes.
async fn http_answer(mut tcp: TcpStream) -> Option<String> {
    tcp.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
    let mut received = Vec::new();
    tcp.take(2048).read_to_end(&mut received).await.ok()?;
    let text = String::from_utf8_lossy(&received);
    let line = text.lines().next().filter(|line| line.starts_with("HTTP/"))?;
    let location = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| format!(", leading to {}", value.trim()))
    });
    Some(printable(&format!("{line}{}", location.unwrap_or_default())))
}

impl Findings {
    fn mark_late(&mut self) {
        match (&self.dns, &self.tcp, &self.tls) {
            (Stage::NotTried, ..) => self.dns = Stage::Late,
            (_, Stage::NotTried, _) => self.tcp = Stage::Late,
            (_, _, Stage::NotTried) => self.tls = Stage::Late,
            _ if matches!(self.token, Stage::NotTried) => self.token = Stage::Late,
            _ => {}
        }
    }
}

impl<T> Stage<T> {
    /// What came of it, if it works.
    pub fn works(&self) -> Option<&T> {
        match self {
            Self::Works(value) => Some(value),
            _ => None,
        }
    }
}
