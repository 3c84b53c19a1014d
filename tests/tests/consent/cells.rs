//! Every cell of the table: a canary that may not leave is on no server, in no file, page or drawing, and one that may arrives.

use super::{Places, SECOND, TONES};
use cekura::{ConsentEvent, ConsentState};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use serde_json::Value;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};

use ConsentEvent::{Abort, End, Grant, RefuseAudio};
use ConsentState::{Aborted, AllHeld, AudioHeld, NoAudio, NoConsent, Open, TextHeld};

/// What must be seen of a call to which something happened, when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// Of what came before it happened, and after.
    text: [Text; 2],
    audio: bool,
    /// `metadata.audio_consent_granted`.
    agreed: Option<bool>,
    dropped: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    /// In spans, call log, drawing and page.
    Everywhere,
    Nowhere,
    /// Spans may have left before.
    PerhapsInSpans,
}

/// The table in the words of somebody who uses it.
fn seen(state: ConsentState, event: ConsentEvent) -> Seen {
    use Text::{Everywhere, Nowhere, PerhapsInSpans};
    let agreed = match state {
        AllHeld | AudioHeld if event == Grant => Some(true),
        AudioHeld | TextHeld => Some(false),
        _ => None,
    };
    let all = Seen { text: [Everywhere; 2], audio: true, agreed, dropped: None };
    let text_only = Seen { audio: false, ..all };
    let nothing = |why| Seen { text: [Nowhere; 2], audio: false, agreed: None, dropped: Some(why) };
    let no_more = Seen { text: [PerhapsInSpans, Nowhere], ..nothing("aborted") };
    match (state, event) {
        (Open, Grant | End) | (AudioHeld | AllHeld, Grant) => all,
        (Open, RefuseAudio)
        | (AudioHeld, RefuseAudio | End)
        | (TextHeld, Grant)
        | (NoAudio, Grant | RefuseAudio | End) => text_only,
        (Open | AudioHeld | NoAudio, Abort) => no_more,
        (AllHeld | TextHeld, RefuseAudio | End) | (NoConsent, Grant | RefuseAudio | Abort | End) => {
            nothing("no_consent")
        }
        (AllHeld | TextHeld, Abort) | (Aborted, Grant | RefuseAudio | Abort | End) => nothing("aborted"),
    }
}

/// Checks cells, some at a time, and names all that are wrong.
pub(super) fn walk(
    cells: impl Iterator<Item = (ConsentState, ConsentEvent)>,
    check: fn(ConsentState, ConsentEvent),
) {
    let cells: Vec<_> = cells.collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((state, event)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            if catch_unwind(|| check(*state, *event)).is_err() {
                wrong.lock().unwrap().push((state, event));
            }
        }
    };
    // A call waits most of its time.
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "these cells are wrong: {wrong:?}");
}

#[test]
fn every_cell_of_the_consent_table() {
    let cells = ConsentState::ALL.iter().flat_map(|state| ConsentEvent::ALL.map(|event| (*state, event)));
    walk(cells, |state, event| {
        let cell = format!("{state:?} {event:?}");
        let places = Places::new(&format!("{state:?}-{event:?}"), Backend::new(), Api::new());
        let mut agent = places.agent(state, event, "during");
        agent.until("held");
        nothing_has_left(&places, state);
        agent.go_on();
        let (said, drawn) = agent.end();
        let expected = seen(state, event);
        for (phase, expected) in ["before", "after"].into_iter().zip(expected.text) {
            // What ends after the conversation is drawn by nobody, and in no call log but as metadata of none.
            let is_late = event == End && phase == "after";
            assert_text(&cell, &places, &drawn, &format!("{phase}-secret"), expected, is_late);
        }
        for (at, hertz) in TONES.into_iter().enumerate() {
            let is_kept = expected.audio && !(event == End && at == 1);
            let expected = if is_kept { &["html", "recording"][..] } else { &[] };
            assert_eq!(places.tone(hertz), expected, "{cell}: tone {at}");
        }
        assert_metadata(&cell, &places, expected);
        assert_report(&cell, &said, expected);
        let warnings = said.iter().filter(|line| line.contains("has no effect")).count();
        assert_eq!(warnings, usize::from(state.after(event).1), "{cell}: {said:?}");
        assert!(said.iter().all(|line| !line.contains("secret")), "{cell}: {said:?}");
        assert!(places.spool.files("").is_empty(), "{cell}: {:?}", places.spool.files(""));
    });
}

/// While a call waits, nothing of what waits is anywhere.
fn nothing_has_left(places: &Places, state: ConsentState) {
    // By then it would be on disk.
    sleep(SECOND);
    let (text, tone) = (places.text("before-secret"), places.tone(TONES[0]));
    match state {
        AllHeld | TextHeld | Aborted | NoConsent => {
            assert!(text.is_empty() && tone.is_empty(), "{state:?}: {text:?} {tone:?}");
            assert!(places.backend.seen().is_empty() && places.api.seen().is_empty(), "{state:?}");
            assert_eq!(places.spooled(), ["lock"], "{state:?}");
        }
        AudioHeld | NoAudio => assert!(tone.is_empty(), "{state:?}: {tone:?}"),
        // What is looked for can be found.
        Open => assert_eq!((text[0].as_str(), tone), ("call_log", vec!["recording".to_owned()]), "{text:?}"),
    }
}

fn assert_text(cell: &str, places: &Places, drawn: &str, canary: &str, expected: Text, is_late: bool) {
    let found = places.text(canary);
    let is_drawn = drawn.contains(canary);
    match expected {
        Text::Everywhere if is_late => {
            assert!(found.contains(&"spans".to_owned()), "{cell}: {canary} {found:?}");
        }
        Text::Everywhere => {
            assert!(is_drawn, "{cell}: {canary} in\n{drawn}");
            assert_eq!(found, ["call log", "html", "spans"], "{cell}: {canary}");
            let log = places.posts()[0].body.to_string();
            for what in ["note", "metadata", "line"] {
                assert!(log.contains(&format!("{canary} {what}")), "{cell}: {what} in {log}");
            }
            for what in ["argument", "result", "error", "recorded"] {
                assert_eq!(
                    places.text(&format!("{canary} {what}")).last().unwrap(),
                    "spans",
                    "{cell}: {what}"
                );
            }
        }
        Text::Nowhere => assert!(found.is_empty() && !is_drawn, "{cell}: {canary} {found:?}\n{drawn}"),
        Text::PerhapsInSpans => {
            assert!(found.iter().all(|place| place == "spans") && !is_drawn, "{cell}: {canary} {found:?}");
        }
    }
}

fn assert_metadata(cell: &str, places: &Places, expected: Seen) {
    let posts = places.posts();
    let is_posted = expected.text[0] == Text::Everywhere;
    assert_eq!(posts.len(), usize::from(is_posted), "{cell}");
    let Some(post) = posts.first() else { return };
    let agreed = &post.body["metadata"]["audio_consent_granted"];
    assert_eq!(agreed, &expected.agreed.map_or(Value::Null, Value::Bool), "{cell}");
    assert_eq!(post.body["main_agent_channel_index"].is_null(), !expected.audio, "{cell}");
    assert!(post.body["trace_id"].is_string(), "{cell}: {}", post.body);
}

fn assert_report(cell: &str, said: &[String], expected: Seen) {
    let report = said.last().unwrap();
    let is_dropped = |reason| report.contains(&format!("({reason} "));
    match expected.dropped {
        None => assert!(!report.contains("dropped"), "{cell}: {report}"),
        Some(reason) => assert!(is_dropped(reason), "{cell}: {report}"),
    }
    let number = |what: &str| {
        let part = report.split([',', ';']).find(|part| part.contains(what))?;
        part.trim().split(' ').next()?.parse::<u64>().ok()
    };
    let rest = number(" delivered").unwrap() + number(" dropped").unwrap_or(0);
    assert_eq!(number(" accepted"), Some(rest), "{cell}: {report}");
}

#[test]
fn every_cell_of_the_consent_table_in_local_mode() {
    let cells = ConsentState::ALL.iter().flat_map(|state| ConsentEvent::ALL.map(|event| (*state, event)));
    walk(cells, |state, event| {
        let cell = format!("{state:?} {event:?} local");
        let places = Places::new(&format!("local-{state:?}-{event:?}"), Backend::new(), Api::new());
        let mut agent = places.agent(state, event, "local");
        agent.until("held");
        assert!(places.text("before-secret").is_empty(), "{cell}: nothing is shown before the end");
        agent.go_on();
        let (said, drawn) = agent.end();
        let expected = seen(state, event);
        for (phase, expected) in ["before", "after"].into_iter().zip(expected.text) {
            let canary = format!("{phase}-secret");
            let is_shown = expected == Text::Everywhere;
            // What ends after the conversation comes in time for the drawing or does not.
            if !is_shown || (event, phase) != (End, "after") {
                assert_eq!(drawn.contains(&canary), is_shown, "{cell}: {canary} in\n{drawn}");
                assert_eq!(
                    places.text(&canary),
                    if is_shown { &["html"][..] } else { &[] },
                    "{cell}: {canary}"
                );
            }
        }
        for (at, hertz) in TONES.into_iter().enumerate() {
            let is_kept = expected.audio && (event, at) != (End, 1);
            assert_eq!(places.tone(hertz), if is_kept { &["html"][..] } else { &[] }, "{cell}: tone {at}");
        }
        let report = said.last().unwrap();
        match expected.dropped {
            None => assert!(!report.contains("dropped") || report.contains("(late "), "{cell}: {report}"),
            Some(reason) => assert!(report.contains(&format!("({reason} ")), "{cell}: {report}"),
        }
        assert!(places.backend.seen().is_empty() && places.api.seen().is_empty(), "{cell}");
    });
}

#[test]
fn every_cell_of_the_consent_table_once_the_call_has_ended() {
    let decided = [Grant, RefuseAudio, Abort];
    let cells = ConsentState::ALL.iter().flat_map(|state| decided.map(|event| (*state, event)));
    // That one begins where a call has ended.
    walk(cells.filter(|(state, _)| *state != NoConsent), |state, event| {
        let cell = format!("{state:?} ended {event:?}");
        let places = Places::new(&format!("ended-{state:?}-{event:?}"), Backend::new(), Api::new());
        let mut agent = places.agent(state, event, "late");
        agent.until("held");
        let ended = state.after(End).0;
        if matches!(ended, NoConsent | Aborted) {
            nothing_has_left(&places, ended);
        }
        agent.go_on();
        let (said, drawn) = agent.end();
        let (posts, found) = (places.posts(), places.text("before-secret"));
        let is_posted = matches!((ended, event), (Open | NoAudio, Grant | RefuseAudio));
        assert_eq!(posts.len(), usize::from(is_posted), "{cell}: {said:?}");
        let has_audio = (ended, event) == (Open, Grant);
        // A page that was written before stays.
        let heard = places.tone(TONES[0]).into_iter().filter(|place| place != "html").collect::<Vec<_>>();
        assert_eq!(heard, if has_audio { &["recording"][..] } else { &[] }, "{cell}");
        if let Some(post) = posts.first() {
            assert_eq!(post.body["main_agent_channel_index"].is_null(), !has_audio, "{cell}");
            let agreed = &post.body["metadata"]["audio_consent_granted"];
            assert_eq!(agreed, &if state == AudioHeld { Value::Bool(false) } else { Value::Null }, "{cell}");
        }
        if matches!(ended, NoConsent | Aborted) {
            assert!(found.is_empty() && !drawn.contains("secret"), "{cell}: {found:?}");
        } else {
            assert_eq!(found.contains(&"call log".to_owned()), is_posted, "{cell}: {found:?}");
        }
        assert!(places.spool.files("").is_empty(), "{cell}: {:?}", places.spool.files(""));
    });
}
