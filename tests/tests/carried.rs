//! Calls whose work crosses tasks, threads and channels, many at once and on every kind of runtime. Invariant:
//! each span has the conversation and the parent that it should have.

use cekura::context::{Carried, carry};
use cekura::testing::{Trace, capture_async};
use cekura_trace_tests::calls::{
    self, CALLS, call, hear, look_up, look_up_now, runtimes, shapes, speak, think, turn,
};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use tokio::sync;
use tokio::task::{JoinSet, LocalSet, yield_now};

const LOOK_UP: &str = "tool_call(look_up_now)";

/// Many calls at once, on one thread and on several; each is of one shape and all its spans are its own.
fn interleave<F>(body: impl Fn(String) -> F, shape: &str)
where
    F: Future<Output = ()> + Send + 'static,
{
    for trace in calls::interleave(body) {
        check(&trace, CALLS, shape);
    }
}

fn check(trace: &Trace, calls: usize, shape: &str) {
    assert_eq!(shapes(trace), vec![shape; calls]);
}

/// Looks something up when it is dropped.
struct Line(String);

impl Drop for Line {
    fn drop(&mut self) {
        look_up_now(&self.0);
    }
}

#[test]
fn a_join_set() {
    let body = |id: String| async move {
        let mut tools = JoinSet::new();
        for _ in 0..3 {
            let id = id.clone();
            tools.spawn(carry(async move { look_up(&id).await }));
        }
        while let Some(found) = tools.join_next().await {
            found.unwrap();
        }
    };
    interleave(body, &format!("conversation({LOOK_UP} {LOOK_UP} {LOOK_UP})"));
}

#[test]
fn tasks_of_each_call_joined_by_channels() {
    let body = |id: String| async move {
        let (audio, mut heard) = sync::mpsc::channel::<Carried<String>>(1);
        let (text, mut thought) = sync::mpsc::channel::<Carried<String>>(1);
        let (speech, mut spoken) = sync::mpsc::channel::<Carried<String>>(1);
        // What is sent on is carried from where the message stands.
        let stt = tokio::spawn(async move {
            while let Some(message) = heard.recv().await {
                let next = message.run(async |id| carry(hear(&id).await)).await;
                text.send(next).await.unwrap();
            }
        });
        let llm = tokio::spawn(async move {
            while let Some(message) = thought.recv().await {
                let next = message.run(async |id| carry(think(&id).await)).await;
                speech.send(next).await.unwrap();
            }
        });
        let tts = tokio::spawn(async move {
            while let Some(message) = spoken.recv().await {
                message.run(async |id| speak(&id).await).await;
            }
        });
        for _ in 0..3 {
            turn(&id, async { audio.send(carry(id.clone())).await.unwrap() }).await;
        }
        drop(audio);
        for stage in [stt, llm, tts] {
            stage.await.unwrap();
        }
    };
    let turn = format!("turn(llm({LOOK_UP}) stt tts)");
    interleave(body, &format!("conversation({turn} {turn} {turn})"));
}

#[test]
fn threads_joined_by_channels() {
    let body = |id: String| async move {
        let (audio, heard) = mpsc::channel::<Carried<String>>();
        let (text, thought) = mpsc::channel::<Carried<String>>();
        let stt = thread::spawn(move || {
            for message in heard {
                let next = message.in_scope(|id| carry(futures::executor::block_on(hear(&id))));
                text.send(next).unwrap();
            }
        });
        let llm = thread::spawn(move || {
            for message in thought {
                message.in_scope(|id| futures::executor::block_on(think(&id)));
            }
        });
        turn(&id, async { audio.send(carry(id.clone())).unwrap() }).await;
        drop(audio);
        cekura::spawn_blocking(|| [stt, llm].map(|stage| stage.join().unwrap())).await.unwrap();
    };
    interleave(body, &format!("conversation(turn(llm({LOOK_UP}) stt))"));
}

#[test]
fn a_thread() {
    let body = |id: String| async move {
        let work = carry(move || look_up_now(&id));
        thread::spawn(move || work.in_scope(|work| work())).join().unwrap();
    };
    interleave(body, "conversation(look_up_now)");
}

#[test]
fn a_pool_of_threads_that_all_calls_share() {
    type Job = Carried<Box<dyn FnOnce() + Send>>;
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                loop {
                    let job = queue.lock().unwrap().recv();
                    let Ok(job) = job else { return };
                    job.in_scope(|job| job());
                    assert!(cekura::current_conversation().is_none());
                }
            })
        })
        .collect();
    let body = |id: String| {
        let jobs = jobs.clone();
        async move {
            let (done, over) = sync::oneshot::channel();
            turn(&id.clone(), async move {
                let job: Box<dyn FnOnce() + Send> = Box::new(move || {
                    look_up_now(&id);
                    done.send(()).unwrap();
                });
                jobs.send(carry(job)).unwrap();
            })
            .await;
            over.await.unwrap();
        }
    };
    interleave(body, "conversation(turn(look_up_now))");
    drop(jobs);
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn a_branch_of_a_select_that_loses_is_interrupted_with_its_children() {
    #[cekura::tts(skip_all, record("of" = id))]
    async fn speak_on(id: &str) {
        let _line = Line(id.to_owned());
        hear(id).await;
        think_on(id).await;
    }
    #[cekura::llm(skip_all, record("of" = id))]
    async fn think_on(id: &str) {
        look_up(id).await;
        std::future::pending::<()>().await;
    }
    let body = |id: String| async move {
        let barge_in = async {
            for _ in 0..8 {
                yield_now().await;
            }
        };
        turn(&id, async {
            tokio::select! {
                biased;
                () = speak_on(&id) => panic!("it never ends"),
                () = barge_in => {}
            }
            speak(&id).await;
        })
        .await;
    };
    let lost = format!("tts!(llm!({LOOK_UP}) look_up_now stt)");
    interleave(body, &format!("conversation(turn(tts {lost}))"));
}

#[test]
fn futures_of_one_task() {
    let body = |id: String| async move {
        let mut tools = FuturesUnordered::new();
        turn(&id, async {
            tools.push(carry(look_up(&id)));
            tools.push(carry(look_up(&id)));
        })
        .await;
        tokio::join!(async { while tools.next().await.is_some() {} }, think(&id), speak(&id));
    };
    let llm = format!("llm({LOOK_UP})");
    interleave(body, &format!("conversation({llm} tts turn({LOOK_UP} {LOOK_UP}))"));
}

#[test]
fn one_task_that_polls_the_futures_of_all_calls() {
    for runtime in runtimes() {
        let trace = runtime.block_on(capture_async(async {
            let (work, mut inbox) = sync::mpsc::unbounded_channel();
            let driver = tokio::spawn(async move {
                let mut all = FuturesUnordered::new();
                loop {
                    tokio::select! {
                        Some(future) = inbox.recv() => all.push(future),
                        Some(()) = all.next() => {}
                        else => break,
                    }
                    assert!(cekura::current_conversation().is_none());
                }
            });
            let calls = (0..CALLS).map(|n| {
                let work = work.clone();
                let id = calls::id(n);
                call(id.clone(), async move {
                    for _ in 0..2 {
                        let of_turn = id.clone();
                        let work = &work;
                        turn(&id, async move {
                            work.send(carry(async move { look_up(&of_turn).await })).unwrap();
                        })
                        .await;
                    }
                })
            });
            futures::future::join_all(calls).await;
            drop(work);
            driver.await.unwrap();
        }));
        check(&trace, CALLS, &format!("conversation(turn({LOOK_UP}) turn({LOOK_UP}))"));
    }
}

#[test]
fn an_actor_serves_a_hundred_conversations_in_turn() {
    struct Question(String, sync::oneshot::Sender<String>);
    async fn serve(mut inbox: sync::mpsc::Receiver<Carried<Question>>) -> usize {
        let mut answered = 0;
        while let Some(message) = inbox.recv().await {
            message.run(async |Question(id, reply)| reply.send(think(&id).await).unwrap()).await;
            assert!(cekura::current_conversation().is_none() && cekura::current_turn().is_none());
            // Outside any conversation, and of no capture.
            look_up_now("nobody");
            answered += 1;
            yield_now().await;
        }
        answered
    }
    for runtime in runtimes() {
        let (brain, inbox) = sync::mpsc::channel(4);
        let actor = runtime.spawn(serve(inbox));
        let trace = runtime.block_on(capture_async(async {
            let calls = (0..100).map(|n| {
                let brain = brain.clone();
                let id = calls::id(n);
                cekura::spawn(call(id.clone(), async move {
                    for _ in 0..5 {
                        turn(&id, async {
                            let (reply, answer) = sync::oneshot::channel();
                            brain.send(carry(Question(id.clone(), reply))).await.ok().unwrap();
                            assert_eq!(answer.await.unwrap(), id);
                        })
                        .await;
                    }
                }))
            });
            futures::future::join_all(calls).await;
        }));
        drop(brain);
        assert_eq!(runtime.block_on(actor).unwrap(), 500);
        let turn = format!("turn(llm({LOOK_UP}))");
        check(&trace, 100, &format!("conversation({})", [&*turn; 5].join(" ")));
    }
}

#[tokio::test]
async fn local_tasks() {
    let trace = capture_async(LocalSet::new().run_until(async {
        let calls = (0..CALLS).map(|n| {
            let id = std::rc::Rc::new(calls::id(n));
            call(id.to_string(), async move {
                let one = id.clone();
                let spawned = cekura::spawn_local(async move { think(&one).await });
                let mut tools = JoinSet::new();
                tools.spawn_local(carry(async move { look_up(&id).await }));
                spawned.await.unwrap();
                tools.join_next().await.unwrap().unwrap();
            })
        });
        futures::future::join_all(calls).await;
    }))
    .await;
    check(&trace, CALLS, &format!("conversation(llm({LOOK_UP}) {LOOK_UP})"));
}

#[test]
fn blocking_work() {
    let body = |id: String| async move {
        turn(&id.clone(), async { cekura::spawn_blocking(move || look_up_now(&id)).await.unwrap() }).await;
    };
    interleave(body, "conversation(turn(look_up_now))");
}

#[test]
fn a_task_that_outlives_its_conversation() {
    for runtime in runtimes() {
        let trace = runtime.block_on(capture_async(async {
            let mut late = Vec::new();
            let (end, _) = sync::broadcast::channel::<()>(1);
            for n in 0..CALLS {
                let (id, mut over) = (calls::id(n), end.subscribe());
                call(id.clone(), async {
                    late.push(cekura::spawn(async move {
                        over.recv().await.unwrap();
                        think(&id).await;
                    }));
                })
                .await;
            }
            end.send(()).unwrap();
            futures::future::join_all(late).await;
        }));
        check(&trace, CALLS, &format!("conversation(llm({LOOK_UP}))"));
    }
}

#[test]
fn what_a_carried_future_drops_is_in_its_place() {
    let body = |id: String| async move {
        let line = Line(id.clone());
        let waiting = async move {
            let _line = line;
            std::future::pending::<()>().await;
        };
        let mut task = JoinSet::new();
        turn(&id, async { drop(task.spawn(carry(waiting))) }).await;
        yield_now().await;
        task.shutdown().await;
        let line = Line(id.clone());
        let never_polled = carry(async move { drop(line) });
        let (sender, nobody_receives) = mpsc::channel();
        sender.send(carry(Line(id))).unwrap();
        thread::spawn(move || drop((never_polled, nobody_receives))).join().unwrap();
    };
    interleave(body, "conversation(look_up_now look_up_now turn(look_up_now))");
}

#[tokio::test]
async fn a_carried_future_gives_back_what_it_carries() {
    let trace = capture_async(call("call-1".to_owned(), async {
        assert_eq!(carry(async { 7 }).await, 7);
        assert_eq!(carry(async { 7 }).into_inner().await, 7);
        let timeout = tokio::time::timeout(Duration::from_secs(60), carry(hear("call-1")));
        assert_eq!(timeout.await.unwrap(), "call-1");
    }))
    .await;
    check(&trace, 1, "conversation(stt)");
}
