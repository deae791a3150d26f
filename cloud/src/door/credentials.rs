//! What a request shows to prove who sends it.

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::auth::token;

/// The cookie that carries a user's JWT.
pub const COOKIE_NAME: &str = "ems_session";

/// The cookie that carries a user's refresh token, to the API alone.
pub const REFRESH_COOKIE_NAME: &str = "ems_refresh";

/// The credential of a request, not yet checked.
pub enum Credential {
    /// A bearer that begins with `sk_`.
    DeviceToken(String),
    /// Any other bearer: a user's.
    Bearer(String),
    /// The cookie of a user, sent by a page of ours.
    Cookie(String),
    /// A user's cookie that a page of another origin sent, or nobody knows which.
    ForeignCookie,
    /// An `Authorization` header of another scheme, or several of them.
    Unusable,
    /// Nothing at all.
    None,
}

impl Credential {
    /// Reads the headers. An `Authorization` header decides alone; a cookie counts only when the page that opens the
    /// socket is ours, since browsers send cookies for any page.
    pub fn of(headers: &HeaderMap, allowed_origins: &[String]) -> Self {
        if headers.contains_key(AUTHORIZATION) {
            return Self::of_header(headers).unwrap_or(Self::Unusable);
        }
        match cookie_token(headers) {
            Some(token) if origin_is_ours(headers, allowed_origins) == Some(true) => Self::Cookie(token),
            Some(_) => Self::ForeignCookie,
            None => Self::None,
        }
    }

    /// The `Authorization` header alone; None when there are several or it is of another scheme.
    fn of_header(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return None;
        }
        let device = token.starts_with(token::PREFIX);
        Some(if device { Self::DeviceToken(token.into()) } else { Self::Bearer(token.into()) })
    }
}

/// The JWT in the session cookie.
pub fn cookie_token(headers: &HeaderMap) -> Option<String> {
    cookie(headers, COOKIE_NAME)
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, token)| token.to_owned())
}

/// Whether the page that sent the request is ours: its origin has our `Host`, or is on the list. None without `Origin`.
pub fn origin_is_ours(headers: &HeaderMap, allowed: &[String]) -> Option<bool> {
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or_default();
    if allowed.iter().any(|a| a.eq_ignore_ascii_case(origin)) {
        return Some(true);
    }
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    Some(authority.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_counts_only_on_a_page_of_ours() {
        let cases = [
            (None, false),
            (Some("https://ems.example"), true),
            (Some("https://EMS.example"), true),
            (Some("https://other.example"), false),
            (Some("https://ems.example:444"), false),
            (Some("https://listed.example"), true),
            (Some("null"), false),
        ];
        for (origin, ours) in cases {
            let mut all = headers(&[("host", "ems.example"), ("cookie", "a=b; ems_session=jwt")]);
            if let Some(origin) = origin {
                all.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let credential = Credential::of(&all, &["https://listed.example".to_owned()]);
            assert_eq!(matches!(credential, Credential::Cookie(t) if t == "jwt"), ours, "{origin:?}");
        }
    }

    #[test]
    fn other_schemes_and_several_headers_are_nothing() {
        for value in ["Basic abc", "Bearer", "Bearer ", "sk_live_x", ""] {
            assert!(
                matches!(Credential::of(&headers(&[("authorization", value)]), &[]), Credential::Unusable),
                "{value}"
            );
        }
        let twice = headers(&[("authorization", "Bearer sk_a"), ("authorization", "Bearer sk_b")]);
        assert!(matches!(Credential::of(&twice, &[]), Credential::Unusable));
        let device = headers(&[("authorization", "bearer sk_live_x")]);
        assert!(matches!(Credential::of(&device, &[]), Credential::DeviceToken(t) if t == "sk_live_x"));
    }
}
