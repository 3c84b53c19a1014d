//! Serves the metrics over HTTP/1.1 at one address. Invariant: a scraper holds at most one of a few connections, for a few
//! seconds, and whoever comes next is served all the same.

use super::reading::Metrics;
use crate::delivery::config::Listen;
use crate::delivery::error::{Error, Problem};
use crate::delivery::quiet;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The most connections; the oldest ends where there is another.
const MOST: usize = 8;
/// The most bytes of a request's head.
const HEAD: usize = 8 << 10;
/// How long a connection lasts at most.
const LONGEST: Duration = Duration::from_secs(5);
/// How long whoever is being answered at the shutdown has for the rest. Nobody waits for it.
const REST: Duration = Duration::from_secs(1);
/// How long the shutdown waits until the address is free.
const GRACE: Duration = Duration::from_millis(100);

/// A thread that answers scrapers; it ends when this is dropped.
pub(crate) struct Listener {
    stop: Option<oneshot::Sender<()>>,
    closed: mpsc::Receiver<()>,
}

impl Listener {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at, or there is no thread to be had.
    pub(crate) fn start(listen: Listen, metrics: Metrics) -> Result<Self, Error> {
        let (stop, stopped) = oneshot::channel();
        let (closing, closed) = mpsc::channel();
        let bind = move || {
            let listener = TcpListener::from_std(bind(&listen)?);
            listener.map_err(|error| refusal(&listen, error.kind()))
        };
        quiet::start("cekura-trace-metrics", bind, move |listener, runtime| {
            runtime.block_on(serve(listener, metrics, stopped, closing));
        })?;
        Ok(Self { stop: Some(stop), closed })
    }

    /// Whether it could start now.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at.
    pub(crate) fn try_out(listen: &Listen) -> Result<(), Error> {
        bind(listen).map(drop)
    }
}

fn bind(listen: &Listen) -> Result<net::TcpListener, Error> {
    let bound = net::TcpListener::bind(listen.address);
    let bound = bound.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    bound.map_err(|error| refusal(listen, error.kind()))
}

impl Drop for Listener {
    /// Its address is free after that.
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.closed.recv_timeout(GRACE);
    }
}

fn refusal(listen: &Listen, kind: ErrorKind) -> Error {
    let rule = match kind {
        ErrorKind::AddrInUse => "is in use by another program, or another handle: choose another port",
        ErrorKind::AddrNotAvailable => "must be an address of this machine",
        ErrorKind::PermissionDenied => "may not be listened at by this program: choose a port from 1024 on",
        _ => "cannot be listened at: choose another address",
    };
    Error::configuration(vec![Problem { setting: listen.setting, rule }])
}

async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    mut stopped: oneshot::Receiver<()>,
    closing: mpsc::Sender<()>,
) {
    let mut open: VecDeque<JoinHandle<_>> = VecDeque::new();
    while let Some(accepted) = poll_fn(|context| {
        if Pin::new(&mut stopped).poll(context).is_ready() {
            return None.into();
        }
        listener.poll_accept(context).map(Some)
    })
    .await
    {
        let Ok((stream, _)) = accepted else {
            // Where the process has no file left, the next one fails at once too.
            sleep(GRACE).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= MOST
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        open.push_back(tokio::spawn(timeout(LONGEST, converse(stream, metrics.clone()))));
    }
    drop(listener);
    let _ = closing.send(());
    let until = Instant::now() + REST;
    for connection in open {
        // One that takes longer has had its time.
        drop(timeout_at(until, connection).await);
    }
}

/// Reads one request, answers it, and closes the connection.
async fn converse(mut stream: TcpStream, metrics: Metrics) -> io::Result<()> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break Some(end);
        }
        if head.len() > HEAD {
            break None;
        }
        if read(&stream, &mut head).await? == 0 {
            return Ok(());
        }
    };
    let answer = match end {
        Some(end) => answer(&head[..end], &metrics),
        None => error("431 Request Header Fields Too Large", "", "the head of a request has at most 8 KiB"),
    };
    let mut rest = &answer[..];
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await?;
    // What was sent and is not read would take the answer back from a scraper that has not read it.
    head.clear();
    while head.len() < 8 * HEAD && read(&stream, &mut head).await? > 0 {}
    Ok(())
}

async fn read(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 1 << 10];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut piece) {
            Ok(length) => {
                into.extend_from_slice(&piece[..length]);
                return Ok(length);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The answer to a request of which this is the head.
fn answer(head: &[u8], metrics: &Metrics) -> Vec<u8> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, path, version] = words[..] else { return malformed() };
    if !version.starts_with(b"HTTP/1.") {
        return malformed();
    }
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    match (method, path) {
        (b"GET", b"/metrics") => whole("200 OK", "", Metrics::CONTENT_TYPE, &metrics.openmetrics(), true),
        (b"HEAD", b"/metrics") => whole("200 OK", "", Metrics::CONTENT_TYPE, &metrics.openmetrics(), false),
        (_, b"/metrics") => {
            error("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "metrics are read with GET")
        }
        _ => error("404 Not Found", "", "the metrics are at /metrics"),
    }
}

fn malformed() -> Vec<u8> {
    error("400 Bad Request", "", "this is no request of HTTP/1.1")
}

fn error(status: &str, header: &str, words: &str) -> Vec<u8> {
    whole(status, header, "text/plain; charset=utf-8", &format!("{words}\n"), true)
}

fn whole(status: &str, header: &str, content_type: &str, body: &str, has_body: bool) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    (head + if has_body { body } else { "" }).into_bytes()
}
