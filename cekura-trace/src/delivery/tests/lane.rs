//! A lane of things that are made up: whatever is answered, and whenever, each of them is settled exactly once.

use super::delivery::{Change, Delivery, Judgement, Standing};
use super::{DropReason, Lane, OwnEvents, PendingRequest, Timings};
use crate::arbitrary::config;
use crate::delivery::spool::requests::Stored;
use crate::delivery::spool::{Item, Kind};
use crate::delivery::transport::Sending;
use proptest::prelude::{any, prop_assert_eq, proptest};
use prost::bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::Instant;

/// How often each of them was settled, or replaced by parts.
type Ends = Rc<RefCell<BTreeMap<u32, u32>>>;

/// Does what a script says, one byte for each decision; when it is over everything succeeds.
struct Scripted {
    script: std::vec::IntoIter<u8>,
    ends: Ends,
}

struct Number(u32, Bytes);

impl Scripted {
    fn make(&self) -> Number {
        let mut ends = self.ends.borrow_mut();
        let number = u32::try_from(ends.len()).unwrap();
        ends.insert(number, 0);
        Number(number, Bytes::from_static(b"x"))
    }

    fn end(&self, number: u32) {
        *self.ends.borrow_mut().get_mut(&number).unwrap() += 1;
    }
}

impl Delivery for Scripted {
    type Item = Number;
    type Answer = u8;
    type Outcome = ();

    const RESTS_ON_DISK: bool = true;

    fn request(&mut self, _: &Number) -> Result<Sending<u8>, ()> {
        let next = self.script.next().unwrap_or(1);
        match next % 16 {
            0 => Err(()),
            1 => Ok(Box::pin(async { panic!("as the script says") })),
            _ => Ok(Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(u64::from(next))).await;
                next
            })),
        }
    }

    fn no_answer() -> u8 {
        4
    }

    fn judge(&mut self, item: &mut Number, repeats: u32, _: &u8) -> Judgement<Number, ()> {
        match self.script.next() {
            Some(0) => Judgement::Again,
            Some(1 | 2) => {
                self.end(item.0);
                Judgement::Parts(vec![self.make(), self.make()])
            }
            Some(3..64) if repeats < 2 => Judgement::Repeat,
            Some(byte @ 64..192) => {
                let reason = if byte % 2 == 0 { DropReason::Refused } else { DropReason::Unavailable };
                let wait = (byte % 3 == 0).then(|| Duration::from_secs(u64::from(byte)));
                Judgement::Retry { reason, wait }
            }
            _ => Judgement::End(()),
        }
    }

    fn settle(&mut self, item: Number, _: Result<(), DropReason>, is_left: bool, _: &OwnEvents) {
        assert!(!is_left, "there is no disk");
        self.end(item.0);
    }

    fn note(&mut self, _: &Number, standing: Standing) {
        assert_eq!(standing, Standing::Settled, "there is no disk");
    }

    fn wait_in_vain(&mut self) {}

    fn tell(&self, _: Change<u8>, _: &OwnEvents) {}
}

impl Stored for Number {
    const KIND: Kind = Kind::Start;

    fn head(&self) -> Item {
        Item::Start
    }

    fn into_head(self) -> Item {
        Item::Start
    }

    fn body(&self) -> &Bytes {
        &self.1
    }

    fn set_body(&mut self, body: Bytes) {
        self.1 = body;
    }

    fn found(_: &Item) -> Option<Self> {
        None
    }

    fn held(&self) -> usize {
        self.1.len()
    }
}

/// Runs a lane for so many rounds, each until something is due, then gives it up; how often each item was settled.
async fn run(script: Vec<u8>, rounds: usize) -> BTreeMap<u32, u32> {
    let ends = Ends::default();
    let delivery = Scripted { script: script.into_iter(), ends: ends.clone() };
    let mut lane = Lane::new(delivery, Timings::default(), OwnEvents::here(), Box::new(|| {}));
    for round in 0..rounds {
        for _ in 0..round % 4 {
            let item = lane.delivery.make();
            lane.made += 1;
            let pending = PendingRequest::new(item, 0, Instant::now());
            lane.items.push(PendingRequest { order: lane.made, ..pending });
        }
        if round % 7 == 6 {
            lane.relieve(round % 3, true, Instant::now());
        }
        lane.answered(Instant::now());
        lane.proceed(Instant::now());
        let next = Instant::now() + Duration::from_secs(1 + round as u64 % 50);
        tokio::time::sleep_until(lane.due(Instant::now()).map_or(next, |due| due.min(next))).await;
    }
    lane.finish(Instant::now());
    lane.abandon(DropReason::Shutdown);
    drop(lane);
    ends.take()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_item_is_answered_exactly_once(script in any::<Vec<u8>>(), rounds in 0..60_usize) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        for (number, ends) in runtime.block_on(run(script, rounds)) {
            prop_assert_eq!(ends, 1, "{}", number);
        }
    }
}
