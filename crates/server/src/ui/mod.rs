//! The files of the web UI: built in, or from a folder during development.
//!
//! For: every path that is not a route of the API. Uses: `app` for the folder, `error`, `secret` for hashes. Used by: `serve`.
//!
//! A path of a file returns the file. Any other path returns `index.html`, whose script knows the pages. The UI refers to its files by
//! relative paths, so that it works under any path prefix. For pages in folders, a `<base>` element points to the root. Files under
//! `assets/` have a hash in their name and are cached forever. Browsers revalidate `index.html` each time. Without a built UI the server
//! returns a page with the build instructions.

use std::borrow::Cow;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::app::App;
use crate::error::ApiError;

/// In a release build the files are in the binary. In a debug build they are read from disk.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct BuiltIn;

const INDEX: &str = "index.html";
/// The folder of files whose name changes with their content.
const HASHED: &str = "assets/";
const FOREVER: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";
/// The prefix of the API. A mistyped path of the API must not return a page.
const API: &str = "api/";

const NOT_BUILT: &str = include_str!("not_built.html");

/// Answers every request that matches no route of the API.
pub(crate) async fn serve(State(app): State<App>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = ApiError::MethodNotAllowed.into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.starts_with(API) || path == "api" {
        return ApiError::NoSuchRoute.into_response();
    }
    let folder = app.options.ui.as_deref();
    if path != INDEX
        && let Some(file) = load(folder, path)
    {
        let caching = if path.starts_with(HASHED) { FOREVER } else { REVALIDATE };
        return answer(request.headers(), media_type(path), caching, &file.etag, file.data);
    }
    if path.starts_with(HASHED) {
        // An old page requests a file of an older build. Returning a page instead would confuse it.
        return (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], "no such file\n").into_response();
    }
    match load(folder, INDEX) {
        Some(index) => {
            let depth = path.matches('/').count();
            let etag = format!("{}-{depth}", index.etag);
            answer(request.headers(), "text/html; charset=utf-8", REVALIDATE, &etag, with_base(index.data, depth))
        }
        None => answer(request.headers(), "text/html; charset=utf-8", "no-store", "not-built", Cow::Borrowed(NOT_BUILT.as_bytes())),
    }
}

struct File {
    data: Cow<'static, [u8]>,
    etag: String,
}

fn load(folder: Option<&Path>, path: &str) -> Option<File> {
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains(['\\', '\0']) {
        return None;
    }
    let Some(folder) = folder else {
        let file = BuiltIn::get(path)?;
        let etag = hex::encode(&file.metadata.sha256_hash()[..12]);
        return Some(File { data: file.data, etag });
    };
    let data = std::fs::read(folder.join(path)).ok()?;
    let digest = crate::secret::fingerprint(&String::from_utf8_lossy(&data));
    Some(File { data: data.into(), etag: hex::encode(&digest[..12]) })
}

/// `index.html` for a page `depth` folders deep.
fn with_base(html: Cow<'static, [u8]>, depth: usize) -> Cow<'static, [u8]> {
    const HEAD: &[u8] = b"<head>";
    let at = html.windows(HEAD.len()).position(|window| window.eq_ignore_ascii_case(HEAD));
    match at {
        Some(at) if depth > 0 => {
            let at = at + HEAD.len();
            let base = format!("<base href=\"{}\">", "../".repeat(depth));
            [&html[..at], base.as_bytes(), &html[at..]].concat().into()
        }
        _ => html,
    }
}

fn answer(request: &HeaderMap, media_type: &'static str, caching: &'static str, etag: &str, data: Cow<'static, [u8]>) -> Response {
    // Weak, since compression may change the bytes.
    let etag = format!("W/\"{etag}\"");
    let known = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| known.split(',').any(|known| known.trim() == etag));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
        (ETAG, HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("W/\"\""))),
    ];
    if same { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, data.into_owned()).into_response() }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert!(load(Some(&folder), "lib.rs").is_some());
        for path in ["../Cargo.toml", "api/../lib.rs", "/etc/passwd", "", ".", "api//sql.rs", "..\\Cargo.toml", "lib.rs\0"] {
            assert!(load(Some(&folder), path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_page_in_a_folder_has_a_base_element() {
        let html = || Cow::Borrowed(b"<html><head><title>x".as_slice());
        assert_eq!(with_base(html(), 0), html());
        assert_eq!(with_base(html(), 2), Cow::Borrowed(b"<html><head><base href=\"../../\"><title>x".as_slice()));
    }
}
