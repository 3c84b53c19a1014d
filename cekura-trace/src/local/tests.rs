//! What a drawing looks like, and what no drawing may contain.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::{Style, draw, text};
use crate::finished::{Tree, write};
use crate::semconv as key;
use expect_test::{Expect, expect, expect_file};
use opentelemetry::trace::SpanId;
use sample::Sample;
use unicode_width::UnicodeWidthStr as _;

pub(super) mod sample;
mod turns;

fn plain(tree: &Tree, width: usize) -> String {
    draw(tree, &Style { width, colour: false, is_whole: None })
}

#[test]
fn clinic_call() {
    let tree = sample::clinic();
    expect_file!["tests/clinic_80.txt"].assert_eq(&plain(&tree, 80));
    expect_file!["tests/clinic_120.txt"].assert_eq(&plain(&tree, 120));
    expect_file!["tests/clinic_200.txt"].assert_eq(&plain(&tree, 200));
}

/// All that may go wrong at once: controls, wide and joined characters, depth, times outside the conversation.
fn hostile() -> Tree {
    let mut call = Sample::new();
    let evil = "\u{1b}[31mred\u{1b}]0;title\u{7}\r\n\t\u{8}\u{9b}2J\u{202e}olleh\u{200b} 預約 👩‍⚕️ e\u{301}\u{301}\u{301}\u{301} "
        .repeat(20);
    let root = call.failed(SpanId::INVALID, "conversation", [100_000, 160_000], &evil, &|out| {
        write::text(out, key::CALL_ID, &evil);
        write::float(out, key::TURN_USER_BOT_LATENCY_SECONDS, -1.0);
    });
    let stray = call.span(root, &evil, [0, 10], &|_| {});
    call.span(stray, "spawned after the end", [159_000, 400_000], &|_| {});
    let mut parent = root;
    for depth in 0..300 {
        parent = call.failed(parent, "llm", [100_000 + depth, 100_000 + depth], &evil, &|out| {
            write::text(out, key::GEN_AI_REQUEST_MODEL, &evil);
            write::text(out, key::OUTPUT, &evil);
            write::integer(out, key::GEN_AI_USAGE_INPUT_TOKENS, i64::MAX);
            write::integer(out, key::GEN_AI_USAGE_OUTPUT_TOKENS, i64::MIN);
            write::flag(out, key::CEKURA_INTERRUPTED, true);
            write::float(out, key::METRICS_TTFB, f64::NAN);
        });
        call.span(parent, "tool_call", [110_000, 160_000], &|out| {
            write::text(out, key::FUNCTION_NAME, &evil);
            write::text(out, key::FUNCTION_INPUT, &evil);
            write::text(out, key::FUNCTION_OUTPUT, &evil);
            write::float(out, key::METRICS_TTFB, 1e300);
        });
    }
    call.tree()
}

#[test]
fn no_line_is_wider_than_the_style_says() {
    for tree in [sample::clinic(), hostile()] {
        for width in 40..=220 {
            for line in plain(&tree, width).lines() {
                assert!(line.width() <= width, "{} > {width}: {line}", line.width());
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for tree in [sample::clinic(), hostile()] {
        let mut painted = draw(&tree, &Style { width: 100, colour: true, is_whole: None });
        for code in ["0", "1", "2", "31", "32", "33", "35", "36", "94"] {
            painted = painted.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(painted, plain(&tree, 100));
    }
}

#[test]
fn nothing_that_a_terminal_obeys_gets_through() {
    for width in [40, 80, 120, 200] {
        let drawing = plain(&hostile(), width);
        assert!(drawing.contains("␛[31mred"), "{drawing}");
        let obeyed = |each: char| {
            each.is_control() && each != '\n'
                || matches!(each, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        };
        assert_eq!(drawing.find(obeyed), None);
        assert!(drawing.lines().all(|line| !line.ends_with(' ')));
    }
}

fn check(tree: &Tree, width: usize, expected: &Expect) {
    expected.assert_eq(&plain(tree, width));
}

#[test]
fn a_span_without_a_conversation() {
    let mut stray = Sample::new();
    stray.failed(SpanId::INVALID, "tool_call", [0, 0], "", &|out| {
        write::text(out, key::FUNCTION_NAME, "send_text");
        write::text(out, key::ERROR_TYPE, "panic");
    });
    check(
        &stray.tree(),
        60,
        &expect![[r#"

                             ╷0                        0 µs
        tool_call send_text  ✗                                  0 µs
          ✗ panic

        total    1 span · 1 tool call · ✗ 1 failed
        stages   tool_call 0 µs
        trace    4bf92f3577b34da6a3ce929d0e0e4736
    "#]],
    );
    assert_eq!(plain(&Tree::default(), 80), "");
}

#[test]
fn times_outside_the_conversation() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [100_000, 110_000], &|_| {});
    call.span(root, "wrong_clock", [0, 104_000], &|_| {});
    call.span(root, "summary", [109_000, 115_000], &|_| {});
    call.span(root, "export", [112_000, 900_000], &|_| {});
    call.span(root, "late", [800_000, 900_000], &|_| {});
    check(
        &call.tree(),
        80,
        &expect![[r#"

                           ╷0       ╷5 s     ╷10 s     ╷15 s    ╷20 s        30.0 s
            conversation                     ├─────────────────┤                     10.0 s
            ├ wrong_clock  ‹█████████████████████████                                 1m44s
            ├ summary                                         ███████████▌           6.00 s
            ├ export                                                ██████████████›  13m08s
            └ late                                                                ›   1m40s

            total    5 spans
            trace    4bf92f3577b34da6a3ce929d0e0e4736
        "#]],
    );
}

#[test]
fn deep_trees_say_their_depth() {
    let mut call = Sample::new();
    let mut parent = SpanId::INVALID;
    for depth in 0..9 {
        parent = call.span(parent, "step", [depth, 20 - depth], &|out| write::text(out, key::OUTPUT, "done"));
    }
    check(
        &call.tree(),
        60,
        &expect![[r#"

                             ╷0               ╷10 ms      20 ms
            step             ██████████████████████████████████    20 ms
            │ done
            └ step            ▐██████████████████████████████      18 ms
              │ done
              └ step            ███████████████████████████▌       16 ms
                │ done
                └ step            ███████████████████████▌         14 ms
                  │ done
                  └ step           ▐████████████████████           12 ms
                      done
                    ⋯5 step          ▐████████████████▌            10 ms
                      done
                    ⋯6 step            █████████████▌               8 ms
                      done
                    ⋯7 step             ▐██████████                 6 ms
                      done
                    ⋯8 step               ▐██████                   4 ms
                      done

            total    9 spans
            trace    4bf92f3577b34da6a3ce929d0e0e4736
        "#]],
    );
}

#[test]
fn speech_to_speech_and_content_policy() {
    let mut call = Sample::new();
    let turn = call.span(SpanId::INVALID, "turn", [0, 3_000], &|out| {
        write::float(out, key::TURN_USER_BOT_LATENCY_SECONDS, 0.75);
    });
    call.span(turn, "s2s", [500, 2_900], &|out| {
        write::text(out, key::GEN_AI_REQUEST_MODEL, "openai/gpt-realtime");
        write::integer(out, key::GEN_AI_USAGE_INPUT_TOKENS, 123_456);
        write::float(out, key::METRICS_TTFB, 0.75);
        // Where the answer is only a call of a function.
        write::texts(out, key::GEN_AI_RESPONSE_FINISH_REASONS, &["completed"]);
    });
    check(
        &call.tree(),
        60,
        &expect![[r#"

                                   ╷0       ╷1 s         3.00 s
            turn                   ├──────────────────────────┤  3.00 s
            │ voice-to-voice 750 ms
            └ s2s gpt-realtime         ╶──────▐███████████████   2.40 s
                123k→ tokens · first chunk 750 ms

            total    1 turn · 2 spans · 123k→ tokens
            stages   s2s 2.40 s
            latency  voice-to-voice 750 ms
            bars     ─ until the first chunk · █ after it
            trace    4bf92f3577b34da6a3ce929d0e0e4736
        "#]],
    );
}

#[test]
fn a_stream_of_which_nothing_came_has_only_waited() {
    let mut call = Sample::new();
    let turn = call.span(SpanId::INVALID, "turn", [0, 1_000], &|out| {
        write::flag(out, key::TURN_WAS_INTERRUPTED, true);
    });
    call.span(turn, "tts", [200, 500], &|out| {
        write::text(out, key::TEXT, "We open at ten.");
        write::integer(out, key::STREAM_ITEMS, 0);
        write::flag(out, key::CEKURA_INTERRUPTED, true);
    });
    call.span(turn, "s2s", [500, 700], &|out| write::float(out, key::METRICS_TTFB, 0.1));
    let dropped = |out: &mut Vec<u8>| write::flag(out, key::CEKURA_INTERRUPTED, true);
    call.span(turn, "s2s", [600, 1_000], &dropped);
    call.span(turn, "playback", [600, 1_000], &dropped);
    check(
        &call.tree(),
        60,
        &expect![[r#"

                          ╷0                ╷500 ms      1.00 s
            turn          ├───────────────────────────────────┤  1.00 s
            │ ■ interrupted
            ├ tts                ───────────■                     300 ms
            │   ■ interrupted · no first byte · “We open at ten.”
            ├ s2s                           ╶───███▌              200 ms
            │   first chunk 100 ms
            ├ s2s                               ──────────────■   400 ms
            │   ■ interrupted · no first chunk
            └ playback                          ██████████████■   400 ms
                ■ interrupted

            total    1 turn · 5 spans · ■ 1 interrupted
            stages   tts 300 ms · s2s 600 ms in 2
                     longest: s2s 400 ms in turn
            bars     ─ until the first chunk · █ after it
            trace    4bf92f3577b34da6a3ce929d0e0e4736
        "#]],
    );
}

#[test]
fn a_first_chunk_is_known_by_any_of_its_keys() {
    let keys = [
        (key::METRICS_TTFB, 0.5),
        (key::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, 0.5),
        (key::LLM_FIRST_TOKEN_MS, 500.0),
    ];
    for (key, number) in keys {
        let mut call = Sample::new();
        call.span(SpanId::INVALID, "llm", [0, 1_000], &|out| write::float(out, key, number));
        let drawing = plain(&call.tree(), 60);
        assert!(drawing.contains("first token 500 ms") && drawing.contains("─▐█"), "{key}: {drawing}");
    }
}

#[test]
fn spans_that_are_above_each_other_are_drawn_too() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 9], &|_| {});
    for parent in [2, 4, 3, 3].map(SpanId::from) {
        call.span(parent, "stt", [1, 2], &|_| {});
    }
    call.span(root, "turn", [3, 4], &|_| {});
    let depths: Vec<_> = call.tree().rows.iter().map(|(depth, span)| (*depth, span.head.span_id)).collect();
    let expected = [(0, 1), (1, 6), (0, 2), (0, 3), (1, 4), (1, 5)];
    assert_eq!(depths, expected.map(|(depth, id): (_, u64)| (depth, SpanId::from(id))));
}

#[test]
fn the_worst_turn_is_named_and_the_median_was_measured() {
    let mut call = Sample::new();
    for (number, latency) in (1_i64..).zip([0.9, 2.5, 0.4, 0.6]) {
        let start = number.unsigned_abs() * 3_000;
        call.span(SpanId::INVALID, "turn", [start, start + 2_900], &|out| {
            write::integer(out, key::TURN_NUMBER, number);
            write::float(out, key::TURN_USER_BOT_LATENCY_SECONDS, latency);
        });
    }
    let drawing = plain(&call.tree(), 80);
    assert!(
        drawing.contains("latency  voice-to-voice median 600 ms · worst 2.50 s in turn 2\n"),
        "{drawing}"
    );
}

#[test]
fn durations_have_at_most_three_digits() {
    let shown = [0, 999, 999_499, 999_500, 1_500_000, 999_499_999, 999_500_000, 9_994_999_999, 9_995_000_000]
        .into_iter()
        .chain([59_949_999_999, 59_950_000_000, 3_599_400_000_000, 3_600_000_000_000, u64::MAX])
        .map(text::duration);
    let expected = [
        "0 µs", "1 µs", "999 µs", "1 ms", "2 ms", "999 ms", "1.00 s", "9.99 s", "10.0 s", "59.9 s", "1m00s",
        "59m59s", "1h00m", "5124095h",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn clipping_keeps_what_fits() {
    assert_eq!(text::clip("hello", 5), ("hello".to_owned(), 5));
    assert_eq!(text::clip("hello", 4), ("hel…".to_owned(), 4));
    assert_eq!(text::clip("  hello \n\n world ", 20), ("hello world".to_owned(), 11));
    assert_eq!(text::clip("預約預約", 6), ("預約…".to_owned(), 5));
    assert_eq!(text::clip("hello", 1), ("…".to_owned(), 1));
    assert_eq!(text::clip("hello", 0), (String::new(), 0));
}

#[test]
fn a_thousand_spans_take_no_time() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 3_600_000], &|_| {});
    let story = "and my knee still hurts on the stairs, ".repeat(800);
    for at in 0..1_000 {
        call.span(root, "stt", [at * 3_600, at * 3_600 + 900], &|out| {
            write::text(out, key::STT_TRANSCRIPT, &story);
        });
    }
    let tree = call.tree();
    let started = std::time::Instant::now();
    let drawing = plain(&tree, 120);
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    assert_eq!(drawing.matches("├ stt").count(), 999);
}
