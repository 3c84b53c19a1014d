//! What the clinic's tools returned → the sentences that the caller hears. No model words them, so that they are true.

use crate::clinic::{Booking, Day};

pub(crate) const HOURS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

pub(crate) const NOT_UNDERSTOOD: &str = "I am sorry, could you say that again?";
pub(crate) const WHICH_DAY: &str = "On which day would you like to come?";
pub(crate) const WHICH_NAME: &str = "Gladly. What is your name, please?";

pub(crate) fn free(day: Day, times: &[&str]) -> String {
    if times.is_empty() {
        return format!("There is nothing free on {day:?} then. Which other day would suit you?");
    }
    let question = if times.len() == 1 { "Would you like that?" } else { "Which would you like?" };
    let times: Vec<String> = times.iter().map(|time| spoken(time)).collect();
    format!("On {day:?} I have {}. {question}", times.join(" or "))
}

pub(crate) fn booked(booking: &Booking) -> String {
    format!("You are booked for {:?} at {}. Anything else?", booking.day, spoken(&booking.time))
}

pub(crate) fn taken(time: &str) -> String {
    format!("I am sorry, {} is taken.", spoken(time))
}

/// "14:30" as one says it.
fn spoken(time: &str) -> String {
    let (hour, minute) = time.split_once(':').unwrap_or((time, "00"));
    let hour = HOURS[(hour.parse().unwrap_or(12) + 11) % 12];
    match minute {
        "00" => format!("{hour} o'clock"),
        "30" => format!("half past {hour}"),
        _ => format!("{hour} {minute}"),
    }
}
