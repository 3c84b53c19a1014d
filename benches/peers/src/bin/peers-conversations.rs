//! Root spans by hand with opentelemetry that are open at once.

use allocation_counter::measure;
use opentelemetry::trace::TraceContextExt;
use peers::hand;
use worker::{Conversations, hold};

fn main() {
    hold(Conversations {
        start: hand::CONTENDERS[0].start,
        open: |_| hand::root(),
        span: |root, tokens| {
            let _guard = root.clone().attach();
            (hand::CONTENDERS[0].call)(tokens)
        },
        end: |root| root.span().end(),
        bytes: |work| measure(work).bytes_current,
    });
}
