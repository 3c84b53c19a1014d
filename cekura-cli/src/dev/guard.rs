//! Who may ask: programs of this machine, and pages of this server. Invariant: a web page of somebody else neither reads nor writes
//! anything here, whatever name it gives this address.

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The ports of this server.
pub(super) type Ports = [u16; 2];

/// What a browser is told with every answer. Pages replace the policy by theirs.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
];

/// Lets a request pass that this machine has made.
pub(super) async fn guard(State(ports): State<Ports>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&request, ports) {
        Some(why) => (StatusCode::FORBIDDEN, format!("{why}\n")).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn refusal(request: &Request, ports: Ports) -> Option<&'static str> {
    let headers = request.headers();
    // A name that leads here is not enough: a page may have had its own name lead here.
    let named = headers.get_all(HOST).iter().map(HeaderValue::to_str);
    let mut named = named.chain(request.uri().authority().map(|name| Ok(name.as_str()))).peekable();
    let is_ours = |name: &str| ports.iter().any(|port| is_here(name, *port));
    if named.peek().is_none() || !named.all(|name| name.is_ok_and(is_ours)) {
        return Some("the host is to be localhost, 127.0.0.1 or [::1], with the port of this server");
    }
    let reads = [Method::GET, Method::HEAD].contains(request.method()) && !is_stream(request.uri());
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_page_of_ours = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|origin| origin.strip_prefix("http://").is_some_and(is_ours))
    };
    (!reads && !origins.all(is_page_of_ours)).then_some("the origin is another page's")
}

/// Whether an answer goes on for as long as somebody listens.
fn is_stream(uri: &Uri) -> bool {
    uri.path().ends_with("/events")
}

fn is_here(name: &str, port: u16) -> bool {
    let Some((host, given)) = name.rsplit_once(':') else { return false };
    given.parse() == Ok(port)
        && ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| host.eq_ignore_ascii_case(here))
}
