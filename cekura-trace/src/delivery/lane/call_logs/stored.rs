//! What of a call log stands on disk, and one that another process has left there. Invariant: what is found is posted as it was
//! written.

use super::{PendingCallLog, Step, until};
use crate::delivery::call_log::ended::Shown;
use crate::delivery::call_log::sealed::SealedCallLog;
use crate::delivery::spool::Item;
use crate::delivery::spool::requests::Stored;
use crate::room::Room;
use prost::bytes::Bytes;
use tokio::time::Instant;

impl Stored for PendingCallLog {
    fn head(&self) -> Item {
        let SealedCallLog { id, owner, until, .. } = &self.log;
        Item::CallLog { id: id.clone(), owner: owner.clone(), until: *until, recording: self.recording }
    }

    fn into_head(self) -> Item {
        self.head()
    }

    fn body(&self) -> &Bytes {
        &self.log.body
    }

    fn set_body(&mut self, body: Bytes) {
        self.log.body = body;
        self.reservation = Room::default();
    }

    fn found(head: &Item) -> Option<Self> {
        let Item::CallLog { id, owner, until: ends, recording } = head else { return None };
        let log = SealedCallLog::again(id.clone(), owner.clone(), *ends);
        Some(Self {
            root: None,
            is_cancelled: false,
            until: until(&log, Instant::now()),
            // The process before this one may have posted it.
            step: if ends.is_some() { Step::Post } else { Step::Ask(1) },
            log,
            rewrite: None,
            is_held_back: false,
            awaits_sound: false,
            recording: *recording,
            asks_again: false,
            shown: Shown::default(),
            #[cfg(feature = "audio")]
            sound: None,
            missed: 0,
            reply: Box::new(Result::err),
            reservation: Room::default(),
        })
    }

    fn held(&self) -> usize {
        self.reservation.bytes()
    }

    fn recording(&self) -> Option<u64> {
        self.recording.map(|recorded| recorded.number)
    }
}
