//! The token that a request presents.

use axum::http::{HeaderMap, header};

/// The session cookie's name.
pub const SESSION_COOKIE: &str = "pganalytics_session";

/// A token, and how it was sent.
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    pub(super) in_cookie: bool,
}

/// The bearer token, or else the session cookie. An `Authorization` header takes precedence: a program that sends one means it.
pub(super) fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Presented { token: token.trim(), in_cookie: false });
    }
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, token)| Presented { token, in_cookie: true })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_takes_precedence_over_a_cookie_and_other_schemes_present_nothing() {
        let mut headers = HeaderMap::new();
        assert!(presented(&headers).is_none());
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; pganalytics_session=c; d"));
        assert!(presented(&headers).is_some_and(|presented| presented.token == "c" && presented.in_cookie));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("bearer  t"));
        assert!(presented(&headers).is_some_and(|presented| presented.token == "t" && !presented.in_cookie));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic t"));
        assert!(presented(&headers).is_none());
    }
}
