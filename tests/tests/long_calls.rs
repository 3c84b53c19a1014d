//! What a long recorded call costs the program that has it, measured in a process of its own, with servers over sockets.
#![cfg(target_os = "linux")]

use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, Reply};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

/// What a program says of a call.
struct Cost {
    /// In KiB, beyond what the program takes without it.
    memory: u64,
    /// The longest pause of its loop, in milliseconds.
    pause: u64,
    ledger: String,
}

fn cost(seconds: u64, spans: &str, api: &str) -> Cost {
    let mut program = Command::new(env!("CARGO_BIN_EXE_long_call"));
    let output = program.args([&seconds.to_string(), spans, api]).env_clear().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut words = said.trim().splitn(4, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (before, most, pause) = (number(), number(), number());
    let (memory, ledger) = (most - before, words.next().unwrap().to_owned());
    println!("{seconds} s | {memory} KiB beside {before} | pause {pause} ms | {ledger}");
    Cost { memory, pause, ledger }
}

/// The recording in the only upload.
#[derive(Default)]
struct Upload {
    head: Vec<u8>,
    bytes: usize,
    /// Of the frames that were looked at, in which caller and agent are heard.
    heard: [usize; 2],
    frames: usize,
}

/// An API that keeps nothing of what it is sent but what a test asks for.
fn sink() -> (String, Arc<Mutex<Vec<Upload>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let uploads = Arc::<Mutex<Vec<Upload>>>::default();
    let all = uploads.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let all = all.clone();
            thread::spawn(move || take(stream.unwrap(), &all));
        }
    });
    (url, uploads)
}

fn take(stream: TcpStream, uploads: &Mutex<Vec<Upload>>) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut upload = Upload::default();
    // The fields of the form, and the head of the file.
    while !upload.head.ends_with(b"WAVEfmt ") {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        upload.head.extend_from_slice(&byte);
    }
    let mut rest = vec![0; 28];
    reader.read_exact(&mut rest).unwrap();
    upload.head.extend_from_slice(&rest);
    let mut left = length - upload.head.len();
    let mut window = vec![0; 64_000];
    while left > 0 {
        let part = left.min(window.len());
        reader.read_exact(&mut window[..part]).unwrap();
        left -= part;
        if part == window.len() {
            upload.look(&window);
        }
        upload.bytes += part;
    }
    uploads.lock().unwrap().push(upload);
    let stored = "{\"id\": 7}";
    let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{stored}", stored.len());
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

impl Upload {
    /// Looks at a second of it.
    fn look(&mut self, window: &[u8]) {
        let (frames, _) = window.as_chunks::<4>();
        self.frames += 1;
        for (side, heard) in self.heard.iter_mut().enumerate() {
            let loud = frames.iter().filter(|frame| {
                i16::from_le_bytes([frame[2 * side], frame[2 * side + 1]]).unsigned_abs() > 5_000
            });
            *heard += usize::from(loud.count() > 8_000);
        }
    }
}

#[test]
fn an_hour_that_is_recorded_and_posted_takes_16_mib_and_holds_nobody_up() {
    let (backend, (api, uploads)) = (Backend::new(), sink());
    let cost = cost(3_600, &backend.url(), &api);
    let uploads = uploads.lock().unwrap();
    let [upload] = &uploads[..] else { panic!("{} uploads", uploads.len()) };
    let head = &upload.head[upload.head.len() - 44..];
    let size = u32::from_le_bytes(*head.last_chunk().unwrap());
    assert!(head.starts_with(b"RIFF") && size.abs_diff(3_600 * 16_000 * 4) < 64_000, "{size} bytes");
    assert!(upload.bytes > size as usize && upload.bytes < size as usize + 200, "{}", upload.bytes);
    // The caller speaks all the time; the agent's half of it is played without a gap.
    assert!(upload.heard[0] >= upload.frames - 1, "{:?} of {}", upload.heard, upload.frames);
    assert!(upload.heard[1].abs_diff(1_800) <= 20, "{:?} of {}", upload.heard, upload.frames);
    assert!(cost.ledger.ends_with("recordings: 1 recorded, 1 delivered"), "{}", cost.ledger);
    assert!(cost.memory < 16 << 10, "{} KiB", cost.memory);
    assert!(cost.pause < 50, "{} ms", cost.pause);
}

#[test]
fn a_collector_that_says_nothing_holds_up_neither_the_loop_nor_the_recording() {
    let (backend, api) = (Backend::scripted(|_, _| Reply::Silence), Api::new());
    let cost = cost(60, &backend.url(), &api.url());
    let body = api.posted();
    // Nobody knows whether its trace will arrive.
    assert!(body.get("trace_id").is_none() && body["call_id"] == "a long call", "{body}");
    assert!(api.seen()[0].recording.is_some());
    assert!(cost.ledger.contains("recordings: 1 recorded, 1 delivered"), "{}", cost.ledger);
    // On a busy machine other programs hold it up too, but not each time.
    let again = |least: u64, _| match least {
        ..50 => least,
        _ => self::cost(60, &backend.url(), &Api::new().url()).pause.min(least),
    };
    let pause = (0..3).fold(cost.pause, again);
    assert!(pause < 50, "{pause} ms");
}
