//! A server for spans and call logs, which keeps nothing. Invariant: what it costs itself is known.

use cpu_time::ThreadTime;
use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Nanoseconds of CPU time of all its threads.
static SPENT: AtomicU64 = AtomicU64::new(0);

pub fn spent() -> Duration {
    Duration::from_nanos(SPENT.load(Ordering::Relaxed))
}

/// Starts it, and gives its URL.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while answer(&mut stream).is_some() {}
            });
        }
    });
    url
}

fn answer(stream: &mut BufReader<TcpStream>) -> Option<()> {
    let (mut length, mut line, mut is_call_log) = (0, String::new(), false);
    let mut is_question = false;
    while stream.read_line(&mut line).ok()? > 2 {
        let lower = line.to_lowercase();
        is_call_log |= lower.contains("/observability/");
        is_question |= lower.starts_with("get ");
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let begun = ThreadTime::now();
    copy(&mut stream.by_ref().take(length), &mut sink()).ok()?;
    let (kind, body) = match (is_call_log, is_question) {
        (true, true) => ("json", "[]"),
        (true, false) => ("json", "{\"id\": 7}"),
        (false, _) => ("x-protobuf", ""),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/{kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // Before the answer, for then the client goes on.
    SPENT.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).ok()
}
