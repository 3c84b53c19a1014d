//! Conversations of this crate that are open at once.

use allocation_counter::measure;
use cekura::Conversation;
use cekura::spans::Guard;
use std::hint::black_box;
use worker::{Conversations, INPUT, hold};

fn main() {
    let grpc = ours::CONTENDERS.iter().find(|contender| contender.name == "cekura-grpc");
    hold(Conversations {
        start: grpc.expect("a contender").start,
        open: |number| Conversation::start(format!("call-{number:06}")),
        span: |conversation, tokens| conversation.in_scope(|| ours::span(black_box(INPUT), tokens)),
        end: Guard::end,
        bytes: |work| measure(work).bytes_current,
    });
}
