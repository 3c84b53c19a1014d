//! Reads the CPU time and the memory of this process.

use cpu_time::{ProcessTime, ThreadTime};
use std::fs;

/// Nanoseconds of CPU time of the process.
pub fn process_cpu() -> u64 {
    ProcessTime::now().as_duration().as_nanos() as u64
}

/// Nanoseconds of CPU time of the calling thread.
pub fn thread_cpu() -> u64 {
    ThreadTime::now().as_duration().as_nanos() as u64
}

/// Resident memory in KiB; zero where the system does not say.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
