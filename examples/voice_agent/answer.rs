//! Makes the request to the model of the caller's words: messages, and a JSON schema for the answer. Reads the answer from
//! the model's text, also while the text is not complete.

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
/// then what to do, then what to say.
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

/// The model's answer: what to do, and what it believes it heard.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) day: String,
    pub(crate) time: String,
    pub(crate) action: Action,
    /// What was written of it when there is more to come.
    #[serde(default)]
    pub(crate) say: String,
    /// Whether the last of these is written to its end.
    #[serde(skip)]
    pub(crate) is_whole: bool,
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
    /// Reads what the model has written so far, if that says what to do already.
    pub(crate) fn so_far(text: &str) -> Option<Self> {
        let closed = |end| serde_json::from_str(&format!("{text}{end}")).ok();
        let whole = ["", "}"].into_iter().find_map(closed).map(|answer| Self { is_whole: true, ..answer });
        whole.or_else(|| closed("\"}"))
    }
}

/// The messages of one turn. What was agreed before is in the agent's hands, so the agent's last words are enough.
pub(crate) fn messages(said: &str, heard: &str) -> Vec<ChatCompletionRequestMessage> {
    let agent = |text: &str| ChatCompletionRequestAssistantMessage::from(text).into();
    let caller = |text: &str| ChatCompletionRequestUserMessage::from(text).into();
    let mut messages = vec![ChatCompletionRequestSystemMessage::from(INSTRUCTIONS).into()];
    for (said, heard, answer) in EXAMPLES {
        messages.extend(said.map(agent));
        messages.extend([caller(heard), agent(answer)]);
    }
    messages.extend(Some(said).filter(|said| !said.is_empty()).map(agent));
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
    fn an_answer_can_be_read_before_it_is_whole() {
        let (_, _, text) = EXAMPLES[3];
        let read = |end: &str| Answer::so_far(&text[..text.find(end).unwrap() + end.len()]);
        for early in ["{", "\"time\": ", "\"action\": \"rep"] {
            assert_eq!(read(early), None, "{early}");
        }
        let said = |end| read(end).map(|answer| (answer.say, answer.is_whole)).unwrap();
        assert_eq!(said("\"reply"), (String::new(), false));
        assert_eq!(said("We are at"), ("We are at".to_owned(), false));
        assert_eq!(said("Street."), ("We are at 12 Park Street.".to_owned(), false));
        assert_eq!(said("Street.\""), ("We are at 12 Park Street.".to_owned(), true));
        assert_eq!(said("Street.\"}"), ("We are at 12 Park Street.".to_owned(), true));
    }

    #[test]
    fn half_an_escape_waits_for_the_other_half() {
        let text = r#"{"name": "", "day": "", "time": "", "action": "reply", "say": "A \"\u00e9"#;
        let read = |less: usize| Answer::so_far(&text[..text.len() - less]).map(|answer| answer.say);
        assert_eq!(read(0).as_deref(), Some("A \"é"));
        assert_eq!([read(1), read(5), read(7)], [const { None }; 3]);
        assert_eq!(read(6).as_deref(), Some("A \""));
    }

    #[test]
    fn nonsense_is_no_answer() {
        for text in ["", "Sure!", r#"{"action":"dance"}"#, r#"{"action":"reply","say":"Sure!"}"#] {
            assert_eq!(Answer::so_far(text), None, "{text}");
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
