//! The caller's last words → the answer that the schema asks for, by rules about weekdays, times and names.
//! It knows no more than the request says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

const DAYS: [&str; 5] = ["monday", "tuesday", "wednesday", "thursday", "friday"];

#[derive(Deserialize)]
pub(super) struct Message {
    role: String,
    pub(super) content: String,
}

/// In the schema's order, as a model writes it.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    name: &'a str,
    day: &'a str,
    time: String,
    action: &'static str,
    say: &'static str,
}

pub(super) fn answer<'a>(messages: &'a [Message], schema: &Value) -> Answer<'a> {
    let heard = messages.iter().rfind(|message| message.role == "user").map_or("", |m| m.content.as_str());
    let day = words(heard).find(|word| DAYS.contains(&word.to_lowercase().as_str())).unwrap_or("");
    let part_of_day = words(heard).find(|word| ["morning", "afternoon"].contains(word)).unwrap_or("");
    let (time, name) = (time(heard), name(heard));
    let actions = schema["properties"]["action"]["enum"].as_array();
    let may_book = actions.is_some_and(|actions| actions.contains(&"book_appointment".into()));
    let (action, say) = if heard.to_lowercase().contains("bye") {
        ("reply", "Thank you for calling. Goodbye!")
    } else if may_book && !(time.is_empty() && name.is_empty()) {
        ("book_appointment", "I am booking it for you.")
    } else if !(day.is_empty() && part_of_day.is_empty()) {
        ("find_slot", "Let me look.")
    } else {
        ("reply", "I am sorry, could you say that again?")
    };
    let time = if time.is_empty() { part_of_day.to_owned() } else { time };
    Answer { name, day, time, action, say }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
}

/// "Three o'clock" or "half past two".
fn time(text: &str) -> String {
    let words: Vec<&str> = words(text).collect();
    let oclock = words.windows(2).find(|words| words[1] == "o'clock");
    let half = words.windows(3).find(|words| words[1] == "past");
    oclock.or(half).map_or_else(String::new, |words| words.join(" "))
}

/// The words after "my name is", to the end of the sentence.
fn name(text: &str) -> &str {
    let after = text.split_once("name is ").map_or("", |(_, after)| after);
    after.split(['.', ',', '!', '?']).next().unwrap_or("").trim()
}
