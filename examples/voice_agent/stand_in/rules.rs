//! A chat so far → the next action, by rules about weekdays, times and names. It knows no more than the messages say.

use serde::Deserialize;
use serde_json::{Value, json};

const DAYS: [&str; 5] = ["monday", "tuesday", "wednesday", "thursday", "friday"];
const HOURS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

#[derive(Deserialize)]
pub(super) struct Message {
    role: String,
    pub(super) content: String,
}

pub(super) fn next(messages: &[Message]) -> Value {
    let last = messages.last().map_or("", |message| message.content.as_str());
    match result(last) {
        Some((tool, result)) => after_tool(tool, &result, messages),
        None => after_caller(last, messages),
    }
}

/// A tool's name and what it returned.
fn result(content: &str) -> Option<(&str, Value)> {
    let (tool, json) = content.split_once(": ")?;
    Some((tool, serde_json::from_str(json).ok()?))
}

fn after_tool(tool: &str, result: &Value, messages: &[Message]) -> Value {
    let caller = Caller::of(messages);
    let day = capitalised(caller.day.unwrap_or("that day"));
    if tool == "find_slot" {
        let times: Vec<String> = result["free"].as_array().into_iter().flatten().map(spoken).collect();
        // The message before the answer that called this tool.
        let refused = messages.iter().rev().nth(2).is_some_and(|message| message.content.contains("refused"));
        let sorry = if refused { "I am afraid that time is taken. " } else { "" };
        return reply(&match times.as_slice() {
            [] => format!("{sorry}There is nothing free on {day} then. Which other day would suit you?"),
            times => format!("{sorry}On {day} I have {}. Which would you like?", times.join(" or ")),
        });
    }
    if result["refused"].is_string() {
        return find_slot(&caller);
    }
    let booked = &result["booked"];
    let name = booked["name"].as_str().unwrap_or("you");
    reply(&format!("I have booked {day} at {} for {name}. Is there anything else?", spoken(&booked["time"])))
}

fn after_caller(last: &str, messages: &[Message]) -> Value {
    let caller = Caller::of(messages);
    let said = Caller::default().hearing(last);
    let leaves = ["goodbye", "bye", "thank you"].iter().any(|word| last.to_lowercase().contains(word));
    match (&caller.day, &caller.time, &caller.name) {
        _ if leaves => reply("Thank you for calling. Goodbye!"),
        (Some(day), Some(time), Some(name)) if said.time.is_some() || said.name.is_some() => {
            json!({ "action": "book_appointment", "day": day, "time": time, "name": name })
        }
        (Some(_), Some(_), None) => reply("Gladly. What is your name, please?"),
        (Some(_), None, _) => find_slot(&caller),
        (None, Some(_), _) => reply("On which day would you like to come?"),
        _ => reply("I am sorry, could you say that again?"),
    }
}

fn find_slot(caller: &Caller) -> Value {
    let part_of_day = if caller.morning { "morning" } else { "afternoon" };
    json!({ "action": "find_slot", "day": caller.day, "part_of_day": part_of_day })
}

fn reply(say: &str) -> Value {
    json!({ "action": "reply", "say": say })
}

/// What the caller wants, as far as it was said.
#[derive(Default)]
struct Caller {
    day: Option<&'static str>,
    morning: bool,
    time: Option<String>,
    name: Option<String>,
}

impl Caller {
    fn of(messages: &[Message]) -> Self {
        let said =
            messages.iter().filter(|message| message.role == "user" && result(&message.content).is_none());
        said.fold(Self::default(), |caller, message| caller.hearing(&message.content))
    }

    /// What is said later counts.
    fn hearing(mut self, text: &str) -> Self {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').collect();
        self.day = DAYS.into_iter().find(|day| words.contains(day)).or(self.day);
        self.morning = words.contains(&"morning") || self.morning && !words.contains(&"afternoon");
        self.time = time(&words).or(self.time);
        self.name = name(text).or(self.name);
        self
    }
}

/// "three o'clock" or "half past two". The clinic is open from eight to seven.
fn time(words: &[&str]) -> Option<String> {
    let hour = |word: &str| {
        let hour = HOURS.iter().position(|hour| *hour == word).map(|index| index + 1);
        hour.or_else(|| word.parse().ok()).filter(|hour| (1..=12).contains(hour))
    };
    (0..words.len()).find_map(|index| {
        let (hour, minute) = match words[index..] {
            ["half", "past", word, ..] => (hour(word)?, "30"),
            [word, "o'clock", ..] => (hour(word)?, "00"),
            _ => return None,
        };
        Some(format!("{:02}:{minute}", if hour < 8 { hour + 12 } else { hour }))
    })
}

/// The words after "my name is", to the end of the sentence.
fn name(text: &str) -> Option<String> {
    let (_, after) = text.split_once("name is ")?;
    let name = after.split(['.', ',', '!', '?']).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// "14:30" as one says it.
fn spoken(time: &Value) -> String {
    let time = time.as_str().unwrap_or_default();
    let hour = time.get(..2).and_then(|hour| hour.parse::<usize>().ok()).unwrap_or(12);
    let hour = HOURS[(hour + 11) % 12];
    if time.ends_with(":30") { format!("half past {hour}") } else { format!("{hour} o'clock") }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
