//! The clinic's front desk: what the caller said and what the model made of it → what is done, and what the
//! agent says about it.

use crate::answer::{Action, Answer};
use crate::clinic::Clinic;
use crate::wish::Wish;
use crate::wording;

pub(crate) struct Desk {
    pub(crate) clinic: Clinic,
    wish: Wish,
    offered: Vec<&'static str>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { clinic: Clinic::new(), wish: Wish::default(), offered: Vec::new() }
    }

    /// Nothing can be booked before something was offered.
    pub(crate) fn may_book(&self) -> bool {
        !self.offered.is_empty()
    }

    /// Does what the model chose and words the result. Where there is nothing to do the model's own words are the
    /// answer, and `None` comes.
    pub(crate) fn act(&mut self, heard: &str, answer: &Answer) -> Option<String> {
        println!("  model:  {:?}", answer.action);
        self.wish.hear(heard, answer, &self.offered);
        match answer.action {
            Action::BookAppointment => Some(self.book()),
            Action::FindSlot => Some(self.offer()),
            Action::Reply => None,
        }
    }

    /// Books what the caller wants, and asks for what is missing.
    fn book(&mut self) -> String {
        let Wish { day: Some(day), time: Some(time), name, .. } = self.wish.clone() else {
            return self.offer();
        };
        let Some(name) = name else { return wording::WHICH_NAME.to_owned() };
        self.wish.time = None;
        match self.clinic.book_appointment(day, &time, &name) {
            Ok(booking) => wording::booked(&booking),
            // A refusal is something to talk about, not the end of the call.
            Err(refused) => {
                println!("  refused: {refused}");
                format!("{} {}", wording::taken(&time), self.offer())
            }
        }
    }

    fn offer(&mut self) -> String {
        let Some(day) = self.wish.day else { return wording::WHICH_DAY.to_owned() };
        self.offered = self.clinic.find_slot(day, self.wish.part_of_day);
        wording::free(day, &self.offered)
    }
}
