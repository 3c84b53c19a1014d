//! Ends of conversations while another thread tells something to the conversation's own span, and takes its time.
//! Invariant: the root is delivered before the end is reported, once, with all that was told before.

use super::*;
use cekura::opentelemetry::trace::{Status, TraceContextExt};
use cekura::opentelemetry::{Context as SpanContext, KeyValue};
use serde::{Serialize, Serializer};
use std::fmt::{self, Display};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

/// A value that says when it is being read, and is read when it is told so.
struct Slow {
    is_here: SyncSender<()>,
    go: Mutex<Receiver<()>>,
    text: String,
}

impl Slow {
    fn new(is_here: SyncSender<()>, go: Receiver<()>) -> Self {
        Self { is_here, go: Mutex::new(go), text: "slow".to_owned() }
    }
}

impl AsRef<str> for Slow {
    fn as_ref(&self) -> &str {
        self.is_here.send(()).ok();
        self.go.lock().unwrap().recv().ok();
        &self.text
    }
}

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_ref())
    }
}

impl Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ref())
    }
}

type Told = fn(&Slow);

/// Everything that runs code of the program's for a span.
const TELLS: [(&str, Told); 4] = [
    ("item", |slow| cekura::current().item(slow)),
    ("output", |slow| cekura::current().output(slow)),
    ("record_json", |slow| cekura::current().record_json("slow", slow)),
    ("fail", |slow| cekura::current().fail(slow)),
];

type Call = cekura::spans::Guard<spans::Conversation>;
type End = (&'static str, fn(Call));

const ENDS: [End; 6] = [
    ("finish", |call| drop(call.finish())),
    ("end", Call::end),
    ("end_at", |call| call.end_at(Instant::now())),
    ("end_with", |call| call.end_with(&Ok::<_, String>(()))),
    ("interrupt", Call::interrupt),
    ("drop", drop),
];

/// Ends a call while another thread tells its span something; gives the spans that have arrived before it goes on.
fn ended_meanwhile(tell: Told, end: fn(Call)) -> (Vec<Span>, String) {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Http).build().unwrap();
    let mut call = spans::conversation().call_id("call-1").client(&handle).start();
    call.fail("told before");
    let context = call.context();
    let (is_here, here) = mpsc::sync_channel(1);
    let (go, gone) = mpsc::channel();
    let teller = thread::spawn(move || {
        let slow = Slow::new(is_here, gone);
        let _entered = context.attach();
        tell(&slow);
    });
    here.recv().unwrap();
    end(call);
    handle.flush_blocking(LONG);
    let arrived = backend.spans();
    drop(go);
    teller.join().unwrap();
    (arrived, handle.shutdown_blocking(LONG).to_string())
}

#[test]
fn a_conversation_ends_although_another_thread_tells_its_span_something() {
    for (told, tell) in TELLS {
        for (ended, end) in ENDS {
            let (arrived, report) = ended_meanwhile(tell, end);
            assert_eq!(names(&arrived), ["conversation"], "{ended} during {told}");
            assert_eq!(arrived[0].status.as_ref().unwrap().message, "told before", "{ended} during {told}");
            assert_eq!(report, "1 accepted, 1 delivered", "{ended} during {told}");
        }
    }
}

#[test]
fn its_call_log_is_posted_with_its_trace() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let call = spans::conversation().call_id("call-1").observe().client(&handle).start();
    call.user("Hello?");
    let (context, trace_id) = (call.context(), call.trace_id());
    let (is_here, here) = mpsc::sync_channel(1);
    let (go, gone) = mpsc::channel();
    let teller = thread::spawn(move || {
        let _entered = context.attach();
        cekura::current().item(&Slow::new(is_here, gone));
    });
    here.recv().unwrap();
    futures::executor::block_on(call.finish());
    assert_eq!(handle.shutdown_blocking(LONG).to_string(), "1 accepted, 1 delivered");
    assert_eq!(api.posted()["trace_id"], trace_id.to_string());
    drop(go);
    teller.join().unwrap();
}

#[test]
fn an_annotated_conversation_ends_too() {
    #[cekura::conversation(client = handle, skip_all)]
    fn call(handle: &Cekura, body: impl FnOnce()) {
        body();
    }
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Http).build().unwrap();
    let (is_here, here) = mpsc::sync_channel(1);
    let (go, gone) = mpsc::channel();
    let mut teller = None;
    call(&handle, || {
        let context = SpanContext::current();
        teller = Some(thread::spawn(move || {
            let _entered = context.attach();
            cekura::current().item(&Slow::new(is_here, gone));
        }));
        here.recv().unwrap();
    });
    assert_eq!(handle.flush_blocking(LONG).to_string(), "1 accepted, 1 delivered");
    drop(go);
    teller.unwrap().join().unwrap();
    assert_eq!(handle.shutdown_blocking(LONG).to_string(), "1 accepted, 1 delivered");
}

#[test]
fn threads_that_set_things_on_the_root_while_it_is_finished_do_not_keep_it_or_end_it_twice() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Http).build().unwrap();
    for number in 0..200 {
        let call = spans::conversation().client(&handle).start();
        let set: [fn(i64); 4] = [
            |number| cekura::record("number", number),
            |number| cekura::current().item(&number),
            |_| SpanContext::map_current(|context| context.span().set_status(Status::error("refused"))),
            |number| {
                SpanContext::map_current(|context| {
                    context.span().set_attribute(KeyValue::new("of.host", number));
                    context.span().add_event("event", Vec::new());
                });
            },
        ];
        let start = Arc::new(Barrier::new(set.len() + 1));
        let threads = set.map(|set| {
            let (start, context) = (start.clone(), call.context());
            thread::spawn(move || {
                let _entered = context.attach();
                start.wait();
                (0..50).for_each(set);
            })
        });
        start.wait();
        if number % 2 == 0 {
            futures::executor::block_on(call.finish());
        } else {
            call.end();
        }
        let report = handle.flush_blocking(LONG);
        assert_eq!(report.delivered, number + 1, "{report}");
        for thread in threads {
            thread.join().unwrap();
        }
    }
    assert_eq!(handle.shutdown_blocking(LONG).to_string(), "200 accepted, 200 delivered");
}
