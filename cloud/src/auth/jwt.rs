//! The signed token of a user: names a session, which the database can end at any time.

use std::fmt;
use std::sync::OnceLock;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};

/// What a token is for: one is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Speaks for its user at every door, for minutes.
    Access,
    /// Is exchanged, once, for new tokens of its session.
    Refresh,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: Use,
    /// The user's name.
    pub sub: String,
    /// The session: the family of all tokens that came from one login.
    pub jti: String,
    /// How many refresh tokens its session had before it.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Issued, seconds since 1970.
    pub iat: i64,
    /// Expires, seconds since 1970.
    pub exp: i64,
}

/// Signs and checks tokens with one HMAC-SHA-256 key.
#[derive(Clone)]
pub struct JwtKey {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl JwtKey {
    /// From the bytes in the data folder.
    pub fn new(secret: &[u8]) -> Self {
        use_ring();
        Self { signing: EncodingKey::from_secret(secret), verifying: DecodingKey::from_secret(secret) }
    }

    /// The token that says `claims`.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
    }

    /// What a genuine, unexpired token for `purpose` says.
    pub fn verify(&self, token: &str, purpose: Use) -> Option<Claims> {
        // Only this algorithm: a token that names another, or none, is refused.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        let data = jsonwebtoken::decode::<Claims>(token, &self.verifying, &validation).ok()?;
        Some(data.claims).filter(|claims| claims.purpose == purpose)
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtKey(…)")
    }
}

/// The crate's own providers bring in RSA and elliptic curves, or a second TLS library; HMAC is in `ring` already.
fn use_ring() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| match algorithm {
            Algorithm::HS256 => Ok(Box::new(Hs256::new(key.as_bytes()))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        verifier_factory: |algorithm, key| match algorithm {
            Algorithm::HS256 => Ok(Box::new(Hs256::new(key.try_get_as_bytes()?))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    static INSTALLED: OnceLock<()> = OnceLock::new();
    // An error means that it is installed already.
    INSTALLED.get_or_init(|| PROVIDER.install_default().unwrap_or(()));
}

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, tag).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: i64) -> Claims {
        Claims { purpose: Use::Access, sub: "ada".into(), jti: "s1".into(), generation: 0, iat: 1, exp }
    }

    #[test]
    fn only_a_genuine_unexpired_token_is_believed() {
        let key = JwtKey::new(b"0123456789abcdef0123456789abcdef");
        let good = claims(4_000_000_000);
        let token = key.sign(&good).unwrap();
        assert_eq!(key.verify(&token, Use::Access), Some(good));
        assert_eq!(key.verify(&token, Use::Refresh), None);
        assert_eq!(JwtKey::new(b"another key").verify(&token, Use::Access), None);
        assert_eq!(key.verify(&key.sign(&claims(2)).unwrap(), Use::Access), None);
        let (head, rest) = token.split_once('.').unwrap();
        let (body, _) = rest.split_once('.').unwrap();
        assert_eq!(key.verify(&format!("{head}.{body}."), Use::Access), None);
        // {"alg":"none"}
        assert_eq!(key.verify(&format!("eyJhbGciOiJub25lIn0.{body}."), Use::Access), None);
    }
}
