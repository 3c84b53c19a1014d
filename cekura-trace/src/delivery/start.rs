//! Wires up one handle: its queue, its lanes and taps, and the worker that drives them. Invariant: what is made here
//! runs until the worker ends.

#[cfg(feature = "audio")]
use super::audio::recorder::Recorder;
use super::call_log::sealed::Account;
use super::causes::Place;
use super::config::Settings;
use super::error::Error;
use super::lane::Lane;
use super::lane::call_logs::exchange;
use super::lane::spans::Spans;
use super::ledger::Ledger;
use super::link::{Causes, Link};
use super::message::Message;
use super::metrics::{Counting, Export, Listener, Metrics};
use super::notices::{Listening, Notices};
use super::own_events::OwnEvents;
use super::queue::{Queue, Waker};
use super::quiet;
use super::sampler::Sampler;
use super::spool::Spool;
use super::spool::requests::SpooledRequests;
use super::tap::Tap;
#[cfg(feature = "local")]
use super::terminal::Terminal;
use super::transport;
use super::worker::Worker;
use crate::call::OpenCalls;
#[cfg(feature = "audio")]
use crate::call::audio::form::Audio;
use crate::destination::Watcher;
use crate::room::{Room, Use};
use std::process;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Starts the thread.
///
/// # Errors
///
/// When there is no thread to be had, or the transport cannot be set up.
pub(crate) fn start(settings: Settings) -> Result<Link, Error> {
    let (inbox, messages) = unbounded_channel();
    let (timings, ledger) = (settings.timings, Arc::<Ledger>::default());
    let queue = queue(&settings, ledger.clone(), inbox.clone());
    let (account, calls) = (Account::of(&settings), Arc::<OpenCalls>::default());
    #[cfg(feature = "audio")]
    let (recorders, recalls) = recorders(&settings, inbox.clone());
    let (causes, notices) = (Causes::default(), Notices::of(&settings));
    let metrics = Metrics::new(&settings.metrics, ledger.clone(), queue.clone(), calls.clone());
    let link = Link {
        metrics: metrics.clone(),
        queue: queue.clone(),
        inbox: inbox.clone(),
        ledger: ledger.clone(),
        account: account.clone(),
        calls: calls.clone(),
        notices: notices.clone().map(|notices| notices as Arc<dyn Watcher>),
        causes: causes.clone(),
        process: process::id(),
        clock: Arc::default(),
        #[cfg(feature = "audio")]
        recorder: recorders.clone(),
        longest: timings.give_up + timings.longest_hint + timings.after_hint + timings.attempt,
    };
    let (events, listen) = (queue.events.clone(), settings.metrics.listen);
    let listener = listen.map(|listen| Listener::start(listen, metrics.clone())).transpose()?;
    let prepare = {
        let (queue, ledger, events) = (queue.clone(), ledger.clone(), events.clone());
        move || {
            let spool = spool(&settings, queue.clone(), inbox.clone())?;
            #[cfg(feature = "audio")]
            if let Some(spool) = &spool {
                recalls.keep_in(spool.recordings());
            }
            let room = Room::of(queue.clone(), Use::Delivery);
            let (counts, kept) = (ledger.clone(), spool.clone());
            let sampler = Sampler::of(&settings, counts, queue.clone(), calls.clone(), kept).map(Box::new);
            let mut taps = taps(&settings, queue, &ledger, events.clone(), inbox.clone());
            // The last one, for what is drawn may be all that has the records.
            taps.push(counting(&settings, metrics, events.clone(), inbox.clone(), listener)?);
            start_notices(notices, &settings, &calls, inbox.clone());
            let spans = spans(&settings, ledger.clone(), events.clone(), inbox.clone(), spool.clone(), room)?;
            let spans = spans.map(|spans| spans.telling(causes.spans));
            let (known, spooled) = (calls.clone(), spool.clone().map(SpooledRequests::new));
            let wake = Box::new(move || drop(inbox.send(Message::Answered)));
            let is_open = Box::new(move |trace| known.is_open(trace));
            let (api, exchange) = (Place::of_api(&settings), exchange(settings));
            let call_logs = Lane::of_call_logs(exchange, is_open, timings, ledger, events, wake);
            let call_logs = call_logs.telling(api, causes.call_logs);
            #[cfg(feature = "audio")]
            let call_logs = call_logs.with_recorder(Some(recalls));
            Ok(((spans, sampler), taps, call_logs.with_spool(spooled), spool, calls))
        }
    };
    quiet::start("cekura-trace", prepare, move |(lane, taps, call_logs, spool, calls), runtime| {
        let worker = Worker::new(timings, queue, ledger, events, lane, account, call_logs);
        #[cfg(feature = "audio")]
        let worker = worker.with_recorder(recorders);
        worker.with_calls(calls).with_taps(taps).with_spool(spool).live(messages, runtime);
    })?;
    Ok(link)
}

/// The queue, which wakes the worker.
fn queue(settings: &Settings, ledger: Arc<Ledger>, inbox: UnboundedSender<Message>) -> Arc<Queue> {
    // The worker may have ended, which is why the queue is closed by then.
    let waker = Waker::new(move || drop(inbox.send(Message::Wake)));
    let draws = settings.mode.draws();
    let queue = Queue::new(settings.memory_limit, ledger, waker, draws);
    Arc::new(if draws || settings.spool.is_some() { queue.with_beginnings() } else { queue })
}

/// What records calls, if they are, and what prepares recordings, also those that dead processes have left.
#[cfg(feature = "audio")]
fn recorders(settings: &Settings, inbox: UnboundedSender<Message>) -> (Option<Arc<Recorder>>, Arc<Recorder>) {
    let tell = move |root, prepared| {
        // The worker may have ended.
        drop(inbox.send(Message::Recorded { root, prepared: Box::new(prepared) }));
    };
    let audio = settings.audio.unwrap_or_else(Audio::stereo);
    // Only what is posted has to know its length, for which all of it is encoded.
    let audio = Audio { is_flac: audio.is_flac && settings.mode.sends(), ..audio };
    let recorder = Arc::new(Recorder::new(settings.temporary.clone(), audio, Arc::new(tell)));
    (settings.audio.map(|_| recorder.clone()), recorder)
}

/// Where there is to be one.
fn spool(
    settings: &Settings,
    queue: Arc<Queue>,
    inbox: UnboundedSender<Message>,
) -> Result<Option<Arc<Spool>>, Error> {
    let tell = Arc::new(move |events| drop(inbox.send(Message::Spooled(events))));
    settings.spool.as_ref().map(|to| Spool::open(settings, to, queue, tell)).transpose()
}

/// Not in local mode, which sends nothing.
fn spans(
    settings: &Settings,
    ledger: Arc<Ledger>,
    events: OwnEvents,
    inbox: UnboundedSender<Message>,
    spool: Option<Arc<Spool>>,
    room: Room,
) -> Result<Option<Lane<Spans>>, Error> {
    if !settings.mode.sends() {
        return Ok(None);
    }
    let transport = transport::connect(settings, room)?;
    let wake = Box::new(move || drop(inbox.send(Message::Answered)));
    Ok(Some(Lane::of_spans(settings, transport, ledger, events, wake, spool)))
}

/// Counts all that is drained, for whoever reads the metrics.
fn counting(
    settings: &Settings,
    metrics: Metrics,
    events: OwnEvents,
    inbox: UnboundedSender<Message>,
    listener: Option<Listener>,
) -> Result<Box<dyn Tap>, Error> {
    let wake = move || drop(inbox.send(Message::Answered));
    let export = Export::start(settings, metrics.clone(), events.clone(), wake)?;
    Ok(Box::new(Counting::new(metrics, settings.metrics.meter.as_ref(), events, export, listener)))
}

/// Where `cekura dev` may listen.
fn start_notices(
    notices: Option<Arc<Notices>>,
    settings: &Settings,
    calls: &Arc<OpenCalls>,
    inbox: UnboundedSender<Message>,
) {
    if let Some(notices) = notices {
        let wake = move || drop(inbox.send(Message::Wake));
        notices.start(settings, calls.clone(), listening(settings), wake);
    }
}

/// Says where calls are seen while they run, where conversations are drawn.
#[cfg(feature = "local")]
fn listening(settings: &Settings) -> impl Fn(Listening) + Send + Sync + use<> {
    super::show::listening(settings)
}

#[cfg(not(feature = "local"))]
fn listening(_: &Settings) -> impl Fn(Listening) + Send + Sync + use<> {
    |_| {}
}

/// Where conversations are to be drawn.
#[cfg(feature = "local")]
fn taps(
    settings: &Settings,
    queue: Arc<Queue>,
    ledger: &Arc<Ledger>,
    events: OwnEvents,
    inbox: UnboundedSender<Message>,
) -> Vec<Box<dyn Tap>> {
    if !settings.mode.draws() {
        return Vec::new();
    }
    let show = super::show::show(settings, events.clone());
    let shown = Box::new(move |number, drawn| drop(inbox.send(Message::Drawn { number, drawn })));
    let terminal = Terminal::new(queue, events, show, shown);
    vec![Box::new(if settings.mode.sends() { terminal } else { terminal.delivers_to(ledger.clone()) })]
}

/// The settings refuse what this build lacks.
#[cfg(not(feature = "local"))]
fn taps(
    _: &Settings,
    _: Arc<Queue>,
    _: &Arc<Ledger>,
    _: OwnEvents,
    _: UnboundedSender<Message>,
) -> Vec<Box<dyn Tap>> {
    Vec::new()
}
