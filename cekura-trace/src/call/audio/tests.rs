//! Sound that is handed over: what is kept of it, what is refused, and what a frame costs.

use super::block::{Form, HEAD, Head, NO_SUM, Track, seal, sum, sum_bytes};
use super::frames::{Frames, Mulaw, Samples, expand};
use super::{Bounds, CHUNK, Journal};
use crate::room::{Budget, Room, Use};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A block as it is in memory and on disk, for the tests of delivery.
pub(crate) fn block(head: Head, samples: Samples<'_>) -> Vec<u8> {
    let form = if head.rate == 0 { head.form } else { samples.form() };
    let count = u32::try_from(samples.count()).unwrap();
    let mut bytes = Head { form, count, ..head }.bytes().to_vec();
    if form != Form::Silence {
        samples.write(&mut bytes);
    }
    seal(&mut bytes);
    bytes
}

fn journal(bounds: Bounds) -> Journal {
    Journal::new(Instant::now(), Arc::new(bounds), Room::default())
}

/// The blocks in memory.
fn blocks(journal: &Journal) -> Vec<(Head, Vec<u8>)> {
    let mut bytes = vec![0; 1 << 20];
    let length = journal.copy(0, &mut bytes).unwrap();
    let (mut rest, mut blocks) = (&bytes[..length], Vec::new());
    while let Some(head) = Head::read(rest) {
        let end = HEAD + usize::try_from(head.size()).unwrap();
        blocks.push((head, rest[HEAD..end].to_vec()));
        rest = &rest[end..];
    }
    blocks
}

#[test]
fn every_form_of_sound_is_kept_as_it_is_and_of_silence_its_length() {
    let journal = journal(Bounds::default());
    journal.user(&[1, -2, i16::MIN], 8_000);
    journal.user(&vec![0.5_f32, -1.0, 7.0, f32::NAN], 48_000);
    journal.agent(Mulaw(&[0x00, 0x80, 0xFF]), 8_000);
    journal.agent(&[0_i16; 480][..], 24_000);
    journal.agent(Mulaw(&[0xFF, 0x7F]), 8_000);
    journal.agent(&[0.0_f32, 1e-6], 16_000);
    journal.user(&[0_i16; 0], 8_000);
    let blocks = blocks(&journal);
    let seen: Vec<_> =
        blocks.iter().map(|(head, _)| (head.track, head.form, head.rate, head.count)).collect();
    assert_eq!(
        seen,
        [
            (Track::User, Form::Linear, 8_000, 3),
            (Track::User, Form::Linear, 48_000, 4),
            (Track::Agent, Form::Mulaw, 8_000, 3),
            (Track::Agent, Form::Silence, 24_000, 480),
            (Track::Agent, Form::Silence, 8_000, 2),
            (Track::Agent, Form::Silence, 16_000, 2),
        ]
    );
    assert_eq!(blocks[0].1, [1_i16, -2, i16::MIN].map(i16::to_le_bytes).as_flattened());
    assert_eq!(blocks[1].1, [16_384_i16, i16::MIN, i16::MAX, 0].map(i16::to_le_bytes).as_flattened());
    assert_eq!(blocks[2].1, [0x00, 0x80, 0xFF]);
    assert!(blocks[3..].iter().all(|(_, bytes)| bytes.is_empty()));
    assert!(blocks.windows(2).all(|pair| pair[0].0.at <= pair[1].0.at), "in the order of their coming");
}

#[test]
fn a_float_becomes_the_nearest_sample() {
    let whole = || (i16::MIN..=i16::MAX).map(f32::from);
    let halves = whole().chain(whole().map(|sample| sample + 0.5)).chain([-40_000.0, 33_000.0]);
    let floats: Vec<_> = halves.map(|sample| sample / 32_768.0).collect();
    let mut bytes = Vec::new();
    Samples::Float(&floats).write(&mut bytes);
    for (float, sample) in floats.iter().zip(bytes.as_chunks().0) {
        let expected = (float * 32_768.0).round_ties_even().clamp(-32_768.0, 32_767.0);
        let distance = (f32::from(i16::from_le_bytes(*sample)) - expected).abs();
        assert!(distance < 0.1, "{float}: {expected} is {distance} away");
    }
}

#[test]
fn mulaw_means_what_the_standard_says() {
    let known = [(0x00, -32_124), (0x80, 32_124), (0xFF, 0), (0x7F, 0), (0xFE, 8), (0x7E, -8), (0xC0, 1_884)];
    for (byte, sample) in known {
        assert_eq!(expand(byte), sample, "{byte:#x}");
    }
    assert!((0..=0x7F_u8).all(|byte| expand(byte) == -expand(byte | 0x80)));
}

#[test]
fn a_time_that_the_program_knows_is_the_begin_also_before_the_conversation() {
    let start = Instant::now();
    let journal = Journal::new(start, Arc::default(), Room::default());
    journal.user_at(start + Duration::from_secs(90), &[5_i16], 8_000);
    if let Some(before) = start.checked_sub(Duration::from_secs(1)) {
        journal.user_at(before, &[5_i16], 8_000);
        assert_eq!(blocks(&journal)[1].0.at, -1_000_000_000);
    }
    assert!(blocks(&journal)[0].0.is_fixed);
    assert_eq!(blocks(&journal)[0].0.at, 90_000_000_000);
}

/// Counts events.
#[derive(Default)]
struct Listener(AtomicUsize);

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "cekura" && *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// How many warnings something says.
fn warnings(run: impl FnOnce()) -> usize {
    let listener = Arc::new(Listener::default());
    tracing::subscriber::with_default(listener.clone(), run);
    listener.0.load(Ordering::Relaxed)
}

#[test]
fn a_rate_that_is_none_is_refused_and_said_once() {
    let journal = journal(Bounds::default());
    let warnings = warnings(|| {
        for rate in [0, 1, 999, 384_001, u32::MAX] {
            journal.user(&[1_i16; 160], rate);
            journal.agent(Mulaw(&[1; 160]), rate);
        }
    });
    assert_eq!(warnings, 1);
    assert!(blocks(&journal).is_empty());
    journal.user(&[1_i16; 160], 11_025);
    assert_eq!(blocks(&journal).len(), 1);
}

#[test]
fn a_call_that_reaches_its_bound_stops_and_says_so() {
    let journal = journal(Bounds::new(10 * CHUNK as u64, u64::MAX));
    let warnings = warnings(|| (0..1_000).for_each(|_| journal.user(&[1_i16; 160], 8_000)));
    let kept = blocks(&journal).len();
    assert_eq!((kept, journal.is_truncated(), warnings), (10 * (CHUNK / (HEAD + 320)), true, 1));
    journal.agent(&[1_i16; 1], 8_000);
    journal.clear();
    assert_eq!((blocks(&journal).len(), journal.lost()), (kept, 0));
}

#[test]
fn a_frame_that_is_larger_than_the_bound_asks_for_no_memory() {
    let journal = journal(Bounds::new(1 << 20, u64::MAX));
    journal.user(&vec![1_i16; 1 << 20], 8_000);
    assert!(journal.is_truncated() && blocks(&journal).is_empty());
}

#[test]
fn calls_share_a_bound_and_give_back_what_they_held() {
    let bounds = Arc::new(Bounds::new(u64::MAX, 3 * CHUNK as u64));
    let begin = || Journal::new(Instant::now(), bounds.clone(), Room::default());
    let calls = [begin(), begin(), begin(), begin()];
    for call in &calls {
        call.user(&[1_i16; 160], 8_000);
    }
    assert_eq!(calls.each_ref().map(Journal::is_truncated), [false, false, false, true]);
    let [first, second, ..] = calls;
    first.erase();
    drop(second);
    let later = [begin(), begin(), begin()];
    for call in &later {
        call.agent(&[1_i16; 160], 8_000);
    }
    // In place of what was erased and what was dropped; the third of the first calls is still there.
    assert_eq!(later.each_ref().map(Journal::is_truncated), [false, false, true]);
}

/// Memory for so many bytes.
struct Little(AtomicUsize);

impl Budget for Little {
    fn take(&self, _: Use, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, _: Use, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[test]
fn what_finds_no_memory_is_counted_until_there_is_some_again() {
    let memory = Arc::new(Little(AtomicUsize::new(2 * CHUNK)));
    let journal = Journal::new(Instant::now(), Arc::default(), Room::of(memory.clone(), Use::Open));
    for _ in 0..2 * (CHUNK / (HEAD + 320)) + 7 {
        journal.user(&[1_i16; 160], 8_000);
    }
    assert_eq!((journal.lost(), journal.is_truncated()), (7, false));
    let chunks = journal.take_out(0);
    journal.user(&[1_i16; 160], 8_000);
    assert_eq!((chunks.len(), journal.lost()), (2, 8), "what is being written is in memory still");
    journal.wrote(&chunks);
    journal.user(&[1_i16; 160], 8_000);
    assert_eq!((journal.lost(), blocks(&journal).len()), (8, 1));
    drop(journal);
    assert_eq!(memory.0.load(Ordering::Relaxed), 2 * CHUNK);
}

#[test]
fn what_cannot_be_written_is_given_back_in_its_place() {
    let journal = journal(Bounds::default());
    for number in 0..1_000 {
        journal.user(&[number + 1; 160], 8_000);
    }
    let before = blocks(&journal);
    let chunks = journal.take_out(3 * CHUNK);
    assert!(chunks.len() > 10 && blocks(&journal).len() < before.len() / 4);
    journal.give_back(chunks);
    assert_eq!(blocks(&journal), before);
}

#[test]
fn what_is_erased_is_gone_and_nothing_is_added() {
    let journal = journal(Bounds::default());
    for _ in 0..1_000 {
        journal.user(&[1_i16; 160], 8_000);
    }
    let chunks = journal.take_out(0);
    journal.erase();
    journal.erase();
    journal.give_back(chunks);
    journal.user(&[1_i16; 160], 8_000);
    assert_eq!(journal.copy(0, &mut [0; 64]), None);
    assert!(journal.is_erased() && journal.take_out(0).is_empty());
}

#[test]
fn what_was_said_of_the_agents_speech_stands_between_its_frames() {
    let journal = journal(Bounds::default());
    journal.delay(Duration::from_millis(120));
    journal.agent(&[1_i16; 160], 8_000);
    journal.clear();
    let blocks = blocks(&journal);
    assert!(blocks.iter().map(|(head, _)| head.form).eq([Form::Delay, Form::Linear, Form::Clear]));
    assert_eq!(blocks[0].0.at, 120_000_000);
    assert!(blocks[1].0.at <= blocks[2].0.at && blocks[2].0.at < 60_000_000_000);
}

#[test]
fn a_call_that_is_closed_takes_no_more() {
    let journal = journal(Bounds::default());
    journal.user(&[1_i16; 160], 8_000);
    journal.close();
    journal.user(&[1_i16; 160], 8_000);
    journal.clear();
    assert_eq!(blocks(&journal).len(), 1);
}

#[test]
fn a_block_is_read_as_it_was_written_and_a_bit_that_changes_is_seen() {
    let head = |track, form, is_fixed, at| Head { track, form, is_fixed, rate: 384_000, count: 3, at };
    for form in [Form::Clear, Form::Delay, Form::Linear, Form::Mulaw, Form::Silence] {
        for head in
            [head(Track::User, form, true, i64::MIN), head(Track::Agent, form, false, 7_200_000_000_000)]
        {
            assert_eq!(Head::read(&head.bytes()), Some(head));
        }
    }
    let whole = block(head(Track::User, Form::Linear, false, 77), (&[1_i16, 2, 3]).samples());
    for bit in 0..8 * whole.len() {
        let mut torn = whole.clone();
        torn[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(sum_bytes(sum(NO_SUM, &torn[4..])), torn[..4], "bit {bit}");
    }
}

#[test]
fn frames_from_several_threads_all_are_there() {
    let journal = Arc::new(journal(Bounds::default()));
    std::thread::scope(|scope| {
        for thread in 1..=4_i16 {
            let journal = &journal;
            scope.spawn(move || (0..200).for_each(|_| journal.user(&[thread; 80], 8_000)));
        }
        // As a writer does that fails each time.
        scope.spawn(|| {
            for _ in 0..200 {
                journal.give_back(journal.take_out(0));
            }
        });
    });
    let blocks = blocks(&journal);
    assert_eq!(blocks.len(), 800);
    for thread in 1..=4_u8 {
        let of_it = blocks.iter().filter(|(_, bytes)| *bytes == [thread, 0].repeat(80));
        assert_eq!(of_it.count(), 200);
    }
}

/// Prints what a frame of 20 ms costs whoever hands it over: `cargo test --release -p cekura-trace --features audio -- --ignored
/// --nocapture a_frame_costs`.
#[test]
#[ignore = "a table for people"]
fn a_frame_costs_a_copy() {
    for rate in [8_000_u32, 16_000, 24_000, 48_000] {
        let journal = journal(Bounds::new(u64::MAX, u64::MAX));
        let frame = vec![7_i16; rate as usize / 50];
        let mut costs: Vec<_> = (0..20_000)
            .map(|_| {
                let begin = Instant::now();
                journal.user(black_box(&frame), rate);
                begin.elapsed()
            })
            .collect();
        costs.sort_unstable();
        println!(
            "| {rate} Hz | median {:?} | of 100 one is above {:?} | worst {:?} |",
            costs[10_000], costs[19_800], costs[19_999]
        );
    }
}
