//! What is not recorded unless it is asked for: values behind a lock, and types that are only `Debug`.
//! Invariant: recording takes no lock of the program's.

use cekura::spans;
use cekura::testing::{Trace, capture};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, RwLock, mpsc};
use std::thread;
use std::time::Duration;

/// What a function recorded; fails where it never comes back.
fn back_from(function: impl FnOnce() + Send + 'static) -> Trace {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(capture(function)));
    told.recv_timeout(Duration::from_secs(20)).expect("recording waits for a lock of its caller")
}

fn keys(trace: &Trace) -> Vec<String> {
    let keys =
        trace.spans().iter().flat_map(|span| span.attributes().map(move |(key, _)| (span.name(), key)));
    let told = keys.filter(|(_, key)| *key != "code.function.name");
    told.map(|(name, key)| format!("{name} {key}")).collect()
}

type Sessions = HashMap<String, Vec<(u32, Arc<RwLock<String>>)>>;

#[test]
fn a_caller_that_holds_the_lock_of_an_argument_is_not_held_up() {
    #[cekura::span]
    fn stage(one: &Mutex<u32>, shared: Arc<Mutex<Vec<u8>>>, maybe: Option<&RwLock<String>>, last: u8) {
        let _ = (one, shared, maybe, last);
    }
    #[cekura::llm(record("sessions" = sessions))]
    fn ask(
        sessions: &Sessions,
        pair: (u32, &Mutex<u32>),
        all: &[Mutex<u32>],
        question: &str,
    ) -> Arc<Mutex<u32>> {
        let _ = (sessions, all, question);
        Arc::new(Mutex::new(*pair.1.try_lock().as_deref().unwrap_or(&7)))
    }
    let trace = back_from(|| {
        let (one, shared, maybe) =
            (Mutex::new(1), Arc::new(Mutex::new(vec![1])), RwLock::new("x".to_owned()));
        let _held = (one.lock().unwrap(), shared.lock().unwrap(), maybe.write().unwrap());
        stage(&one, shared.clone(), Some(&maybe), 9);
        let session = Arc::new(RwLock::new("x".to_owned()));
        let _session = session.write().unwrap();
        let sessions = HashMap::from([("a".to_owned(), vec![(1, session.clone())])]);
        ask(&sessions, (1, &one), &[Mutex::new(1)], "hello");
        spans::llm().input("state", &one).input("question", "hello").start().end();
    });
    assert_eq!(
        keys(&trace),
        [
            "stage input.last",
            "llm input.question",
            "llm gen_ai.operation.name",
            "llm input.question",
            "llm gen_ai.operation.name",
        ]
    );
}

#[test]
fn nor_is_one_that_calls_a_tool_with_it() {
    #[cekura::tool_call]
    fn book(state: &Mutex<u32>, day: &str, more: Vec<Arc<tokio::sync::RwLock<u32>>>) -> Arc<Mutex<u32>> {
        let _ = (state, day, more);
        Arc::new(Mutex::new(1))
    }
    let trace = back_from(|| {
        let state = Mutex::new(1);
        let _held = state.lock().unwrap();
        let returned = book(&state, "monday", vec![Arc::default()]);
        let _held = returned.lock().unwrap();
    });
    let tool = trace.span("tool_call").unwrap();
    assert_eq!(tool.text("function.input"), Some(r#"{"day":"monday"}"#));
    assert_eq!(tool.attribute("function.output"), None);
}

#[test]
fn what_is_made_when_it_is_first_looked_at_is_not_made() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    #[cekura::span]
    fn stage(greeting: &LazyLock<Vec<u8>>) {
        let _ = greeting;
    }
    let greeting: LazyLock<Vec<u8>> = LazyLock::new(|| {
        MADE.fetch_add(1, Ordering::Relaxed);
        vec![1]
    });
    capture(|| stage(&greeting));
    assert_eq!((MADE.load(Ordering::Relaxed), greeting.len()), (0, 1));
}

#[test]
fn a_cell_that_is_borrowed_is_left_out_and_another_is_recorded() {
    #[cekura::span]
    fn stage(cell: &RefCell<u32>) {
        let _ = cell;
    }
    let cell = RefCell::new(4);
    let trace = capture(|| {
        stage(&cell);
        let _held = cell.borrow_mut();
        stage(&cell);
    });
    assert_eq!(keys(&trace), ["stage input.cell"]);
}

/// As clients have it: the key is in what `Debug` shows.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "read by Debug")]
struct Config {
    key: &'static str,
}

const CONFIG: Config = Config { key: "sk-secret" };

#[test]
fn a_type_that_is_only_debug_is_shown_by_tool_calls_alone() {
    #[cekura::llm]
    fn ask(config: &Config, again: Option<Config>) -> Config {
        let _ = again;
        config.clone()
    }
    #[cekura::stt]
    fn hear(config: Config) -> Result<Option<Config>, ()> {
        Ok(Some(config))
    }
    #[cekura::tts]
    fn speak(config: &[Config], text: &str) -> Vec<Config> {
        let _ = text;
        config.to_vec()
    }
    #[cekura::turn]
    fn turn(config: &Config) -> Config {
        config.clone()
    }
    #[cekura::conversation]
    fn call(config: Arc<Config>) -> Config {
        (*config).clone()
    }
    #[cekura::tool_call]
    fn find(config: &Config, day: u8) -> Option<Config> {
        let _ = day;
        Some(config.clone())
    }
    let trace = capture(|| {
        call(Arc::new(CONFIG));
        turn(&CONFIG);
        ask(&CONFIG, Some(CONFIG));
        hear(CONFIG).unwrap();
        speak(&[CONFIG], "hello");
        find(&CONFIG, 1);
    });
    let tool = trace.span("tool_call").unwrap();
    assert_eq!(tool.text("function.input"), Some(r#"{"config":"Config { key: \"sk-secret\" }","day":1}"#));
    assert_eq!(tool.text("function.output"), Some(r#""Config { key: \"sk-secret\" }""#));
    for span in trace.spans().iter().filter(|span| span.name() != "tool_call") {
        assert!(!format!("{span:?}").contains("sk-secret"), "{span:?}");
    }
}

#[test]
fn debug_of_a_tools_argument_is_bounded() {
    /// Shows a million words, and counts those that were asked for.
    struct Endless<'a>(&'a AtomicUsize);
    impl Debug for Endless<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            (0..1_000_000).try_for_each(|_| {
                self.0.fetch_add(1, Ordering::Relaxed);
                f.write_str("word ")
            })
        }
    }
    #[cekura::tool_call]
    fn find(endless: Endless<'_>, day: u8) {
        let _ = (endless, day);
    }
    let words = AtomicUsize::new(0);
    let trace = capture(|| find(Endless(&words), 7));
    let tool = trace.span("tool_call").unwrap();
    let input: serde_json::Value = serde_json::from_str(tool.text("function.input").unwrap()).unwrap();
    assert!(input["endless"].as_str().unwrap().starts_with("word word "));
    assert_eq!(input["day"], 7, "what comes behind it is there");
    assert!(words.into_inner() < 500_000);
}

#[test]
fn a_short_list_of_numbers_is_a_value_of_a_tool_and_a_long_one_is_its_length() {
    #[cekura::tool_call]
    fn pick(
        ids: Vec<u8>,
        pair: [i16; 2],
        none: Option<Vec<u8>>,
        some: Option<&[f32]>,
        audio: &[i16],
    ) -> Vec<u8> {
        let _ = (pair, none, some, audio);
        ids
    }
    #[cekura::tool_call]
    fn render(frames: u16) -> Vec<f32> {
        vec![0.0; frames.into()]
    }
    #[cekura::span]
    fn stage(ids: Vec<u8>) -> [i16; 2] {
        let _ = ids;
        [1, 2]
    }
    let trace = capture(|| {
        pick(vec![1, 2, 3], [-1, 1], None, Some(&[0.5]), &[0; 65]);
        render(1000);
        stage(vec![1]);
    });
    let [picked, rendered, stage] = trace.spans() else { panic!("{trace}") };
    assert_eq!(picked.text("function.input"), Some(r#"{"ids":[1,2,3],"pair":[-1,1],"some":[0.5]}"#));
    assert_eq!(picked.text("function.output"), Some("[1,2,3]"));
    assert_eq!(picked.attribute("input.audio.len"), Some(&65.into()));
    assert_eq!(
        (rendered.attribute("output.len"), rendered.attribute("function.output")),
        (Some(&1000.into()), None)
    );
    let name = "code.function.name=left_alone::stage";
    let all: Vec<_> = stage.attributes().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(all, [name, "input.ids.len=1", "output.len=2"], "of other spans any buffer is its length");
}

#[test]
fn a_lock_inside_a_struct_is_the_programs_to_skip() {
    #[derive(Serialize)]
    struct Deep {
        state: Mutex<u32>,
    }
    #[cekura::span(skip(deep))]
    fn stage(deep: &Deep) {
        let _ = deep;
    }
    let trace = back_from(|| {
        let deep = Deep { state: Mutex::new(1) };
        let _held = deep.state.lock().unwrap();
        stage(&deep);
    });
    assert!(keys(&trace).is_empty());
}

#[test]
fn what_a_program_hands_over_by_itself_is_not_locked_either() {
    #[cekura::span]
    fn stage(state: &Mutex<String>) {
        let _held = state.lock().unwrap();
        cekura::current().item(state);
        cekura::current().record_json("state", state);
    }
    let (done, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let state = Mutex::new("canary".to_owned());
        let trace = capture(|| {
            stage(&state);
            let _held = state.lock().unwrap();
            futures::executor::block_on(spans::llm().trace(async { &state }));
            let items = futures::stream::iter([&state]);
            spans::tts()
                .start()
                .in_scope(|| futures::executor::block_on_stream(cekura::follow(items)).for_each(drop));
        });
        done.send(format!("{:?}", trace.spans())).unwrap();
    });
    let said = over.recv_timeout(std::time::Duration::from_secs(10)).expect("it does not wait for the lock");
    assert!(!said.contains("canary"), "{said}");
}
