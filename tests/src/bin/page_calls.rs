//! One call in local mode, of the kind that the argument names, for the tests that open its page. Where endpoints follow, for
//! spans and for call logs, it is delivered too.

use cekura::opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use cekura::opentelemetry::{Context, KeyValue};
use cekura::{Audio, CaptureContent, Cekura, Consent, Mode, spans};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, quick};
use futures::channel::oneshot;
use futures::executor::block_on_stream;
use futures::future::select;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::f64::consts::TAU;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing_subscriber::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().expect("which call");
    let capture = if kind == "metadata" { CaptureContent::Metadata } else { CaptureContent::Full };
    let builder = Cekura::builder().variables(|_| None).mode(Mode::Local).timings(quick());
    let builder = match (arguments.next(), arguments.next()) {
        (Some(spans), Some(calls)) => {
            let cloud = builder.mode(Mode::CloudAndLocal).api_key(KEY).agent(5);
            cloud.otel_endpoint(spans).api_url(calls)
        }
        _ => builder,
    };
    let builder = builder.service_name("clinic-agent").resource("service.version", "1.4.2");
    let builder = builder.resource("deployment.environment.name", "<b>staging</b>");
    let builder = match kind.as_str() {
        "all-granted" | "all-undecided" => builder.audio(Audio::stereo()).consent(Consent::Everything),
        "audio-granted" | "audio-undecided" => builder.audio(Audio::stereo()).consent(Consent::Audio),
        "heard" | "huge" | "refused" | "talking" | "unheard" => builder.audio(Audio::stereo()),
        _ => builder,
    };
    let handle = builder.capture(capture).build().unwrap();
    tracing_subscriber::registry().with(cekura::logs::capture()).init();
    match kind.as_str() {
        "all-granted" | "all-undecided" | "audio-granted" | "audio-undecided" | "heard" | "refused"
        | "unheard" => heard_call(&handle, &kind).await,
        "hostile" => hostile(&handle, "../../CON</title><script>alert(1)</script>").await,
        "huge" => huge(&handle, 600, noise),
        "logged" => logged(&handle),
        "long" => long(&handle, "long-call"),
        "turns-4" | "turns-20" | "turns-200" => {
            turns(&handle, kind.trim_start_matches("turns-").parse().unwrap());
        }
        "observed" => observed(&handle, "observed-call"),
        "talkative" => talkative(&handle, "talkative-call"),
        "talking" => huge(&handle, 300, tone),
        _ => clinic(&handle, "clinic-0931").await,
    }
    println!("{}", handle.shutdown(LONG).await);
}

fn pass(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

/// Two turns: a tool that fails under a model, and an answer that the caller cuts off.
#[cekura::conversation(client = handle, call_id = call_id, skip_all)]
async fn clinic(handle: &Cekura, call_id: &str) {
    first_turn();
    let (heard, cut_in) = oneshot::channel();
    drop(select(Box::pin(second_turn(heard)), cut_in).await);
}

#[cekura::turn]
fn first_turn() {
    hear("I need to move my appointment with Dr. Kim, please.", 60);
    think("I could not reach the calendar just now.", Some("P-2207"), 90);
    say("I could not reach the calendar just now. Shall a colleague call you?", 60);
}

#[cekura::turn(skip_all)]
async fn second_turn(heard: oneshot::Sender<()>) {
    hear("Yes, 谢谢 🙏 that works.", 30);
    think("Done: a colleague will call you. Is there anything else?", None, 30);
    let mut audio = say_for_long("Done: a colleague will call you. Is there anything else?");
    for _ in 0..CHUNKS {
        audio.next().await;
    }
    drop(heard);
    audio.next().await;
}

#[cekura::stt(provider = "deepgram", model = "nova-3", transcript = words, skip_all)]
fn hear(words: &str, milliseconds: u64) {
    pass(milliseconds);
}

fn think(words: &str, patient: Option<&'static str>, milliseconds: u64) {
    read(answer(words, patient, milliseconds));
}

/// Reads a stream to its end.
fn read<T>(stream: impl Stream<Item = T> + Unpin) {
    block_on_stream(stream).for_each(drop);
}

#[cekura::llm(
    provider = "openai",
    model = "gpt-4.1-mini",
    input_tokens = 1_204,
    output_tokens = 31,
    skip(words, patient, milliseconds)
)]
fn answer(words: &str, patient: Option<&'static str>, milliseconds: u64) -> BoxStream<'static, String> {
    let (first, rest) = words.split_at(words.find(' ').unwrap_or(words.len()));
    let parts = [String::new(), first.to_owned(), rest.to_owned()];
    let part = move |(at, part)| {
        pass(milliseconds / 3);
        if let (1, Some(patient)) = (at, patient) {
            drop(book_slot("2026-11-24T09:30", patient, [12_345_678_901_234_567_890, 2]));
        }
        part
    };
    stream::iter(parts).enumerate().map(part).boxed()
}

#[cekura::tool_call]
fn book_slot(slot: &str, patient: &str, alternatives: [u64; 2]) -> Result<String, std::io::Error> {
    let span = Context::current();
    let attributes = vec![KeyValue::new("attempt", 2), KeyValue::new("reason", "no answer within 2 s")];
    span.span().add_event("retried", attributes);
    pass(40);
    let _ = alternatives;
    Err(std::io::Error::other(format!("calendar did not answer within 2 s: POST /v2/slots/{slot}/{patient}")))
}

fn say(words: &str, milliseconds: u64) {
    let part = move |part| {
        pass(milliseconds / 3);
        part
    };
    read(voice(words, stream::iter(vec![vec![0; 320]; 3]).map(part).boxed()));
}

/// Chunks of an answer after which the caller cuts in.
const CHUNKS: usize = 3;

fn say_for_long(words: &str) -> BoxStream<'static, Vec<u8>> {
    let part = |at| async move {
        tokio::time::sleep(if at < CHUNKS { Duration::from_millis(10) } else { LONG }).await;
        vec![0; 320]
    };
    voice(words, stream::iter(0..).then(part).boxed())
}

#[cekura::tts(provider = "elevenlabs", model = "eleven_flash_v2_5", text = words, skip(audio))]
fn voice(words: &str, audio: BoxStream<'static, Vec<u8>>) -> BoxStream<'static, Vec<u8>> {
    audio
}

/// Text that tries to be more than text, right-to-left text, long text, a tool that never ends.
#[cekura::conversation(client = handle, call_id = call_id, skip_all)]
async fn hostile(handle: &Cekura, call_id: &str) {
    let other =
        SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, true, TraceState::NONE);
    Context::current().span().add_link(other, vec![KeyValue::new("from", "<i>the carrier</i>")]);
    hostile_turn().await;
    drop(timeout(Duration::from_millis(60), look_up("<b>", &EVIL.repeat(3))).await);
    drop(fails(&EVIL.repeat(30)));
}

const EVIL: &str = "</script><img src=x onerror=\"window.evil = 1\"><!--<script>window.evil = 2</script>\u{2028}{{data}} \
                    ${alert(1)} javascript:alert(1) \u{202e}nehcsilgne\u{202c} ";

#[cekura::turn]
async fn hostile_turn() {
    hear(EVIL, 20);
    hear("مرحبا، أحتاج إلى موعد مع الدكتور كيم يوم الثلاثاء 24.11. שלום, אני צריך תור 👩🏽‍⚕️🇩🇪", 20);
    hear(&"and my knee still hurts on the stairs, ".repeat(1_200), 20);
    think(&"Donaudampfschifffahrtsgesellschaftskapitän".repeat(20), None, 20);
}

#[cekura::tool_call]
async fn look_up(query: &str, more: &str) -> String {
    tokio::time::sleep(LONG).await;
    format!("{query}{more}")
}

#[cekura::span(name = "</div><script>window.evil = 3</script>")]
fn fails(why: &str) -> Result<(), String> {
    pass(15);
    Err(why.to_owned())
}

/// A call whose own log has words that no span has.
#[cekura::conversation(client = handle, call_id = call_id, skip_all, observe)]
fn observed(handle: &Cekura, call_id: &str) {
    let call = cekura::current_conversation().unwrap();
    call.agent("Riverside Clinic, how can I help?");
    hear("I would like to cancel.", 20);
    call.user("I would like to cancel.");
    call.metadata(serde_json::json!({ "bot_version": "</script>1.0" }));
    call.ended("user-hangup");
}

/// 10,000 turns, 20,000 spans, 20,000 lines.
#[cekura::conversation(client = handle, call_id = call_id, skip_all, observe)]
fn talkative(handle: &Cekura, call_id: &str) {
    for number in 0..10_000 {
        say_yes(&format!("Is it so, for the {number}th time?"));
    }
}

#[cekura::turn(skip_all)]
fn say_yes(words: &str) {
    let call = cekura::current_conversation().unwrap();
    call.user(words);
    heard(words);
    call.agent("Yes, it is.");
}

#[cekura::stt(transcript = words, skip_all)]
fn heard(words: &str) {
    let _ = words;
}

/// 100 turns, 2,000 spans.
#[cekura::conversation(client = handle, call_id = call_id, skip_all)]
fn long(handle: &Cekura, call_id: &str) {
    for _ in 0..99 {
        long_turn();
    }
    for _ in 0..19 {
        guardrail();
    }
}

#[cekura::turn]
fn long_turn() {
    hear("And my knee still hurts on the stairs, since about last Thursday.", 2);
    for _ in 0..4 {
        guardrail();
        look("knee", 3);
        think("I see. Does it hurt when you sit, too?", None, 1);
        guardrail();
    }
    guardrail();
    say("I see. Does it hurt when you sit, too?", 3);
}

#[cekura::tool_call]
fn look(part: &str, limit: u32) -> Vec<String> {
    pass(1);
    (0..limit).map(|number| format!("{part} {number}")).collect()
}

#[cekura::span]
fn guardrail() -> bool {
    true
}

/// So many turns of nine seconds each, that were all taken before. In each fifth one a tool takes long, the third was cut off.
fn turns(handle: &Cekura, count: u64) {
    let began = Instant::now().checked_sub(Duration::from_secs(9 * count)).unwrap();
    let call = spans::conversation().client(handle).call_id("many-turns").started_at(began).start();
    call.in_scope(|| {
        for number in 0..count {
            one_of_many(began + Duration::from_secs(9 * number), number);
        }
    });
    call.end();
}

fn one_of_many(began: Instant, number: u64) {
    let at = |milliseconds: u64| began + Duration::from_millis(milliseconds);
    let tools = if number % 5 == 4 { 1_500 + 50 * number } else { 0 };
    let first = 2_700 + 10 * (number * 7 % 30) + tools;
    let mut turn = spans::turn().started_at(began).start();
    turn.in_scope(|| {
        let now = cekura::current_turn().unwrap();
        now.user_stopped_at(at(2_000));
        let mut hears = spans::stt().provider("deepgram").model("nova-3").started_at(began).start();
        hears.transcript(format!("This is what the caller says in turn {}, after a pause.", number + 1));
        hears.end_at(at(2_180));
        let mut model = spans::llm().provider("openai").model("gpt-4.1-mini").started_at(at(2_190)).start();
        model.usage(1_204, 31);
        model.end_at(at(2_480));
        if tools > 0 {
            spans::tool_call("find_slot").started_at(at(2_490)).start().end_at(at(2_490 + tools));
        }
        let mut voice = spans::tts().provider("elevenlabs").started_at(at(first - 180)).start();
        voice.text("Then let us do it so.");
        voice.end_at(at(first));
        now.first_audio_at(at(first + 40));
        if number == 2 {
            spans::tts().text("Never heard to its end.").started_at(at(first + 100)).start().interrupt();
        }
    });
    turn.record("quality", 0.9);
    turn.end_at(at(8_000));
}

/// Samples a second of the recorded calls.
const RATE: u32 = 16_000;

/// Seconds of a loud tone.
fn tone(seconds: u32) -> Vec<i16> {
    (0..seconds * RATE).map(tone_at).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "it is half of full scale")]
fn tone_at(at: u32) -> i16 {
    (16_000.0 * (440.0 * TAU * f64::from(at) / f64::from(RATE)).sin()) as i16
}

/// Seconds of what cannot be made smaller.
fn noise(seconds: u32) -> Vec<i16> {
    (0..seconds * RATE).map(|_| rand::random()).collect()
}

/// A caller who speaks at second 0.5, is answered at 1.5, and hangs up at 3; each for half a second. A second passes before the
/// conversation.
async fn heard_call(handle: &Cekura, kind: &str) {
    let began = Instant::now();
    let call = spans::conversation().client(handle).call_id(format!("{kind}-call")).observe();
    let call = call.started_at(began).start();
    call.run(async {
        let call = cekura::current_conversation().unwrap();
        let line = call.audio();
        let half = &tone(1)[..8_000];
        at(began, 500).await;
        tracing::info!(caller = "+49 30 <b>", "the caller speaks");
        if kind != "unheard" {
            line.user_at(began + Duration::from_millis(500), half, RATE);
        }
        listen(began).await;
        let speech = speak("Yes, on Tuesday.").await;
        if kind != "unheard" {
            line.agent(half, RATE);
        }
        drop(speech);
        tracing::warn!("the calendar is slow");
        if kind == "refused" {
            call.refuse_audio();
        }
        if kind.ends_with("granted") {
            call.grant();
        }
        at(began, 3_000).await;
    })
    .await;
    call.end();
}

/// A call of a second that logs much, some of it loudly.
#[cekura::conversation(client = handle, call_id = "logged-call", observe, skip_all)]
fn logged(handle: &Cekura) {
    for number in 0..200 {
        match number {
            50 => tracing::warn!(seconds = 3, "the calendar is slow"),
            120 => tracing::error!(status = 503, "the calendar does not answer"),
            160 => tracing::error!("<img src=x onerror=alert(1)>"),
            _ => tracing::info!("step {number}"),
        }
        pass(5);
    }
}

async fn at(began: Instant, milliseconds: u64) {
    tokio::time::sleep_until((began + Duration::from_millis(milliseconds)).into()).await;
}

#[cekura::stt(provider = "deepgram", transcript = "Do you have time?", skip_all)]
async fn listen(began: Instant) {
    at(began, 1_500).await;
}

#[cekura::tts(provider = "elevenlabs", text = words)]
async fn speak(words: &str) -> Vec<u8> {
    vec![0; 320]
}

/// So many seconds of sound on both sides, in a call that began as long ago.
fn huge(handle: &Cekura, seconds: u32, sound: fn(u32) -> Vec<i16>) {
    let length = Duration::from_secs(seconds.into());
    let began = Instant::now().checked_sub(length).unwrap();
    let call = spans::conversation().client(handle).call_id("huge-call").observe().started_at(began).start();
    let conversation = call.in_scope(|| cekura::current_conversation().unwrap());
    let sound = sound(1);
    for second in 0..seconds {
        let at = began + Duration::from_secs(second.into());
        conversation.audio().user_at(at, &sound, RATE);
    }
    call.end();
}
