//! Compresses requests on their way, for servers that take that. Invariant: a server that does not gets each request as it was,
//! from its first refusal on.

use super::{Answer, Arc, Bytes, FRAMING, Sending, Transport, is_compressed};
use crate::room::Room;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};

pub(super) struct Gzip {
    inner: Arc<dyn Transport>,
    /// Of what a compressed request takes of the memory limit while it is under way.
    room: Room,
    server: Arc<AtomicU8>,
}

/// Nothing is known of the server yet.
const NEW: u8 = 0;
/// It has taken a compressed request.
const TAKES: u8 = 1;
/// It takes none.
const REFUSES: u8 = 2;

impl Gzip {
    pub(super) fn new(inner: Arc<dyn Transport>, room: Room) -> Self {
        Self { inner, room, server: Arc::new(AtomicU8::new(NEW)) }
    }
}

impl Transport for Gzip {
    fn send(&self, frame: Bytes) -> Sending {
        let (inner, server, mut room) = (self.inner.clone(), self.server.clone(), self.room.another());
        let before = server.load(Ordering::Relaxed);
        if before == REFUSES || is_compressed(&frame) {
            return inner.send(frame);
        }
        Box::pin(async move {
            let Ok(compressed) = compressed(&frame) else { return inner.send(frame).await };
            room.resize_anyway(compressed.len());
            let answer = inner.send(compressed).await;
            drop(room);
            if answer.refuses_encoding() {
                server.store(REFUSES, Ordering::Relaxed);
                return inner.send(frame).await;
            }
            if before == NEW && answer.finds_fault() {
                // It may have read the compressed bytes as a message.
                let plain = inner.send(frame).await;
                if matches!(plain, Answer::Accepted { .. }) {
                    server.store(REFUSES, Ordering::Relaxed);
                }
                return plain;
            }
            if matches!(answer, Answer::Accepted { .. }) {
                // Not over a refusal that came meanwhile.
                let _ = server.compare_exchange(NEW, TAKES, Ordering::Relaxed, Ordering::Relaxed);
            }
            answer
        })
    }

    fn compresses(&self) -> bool {
        self.server.load(Ordering::Relaxed) != REFUSES
    }
}

fn compressed(frame: &Bytes) -> io::Result<Bytes> {
    let message = frame.get(FRAMING..).unwrap_or_default();
    let mut encoder = GzEncoder::new(vec![0; FRAMING], Compression::fast());
    encoder.write_all(message)?;
    let mut compressed = encoder.finish()?;
    let length = u32::try_from(compressed.len() - FRAMING).map_err(io::Error::other)?.to_be_bytes();
    compressed[..FRAMING].copy_from_slice(&[&[1], &length[..]].concat());
    Ok(compressed.into())
}
