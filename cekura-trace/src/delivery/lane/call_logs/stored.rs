//! What of a call log stands on disk, and one that another process has left there. Invariant: what is found is posted as it was
//! written.

use super::{PendingCallLog, Step, counted, until};
use crate::delivery::call_log::ended::Shown;
use crate::delivery::call_log::sealed::SealedCallLog;
use crate::delivery::spool::requests::Stored;
use crate::delivery::spool::{Item, Kind};
use crate::room::Room;
use prost::bytes::Bytes;
use tokio::time::Instant;

impl Stored for PendingCallLog {
    const KIND: Kind = Kind::CallLog;

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
        if self.refuses_audio {
            self.log.refuse_audio();
        }
        // What is ready to be posted may be without it on disk.
        if self.step == Step::Post {
            self.log.name_trace();
        }
        // Of what a dead process has left nothing is counted: few of them are in memory at a time.
        self.reservation.resize_anyway(self.reservation.bytes() + counted(&self.log));
    }

    const LIGHT: usize = 1 << 10;

    fn lighten(&mut self) {
        // What was noted is there for as long as it can be written once more.
        let noted = self.reservation.bytes().saturating_sub(counted(&self.log));
        let rest = if self.rewrite.is_some() { noted } else { 0 };
        self.reservation.resize_anyway(rest.max(Self::LIGHT));
        self.log.body = Bytes::new();
    }

    fn is_light(&self) -> bool {
        self.log.body.is_empty()
    }

    fn found(head: &Item) -> Option<Self> {
        let Item::CallLog { id, owner, until: ends, recording } = head else { return None };
        let log = SealedCallLog::again(id.clone(), owner.clone(), *ends);
        Some(Self {
            root: None,
            refuses_audio: false,
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
            reply: Box::new(drop),
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
