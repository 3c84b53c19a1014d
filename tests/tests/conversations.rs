//! Conversations: a trace of their own, turns that count, and context that is neither lost nor mixed.

use cekura::opentelemetry::trace::{FutureExt, TraceContextExt};
use cekura::opentelemetry::{Context, Value};
use cekura::testing::{Span, Trace, capture, capture_async, capture_with};
use cekura::{CaptureContent, TraceId};
use http::HeaderMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::mpsc;
use tokio::task::yield_now;

#[cekura::conversation(call_id = id)]
async fn call(id: &str, turns: u32) -> TraceId {
    let trace_id = cekura::trace_id().unwrap();
    assert_eq!(cekura::current_conversation().unwrap().id(), id);
    for number in 1..=turns {
        yield_now().await;
        turn(id, trace_id, i64::from(number)).await;
    }
    trace_id
}

#[cekura::turn]
async fn turn(id: &str, trace_id: TraceId, number: i64) {
    assert_eq!(cekura::current_turn().unwrap().number(), number);
    hear(id);
    yield_now().await;
    assert_eq!(answer(id).await, format!("answer to {id}"));
    assert_eq!(cekura::trace_id(), Some(trace_id));
}

#[cekura::stt]
fn hear(id: &str) -> String {
    format!("said by {id}")
}

#[cekura::llm]
async fn answer(id: &str) -> String {
    let id = id.to_owned();
    yield_now().await;
    cekura::spawn(async move { look_up(&id).await }).await.unwrap()
}

#[cekura::tool_call]
async fn look_up(id: &str) -> String {
    yield_now().await;
    format!("answer to {id}")
}

const ONE_CALL: &str =
    "conversation\n  turn\n    stt\n    llm\n      tool_call\n  turn\n    stt\n    llm\n      tool_call\n";

#[tokio::test]
async fn a_call_is_one_trace() {
    let trace = capture_async(call("call-1", 2)).await;
    assert_eq!(trace.to_string(), ONE_CALL);
    let root = &trace.spans()[0];
    assert!(trace.spans().iter().all(|span| span.trace_id() == root.trace_id()));
    assert_eq!(root.text("call_id"), Some("call-1"));
    assert_eq!(root.text("conversation.id"), Some("call-1"));
    assert_eq!(root.text("conversation.type"), Some("voice"));
    assert_eq!(root.attribute("output"), None, "a trace id shows itself by `Debug` only");
    let turns: Vec<_> = trace.named("turn").collect();
    for (turn, number) in turns.iter().zip(1..) {
        assert_eq!(turn.attribute("turn.number"), Some(&Value::I64(number)));
        assert_eq!(turn.attribute("turn.was_interrupted"), Some(&Value::Bool(false)));
        assert_eq!(turn.text("conversation.id"), Some("call-1"));
    }
}

#[test]
fn without_a_call_id_the_trace_id_stands_for_it() {
    #[cekura::conversation]
    fn call() -> String {
        cekura::current_conversation().unwrap().id().to_owned()
    }
    let trace = capture(call);
    let root = &trace.spans()[0];
    assert_eq!(root.text("conversation.id"), Some(&*root.trace_id().to_string()));
    assert_eq!(root.text("output"), root.text("conversation.id"));
    assert_eq!(root.attribute("call_id"), None);
}

/// Each conversation of a trace has the shape of one call, and only what was said in it.
fn check_unmixed(trace: &Trace, calls: usize, spans: usize) {
    let mut of: HashMap<TraceId, &str> = HashMap::new();
    for root in trace.named("conversation") {
        let Entry::Vacant(entry) = of.entry(root.trace_id()) else {
            panic!("two conversations in one trace")
        };
        entry.insert(root.text("call_id").unwrap());
    }
    assert_eq!(of.len(), calls);
    assert_eq!(trace.spans().len(), calls * spans);
    for span in trace.spans() {
        let id = of[&span.trace_id()];
        if let Some(input) = span.text("input.id") {
            assert_eq!(input, id);
        }
        if let Some(said) = span.text("stt.transcript") {
            assert_eq!(said, format!("said by {id}"));
        }
        if span.name() != "conversation" {
            assert_eq!(trace.parent(span).map(Span::trace_id), Some(span.trace_id()));
        }
    }
}

#[tokio::test]
async fn conversations_interleaved_on_one_thread_do_not_mix() {
    let ids: Vec<String> = (0..50).map(|n| format!("call-{n}")).collect();
    let trace = capture_async(futures::future::join_all(ids.iter().map(|id| call(id, 3)))).await;
    check_unmixed(&trace, 50, 13);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conversations_on_a_work_stealing_runtime_do_not_mix() {
    let trace = capture_async(async {
        let tasks = (0..200).map(|n| cekura::spawn(async move { call(&format!("call-{n}"), 3).await }));
        futures::future::join_all(tasks).await.into_iter().for_each(|result| assert!(result.is_ok()));
    })
    .await;
    check_unmixed(&trace, 200, 13);
}

#[tokio::test]
async fn a_handoff_is_a_child_of_the_open_conversation() {
    #[cekura::conversation(call_id = "second agent")]
    async fn second() -> TraceId {
        cekura::trace_id().unwrap()
    }
    #[cekura::conversation(call_id = "outer")]
    async fn first() {
        assert_eq!(Some(second().await), cekura::trace_id());
    }
    let trace = capture_async(first()).await;
    assert_eq!(trace.to_string(), "conversation\n  conversation\n");
    assert_eq!(trace.spans()[1].text("call_id"), Some("second agent"));
}

#[test]
fn a_conversation_starts_its_own_trace_with_a_link() {
    #[cekura::conversation]
    fn call() {}
    #[cekura::span]
    fn web_request() {
        call();
    }
    let trace = capture(web_request);
    assert_eq!(trace.to_string(), "web_request\nconversation\n");
    let [request, call] = trace.spans() else { panic!("{trace}") };
    assert_ne!(request.trace_id(), call.trace_id());
    assert_eq!(call.links(), 1);
}

#[test]
fn link_headers_become_a_link() {
    #[cekura::conversation(link_headers = headers)]
    fn call(headers: &HashMap<String, String>) {}
    let links = |traceparent: &str| {
        let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
        capture(|| call(&headers)).spans()[0].links()
    };
    assert_eq!(links("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), 1);
    assert_eq!(links("00-00000000000000000000000000000000-b7ad6b7169203331-01"), 0);
    assert_eq!(links("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), 0);
    assert_eq!(links("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"), 0);
    assert_eq!(links("nonsense"), 0);
}

#[test]
fn link_headers_may_be_those_of_an_http_request() {
    #[cekura::conversation(link_headers = headers)]
    fn call(headers: HeaderMap) {}
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let links = |parents: &[&str]| {
        let headers = parents.iter().map(|parent| ("traceparent".parse().unwrap(), parent.parse().unwrap()));
        capture(|| call(headers.collect())).spans()[0].links()
    };
    assert_eq!([links(&[]), links(&[valid]), links(&[valid, valid]), links(&["nonsense"])], [0, 1, 0, 0]);
}

#[test]
fn trace_id_from_is_the_start_of_the_sids_digest() {
    #[cekura::conversation(trace_id_from = sid)]
    fn call(sid: &str) {}
    let trace = capture(|| call("CA0123456789abcdef0123456789abcdef"));
    // printf CA0123456789abcdef0123456789abcdef | sha256sum | cut -c1-32
    assert_eq!(trace.spans()[0].trace_id().to_string(), "1dad514175e9e9443cc6dd39fe17ff4a");
}

#[test]
fn the_policy_of_one_conversation() {
    #[cekura::conversation(capture = CaptureContent::Metadata)]
    fn quiet(secret: &str) {
        hear(secret);
    }
    #[cekura::conversation(capture = CaptureContent::Full)]
    fn loud(open: &str) {
        hear(open);
    }
    let trace = capture_with(CaptureContent::Full, || quiet("x"));
    assert!(
        trace
            .spans()
            .iter()
            .all(|span| span.text("stt.transcript").is_none() && span.text("input.secret").is_none())
    );
    let trace = capture_with(CaptureContent::Metadata, || loud("x"));
    assert_eq!(trace.spans()[1].text("stt.transcript"), Some("said by x"));
}

#[test]
fn an_interrupted_answer_marks_its_turn() {
    #[cekura::tts]
    async fn speak(text: &str) {
        let _ = text;
        let () = std::future::pending().await;
    }
    #[cekura::turn(number = 7)]
    async fn turn() {
        futures::future::poll_immediate(Box::pin(speak("hello there"))).await;
        assert!(cekura::current_turn().unwrap().was_interrupted());
    }
    #[cekura::turn]
    async fn next() -> i64 {
        cekura::current_turn().unwrap().number()
    }
    #[cekura::conversation]
    async fn call() {
        turn().await;
        assert_eq!(next().await, 8, "counts on from the number given");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| runtime.block_on(call()));
    assert_eq!(trace.to_string(), "conversation\n  turn\n    tts interrupted\n  turn\n");
    let interrupted: Vec<_> =
        trace.named("turn").map(|turn| turn.attribute("turn.was_interrupted").cloned()).collect();
    assert_eq!(interrupted, [Some(Value::Bool(true)), Some(Value::Bool(false))]);
}

#[tokio::test]
async fn context_crosses_tasks_threads_and_channels() {
    #[cekura::conversation]
    async fn call() {
        let (sender, receiver) = mpsc::channel();
        let worker = std::thread::spawn(move || {
            let carried: cekura::context::Carried<&str> = receiver.recv().unwrap();
            carried.in_scope(hear)
        });
        sender.send(cekura::context::carry("by channel")).unwrap();
        assert_eq!(worker.join().unwrap(), "said by by channel");
        cekura::spawn_blocking(|| hear("blocking")).await.unwrap();
        cekura::context::carry("run").run(look_up).await;
        tokio::spawn(async { hear("lost") }).await.unwrap();
        let local = tokio::task::LocalSet::new();
        local.run_until(async { cekura::spawn_local(async { hear("local") }).await.unwrap() }).await;
    }
    let trace = capture_async(call()).await;
    let said: Vec<_> = trace.named("stt").filter_map(|span| span.text("input.id")).collect();
    assert_eq!(said, ["by channel", "blocking", "local"], "a plain tokio::spawn leaves the conversation");
    assert!(trace.spans().iter().skip(1).all(|span| trace.parent(span).is_some()));
}

#[test]
fn a_context_carried_by_hand_and_a_named_parent() {
    #[cekura::span(parent = parent)]
    fn child(parent: &Context) {}
    #[cekura::conversation]
    fn call() -> Context {
        Context::current()
    }
    let trace = capture(|| {
        let inside = call();
        child(&inside);
        futures::FutureExt::now_or_never(async { answer_now() }.with_context(inside.clone())).unwrap();
        assert!(inside.has_active_span());
    });
    assert_eq!(trace.to_string(), "conversation\n  child\n  answer_now\n");
}

#[cekura::span]
fn answer_now() {}

#[tokio::test]
async fn record_finds_the_span_of_a_context_that_was_carried_by_hand() {
    #[cekura::conversation]
    async fn call(id: &str) {
        let context = Context::current();
        let mark = async || {
            yield_now().await;
            cekura::record("marked", "here");
        };
        // As the OpenTelemetry API spawns.
        tokio::spawn(async move { mark().await }.with_context(context)).await.unwrap();
        let _ = id;
    }
    #[cekura::span]
    fn in_between(other: &Context) {
        let _attached = other.clone().attach();
        cekura::record("marked", "in the other");
    }
    let trace = capture_async(async {
        call("first").await;
        let mut second = Context::new();
        hold(&mut second).await;
        in_between(&second);
    })
    .await;
    let marked: Vec<_> = trace.spans().iter().map(|span| (span.name(), span.text("marked"))).collect();
    assert_eq!(marked, [("conversation", Some("here")), ("conversation", None), ("in_between", None)]);
}

/// Gives the context of a conversation that is over.
#[cekura::conversation(skip_all)]
async fn hold(out: &mut Context) {
    *out = Context::current();
}

#[test]
fn suppressed_telemetry_records_nothing() {
    let trace = capture(|| {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        hear("suppressed");
    });
    assert!(trace.spans().is_empty());
}

#[test]
fn outside_a_conversation_a_span_is_a_root_and_nothing_is_open() {
    let trace = capture(|| {
        hear("alone");
        assert!(cekura::current_conversation().is_none());
        assert!(cekura::trace_id().is_none());
    });
    assert_eq!(trace.to_string(), "stt\n");
}

#[test]
fn a_call_whose_id_comes_with_the_first_message() {
    #[cekura::conversation(skip_all)]
    fn call(ids: &[&str]) {
        let of_turn = || drop(cekura::spans::turn().start());
        of_turn();
        let conversation = cekura::current_conversation().unwrap_or_default();
        let first = conversation.id();
        for id in ids {
            conversation.set_call_id(id);
            of_turn();
        }
        assert_eq!(first, conversation.trace_id().to_string(), "what was read stays");
        assert_eq!(cekura::current_conversation().unwrap().id(), *ids.last().unwrap());
    }
    let trace = capture(|| call(&["CA17", "CA18"]));
    let root = &trace.spans()[0];
    assert_eq!((root.text("call_id"), root.text("conversation.id")), (Some("CA18"), Some("CA18")));
    let of_turns: Vec<_> = trace.named("turn").map(|turn| turn.text("conversation.id").unwrap()).collect();
    assert_eq!(of_turns, [&*root.trace_id().to_string(), "CA17", "CA18"]);
    assert_eq!(trace.conversation("CA18").spans().len(), 4);
}

#[test]
fn an_id_that_comes_after_the_end_is_that_of_later_spans() {
    let trace = capture(|| {
        let call = cekura::Conversation::start("call-1");
        let conversation = call.in_scope(|| cekura::current_conversation().unwrap());
        call.end();
        conversation.set_call_id("late");
        cekura::spans::turn().parent(&conversation).start().end();
    });
    assert_eq!(trace.spans()[0].text("call_id"), Some("call-1"));
    assert_eq!(trace.span("turn").unwrap().text("conversation.id"), Some("late"));
}

#[test]
fn where_no_call_is_open_the_default_conversation_and_turn_do_nothing() {
    let trace = capture(|| {
        let (conversation, turn) =
            (cekura::current_conversation().unwrap_or_default(), cekura::current_turn().unwrap_or_default());
        conversation.set_call_id("call-1");
        conversation.user("Hello?");
        turn.user_stopped();
        turn.first_audio();
        assert!(!turn.was_interrupted());
        cekura::spans::span("alone").parent(&conversation).start().end();
        cekura::spans::span("alone").parent(&turn).start().end();
    });
    assert_eq!(trace.to_string(), "alone\nalone\n");
}

#[test]
fn what_debug_shows_of_a_call_are_its_ids() {
    capture(|| {
        let call = cekura::spans::conversation().call_id("call-1").observe().start();
        call.user("My name is Anna.");
        call.in_scope(|| {
            cekura::record("said", "Anna");
            let turn = cekura::spans::turn().start();
            let carried = turn.in_scope(|| cekura::context::carry(()));
            let conversation = cekura::current_conversation().unwrap();
            let shown = format!("{conversation:?} {:?} {turn:?} {call:?} {carried:?}", *turn);
            assert!(!shown.contains("Anna") && !shown.contains("65, 110, 110, 97"), "{shown}");
            assert!(shown.contains("call-1") && shown.contains("number: 1"), "{shown}");
        });
    });
}

struct Caller {
    user: Option<String>,
    thread: u64,
}

#[cekura::conversation(user_id = caller.user, session_id = caller.thread, operation = "invoke_agent", skip_all)]
fn known(caller: &Caller) {
    embed();
}

#[cekura::conversation(user_id = |heard| heard.0, session_id = |heard| heard.1)]
fn known_at_the_end() -> (&'static str, &'static str) {
    ("ann", " ")
}

#[cekura::span(operation = "embeddings")]
fn embed() {}

#[cekura::llm(operation = kind)]
fn complete(kind: Option<&str>) {}

/// `user.id`, `session.id`, `gen_ai.conversation.id` and `gen_ai.operation.name`.
fn ids(span: &Span) -> [Option<&str>; 4] {
    ["user.id", "session.id", "gen_ai.conversation.id", "gen_ai.operation.name"].map(|key| span.text(key))
}

#[test]
fn a_conversation_says_who_calls_and_in_which_session() {
    let caller = |user: Option<&str>| Caller { user: user.map(str::to_owned), thread: 7 };
    let trace = capture(|| known(&caller(Some("user-42"))));
    let root = trace.span("conversation").unwrap();
    assert_eq!(ids(root), [Some("user-42"), Some("7"), Some("7"), Some("invoke_agent")]);
    assert_eq!(ids(trace.span("embed").unwrap()), [None, None, None, Some("embeddings")]);
    // Who is not known is not made up, and nor is a session.
    let trace = capture(|| known(&caller(None)));
    assert_eq!(ids(trace.span("conversation").unwrap())[0], None);
    let trace = capture(known_at_the_end);
    assert_eq!(ids(trace.span("conversation").unwrap()), [Some("ann"), None, None, None]);
    // They are the program's own words, so that no policy takes them back.
    let policy = || capture_with(CaptureContent::Metadata, || known(&caller(Some("user-42"))));
    assert_eq!(ids(policy().span("conversation").unwrap())[0], Some("user-42"));
}

#[test]
fn a_conversation_by_hand_says_it_too() {
    let trace = capture(|| {
        let mut call = cekura::spans::conversation().user_id("first").session_id("s-1").start();
        call.user_id("user-42");
        call.end();
        let mut call = cekura::spans::conversation().start();
        call.session_id("s-2");
        call.end();
    });
    let said: Vec<_> = trace.spans().iter().map(ids).collect();
    assert!(said.contains(&[Some("user-42"), Some("s-1"), Some("s-1"), None]), "{said:?}");
    assert!(said.contains(&[None, Some("s-2"), Some("s-2"), None]), "{said:?}");
}

#[test]
fn an_operation_stands_in_place_of_the_usual_one() {
    let operation = |trace: Trace| trace.spans()[0].text("gen_ai.operation.name").map(str::to_owned);
    assert_eq!(operation(capture(|| complete(None))).as_deref(), Some("chat"));
    assert_eq!(operation(capture(|| complete(Some("text_completion")))).as_deref(), Some("text_completion"));
    let by_hand = || cekura::spans::s2s().operation("realtime").start().end();
    assert_eq!(operation(capture(by_hand)).as_deref(), Some("realtime"));
}
