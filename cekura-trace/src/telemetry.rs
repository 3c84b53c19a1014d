//! The handle: start, attach, observe, flush, shutdown. Invariant: the worker runs until the handle is shut
//! down or dropped.

use crate::at_exit;
use crate::delivery::call_log::CallLog;
use crate::delivery::call_log::error::{ObserveError, Sent};
use crate::delivery::call_log::update::Update;
use crate::delivery::causes::LastCause;
use crate::delivery::config::{self, Builder};
use crate::delivery::error::Error;
use crate::delivery::ledger::{CallLogs, FlushReport};
use crate::delivery::link::{Causes, GRACE, Link};
use crate::delivery::message::Message;
use crate::delivery::metrics::Metrics;
use crate::delivery::processor::{self, Processor};
use crate::delivery::start;
use crate::destination::{self, Client, Destination, Host, Opened};
use crate::semconv;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, global};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Starts tracing as the process's default, with all settings from the environment.
///
/// ```no_run
/// # async fn agent() -> Result<(), cekura::Error> {
/// let cekura = cekura::init()?;
/// // … calls …
/// cekura.shutdown(std::time::Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If a variable has a value that cannot be used, or the process already has a default handle.
pub fn init() -> Result<Cekura, Error> {
    Cekura::builder().install()
}

/// A handle: it delivers recorded spans for as long as it lives.
///
/// End it with [`shutdown`](Self::shutdown). A handle that is dropped without it delivers for at most 2 s,
/// which blocks the thread, in async code too. A handle that is never dropped, such as one in a `static`, does
/// the same when `main` returns, if the main thread made it and the system is Unix.
#[must_use = "tracing ends when the handle is dropped"]
pub struct Cekura {
    /// `None` when tracing is switched off.
    running: Option<Arc<Running>>,
}

struct Running {
    link: Arc<Link>,
    destination: Arc<Destination>,
    /// Open until shutdown.
    opened: Mutex<Option<Opened>>,
    /// How long a drop without shutdown waits.
    patience: Duration,
}

impl Builder {
    /// Starts tracing as the process's default: everything that names no other handle goes here.
    ///
    /// Keep the handle until the program ends: recorded spans are delivered when it is shut down or dropped. A
    /// `static` is never dropped. On Unix, a handle in a `static` that the main thread made (in
    /// `#[tokio::main]` too) delivers for at most 2 s when `main` returns. Otherwise call
    /// [`shutdown_blocking`](Cekura::shutdown_blocking) first:
    ///
    /// ```no_run
    /// use std::sync::OnceLock;
    /// use std::time::Duration;
    ///
    /// static CEKURA: OnceLock<cekura::Cekura> = OnceLock::new();
    ///
    /// fn main() -> Result<(), cekura::Error> {
    ///     let cekura = cekura::init()?;
    ///     let cekura = CEKURA.get_or_init(|| cekura);
    ///     // … calls …
    ///     cekura.shutdown_blocking(Duration::from_secs(5));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If a setting has a value that cannot be used, or the process already has a default handle.
    pub fn install(self) -> Result<Cekura, Error> {
        Cekura::new(self, true)
    }

    /// Starts tracing for conversations that name this handle (`#[cekura::conversation(client = handle)]`), and
    /// for nothing else. A process may have any number of such handles.
    ///
    /// # Errors
    ///
    /// If a setting has a value that cannot be used.
    pub fn build(self) -> Result<Cekura, Error> {
        Cekura::new(self, false)
    }
}

impl Cekura {
    /// Takes settings in code. They override the environment.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn new(builder: Builder, install: bool) -> Result<Self, Error> {
        let Some(settings) = config::resolve(builder)? else {
            destination::switch_off();
            return Ok(Self { running: None });
        };
        let (capture, content_limit) = (settings.capture, settings.content_limit);
        let shows_calls = settings.mode.sends() && settings.identity.is_some();
        let (patience, set_global, consent) = (settings.timings.drop, settings.set_global, settings.consent);
        #[cfg(feature = "audio")]
        let is_recorded = settings.audio.is_some();
        #[cfg(feature = "logs")]
        let redaction = settings.redaction.clone();
        let link = Arc::new(start::start(settings)?);
        let destination = Destination::new(link.clone(), capture, content_limit).of_account(shows_calls);
        #[cfg(feature = "audio")]
        let destination = if is_recorded { destination.recording() } else { destination };
        #[cfg(feature = "logs")]
        let destination = destination.redacting(redaction);
        let destination = destination.asking(consent);
        let destination = match &link.notices {
            Some(notices) => destination.watched(notices.clone()),
            None => destination,
        };
        let opened = Opened::new(destination.counted_in(link.calls.clone()));
        let destination = opened.destination.clone();
        let running = Running { link, destination, opened: Mutex::new(Some(opened)), patience };
        // Where it is refused it is dropped, which ends its worker.
        if install {
            running.install()?;
        } else {
            destination::build();
        }
        let running = Arc::new(running);
        at_exit::end(Arc::<Running>::downgrade(&running));
        let handle = Self { running: Some(running) };
        if set_global {
            global::set_tracer_provider(processor::provider(handle.processor()));
        }
        Ok(handle)
    }

    /// A span processor for the program's own tracer provider. With it, the program's own sampled spans inside
    /// conversations of this handle are delivered too. Its spans outside conversations are not.
    ///
    /// The processor does not make this handle the process's default. Call [`attach`](Self::attach), make the
    /// handle with [`install`](Builder::install), or name it with `client = handle`.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    ///
    /// # fn start() -> Result<(), cekura::Error> {
    /// let cekura = cekura::Cekura::builder().build()?;
    /// let provider = SdkTracerProvider::builder()
    ///     // … your exporters …
    ///     .with_span_processor(cekura.processor())
    ///     .build();
    /// cekura.attach(&provider)?; // your exporters get the spans of annotated functions too
    /// # Ok(())
    /// # }
    /// ```
    pub fn processor(&self) -> Processor {
        Processor::new(self.destination())
    }

    /// Makes this handle the process's default, and gives every span of an annotated function a twin: the same
    /// span, made by the program's tracer provider, for the program's own exporters. Call it before the first
    /// conversation. [`processor`](Self::processor) has an example.
    ///
    /// The tracer provider's sampler decides for the program's exporters only. This handle delivers every span. The
    /// current context, and the headers that the program sends, show the sampler's decision.
    ///
    /// The tracer provider's id generator makes the ids of both spans: `trace_id_from` has no effect, and the span
    /// of a function that returns a future begins at the call. Give the tracer provider this handle's processor;
    /// without it, an error event says so. Its resource, span limits and other processors do not affect what this
    /// handle delivers. It must use the same version of `opentelemetry` as
    /// [`cekura::opentelemetry`](crate::opentelemetry).
    ///
    /// # Errors
    ///
    /// If another handle is the process's default, or this one already has a tracer provider.
    pub fn attach<P>(&self, provider: &P) -> Result<(), Error>
    where
        P: TracerProvider<Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static>,
    {
        let Some(running) = &self.running else { return Ok(()) };
        let scope = InstrumentationScope::builder(semconv::SCOPE).with_version(env!("CARGO_PKG_VERSION"));
        let tracer = BoxedTracer::new(Box::new(provider.tracer_with_scope(scope.build())));
        running.install()?;
        running.destination.host.set(Host(tracer)).map_err(|_| Error::already_attached())
    }

    /// Waits until every span that has ended is delivered, dropped, or (with a spool) safe on disk, but at most
    /// for `deadline`. Then reports.
    ///
    /// It works in any runtime or none. Dropping the future does not stop the delivery.
    pub async fn flush(&self, deadline: Duration) -> FlushReport {
        match &self.running {
            None => FlushReport::default(),
            Some(running) => running.reported(running.link.ask(deadline, Message::flush).await),
        }
    }

    /// Like [`flush`](Self::flush), but blocks the thread.
    pub fn flush_blocking(&self, deadline: Duration) -> FlushReport {
        let Some(running) = &self.running else { return FlushReport::default() };
        running.reported(running.link.ask_blocking(deadline, Message::flush))
    }

    /// Delivers all spans that have ended, posts the call logs and sends the updates that were handed over, and stops, at
    /// most after `deadline`. What is left of updates then gets an error. Spans that are not delivered by then, and spans that end later, are dropped and counted. A
    /// second shutdown only reports.
    ///
    /// With a spool, spans that are not delivered stay on disk for the next start. If everything is safe on
    /// disk and the endpoint fails, the shutdown returns before its deadline.
    ///
    /// When `main` returns or panics, the handle still delivers. On Unix this holds even for a handle that is
    /// never dropped, if the main thread made it, and then `std::process::exit` on the main thread delivers
    /// too; it ends no call. In all other cases an exit, an abort, or a signal that the program does not catch
    /// delivers nothing: spans that ended within the last second and all open calls are lost. So call
    /// [`shutdown_blocking`](Self::shutdown_blocking) before an exit (a handle may be in an `Arc` or a
    /// `static`), and catch the signal that ends a service, with tokio's feature `signal`:
    ///
    /// ```no_run
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// # async fn serve() {}
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cekura = cekura::init()?;
    /// let mut stop = signal(SignalKind::terminate())?;
    /// tokio::select! {
    ///     () = serve() => {}
    ///     _ = stop.recv() => {} // the calls inside `serve` are dropped: they end as interrupted
    /// }
    /// // Calls that were spawned run on: `JoinSet::shutdown` ends theirs.
    /// cekura.shutdown(std::time::Duration::from_secs(5)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self, deadline: Duration) -> FlushReport {
        let Some(running) = &self.running else { return FlushReport::default() };
        if !running.close() {
            return running.link.report();
        }
        running.ended(running.link.ask(deadline, Message::shutdown).await)
    }

    /// Like [`shutdown`](Self::shutdown), but blocks the thread.
    pub fn shutdown_blocking(&self, deadline: Duration) -> FlushReport {
        self.running.as_ref().map(|running| running.shutdown_blocking(deadline)).unwrap_or_default()
    }

    /// Posts a call log to Cekura. First waits until the call's trace is delivered, at most for the deadline of
    /// the call log (5 s); then posts in any case, and returns what was stored.
    ///
    /// A failed post is repeated for 330 s, like spans. A call is never stored twice. Dropping the future does
    /// not stop the post. With a spool, the end of the process does not stop it either: the next start asks
    /// whether the call is stored, and posts it if it is not. `observe` works in any runtime or none. A waiting
    /// call log counts towards the memory limit. In local mode, and when tracing is off, nothing is posted and
    /// [`Sent::was_sent`] is false. [`CallLog`] has an example.
    ///
    /// # Errors
    ///
    /// If the call log has mistakes (all are named, in local mode too), if Cekura does not accept it, or if
    /// Cekura could not be reached. The methods of [`ObserveError`] tell these cases apart.
    pub async fn observe(&self, call_log: CallLog) -> Result<Sent, ObserveError> {
        let Some(running) = &self.running else { return Ok(Sent::default()) };
        running.link.post(call_log).await
    }

    /// Like [`observe`](Self::observe), but blocks the thread until Cekura has answered, which may take
    /// minutes.
    ///
    /// # Errors
    ///
    /// Those of `observe`.
    pub fn observe_blocking(&self, call_log: CallLog) -> Result<Sent, ObserveError> {
        let Some(running) = &self.running else { return Ok(Sent::default()) };
        running.link.post_blocking(call_log)
    }

    /// Changes a call that Cekura has stored under this id of yours: adds metadata, has it evaluated again. First looks for
    /// it; a call that is not stored yet is looked for again for 330 s, as a request that fails is repeated. Dropping the
    /// future does not stop it, the end of the process does; [`shutdown`](Self::shutdown) waits for it until its deadline.
    /// In local mode, and when tracing is off, nothing is sent and
    /// [`Sent::was_sent`] is false. [`Update`] has an example.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe).
    pub async fn update(&self, call_id: impl Into<String>, update: Update) -> Result<Sent, ObserveError> {
        let Some(running) = &self.running else { return Ok(Sent::default()) };
        running.link.update(call_id.into(), update).await
    }

    /// The metrics of this handle: how long turns and stages took, how many failed, and what became of the spans.
    pub fn metrics(&self) -> Metrics {
        self.running.as_ref().map(|running| running.link.metrics.clone()).unwrap_or_default()
    }

    /// The counts of all spans until now, without waiting.
    pub fn ledger(&self) -> FlushReport {
        self.running.as_ref().map(|running| running.link.report()).unwrap_or_default()
    }
}

impl Client for Cekura {
    fn destination(&self) -> Option<Arc<Destination>> {
        self.running.as_ref().map(|running| running.destination.clone())
    }
}

impl Running {
    fn install(&self) -> Result<(), Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let is_default = opened.as_mut().is_none_or(Opened::install);
        if is_default { Ok(()) } else { Err(Error::already_installed()) }
    }

    /// Lets no new conversation in. Returns true the first time.
    fn close(&self) -> bool {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(opened) = &mut opened
            && self.link.report().accepted == 0
            && self.link.calls.is_empty()
        {
            opened.leave_unused();
        }
        if opened.is_some() && self.link.is_fork() {
            self.link.abandon();
        }
        opened.is_some()
    }

    fn shutdown_blocking(&self, deadline: Duration) -> FlushReport {
        if !self.close() {
            return self.link.report();
        }
        self.ended(self.link.ask_blocking(deadline, Message::shutdown))
    }

    /// The report of the worker, or where it has none, what is counted at the moment.
    fn reported(&self, report: Option<FlushReport>) -> FlushReport {
        report.unwrap_or_else(|| self.link.report())
    }

    /// The same at the end, which says what was lost.
    fn ended(&self, report: Option<FlushReport>) -> FlushReport {
        let report = self.reported(report);
        if report.pending > 0 {
            self.link.tell_pending(report.clone());
        }
        tell_losses(&report, &self.link.causes);
        report
    }
}

impl at_exit::Running for Running {
    fn end_with_process(&self, over: Duration) {
        // A fork has no worker, and a lock that another thread held when it was made.
        if !self.link.is_fork() {
            self.shutdown_blocking(self.patience.saturating_sub(over));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown_blocking(self.patience);
    }
}

impl fmt::Debug for Cekura {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cekura").field("enabled", &self.running.is_some()).finish_non_exhaustive()
    }
}

/// Prints the only line that this crate prints outside local mode. Without it, a program that has no `tracing`
/// subscriber would never learn that spans or call logs were lost.
fn tell_losses(report: &FlushReport, causes: &Causes) {
    let calls = report.call_logs.dropped;
    let report = FlushReport { call_logs: CallLogs::default(), ..report.clone() };
    let because = |last: &LastCause| last.get().map(|cause| format!("; {cause}")).unwrap_or_default();
    let cause = because(&causes.spans);
    let spans = match (report.lost_unmeant(), report.pending) {
        (0, 0) => None,
        (_, 0) if cause.is_empty() => Some(format!("spans were lost: {report}")),
        (_, 0) => Some(format!("spans were lost: {}{cause}", report.losses())),
        _ => Some(format!("spans were not delivered in time: {report}{cause}")),
    };
    let calls =
        (calls > 0).then(|| format!("call logs were not posted: {calls}{}", because(&causes.call_logs)));
    let lost: Vec<String> = spans.into_iter().chain(calls).collect();
    if lost.is_empty() {
        return;
    }
    let (done, is_done) = mpsc::channel();
    let print = move || {
        // Standard error may be closed, which is no reason to panic.
        drop(writeln!(std::io::stderr(), "cekura: {}", lost.join("; ")));
        let _ = done.send(());
    };
    // It may also be full, with nobody to read it, which is no reason to wait.
    if thread::Builder::new().spawn(print).is_ok() {
        let _ = is_done.recv_timeout(GRACE);
    }
}

#[cfg(test)]
#[path = "tests/telemetry.rs"]
mod tests;
