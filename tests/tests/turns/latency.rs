//! What the latency of a turn is made of: its parts are those of the whole, and add up to it.

use super::*;
use cekura::spans;
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value as Json, json};

/// Long enough to be told from what a busy machine takes by itself.
const STEP: Duration = Duration::from_millis(60);

/// The parts of a turn's latency, in seconds.
fn parts(turn: &Span) -> Vec<(String, f64)> {
    let named = |(key, value): (&str, &Value)| {
        let part = key.strip_prefix("turn.latency.")?.strip_suffix("_seconds")?.to_owned();
        let Value::F64(seconds) = value else { panic!("{key} is {value:?}") };
        Some((part, *seconds))
    };
    turn.attributes().filter_map(named).collect()
}

/// They are not negative, and add up to the latency of the turn.
#[track_caller]
fn add_up(turn: &Span) {
    let (latency, parts) = (seconds(turn, LATENCY).expect("a latency"), parts(turn));
    assert!(parts.iter().all(|(_, part)| *part > 0.0), "{parts:?}");
    let sum: f64 = parts.iter().map(|(_, part)| part).sum();
    assert!((sum - latency).abs() < 1e-9, "{parts:?} are {sum} and not {latency}");
}

/// The parts of the only turn, in milliseconds.
#[track_caller]
fn exact(trace: &Trace) -> Vec<(String, u128)> {
    let turn = trace.span("turn").unwrap();
    add_up(turn);
    let milliseconds = |part: f64| Duration::from_secs_f64(part + 0.000_5).as_millis();
    parts(turn).into_iter().map(|(part, seconds)| (part, milliseconds(seconds))).collect()
}

fn named(parts: &[(&str, u128)]) -> Vec<(String, u128)> {
    parts.iter().map(|(part, time)| ((*part).to_owned(), *time)).collect()
}

#[cekura::llm(skip_all)]
fn think() -> BoxStream<'static, &'static str> {
    stream::iter(["", "Tues", "day."]).inspect(|_| sleep(STEP)).boxed()
}

#[cekura::tool_call]
fn look_up() -> u8 {
    sleep(STEP);
    9
}

#[cekura::tts(skip_all)]
fn speak() -> BoxStream<'static, Vec<u8>> {
    stream::iter([vec![], vec![0; 320], vec![0; 320]]).inspect(|_| sleep(STEP)).boxed()
}

#[cekura::stt]
fn listen(events: Vec<Json>) -> BoxStream<'static, Json> {
    stream::iter(events).inspect(|_| sleep(STEP)).boxed()
}

#[test]
fn each_part_of_the_wait_is_an_attribute() {
    let trace = capture(|| {
        call(|| {
            turn(|turn| {
                turn.user_stopped();
                sleep(STEP);
                hear();
                sleep(STEP);
                look_up();
                let mut tokens = block_on_stream(think());
                tokens.by_ref().take(2).for_each(drop);
                sleep(STEP);
                let mut audio = block_on_stream(speak());
                audio.by_ref().take(2).for_each(drop);
                sleep(STEP);
                turn.first_audio();
                assert_eq!((tokens.count(), audio.count()), (1, 1));
            });
        });
    });
    let turn = trace.span("turn").unwrap();
    add_up(turn);
    let parts = parts(turn);
    let least = [
        ("transcript", STEP),
        ("before_llm", Duration::ZERO),
        ("first_token", 2 * STEP),
        ("before_tools", STEP),
        ("tools", STEP),
        ("before_tts", STEP),
        ("first_byte", 2 * STEP),
        ("play_out", STEP),
    ];
    assert_eq!(parts.len(), least.len(), "{parts:?}");
    for ((part, time), (name, least)) in parts.iter().zip(least) {
        assert!(part == name && *time >= least.as_secs_f64(), "{name}: {parts:?}");
    }
}

#[test]
fn a_streaming_recogniser_counts_from_the_end_of_speech() {
    let event = |words: &str, is_final: bool| json!({ "type": "Results", "is_final": is_final, "channel": { "alternatives": [{ "transcript": words }] } });
    let events =
        vec![event("I need", false), event("I need a", false), event("I need an appointment.", true)];
    let trace = capture(|| {
        turn(|turn| {
            let mut events = block_on_stream(listen(events));
            // The caller talks.
            events.by_ref().take(2).for_each(drop);
            turn.user_stopped();
            assert_eq!(events.count(), 1);
            say("Yes.");
        });
    });
    let turn = trace.span("turn").unwrap();
    add_up(turn);
    let [(transcript, heard), ..] = &parts(turn)[..] else { panic!("no part") };
    assert_eq!(transcript, "transcript");
    // From the last word on, and not while the caller talks: two steps of the recogniser's span.
    let most = trace.span("stt").unwrap().duration().saturating_sub(2 * STEP).as_secs_f64();
    assert!((STEP.as_secs_f64()..=most).contains(heard), "{heard} of {most}");
}

#[cekura::tts]
fn speak_as_it_comes(sentences: BoxStream<'static, String>) -> BoxStream<'static, Vec<u8>> {
    sentences.map(|_| vec![0; 320]).inspect(|_| sleep(STEP)).boxed()
}

#[cekura::tts(skip_all)]
fn speak_as_it_is_told(sentences: std::sync::mpsc::Receiver<String>) -> Vec<u8> {
    for sentence in sentences {
        cekura::current().text(&sentence);
        sleep(STEP);
    }
    vec![0; 320]
}

#[test]
fn a_voice_that_is_opened_before_its_text_is_asked_when_the_text_is_there() {
    for is_whole in [false, true] {
        let trace = capture(|| {
            turn(|turn| {
                turn.user_stopped();
                if is_whole {
                    let (sender, sentences) = std::sync::mpsc::channel();
                    let voice = cekura::context::carry(sentences);
                    let voice = std::thread::spawn(move || voice.in_scope(speak_as_it_is_told));
                    // It is open.
                    sleep(STEP);
                    look_up();
                    sender.send("Tuesday.".to_owned()).unwrap();
                    drop(sender);
                    assert_eq!(voice.join().unwrap().len(), 320);
                } else {
                    let sentences = stream::once(async {
                        look_up();
                        "Tuesday.".to_owned()
                    });
                    assert_eq!(block_on_stream(speak_as_it_comes(sentences.boxed())).count(), 1);
                }
            });
        });
        let turn = trace.span("turn").unwrap();
        add_up(turn);
        let time =
            |wanted: &str| parts(turn).iter().find(|(name, _)| name == wanted).map_or(0.0, |(_, time)| *time);
        assert!(time("tools") >= STEP.as_secs_f64(), "{trace:?}");
        assert!(time("first_byte") >= STEP.as_secs_f64(), "{trace:?}");
        let most = trace.span("tts").unwrap().duration().saturating_sub(STEP).as_secs_f64();
        assert!(time("first_byte") <= most, "the tool is not the voice's: {:?}", parts(turn));
    }
}

#[test]
fn what_is_told_by_hand_is_exact() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            let at = |milliseconds| start + ms(milliseconds);
            turn.user_stopped_at(at(0));
            spans::llm().started_at(at(100)).start().end_at(at(400));
            spans::tool_call("book").started_at(at(450)).start().end_at(at(700));
            spans::tts().started_at(at(720)).start().end_at(at(900));
            turn.first_audio_at(at(950));
        });
    });
    let expected = [
        ("before_llm", 100),
        ("first_token", 300),
        ("before_tools", 50),
        ("tools", 250),
        ("before_tts", 20),
        ("first_byte", 180),
        ("play_out", 50),
    ];
    assert_eq!(exact(&trace), named(&expected));
}

#[test]
fn where_nothing_else_was_measured_the_wait_is_one_gap() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            turn.first_audio_at(start + ms(800));
        });
    });
    assert_eq!(exact(&trace), named(&[("before_audio", 800)]));
    let trace = capture(|| turn(|turn| turn.user_stopped_at(start)));
    assert_eq!(parts(trace.span("turn").unwrap()), [], "nobody was answered");
}

#[test]
fn a_model_that_goes_on_when_its_turn_is_over_has_given_its_first_token() {
    let mut rest = None;
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped();
            let mut tokens = block_on_stream(think());
            tokens.by_ref().take(2).for_each(drop);
            let mut audio = block_on_stream(speak());
            audio.by_ref().take(2).for_each(drop);
            rest = Some((tokens, audio));
        });
        let (tokens, audio) = rest.take().unwrap();
        assert_eq!((tokens.count(), audio.count()), (1, 1));
    });
    let turn = trace.span("turn").unwrap();
    add_up(turn);
    let (names, times): (Vec<_>, Vec<_>) = parts(turn).into_iter().unzip();
    assert_eq!(names, ["before_llm", "first_token", "before_tts", "first_byte"]);
    assert!(times[1] >= 2.0 * STEP.as_secs_f64() && times[3] >= 2.0 * STEP.as_secs_f64(), "{times:?}");
}

#[test]
fn a_turn_in_a_turn_and_tools_side_by_side_count_once() {
    let start = Instant::now();
    let at = |milliseconds| start + ms(milliseconds);
    let trace = capture(|| {
        call(|| {
            turn(|outer| {
                outer.user_stopped_at(at(0));
                turn(|inner| {
                    let model = spans::llm().started_at(at(0)).start();
                    model.in_scope(|| {
                        spans::tool_call("one").started_at(at(100)).start().end_at(at(400));
                        spans::tool_call("two").started_at(at(200)).start().end_at(at(500));
                    });
                    model.end_at(at(600));
                    inner.first_audio_at(at(700));
                });
            });
        });
    });
    let [outer, inner] = trace.named("turn").collect::<Vec<_>>()[..] else { panic!("two turns") };
    add_up(outer);
    assert_eq!(seconds(inner, LATENCY), seconds(outer, LATENCY));
    assert_eq!(parts(outer), parts(inner));
    let parts = parts(inner).into_iter().map(|(part, time)| (part, (time * 1_000.0).round()));
    let expected = [("first_token", 200.0), ("tools", 400.0), ("before_audio", 100.0)];
    assert_eq!(parts.collect::<Vec<_>>(), expected.map(|(part, time)| (part.to_owned(), time)));
}

#[test]
fn the_parts_are_no_content() {
    let trace = capture_with(CaptureContent::Metadata, || {
        turn(|turn| {
            turn.user_stopped();
            say("Hello.");
        });
    });
    add_up(trace.span("turn").unwrap());
}

#[test]
fn the_documentation_has_a_row_for_each_part() {
    let page = include_str!("../../../docs/latency.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `turn.latency.")?.split_once("_seconds`"));
    let rows: Vec<_> = rows.map(|(part, _)| part).collect();
    let semconv = include_str!("../../../cekura-trace/src/semconv.rs");
    let keys =
        semconv.lines().filter_map(|line| line.split_once("\"turn.latency.")?.1.split_once("_seconds\""));
    let keys: Vec<_> = keys.map(|(part, _)| part).collect();
    assert!(keys.len() > 5 && rows == keys, "{rows:?} {keys:?}");
}
