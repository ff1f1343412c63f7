//! The admin UI inside the binary: files by path, packed forms by `Accept-Encoding`, the start page for every
//! address that is a page of the UI. Knows nothing of the API.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static FILES: Dir<'_> = include_dir!("$OUT_DIR/ui");

/// Entity tags of the embedded files, by path.
static TAGS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut tags = BTreeMap::new();
    collect_tags(&FILES, &mut tags);
    tags
});

fn collect_tags(folder: &Dir<'_>, tags: &mut BTreeMap<String, String>) {
    for file in folder.files() {
        let digest = Sha256::digest(file.contents());
        let tag: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        tags.insert(file.path().to_string_lossy().into_owned(), tag);
    }
    for inner in folder.dirs() {
        collect_tags(inner, tags);
    }
}

/// Whether the binary carries a built UI, or only the page that says so.
pub fn is_built() -> bool {
    FILES.get_file(".not-built").is_none()
}

/// Scripts only from here: what a record says can never run.
const CONTENT_SECURITY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; \
     form-action 'self'; frame-ancestors 'none'";

/// Answers an address outside the API.
pub fn serve(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let found = if is_packed(path) { None } else { FILES.get_file(path) };
    // An address without a dot is a page of the UI; a missing file is missing, never the start page.
    let (path, file) = match found {
        Some(file) => (path, Some(file)),
        None if !path.rsplit('/').next().is_some_and(|name| name.contains('.')) => {
            ("index.html", FILES.get_file("index.html"))
        }
        None => (path, None),
    };
    match file {
        Some(file) => answer(path, file, headers),
        None => plain(StatusCode::NOT_FOUND),
    }
}

fn answer(path: &str, file: &File<'static>, headers: &HeaderMap) -> Response<Body> {
    let tag = format!("\"{}\"", TAGS.get(path).map_or("", String::as_str));
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, value);
    }
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY));
    if headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|seen| seen.contains(&tag))
    {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let packed = [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, ending)| {
        let wanted = accepted.split(',').any(|item| item.split(';').next().is_some_and(|name| name.trim() == encoding));
        let file = if wanted { FILES.get_file(format!("{path}.{ending}")) } else { None };
        file.map(|file| (encoding, file))
    });
    let contents: &'static [u8] = match packed {
        Some((encoding, packed)) => {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            contents_of(packed)
        }
        None => contents_of(file),
    };
    *response.body_mut() = Body::from(contents);
    response
}

/// The bytes live as long as the program; the crate's accessor only promises as long as the borrow.
fn contents_of(file: &File<'static>) -> &'static [u8] {
    match FILES.get_file(file.path()) {
        Some(file) => file.contents(),
        None => &[],
    }
}

fn is_packed(path: &str) -> bool {
    path.ends_with(".br") || path.ends_with(".gz")
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
