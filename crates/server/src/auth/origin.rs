//! Whether a browser's request comes from a page of this backend.
//!
//! Every current browser sends `Sec-Fetch-Site`, and pages cannot set it. Without this header, `Origin` must name the requested host. A
//! request without both headers does not come from a browser that sends cookies across sites, so there is nothing to protect. In addition
//! the cookie is SameSite=Strict, and bodies must be JSON, which no form can send.

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName};

use crate::error::ApiError;

pub(crate) const JSON: &str = "application/json";

/// Refuses a request from a page of another origin.
pub(crate) fn check(headers: &HeaderMap, trusted_proxy: bool) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        // "none" is a request by the person: a typed address or a bookmark.
        return if matches!(site, "same-origin" | "none") { Ok(()) } else { Err(ApiError::CrossOrigin) };
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let forwarded = if trusted_proxy { text(HeaderName::from_static("x-forwarded-host")) } else { None };
    let asked = forwarded.or_else(|| text(HOST));
    match (origin_host, asked) {
        (Some(origin), Some(asked)) if origin.eq_ignore_ascii_case(asked) => Ok(()),
        _ => Err(ApiError::CrossOrigin),
    }
}

/// Refuses a body that an HTML form could have sent.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
        || headers.contains_key(CONTENT_TYPE);
    if !has_body || is(headers, JSON) { Ok(()) } else { Err(ApiError::UnsupportedMediaType(JSON)) }
}

/// Whether the body has this media type, ignoring its parameters.
pub(crate) fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let stated = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    stated.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_backend_may_change_something() {
        let allowed = |pairs: &[(&'static str, &'static str)], proxy: bool| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value")))
                .collect::<HeaderMap>();
            check(&headers, proxy).is_ok()
        };
        let host = ("host", "db.example:8080");
        for (expected, proxy, pairs) in [
            (true, false, vec![]),
            (true, false, vec![("sec-fetch-site", "same-origin")]),
            (true, false, vec![("sec-fetch-site", "none")]),
            (false, false, vec![("sec-fetch-site", "same-site")]),
            (false, false, vec![("sec-fetch-site", "cross-site"), ("origin", "http://db.example:8080"), host]),
            (true, false, vec![("origin", "http://db.example:8080"), host]),
            (true, false, vec![("origin", "https://DB.example:8080"), host]),
            (false, false, vec![("origin", "http://db.example"), host]),
            (false, false, vec![("origin", "http://evil.example"), host]),
            (false, false, vec![("origin", "null"), host]),
            (false, false, vec![("origin", "http://db.example:8080")]),
            (false, false, vec![("origin", "https://pg.example"), ("x-forwarded-host", "pg.example"), host]),
            (true, true, vec![("origin", "https://pg.example"), ("x-forwarded-host", "pg.example"), host]),
        ] {
            assert_eq!(allowed(&pairs, proxy), expected, "{pairs:?}, proxy {proxy}");
        }
    }
}
