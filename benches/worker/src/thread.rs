//! CPUs and their time.

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Pins this thread, and the threads that it starts, to one of the first two CPUs; does nothing where there is one.
pub fn pin(cpu: usize) {
    if std::thread::available_parallelism().is_ok_and(|count| count.get() > 1) {
        let mut set = CpuSet::new();
        set.set(cpu);
        // A machine that does not allow it is measured as it is.
        let _ = sched_setaffinity(None, &set);
    }
}

/// The CPU time of all threads of this process but this one.
pub(crate) fn background() -> Duration {
    time(ClockId::ProcessCPUTime).saturating_sub(time(ClockId::ThreadCPUTime))
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
