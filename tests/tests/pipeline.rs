//! A frame pipeline in miniature: each stage is a task with a queue, spawned once per call, and the turns are
//! opened by yet another task. Invariant: attributes and `cekura::spawn` are all that it needs for its spans
//! to stand in their turns.

use cekura::testing::capture_async;
use cekura_trace_tests::calls::{self, CALLS, call, hear, look_up, shapes, speak, think, turn};
use std::future::pending;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, yield_now};

/// What goes from stage to stage: whose it is, and whether the caller cuts in while it is spoken.
struct Frame {
    id: String,
    is_cut: bool,
}

/// Speaks until somebody cuts in.
#[cekura::tts(skip_all, record("of" = id))]
async fn speak_on(id: &str, has_begun: Sender<()>) {
    has_begun.send(()).await.unwrap();
    pending::<()>().await;
}

/// A task for all frames of a call.
fn stage<F>(mut queue: Receiver<Frame>, out: Sender<Frame>, mut work: impl FnMut(Frame) -> F + Send + 'static)
where
    F: Future<Output = Frame> + Send,
{
    cekura::spawn(async move {
        while let Some(frame) = queue.recv().await {
            if out.send(work(frame).await).await.is_err() {
                return;
            }
        }
    });
}

async fn listen(frame: Frame) -> Frame {
    hear(&frame.id).await;
    frame
}

async fn answer(frame: Frame) -> Frame {
    think(&frame.id).await;
    frame
}

/// Speaks in a task of its own, which is aborted where the caller cuts in.
async fn voice(frame: Frame) -> Frame {
    let id = frame.id.clone();
    if frame.is_cut {
        let (has_begun, mut begun) = mpsc::channel(1);
        let speaking: JoinHandle<()> = cekura::spawn(async move { speak_on(&id, has_begun).await });
        begun.recv().await.unwrap();
        speaking.abort();
        assert!(speaking.await.unwrap_err().is_cancelled());
    } else {
        speak(&id).await;
    }
    frame
}

/// One call of three turns, the second of which is cut off.
async fn pipeline(id: String) {
    let (audio, heard) = mpsc::channel(1);
    let (text, thoughts) = mpsc::channel(1);
    let (words, speech) = mpsc::channel(1);
    let (played, mut over) = mpsc::channel(1);
    stage(heard, text, listen);
    stage(thoughts, words, answer);
    stage(speech, played, voice);
    let coordinator = cekura::spawn(async move {
        for number in 0..3 {
            turn(&id, async {
                let frame = Frame { id: id.clone(), is_cut: number == 1 };
                audio.send(frame).await.ok().unwrap();
                over.recv().await.unwrap();
            })
            .await;
            yield_now().await;
        }
    });
    coordinator.await.unwrap();
}

const LLM: &str = "llm(tool_call(look_up_now))";

#[test]
fn the_stages_of_a_pipeline_stand_in_the_turn_that_is_open() {
    for trace in calls::interleave(pipeline) {
        let (whole, cut) = (format!("turn({LLM} stt tts)"), format!("turn({LLM} stt tts!)"));
        assert_eq!(shapes(&trace), vec![format!("conversation({cut} {whole} {whole})"); CALLS]);
        for turn in trace.named("turn") {
            let number = turn.attribute("turn.number").unwrap();
            let was_interrupted = turn.attribute("turn.was_interrupted").unwrap();
            assert_eq!(*was_interrupted, (*number == 2.into()).into());
        }
    }
}

#[test]
fn what_a_stage_does_between_two_turns_stands_in_the_conversation() {
    let body = |id: String| async move {
        let (wake, mut woken) = mpsc::channel::<Sender<bool>>(1);
        let of_stage = id.clone();
        cekura::spawn(async move {
            while let Some(done) = woken.recv().await {
                look_up(&of_stage).await;
                done.send(cekura::current_turn().is_some()).await.unwrap();
            }
        });
        let ask = async || {
            let (done, mut is_done) = mpsc::channel(1);
            wake.send(done).await.unwrap();
            is_done.recv().await.unwrap()
        };
        assert!(!ask().await);
        turn(&id, async { assert!(ask().await) }).await;
        assert!(!ask().await);
    };
    for trace in calls::interleave(body) {
        let tool = "tool_call(look_up_now)";
        assert_eq!(shapes(&trace), vec![format!("conversation({tool} {tool} turn({tool}))"); CALLS]);
    }
}

#[tokio::test]
async fn a_plain_call_needs_no_more_than_the_pipeline() {
    let trace = capture_async(call("call-1".to_owned(), pipeline("call-1".to_owned()))).await.strict();
    assert_eq!(trace.named("turn").count(), 3);
}
