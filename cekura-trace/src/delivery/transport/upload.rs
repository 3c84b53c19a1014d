//! A body as the HTTP client takes it: whole, or in parts that come from another thread. Invariant: it has exactly as many bytes as
//! its length says, or it is an error.

use super::Bytes;
use super::body::Form;
use crate::lock::locked;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

pub(super) enum Upload {
    Whole(Full<Bytes>),
    Parts(Parts),
}

pub(super) struct Parts {
    /// Bytes that are still to come.
    left: u64,
    rest: Receiver<io::Result<Bytes>>,
    progress: Progress,
}

/// When a body was last sent a part of.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub(super) fn last(&self) -> Instant {
        *locked(&self.0)
    }
}

impl Upload {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }

    /// One in parts, and what tells of its progress.
    pub(super) fn form(form: Form) -> (Self, Progress) {
        let progress = Progress(Arc::new(Mutex::new(Instant::now())));
        let parts = Parts { left: form.length, rest: form.parts, progress: progress.clone() };
        (Self::Parts(parts), progress)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let parts = match self.get_mut() {
            Self::Whole(whole) => return Pin::new(whole).poll_frame(context).map_err(|never| match never {}),
            Self::Parts(parts) => parts,
        };
        if parts.left == 0 {
            return Poll::Ready(None);
        }
        let part = ready!(parts.rest.poll_recv(context));
        *locked(&parts.progress.0) = Instant::now();
        let part = part.unwrap_or_else(|| Err(io::Error::other("a part of the body is missing")));
        Poll::Ready(Some(part.and_then(|part| {
            let left = parts.left.checked_sub(part.len() as u64);
            parts.left = left.ok_or_else(|| io::Error::other("the body is longer than was said"))?;
            Ok(Frame::data(part))
        })))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Parts(parts) => parts.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Parts(parts) => SizeHint::with_exact(parts.left),
        }
    }
}
