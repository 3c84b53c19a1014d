//! What a caller said and what the model made of it → what the caller wants.

use crate::answer::Answer;
use crate::clinic::{Day, PartOfDay};
use crate::wording::HOURS;
use serde::de::DeserializeOwned;

/// What the caller wants, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    pub(crate) day: Option<Day>,
    pub(crate) part_of_day: Option<PartOfDay>,
    /// Like 14:30.
    pub(crate) time: Option<String>,
    pub(crate) name: Option<String>,
}

impl Wish {
    /// The model's answer is a suggestion: it counts where the caller was heard to say it, or chose from what was
    /// offered. What the caller says later counts more.
    pub(crate) fn hear(&mut self, heard: &str, answer: &Answer, mut offered: &[&str]) {
        let suggested = words(&format!("{} {}", answer.day, answer.time));
        let heard_words = words(heard);

        let day = settle::<Day>(&named(&suggested), &named(&heard_words)).or(self.day);
        if day != self.day {
            offered = &[];
            *self = Self { day, name: self.name.take(), ..Self::default() };
        }
        self.part_of_day = settle::<PartOfDay>(&named(&suggested), &named(&heard_words)).or(self.part_of_day);

        let times = times(&suggested);
        let chosen = || times.iter().find(|time| offered.contains(&time.as_str())).cloned();
        self.time = settle(&times, &self::times(&heard_words)).or_else(chosen).or(self.time.take());

        let name = answer.name.trim();
        let name = (!name.is_empty() && heard.contains(name)).then(|| name.to_owned());
        self.name = name.or_else(|| introduced(heard)).or(self.name.take());
    }
}

/// The suggestion that was heard, else the first that was heard.
fn settle<T: Clone + PartialEq>(suggested: &[T], heard: &[T]) -> Option<T> {
    suggested.iter().find(|value| heard.contains(value)).or(heard.first()).cloned()
}

fn words(text: &str) -> Vec<String> {
    // "p.m." is one word, and so is "o’clock".
    let text = text.to_lowercase().replace('.', "").replace('’', "'");
    let words = text.split(|c: char| !c.is_alphanumeric() && !"':".contains(c));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words that name a `T`.
fn named<T: DeserializeOwned>(words: &[String]) -> Vec<T> {
    words.iter().filter_map(|word| serde_json::from_value(word.as_str().into()).ok()).collect()
}

/// "three o'clock", "3 pm", "at 3", "half past two" or "14:30". The clinic is open from eight to seven.
fn times(words: &[String]) -> Vec<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let time = |index: usize| {
        let (hour, minute) = match words[index..] {
            ["half", "past", word, ..] => (hour(word)?, "30"),
            [word, ..] if word.contains(':') => {
                let (word, minute) = word.split_once(':')?;
                (hour(word)?, minute)
            }
            [word, "o'clock" | "am" | "pm", ..] | ["at", word, ..] => (hour(word)?, "00"),
            _ => return None,
        };
        Some(format!("{:02}:{minute}", if hour < 8 { hour + 12 } else { hour }))
    };
    (0..words.len()).filter_map(time).collect()
}

fn hour(word: &str) -> Option<usize> {
    let named = HOURS.iter().position(|hour| *hour == word).map(|index| index + 1);
    named.or_else(|| word.parse().ok()).filter(|hour| (1..24).contains(hour))
}

/// The words after "my name is", to the end of the sentence.
fn introduced(heard: &str) -> Option<String> {
    let (_, after) = heard.split_once("name is ")?;
    let name = after.split(['.', ',', '!', '?']).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, day: &str, time: &str) -> Answer {
        Answer { name: name.to_owned(), day: day.to_owned(), time: time.to_owned(), ..Answer::default() }
    }

    fn wish(day: Day, part_of_day: Option<PartOfDay>, time: Option<&str>, name: Option<&str>) -> Wish {
        Wish { day: Some(day), part_of_day, time: time.map(str::to_owned), name: name.map(str::to_owned) }
    }

    #[test]
    fn what_the_caller_did_not_say_is_not_believed() {
        let mut wants = Wish::default();
        wants.hear("Hello, is there anything?", &answer("John Smith", "Wednesday", "09:30"), &["14:30"]);
        assert_eq!(wants, Wish::default());
    }

    #[test]
    fn the_callers_own_words_count_more_than_the_model() {
        let mut wants = Wish::default();
        wants.hear(
            "Tuesday at 3 o'clock. My name is Anna Miller.",
            &answer("", "Wednesday", "14:30"),
            &["14:30"],
        );
        assert_eq!(wants, wish(Day::Tuesday, None, Some("15:00"), Some("Anna Miller")));
    }

    #[test]
    fn the_model_chooses_among_what_was_heard_or_offered() {
        let mut wants = wish(Day::Tuesday, None, None, None);
        let heard = "Not Monday morning, Tuesday afternoon, the first one, for Peter Jones.";
        wants.hear(heard, &answer("Peter Jones", "tuesday", "afternoon, 14:30"), &["14:30", "16:00"]);
        assert_eq!(wants, wish(Day::Tuesday, Some(PartOfDay::Afternoon), Some("14:30"), Some("Peter Jones")));
    }

    #[test]
    fn what_was_said_before_is_kept_until_the_day_changes() {
        let mut wants = wish(Day::Tuesday, Some(PartOfDay::Afternoon), Some("16:00"), Some("Anna Miller"));
        wants.hear("Half past two, please.", &answer("", "", ""), &[]);
        assert_eq!(wants, wish(Day::Tuesday, Some(PartOfDay::Afternoon), Some("14:30"), Some("Anna Miller")));
        wants.hear("Or on Friday?", &answer("", "", "14:30"), &["14:30", "16:00"]);
        assert_eq!(wants, wish(Day::Friday, None, None, Some("Anna Miller")));
    }

    #[test]
    fn times_are_understood_as_they_are_spoken_and_written() {
        let heard = "Three o’clock, 9 a.m., half past 2, 16:00, 4:30 p.m. or at five.";
        assert_eq!(times(&words(heard)), ["15:00", "09:00", "14:30", "16:00", "16:30", "17:00"]);
        assert!(times(&words("25:99, four people, o'clock")).is_empty());
    }
}
