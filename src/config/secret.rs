//! A value that must not be shown.

use std::fmt;

use super::mistake::Refusal;

/// A secret text. `Debug` hides it and there is no `Display`: it leaves through [`Secret::expose`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` of somebody who knows the secret, fit to be shown.
    pub fn masked_in(&self, text: &str) -> String {
        text.replace(&self.0, "[secret]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A bearer token: 8 to 512 visible ASCII characters, so that it fits a header (RFC 6750 section 2.1) as it is.
pub(super) fn token(text: &str) -> Result<Secret, Refusal> {
    if is_placeholder(text) {
        return Err(
            "is still the placeholder of the example; the cloud shows the real token once, when the \
                    device is added there"
                .into(),
        );
    }
    if text.chars().any(char::is_whitespace) {
        return Err("has a space in it, which no token has: copy it again".into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has a character that is not visible ASCII: copy it again".into());
    }
    match text.len() {
        0..8 => Err("is shorter than 8 characters: copy it again, whole".into()),
        8..=512 => Ok(Secret(text.to_owned())),
        _ => Err("is longer than 512 characters: copy the token alone".into()),
    }
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let exact = ["changeme", "change_me", "change-me", "your_token", "your-token", "token", "secret"];
    lower.ends_with("...")
        || lower.ends_with('…')
        || lower.starts_with('<')
        || exact.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_a_secret() {
        let secret = token("sk_0123456789").unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose(), "sk_0123456789");
    }

    #[test]
    fn a_token_has_8_to_512_visible_ascii_characters() {
        for good in ["12345678", "sk_a$b#c'\"\\", &"x".repeat(512)] {
            assert!(token(good).is_ok(), "{good}");
        }
        let too_long = "x".repeat(513);
        for bad in [
            "1234567",
            too_long.as_str(),
            "sk_01234 6789",
            "sk_0123456ü",
            "sk_01234\u{a0}56",
            "sk_0123\u{7f}45",
        ] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_placeholder_is_no_token() {
        for placeholder in ["sk_...", "sk_xxxxxxxx...", "<your token>", "CHANGEME", "sk_…"] {
            let refusal = token(placeholder).unwrap_err();
            assert!(refusal.why.contains("placeholder"), "{placeholder}: {}", refusal.why);
        }
    }
}
