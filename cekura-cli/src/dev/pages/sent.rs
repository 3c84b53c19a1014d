//! Answers that are sent while they are written. Invariant: one that cannot be written to its end is broken off, so that nobody takes
//! it for whole.

use super::live::Received;
use axum::body::{Body, Bytes};
use std::io::{self, BufWriter, Write};
use tokio::sync::mpsc;

/// Bytes that are sent at a time.
const PART: usize = 256 << 10;

pub(super) type Parts = mpsc::Receiver<io::Result<Bytes>>;

/// Where it is written.
pub(super) type Writer = BufWriter<Sender>;

/// Writes on a thread that may wait, as fast as it is taken.
pub(super) fn parts(write: impl FnOnce(&mut Writer) -> io::Result<()> + Send + 'static) -> Parts {
    let (send, parts) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut to = BufWriter::with_capacity(PART, Sender(send.clone()));
        if let Err(error) = write(&mut to).and_then(|()| to.flush()) {
            // Who asked may have gone.
            drop(send.blocking_send(Err(error)));
        }
    });
    parts
}

/// A part that has been taken out, and those that follow.
pub(super) fn body(mut first: Option<Bytes>, mut parts: Parts) -> Body {
    let (again, rest) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let part = match first.take() {
                Some(part) => Some(Ok(part)),
                None => parts.recv().await,
            };
            let Some(part) = part else { return };
            if again.send(part).await.is_err() {
                return;
            }
        }
    });
    Body::from_stream(Received(rest))
}

pub(super) struct Sender(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
