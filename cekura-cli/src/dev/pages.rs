//! The pages that a person looks at: the calls, one call, two beside each other, their stages; and files of them. Invariant: every page has a policy that runs and loads nothing but
//! its own.

mod call;
mod compare;
mod convert;
mod export;
mod filter;
mod html;
mod list;
mod live;
mod sent;
mod stages;
mod words;

use super::Dev;
use super::open::Ended;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};

/// People who watch at a time.
const WATCHERS: usize = 64;

/// What changes are told to.
#[derive(Clone)]
pub(super) struct Watchers {
    changed: broadcast::Sender<Change>,
    places: Arc<Semaphore>,
}

/// A call has changed. Spans of it have ended, and perhaps spans of others.
type Change = (i64, Arc<[Ended]>);

impl Watchers {
    pub(super) fn new() -> Self {
        Self { changed: broadcast::channel(256).0, places: Arc::new(Semaphore::new(WATCHERS)) }
    }

    /// Says that a call has changed.
    pub(super) fn tell(&self, call: i64) {
        self.tell_ends(call, Arc::default());
    }

    /// Says that a call has changed, and which open spans have ended.
    pub(super) fn tell_ends(&self, call: i64, ended: Arc<[Ended]>) {
        // Nobody may be watching.
        drop(self.changed.send((call, ended)));
    }
}

/// The pages.
pub(super) fn routes(dev: Dev) -> Router {
    Router::new()
        .route("/", get(list::show))
        .route("/calls/{id}", get(call::frame))
        .route("/traces/{trace}", get(call::of_trace))
        .route("/calls/{id}/page", get(call::page))
        .route("/calls/{id}/export.html", get(export::html))
        .route("/calls/{id}/export.json", get(export::json))
        .route("/calls/{id}/export.otlp.json", get(export::otlp))
        .route("/compare", get(compare::show))
        .route("/stages", get(stages::show))
        .with_state(dev)
}

/// The streams of events, which go on for as long as somebody watches.
pub(super) fn streams(dev: Dev) -> Router {
    let all = |State(dev): State<Dev>| async move { live::stream(dev, None) };
    let one = |State(dev): State<Dev>, Path(id): Path<i64>| async move { live::stream(dev, Some(id)) };
    Router::new().route("/events", get(all)).route("/calls/{id}/events", get(one)).with_state(dev)
}

/// The database cannot be read, or has no such call.
enum Failure {
    Missing,
    Unavailable(String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Missing => (
                StatusCode::NOT_FOUND,
                "there is no such call; it may have been too old to keep\n".to_owned(),
            ),
            Self::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
        }
        .into_response()
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Unavailable(why)
    }
}
