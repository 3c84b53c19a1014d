//! A backend for spans on 127.0.0.1 that answers as a script says and records what it saw, over gRPC and HTTP.

use crate::wire::{self, Body, GRPC_PATH};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use rustls::ServerConfig;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// One request for spans.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of the URL.
    pub path: String,
    /// Of the URL; empty without one.
    pub query: String,
    /// All of them.
    pub headers: HeaderMap,
    /// Length of the body.
    pub bytes: usize,
    /// What the body says.
    pub message: ExportTraceServiceRequest,
    /// Which connection it came over.
    pub connection: usize,
    /// When it was read to its end.
    pub at: Instant,
    /// Whether the reply acknowledged it.
    pub is_accepted: bool,
}

impl Seen {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Its spans.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        let scopes = self.message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans)
    }

    /// The resource of its spans.
    pub fn resource(&self) -> &Resource {
        self.message.resource_spans[0].resource.as_ref().unwrap()
    }
}

/// What the backend answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Success.
    Accept,
    /// A success whose body is 1 GiB long; how many bytes of it have left is counted.
    Endless(Arc<AtomicUsize>),
    /// An HTTP status over HTTP, a gRPC code over gRPC.
    Fail {
        /// The HTTP status.
        status: u16,
        /// The gRPC code.
        code: i32,
        /// The header `Retry-After`, or the details of a gRPC status in base64.
        wait: Option<String>,
        /// The server's words.
        message: String,
    },
    /// A success over gRPC with these bytes in place of a message behind its length.
    Framed(Vec<u8>),
    /// None until this is set, and then the stream breaks off.
    Held(Arc<AtomicBool>),
    /// A success that is a page for people.
    Page,
    /// Success but for some spans, with the server's words.
    Partial(i64, &'static str),
    /// A success with any body of any content type.
    Raw(&'static str, Vec<u8>),
    /// A redirect to this URL.
    Redirect(String),
    /// None at all, while the connection stays open.
    Silence,
}

impl Reply {
    /// A failure without more to it.
    pub fn fail(status: u16, code: i32) -> Self {
        Self::Fail { status, code, wait: None, message: "as the script says".to_owned() }
    }
}

/// Says what to answer to a request, given how many came before it.
type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A running backend; it stops when dropped.
pub struct Backend {
    address: SocketAddr,
    is_encrypted: bool,
    state: Arc<State>,
    _stop: oneshot::Sender<()>,
}

struct State {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
}

impl Backend {
    /// One that accepts everything.
    pub fn new() -> Self {
        Self::scripted(|_, _| Reply::Accept)
    }

    /// One that answers as `script` says.
    pub fn scripted(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(TcpListener::bind("127.0.0.1:0").unwrap(), None, script)
    }

    /// One that accepts everything, at a port that was free before.
    pub fn at(address: SocketAddr) -> Self {
        Self::start(TcpListener::bind(address).unwrap(), None, |_, _| Reply::Accept)
    }

    /// One that accepts everything, over TLS.
    pub fn encrypted(config: Arc<ServerConfig>) -> Self {
        Self::encrypted_at("127.0.0.1:0".parse().unwrap(), config)
    }

    /// The same at a port that was free before.
    pub fn encrypted_at(address: SocketAddr, config: Arc<ServerConfig>) -> Self {
        Self::start(TcpListener::bind(address).unwrap(), Some(config), |_, _| Reply::Accept)
    }

    fn start(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(State {
            script: Box::new(script),
            seen: Mutex::default(),
            connections: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let is_encrypted = tls.is_some();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(listener, tls.map(TlsAcceptor::from), state.clone());
        // A thread of its own, so that tests without a runtime, or whose runtime ends, have a backend too.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, is_encrypted, state, _stop: stop }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_encrypted { "https" } else { "http" }, self.address)
    }

    /// Every request, answered or not.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The spans of the requests that were acknowledged.
    pub fn spans(&self) -> Vec<Span> {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.is_accepted).flat_map(|seen| seen.spans().cloned()).collect()
    }

    /// Names of the acknowledged spans, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.spans().into_iter().map(|span| span.name).collect();
        names.sort();
        names
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Waits until it has seen so many requests.
    pub fn await_requests(&self, count: usize) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.seen().len() < count {
            assert!(Instant::now() < limit, "{} requests instead of {count}", self.seen().len());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self::new()
    }
}

/// An address where nothing listens.
pub fn deserted() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An address where nothing listens yet, and which nobody else can take.
pub struct Reserved(TcpSocket);

impl Reserved {
    /// At a free port.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    /// As plain http.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// A backend there that accepts everything.
    pub fn open(self) -> Backend {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let listener = self.0.listen(1024).unwrap().into_std().unwrap();
        Backend::start(listener, None, |_, _| Reply::Accept)
    }
}

impl Default for Reserved {
    fn default() -> Self {
        Self::new()
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = {
            let mut connections = state.connections.lock().unwrap();
            *connections += 1;
            *connections
        };
        tokio::spawn(converse(stream, tls.clone(), state.clone(), connection));
    }
}

async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>, connection: usize) {
    let service = service_fn(move |request| answer(request, state.clone(), connection));
    let server = auto::Builder::new(TokioExecutor::new());
    // A client that leaves is no concern of the server's.
    match tls {
        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    connection: usize,
) -> Result<Response<Body>, Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return std::future::pending().await };
    let body = body.to_bytes();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let is_grpc = path == GRPC_PATH;
    let message = wire::request(&head.headers, &body, is_grpc);
    let mut seen = Seen {
        path,
        query,
        headers: head.headers,
        bytes: body.len(),
        message,
        connection,
        at: Instant::now(),
        is_accepted: false,
    };
    let reply = {
        let mut all = state.seen.lock().unwrap();
        let reply = (state.script)(&seen, all.len());
        seen.is_accepted = matches!(reply, Reply::Accept | Reply::Partial(..));
        all.push(seen);
        reply
    };
    if let Reply::Held(is_over) = &reply {
        while !is_over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        return Err(ErrorKind::ConnectionReset.into());
    }
    match wire::response(reply, is_grpc) {
        Some(response) => Ok(response),
        None => std::future::pending().await,
    }
}

/// The value of an attribute that is a string.
pub fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
