//! What a capture learns of spans when they begin, to name those that lost their conversation or never ended.
//! Invariant: a program that never captures never comes here.

use crate::destination::{Begin, Site, Watcher, hear_of_lost};
use crate::lock::locked;
use opentelemetry::trace::SpanId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, ThreadId};
use tokio::runtime;

/// What a capture hears of spans at their begin, in that order.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Vec<BegunSpan>>);

#[derive(Debug)]
struct BegunSpan {
    /// `None` where it has no destination, and so is not in the capture.
    span: Option<SpanId>,
    site: Site,
    is_in_conversation: bool,
}

/// Where a test runs. A span without a destination that begins there has lost the capture that runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Runtime(runtime::Id),
    Thread(ThreadId),
}

/// The grounds of all captures that run now.
static GROUNDS: RwLock<Vec<(Ground, Arc<Watch>)>> = RwLock::new(Vec::new());

/// A span begins that has no destination.
fn lose(site: Site) {
    let grounds = GROUNDS.read().unwrap_or_else(PoisonError::into_inner);
    if grounds.is_empty() {
        return;
    }
    let here = Ground::here();
    for (_, watch) in grounds.iter().filter(|(ground, _)| *ground == here) {
        watch.note(None, site, false);
    }
}

impl Watch {
    /// The capture runs here too.
    pub(crate) fn stand(self: &Arc<Self>) {
        let here = Ground::here();
        let is_mine = |(ground, watch): &(Ground, Arc<Self>)| *ground == here && Arc::ptr_eq(watch, self);
        let is_known = GROUNDS.read().unwrap_or_else(PoisonError::into_inner).iter().any(is_mine);
        if !is_known {
            hear_of_lost(lose);
            GROUNDS.write().unwrap_or_else(PoisonError::into_inner).push((here, self.clone()));
        }
    }

    /// The capture is over.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut grounds = GROUNDS.write().unwrap_or_else(PoisonError::into_inner);
        grounds.retain(|(_, watch)| !Arc::ptr_eq(watch, self));
    }

    /// One line for each place and what is wrong with the spans that began there, `ended` being those that ended.
    pub(crate) fn faults(&self, ended: &HashSet<SpanId>) -> Vec<String> {
        let mut faults: Vec<(String, usize)> = Vec::new();
        for begun in &*locked(&self.0) {
            for fault in begun.faults(ended) {
                match faults.iter_mut().find(|(known, _)| *known == fault) {
                    None => faults.push((fault, 1)),
                    Some((_, times)) => *times += 1,
                }
            }
        }
        let times = |times| if times == 1 { String::new() } else { format!(" ({times} times)") };
        faults.into_iter().map(|(fault, count)| fault + &times(count)).collect()
    }

    fn note(&self, span: Option<SpanId>, site: Site, is_in_conversation: bool) {
        locked(&self.0).push(BegunSpan { span, site, is_in_conversation });
    }
}

impl Watcher for Watch {
    fn begin(self: Arc<Self>, begun: Begin<'_>) {
        self.stand();
        self.note(Some(begun.id), begun.site, begun.is_in_conversation);
    }

    fn forget(&self, span: SpanId) {
        locked(&self.0).retain(|begun| begun.span != Some(span));
    }
}

impl BegunSpan {
    fn faults(&self, ended: &HashSet<SpanId>) -> impl Iterator<Item = String> {
        let Self { span, site, is_in_conversation } = self;
        let is_orphan = !is_in_conversation && site.seeks_conversation;
        let orphan = match span {
            None => {
                "is in no conversation, and not in the capture: its task, thread or message was started without them"
            }
            Some(_) => "is in no conversation",
        };
        let is_open = span.is_some_and(|span| !ended.contains(&span));
        let open = "was still open when the capture ended";
        let faults = [is_orphan.then_some(orphan), is_open.then_some(open)].into_iter().flatten();
        let Site { span, function, at, .. } = site;
        faults.map(move |fault| format!("the `{span}` of `{function}` ({at}) {fault}"))
    }
}

impl Ground {
    fn here() -> Self {
        let thread = |_| Self::Thread(thread::current().id());
        runtime::Handle::try_current().map_or_else(thread, |runtime| Self::Runtime(runtime.id()))
    }
}
