//! The transcript of a conversation with `observe` writes itself, from what its spans say.

use super::said;
use cekura::{CaptureContent, Cekura, current_conversation, current_turn};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SYSTEM: &str = "You are a waiter. Never say the word dessert.";

#[cekura::stt]
async fn hear(text: &str) -> String {
    sleep(Duration::from_millis(20)).await;
    text.to_owned()
}

#[cekura::llm]
async fn think(_messages: &[(&str, &str)]) -> String {
    "I must look that up.".to_owned()
}

#[cekura::tool_call]
async fn find_table(people: u32) -> Result<String, String> {
    sleep(Duration::from_millis(400)).await;
    if people > 10 { Err("too many".to_owned()) } else { Ok("19:30".to_owned()) }
}

/// A voice that gives a chunk of audio every 10 ms.
#[cekura::tts(text = text)]
fn speak(text: &str, chunks: usize) -> impl Stream<Item = Vec<u8>> + use<> {
    stream::iter(0..chunks).then(|_| async {
        sleep(Duration::from_millis(10)).await;
        vec![1; 320]
    })
}

async fn say(text: &str) {
    speak(text, 3).for_each(|_| async {}).await;
}

#[cekura::turn]
async fn turn(heard: &str, people: u32, answer: &str) {
    hear(heard).await;
    current_turn().unwrap().user_stopped();
    think(&[("system", SYSTEM), ("user", heard)]).await;
    drop(find_table(people).await);
    say(answer).await;
}

/// Runs a conversation to its end, and gives what was posted.
async fn posted(call: impl AsyncFnOnce(&Cekura)) -> Value {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    call(&handle).await;
    handle.shutdown(LONG).await;
    api.posted()
}

fn times(body: &Value, at: usize) -> (f64, f64) {
    let entry = &body["transcript_json"][at];
    (entry["start_time"].as_f64().unwrap(), entry["end_time"].as_f64().unwrap())
}

#[cekura::conversation(client = handle, call_id = "table", observe, skip_all)]
async fn reserve(handle: &Cekura) {
    say("Good evening!").await;
    turn("A table for two?", 2, "At half past seven.").await;
    turn("For twenty?", 20, "That is too many.").await;
}

#[tokio::test]
async fn an_annotated_agent_writes_its_own_transcript() {
    let started = Instant::now();
    let body = posted(reserve).await;
    let lasted = started.elapsed().as_secs_f64();
    let expected = [
        ("Main Agent", "Good evening!"),
        ("Testing Agent", "A table for two?"),
        ("Function Call", r#"find_table {"people":2}"#),
        ("Function Call Result", "find_table 19:30"),
        ("Main Agent", "At half past seven."),
        ("Testing Agent", "For twenty?"),
        ("Function Call", r#"find_table {"people":20}"#),
        ("Function Call Result", r#"find_table {"error":"too many"}"#),
        ("Main Agent", "That is too many."),
    ];
    assert_eq!(said(&body), expected.map(|(role, text)| (role.to_owned(), text.to_owned())));
    assert!(!body.to_string().contains("dessert"), "the system prompt is nobody's word");
    let (call, result) = (times(&body, 2), times(&body, 3));
    // Times of the log are whole milliseconds.
    assert!((0.399..lasted).contains(&(result.0 - call.0)), "the tool took 0.4 s: {call:?} {result:?}");
    let entries = body["transcript_json"].as_array().unwrap();
    let mut last = 0.0;
    for at in 0..entries.len() {
        let (start, end) = times(&body, at);
        assert!(last <= start && start <= end && end <= lasted, "{entries:?}");
        last = start;
    }
    assert_eq!(body["transcript_json"][2]["data"]["id"], body["transcript_json"][3]["data"]["id"]);
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn corrected(handle: &Cekura) {
    turn("A table for too?", 2, "At half past seven.").await;
    second().await;
}

#[cekura::turn]
async fn second() {
    hear("Wiz a few.").await;
    current_conversation().unwrap().user("With a view.");
    say("By the window.").await;
}

#[tokio::test]
async fn words_noted_by_hand_stand_in_place_of_those_of_the_spans_in_their_turn() {
    let body = posted(corrected).await;
    let speech: Vec<_> = said(&body).into_iter().filter(|(role, _)| !role.starts_with("Function")).collect();
    let texts: Vec<_> = speech.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["A table for too?", "At half past seven.", "With a view.", "By the window."]);
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn without_turns(handle: &Cekura) {
    current_conversation().unwrap().agent("Good evening!");
    sleep(Duration::from_millis(5)).await;
    hear("A table?").await;
    say("At eight.").await;
    hear("Wiz a few.").await;
    current_conversation().unwrap().user("With a view.");
    say("Certainly.").await;
}

#[tokio::test]
async fn without_turns_a_note_replaces_what_the_spans_say_of_that_exchange() {
    let texts: Vec<_> = said(&posted(without_turns).await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Good evening!", "A table?", "At eight.", "With a view.", "Certainly."]);
}

#[cekura::conversation(client = handle, observe = manual, skip_all)]
async fn by_hand(handle: &Cekura) {
    turn("A table for two?", 2, "At half past seven.").await;
    current_conversation().unwrap().user("Only this.");
}

#[cekura::conversation(client = handle, observe, capture = CaptureContent::Metadata, skip_all)]
async fn private(handle: &Cekura) {
    turn("A table for two?", 2, "At half past seven.").await;
}

#[tokio::test]
async fn the_spans_write_nothing_where_the_program_or_the_policy_says_so() {
    let texts: Vec<_> = said(&posted(by_hand).await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Only this."]);
    assert_eq!(posted(private).await.get("transcript_json"), None);
    let by_builder = async |handle: &Cekura| {
        let call = cekura::spans::conversation().client(handle).observe_manual().start();
        call.run(turn("A table for two?", 2, "At half past seven.")).await;
        call.finish().await;
    };
    assert_eq!(posted(by_builder).await.get("transcript_json"), None);
}

#[cekura::tts(text = text)]
async fn play(text: &str) {
    sleep(Duration::from_millis(20)).await;
}

#[cekura::tts(text = text)]
async fn render(text: &str, samples: usize) -> Vec<i16> {
    vec![1; samples]
}

#[cekura::stt(is_final = false)]
async fn hear_interim(text: &str) -> String {
    text.to_owned()
}

#[cekura::stt]
async fn fail_to_hear(_text: &str) -> Result<String, String> {
    Err("no signal".to_owned())
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn odd(handle: &Cekura) {
    hear_interim("A tab").await;
    drop(fail_to_hear("A table?").await);
    hear("  ").await;
    hear("A table?").await;
    render("Never.", 0).await;
    speak("Never either.", 0).for_each(|_| async {}).await;
    play("Played by the function itself.").await;
    render("Given at once.", 160).await;
}

#[tokio::test]
async fn what_nobody_heard_or_said_is_not_in_it() {
    let texts: Vec<_> = said(&posted(odd).await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["A table?", "Played by the function itself.", "Given at once."]);
}

#[cekura::turn]
async fn interrupted() {
    hear("What is there to eat?").await;
    for sentence in ["We have soup.", "We have fish and chips.", "We have cake."] {
        speak(sentence, if sentence.contains("fish") { 10_000 } else { 3 }).for_each(|_| async {}).await;
    }
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn barge_in(handle: &Cekura) {
    drop(tokio::time::timeout(Duration::from_millis(300), interrupted()).await);
    turn("Soup, please.", 1, "Very well.").await;
}

#[tokio::test]
async fn after_a_barge_in_the_sentences_that_had_not_begun_are_absent() {
    let texts: Vec<_> = said(&posted(barge_in).await).into_iter().map(|(_, text)| text).collect();
    let expected = ["What is there to eat?", "We have soup.", "We have fish and chips.", "Soup, please."];
    assert_eq!(texts[..4], expected);
    assert!(!texts.contains(&"We have cake.".to_owned()));
}

#[cekura::turn]
async fn interrupted_with_words() {
    hear("What is there to eat?").await;
    let mut audio = Box::pin(speak("We have soup and fish and chips.", 10_000));
    for word in ["We", "have", "soup"] {
        audio.next().await;
        current_turn().unwrap().spoken(word);
    }
    std::future::pending::<()>().await;
}

#[cekura::turn]
async fn whole_with_words() {
    for word in ["Very", "well."] {
        current_turn().unwrap().spoken(word);
    }
    say("Very well, Sir.").await;
}

#[cekura::conversation(client = handle, observe, skip_all)]
async fn barge_in_with_words(handle: &Cekura) {
    drop(tokio::time::timeout(Duration::from_millis(300), interrupted_with_words()).await);
    whole_with_words().await;
}

#[tokio::test]
async fn the_words_that_were_heard_stand_for_the_speech_of_an_interrupted_turn() {
    let texts: Vec<_> = said(&posted(barge_in_with_words).await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["What is there to eat?", "We have soup", "Very well, Sir."]);
}

#[tokio::test]
async fn a_hang_up_in_mid_speech_leaves_the_tool_and_what_was_heard() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        drop(find_table(2).await);
        speak("At half past seven, by the window.", 10_000).for_each(|_| async {}).await;
    }
    let body =
        posted(async |handle| drop(tokio::time::timeout(Duration::from_millis(600), call(handle)).await))
            .await;
    let roles: Vec<_> = said(&body).into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["Function Call", "Function Call Result", "Main Agent"]);
    let (start, end) = times(&body, 2);
    assert!(0.4 <= start && start < end && end < 3.0, "{body}");
}

#[tokio::test]
async fn a_span_that_is_open_at_the_end_is_in_it_and_ends_there() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        hear("Bye.").await;
        cekura::spawn(async { speak("Goodbye, and thank you.", 50).for_each(|_| async {}).await });
        sleep(Duration::from_millis(100)).await;
    }
    let body = posted(async |handle: &Cekura| {
        call(handle).await;
        sleep(Duration::from_millis(900)).await;
    })
    .await;
    let texts: Vec<_> = said(&body).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Bye.", "Goodbye, and thank you."]);
    assert!(body["trace_id"].is_string(), "its trace is whole by then: {body}");
    assert!(times(&body, 1).1 < 0.5, "the conversation was over: {body}");
}

/// A telephone's WAV file of so many milliseconds.
fn wav(length: u32) -> Vec<u8> {
    let bytes = 16 * length;
    let head = [
        &b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data"[..],
        &bytes.to_le_bytes(),
    ];
    let mut file = head.concat();
    file.resize(file.len() + bytes as usize, 0);
    file
}

#[cekura::stt]
async fn hear_file(file: &[u8]) -> String {
    sleep(Duration::from_millis(100)).await;
    format!("A file of {} bytes.", file.len())
}

#[cekura::stt]
async fn hear_samples(sample_rate: u32, samples: Vec<i16>) -> String {
    sleep(Duration::from_millis(100)).await;
    format!("{} samples at {sample_rate} Hz.", samples.len())
}

#[cekura::stt]
async fn hear_bytes(bytes: &[u8], rate: u32) -> String {
    sleep(Duration::from_millis(100)).await;
    format!("{} bytes at {rate} Hz.", bytes.len())
}

#[tokio::test]
async fn what_a_recogniser_is_given_whole_was_said_before() {
    #[cekura::turn]
    async fn stopped() {
        current_turn().unwrap().user_stopped();
        sleep(Duration::from_millis(200)).await;
        hear_file(&wav(300)).await;
    }
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        hear_file(&wav(60000)).await;
        sleep(Duration::from_millis(600)).await;
        hear_file(&wav(400)).await;
        sleep(Duration::from_millis(600)).await;
        hear_samples(16_000, vec![1; 8_000]).await;
        // Nobody knows how long these are.
        hear_bytes(&[1; 8_000], 8_000).await;
        say("Yes?").await;
        sleep(Duration::from_millis(500)).await;
        stopped().await;
    }
    let body = posted(call).await;
    let lengths: Vec<_> = (0..6).map(|at| times(&body, at)).map(|(start, end)| end - start).collect();
    assert!(times(&body, 0).0.abs() < f64::EPSILON, "the call had just begun: {body}");
    for (at, expected) in [(1, 0.4), (2, 0.5), (5, 0.3)] {
        assert!((lengths[at] - expected).abs() < 0.003, "{at}: {lengths:?}");
    }
    let (bytes, stopped) = (lengths[3], times(&body, 5));
    assert!((0.1..0.3).contains(&bytes), "{lengths:?}");
    // It is over where the program says so, before the recogniser began.
    assert!(stopped.1 - times(&body, 4).1 < 0.6, "{body}");
}

#[tokio::test]
async fn a_recogniser_that_is_given_the_whole_call_again_does_not_say_when_the_rest_began() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        sleep(Duration::from_millis(500)).await;
        hear_file(&wav(400)).await;
        say("Yes?").await;
        sleep(Duration::from_millis(200)).await;
        // The whole call until now.
        hear_samples(8_000, vec![1; 7_200]).await;
    }
    let body = posted(call).await;
    let (answer, second) = (times(&body, 1), times(&body, 2));
    // Times are whole milliseconds, of which the difference as seconds may be a hair less.
    let length = ((second.1 - second.0) * 1000.0).round();
    assert!(second.0 >= answer.1 && (100.0..300.0).contains(&length), "{body}");
}

#[tokio::test]
async fn two_calls_at_once_keep_their_words_apart() {
    #[cekura::conversation(client = handle, call_id = name, observe, skip_all)]
    async fn call(handle: &Cekura, name: &str) {
        for number in 0..3 {
            turn(&format!("{name} asks {number}"), 2, &format!("{name} is told {number}")).await;
        }
    }
    let (backend, apis) = (Backend::new(), [Api::new(), Api::new()]);
    let handles = apis.each_ref().map(|api| observing(&backend, api).build().unwrap());
    tokio::join!(call(&handles[0], "Ann"), call(&handles[1], "Bob"));
    for (handle, (api, (own, other))) in handles.iter().zip(apis.iter().zip([("Ann", "Bob"), ("Bob", "Ann")]))
    {
        handle.shutdown(LONG).await;
        let body = api.posted().to_string();
        assert_eq!(body.matches(own).count(), 7, "{body}");
        assert!(!body.contains(other), "{body}");
    }
}

/// What a recogniser or a session sends through a whole call, with a pause before each.
#[cekura::stt]
fn listen(events: Vec<Value>) -> impl Stream<Item = Value> + use<> {
    paced(events)
}

#[cekura::s2s]
fn session(events: Vec<Value>) -> impl Stream<Item = Value> + use<> {
    paced(events)
}

fn paced(events: Vec<Value>) -> impl Stream<Item = Value> {
    stream::iter(events).then(|event| async {
        sleep(Duration::from_millis(20)).await;
        event
    })
}

fn deepgram(text: &str, is_final: bool) -> Value {
    let alternatives = json!([{ "transcript": text, "confidence": 0.9 }]);
    json!({ "type": "Results", "is_final": is_final, "speech_final": is_final, "channel": { "alternatives": alternatives } })
}

#[tokio::test]
async fn a_recogniser_that_listens_to_the_whole_call_gives_each_sentence_when_it_was_said() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        let events = vec![
            deepgram("A tab", false),
            deepgram("A table for two?", true),
            deepgram("For", false),
            deepgram("For tonight.", true),
            deepgram("Thank", false),
        ];
        let mut heard = Box::pin(listen(events));
        while let Some(event) = heard.next().await {
            if event["is_final"] == true {
                say("One moment.").await;
            }
        }
    }
    let body = posted(call).await;
    let texts: Vec<_> = said(&body).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["A table for two?", "One moment.", "For tonight.", "One moment."]);
    let (first, second) = (times(&body, 0), times(&body, 2));
    assert!(
        first.1 - first.0 >= 0.02 && second.0 > times(&body, 1).1 && second.1 - second.0 >= 0.02,
        "{body}"
    );
}

#[tokio::test]
async fn a_session_gives_each_answer_and_what_the_caller_said() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        let heard = |text: &str| {
            json!({
                "type": "conversation.item.input_audio_transcription.completed", "event_id": "e", "item_id": "i",
                "content_index": 0, "transcript": text,
            })
        };
        let answer = |id: &str, parts: [&str; 2]| {
            let delta = |text| {
                json!({
                    "type": "response.output_audio_transcript.delta", "event_id": "e", "response_id": id, "item_id": "i",
                    "output_index": 0, "content_index": 0, "delta": text,
                })
            };
            let text = parts.concat();
            let done = json!({
                "type": "response.done", "event_id": "e",
                "response": {
                    "id": id, "object": "realtime.response", "status": "completed",
                    "output": [{ "type": "message", "role": "assistant", "content": [{ "type": "audio", "transcript": text }] }],
                },
            });
            [
                vec![json!({ "type": "response.created", "event_id": "e", "response": { "id": id } })],
                parts.map(delta).to_vec(),
                vec![done],
            ]
            .concat()
        };
        let events = [
            vec![heard("A table for two?")],
            answer("resp_1", ["At half ", "past seven."]),
            vec![heard("Thank you.")],
            answer("resp_2", ["You are ", "welcome."]),
        ]
        .concat();
        session(events).for_each(|_| async {}).await;
    }
    let body = posted(call).await;
    let expected = [
        ("Testing Agent", "A table for two?"),
        ("Main Agent", "At half past seven."),
        ("Testing Agent", "Thank you."),
        ("Main Agent", "You are welcome."),
    ];
    assert_eq!(said(&body), expected.map(|(role, text)| (role.to_owned(), text.to_owned())), "{body}");
}

#[tokio::test]
async fn two_turns_of_one_number_keep_their_own_words() {
    #[cekura::turn(number = 1)]
    async fn first(heard: &str, answer: &str) {
        hear(heard).await;
        say(answer).await;
    }
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn call(handle: &Cekura) {
        first("Hello?", "One moment, I pass you on.").await;
        first("Helo again?", "Now I hear you.").await;
    }
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn corrected(handle: &Cekura) {
        first("Hello?", "One moment, I pass you on.").await;
        first_corrected().await;
    }
    #[cekura::turn(number = 1)]
    async fn first_corrected() {
        current_conversation().unwrap().user("Hello again?");
        say("Now I hear you.").await;
    }
    let texts = |body: Value| said(&body).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    let all = ["Hello?", "One moment, I pass you on.", "Helo again?", "Now I hear you."];
    assert_eq!(texts(posted(call).await), all);
    assert_eq!(texts(posted(corrected).await), [all[0], all[1], "Hello again?", all[3]]);
}
