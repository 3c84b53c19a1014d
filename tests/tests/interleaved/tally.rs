//! Makes numbers from a seed, and counts what was drawn for each function's body.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a body ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Returned,
    Failed,
    Panicked,
    Interrupted,
}

/// What the functions themselves know of their beginnings and endings.
#[derive(Default)]
pub(crate) struct Tally {
    started: AtomicUsize,
    ended: [AtomicUsize; 4],
}

impl Tally {
    /// How many bodies began, and how many ended in each way.
    pub(crate) fn counts(&self) -> (usize, [usize; 4]) {
        let ended = self.ended.each_ref().map(|count| count.load(Ordering::SeqCst));
        (self.started.load(Ordering::SeqCst), ended)
    }
}

/// Lives as long as the body of one function.
pub(crate) struct Witness {
    tally: Arc<Tally>,
    ending: Ending,
}

impl Witness {
    pub(crate) fn new(tally: &Arc<Tally>) -> Self {
        tally.started.fetch_add(1, Ordering::SeqCst);
        Self { tally: tally.clone(), ending: Ending::Interrupted }
    }

    /// Says how the body will end, but for interruption.
    pub(crate) fn expect(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Ends the body in a way that is drawn.
    pub(crate) fn end<T>(&mut self, dice: &mut Dice, value: T) -> Result<T, Refused> {
        match dice.roll(10) {
            0 => {
                self.ending = Ending::Panicked;
                // Without the message that `panic!` prints.
                resume_unwind(Box::new("on purpose"))
            }
            1 | 2 => {
                self.ending = Ending::Failed;
                Err(Refused)
            }
            _ => {
                self.ending = Ending::Returned;
                Ok(value)
            }
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.tally.ended[self.ending as usize].fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub(crate) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

/// Numbers from a seed (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }
}
