//! Servers that mean harm, or are not what they seem: answers without end, without their message, and words that are more
//! than they show.

use super::{LONG, PROTOCOLS, converse, quick, reasons, to};
use cekura::{CallLog, Protocol, Timings};
use cekura_trace_tests::api::{self, Api};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::at;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A server that sends `piece` again and again to whoever has asked something, as long as it is read; where it listens, and
/// how many bytes it got rid of over each connection at most.
fn flood(greeting: &'static [u8], piece: &[u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pieces = piece.repeat((64 << 10) / piece.len());
    let most = Arc::<AtomicUsize>::default();
    let counted = most.clone();
    let pour = move |mut stream: TcpStream| {
        drop(stream.read(&mut [0; 64]));
        let mut sent = 0;
        if stream.write_all(greeting).is_ok() {
            while let Ok(more @ 1..) = stream.write(&pieces) {
                sent += more;
                counted.fetch_max(sent, Ordering::Relaxed);
            }
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            let pour = pour.clone();
            thread::spawn(move || pour(stream.unwrap()));
        }
    });
    (url, most)
}

/// What the library reads of a server that never stops, over each connection.
fn read_of(protocol: Protocol, greeting: &'static [u8], piece: &[u8]) -> usize {
    let (url, most) = flood(greeting, piece);
    let timings = Timings { give_up: Duration::from_secs(1), attempt: Duration::from_secs(3), ..quick() };
    let handle = at(&url, protocol).timings(timings).build().unwrap();
    converse(&handle, 1);
    let report = handle.flush_blocking(LONG);
    assert_eq!(report.lost(), 2, "{report}");
    most.load(Ordering::Relaxed)
}

/// What a socket takes that nobody reads is some MiB.
const ENOUGH: usize = 24 << 20;

#[test]
fn a_flood_of_100_continue_is_not_read_until_the_time_is_over() {
    let read = read_of(Protocol::Http, b"", b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(read < ENOUGH, "{read} bytes");
}

#[test]
fn nor_is_a_head_without_end() {
    let read =
        read_of(Protocol::Http, b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n");
    assert!(read < ENOUGH, "{read} bytes");
}

#[test]
fn nor_are_frames_of_http_2_that_mean_nothing() {
    // SETTINGS, then frames of an unknown type, then PING.
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const UNKNOWN: [u8; 9] = [0, 0, 0, 0xfa, 0, 0, 0, 0, 0];
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for piece in [&UNKNOWN[..], &PING] {
        let read = read_of(Protocol::Grpc, SETTINGS, piece);
        assert!(read < ENOUGH, "{read} bytes");
    }
}

#[test]
fn a_success_without_its_whole_message_delivers_nothing() {
    let frames: [&[u8]; 7] = [
        b"",
        // 4 GiB are to come, 1 byte, of two one.
        &[0, 0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 2, 0x0a],
        // More than was said, another message, one that is compressed.
        &[0, 0, 0, 0, 0, 0x0a],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0],
    ];
    for frame in frames {
        let backend = Backend::scripted(move |_, _| Reply::Framed(frame.to_vec()));
        let handle = to(&backend, Protocol::Grpc).build().unwrap();
        converse(&handle, 1);
        let report = handle.flush_blocking(LONG);
        assert_eq!(reasons(&report), [("unexpected_answer", 2)], "{frame:?}: {report}");
    }
}

/// What reorders a line, hides in it, or makes a terminal do something.
const TRICKS: &str = "evil\u{202e}gnp.exe\u{2066}a\u{200b}b\u{feff}c\u{1b}[2Jd\u{85}e\u{e0041}\u{2028}f";

#[track_caller]
fn check_shown(what: &str, text: &str) {
    assert!(text.contains("evil"), "{what} does not say what the server said: {text}");
    let is_trick = |each: char| TRICKS.contains(each) && !each.is_ascii_graphic();
    let found = text.chars().find(|each| is_trick(*each) && *each != '\n');
    assert_eq!(found, None, "{what}: {text:?}");
}

#[test]
fn what_a_server_says_has_nothing_invisible_in_it() {
    listen();
    let words = |name: &str| format!("{TRICKS} {name}");
    for protocol in PROTOCOLS {
        let said = words(&format!("{protocol:?}"));
        // gRPC's messages are percent-encoded.
        let encoded =
            |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let message = if protocol == Protocol::Grpc { encoded(&said) } else { said };
        let reply = Reply::Fail { status: 400, code: 3, wait: None, message };
        let backend = Backend::scripted(move |_, _| reply.clone());
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).lost(), 2);
        check_shown("a diagnosis", &to(&backend, protocol).doctor().to_string());
        let events = heard(&format!("{protocol:?}"));
        let own = events.iter().filter(|event| event.target == "cekura").collect::<Vec<_>>();
        assert!(!own.is_empty());
        for event in own {
            check_shown("an event", &event.text);
        }
    }
}

#[test]
fn nor_has_what_the_api_says_of_a_call_log() {
    let api_of = |reply: api::Reply| Api::scripted(move |_, _| reply.clone());
    let replies = [
        api::Reply::json(400, &serde_json::json!({ "call_id": [TRICKS] })),
        api::Reply::json(401, &serde_json::json!({ "detail": TRICKS })),
        api::Reply::Body(418, TRICKS.to_owned()),
    ];
    for reply in replies {
        let (backend, api) = (Backend::new(), api_of(reply));
        let builder = || to(&backend, Protocol::Http).api_key(api::KEY).agent(5).api_url(api.url());
        let handle = builder().build().unwrap();
        let error = handle.observe_blocking(CallLog::new("call-1")).unwrap_err();
        check_shown("an error", &format!("{error} {error:?}"));
        let diagnosis = builder().doctor().to_string();
        assert!(!diagnosis.contains(|each: char| TRICKS.contains(each) && !each.is_ascii()), "{diagnosis:?}");
    }
}
