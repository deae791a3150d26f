//! Takes secrets out of what is sent to others.

use crate::config::{Effective, KEYS};
use crate::words::without_tokens;

/// The secrets that are known here.
pub(super) struct Redactor {
    secrets: Vec<String>,
}

/// What stands in their place.
const MASK: &str = "[secret]";
/// Shorter texts are no secrets, and taking them out would leave nothing to read.
const SHORTEST: usize = 6;
/// Variables of the environment whose values may hold a password.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

impl Redactor {
    /// Knows the secrets among `settings`, and the passwords of proxies.
    pub(super) fn new(settings: &[Effective]) -> Self {
        let of_settings = settings.iter().filter(|entry| entry.key.secret).filter_map(Effective::value);
        let proxies = PROXIES.iter().filter_map(|name| std::env::var(name).ok());
        let passwords = proxies.filter_map(|url| {
            let (before, _) = url.rsplit_once('@')?;
            Some(before.rsplit_once('/').map_or(before, |(_, user)| user).to_owned())
        });
        let mut secrets: Vec<String> = of_settings.map(str::to_owned).chain(passwords).collect();
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// `text` without them, and without what looks like one.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            clean = clean.replace(secret.as_str(), MASK);
            // As JSON has it.
            if let Ok(json) = serde_json::to_string(secret) {
                clean = clean.replace(json.trim_matches('"'), MASK);
            }
        }
        let names =
            KEYS.iter().filter(|key| key.secret).flat_map(|key| [Some(key.name), key.alias]).flatten();
        for begin in names.map(|name| format!("{name}=")).chain(["Bearer ".to_owned()]) {
            clean = without_value_after(&clean, &begin);
        }
        without_tokens(&clean)
    }
}

/// The text with the word behind each `begin` masked.
fn without_value_after(text: &str, begin: &str) -> String {
    let mut pieces = text.split(begin);
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_whitespace()).unwrap_or(piece.len());
        clean.push_str(begin);
        let (value, rest) = piece.split_at_checked(end).unwrap_or((piece, ""));
        clean.push_str(if value.is_empty() { "" } else { MASK });
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_and_what_looks_like_one_are_taken_out() {
        let redactor = Redactor { secrets: vec!["a\"quoted one".to_owned(), "plain-secret".to_owned()] };
        let text = "plain-secret {\"t\":\"a\\\"quoted one\"} API_TOKEN=unknown1 x\nAuthorization: Bearer abc\nsk_live_012345 'API_SECRET=' end";
        let clean = redactor.clean(text);
        for secret in ["plain-secret", "quoted one", "unknown1", "abc", "sk_live"] {
            assert!(!clean.contains(secret), "{clean}");
        }
        assert!(clean.ends_with(" end") && clean.contains(" x\n"), "{clean}");
    }
}
