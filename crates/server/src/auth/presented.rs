//! The tokens that a request presents.

use axum::http::{HeaderMap, header};

use crate::secret::TokenPrefix;

/// The session cookie's name.
pub const SESSION_COOKIE: &str = "pganalytics_session";
/// The name of the cookie that proves that a user logged in with this browser before. It gives no access.
pub const DEVICE_COOKIE: &str = "pganalytics_device";

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
    cookie(headers, SESSION_COOKIE).map(|token| Presented { token, in_cookie: true })
}

/// The browser's token, which it got at a login.
pub(super) fn device(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, DEVICE_COOKIE).filter(|token| TokenPrefix::of(token) == Some(TokenPrefix::Device))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
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

    #[test]
    fn a_browsers_token_has_a_cookie_and_a_form_of_its_own() {
        let of = |cookies: &str| {
            let headers = HeaderMap::from_iter([(header::COOKIE, cookies.parse::<HeaderValue>().expect("a header value"))]);
            device(&headers).map(str::len)
        };
        let (token, session) = (TokenPrefix::Device.generate(), TokenPrefix::Session.generate());
        assert_eq!(of(&format!("pganalytics_session=x; pganalytics_device={}", token.expose())), Some(70));
        assert_eq!(of(&format!("pganalytics_device={}", session.expose())), None);
        assert_eq!(of(&format!("pganalytics_session={}", token.expose())), None);
    }
}
