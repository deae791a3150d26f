//! The address of a webhook, checked when it is given.

use std::net::IpAddr;

use axum::http::Uri;

/// The longest address, in bytes.
const MAX: usize = 2000;

/// Where to connect and what to ask for.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether with TLS.
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `Host`.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Target {
    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong with it. It does not repeat the address, which may hold a secret.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if url.len() > MAX {
            return Err("the address has more than 2000 bytes");
        }
        let uri: Uri = url.parse().map_err(|_| "expected an address such as https://example.org/hook")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("the address must begin with https:// or http://"),
        };
        let authority = uri.authority().ok_or("the address names no host")?;
        if authority.as_str().contains('@') {
            return Err("a user name in the address is not taken: the signature is the credential");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("the address names no host");
        }
        // What stands after the last colon behind the host, which may have colons of its own in brackets.
        let after = authority.as_str().rsplit(']').next().unwrap_or_default();
        let port = match after.rsplit_once(':').map(|(_, port)| port.parse::<u16>()) {
            None if tls => 443,
            None => 80,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err("the port is no number from 1 to 65535"),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host, port, authority: authority.as_str().to_owned(), path })
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_wrong_ones_named() {
        let target = Target::parse("https://example.org/hook?a=1").unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (true, "example.org", 443));
        assert_eq!((target.path.as_str(), target.authority.as_str()), ("/hook?a=1", "example.org"));
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!(
            (target.tls, target.host.as_str(), target.port, target.path.as_str()),
            (false, "::1", 8080, "/")
        );
        assert_eq!(Target::parse("http://example.org?x").unwrap().path, "/?x");
        for (url, words) in [
            ("", "https://example.org"),
            ("example.org", "begin with"),
            ("/hook", "begin with"),
            ("ftp://example.org/", "begin with"),
            ("file:///etc/passwd", "example"),
            ("http://ada:secret@example.org/", "user name"),
            ("http://example.org:0/", "port"),
            ("http://example.org:99999/", "port"),
            ("http://exa mple.org/", "expected"),
            ("http://example.org/\r\nx: y", "expected"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.contains(words), "{url}: {error}");
        }
        assert!(Target::parse(&format!("http://a/{}", "x".repeat(MAX))).is_err());
    }
}
