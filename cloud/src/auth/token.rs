//! Tokens of devices: 256 random bits, of which the server keeps only a SHA-256.
//!
//! A slow password hash would buy nothing: there is nothing to guess in 256 random bits, and it would make ten
//! thousand devices that come back at once an outage.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

/// What every device token begins with; other bearers are JWTs of users.
pub const PREFIX: &str = "sk_";

/// A new token, shown once. Its `Debug` says nothing.
pub struct Token(String);

impl Token {
    /// Draws a token from the kernel.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(format!("{PREFIX}live_{}", BASE64URL_NOPAD.encode(&secret))))
    }

    /// Whether somebody else's text can be a token.
    pub fn is_sound(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(|rest| (16..=500).contains(&rest.len()))
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// A token that somebody else has drawn.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text that the device is given.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the server keeps.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The SHA-256 of a token.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes what a device presented.
    pub fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    /// From the database.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the database.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of the same token, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ_and_neither_shows_in_debug() {
        let (a, b) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert!(a.reveal().starts_with("sk_live_") && a.reveal().len() == 51);
        assert!(a.hash().matches(&TokenHash::of(a.reveal())) && !a.hash().matches(&b.hash()));
        assert!(!format!("{a:?}{:?}", a.hash()).contains(&a.reveal()[8..20]));
    }
}
