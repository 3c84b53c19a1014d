//! What the model is asked and what it may answer: the caller's words → messages and a JSON schema, its text → an answer.
//! It does not know how the text came.

use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage,
};
use serde::Deserialize;
use serde_json::value::RawValue;

const INSTRUCTIONS: &str = "You answer the phone of a clinic.";

/// What callers say and the right answers, with what the agent said before: a small model follows examples, not rules.
const EXAMPLES: [(Option<&str>, &str, &str); 5] = [
    (
        None,
        "Can I see someone on Monday morning?",
        r#"{"name": "", "day": "Monday", "time": "morning", "action": "find_slot", "say": "Let me look at Monday morning."}"#,
    ),
    (
        Some("On Monday I have nine o'clock or ten o'clock. Which would you like?"),
        "Ten o'clock, please. My name is Tom Lee.",
        r#"{"name": "Tom Lee", "day": "Monday", "time": "ten o'clock", "action": "book_appointment", "say": "I am booking it for you, Tom."}"#,
    ),
    (
        Some("You are booked for Monday at ten o'clock. Anything else?"),
        "No, thank you.",
        r#"{"name": "", "day": "", "time": "", "action": "reply", "say": "Thank you for calling. Goodbye."}"#,
    ),
    (
        None,
        "What is your address?",
        r#"{"name": "", "day": "", "time": "", "action": "reply", "say": "We are at 12 Park Street."}"#,
    ),
    (
        None,
        "I want to come on Wednesday afternoon.",
        r#"{"name": "", "day": "Wednesday", "time": "afternoon", "action": "find_slot", "say": "Let me look at Wednesday afternoon."}"#,
    ),
];

/// As text, because `serde_json` sorts properties and a model writes them in the schema's order: what was heard first,
/// then what to do.
const FORMAT: &str = r#"{"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "day": {"type": "string"},
        "time": {"type": "string"},
        "action": {"type": "string", "enum": ["find_slot", ACTIONS]},
        "say": {"type": "string"}
    },
    "required": ["name", "day", "time", "action", "say"],
    "additionalProperties": false
}}}"#;

const NOT_UNDERSTOOD: &str = "I am sorry, could you say that again?";

/// The model's answer: what to do, and what it believes it heard.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) day: String,
    pub(crate) time: String,
    pub(crate) action: Action,
    pub(crate) say: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    BookAppointment,
    FindSlot,
    #[default]
    Reply,
}

impl Answer {
    /// Reads the model's text. A model that answers nonsense makes the agent ask again.
    pub(crate) fn read(text: &str) -> Self {
        let answer: Self = serde_json::from_str(text).unwrap_or_default();
        let says_something = answer.say.chars().any(char::is_alphanumeric);
        if answer.action != Action::Reply || says_something { answer } else { Self::not_understood() }
    }

    fn not_understood() -> Self {
        Self { say: NOT_UNDERSTOOD.to_owned(), ..Self::default() }
    }
}

/// The messages of one turn. What was agreed before is in the agent's hands, so the agent's last words are enough.
pub(crate) fn messages(said: Option<&str>, heard: &str) -> Vec<ChatCompletionRequestMessage> {
    let agent = |text: &str| ChatCompletionRequestAssistantMessage::from(text).into();
    let caller = |text: &str| ChatCompletionRequestUserMessage::from(text).into();
    let mut messages = vec![ChatCompletionRequestSystemMessage::from(INSTRUCTIONS).into()];
    for (said, heard, answer) in EXAMPLES {
        messages.extend(said.map(agent));
        messages.extend([caller(heard), agent(answer)]);
    }
    messages.extend(said.map(agent));
    messages.push(caller(heard));
    messages
}

/// The response format that the service holds the model to. Nothing can be booked before something was offered.
pub(crate) fn format(offered: bool) -> serde_json::Result<Box<RawValue>> {
    let actions = if offered { r#""book_appointment", "reply""# } else { r#""reply""# };
    RawValue::from_string(FORMAT.replace("ACTIONS", actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_answers_that_can_be_read() {
        for (_, _, answer) in EXAMPLES {
            serde_json::from_str::<Answer>(answer).unwrap();
        }
    }

    #[test]
    fn nonsense_makes_the_agent_ask_again() {
        let mumble = r#"{"name":"","day":"","time":"","action":"reply","say":" ..."}"#;
        for text in ["", "Sure!", r#"{"action":"dance"}"#, mumble] {
            assert_eq!(Answer::read(text), Answer::not_understood(), "{text}");
        }
    }

    #[test]
    fn booking_needs_an_offer() {
        for (offered, actions) in
            [(false, r#"["find_slot", "reply"]"#), (true, r#"["find_slot", "book_appointment", "reply"]"#)]
        {
            assert!(format(offered).unwrap().get().contains(actions));
        }
    }
}
