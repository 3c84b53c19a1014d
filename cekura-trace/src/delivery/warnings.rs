//! The words of the events that tell what happens to spans. Each says what a person can do.

use super::causes::Cause;
use super::ledger::{DropReason, FlushReport};
use std::io;

/// Says that spans wait, loudly where only a person can help.
pub(crate) fn tell_failure(reason: DropReason, cause: &Cause) {
    let what = "cannot be delivered at the moment; they are kept and retried";
    if reason == DropReason::Refused {
        tracing::error!(target: "cekura", "spans {what}: {cause}");
    } else {
        tracing::warn!(target: "cekura", "spans {what}: {cause}");
    }
}

/// Says that the disk cannot be written.
pub(crate) fn tell_spool_failure(error: &io::Error) {
    let what = "the spool cannot be written to; spans are kept in memory only";
    tracing::warn!(target: "cekura", "{what}; check CEKURA_SPOOL_DIR: {error}");
}

/// Says whether the disk keeps up with what is promised.
pub(crate) fn tell_delay(is_behind: bool) {
    if is_behind {
        let what =
            "the spool's disk is more than a second behind: what has ended since may not survive a crash";
        tracing::warn!(target: "cekura", "{what}");
    } else {
        tracing::info!(target: "cekura", "the spool's disk keeps up again");
    }
}

/// The same of calls that are held.
pub(crate) fn tell_delay_of_held(is_behind: bool) {
    if is_behind {
        let what = "the spool does not have all of the calls that sampling holds, for its disk is behind or they are too many; a crash may \
                    lose some of them";
        tracing::warn!(target: "cekura", "{what}");
    } else {
        tracing::info!(target: "cekura", "the spool has all of the calls that sampling holds again");
    }
}

/// Says how many spans were lost so far, and why.
pub(crate) fn tell_losses(report: &FlushReport, cause: Option<String>) {
    let is_full = report.dropped.contains_key(&DropReason::QueueFull);
    let why =
        if is_full { "; queue_full: the memory limit was reached, so raise .memory_limit(…)" } else { "" };
    let cause = cause.map(|cause| format!("; {cause}")).unwrap_or_default();
    tracing::warn!(target: "cekura", "spans have been dropped: {report}{why}{cause}");
}

/// Says how many spans the shutdown has not waited for.
pub(crate) fn tell_pending(report: &FlushReport) {
    let why = "the delivering thread is busy, or was held up, and did not answer before the deadline";
    let then = "give shutdown(…) a longer one";
    tracing::warn!(target: "cekura", pending = report.pending, "spans were not delivered in time: {report}; {why}; {then}");
}

/// Says which calls stay open because nobody reads what they have sent.
pub(crate) fn tell_unread(calls: &[String]) {
    const MOST: usize = 10;
    let named = calls.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = calls.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    tracing::warn!(
        target: "cekura",
        "calls stay open although their functions have returned, so their conversation spans and call logs are not sent: \
         {named}{more}. What cekura::context::carry(…) has made in them is neither read nor dropped: read each carried message \
         where it arrives, poll each carried future or stream, and drop the channels that nobody reads any more"
    );
}

/// Says that a call has nothing of what the caller said.
#[cfg(feature = "audio")]
pub(crate) fn tell_silent_caller() {
    tracing::warn!(
        target: "cekura",
        "a recorded call has no sound of the caller: write line.user(&frames, rate) where it comes in"
    );
}

/// Says that a call has nothing of what the agent said.
#[cfg(feature = "audio")]
pub(crate) fn tell_silent_agent() {
    tracing::warn!(
        target: "cekura",
        "a recorded call has no sound of the agent: write line.agent(&speech, rate) where it is played"
    );
}

/// Says how many conversations were not drawn so far.
pub(crate) fn tell_undrawn(conversations: u64) {
    let what =
        "conversations are not drawn, because standard error is not read or the memory limit is reached";
    tracing::warn!(target: "cekura", conversations, "{what}; raise .memory_limit(…) to see more");
}

/// Says how many events were not.
pub(crate) fn tell_unsaid(events: u64) {
    if events > 0 {
        tracing::warn!(target: "cekura", "{events} events of cekura were not said, because the subscriber is too slow");
    }
}
