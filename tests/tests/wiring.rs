//! What is wired wrongly is said once, with the line to write. Each test listens before it makes a call, for what is said once in
//! a process must not be said before.

use cekura::{Audio, Cekura, Conversation, Line, current_conversation};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, observing};
use std::thread;
use std::time::Duration;

fn recorded(backend: &Backend, api: &Api) -> Cekura {
    listen();
    observing(backend, api).audio(Audio::stereo()).build().unwrap()
}

#[cekura::conversation(client = handle, observe, skip_all)]
fn call(handle: &Cekura, body: impl FnOnce(&Line)) {
    body(&current_conversation().unwrap().audio());
}

/// How often a line to write was named.
fn named(line: &str) -> usize {
    heard(line).iter().filter(|event| event.target == "cekura").count()
}

#[test]
fn sound_outside_any_call_is_said() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    for _ in 0..3 {
        Conversation::default().audio().user(&[1_i16; 160], 8_000);
        Conversation::default().audio().clear();
    }
    assert_eq!(named("cekura::current_conversation().unwrap_or_default().audio()"), 1);
    handle.shutdown_blocking(LONG);
}

#[test]
fn a_rate_that_is_none_is_said() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    for rate in [0, 20, u32::MAX] {
        call(&handle, |line| {
            line.user(&[1_i16; 160], rate);
            line.agent(&[1_i16; 160], rate);
        });
    }
    assert_eq!(named("line.user(&frames, 8_000)"), 1);
    handle.shutdown_blocking(LONG);
}

#[test]
fn a_side_that_nobody_hears_is_said_once_for_all_calls_of_a_handle() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let (users, agents) = (named("line.user(&frames, rate)"), named("line.agent(&speech, rate)"));
    for _ in 0..3 {
        call(&handle, |line| {
            line.user(&[1_000_i16; 160], 8_000);
            thread::sleep(Duration::from_millis(30));
        });
    }
    handle.flush_blocking(LONG);
    // A call in which nothing is handed over at all has neither.
    call(&handle, |_| {});
    call(&handle, |_| {});
    handle.shutdown_blocking(LONG);
    assert!(named("line.user(&frames, rate)") > users && named("line.agent(&speech, rate)") > agents);
    let of_this = |text: &str| heard(text).len();
    assert!(of_this("no sound of the agent") <= 4, "once for each handle of this file");
}

#[test]
fn a_caller_who_refuses_is_no_side_that_is_missing() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    call(&handle, |line| {
        line.user(&[1_000_i16; 160], 8_000);
        line.agent(&[1_000_i16; 160], 8_000);
        thread::sleep(Duration::from_millis(30));
        current_conversation().unwrap().refuse_audio();
    });
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(report.recordings.recorded, 0);
}

#[cekura::tts(text = text)]
async fn speak(text: &str) {
    let _ = text;
    std::future::pending::<()>().await;
}

#[cekura::turn(skip_all)]
async fn turn(goes_on: bool) {
    current_conversation().unwrap().audio().agent(&vec![1_000_i16; 16_000], 16_000);
    let wait = if goes_on { Duration::from_millis(20) } else { Duration::from_secs(60) };
    drop(tokio::time::timeout(wait, speak("We have soup.")).await);
    // What is answered to the caller who cut in.
}

#[tokio::test]
async fn an_agent_that_is_interrupted_and_not_cleared_is_said() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura, goes_on: bool) {
        drop(tokio::time::timeout(Duration::from_millis(200), turn(goes_on)).await);
    }
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn cleared(handle: &Cekura) {
        #[cekura::turn]
        async fn turn() {
            let line = current_conversation().unwrap().audio();
            line.agent(&vec![1_000_i16; 16_000], 16_000);
            drop(tokio::time::timeout(Duration::from_millis(20), speak("We have soup.")).await);
            line.clear();
        }
        turn().await;
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    // The end of the turn clears, and so does the program.
    call(&handle, false).await;
    cleared(&handle).await;
    assert_eq!(named("line.clear()"), 0);
    call(&handle, true).await;
    call(&handle, true).await;
    assert_eq!(named("line.clear()"), 1);
    handle.shutdown(LONG).await;
}

#[test]
fn session_logs_that_nobody_captures_are_said() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    call(&handle, |_| tracing::info!("a line"));
    call(&handle, |_| tracing::info!("a line"));
    handle.shutdown_blocking(LONG);
    assert_eq!(named("tracing_subscriber::registry().with(cekura::logs::capture()).init()"), 1);
}
