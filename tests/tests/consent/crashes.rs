//! The process is killed in every state of the table: what the next one finds in the spool and sends.

use super::cells::walk;
use super::{Places, TONES};
use cekura::{ConsentEvent, ConsentState, SpoolLimits};
use cekura_trace_tests::api::{Api, Reply};
use cekura_trace_tests::backend::{self, Backend};
use cekura_trace_tests::handles::{LONG, observing};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ConsentEvent::End;
use ConsentState::{Aborted, AllHeld, AudioHeld, NoAudio, NoConsent, Open, TextHeld};

/// Servers that fail until they are told to be well.
fn falling() -> (Backend, Api, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let is_up = |looked_at: &Arc<AtomicBool>| {
        let looked_at = looked_at.clone();
        move || looked_at.load(Ordering::Relaxed)
    };
    let (spans, calls) = (is_up(&is_well), is_up(&is_well));
    let backend =
        Backend::scripted(
            move |_, _| if spans() { backend::Reply::Accept } else { backend::Reply::fail(503, 14) },
        );
    let api = Api::scripted(move |seen, _| match (calls(), &*seen.method) {
        (false, _) => Reply::Body(503, String::new()),
        (true, "GET") => Reply::json(200, &json!({ "count": 0, "next": null, "results": [] })),
        (true, _) => Reply::stored(7),
    });
    (backend, api, is_well)
}

#[test]
fn a_process_that_is_killed_leaves_what_its_caller_has_agreed_to() {
    let cells = ConsentState::ALL.iter().flat_map(|state| ConsentEvent::ALL.map(|event| (*state, event)));
    // Nothing happens before it dies where the event is the end. A call without consent has ended.
    walk(cells.filter(|(state, _)| *state != NoConsent), |state, event| {
        let cell = format!("{state:?} {event:?} killed");
        let (backend, api, is_well) = falling();
        let places = Places::new(&format!("killed-{state:?}-{event:?}"), backend, api);
        let mut agent = places.agent(state, event, "die");
        agent.until("ready");
        let stands = if event == End { state } else { state.after(event).0 };
        let (spooled, heard) = (places.text("-secret"), places.tone(TONES[0]));
        match stands {
            Open => assert_eq!(heard, ["recording"], "{cell}"),
            AudioHeld | NoAudio => assert!(heard.is_empty() && !spooled.is_empty(), "{cell}: {heard:?}"),
            AllHeld | TextHeld => {
                assert!(heard.is_empty() && spooled.is_empty(), "{cell}: {heard:?} {spooled:?}");
                assert_eq!(places.spooled(), ["lock"], "{cell}");
            }
            Aborted | NoConsent => {
                // What is there was tried in vain before.
                let spooled = spooled.iter().filter(|place| *place != "spans").collect::<Vec<_>>();
                assert!(heard.is_empty() && spooled.is_empty(), "{cell}: {heard:?} {spooled:?}");
            }
        }
        agent.kill();
        let before = (places.posts().len(), places.backend.seen().len());
        is_well.store(true, Ordering::Relaxed);
        restart(&places);
        let sent = places.posts().split_off(before.0);
        let tones = TONES.map(|hertz| places.tone(hertz).len());
        assert_eq!(sent.len(), usize::from(matches!(stands, AudioHeld | NoAudio | Open)), "{cell}");
        let Some(post) = sent.first() else {
            assert_eq!((tones, post_secret(&places)), ([0, 0], false), "{cell}");
            let spans = places.backend.seen().split_off(before.1);
            assert!(spans.is_empty(), "{cell}: {spans:?}");
            return;
        };
        let is_heard = usize::from(stands == Open);
        assert_eq!(tones, [is_heard, is_heard * usize::from(event != End)], "{cell}");
        let metadata = &post.body["metadata"];
        assert_eq!(
            (&metadata["incomplete"], post.body["trace_id"].is_null()),
            (&json!(true), true),
            "{cell}"
        );
        let agreed = match (state, stands) {
            (Open | NoAudio, _) => Value::Null,
            (_, stands) => Value::Bool(stands == Open),
        };
        assert_eq!(metadata["audio_consent_granted"], agreed, "{cell}");
        let phases = if event == End { &["before"][..] } else { &["before", "after"] };
        for phase in phases {
            for what in ["note", "metadata", "line"] {
                let text = format!("{phase}-secret {what}");
                assert!(post.body.to_string().contains(&text), "{cell}: no {text} in {}", post.body);
            }
            assert!(places.text(&format!("{phase}-secret result")).contains(&"spans".to_owned()), "{cell}");
        }
    });
}

fn post_secret(places: &Places) -> bool {
    places.text("-secret").contains(&"call log".to_owned())
}

/// The next process takes over what there is, and sends it.
fn restart(places: &Places) {
    let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
    let next = observing(&places.backend, &places.api).spool(&places.spool.0).spool_limits(limits);
    let next = next.build().unwrap();
    for ending in [".call_log", ".recording", ".start", ".spans"] {
        places.spool.await_files(ending, 0);
    }
    next.shutdown_blocking(LONG);
    // That of the dead process may be looked at later.
    assert!(places.spooled().iter().all(|file| file == "lock"), "{:?}", places.spool.files(""));
}
