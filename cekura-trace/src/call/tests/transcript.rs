//! One transcript of notes and of what spans say.

use super::{Heard, Note, Said, Sources, What};
use crate::transcript::{Content, Entry};

const START: u64 = 1_700_000_000_000_000_000;

fn at(seconds: f64) -> u64 {
    START + super::of_seconds(seconds)
}

fn said(turn: Option<i64>, start: f64, end: f64, what: What) -> Said {
    Said { turn, start: at(start), end: at(end), what }
}

fn user(turn: Option<i64>, start: f64, end: f64, text: &str) -> Said {
    said(turn, start, end, What::User(text.to_owned(), 0))
}

fn agent(turn: Option<i64>, start: f64, end: f64, text: &str) -> Said {
    said(turn, start, end, What::Agent(text.to_owned()))
}

fn turn(number: i64, start: f64, end: f64, was_interrupted: bool) -> Said {
    said(Some(number), start, end, What::Turn { was_interrupted })
}

fn note(turn: Option<i64>, entry: Entry) -> Note {
    Note { entry, turn }
}

/// Text, start and end of each entry.
fn write(notes: Vec<Note>, said: &[Said], heard: &[Heard], stops: &[f64]) -> Vec<(String, f64, f64)> {
    let stops: Vec<_> = stops.iter().map(|stop| at(*stop)).collect();
    let sources = Sources { notes, said, heard, played: &[], stops: &stops, start: START, end: at(100.0) };
    let entries = sources.write().into_iter().map(|entry| {
        let (start, end) = entry.times.unwrap();
        let text = match entry.content {
            Content::Speech { text, .. } => text,
            Content::ToolCall { name, .. } => format!("call {name}"),
            Content::ToolResult { result, .. } => format!("result {result}"),
            Content::Unreadable { name } => name,
        };
        (text, start, end)
    });
    entries.collect()
}

fn texts(written: &[(String, f64, f64)]) -> Vec<&str> {
    written.iter().map(|(text, ..)| text.as_str()).collect()
}

#[test]
fn the_caller_stops_where_the_program_says_and_otherwise_where_the_recogniser_ends() {
    let all = [user(None, 0.0, 2.0, "One."), agent(None, 2.5, 3.0, "Two."), user(None, 4.0, 5.0, "Three.")];
    let written = write(Vec::new(), &all, &[], &[1.6, 1.7]);
    assert_eq!((written[0].1, written[0].2), (0.0, 1.7));
    assert_eq!((written[2].1, written[2].2), (4.0, 5.0));
    // A recogniser that begins when the caller has stopped.
    let written = write(Vec::new(), &all, &[], &[3.9]);
    assert_eq!((written[0].2, written[2].1, written[2].2), (2.0, 3.9, 3.9));
}

#[test]
fn what_a_speaker_says_ends_where_the_same_speaker_goes_on() {
    let all = [agent(None, 1.0, 9.0, "One."), user(None, 2.0, 3.0, "Oh."), agent(None, 4.0, 5.0, "Two.")];
    let written = write(Vec::new(), &all, &[], &[]);
    assert_eq!(written, [("One.".into(), 1.0, 4.0), ("Oh.".into(), 2.0, 3.0), ("Two.".into(), 4.0, 5.0)]);
}

#[test]
fn what_the_caller_says_before_a_turn_belongs_to_that_turn() {
    let all = [
        agent(None, 0.1, 0.5, "Welcome."),
        user(None, 1.0, 2.0, "Heard."),
        turn(1, 2.0, 4.0, false),
        agent(Some(1), 3.0, 4.0, "Answer."),
        user(None, 5.0, 6.0, "Again."),
        turn(2, 6.0, 8.0, false),
        agent(Some(2), 7.0, 8.0, "Next."),
    ];
    // Noted in the turn, between two turns, and before the first.
    let notes = vec![
        note(Some(1), Entry::user("Noted.").at(2.1, 2.1)),
        note(None, Entry::user("Noted again.").at(5.5, 5.5)),
        note(None, Entry::agent("Hello.").at(0.2, 0.2)),
    ];
    let written = write(notes, &all, &[], &[]);
    assert_eq!(texts(&written), ["Hello.", "Noted.", "Answer.", "Noted again.", "Next."]);
}

#[test]
fn tools_noted_by_hand_replace_those_of_their_turn_alone() {
    let tool = |turn, start| {
        let what =
            What::Tool { id: "1".into(), name: "find".into(), arguments: "{}".into(), result: "7".into() };
        said(Some(turn), start, start + 0.4, what)
    };
    let all = [turn(1, 0.0, 2.0, false), tool(1, 1.0), turn(2, 3.0, 5.0, false), tool(2, 4.0)];
    let notes = vec![note(Some(2), Entry::tool_call("x", "mine", "{}").at(4.1, 4.1))];
    let written = write(notes, &all, &[], &[]);
    assert_eq!(texts(&written), ["call find", "result 7", "call mine"]);
    assert!((written[1].1 - 1.4).abs() < 1e-9);
}

#[test]
fn words_that_were_heard_count_in_an_interrupted_turn_alone() {
    let heard = |turn, text: &str, seconds| Heard { turn, text: text.to_owned(), at: at(seconds) };
    let all = [
        agent(Some(1), 1.0, 3.0, "All of this."),
        turn(1, 0.0, 3.0, true),
        agent(Some(2), 4.0, 5.0, "All of that."),
        turn(2, 4.0, 5.0, false),
    ];
    let heard = [heard(1, "All", 1.1), heard(1, " of ", 1.2), heard(2, "All", 4.1)];
    let written = write(Vec::new(), &all, &heard, &[]);
    assert_eq!(written[0], ("All of".to_owned(), 1.1, 1.2));
    assert_eq!(texts(&written), ["All of", "All of that."]);
}

#[test]
fn nothing_stands_behind_the_end_of_the_conversation() {
    let all = [agent(None, 99.0, 120.0, "Goodbye."), agent(None, 101.0, 102.0, "Late.")];
    let written = write(Vec::new(), &all, &[], &[]);
    assert_eq!(written, [("Goodbye.".into(), 99.0, 100.0)]);
}

#[test]
fn a_call_of_a_hundred_thousand_sentences_is_written_in_seconds() {
    let spoken = |number: u32| {
        let at = f64::from(number) / 1_000.0;
        if number.is_multiple_of(2) { user(None, at, at, "?") } else { agent(None, at, at, "!") }
    };
    let all: Vec<_> = (0..100_000).map(spoken).collect();
    let stops: Vec<_> = (0..100_000).map(|number| f64::from(number) / 1_000.0 + 0.000_5).collect();
    let started = std::time::Instant::now();
    assert_eq!(write(Vec::new(), &all, &[], &stops).len(), 100_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
