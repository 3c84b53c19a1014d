//! The parts of a wait: which there are, and that they add up. Invariant: moments are given, none is measured here.

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Work from one time to another, in milliseconds after the begin.
type Told = (Work, u64, u64);

fn parts(stop: u64, audio: u64, transcripts: &[u64], first_byte: Option<u64>, told: &[Told]) -> Parts {
    let begin = Instant::now();
    let at = |milliseconds| begin + ms(milliseconds);
    let worked: Vec<_> = (1..)
        .zip(told)
        .map(|(id, (work, start, until))| Worked {
            span: SpanId::from(id),
            work: *work,
            start: at(*start),
            until: at(*until),
        })
        .collect();
    let transcripts = transcripts.iter().map(|each| at(*each)).collect();
    let first_byte = first_byte.map(at);
    Wait { stop: at(stop), audio: at(audio), transcripts, first_byte, worked: &worked }.parts()
}

/// The parts that are not nothing, in milliseconds.
fn named(parts: Parts) -> Vec<(&'static str, u64)> {
    let name = |key: &'static str| key.trim_start_matches("turn.latency.").trim_end_matches("_seconds");
    let all = TURN_LATENCY_PARTS.into_iter().zip(parts).filter(|(_, part)| !part.is_zero());
    all.map(|(key, part)| (name(key), u64::try_from(part.as_millis()).unwrap())).collect()
}

#[test]
fn a_turn_with_everything_measured_names_each_part() {
    let told = [
        (Work::Model, 310, 700),
        (Work::Tool, 720, 920),
        (Work::Model, 925, 1_200),
        (Work::Voice, 1_250, 1_400),
    ];
    assert_eq!(
        named(parts(100, 1_480, &[300], Some(1_400), &told)),
        [
            ("transcript", 200),
            ("before_llm", 15),
            ("first_token", 665),
            ("before_tools", 20),
            ("tools", 200),
            ("before_tts", 50),
            ("first_byte", 150),
            ("play_out", 80),
        ]
    );
}

#[test]
fn what_was_not_measured_is_in_the_gap_before_the_next_that_was() {
    let model = [(Work::Model, 400, 700)];
    assert_eq!(named(parts(0, 900, &[], None, &[])), [("before_audio", 900)]);
    assert_eq!(
        named(parts(0, 900, &[], None, &model)),
        [("before_llm", 400), ("first_token", 300), ("before_audio", 200)]
    );
    // Without the end of speech the wait begins with the transcript.
    assert_eq!(
        named(parts(350, 900, &[350], Some(900), &model)),
        [("before_llm", 50), ("first_token", 300), ("before_audio", 200)]
    );
}

#[test]
fn nested_and_parallel_work_is_counted_once() {
    // A tool inside of a model's span, a guardrail beside it, a second sentence beside the first.
    let told = [
        (Work::Model, 100, 600),
        (Work::Tool, 300, 500),
        (Work::Model, 100, 450),
        (Work::Voice, 550, 800),
        (Work::Voice, 560, 1_500),
    ];
    assert_eq!(
        named(parts(100, 800, &[], Some(800), &told)),
        [("first_token", 250), ("tools", 200), ("first_byte", 250)]
    );
}

#[test]
fn what_came_late_or_early_changes_nothing() {
    let late = [(Work::Voice, 100, 300), (Work::Tool, 350, 900), (Work::Model, 2, 5)];
    assert_eq!(
        named(parts(50, 300, &[10, 400], Some(300), &late)),
        [("before_tts", 50), ("first_byte", 200)]
    );
    // A transcript of noise while the model was at work held nothing up; one before it did.
    let model = [(Work::Model, 300, 700)];
    assert_eq!(
        named(parts(0, 700, &[200, 290, 500], None, &model)),
        [("transcript", 290), ("before_llm", 10), ("first_token", 400)]
    );
    // A model that began before the transcript was final.
    assert_eq!(named(parts(0, 700, &[400], None, &model)), [("transcript", 400), ("first_token", 300)]);
}

#[test]
fn audio_of_the_voice_before_or_after_the_wait_says_nothing_of_it() {
    for first_byte in [0, 950] {
        assert_eq!(named(parts(100, 900, &[], Some(first_byte), &[])), [("before_audio", 800)]);
    }
}

fn work() -> impl Strategy<Value = Told> {
    let kinds = prop_oneof![Just(Work::Model), Just(Work::Tool), Just(Work::Voice)];
    (kinds, 0..2_000_u64, 0..2_000_u64)
}

proptest! {
    #[test]
    fn the_parts_add_up_whatever_came_in_whatever_order(
        stop in 0..1_000_u64,
        length in 0..1_000_u64,
        transcripts in vec(0..2_000_u64, 0..5),
        first_byte in option::of(0..2_000_u64),
        told in vec(work(), 0..12),
    ) {
        let parts = parts(stop, stop + length, &transcripts, first_byte, &told);
        prop_assert_eq!(parts.iter().sum::<Duration>(), ms(length));
        let has = |kind| told.iter().any(|(work, ..)| *work == kind);
        let of = [(Work::Model, FIRST_TOKEN), (Work::Tool, TOOLS), (Work::Voice, FIRST_BYTE)];
        for (kind, part) in of {
            prop_assert!(has(kind) || parts[part].is_zero(), "{:?} was not measured", kind);
        }
        prop_assert!(!transcripts.is_empty() || parts[TRANSCRIPT].is_zero());
        prop_assert!(first_byte.is_some() || parts[PLAY_OUT].is_zero());
    }

    #[test]
    fn the_order_in_which_work_is_told_changes_nothing(told in vec(work(), 2..8), length in 1..2_000_u64) {
        let one = parts(0, length, &[40], Some(900), &told);
        let back: Vec<_> = told.iter().rev().copied().collect();
        prop_assert_eq!(one, parts(0, length, &[40], Some(900), &back));
    }
}
