//! A program whose memory is measured under a load, with a memory limit of 8 MiB. Its arguments name the load, a URL for
//! spans and a directory. It prints its resident memory in KiB: at first, and at the most.

use cekura::opentelemetry::trace::TraceContextExt;
use cekura::opentelemetry::{Context, KeyValue};
use cekura::spans::{self, Conversation, Guard};
use cekura::{Builder, Cekura, Entry, Mode, Protocol, Sampling};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::at;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

const LIMIT: usize = 8 << 20;

fn main() {
    let [load, url, directory] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let builder = at(&url, Protocol::Http).memory_limit(LIMIT);
    let builder = if load == "sampled" {
        builder.memory_limit(4 * LIMIT).sampling(Sampling::keep(0.0).errors())
    } else {
        builder
    };
    let builder = if load == "drawing" {
        std::env::set_current_dir(&directory).unwrap();
        builder.mode(Mode::Local)
    } else {
        builder
    };
    let builder =
        if load.ends_with(", spool") { builder.spool(Path::new(&directory).join("spool")) } else { builder };
    let is_observed = ["held", "call logs, spool"].contains(&&*load);
    let builder = if is_observed { builder.api_key(KEY).agent(5).api_url(&url) } else { builder };
    let handle = handle(builder);
    let (before, mut calls) =
        if load == "sampled" { sample(&handle) } else { (resident("VmRSS"), Vec::new()) };
    put(&load, &handle);
    println!("{} {} {}", before, resident("VmHWM"), handle.ledger());
    // A tenth of them fails, and so is sent as it was held.
    calls.iter_mut().step_by(10).for_each(|call| call.fail("it fails in the end"));
    if load == "sampled" {
        drop(calls);
        println!("{}", handle.shutdown_blocking(Duration::from_secs(60)));
    }
    std::process::exit(0);
}

fn handle(builder: Builder) -> Cekura {
    let handle = builder.build().unwrap();
    // What is done once is no part of a load.
    spans::conversation().client(&handle).start().end();
    handle.flush_blocking(Duration::from_millis(200));
    handle
}

/// A line of what Linux says of this process, in KiB.
fn resident(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn put(load: &str, handle: &Cekura) {
    match load {
        "traces" | "traces, spool" => {
            for number in 0..200_000 {
                spans::conversation().client(handle).start().end();
                if number % 20_000 == 0 {
                    handle.flush_blocking(Duration::from_millis(100));
                }
            }
            handle.flush_blocking(Duration::from_secs(1));
        }
        "notes" | "tags" => note(load, handle),
        "attributes" | "events" => {
            let call = spans::conversation().client(handle).start();
            call.in_scope(|| {
                let context = Context::current();
                for number in 0..400_000 {
                    let value = format!("{number}: {}", "x".repeat(500));
                    if load == "attributes" {
                        context.span().set_attribute(KeyValue::new(format!("key.{number}"), value));
                    } else {
                        context.span().add_event("event", vec![KeyValue::new("text", value)]);
                    }
                }
            });
            drop(call);
            handle.flush_blocking(Duration::from_secs(1));
        }
        "open spans" | "arguments" => keep_open(load, handle),
        "held" => hold(handle),
        "sampled" => {}
        "call logs, spool" => observe(handle),
        "drawing" => {
            let call = spans::conversation().client(handle).start();
            for number in 0..40_000 {
                call.in_scope(|| spans::turn().input("text", &format!("{number} hello")).start().end());
                if number % 5_000 == 0 {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            drop(call);
            handle.flush_blocking(Duration::from_secs(60));
        }
        other => panic!("no such load: {other}"),
    }
}

/// 1,000 calls of 30 turns at the same time, of which each records the messages of its model: 460 KB of records a call.
fn sample(handle: &Cekura) -> (u64, Vec<Guard<Conversation>>) {
    const PARTS: [&str; 16] = [
        "ap", "point", "ment", "the", "is", "to", "mor", "row", "would", "you", "li", "ke", "ning", "doc",
        "con", "firm",
    ];
    let mut seed = 1_u64;
    let mut words = |count: usize| {
        let mut text = String::new();
        for _ in 0..count {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Some are much more frequent than others, as words are.
            let places = [60, 56, 52].map(|at| usize::try_from((seed >> at) % 16).unwrap());
            let length = if seed >> 40 & 1 == 0 { 1 } else { 3 };
            places.iter().take(length).for_each(|place| text += PARTS[*place]);
            text += if (seed >> 41).is_multiple_of(8) { ". " } else { " " };
        }
        text
    };
    // What the program says is no part of what the library takes, and so made before.
    let said: Vec<(String, Vec<usize>)> = (0..1_000)
        .map(|number| {
            let mut messages = format!("You are the assistant of clinic {number}. {}", words(160));
            let ends = (0..30).map(|_| {
                messages.extend(["user: ", &*words(25), " assistant: ", &*words(60), " "]);
                messages.len()
            });
            let ends = ends.collect();
            (messages, ends)
        })
        .collect();
    let before = resident("VmRSS");
    let calls: Vec<_> = (0..1_000).map(|_| spans::conversation().client(handle).start()).collect();
    for round in 0..30 {
        for (number, (call, (messages, ends))) in calls.iter().zip(&said).enumerate() {
            if number % 50 == 0 {
                handle.flush_blocking(Duration::from_secs(60));
            }
            let messages = &messages[..ends[round]];
            let (rest, answer) = messages.split_at(messages.rfind("assistant: ").unwrap());
            let asked = &rest[rest.rfind("user: ").unwrap()..];
            let turn = spans::turn().parent(call).start();
            let mut heard = spans::stt().parent(&turn).start();
            heard.transcript(asked);
            heard.end();
            let mut llm = spans::llm().parent(&turn).model("gpt-4o").input("messages", messages).start();
            llm.output(answer);
            llm.end();
            spans::tts().parent(&turn).text(answer).start().end();
            turn.end();
        }
    }
    handle.flush_blocking(Duration::from_secs(60));
    (before, calls)
}

/// Calls whose notes go on without end.
fn note(load: &str, handle: &Cekura) {
    let calls: Vec<_> = (0..300).map(|_| spans::conversation().client(handle).observe().start()).collect();
    for round in 0..60 {
        for call in &calls {
            let call = call.in_scope(cekura::current_conversation).unwrap();
            if load == "notes" {
                call.entry(Entry::user(format!("{round} {}", "and so it goes on ".repeat(60))));
            } else {
                call.metadata(serde_json::json!({ format!("tag-{round}"): vec![1; 500] }));
            }
        }
    }
    drop(calls);
    handle.flush_blocking(Duration::from_secs(5));
}

/// Spans that are open at the same time.
fn keep_open(load: &str, handle: &Cekura) {
    let call = spans::conversation().client(handle).start();
    let text = "word ".repeat(6 << 10);
    if load == "open spans" {
        let one = |_| {
            let mut span = spans::span("open").parent(&call).start();
            span.record("one", text.as_str());
            span.record("other", text.as_str());
            span
        };
        drop((0..5_000).map(one).collect::<Vec<_>>());
    } else {
        let one = |_| spans::llm().parent(&call).input("prompt", &text).start();
        drop((0..5_000).map(one).collect::<Vec<_>>());
    }
    drop(call);
    handle.flush_blocking(Duration::from_secs(1));
}

/// Call logs that cannot be posted, of 128 KiB each, as fast as they come.
fn observe(handle: &Cekura) {
    for number in 0..600 {
        let call = spans::conversation().client(handle).call_id(number.to_string()).observe().start();
        call.in_scope(cekura::current_conversation).unwrap().user("x".repeat(128 << 10));
        drop(call);
        handle.flush_blocking(Duration::ZERO);
    }
    handle.flush_blocking(Duration::from_secs(1));
}

/// Call logs that are kept back.
fn hold(handle: &Cekura) {
    let one = |number: u32| {
        let call = spans::conversation().client(handle).call_id(number.to_string()).observe().start();
        let known = call.in_scope(cekura::current_conversation).unwrap();
        known.user("and so it goes on ".repeat(6 << 10));
        let hold = known.hold();
        drop(call);
        handle.flush_blocking(Duration::ZERO);
        hold
    };
    drop((0..300).map(one).collect::<Vec<_>>());
    handle.flush_blocking(Duration::from_secs(1));
}
