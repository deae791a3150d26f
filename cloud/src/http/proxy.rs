//! Reverse proxies in front of the server: what they say of a request's origin is believed only of those that the
//! configuration names.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::Peer;

/// The addresses of proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// These networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Who is really asking. Of the addresses in `X-Forwarded-For` the last one counts that is no proxy: those before
    /// it may be made up.
    pub fn origin_of(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        if !self.trusts(peer.address.ip()) {
            return peer;
        }
        let texts = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = texts.flat_map(|text| text.split(',')).map(str::trim).collect();
        let mut address = peer.address;
        for hop in hops.into_iter().rev() {
            let Some(ip) = parse(hop) else { break };
            address = SocketAddr::new(ip, 0);
            if !self.trusts(ip) {
                break;
            }
        }
        let scheme = headers.get_all("x-forwarded-proto").iter().next_back();
        let tls = scheme.is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
        Peer { address, tls: peer.tls || tls }
    }

    /// Whether this is the address of one.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, with a port or without; one of IPv6 may be in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_known_proxy_is_believed_and_only_its_own_words() {
        let proxies = Proxies::new(vec!["127.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()]);
        let seen = |from: &str, forwarded: Option<&'static str>, scheme: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_static(value));
            }
            if let Some(value) = scheme {
                headers.append("x-forwarded-proto", HeaderValue::from_static(value));
            }
            let peer = Peer { address: SocketAddr::new(from.parse().unwrap(), 9), tls: false };
            let origin = proxies.origin_of(peer, &headers);
            (origin.address.ip().to_string(), origin.tls)
        };
        let real = ("203.0.113.7".to_owned(), true);
        assert_eq!(seen("127.0.0.1", Some("203.0.113.7"), Some("https")), real);
        assert_eq!(seen("127.0.0.1", Some("1.1.1.1, 203.0.113.7, 10.1.2.3"), Some("https")), real);
        assert_eq!(seen("127.0.0.1", Some("203.0.113.7:4711"), Some("HTTPS")), real);
        for text in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711"] {
            assert_eq!(seen("127.0.0.1", Some(text), None), ("2001:db8::1".into(), false), "{text}");
        }
        assert_eq!(seen("127.0.0.1", Some("nonsense"), None), ("127.0.0.1".into(), false));
        assert_eq!(seen("127.0.0.1", None, None), ("127.0.0.1".into(), false));
        // Whoever is no proxy speaks for nobody else.
        assert_eq!(seen("203.0.113.9", Some("1.1.1.1"), Some("https")), ("203.0.113.9".into(), false));
    }
}
