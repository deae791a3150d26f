//! The cloud's address.

use std::fmt;

use ems_protocol::DeviceId;
use rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::http::{Uri, uri::Authority};

use super::mistake::Refusal;

/// Hosts that are this machine, where a connection without TLS harms nobody.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Scheme, host and port of the cloud. Displays as `wss://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    tls: bool,
    name: ServerName<'static>,
    port: u16,
}

impl ServerUrl {
    /// Whether the connection is encrypted (`wss`).
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host as a name that a certificate can bear.
    pub fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// The host: a DNS name or an IP address, IPv6 without brackets.
    pub fn host(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where `device` connects.
    pub fn of_device(&self, device: &DeviceId) -> String {
        format!("{self}/ws/device/{device}")
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual_port) = if self.tls { ("wss", 443) } else { ("ws", 80) };
        let host = self.name.to_str();
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{host}{close}")?;
        if self.port == usual_port { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// `wss://host[:port]`, or `ws://` to this machine.
pub(super) fn parse(text: &str) -> Result<ServerUrl, Refusal> {
    // The parser below drops a fragment silently.
    if text.contains('#') {
        return Err("has a #fragment; expected wss://host[:port] alone".into());
    }
    let uri: Uri = text.parse().map_err(|_| "is no URL; expected wss://host[:port]")?;
    let Some(scheme) = uri.scheme_str().map(str::to_ascii_lowercase) else {
        return Err("has no scheme; expected wss://host[:port]".into());
    };
    let authority = uri.authority().ok_or("has no host; expected wss://host[:port]")?;
    if authority.as_str().contains('@') {
        return Err("has a user or password in it; the token goes into API_TOKEN alone".into());
    }
    if uri.query().is_some() {
        return Err("has a ?query; expected wss://host[:port] alone".into());
    }
    let (host, port) = host_and_port(authority)?;
    let name = ServerName::try_from(host.clone()).map_err(|_| "has no valid host name or IP address")?;
    let tls = match scheme.as_str() {
        "wss" => true,
        "ws" if LOOPBACK.contains(&host.as_str()) => false,
        "ws" => return Err(remedy("is without TLS, so the token could be read on the way", authority)),
        "https" | "http" => return Err(remedy("is a web address; expected a WebSocket's", authority)),
        _ => return Err("has a scheme that is not wss; expected wss://host[:port]".into()),
    };
    if !matches!(uri.path(), "" | "/") {
        let write = format!("{scheme}://{authority}");
        return Err(Refusal::write("has a path, which the daemon appends by itself", write));
    }
    let port = port.unwrap_or(if tls { 443 } else { 80 });
    Ok(ServerUrl { tls, name, port })
}

fn host_and_port(authority: &Authority) -> Result<(String, Option<u16>), Refusal> {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let rest = authority.as_str().strip_prefix(host).unwrap_or_default();
    let port = match rest.strip_prefix(':') {
        None => None,
        Some(digits) => {
            let port = digits.parse::<u16>().ok().filter(|port| *port != 0);
            Some(port.ok_or("has a port that is not 1 to 65535; expected wss://host[:port]")?)
        }
    };
    Ok((bare.to_ascii_lowercase(), port))
}

fn remedy(why: &str, authority: &Authority) -> Refusal {
    Refusal::write(why, format!("wss://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        parse(text).unwrap_or_else(|refusal| panic!("{text}: {}", refusal.why)).to_string()
    }

    #[test]
    fn host_and_port_are_taken_and_the_usual_port_is_left_out() {
        assert_eq!(shown("wss://cloud.example.com"), "wss://cloud.example.com");
        assert_eq!(shown("WSS://Cloud.Example.com:443/"), "wss://cloud.example.com");
        assert_eq!(shown("wss://192.0.2.7:8443"), "wss://192.0.2.7:8443");
        assert_eq!(shown("wss://[2001:db8::1]:8443"), "wss://[2001:db8::1]:8443");
        assert_eq!(parse("wss://[2001:db8::1]").unwrap().port(), 443);
        assert_eq!(parse("wss://[2001:db8::1]").unwrap().host(), "2001:db8::1");
    }

    #[test]
    fn without_tls_only_this_machine_is_reached() {
        for url in ["ws://127.0.0.1:8080", "ws://[::1]:8080", "ws://localhost"] {
            assert!(!parse(url).unwrap().is_tls(), "{url}");
        }
        for url in
            ["ws://cloud.example.com", "ws://127.0.0.1.example.com", "ws://192.168.1.2", "ws://localhost.x"]
        {
            assert!(parse(url).unwrap_err().why.contains("without TLS"), "{url}");
        }
    }

    #[test]
    fn the_daemon_appends_the_path_of_the_device() {
        let device = "ems_001".parse().unwrap();
        assert_eq!(
            parse("wss://cloud.example.com:8443/").unwrap().of_device(&device),
            "wss://cloud.example.com:8443/ws/device/ems_001"
        );
    }

    #[test]
    fn a_scheme_or_path_that_is_wrong_is_put_right_in_the_remedy() {
        let remedy = |text: &str| parse(text).unwrap_err().write;
        assert_eq!(remedy("https://cloud.example.com:8443").as_deref(), Some("wss://cloud.example.com:8443"));
        assert_eq!(remedy("ws://cloud.example.com").as_deref(), Some("wss://cloud.example.com"));
        assert_eq!(remedy("wss://h.example/ws/device/ems_001").as_deref(), Some("wss://h.example"));
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        let bad = [
            "",
            "wss://",
            "cloud.example.com",
            "cloud.example.com:8443",
            "/ws",
            "wss://user:pw@host",
            "wss://host?token=x",
            "wss://host/#x",
            "wss://host:0",
            "wss://host:",
            "wss://host:65536",
            "wss://ho st",
            "wss://[::1",
            "wss://größe.example",
            "ftp://host",
            "wss://-",
            "wss://.",
            "mailto:x",
            "*",
        ];
        for text in bad {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
