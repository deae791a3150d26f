//! An HTTP proxy on the way (`HTTPS_PROXY`), asked for a tunnel with CONNECT (RFC 9110 section 9.3.6).

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;

use super::DialError;

/// A proxy, from `HTTPS_PROXY` of the environment.
#[derive(Clone)]
pub struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// `user:password` in base64, for `Proxy-Authorization` (RFC 7617).
    credentials: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// The answer of a proxy must fit in here.
const MAX_HEAD: usize = 8 * 1024;

impl Proxy {
    /// The proxy that `environment` names for `host`: `HTTPS_PROXY` unless `NO_PROXY` leaves the host out.
    ///
    /// # Errors
    /// One sentence, without the credentials that may stand in the URL.
    pub fn for_host(
        host: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let either = |upper: &str| {
            environment(upper).or_else(|| environment(&upper.to_ascii_lowercase())).filter(|v| !v.is_empty())
        };
        match either("HTTPS_PROXY") {
            Some(url) if !either("NO_PROXY").is_some_and(|list| is_left_out(host, &list)) => {
                parse(&url).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Asks the proxy at the other end of `stream` for a tunnel to `authority` (host:port).
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, authority: &str) -> Result<(), DialError> {
        let authorization = match &self.credentials {
            Some(credentials) => format!("Proxy-Authorization: Basic {credentials}\r\n"),
            None => String::new(),
        };
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|e| self.failed(e))?;
        let mut received = Vec::new();
        // Byte by byte at the end would be right too, but a proxy sends nothing of its own after the head: the
        // first to speak in the tunnel is the TLS client.
        while !received.windows(4).any(|w| w == b"\r\n\r\n") {
            if received.len() > MAX_HEAD {
                return Err(self.failed("its answer is too long"));
            }
            if stream.read_buf(&mut received).await.map_err(|e| self.failed(e))? == 0 {
                return Err(self.failed("it closed the connection without an answer"));
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&received).map_err(|e| self.failed(format!("its answer is not HTTP ({e})")))?;
        match response.code {
            Some(200..=299) => Ok(()),
            Some(407) => {
                Err(self.failed("it asks for a user and a password, as in http://user:password@host:port"))
            }
            code => Err(self.failed(format!("it refuses the tunnel (HTTP {})", code.unwrap_or(0)))),
        }
    }

    /// What keeps this device from the proxy, which is not the server's fault.
    pub(super) fn in_the_way(&self, error: DialError) -> DialError {
        match error {
            DialError::Dns(_, why) => self.failed(format!("its name cannot be resolved ({why})")),
            DialError::Connect(_, why) => self.failed(format!("no connection ({why})")),
            other => other,
        }
    }

    pub(super) fn failed(&self, why: impl std::fmt::Display) -> DialError {
        DialError::Proxy(format!("{}:{}", self.host, self.port), why.to_string())
    }
}

fn parse(url: &str) -> Result<Proxy, String> {
    const EXPECTED: &str = "HTTPS_PROXY: expected http://[user:password@]host:port";
    let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = with_scheme.parse().map_err(|_| EXPECTED)?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("{EXPECTED}; other kinds of proxy are not spoken to"));
    }
    let authority = uri.authority().ok_or(EXPECTED)?;
    let credentials =
        authority.as_str().rsplit_once('@').map(|(user, _)| BASE64.encode(decoded(user).as_slice()));
    let host = authority.host();
    let port = match authority.port_u16() {
        Some(port) => port,
        // Without a port: of one that is none nobody knows what was meant.
        None if authority.as_str().ends_with(host) => 80,
        None => return Err(EXPECTED.to_owned()),
    };
    Ok(Proxy { host: host.trim_matches(['[', ']']).to_owned(), port, credentials })
}

/// Percent-decoding of user information (RFC 3986 section 2.1).
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex =
            |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let mut ahead = bytes.clone();
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Whether `NO_PROXY` (names, suffixes, `*`) leaves `host` out.
fn is_left_out(host: &str, list: &str) -> bool {
    list.split(',').map(|entry| entry.trim().trim_start_matches('.')).any(|entry| {
        entry == "*"
            || host.eq_ignore_ascii_case(entry)
            || (!entry.is_empty()
                && host.len() > entry.len()
                && host.to_ascii_lowercase().ends_with(&format!(".{}", entry.to_ascii_lowercase())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(host: &str, variables: &[(&str, &str)]) -> Result<Option<Proxy>, String> {
        Proxy::for_host(host, |key| variables.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_proxy_of_the_environment_is_used_unless_the_host_is_left_out() {
        let proxy = ask("cloud.example", &[("HTTPS_PROXY", "http://proxy:3128")]).unwrap().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.credentials.as_deref()), ("proxy", 3128, None));
        let lower = ask("cloud.example", &[("https_proxy", "10.0.0.1:8080")]).unwrap().unwrap();
        assert_eq!((lower.host.as_str(), lower.port), ("10.0.0.1", 8080));
        for list in ["*", "cloud.example", "example", ".example", "a, Cloud.Example"] {
            assert!(
                ask("cloud.example", &[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]).unwrap().is_none(),
                "{list}"
            );
        }
        for url in ["http://p:99999", "http://p:", "http://u:pw@[::1]:x"] {
            assert!(ask("cloud.example", &[("HTTPS_PROXY", url)]).is_err(), "{url}");
        }
        for list in ["", "loud.example", "other"] {
            assert!(
                ask("cloud.example", &[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]).unwrap().is_some(),
                "{list}"
            );
        }
        assert!(ask("cloud.example", &[]).unwrap().is_none());
    }

    #[test]
    fn credentials_are_sent_decoded_and_never_shown() {
        let proxy = ask("h", &[("HTTPS_PROXY", "http://us%65r:p%40ss@proxy:3128")]).unwrap().unwrap();
        assert_eq!(BASE64.decode(proxy.credentials.as_ref().unwrap().as_bytes()).unwrap(), b"user:p@ss");
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy:3128)");
        let error = ask("h", &[("HTTPS_PROXY", "socks5://user:p4ss@proxy")]).unwrap_err();
        assert!(!error.contains("p4ss"), "{error}");
    }
}
