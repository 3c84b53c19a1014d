//! The table of consent as a whole, and threads that decide at the same time.

use super::{CallConsent, Consent, ConsentEvent, ConsentFate, ConsentState};
use std::sync::Arc;
use std::thread;

/// What the documentation calls a state.
fn words(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Aborted => "aborted",
        ConsentState::AllHeld => "all held",
        ConsentState::AudioHeld => "recording held",
        ConsentState::NoAudio => "no recording",
        ConsentState::NoConsent => "not granted",
        ConsentState::Open => "open",
        ConsentState::TextHeld => "text held",
    }
}

#[test]
fn the_documentation_shows_the_same_table() {
    // The published package has no such folder.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/calls.md");
    let Ok(page) = std::fs::read_to_string(page) else { return };
    let rows = page.lines().map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| row.len() == 8).skip(2).collect();
    assert_eq!(rows.len(), ConsentState::ALL.len());
    for (row, state) in rows.iter().zip(ConsentState::ALL) {
        assert_eq!(row[0].split(" (").next(), Some(words(state)));
        assert_eq!(row[1] == "kept", state.keeps_audio(), "{state:?}");
        let fate = match state.fate() {
            ConsentFate::Aborted | ConsentFate::NoConsent => "erased",
            ConsentFate::Leaves => "leave",
            ConsentFate::Waits => "wait",
        };
        assert_eq!(row[2], fate, "{state:?}");
        for (cell, event) in row[3..7].iter().zip(ConsentEvent::ALL) {
            let (after, is_in_vain) = state.after(event);
            let unchanged = if is_in_vain { "no effect" } else { "–" };
            assert_eq!(*cell, if after == state { unchanged } else { words(after) }, "{state:?} {event:?}");
        }
    }
}

/// Every state that can be reached, with every event.
fn cells() -> impl Iterator<Item = (ConsentState, ConsentEvent)> {
    ConsentState::ALL.into_iter().flat_map(|state| ConsentEvent::ALL.map(|event| (state, event)))
}

#[test]
fn each_state_and_each_event_has_the_place_of_its_number() {
    assert!(ConsentState::ALL.iter().enumerate().all(|(at, state)| *state as usize == at));
    assert!(ConsentEvent::ALL.iter().enumerate().all(|(at, event)| *event as usize == at));
}

#[test]
fn nothing_that_was_refused_or_erased_comes_back() {
    for (before, event) in cells() {
        let (after, is_in_vain) = before.after(event);
        assert!(!after.keeps_audio() || before.keeps_audio(), "{before:?} {event:?}");
        let is_erased =
            |state: ConsentState| matches!(state.fate(), ConsentFate::Aborted | ConsentFate::NoConsent);
        assert!(!is_erased(before) || after == before, "{before:?} {event:?}");
        assert!(!is_in_vain || after == before, "{before:?} {event:?} warns and changes something");
        assert_eq!(after.after(event).0, after, "{before:?} {event:?} twice");
    }
}

#[test]
fn nothing_leaves_before_it_is_granted_and_nothing_waits_after_the_end() {
    for (before, event) in cells() {
        let (after, _) = before.after(event);
        let begins_to_leave = before.fate() == ConsentFate::Waits && after.fate() == ConsentFate::Leaves;
        assert!(!begins_to_leave || event == ConsentEvent::Grant, "{before:?} {event:?}");
        if event == ConsentEvent::End {
            assert_ne!(after.fate(), ConsentFate::Waits, "{before:?}");
            assert!(after == ConsentState::Open || !after.keeps_audio(), "{before:?}");
        }
    }
}

#[test]
fn whoever_decides_first_of_many_threads_a_refusal_stays_and_so_does_the_end() {
    use ConsentEvent::{Abort, End, Grant, RefuseAudio};
    for round in 0..300 {
        let consent = Arc::new(CallConsent::new([Consent::Audio, Consent::Everything][round % 2]));
        let mut events = vec![Grant, RefuseAudio, Grant, End];
        if round % 3 == 0 {
            events.push(Abort);
        }
        let seen: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = events
                .iter()
                .map(|event| {
                    let consent = consent.clone();
                    scope.spawn(move || consent.happens(*event))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let last = consent.state();
        assert!(!last.keeps_audio() && last.fate() != ConsentFate::Waits, "{last:?} of {seen:?}");
        assert_eq!(last == ConsentState::Aborted, round % 3 == 0 && !ended_first(&seen), "{seen:?}");
    }
}

/// Whether the call had ended without consent when it was aborted.
fn ended_first(seen: &[[ConsentState; 2]]) -> bool {
    seen.iter().any(|[_, after]| *after == ConsentState::NoConsent)
}
