//! Session logs: what the program logs inside a conversation stands in its call log, and nothing else does.

use cekura::{CaptureContent, Cekura};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use serde_json::{Value, json};
use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use tracing::field::{Field, Visit};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Subscriber, debug, error, info, warn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

#[cekura::conversation(client = handle, call_id = name, observe, skip_all)]
fn call(handle: &Cekura, name: &str, body: impl FnOnce()) {
    body();
}

/// Runs a call under a subscriber that captures, and gives the lines of its call log.
fn lines(body: impl FnOnce()) -> Vec<Value> {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    with_default(tracing_subscriber::registry().with(cekura::logs::capture()), || {
        call(&handle, "call-1", body);
    });
    handle.shutdown_blocking(LONG);
    api.posted()["logs"].as_array().cloned().unwrap_or_default()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

struct Grumpy;

impl Debug for Grumpy {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no one shows me")
    }
}

/// Another layer of the program's, which sees every event.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn has(&self, text: &str) -> bool {
        self.0.lock().unwrap().contains(text)
    }
}

impl<S: Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Text<'a>(&'a mut String);
        impl Visit for Text<'_> {
            fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
                writeln!(self.0, "{value:?}").unwrap();
            }
        }
        event.record(&mut Text(&mut self.0.lock().unwrap()));
    }
}

#[test]
fn a_line_has_time_level_target_message_and_fields() {
    let lines = lines(|| {
        thread::sleep(std::time::Duration::from_millis(100));
        info!(target: "agent::desk", people = 2, name = "Ann", vip = true, share = 0.5, list = ?[1, 2], "a table\nby the window");
        warn!("slow");
        error!(reason = "no signal", "lost");
        info!(answer = 42);
        debug!("too fine");
        info!(what = ?Grumpy, "shown all the same");
        info!(target: "cekura", "our own");
        info!(target: "cekura::delivery", "our own");
        info!(target: "cekura_agent", "the program's own");
    });
    let first = &lines[0];
    assert!((0.1..5.0).contains(&first["ts"].as_f64().unwrap()), "{first}");
    assert_eq!((&first["level"], &first["logger"]), (&json!("INFO"), &json!("agent::desk")));
    assert_eq!(first["message"], "a table");
    let raw = json!({
        "people": 2, "name": "Ann", "vip": true, "share": 0.5, "list": "[1, 2]", "message": "a table\nby the window",
    });
    assert_eq!(first["raw"], raw);
    let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["INFO", "WARN", "ERROR", "INFO", "INFO", "INFO"]);
    assert_eq!(messages(&lines), ["a table", "slow", "lost", "", "shown all the same", "the program's own"]);
    assert_eq!((&lines[3]["raw"], lines[1].get("raw")), (&json!({ "answer": 42 }), None));
    assert_eq!(lines[4]["raw"]["what"], "[its Debug panics]");
}

#[test]
fn what_is_written_with_the_crate_log_names_its_own_target() {
    let lines = lines(|| {
        let (message, level) = (format_args!("a table for {}", 2), log::Level::Warn);
        let record =
            log::Record::builder().args(message).level(level).target("agent::desk").line(Some(7)).build();
        tracing_log::format_trace(&record).unwrap();
    });
    let (line, nothing) = (&lines[0], None);
    assert_eq!((&line["logger"], &line["level"]), (&json!("agent::desk"), &json!("WARN")));
    assert_eq!((&line["message"], line.get("raw")), (&json!("a table for 2"), nothing));
}

#[test]
fn of_a_flood_the_first_and_the_last_half_stay_below_1_mb() {
    let flood = lines(|| {
        for number in 0..20_000 {
            if number % 3 == 0 { debug!("fine {number}") } else { info!("line {number}") }
        }
    });
    assert_eq!(flood.len(), 5_001);
    assert!(Value::from(flood.clone()).to_string().len() <= 1_000_000);
    let messages = messages(&flood);
    assert_eq!((messages[0], messages[5_000]), ("line 1", "line 19999"));
    assert!(messages[2_500].contains("8333 lines are missing here"), "{}", messages[2_500]);
    assert!(!messages.iter().any(|message| message.starts_with("fine")));
}

#[test]
fn a_long_line_is_cut() {
    let long = "\u{1}ä\"".repeat(10_000);
    let lines = lines(|| {
        info!("{long}");
        info!("first\n{long}");
        info!(payload = %long, "with a field");
        info!(payload = long, "with another");
    });
    for line in &lines {
        let bytes = line.to_string().len();
        assert!((1_000..=4 << 10).contains(&bytes), "{bytes} bytes: {line}");
    }
    assert_eq!(messages(&lines)[1..], ["first", "with a field", "with another"]);
}

#[test]
fn lines_of_two_calls_at_once_do_not_cross_and_those_outside_any_are_in_none() {
    let (backend, apis) = (Backend::new(), [Api::new(), Api::new()]);
    let handles = apis.each_ref().map(|api| observing(&backend, api).build().unwrap());
    let subscriber = tracing_subscriber::registry().with(cekura::logs::capture());
    let dispatch = tracing::Dispatch::new(subscriber);
    thread::scope(|scope| {
        for (handle, name) in handles.iter().zip(["Ann", "Bob"]) {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..50 {
                        info!("outside {number}");
                        if number == 25 {
                            call(handle, name, || (0..50).for_each(|number| info!("{name} {number}")));
                        }
                    }
                });
            });
        }
    });
    for (handle, (api, name)) in handles.iter().zip(apis.iter().zip(["Ann", "Bob"])) {
        handle.shutdown_blocking(LONG);
        let posted = api.posted();
        let lines = posted["logs"].as_array().unwrap();
        assert_eq!(lines.len(), 50);
        assert!(messages(lines).iter().all(|message| message.starts_with(name)), "{lines:?}");
    }
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn call_with_tasks(handle: &Cekura, dispatch: &tracing::Dispatch) {
    let of_task = dispatch.clone();
    let inside =
        cekura::spawn(async move { tracing::dispatcher::with_default(&of_task, || info!("inside")) });
    let of_task = dispatch.clone();
    let outside =
        tokio::spawn(async move { tracing::dispatcher::with_default(&of_task, || info!("outside")) });
    inside.await.unwrap();
    outside.await.unwrap();
}

#[test]
fn a_task_that_was_spawned_into_the_call_writes_there() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(cekura::logs::capture()));
    runtime.block_on(call_with_tasks(&handle, &dispatch));
    handle.shutdown_blocking(LONG);
    assert_eq!(messages(api.posted()["logs"].as_array().unwrap()), ["inside"]);
}

#[test]
fn nothing_is_kept_under_the_policy_metadata_or_of_a_call_without_observe() {
    #[cekura::conversation(client = handle, observe, capture = CaptureContent::Metadata, skip_all)]
    fn private(handle: &Cekura) {
        info!("canary");
    }
    #[cekura::conversation(client = handle, skip_all)]
    fn unobserved(handle: &Cekura) {
        info!("canary");
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    with_default(tracing_subscriber::registry().with(cekura::logs::capture()), || {
        private(&handle);
        unobserved(&handle);
    });
    handle.shutdown_blocking(LONG);
    assert!(!api.posted().to_string().contains("canary"));
}

#[test]
fn the_level_can_be_set_and_other_layers_see_what_they_saw() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let events = Seen::default();
    let others = events.clone().with_filter(tracing_subscriber::filter::LevelFilter::TRACE);
    let subscriber =
        tracing_subscriber::registry().with(cekura::logs::capture_from(Level::WARN)).with(others);
    with_default(subscriber, || {
        call(&handle, "call-1", || {
            info!("fine");
            warn!("coarse");
        });
    });
    handle.shutdown_blocking(LONG);
    assert_eq!(messages(api.posted()["logs"].as_array().unwrap()), ["coarse"]);
    assert!(events.has("fine") && events.has("coarse"));
}

#[test]
fn a_capture_that_was_never_added_says_so() {
    let events = Seen::default();
    with_default(tracing_subscriber::registry().with(events.clone()), || {
        drop(cekura::logs::capture::<tracing_subscriber::Registry>());
    });
    assert!(events.has("was never added to a subscriber"));
}
