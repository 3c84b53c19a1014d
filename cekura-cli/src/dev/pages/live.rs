//! Tells a page that something has changed, as server-sent events with the revision as their id, and at once which open spans have
//! ended. Invariant: the first event says how
//! things stand, so that a page that was away knows what it has missed.

use super::call::{Standing, standing};
use super::list;
use crate::dev::Dev;
use crate::dev::check::hex;
use crate::dev::open::Ended;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::json;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{self, Instant};

/// There is no more than one event in this time.
const GROUP: Duration = Duration::from_millis(20);

/// Ends that one event tells of.
const MOST: usize = 1000;

/// What is received, as a stream.
pub(super) struct Received<T>(pub(super) mpsc::Receiver<T>);

impl<T> Stream for Received<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// How one call or all of them stand, from now on.
pub(super) fn stream(dev: Dev, call: Option<i64>) -> Response {
    let Ok(place) = dev.watchers.places.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n").into_response();
    };
    let mut changed = dev.watchers.changed.subscribe();
    let (send, events) = mpsc::channel::<Result<Event, Infallible>>(4);
    tokio::spawn(async move {
        let _place = place;
        let mut ended = Vec::new();
        loop {
            let told = Instant::now();
            let Ok(event) = event(&dev, call, std::mem::take(&mut ended)).await else { return };
            if send.send(Ok(event)).await.is_err() {
                return;
            }
            let next = async {
                loop {
                    match changed.recv().await {
                        Ok((id, now)) if call.is_none_or(|call| call == id) => {
                            ended.extend_from_slice(&now);
                            return true;
                        }
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => return true,
                        Err(RecvError::Closed) => return false,
                    }
                }
            };
            let is_next = tokio::select! {
                is_next = next => is_next,
                () = send.closed() => false,
            };
            if !is_next {
                return;
            }
            time::sleep_until(told + GROUP).await;
            // What has been missed comes with all that is new.
            while let Ok((_, now)) = changed.try_recv() {
                ended.extend_from_slice(&now);
            }
        }
    });
    Sse::new(Received(events)).keep_alive(KeepAlive::default()).into_response()
}

async fn event(dev: &Dev, call: Option<i64>, ended: Vec<Ended>) -> Result<Event, String> {
    let standing = match call {
        None => Some(Standing { revision: list::revision(dev).await?, words: "", until: None }),
        Some(id) => standing(dev, id).await?,
    };
    let gone =
        || Standing { revision: "gone".to_owned(), words: "This call was too old to keep.", until: None };
    let Standing { revision, words, until } = standing.unwrap_or_else(gone);
    let ended = ended.iter().filter(|ended| Some(ended.call) == call).take(MOST);
    let ended: Vec<_> = ended.map(|ended| (hex(&ended.span), ended.length)).collect();
    let data = json!({ "state": words, "until": until, "ended": ended });
    Ok(Event::default().id(revision).data(data.to_string()))
}
