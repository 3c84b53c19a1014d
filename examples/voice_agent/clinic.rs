//! The clinic's calendar for one week: a day and a part of it → free times, a free time and a name → a booking.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The times that are still free, and what was booked.
pub(crate) struct Clinic {
    free: Vec<(Day, &'static str)>,
    booked: Vec<Booking>,
}

impl Clinic {
    pub(crate) fn new() -> Self {
        use Day::{Friday, Monday, Thursday, Tuesday, Wednesday};
        let free = vec![
            (Monday, "09:00"),
            (Monday, "10:30"),
            (Tuesday, "09:30"),
            (Tuesday, "14:30"),
            (Tuesday, "16:00"),
            (Wednesday, "11:00"),
            (Wednesday, "15:00"),
            (Thursday, "14:00"),
            (Friday, "08:30"),
        ];
        Self { free, booked: Vec::new() }
    }

    /// The free times of a day, or of its morning or afternoon.
    #[cekura::tool_call]
    pub(crate) fn find_slot(&self, day: Day, part_of_day: Option<PartOfDay>) -> Vec<&'static str> {
        let wanted = |time: &str| {
            part_of_day.is_none_or(|part_of_day| (time >= "12:00") == (part_of_day == PartOfDay::Afternoon))
        };
        self.free.iter().filter(|(free, time)| *free == day && wanted(time)).map(|(_, time)| *time).collect()
    }

    /// Books a free time. It is not free any more then.
    #[cekura::tool_call]
    pub(crate) fn book_appointment(&mut self, day: Day, time: &str, name: &str) -> Result<Booking, Refused> {
        if name.trim().is_empty() {
            return Err(Refused::NoName);
        }
        let taken = || Refused::Taken { day, time: time.to_owned() };
        let slot = self.free.iter().position(|slot| *slot == (day, time)).ok_or_else(taken)?;
        self.free.remove(slot);
        let booking = Booking { day, time: time.to_owned(), name: name.trim().to_owned() };
        self.booked.push(booking.clone());
        Ok(booking)
    }

    pub(crate) fn booked(&self) -> &[Booking] {
        &self.booked
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PartOfDay {
    Morning,
    Afternoon,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Booking {
    pub(crate) day: Day,
    pub(crate) time: String,
    pub(crate) name: String,
}

impl fmt::Display for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} for {}", self.day, self.time, self.name)
    }
}

/// Why nothing was booked.
#[derive(Debug)]
pub(crate) enum Refused {
    NoName,
    Taken { day: Day, time: String },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => write!(f, "the caller's name is missing"),
            Self::Taken { day, time } => write!(f, "{day:?} {time} is not free"),
        }
    }
}

impl std::error::Error for Refused {}
