//! The dashboard, embedded at build time.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::{Embed, EmbeddedFile};
use tower_http::compression::CompressionLayer;

use super::problem::Problem;

#[derive(Embed)]
#[folder = "../dashboard/dist"]
#[allow_missing = true]
struct Dist;

/// What `/` says when the server was built without the dashboard.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>ems-cloud</title>\
<h1>ems-cloud is running</h1>\
<p>This binary was built without its page. Build the page, then the server again:</p>\
<pre>make dashboard\ncargo build --release -p ems-cloud</pre>\
<p>Devices, the API and WebSockets work without it.</p>";

/// Everything that is neither API nor socket.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().fallback(serve).layer(CompressionLayer::new())
}

async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if ["api/", "ws/"].iter().any(|prefix| path.starts_with(prefix)) {
        return Problem::not_found("there is nothing at this address").into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::method_not_allowed().into_response();
    }
    if let Some(file) = Dist::get(path).filter(|_| path != "index.html") {
        // Vite puts the content's hash into the names under assets/.
        let forever = path.starts_with("assets/");
        return respond(
            &request,
            file,
            if forever { "public, max-age=31536000, immutable" } else { "no-cache" },
        );
    }
    // A missing asset must not be answered with a page.
    if path.starts_with("assets/") {
        return Problem::not_found("there is nothing at this address").into_response();
    }
    // The page's own addresses are all the page.
    match Dist::get("index.html") {
        Some(file) => respond(&request, file, "no-cache"),
        None => Html(NOT_BUILT).into_response(),
    }
}

fn respond(request: &Request, file: EmbeddedFile, cache: &'static str) -> Response {
    let tag = format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()));
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|tags| {
        tags.to_str().is_ok_and(|tags| tags.split(',').any(|t| t.trim().trim_start_matches("W/") == tag))
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = file.metadata.mimetype();
        let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
        let kind = HeaderValue::try_from(format!("{kind}{charset}"));
        let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        ([(CONTENT_TYPE, kind)], Body::from(file.data.into_owned())).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}
