//! What the model may answer, as a JSON schema and as a type: its text → one action. It does not know how the text
//! came.

use crate::clinic::{Day, PartOfDay};
use async_openai::types::chat::{ResponseFormat, ResponseFormatJsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) const INSTRUCTIONS: &str = "\
You answer the telephone of a small clinic and make appointments. Answer with the next action in JSON.
find_slot: see which times are free on the day and in the part of the day that the caller wants.
book_appointment: book one of the free times, written like 14:30, for the name that the caller gave.
reply: say one short, friendly sentence to the caller.
The result of find_slot or book_appointment is the next message.";

const NOT_UNDERSTOOD: &str = "I am sorry, could you say that again?";

/// The next thing the agent does.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Action {
    Reply { say: String },
    FindSlot { day: Day, part_of_day: PartOfDay },
    BookAppointment { day: Day, time: String, name: String },
}

impl Action {
    /// Reads the model's text. A model that answers nonsense makes the agent ask again.
    pub(crate) fn read(text: &str) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            next: Action,
        }
        match serde_json::from_str(text) {
            Ok(Answer { next: Self::Reply { say } }) if !say.chars().any(char::is_alphanumeric) => {
                Self::not_understood()
            }
            Ok(Answer { next }) => next,
            Err(_) => Self::not_understood(),
        }
    }

    fn not_understood() -> Self {
        Self::Reply { say: NOT_UNDERSTOOD.to_owned() }
    }
}

/// The schema that the service holds the model to. It offers each tool once a turn, for small models repeat themselves.
pub(crate) fn format(called: &[&str]) -> ResponseFormat {
    let day = json!({ "type": "string", "enum": ["monday", "tuesday", "wednesday", "thursday", "friday"] });
    let part_of_day = json!({ "type": "string", "enum": ["morning", "afternoon"] });
    let text = json!({ "type": "string" });
    let mut actions = vec![
        ("reply", json!({ "say": text })),
        ("find_slot", json!({ "day": day, "part_of_day": part_of_day })),
        ("book_appointment", json!({ "day": day, "time": text, "name": text })),
    ];
    actions.retain(|(name, _)| !called.contains(name));
    let actions = actions.into_iter().map(|(name, mut properties)| {
        properties["action"] = json!({ "type": "string", "enum": [name] });
        object(&properties)
    });
    // In a property, because the root must be an object.
    let next = json!({ "anyOf": actions.collect::<Vec<_>>() });
    ResponseFormat::JsonSchema {
        json_schema: ResponseFormatJsonSchema {
            name: "next_action".to_owned(),
            description: None,
            schema: object(&json!({ "next": next })),
            strict: Some(true),
        },
    }
}

fn object(properties: &Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(|map| map.keys()).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_from_its_json() {
        let text = r#"{"next":{"action":"find_slot","day":"tuesday","part_of_day":"afternoon"}}"#;
        assert_eq!(
            Action::read(text),
            Action::FindSlot { day: Day::Tuesday, part_of_day: PartOfDay::Afternoon }
        );
    }

    #[test]
    fn nonsense_makes_the_agent_ask_again() {
        for text in
            ["", "Sure!", r#"{"next":{"action":"dance"}}"#, r#"{"next":{"action":"reply","say":" ..."}}"#]
        {
            assert_eq!(Action::read(text), Action::not_understood(), "{text}");
        }
    }
}
