//! Recording: runs while the user's code runs, and turns values into ended spans. Invariant: it knows the
//! OpenTelemetry API only, and never names delivery.

#![expect(missing_docs, reason = "most of it is called by generated code only")]

/// One layer of a nest of newtypes; method look-up goes inwards through `Deref` (`value` says why).
macro_rules! layer {
    ($outer:ident over $inner:ident) => {
        pub struct $outer<'a, T>($inner<'a, T>);

        impl<'a, T> std::ops::Deref for $outer<'a, T> {
            type Target = $inner<'a, T>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

pub(crate) mod attributes;
#[cfg(feature = "audio")]
pub(crate) mod audio;
#[cfg_attr(not(feature = "tower"), path = "recording/no_caller.rs")]
mod caller;
pub(crate) mod callsite;
mod consent;
pub(crate) mod context;
pub(crate) mod conversation;
pub(crate) mod current;
pub(crate) mod enter;
pub(crate) mod failure;
pub(crate) mod follow;
pub(crate) mod future;
pub(crate) mod hold;
mod home;
mod json;
#[cfg(feature = "tracing")]
pub(crate) mod layer;
mod locks;
#[cfg(feature = "logs")]
pub(crate) mod logs;
pub(crate) mod moment;
mod names;
mod notes;
pub(crate) mod opaque;
mod origin;
pub(crate) mod outcome;
mod parent;
mod progress;
pub(crate) mod recorded;
mod returned;
pub(crate) mod scope;
mod score;
pub(crate) mod seen;
mod sentences;
mod shapes;
pub(crate) mod span;
pub(crate) mod spans;
mod spoken;
pub(crate) mod stream;
mod thread;
mod told;
#[cfg(feature = "tower")]
pub(crate) mod tower;
pub(crate) mod value;
pub(crate) mod w3c;
mod wav;
mod wish;
