//! How old a file is by its name, whatever the wall clock does.

use super::{FileName, LEAP, now};
use crate::delivery::spool::item::Kind;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A file of this age, last looked at when the clock was so far behind (or ahead) of now.
fn file(age: Duration, ago: Duration, is_ahead: bool) -> FileName {
    let then = if is_ahead { now() + ago } else { now().checked_sub(ago).unwrap() };
    let text = format!("{:013}-{:010}-receiver-00.spans", then.as_millis(), age.as_millis());
    FileName::parse(&text).unwrap()
}

fn is_about(age: Duration, expected: Duration) -> bool {
    age >= expected && age < expected + Duration::from_secs(60)
}

#[test]
fn a_name_is_what_was_written() {
    let name = FileName::new("0123456789abcdef", Kind::CallLog);
    let read = FileName::parse(&name.to_string()).unwrap();
    assert_eq!(read, name);
    assert_eq!(read.meaning(), Some(("0123456789abcdef", Kind::CallLog)));
    for foreign in ["0001796000000-0123456789abcdef.spans", "notes.txt", "1-2-3", "lock", "1-2-3-4.png"] {
        assert_eq!(FileName::parse(foreign).and_then(|name| Some(name.meaning()?.1)), None, "{foreign}");
    }
    let aside = FileName::of("1-2-3-4.spans".to_owned()).to_string();
    assert!(FileName::parse(&aside).unwrap().age() < Duration::from_secs(60), "{aside}");
}

#[test]
fn time_that_passes_is_counted() {
    assert!(is_about(file(Duration::ZERO, HOUR, false).age(), HOUR));
    assert!(is_about(file(6 * DAY, 20 * HOUR, false).age(), 6 * DAY + 20 * HOUR));
}

#[test]
fn one_jump_of_the_clock_makes_no_file_old() {
    for jump in [400 * DAY, 20_000 * DAY] {
        assert_eq!(file(Duration::ZERO, jump, false).age(), LEAP, "ahead");
        assert_eq!(file(DAY, jump, true).age(), DAY, "back");
    }
    let renewed = file(HOUR, 400 * DAY, true).renewed(HOUR);
    assert!(is_about(renewed.age(), HOUR) && !renewed.is_to_be_renewed(), "{renewed}");
    assert!(file(HOUR, HOUR, true).is_to_be_renewed() && file(HOUR, DAY, false).is_to_be_renewed());
    assert!(!file(HOUR, HOUR, false).is_to_be_renewed());
}
