//! Makes calls from numbers. Each span of such a call records its own path.

use super::tally::{Dice, Ending, Refused, Tally, Witness};
use cekura::context::{Carried, carry};
use cekura::spans::{self, Guard, Kind};
use futures::future::{BoxFuture, poll_fn};
use futures::stream::{BoxStream, FuturesUnordered, Stream};
use futures::{FutureExt, StreamExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{mpsc as channel, oneshot};
use tokio::task::{JoinSet, yield_now};

/// What all calls share: a task and a thread that serve them in turn.
struct Town {
    tally: Arc<Tally>,
    task: channel::UnboundedSender<Carried<Errand>>,
    /// `None` ends it.
    thread: mpsc::Sender<Option<Carried<Errand>>>,
}

/// Work for one of them, and who waits for it.
struct Errand(Walk, oneshot::Sender<()>);

/// What one span and those under it will do.
struct Walk {
    /// The call, and which child of which child of it this is.
    path: String,
    dice: Dice,
    children: u64,
    town: Arc<Town>,
}

/// Runs so many calls, and ends what they leave behind.
pub(crate) fn all(calls: u64, seed: u64, tally: &Arc<Tally>) {
    let (task, mut inbox) = channel::unbounded_channel::<Carried<Errand>>();
    let (thread, errands) = mpsc::channel::<Option<Carried<Errand>>>();
    let town = Arc::new(Town { tally: tally.clone(), task, thread });
    let thread = thread::spawn(move || {
        while let Ok(Some(errand)) = errands.recv() {
            errand.in_scope(|Errand(walk, done)| {
                note_quietly(walk);
                done.send(()).ok();
            });
        }
    });
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.spawn(async move {
        while let Some(errand) = inbox.recv().await {
            let served = errand.run(async |Errand(walk, done)| {
                AssertUnwindSafe(hear(walk)).catch_unwind().await.ok();
                done.send(()).ok();
            });
            served.await;
            assert!(cekura::current_conversation().is_none());
        }
    });
    runtime.block_on(async {
        let mut dice = Dice(seed);
        let mut running = JoinSet::new();
        for n in 0..calls {
            let walk =
                Walk { path: format!("call-{n}"), dice: Dice(dice.next()), children: 0, town: town.clone() };
            let hangs_up = match dice.roll(3) {
                0 => running.spawn(carry(call_by_hand(walk))),
                _ => running.spawn(carry(call(walk).map(drop))),
            };
            if dice.roll(4) == 0 {
                let patience = dice.roll(40);
                tokio::spawn(async move {
                    wait(patience).await;
                    hangs_up.abort();
                });
            }
        }
        let all = async { while running.join_next().await.is_some() {} };
        let is_over = tokio::time::timeout(Duration::from_secs(60), all).await.is_ok();
        assert!(is_over, "{} calls hang", running.len());
    });
    drop(runtime);
    // Not by dropping its channel: an errand that was sent as the task ended holds the town.
    town.thread.send(None).unwrap();
    thread.join().unwrap();
}

#[cekura::conversation(call_id = walk.path, skip_all, record("path" = walk.path))]
async fn call(walk: Walk) -> Result<(), Refused> {
    live(walk).await
}

async fn call_by_hand(walk: Walk) {
    by_hand(spans::conversation().call_id(&walk.path).record("path", walk.path.clone()).start(), walk).await;
}

async fn think_by_hand(walk: Walk) {
    by_hand(spans::llm().record("path", walk.path.clone()).start(), walk).await;
}

/// As [`live`], but for panics; the end may be in another task.
async fn by_hand<K: Kind + 'static>(mut guard: Guard<K>, mut walk: Walk)
where
    Guard<K>: Send,
{
    let mut witness = Witness::new(&walk.town.tally);
    for _ in 0..walk.width() {
        let step = guard.in_scope(|| walk.step());
        guard.run(step).await;
    }
    let (how, patience) = (walk.dice.roll(5), walk.dice.roll(4));
    let end = async move {
        wait(patience).await;
        match how {
            0 => return,
            1 => {
                guard.fail(Refused);
                witness.expect(Ending::Failed);
            }
            _ => witness.expect(Ending::Returned),
        }
        guard.end();
    };
    match walk.dice.roll(2) {
        0 => end.await,
        _ => drop(tokio::spawn(end)),
    }
}

#[cekura::turn(skip_all, record("path" = walk.path))]
async fn turn(walk: Walk) -> Result<(), Refused> {
    live(walk).await
}

#[cekura::tool_call(skip_all, record("path" = walk.path))]
fn look_up(walk: Walk) -> impl Future<Output = Result<(), Refused>> + Send {
    live(walk)
}

#[cekura::tts(skip_all, record("path" = walk.path))]
fn speak(walk: Walk) -> BoxFuture<'static, Result<(), Refused>> {
    live(walk).boxed()
}

#[cekura::stt(skip_all, record("path" = walk.path))]
async fn hear(mut walk: Walk) -> Result<(), Refused> {
    let mut witness = Witness::new(&walk.town.tally);
    wait(walk.dice.roll(3)).await;
    witness.end(&mut walk.dice, ())
}

#[cekura::span(skip_all, record("path" = walk.path))]
fn note(mut walk: Walk) -> Result<(), Refused> {
    let mut witness = Witness::new(&walk.town.tally);
    for _ in 0..walk.width() {
        note_quietly(walk.child());
    }
    witness.end(&mut walk.dice, ())
}

#[cekura::llm(skip_all, record("path" = walk.path))]
fn think(walk: Walk) -> BoxStream<'static, Result<u64, Refused>> {
    Tokens::new(walk).boxed()
}

#[cekura::s2s(skip_all, record("path" = walk.path))]
async fn converse(walk: Walk) -> Result<impl Stream<Item = Result<u64, Refused>> + Send, Refused> {
    let tokens = Tokens::new(walk);
    yield_now().await;
    Ok(tokens)
}

fn note_quietly(walk: Walk) {
    drop(catch_unwind(AssertUnwindSafe(|| note(walk))));
}

async fn live(mut walk: Walk) -> Result<(), Refused> {
    let mut witness = Witness::new(&walk.town.tally);
    let _line = (walk.dice.roll(3) == 0).then(|| Line(Some(walk.child())));
    for _ in 0..walk.width() {
        walk.step().await;
    }
    wait(walk.dice.roll(4)).await;
    witness.end(&mut walk.dice, ())
}

/// Has a span when it is dropped.
struct Line(Option<Walk>);

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(walk) = self.0.take() {
            note_quietly(walk);
        }
    }
}

async fn wait(times: u64) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Items, each after a while, with a span inside each poll that gives one.
struct Tokens {
    walk: Walk,
    witness: Witness,
    left: u64,
    is_due: bool,
    is_over: bool,
}

impl Tokens {
    fn new(mut walk: Walk) -> Self {
        let (witness, left) = (Witness::new(&walk.town.tally), walk.dice.roll(5));
        Self { walk, witness, left, is_due: false, is_over: false }
    }
}

impl Stream for Tokens {
    type Item = Result<u64, Refused>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.is_due = !this.is_due;
        if this.is_due && !this.is_over {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.is_over {
            return Poll::Ready(None);
        }
        if this.left == 0 {
            this.is_over = true;
            return Poll::Ready(this.witness.end(&mut this.walk.dice, ()).err().map(Err));
        }
        this.left -= 1;
        note_quietly(this.walk.child());
        Poll::Ready(Some(Ok(this.left)))
    }
}

impl Walk {
    fn child(&mut self) -> Self {
        self.children += 1;
        let path = format!("{}/{}", self.path, self.children);
        Self { path, dice: Dice(self.dice.next()), children: 0, town: self.town.clone() }
    }

    /// How many children it has, or steps that have some.
    fn width(&mut self) -> u64 {
        match self.path.matches('/').count() {
            0 => 2 + self.dice.roll(3),
            1 => 1 + self.dice.roll(3),
            2 | 3 => self.dice.roll(3),
            _ => 0,
        }
    }

    /// What it does as a child: one span, and what is under it.
    fn work(mut self) -> BoxFuture<'static, ()> {
        let (kind, items) = (self.dice.roll(7), self.dice.roll(8));
        let work = async move {
            match kind {
                0 => drop(turn(self).await),
                1 => drop(look_up(self).await),
                2 => drop(speak(self).await),
                3 => drop(note(self)),
                4 => read(think(self), items).await,
                5 => think_by_hand(self).await,
                _ => {
                    if let Ok(stream) = converse(self).await {
                        read(Box::pin(stream), items).await;
                    }
                }
            }
        };
        AssertUnwindSafe(work).catch_unwind().map(drop).boxed()
    }

    /// Has a child, or two, on a way that is drawn.
    fn step(&mut self) -> BoxFuture<'static, ()> {
        let town = self.town.clone();
        match self.dice.roll(16) {
            0 | 1 => self.child().work(),
            2 | 3 => cekura::spawn(self.child().work()).map(drop).boxed(),
            4 => {
                let child = self.child();
                cekura::spawn_blocking(move || note_quietly(child)).map(drop).boxed()
            }
            5 => {
                let both = [self.child(), self.child()].map(|child| carry(child.work()));
                let tasks: JoinSet<()> = both.into_iter().collect();
                tasks.join_all().map(drop).boxed()
            }
            6 => {
                let both = [self.child(), self.child()].map(|child| carry(child.work()));
                both.into_iter().collect::<FuturesUnordered<_>>().collect::<()>().boxed()
            }
            7 => futures::future::join(self.child().work(), self.child().work()).map(drop).boxed(),
            8 => self.errand(|errand| town.task.send(errand).is_ok()),
            9 => self.errand(|errand| town.thread.send(Some(errand)).is_ok()),
            _ => self.part_of_a_step(),
        }
    }

    /// Has one of the town serve a child.
    fn errand(&mut self, send: impl FnOnce(Carried<Errand>) -> bool) -> BoxFuture<'static, ()> {
        let (done, over) = oneshot::channel();
        assert!(send(carry(Errand(self.child(), done))), "the town serves as long as there are calls");
        over.map(drop).boxed()
    }

    /// Has a child that it may not wait for, on a way that is drawn.
    fn part_of_a_step(&mut self) -> BoxFuture<'static, ()> {
        let (way, patience, child) = (self.dice.roll(5), self.dice.roll(8), self.child());
        let part = async move {
            match way {
                0 => drop_after(child.work(), patience).await,
                1 => {
                    let task = cekura::spawn(child.work());
                    wait(patience).await;
                    task.abort();
                    task.await.ok();
                }
                2 => {
                    let limit = Duration::from_millis(1);
                    tokio::time::timeout(limit, child.work()).await.ok();
                }
                3 => tokio::select! {
                    () = child.work() => {}
                    () = wait(patience) => {}
                },
                _ => drop(look_up(child)),
            }
        };
        part.boxed()
    }
}

/// Reads so many items, then leaves the stream.
async fn read(mut stream: impl Stream<Item = Result<u64, Refused>> + Unpin, items: u64) {
    for _ in 0..items {
        let Some(Ok(_)) = stream.next().await else { return };
    }
}

/// Polls a future so often, then drops it.
async fn drop_after(mut future: BoxFuture<'static, ()>, polls: u64) {
    let mut polls = 0..polls;
    poll_fn(|task| if polls.next().is_some() { future.poll_unpin(task) } else { Poll::Ready(()) }).await;
}
