//! What is never a moment: a transcript without a word, a voice without audio. No value is better than a wrong one.

use super::*;
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde_json::{Value as Json, json};

#[cekura::stt(skip(heard))]
fn understand<T: Serialize>(heard: T) -> T {
    heard
}

#[cekura::stt(skip(items))]
fn listen<T: Serialize + Send + 'static>(items: Vec<T>) -> BoxStream<'static, T> {
    stream::iter(items).boxed()
}

#[cekura::tts(skip(audio))]
fn speak<T: Serialize>(audio: T) -> T {
    audio
}

#[cekura::tts(skip(items))]
fn voice<T: Serialize + Send + 'static>(items: Vec<T>) -> BoxStream<'static, T> {
    stream::iter(items).boxed()
}

/// Whether a turn that was answered knows when the caller stopped speaking.
fn is_heard(hear: impl FnOnce()) -> bool {
    let trace = capture(|| {
        turn(|turn| {
            hear();
            turn.first_audio();
        });
    });
    latency(&trace).is_some()
}

/// Whether a turn in which the caller spoke knows when it was answered.
fn is_answered(answer: impl FnOnce()) -> bool {
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped();
            answer();
        });
    });
    latency(&trace).is_some()
}

#[test]
fn an_stt_without_a_word_heard_nobody() {
    let deepgram = |text: &str| json!({ "is_final": true, "channel": { "alternatives": [{ "transcript": text, "confidence": 0.0 }] } });
    let silent = [
        json!(""),
        json!(null),
        json!({ "text": "" }),
        json!({ "transcript": "", "confidence": 0.0 }),
        deepgram(""),
        json!({ "RecognitionStatus": "NoMatch" }),
        json!({ "Transcript": { "Results": [] }, "transcript": "" }),
        json!({ "partial": "" }),
    ];
    for value in silent {
        assert!(!is_heard(|| drop(understand(value.clone()))), "{value}");
        assert!(!is_heard(|| block_on_stream(listen(vec![value.clone()])).for_each(drop)), "{value}");
    }
    // What cannot be judged was heard.
    for value in [json!("yes"), json!({ "text": "yes" }), deepgram("yes"), json!({ "own": "yes" })] {
        assert!(is_heard(|| drop(understand(value.clone()))), "{value}");
        assert!(is_heard(|| block_on_stream(listen(vec![value.clone()])).for_each(drop)), "{value}");
    }
}

#[test]
fn an_stt_of_strings_and_options() {
    #[cekura::stt]
    fn text(text: &str) -> Result<Option<String>, String> {
        Ok((text != "-").then(|| text.to_owned()))
    }
    #[cekura::stt]
    fn words(words: Vec<&'static str>) -> BoxStream<'static, &'static str> {
        stream::iter(words).boxed()
    }
    assert!(is_heard(|| drop(text("yes"))) && !is_heard(|| drop(text(""))) && !is_heard(|| drop(text("-"))));
    assert!(is_heard(|| block_on_stream(words(vec!["", "yes"])).for_each(drop)));
    assert!(!is_heard(|| block_on_stream(words(vec!["", ""])).for_each(drop)));
}

#[test]
fn what_the_program_says_of_a_transcript_is_believed() {
    struct Heard(&'static str);
    #[cekura::stt(transcript = |heard: &Heard| heard.0)]
    fn own(text: &'static str) -> Heard {
        Heard(text)
    }
    #[cekura::stt]
    fn opaque(text: &'static str) -> Heard {
        Heard(text)
    }
    #[cekura::stt(transcript = text)]
    fn told_before(text: &str) {}
    assert!(is_heard(|| told_before("yes")));
    assert!(is_heard(|| assert_eq!(own("yes").0, "yes")) && !is_heard(|| assert_eq!(own("").0, "")));
    assert!(is_heard(|| assert_eq!(opaque("").0, "")), "nobody can see what is in it");
}

#[test]
fn a_voice_without_audio_answers_nothing() {
    #[cekura::tts]
    fn plays(words: &str) {
        let _ = words;
    }
    #[cekura::tts]
    fn bytes(words: &str, length: usize) -> Vec<u8> {
        let _ = words;
        vec![0; length]
    }
    #[cekura::tts]
    fn chunks(words: &str, lengths: &[usize]) -> BoxStream<'static, Vec<i16>> {
        let _ = words;
        stream::iter(lengths.to_vec()).map(|length| vec![0; length]).boxed()
    }
    assert!(!is_answered(|| plays("Hello.")));
    assert!(!is_answered(|| drop(bytes("Hello.", 0))) && is_answered(|| drop(bytes("Hello.", 8))));
    assert!(!is_answered(|| block_on_stream(chunks("Hello.", &[0, 0])).for_each(drop)));
    assert!(is_answered(|| block_on_stream(chunks("Hello.", &[0, 8])).for_each(drop)));
    let trace = capture(|| {
        let turn = cekura::spans::turn().start();
        turn.user_stopped();
        turn.in_scope(|| {
            let mut tts = cekura::spans::tts().start();
            tts.audio(0);
            tts.end();
        });
        turn.end();
    });
    assert_eq!(latency(&trace), None);
}

#[test]
fn a_text_that_arrives_in_parts_is_no_audio() {
    fn text(part: &'static str) -> BoxStream<'static, String> {
        stream::iter([part.to_owned()]).boxed()
    }
    #[cekura::tts]
    fn plays(text: BoxStream<'_, String>) {
        block_on_stream(text).for_each(drop);
    }
    #[cekura::tts]
    fn bytes(text: BoxStream<'_, String>) -> Vec<u8> {
        block_on_stream(text).flat_map(String::into_bytes).collect()
    }
    #[cekura::tts]
    fn chunks(text: BoxStream<'static, String>) -> BoxStream<'static, Vec<u8>> {
        text.map(String::into_bytes).boxed()
    }
    #[cekura::tts]
    fn counts() {
        cekura::current().usage(1, 2);
    }
    assert!(!is_answered(|| plays(text("Hello."))) && !is_answered(counts));
    assert!(!is_answered(|| drop(bytes(text("")))) && is_answered(|| drop(bytes(text("Hello.")))));
    assert!(!is_answered(|| block_on_stream(chunks(text(""))).for_each(drop)));
    assert!(is_answered(|| block_on_stream(chunks(text("Hello."))).for_each(drop)));
    // By hand nobody else says that it spoke.
    let by_hand = |fails: bool| {
        is_answered(|| {
            let mut tts = cekura::spans::tts().start();
            tts.text("Hello.");
            if fails { tts.fail("no line") } else { tts.end() }
        })
    };
    assert!(by_hand(false) && !by_hand(true));
}

#[test]
fn the_first_chunk_that_is_not_empty_is_the_answer() {
    #[cekura::tts]
    fn late() -> BoxStream<'static, Vec<u8>> {
        stream::iter([0, 0, 8]).map(|length| vec![0; length]).inspect(|_| pass()).boxed()
    }
    let (start, mut heard) = (Instant::now(), None);
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            let mut audio = block_on_stream(late());
            audio.next();
            audio.next();
            heard = Some(ending(|| audio.next()));
        });
    });
    check(latency(&trace), &(start..=start), &heard.unwrap());
}

#[test]
fn audio_in_a_value_of_ones_own() {
    #[derive(Clone, Serialize)]
    struct Frame {
        samples: Vec<i16>,
        rate: u32,
    }
    let frame = |length| Frame { samples: vec![0; length], rate: 16_000 };
    assert!(is_answered(|| drop(speak(frame(80)))) && !is_answered(|| drop(speak(frame(0)))));
    assert!(is_answered(|| block_on_stream(voice(vec![frame(0), frame(80)])).for_each(drop)));
    assert!(!is_answered(|| block_on_stream(voice(vec![frame(0)])).for_each(drop)));
    let silent = [
        json!({ "audio": "" }),
        json!({ "audio": null, "isFinal": true }),
        json!({ "type": "done" }),
        json!([]),
        json!(null),
    ];
    for value in silent {
        assert!(!is_answered(|| drop(speak(value.clone()))), "{value}");
        assert!(!is_answered(|| block_on_stream(voice(vec![value.clone()])).for_each(drop)), "{value}");
    }
    // What cannot be judged is audio.
    let audible = [
        json!({ "audio": "UklGRg==" }),
        json!({ "audioContent": "UklGRg==" }),
        json!({ "type": "chunk", "data": "UklG" }),
        json!({ "wave": [1] }),
        json!([[1, 2]]),
    ];
    for value in audible {
        assert!(is_answered(|| drop(speak(value.clone()))), "{value}");
        assert!(is_answered(|| block_on_stream(voice(vec![value.clone()])).for_each(drop)), "{value}");
    }
}

#[test]
fn a_session_that_was_cut_off_interrupts_the_turn_that_is_open() {
    #[cekura::s2s(skip(events))]
    fn session(events: Vec<Json>) -> BoxStream<'static, Json> {
        stream::iter(events).boxed()
    }
    let done = |id: &str, status: &str| json!({ "type": "response.done", "response": { "object": "realtime.response", "id": id, "status": status, "output": [] } });
    let complete = done("b", "completed");
    let cut_off = [
        done("a", "cancelled"),
        json!({ "type": "conversation.item.truncated", "item_id": "i", "audio_end_ms": 640 }),
        json!({ "serverContent": { "interrupted": true } }),
    ];
    let interrupted = |trace: &Trace| -> Vec<bool> {
        trace.named("turn").map(|turn| turn.attribute(INTERRUPTED) == Some(&Value::Bool(true))).collect()
    };
    for event in cut_off {
        let events = vec![event.clone(), complete.clone()];
        let inside = capture(|| turn(|_| block_on_stream(session(events.clone())).for_each(drop)));
        assert_eq!(interrupted(&inside), [true], "{event}");
        assert!(!inside.span("s2s").unwrap().is_interrupted());
        // One session for the whole call, whose turns are elsewhere.
        let beside = capture(|| {
            call(|| {
                let mut events = block_on_stream(session(events.clone()));
                turn(|_| ());
                turn(|_| events.next());
                turn(|_| events.next());
                assert_eq!(events.next(), None);
            });
        });
        assert_eq!(interrupted(&beside), [false, true, false], "{event}");
        let by_hand = capture(|| {
            turn(|_| {
                let mut session = cekura::spans::s2s().start();
                session.item(&event);
                session.item(&complete);
                session.end();
            });
        });
        assert_eq!(interrupted(&by_hand), [true], "{event}");
    }
    let one = capture(|| {
        #[cekura::s2s(skip(event))]
        fn answer(event: Json) -> Json {
            event
        }
        turn(|_| drop(answer(done("a", "cancelled"))));
        turn(|_| drop(answer(done("a", "completed"))));
    });
    assert_eq!(interrupted(&one), [true, false]);
}
