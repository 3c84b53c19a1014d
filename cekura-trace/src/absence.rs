//! Says why spans are recorded by no handle. Invariant: each reason is said at most once in a process.

use crate::destination::Place;
use crate::say::say;
use std::sync::OnceLock;

/// Why a span has no destination.
#[derive(Clone, Copy)]
pub(crate) enum Absence {
    /// The handle is gone, and no span had begun by then.
    DroppedUnused,
    NoHandle,
    /// There are handles, but none is the process's default.
    NotDefault,
}

/// The first span that was lost so, for `doctor`.
static FIRST: OnceLock<(String, &'static str)> = OnceLock::new();

/// Tells the program's `tracing` subscriber that the function at this place is not recorded.
pub(crate) fn tell(function: &'static str, at: Place, absence: Absence) {
    let (fault, instead) = absence.words();
    let _ = FIRST.set((format!("`{function}` ({at}) {fault}"), instead));
    say(|| {
        tracing::warn!(
            target: "cekura",
            function,
            at = %at,
            "an annotated function {fault}: {instead}. This warning appears once"
        );
    });
}

/// What was told first: what happened, and what to write.
pub(crate) fn first() -> Option<&'static (String, &'static str)> {
    FIRST.get()
}

impl Absence {
    /// What happened, and what to write.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::DroppedUnused => (
                "runs after the handle was dropped, so it is not recorded",
                "keep what `install()` gives until the program ends: `let cekura = cekura::Cekura::builder().install()?;` \
                 (`let _ = …` drops it at once)",
            ),
            Self::NoHandle => (
                "runs without a handle, so it is not recorded",
                "call `cekura::init()` first, and keep what it gives until the program ends",
            ),
            Self::NotDefault => (
                "is recorded by no handle",
                "make the handle with `install()`; one from `build()` records only what is inside \
                 `#[cekura::conversation(client = handle)]`",
            ),
        }
    }
}
