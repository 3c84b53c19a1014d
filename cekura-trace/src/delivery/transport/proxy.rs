//! Connections to an endpoint, through a proxy where one stands between. What is encrypted goes through a tunnel
//! (`CONNECT`): of it the proxy gets the endpoint's host and port, and never a header of a request.

use super::chain::deepest;
use crate::delivery::config::{Endpoint, Proxy, Settings};
use http::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;
use tower_service::Service;

/// The most bytes of a proxy's answer that are read.
const LONGEST: usize = 16 << 10;
/// The most bytes that are read at a time.
const CHUNK: usize = 8 << 10;

/// Makes connections to an endpoint.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    proxy: Option<Proxy>,
    /// Through a tunnel; else the proxy reads requests and sends them on.
    tunnels: bool,
    /// Nothing is encrypted.
    is_plain: bool,
    allowance: Allowance,
}

/// How many bytes an endpoint may still send, over all connections to it: a server that never stops must not keep the
/// processor busy until the time for an answer is over. And what it began to say without TLS.
#[derive(Clone, Default)]
pub(super) struct Allowance(Arc<(AtomicUsize, AtomicU8)>);

/// What the first bytes of a server show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Speech {
    Other,
    Http1,
    Http2,
    /// It says that it waits for TLS: by an alert, or in words.
    Tls,
}

impl Speech {
    fn of(bytes: &[u8]) -> Self {
        /// An alert, which every version of TLS begins alike.
        const ALERT: &[u8] = &[0x15, 3];
        /// The type of the frame that begins HTTP/2 (RFC 9113, 3.4), and where it stands.
        const SETTINGS: (usize, u8) = (3, 4);
        if bytes.starts_with(ALERT) {
            Self::Tls
        } else if bytes.starts_with(b"HTTP/") {
            if bytes.windows(5).any(|words| words == b"HTTPS") { Self::Tls } else { Self::Http1 }
        } else if bytes.starts_with(&[0]) && bytes.get(SETTINGS.0) == Some(&SETTINGS.1) {
            Self::Http2
        } else {
            Self::Other
        }
    }
}

impl Allowance {
    /// What heads, certificates and a protocol's own frames may take beside an answer.
    const BESIDE: usize = 1 << 20;
    /// What is left of earlier answers counts up to here.
    const MOST_LEFT: usize = 4 << 20;

    /// An answer of at most so many bytes may come.
    pub(super) fn expect(&self, answer: usize) {
        let more = |left: usize| Some(left.min(Self::MOST_LEFT) + answer + Self::BESIDE);
        let _ = self.0.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// What was heard first over the last connection that is not encrypted and over which something was heard: there may be
    /// a new one by the time that an error of the old one is known.
    pub(super) fn heard(&self) -> Speech {
        let heard = self.0.1.load(Ordering::Relaxed);
        let known = [Speech::Http1, Speech::Http2, Speech::Tls];
        known.into_iter().find(|speech| *speech as u8 == heard).unwrap_or(Speech::Other)
    }

    fn hear(&self, speech: Speech) {
        self.0.1.store(speech as u8, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        let less = |left: usize| left.checked_sub(bytes);
        let taken = self.0.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.map(drop).map_err(|_| io::Error::other("the server sends more than an answer"))
    }
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send>>;

impl Connector {
    pub(super) fn new(settings: &Settings, to: &Endpoint, tunnels: bool) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.timings.connect));
        let (proxy, is_plain) = (settings.proxies.to(to).cloned(), !to.is_encrypted());
        Self { tcp, proxy, tunnels, is_plain, allowance: Allowance::default() }
    }

    pub(super) fn allowance(&self) -> Allowance {
        self.allowance.clone()
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (allowance, is_new) = (self.allowance.clone(), self.is_plain);
        let Some(proxy) = self.proxy.clone() else {
            let connecting = self.tcp.call(uri);
            return Box::pin(async move {
                Ok(Stream { io: connecting.await?, is_proxied: false, is_new, allowance })
            });
        };
        let connecting = self.tcp.call(proxy.endpoint.uri().clone());
        let tunnels = self.tunnels;
        Box::pin(async move {
            let io = connecting.await.map_err(|error| Obstacle::unreachable(&proxy, &error))?;
            if !tunnels {
                return Ok(Stream { io, is_proxied: true, is_new, allowance });
            }
            let stream = io.into_inner();
            let endpoint = Endpoint::parse(&uri.to_string()).unwrap_or_default();
            tunnel(&stream, &endpoint, &proxy).await?;
            Ok(Stream { io: TokioIo::new(stream), is_proxied: false, is_new, allowance })
        })
    }
}

/// Asks the proxy at the other end of `stream` to lead it to an endpoint.
///
/// # Errors
///
/// What the proxy says instead.
pub(super) async fn tunnel(stream: &TcpStream, to: &Endpoint, proxy: &Proxy) -> Result<(), Obstacle> {
    let shown = to.shown();
    let mut request = format!("CONNECT {shown} HTTP/1.1\r\nHost: {shown}\r\n").into_bytes();
    if let Some(credentials) = &proxy.credentials {
        request.extend([b"Proxy-Authorization: ", credentials.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    let asked = async {
        write(stream, &request).await?;
        head(stream).await
    };
    let answer = asked.await.map_err(|error| Obstacle::broken(proxy, &error))?;
    match status(&answer) {
        Some(200..=299) => Ok(()),
        status => Err(Obstacle { setting: proxy.setting, kind: Kind::Refused(status) }),
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An answer up to its empty line and not a byte more: what follows is the endpoint's.
async fn head(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.readable().await?;
        match stream.try_read(&mut byte) {
            Ok(1..) if head.len() < LONGEST => head.push(byte[0]),
            Ok(1..) => return Err(io::Error::other("its answer is too long")),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// The status of an answer; `None` where it is not HTTP.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// Why a proxy does not lead to the endpoint. Says which setting names the proxy, never what it is set to.
#[derive(Debug)]
pub(crate) struct Obstacle {
    setting: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Broken(String),
    /// With a status, where the answer has one.
    Refused(Option<u16>),
    Unreachable(String),
}

impl Obstacle {
    fn unreachable(proxy: &Proxy, error: &(dyn Error + 'static)) -> Self {
        Self { setting: proxy.setting, kind: Kind::Unreachable(deepest(error)) }
    }

    fn broken(proxy: &Proxy, error: &(dyn Error + 'static)) -> Self {
        Self { setting: proxy.setting, kind: Kind::Broken(deepest(error)) }
    }

    /// Whether the proxy wants to know who asks.
    pub(crate) fn wants_password(&self) -> bool {
        matches!(self.kind, Kind::Refused(Some(407)))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = self.setting;
        match &self.kind {
            Kind::Broken(error) => write!(f, "the proxy of {setting} closes the connection: {error}"),
            Kind::Refused(Some(407)) => {
                write!(f, "the proxy of {setting} asks for a user and password (status 407)")
            }
            Kind::Refused(Some(status)) => {
                write!(f, "the proxy of {setting} refuses the connection (status {status})")
            }
            Kind::Refused(None) => write!(f, "the host in {setting} does not answer as a proxy"),
            Kind::Unreachable(error) => write!(f, "no connection to the proxy of {setting}: {error}"),
        }
    }
}

impl Error for Obstacle {}

/// A connection, and whether the other end is a proxy that reads requests.
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    is_proxied: bool,
    /// Its first bytes are still to be looked at.
    is_new: bool,
    allowance: Allowance,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Read into a place of its own, for a cursor does not tell how far it was filled.
        let mut room = [0; CHUNK];
        let length = buffer.remaining().min(CHUNK);
        let mut chunk = ReadBuf::new(&mut room[..length]);
        ready!(Pin::new(&mut self.io).poll_read(context, chunk.unfilled()))?;
        self.allowance.take(chunk.filled().len())?;
        if std::mem::take(&mut self.is_new) {
            self.allowance.hear(Speech::of(chunk.filled()));
        }
        buffer.put_slice(chunk.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}
