//! Commands and answers come in on one line; the queue is emptied, the sender is driven, and flushes are answered
//! with reports. This file does not know requests or sockets.
//!
//! The worker is a thread with a small runtime of its own, so that it works beside any runtime of the program or none,
//! and outlives it.

use super::config::{Mode, Settings};
use super::error::Error;
use super::ledger::{Counts, FlushReport, Ledger, Reason};
use super::outlet::Outlet;
use super::queue::{Bell, Queue, Room};
use super::sender::Sender;
use super::terminal;
use super::timings::Timings;
use super::transport::{self, Answer};
use super::voice::{self, Voice};
use crate::finished;
use opentelemetry::Context;
use opentelemetry::trace::TraceId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// The shortest time between two events that tell of lost spans.
const BETWEEN_TELLING: Duration = Duration::from_secs(10);

/// What the worker is told.
pub(crate) enum Message {
    Answered {
        number: u64,
        answer: Answer,
    },
    /// Deliver what has ended until now, and report when that is settled or the deadline has passed.
    Flush {
        deadline: Instant,
        report: Reply,
    },
    /// As `Flush`, after which the worker ends.
    Shutdown {
        deadline: Instant,
        report: Reply,
    },
    /// There is something in the queue.
    Wake,
}

/// Takes the report of a flush.
pub(crate) type Reply = Box<dyn FnOnce(FlushReport) + Send>;

/// The worker as the handle sees it.
pub(crate) struct Link {
    pub(crate) queue: Arc<Queue>,
    pub(crate) inbox: UnboundedSender<Message>,
    ledger: Arc<Ledger>,
}

impl Link {
    /// The counts of this moment.
    pub(crate) fn report(&self) -> FlushReport {
        self.ledger.report(|| self.queue.accepted())
    }
}

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
    let bell = Bell::new(move || drop(wake.send(Message::Wake)));
    let queue =
        Arc::new(Queue::new(settings.memory_limit, ledger.clone(), bell, settings.mode == Mode::Local));
    let link = Link { queue: queue.clone(), inbox: inbox.clone(), ledger: ledger.clone() };
    let voice = Voice::here();
    let (ready, started) = mpsc::sync_channel(1);
    let body = move || {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        voice::silence();
        let (runtime, outlet) = match prepare(&settings, ledger.clone(), voice.clone(), inbox) {
            Ok(prepared) => prepared,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let worker = Worker::new(settings.timings, queue, ledger, voice, outlet);
        drop(ready.send(Ok(())));
        worker.live(messages, &runtime);
        // A name lookup that hangs must not hold the thread.
        runtime.shutdown_background();
    };
    thread::Builder::new().name("cekura-trace".to_owned()).spawn(body).map_err(Error::start)?;
    started.recv().map_err(Error::start)??;
    Ok(link)
}

fn prepare(
    settings: &Settings,
    ledger: Arc<Ledger>,
    voice: Voice,
    inbox: UnboundedSender<Message>,
) -> Result<(Runtime, Box<dyn Outlet>), Error> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Error::start)?;
    let inside = runtime.enter();
    let outlet = match settings.mode {
        Mode::Cloud => {
            let transport = transport::connect(settings)?;
            let answered =
                Arc::new(move |number, answer| drop(inbox.send(Message::Answered { number, answer })));
            Box::new(Sender::new(settings, transport, ledger, voice, answered))
        }
        Mode::Local => {
            terminal::open(settings, ledger, voice).ok_or_else(|| Error::start("there is no local mode"))?
        }
    };
    drop(inside);
    Ok((runtime, outlet))
}

struct Worker {
    queue: Arc<Queue>,
    ledger: Arc<Ledger>,
    voice: Voice,
    outlet: Box<dyn Outlet>,
    timings: Timings,
    flushes: Vec<Flush>,
    /// Counts flushes; what is drained carries the number of the flush that waits for it.
    epoch: u64,
    next_tick: Instant,
    /// Dropped spans that an event has told of, and when.
    told: (u64, Instant),
}

struct Flush {
    epoch: u64,
    deadline: Instant,
    is_last: bool,
    report: Reply,
}

impl Worker {
    fn new(
        timings: Timings,
        queue: Arc<Queue>,
        ledger: Arc<Ledger>,
        voice: Voice,
        outlet: Box<dyn Outlet>,
    ) -> Self {
        let (flushes, next_tick) = (Vec::new(), Instant::now());
        Self { queue, ledger, voice, outlet, timings, flushes, epoch: 0, next_tick, told: (0, next_tick) }
    }

    /// Runs until shutdown. A panic costs what was being delivered, which is counted; the worker goes on.
    fn live(mut self, mut messages: UnboundedReceiver<Message>, runtime: &Runtime) {
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run(&mut messages)))).is_err() {
            self.outlet.clear();
            self.ledger.lose_pending(Reason::Panicked);
        }
    }

    async fn run(&mut self, messages: &mut UnboundedReceiver<Message>) {
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + self.timings.tick;
                self.collect();
                if now >= self.told.1 + BETWEEN_TELLING {
                    self.tell_losses(now);
                }
            }
            self.outlet.proceed(now);
            if self.answer_flushes(now) {
                return;
            }
            let next = self.flushes.iter().map(|flush| flush.deadline).chain(self.outlet.due());
            let next = next.fold(self.next_tick, Instant::min);
            if let Ok(Some(message)) = timeout_at(next, messages.recv()).await {
                self.handle(message);
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Answered { number, answer } => self.outlet.answered(number, &answer, Instant::now()),
            Message::Flush { deadline, report } => {
                self.collect();
                self.await_settled(deadline, false, report);
            }
            Message::Shutdown { deadline, report } => {
                let queue = self.queue.clone();
                queue.close(|records, count| self.take(records, count));
                self.outlet.finish(Instant::now());
                self.await_settled(deadline, true, report);
            }
            Message::Wake => self.collect(),
        }
    }

    fn await_settled(&mut self, deadline: Instant, is_last: bool, report: Reply) {
        self.flushes.push(Flush { epoch: self.epoch, deadline, is_last, report });
        self.epoch += 1;
    }

    fn collect(&mut self) {
        let queue = self.queue.clone();
        queue.drain(|records, count| self.take(records, count));
        if self.outlet.wants_more() {
            queue.drain(|records, count| self.take(records, count));
        }
    }

    fn take(&mut self, records: &[u8], count: u64) {
        let room = Room::of(&self.queue, records);
        let mut counts = Counts::new();
        for (record, _) in finished::records(records) {
            *counts.entry(record.head.trace_id).or_default() += 1;
        }
        self.ledger.take(&counts);
        for _ in counts.values().sum()..count {
            self.ledger.refuse(TraceId::INVALID, Reason::Malformed);
        }
        self.outlet.take(records, room, self.epoch);
    }

    /// Answers the flushes that are settled or late; true when the last one is.
    fn answer_flushes(&mut self, now: Instant) -> bool {
        let oldest = self.outlet.oldest();
        let is_over =
            |flush: &mut Flush| now >= flush.deadline || oldest.is_none_or(|oldest| oldest > flush.epoch);
        let over: Vec<_> = self.flushes.extract_if(.., is_over).collect();
        let ends = over.iter().any(|flush| flush.is_last);
        if ends {
            self.outlet.abandon(Reason::Shutdown);
            self.tell_losses(now);
        }
        for flush in over {
            (flush.report)(self.ledger.report(|| self.queue.accepted()));
        }
        ends
    }

    fn tell_losses(&mut self, now: Instant) {
        let report = self.ledger.report(|| self.queue.accepted());
        if report.lost() > self.told.0 {
            self.told = (report.lost(), now);
            self.voice.say(|| tracing::warn!(target: "cekura", "spans were dropped so far: {report}"));
        }
    }
}

#[cfg(test)]
#[path = "tests/worker.rs"]
mod tests;
