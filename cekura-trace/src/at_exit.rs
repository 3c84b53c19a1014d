//! Shuts down handles that are never dropped, such as one in a `static`, when the main thread ends. Invariant:
//! only handles that the main thread made are shut down here, and each at most once.
//!
//! The system runs the destructors of the main thread's thread-locals when `main` returns and in
//! `std::process::exit`, while the worker's thread still runs. Other threads may end long before the process
//! does, so handles that they made are not shut down here.

use std::cell::RefCell;
use std::sync::Weak;
use std::time::{Duration, Instant};

thread_local! {
    static HANDLES: RefCell<Handles> = const { RefCell::new(Handles(Vec::new())) };
}

/// What runs until the process ends.
pub(crate) trait Running {
    /// Delivers like a drop, within the time for that, of which `over` has passed.
    fn end_with_process(&self, over: Duration);
}

/// Those that this thread has made.
struct Handles(Vec<Weak<dyn Running>>);

/// Has a handle shut down at the end of the main thread, if this is it.
pub(crate) fn end(running: Weak<dyn Running>) {
    if is_main() {
        // A thread that is ending has had its chance.
        let _ = HANDLES.try_with(|handles| {
            let mut handles = handles.borrow_mut();
            handles.0.retain(|handle| handle.strong_count() > 0);
            handles.0.push(running);
        });
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        let started = Instant::now();
        for running in self.0.drain(..).filter_map(|handle| handle.upgrade()) {
            running.end_with_process(started.elapsed());
        }
    }
}

/// Whether this is the thread that ends with the process.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn is_main() -> bool {
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    u32::try_from(thread).is_ok_and(|thread| thread == std::process::id())
}

#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
fn is_main() -> bool {
    std::thread::current().name() == Some("main")
}

/// Elsewhere the other threads are gone by then.
#[cfg(not(unix))]
fn is_main() -> bool {
    false
}
