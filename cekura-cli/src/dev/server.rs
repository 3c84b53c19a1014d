//! The listeners of both ports, and what one request may cost. Invariant: every connection, request and body has a bound.

use super::guard::{Ports, guard};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;

/// Connections at a time; more wait until one ends.
const CONNECTIONS: usize = 512;
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 64;
/// From a connection's first byte to the end of a request's head.
const HEAD: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 64 << 10;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One port, on both of this machine's own addresses.
pub(super) struct Port {
    listeners: Vec<TcpListener>,
    pub(super) number: u16,
}

impl Port {
    /// # Errors
    ///
    /// When another program has it, in words.
    pub(super) async fn bind(number: u16) -> Result<Self, String> {
        let at = |error: io::Error| {
            format!(
                "port {number} of 127.0.0.1 cannot be had: {error}. Is another program there? Choose one with --port or --grpc-port"
            )
        };
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).await.map_err(at)?;
        let number = first.local_addr().map_err(at)?.port();
        // Not every machine has it; where it has, `localhost` may mean it.
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, number)).await;
        Ok(Self { listeners: [Some(first), second.ok()].into_iter().flatten().collect(), number })
    }
}

/// Serves both ports in the same way, until the runtime ends.
pub(super) fn serve(ports: [Port; 2], routes: Router) {
    let numbers: Ports = [ports[0].number, ports[1].number];
    let routes = routes.layer(middleware::from_fn_with_state(numbers, guard));
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    for listener in ports.into_iter().flat_map(|port| port.listeners) {
        let (routes, connections) = (routes.clone(), connections.clone());
        tokio::spawn(async move {
            loop {
                let Ok(permit) = connections.clone().acquire_owned().await else { return };
                // Such as too many open files: some are closed soon.
                let Ok((stream, _)) = listener.accept().await else {
                    time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let routes = routes.clone();
                tokio::spawn(async move {
                    converse(stream, routes).await;
                    drop(permit);
                });
            }
        });
    }
}

async fn converse(stream: TcpStream, routes: Router) {
    // Answers are small.
    drop(stream.set_nodelay(true));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(Duration::from_secs(60));
    // A client that leaves is no concern of the server's.
    drop(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await);
}

/// Lets so many requests in at a time, and none for ever.
pub(super) async fn bounded(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let answer = async move {
        let _place = places.acquire().await;
        next.run(request).await
    };
    let late = || (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response();
    time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| late())
}
