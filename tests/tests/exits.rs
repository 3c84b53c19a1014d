//! Programs that end in every way: what has arrived by then, and how the program ended.

use cekura_trace_tests::backend::Backend;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

/// One that ends by itself.
fn run(how: &str) -> [(ExitStatus, Vec<Span>); 2] {
    ended(how, |_| {})
}

/// One that is told to, once it is ready.
fn terminated(how: &str) -> [(ExitStatus, Vec<Span>); 2] {
    ended(how, |process| {
        let killed = Command::new("kill").args(["-s", "TERM", &process.to_string()]).status().unwrap();
        assert!(killed.success());
    })
}

/// How it ended and what arrived, over both transports.
fn ended(how: &str, end: impl Fn(u32)) -> [(ExitStatus, Vec<Span>); 2] {
    ["grpc", "http"].map(|protocol| {
        let backend = Backend::new();
        let mut program = Command::new(env!("CARGO_BIN_EXE_ending"))
            .args([how, protocol, &backend.url()])
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The end of its output too says that there is no more to wait for.
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        end(program.id());
        (program.wait().unwrap(), backend.spans())
    })
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_return_from_main_delivers_what_has_ended() {
    for (status, spans) in run("return") {
        assert_eq!((status.code(), names(&spans)), (Some(0), vec!["conversation", "turn"]));
    }
}

#[test]
fn a_return_from_main_delivers_also_where_nobody_drops_the_handle() {
    for how in [
        "return, in a static",
        "return, in a static, many threads",
        "return, leaked",
        "return, forgotten",
        "return, shared in a static",
    ] {
        for (status, spans) in run(how) {
            assert_eq!((status.code(), names(&spans)), (Some(0), vec!["conversation", "turn"]), "{how}");
        }
    }
    for (status, spans) in run("return, two") {
        let expected = vec!["conversation", "conversation", "turn", "turn"];
        assert_eq!((status.code(), names(&spans)), (Some(0), expected));
    }
}

#[test]
fn so_does_an_exit_on_the_main_thread() {
    for (status, spans) in run("exit at once") {
        assert_eq!((status.code(), names(&spans)), (Some(3), vec!["conversation", "turn"]));
    }
}

#[test]
fn a_handle_that_was_shut_down_is_not_shut_down_again() {
    for (status, spans) in run("return, after a shutdown") {
        assert_eq!((status.code(), names(&spans)), (Some(0), vec!["conversation", "turn"]));
    }
}

#[test]
fn the_end_of_another_thread_ends_no_handle() {
    for (status, spans) in run("made on a thread that ends") {
        let expected = vec!["conversation", "conversation", "turn", "turn"];
        assert_eq!((status.code(), names(&spans)), (Some(0), expected));
    }
}

/// A backend that hangs holds the end up as long as a drop would.
#[test]
fn a_backend_that_hangs_holds_nobody_up_for_long() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let start = std::time::Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_ending"))
        .args(["return, two", "grpc", &url])
        .env_clear()
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let taken = start.elapsed().as_secs_f64();
    assert!((1.5..10.0).contains(&taken), "2 s for both together: {taken}");
}

#[test]
fn a_panic_delivers_the_call_that_it_ends() {
    for (status, spans) in run("panic") {
        assert_eq!(status.code(), Some(101));
        assert_eq!(names(&spans), ["conversation", "conversation", "turn"]);
        assert_eq!(spans.iter().filter(|span| span.status.is_some()).count(), 1);
    }
}

#[test]
fn an_exit_after_shutdown_delivers_everything() {
    for (status, spans) in run("exit after shutdown") {
        assert_eq!((status.code(), names(&spans)), (Some(3), vec!["conversation", "turn"]));
    }
}

#[test]
fn an_exit_or_abort_without_it_loses_only_what_has_just_ended() {
    for (status, spans) in run("exit") {
        assert_eq!((status.code(), names(&spans)), (Some(3), vec!["conversation", "turn"]));
    }
    for (status, spans) in run("abort") {
        assert_eq!((status.signal(), names(&spans)), (Some(6), vec!["conversation", "turn"]));
    }
}

#[test]
fn so_does_a_signal_that_the_program_does_not_catch() {
    for (status, spans) in terminated("terminated") {
        assert_eq!((status.signal(), names(&spans)), (Some(15), vec!["conversation", "turn"]));
    }
}

#[test]
fn a_signal_that_it_catches_ends_the_calls_that_run_and_delivers_them() {
    for (status, spans) in terminated("terminated, with a way out") {
        assert_eq!((status.code(), names(&spans)), (Some(0), vec!["conversation", "conversation", "turn"]));
        let is_interrupted =
            |span: &&Span| span.attributes.iter().any(|attribute| attribute.key == "cekura.interrupted");
        assert_eq!(spans.iter().filter(is_interrupted).count(), 1);
    }
}
