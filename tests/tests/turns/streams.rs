//! Moments that streams give: the first audio, a sentence that the recogniser will not change.

use super::*;
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value as Json, json};

/// A stream whose every item takes some time.
fn each<T: Send + 'static>(
    items: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
) -> BoxStream<'static, T> {
    stream::iter(items).inspect(|_| pass()).boxed()
}

#[cekura::tts(skip_all)]
fn speak(words: &str) -> BoxStream<'static, Vec<u8>> {
    each([words.as_bytes().to_vec(), vec![0; 320], vec![0; 320]])
}

#[cekura::s2s]
fn converse(items: usize) -> BoxStream<'static, Vec<i16>> {
    each(vec![vec![0; 160]; items])
}

#[cekura::stt]
fn listen(events: Vec<Json>) -> BoxStream<'static, Json> {
    each(events)
}

/// An event of Deepgram's.
fn event(words: &str, is_final: bool) -> Json {
    json!({ "type": "Results", "is_final": is_final, "channel": { "alternatives": [{ "transcript": words }] } })
}

#[test]
fn the_first_audio_is_the_first_item_of_a_voice() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            stopped = Some(ending(hear));
            let mut audio = block_on_stream(speak("Hello."));
            heard = Some(ending(|| audio.next()));
            assert_eq!(audio.count(), 2);
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn an_answer_cut_off_was_heard() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            stopped = Some(ending(hear));
            let mut audio = block_on_stream(speak("Hello."));
            heard = Some(ending(|| audio.next()));
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
    assert_eq!(trace.span("turn").unwrap().attribute(INTERRUPTED), Some(&Value::Bool(true)));
}

#[test]
fn a_voice_that_has_not_begun_is_not_heard() {
    #[cekura::tts]
    fn breaks(words: &str) -> BoxStream<'static, Result<Vec<u8>, String>> {
        each([Err(format!("no voice for {words}"))])
    }
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped();
            assert_eq!(block_on_stream(breaks("Hello.")).flatten().count(), 0);
            drop(speak("Hello."));
            assert_eq!(block_on_stream(converse(0)).count(), 0);
        });
    });
    assert_eq!(latency(&trace), None);
}

#[test]
fn of_speech_to_speech_the_first_audio_counts_and_no_event() {
    #[cekura::s2s]
    fn events() -> BoxStream<'static, Json> {
        each([json!({ "type": "session.created" }), json!({ "type": "response.created" })])
    }
    let start = Instant::now();
    let mut heard = None;
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            assert_eq!(block_on_stream(events()).count(), 2);
            let mut audio = block_on_stream(converse(2));
            heard = Some(ending(|| audio.next()));
            assert_eq!(audio.count(), 1);
        });
    });
    check(latency(&trace), &(start..=start), &heard.unwrap());
}

#[test]
fn a_final_transcript_is_heard_before_the_recogniser_ends() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            // One recogniser for the whole call.
            let mut events = block_on_stream(listen(vec![
                event("I need", false),
                event("I need an appointment.", true),
                event("", true),
                event("Oh", false),
            ]));
            events.next();
            turn(|_| {
                stopped = Some(ending(|| events.next()));
                events.next();
                events.next();
                heard = Some(ending(|| say("On which day?")));
            });
            assert_eq!(events.count(), 0);
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn a_recogniser_of_plain_text_has_heard_when_it_ends() {
    #[cekura::stt]
    fn words() -> BoxStream<'static, &'static str> {
        each(["I need ", "an appointment."])
    }
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            let mut words = block_on_stream(words());
            words.next();
            words.next();
            let end = Instant::now();
            assert_eq!(words.next(), None);
            stopped = Some(end..=Instant::now());
            heard = Some(ending(|| say("On which day?")));
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn a_recogniser_that_heard_nothing_or_broke_says_nothing() {
    #[cekura::stt]
    fn breaks() -> BoxStream<'static, Result<&'static str, String>> {
        each([Ok("I need"), Err("closed".to_owned())])
    }
    let trace = capture(|| {
        turn(|turn| {
            assert_eq!(block_on_stream(listen(vec![])).count(), 0);
            assert_eq!(block_on_stream(breaks()).count(), 2);
            block_on_stream(listen(vec![event("I need", false), event("I need an", false)])).next();
            turn.first_audio();
        });
    });
    assert_eq!(latency(&trace), None);
}
