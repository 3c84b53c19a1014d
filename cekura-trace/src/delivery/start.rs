//! Wires up one handle: its queue, its lanes and taps, and the worker that drives them. Invariant: what is made here
//! runs until the worker ends.

use super::call_log::sealed::Account;
use super::config::{Mode, Settings};
use super::error::Error;
use super::lane::Lane;
use super::lane::call_logs::exchange;
use super::ledger::Ledger;
use super::link::Link;
use super::message::Message;
use super::outlet::Outlet;
use super::own_events::OwnEvents;
use super::queue::{Queue, Waker};
use super::quiet;
use super::spool::Spool;
use super::spool::requests::SpooledRequests;
use super::tap::Taps;
use super::terminal;
use super::transport;
use super::worker::Worker;
use crate::call::Calls;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Starts the thread.
///
/// # Errors
///
/// When there is no thread to be had, or the transport cannot be set up.
pub(crate) fn start(settings: Settings) -> Result<Link, Error> {
    let (inbox, messages) = unbounded_channel();
    let ledger = Arc::new(Ledger::default());
    let wake = inbox.clone();
    // The worker may have ended, which is why the queue is closed by then.
    let waker = Waker::new(move || drop(wake.send(Message::Wake)));
    let queue = Queue::new(settings.memory_limit, ledger.clone(), waker, settings.mode.draws());
    let queue = Arc::new(if settings.spool.is_some() { queue.with_beginnings() } else { queue });
    let (account, calls, failed) =
        (Account::of(&settings), Arc::<Calls>::default(), Arc::<AtomicU64>::default());
    let link = Link {
        queue: queue.clone(),
        inbox: inbox.clone(),
        ledger: ledger.clone(),
        account,
        calls: calls.clone(),
        failed: failed.clone(),
        process: process::id(),
    };
    let (events, timings) = (OwnEvents::here(), settings.timings);
    let prepare = {
        let (ledger, events) = (ledger.clone(), events.clone());
        move || {
            let spool = spool(&settings, inbox.clone())?;
            let taps = taps(&settings, &events)?;
            let outlet = outlet(&settings, ledger.clone(), events.clone(), inbox.clone(), spool.clone())?;
            let spooled = spool.clone().map(SpooledRequests::new);
            let wake = Box::new(move || drop(inbox.send(Message::Answered)));
            let is_open = Box::new(move |trace| calls.is_open(trace));
            let exchange = exchange(settings);
            let call_logs = Lane::of_call_logs(exchange, is_open, timings, ledger, events, wake, failed);
            Ok((outlet, taps, call_logs.with_spool(spooled), spool))
        }
    };
    quiet::start("cekura-trace", prepare, move |(outlet, taps, call_logs, spool), runtime| {
        let worker = Worker::new(timings, queue, ledger, events, outlet, account, call_logs);
        worker.with_taps(taps).with_spool(spool).live(messages, runtime);
    })?;
    Ok(link)
}

/// Where there is to be one.
fn spool(settings: &Settings, inbox: UnboundedSender<Message>) -> Result<Option<Arc<Spool>>, Error> {
    let tell = Arc::new(move |events| drop(inbox.send(Message::Spooled(events))));
    settings.spool.as_ref().map(|to| Spool::open(settings, to, tell)).transpose()
}

fn outlet(
    settings: &Settings,
    ledger: Arc<Ledger>,
    events: OwnEvents,
    inbox: UnboundedSender<Message>,
    spool: Option<Arc<Spool>>,
) -> Result<Box<dyn Outlet>, Error> {
    match settings.mode {
        Mode::Cloud | Mode::CloudAndLocal => {
            let transport = transport::connect(settings)?;
            let wake = Box::new(move || drop(inbox.send(Message::Answered)));
            Ok(Box::new(Lane::of_spans(settings, transport, ledger, events, wake, spool)))
        }
        Mode::Local => terminal::open(settings, ledger, events).ok_or_else(no_local_mode),
    }
}

/// What sees the spans beside their delivery.
fn taps(settings: &Settings, events: &OwnEvents) -> Result<Taps, Error> {
    if settings.mode != Mode::CloudAndLocal {
        return Ok(Taps::default());
    }
    let tap = terminal::tap(settings, events.clone());
    Ok(Taps(vec![tap.ok_or_else(no_local_mode)?]))
}

fn no_local_mode() -> Error {
    Error::start("this build lacks the feature `local` of cekura-trace")
}
