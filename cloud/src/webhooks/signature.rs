//! Signatures by the Standard Webhooks scheme (standardwebhooks.com): HMAC-SHA256 of id, time and body.

use data_encoding::BASE64;
use ring::hmac;

use crate::store::webhooks::Secret;

/// What the text of a secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

/// The secret as the receiver is given it, once.
pub fn text_of(secret: Secret) -> String {
    format!("{SECRET_PREFIX}{}", BASE64.encode(&secret.0))
}

/// The `webhook-signature` of a message that is sent at `timestamp`, in s since 1970.
pub(super) fn sign(secret: Secret, id: &str, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag.as_ref()))
}
