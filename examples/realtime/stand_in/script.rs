//! One call, word for word: what the caller says in each exchange → what the stand-in answers.

use crate::caller::Line;
use std::time::Duration;

/// How the stand-in answers.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Call { name: &'static str, arguments: &'static str },
    Say(&'static str),
}

/// The caller's words and the answers: one when they were heard, and one for each result of a function.
pub(super) struct Exchange {
    pub(super) words: &'static str,
    pub(super) answers: &'static [Answer],
}

/// The first one is the agent's alone.
pub(super) const EXCHANGES: [Exchange; 5] = [
    Exchange { words: "", answers: &[Answer::Say("Clinic, good morning.")] },
    Exchange {
        words: "What is free on Tuesday?",
        answers: &[
            Answer::Call { name: "find_slot", arguments: r#"{"day":"Tuesday"}"# },
            Answer::Say("Half past two or four."),
        ],
    },
    Exchange {
        words: "What does a visit cost?",
        answers: &[Answer::Say(
            "The first visit is sixty, later ones are forty, a certificate is ten, and a flu shot is free.",
        )],
    },
    Exchange {
        words: "Thanks. Book four, please.",
        answers: &[
            Answer::Call { name: "book_appointment", arguments: r#"{"day":"Tuesday","time":"16:00"}"# },
            Answer::Say("Tuesday at four, then."),
        ],
    },
    Exchange { words: "Thank you, bye.", answers: &[Answer::Say("Goodbye.")] },
];

/// The caller's part. The answer before the words that thank is not heard out.
pub(crate) fn caller() -> impl Iterator<Item = Line> {
    let cuts_in = |words: &str| words.starts_with("Thanks").then_some(Duration::from_millis(500));
    EXCHANGES[1..]
        .iter()
        .map(move |exchange| Line { words: exchange.words, cuts_in: cuts_in(exchange.words) })
}
