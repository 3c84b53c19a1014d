//! One call that stands somewhere in the table of consent, and to which something happens there. Everything that it says, notes,
//! logs and plays is a canary: `before` it happens and `after`. The arguments name the state, the event, when that comes
//! (`during` the call, in `local` mode too, `late`, or never, for the agent is to `die`), the URLs of a backend and an API, and a directory for the
//! spool. It says when it waits, and what the library says.

use cekura::{
    Audio, Cekura, Consent, ConsentEvent, ConsentState, Conversation, Hold, Mode, Protocol, SpoolLimits,
    current_conversation, spans,
};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, at};
use cekura_trace_tests::tone::{CANARY, tone};
use serde_json::json;
use std::fmt::Debug;
use std::io::stdin;
use std::thread::sleep;
use std::time::Duration;
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What is played after it happens, in hertz.
const LATER: f64 = 2_500.0;

/// Longer than what is to be on disk within a second.
const SECOND: Duration = Duration::from_millis(1_600);

struct Printed;

impl<S: tracing::Subscriber> Layer<S> for Printed {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "cekura" {
            event.record(&mut Printed);
        }
    }
}

impl Visit for Printed {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        println!("says {value:?}");
    }
}

struct Plan {
    state: ConsentState,
    event: ConsentEvent,
    when: String,
}

fn main() {
    tracing_subscriber::registry().with(cekura::logs::capture()).with(Printed).init();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [state, event, when, backend, api, spool] = arguments.try_into().unwrap();
    let state = *ConsentState::ALL.iter().find(|known| format!("{known:?}") == state).unwrap();
    let event = *ConsentEvent::ALL.iter().find(|known| format!("{known:?}") == event).unwrap();
    let plan = Plan { state, event, when };
    let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
    let is_local = plan.when == "local";
    let handle = at(&backend, Protocol::Grpc)
        .variables(|name| (name == "NO_COLOR").then(|| "1".to_owned()))
        .api_key(KEY)
        .agent(5)
        .api_url(api)
        .audio(Audio::stereo())
        .consent(asked(state))
        .mode(if is_local { Mode::Local } else { Mode::CloudAndLocal });
    let handle = if is_local { handle } else { handle.spool(spool).spool_limits(limits) };
    let handle = handle.build().unwrap();
    let (call, hold) = call(&handle, &plan);
    if state == ConsentState::NoConsent {
        before(&call, &plan);
    }
    if plan.when == "late" {
        wait("held");
        decide(&call, event);
    } else if event == ConsentEvent::End || state == ConsentState::NoConsent {
        happens(&call, &plan);
    }
    drop(hold);
    println!("{}", handle.shutdown_blocking(LONG));
}

fn asked(state: ConsentState) -> Consent {
    match state {
        ConsentState::AudioHeld => Consent::Audio,
        ConsentState::AllHeld | ConsentState::NoConsent | ConsentState::TextHeld => Consent::Everything,
        _ => Consent::Given,
    }
}

#[cekura::conversation(client = handle, call_id = "call 1", observe, skip_all)]
fn call(handle: &Cekura, plan: &Plan) -> (Conversation, Option<Hold>) {
    let call = current_conversation().unwrap();
    match plan.state {
        ConsentState::TextHeld | ConsentState::NoAudio => call.refuse_audio(),
        ConsentState::Aborted => call.abort(),
        _ => {}
    }
    let hold = (plan.when == "late").then(|| call.hold());
    if plan.state != ConsentState::NoConsent {
        before(&call, plan);
        match &*plan.when {
            "die" => die(&call, plan.event),
            "during" | "local" if plan.event != ConsentEvent::End => happens(&call, plan),
            _ => {}
        }
    }
    (call, hold)
}

fn before(call: &Conversation, plan: &Plan) {
    talk(call, "before", CANARY);
    if plan.when == "during" || plan.when == "local" {
        wait("held");
    }
}

fn happens(call: &Conversation, plan: &Plan) {
    decide(call, plan.event);
    talk(call, "after", LATER);
}

fn decide(call: &Conversation, event: ConsentEvent) {
    // Twice, for the second time must not matter.
    for _ in 0..2 {
        match event {
            ConsentEvent::Abort => call.abort(),
            ConsentEvent::End => {}
            ConsentEvent::Grant => call.grant(),
            ConsentEvent::RefuseAudio => call.refuse_audio(),
        }
    }
}

fn die(call: &Conversation, event: ConsentEvent) {
    sleep(SECOND);
    if event != ConsentEvent::End {
        decide(call, event);
        talk(call, "after", LATER);
        sleep(SECOND);
    }
    wait("ready");
}

/// Says something, and waits until standard input has a line.
fn wait(word: &str) {
    println!("{word}");
    stdin().read_line(&mut String::new()).unwrap();
}

/// Everything that a call can hold, with a canary in it.
fn talk(call: &Conversation, phase: &str, hertz: f64) {
    let turn = spans::turn().parent(call).start();
    turn.in_scope(|| {
        look_up(&format!("{phase}-secret argument"));
        assert!(fail(&format!("{phase}-secret of one that fails")).is_err());
        cekura::record("note", format!("{phase}-secret recorded"));
        tracing::info!("{phase}-secret line");
    });
    turn.end();
    call.user(format!("{phase}-secret note"));
    call.metadata(json!({ phase: format!("{phase}-secret metadata") }));
    let sound = tone(hertz, 0.3, 16_000);
    call.audio().agent(&sound, 16_000);
    sleep(Duration::from_millis(400));
    call.audio().user(&sound, 16_000);
}

#[cekura::tool_call]
fn look_up(what: &str) -> String {
    what.replace("argument", "result")
}

#[cekura::tool_call]
fn fail(what: &str) -> Result<(), String> {
    Err(what.replace("of one that fails", "error"))
}
