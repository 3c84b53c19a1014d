//! Long calls: one line for each turn, and what is counted once.

use super::sample::{START, Sample};
use super::{Style, draw, plain};
use crate::finished::{Tree, write};
use crate::semconv as key;
use expect_test::expect_file;
use opentelemetry::trace::SpanId;
use unicode_width::UnicodeWidthStr as _;

/// A call of so many turns, every seventh of which is slow because of a tool.
fn long(turns: u64) -> Tree {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, turns * 10_000], &|out| {
        write::text(out, key::CALL_ID, "clinic-\u{1b}[31m0931-and-a-half");
    });
    for number in 0..turns {
        let (start, is_slow) = (number * 10_000, number % 7 == 3);
        let turn = call.span(root, "turn", [start, start + 9_000], &|out| {
            write::integer(out, key::TURN_NUMBER, i64::try_from(number).unwrap() + 1);
            let tools = if is_slow { 1.8 } else { 0.0 };
            write::float(out, key::TURN_USER_BOT_LATENCY_SECONDS, 0.63 + tools);
            write::float(out, key::TURN_LATENCY_TRANSCRIPT_SECONDS, 0.15);
            write::float(out, key::TURN_LATENCY_BEFORE_LLM_SECONDS, 0.005);
            write::float(out, key::TURN_LATENCY_FIRST_TOKEN_SECONDS, 0.275);
            if is_slow {
                write::float(out, key::TURN_LATENCY_TOOLS_SECONDS, tools);
            }
            write::float(out, key::TURN_LATENCY_FIRST_BYTE_SECONDS, 0.2);
            write::flag(out, key::TURN_WAS_INTERRUPTED, number == 5);
        });
        call.span(turn, "stt", [start, start + 4_000], &|out| {
            write::text(out, key::STT_TRANSCRIPT, "Can I come on 火曜日, or is that\ntoo early for you?");
            write::float(out, key::METRICS_TTFB, 0.4);
        });
        if number == 8 {
            call.failed(turn, "tool_call", [start + 4_000, start + 5_000], "no calendar", &|_| {});
        }
        call.span(turn, "llm", [start + 4_000, start + 5_000], &|out| {
            write::integer(out, key::GEN_AI_USAGE_OUTPUT_TOKENS, 4);
        });
    }
    call.tree()
}

#[test]
fn a_call_of_more_than_eight_turns_has_a_line_for_each() {
    expect_file!["long_80.txt"].assert_eq(&plain(&long(9), 80));
    expect_file!["long_160.txt"].assert_eq(&plain(&long(9), 160));
    assert!(plain(&long(8), 80).contains("├ stt"), "of eight each span has one");
}

#[test]
fn what_is_asked_for_is_drawn() {
    let drawn =
        |turns, is_whole| draw(&long(turns), &Style { width: 100, colour: false, is_whole: Some(is_whole) });
    assert!(drawn(20, true).contains("├ stt") && !drawn(2, false).contains("├ stt"));
    let mut stray = Sample::new();
    stray.span(SpanId::INVALID, "stt", [0, 1], &|_| {});
    let drawing = draw(&stray.tree(), &Style { width: 100, colour: false, is_whole: Some(false) });
    assert!(drawing.contains("\nstt"), "where there is no turn: {drawing}");
}

#[test]
fn no_line_of_a_turn_is_wider_than_the_style_says() {
    for width in 40..=200 {
        let drawing = plain(&long(20), width);
        assert!(
            drawing.lines().all(|line| line.width() <= width && !line.ends_with(' ')),
            "{width}: {drawing}"
        );
        assert!(
            !drawing.contains('\u{1b}')
                && drawing.lines().filter(|line| line.starts_with("turn ")).count() == 20
        );
    }
}

#[test]
fn one_barge_in_is_one_interruption() {
    let mut call = Sample::new();
    let cut = |out: &mut Vec<u8>| write::flag(out, key::CEKURA_INTERRUPTED, true);
    let root = call.span(SpanId::INVALID, "conversation", [0, 900], &cut);
    let turn = call.span(root, "turn", [0, 100], &|out| {
        cut(out);
        write::flag(out, key::TURN_WAS_INTERRUPTED, true);
    });
    let model = call.span(turn, "llm", [10, 100], &cut);
    call.span(model, "tool_call", [20, 100], &cut);
    call.span(turn, "tts", [50, 100], &cut);
    assert!(plain(&call.tree(), 100).contains("■ 1 interrupted"), "{}", plain(&call.tree(), 100));
    // A tool that took too long, with what was in it, in a turn that went on.
    let turn = call.span(root, "turn", [200, 300], &|_| {});
    let tool = call.span(turn, "tool_call", [210, 250], &cut);
    call.span(tool, "request", [220, 250], &cut);
    assert!(plain(&call.tree(), 100).contains("■ 2 interrupted"));
}

#[test]
fn a_call_that_was_hung_up_between_its_turns_is_one() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 900], &|out| {
        write::flag(out, key::CEKURA_INTERRUPTED, true);
    });
    call.span(root, "turn", [0, 100], &|_| {});
    assert!(plain(&call.tree(), 100).contains("■ 1 interrupted"));
}

#[test]
fn tokens_that_nobody_counted_are_not_zero() {
    let mut call = Sample::new();
    call.span(SpanId::INVALID, "llm", [0, 10], &|out| {
        write::integer(out, key::GEN_AI_USAGE_OUTPUT_TOKENS, 4);
    });
    let drawing = plain(&call.tree(), 100);
    assert!(drawing.contains(" · →4 tokens") && !drawing.contains("0→4"), "{drawing}");
}

#[test]
fn a_recogniser_that_streams_counts_from_the_end_of_speech() {
    let drawing = plain(&long(9), 120);
    assert!(
        drawing.contains("stt 1.35 s in 9 · ") && drawing.contains("longest: llm 1.00 s in turn 1"),
        "{drawing}"
    );
    // Where no turn says when the caller fell silent, what he said took no time of the agent's.
    let mut call = Sample::new();
    call.span(SpanId::INVALID, "stt", [0, 8_000], &|out| write::integer(out, key::STREAM_ITEMS, 9));
    call.span(SpanId::INVALID, "llm", [8_000, 8_100], &|_| {});
    assert!(!plain(&call.tree(), 120).contains("stt 8"), "{}", plain(&call.tree(), 120));
    assert!(call.tree().rows[0].1.head.start == START);
}

/// A recogniser that gets all of the speech is at work while the caller talks.
#[test]
fn the_longest_part_is_none_of_the_callers_own_talking() {
    for (transcript, longest) in
        [(0.15, "longest: llm 850 ms in turn 1"), (1.2, "longest: stt 1.20 s in turn 1")]
    {
        let mut call = Sample::new();
        let turn = call.span(SpanId::INVALID, "turn", [0, 9_000], &|out| {
            write::integer(out, key::TURN_NUMBER, 1);
            write::float(out, key::TURN_LATENCY_TRANSCRIPT_SECONDS, transcript);
        });
        call.span(turn, "stt", [0, 4_000], &|_| {});
        call.span(turn, "llm", [4_150, 5_000], &|_| {});
        let drawing = plain(&call.tree(), 80);
        assert!(drawing.contains(longest), "{drawing}");
    }
}
