//! What an annotation adds to a future and a stream, in bytes, and to a recursion, on the stack.

use futures::executor::block_on;
use futures::stream::{self, Stream};
use std::future::pending;
use std::thread;

/// At most: where the span is, and what polls in it. Some of it may fit where the future has bytes to spare.
const SPAN: std::ops::RangeInclusive<usize> = 48..=64;

macro_rules! futures {
    ($($bytes:literal;)*) => {
        $({
            async fn plain(bytes: [u8; $bytes]) -> usize {
                pending::<()>().await;
                bytes.len()
            }
            #[cekura::llm(skip_all)]
            async fn skipped(bytes: [u8; $bytes]) -> usize {
                pending::<()>().await;
                bytes.len()
            }
            #[cekura::llm]
            async fn recorded(bytes: [u8; $bytes]) -> usize {
                pending::<()>().await;
                bytes.len()
            }
            let plain = size_of_val(&plain([0; $bytes]));
            let (skipped, recorded) = (size_of_val(&skipped([0; $bytes])), size_of_val(&recorded([0; $bytes])));
            assert!(SPAN.contains(&(skipped - plain - $bytes)), "{plain} → {skipped}");
            assert!(SPAN.contains(&(recorded - plain - 2 * $bytes)), "{plain} → {recorded}");
        })*
    };
}

// The compiler keeps room for an argument where it was borrowed, also after it was moved on.
#[test]
fn a_future_is_larger_by_its_span_and_its_arguments_again_twice_where_they_are_recorded() {
    futures! { 8; 64; 1024; 8192; }
}

#[test]
fn a_returned_future_is_larger_by_its_span() {
    fn plain(seconds: u64) -> impl Future<Output = u64> {
        let milliseconds = seconds * 1000;
        async move {
            pending::<()>().await;
            milliseconds
        }
    }
    #[cekura::llm]
    fn annotated(seconds: u64) -> impl Future<Output = u64> {
        let milliseconds = seconds * 1000;
        async move {
            pending::<()>().await;
            milliseconds
        }
    }
    let added = size_of_val(&annotated(1)) - size_of_val(&plain(1));
    assert!(SPAN.contains(&added), "{added}");
}

#[test]
fn a_stream_is_larger_by_a_pointer() {
    fn plain() -> impl Stream<Item = u64> {
        stream::repeat(7)
    }
    #[cekura::llm]
    fn annotated() -> impl Stream<Item = u64> {
        stream::repeat(7)
    }
    let option = size_of::<Option<u64>>() - size_of::<u64>();
    assert_eq!(size_of_val(&annotated()), size_of_val(&plain()) + option + size_of::<usize>());
}

#[cekura::span]
async fn descend(depth: u32) -> u32 {
    if depth == 0 { 0 } else { Box::pin(descend(depth - 1)).await + 1 }
}

fn on_a_stack_of_2_mib(run: fn()) {
    thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_recursion_1000_deep_fits_a_stack_of_2_mib() {
    on_a_stack_of_2_mib(|| {
        let trace = cekura::testing::capture(|| assert_eq!(block_on(descend(1000)), 1000));
        assert_eq!(trace.spans().len(), 1001);
    });
    // Switched off.
    on_a_stack_of_2_mib(|| assert_eq!(block_on(descend(1000)), 1000));
}

#[test]
fn a_recursion_1000_deep_may_be_interrupted_on_a_stack_of_2_mib() {
    #[cekura::span]
    async fn hang(depth: u32) {
        if depth == 0 { pending().await } else { Box::pin(hang(depth - 1)).await }
    }
    on_a_stack_of_2_mib(|| {
        let trace = cekura::testing::capture(|| {
            let mut future = Box::pin(hang(1000));
            let task = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(future.as_mut().poll(task).is_pending());
        });
        assert_eq!(trace.spans().iter().filter(|span| span.is_interrupted()).count(), 1001);
    });
}
