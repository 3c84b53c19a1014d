//! A tap that panics harms nobody.

use super::{SealedCallLog, Tap, Taps};
use std::cell::RefCell;
use std::rc::Rc;

type Seen = Rc<RefCell<Vec<String>>>;

/// Notes what it is asked, and panics when it is to draw.
struct Noting(&'static str, Seen);

impl Noting {
    fn note(&self, what: &str) {
        self.1.borrow_mut().push(format!("{}: {what}", self.0));
    }
}

impl Tap for Noting {
    fn take(&mut self, _: &[u8]) {
        self.note("take");
    }

    fn wants_more(&mut self) -> bool {
        self.0 == "first"
    }

    fn call_log(&mut self, _: &SealedCallLog) {}

    fn proceed(&mut self) {
        assert_ne!(self.0, "first", "as the test says");
        self.note("proceed");
    }

    fn finish(&mut self) {}

    fn clear(&mut self) {
        self.note("clear");
    }
}

#[test]
fn a_tap_that_panics_is_cleared_and_the_others_go_on() {
    let seen = Seen::default();
    let mut taps =
        Taps(vec![Box::new(Noting("first", seen.clone())), Box::new(Noting("second", seen.clone()))]);
    assert!(taps.wants_more());
    taps.proceed();
    taps.take(&[]);
    assert_eq!(seen.take(), ["first: clear", "second: proceed", "first: take", "second: take"]);
}
