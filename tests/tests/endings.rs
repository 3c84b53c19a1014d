//! How a span ends: returned, failed, panicked, interrupted; for every way a function can give its value.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, Trace, capture, capture_async};
use futures::FutureExt;
use futures::executor::block_on_stream;
use futures::future::{BoxFuture, LocalBoxFuture, poll_immediate};
use futures::stream::{self, Stream};
use std::fmt::{self, Debug, Display};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use tokio::task::yield_now;

fn only(trace: &Trace) -> &Span {
    let [span] = trace.spans() else { panic!("one span expected:\n{trace}") };
    span
}

#[derive(Debug)]
struct WithDisplay;
impl Display for WithDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("displayed")
    }
}
#[derive(Debug)]
struct WithDebug;
struct WithNothing;
type Aliased<T> = Result<T, WithDisplay>;

#[test]
fn failures_are_known_by_type() {
    #[cekura::span]
    fn displayed() -> Aliased<u8> {
        Err(WithDisplay)
    }
    #[cekura::span]
    fn debugged() -> Result<Option<u8>, WithDebug> {
        Err(WithDebug)
    }
    #[cekura::span]
    fn opaque() -> Result<WithNothing, WithNothing> {
        Err(WithNothing)
    }
    #[cekura::span]
    fn early(fail: bool) -> io::Result<&'static str> {
        if fail {
            Err(io::Error::other("disk"))?;
        }
        Ok("fine")
    }
    #[cekura::span]
    fn bare<R>(value: R) -> R {
        value
    }
    let trace = capture(|| {
        let _ =
            (displayed(), debugged(), opaque(), early(true), early(false), bare(Err::<u8, _>(WithDisplay)));
    });
    let seen: Vec<_> =
        trace.spans().iter().map(|s| (s.name(), s.is_error(), s.error(), s.text("error.type"))).collect();
    let name = |name: &str| format!("endings::{name}");
    assert_eq!(seen[0], ("displayed", true, "displayed", Some(&*name("WithDisplay"))));
    assert_eq!(seen[1], ("debugged", true, "WithDebug", Some(&*name("WithDebug"))));
    assert_eq!(seen[2], ("opaque", true, &*name("WithNothing"), Some(&*name("WithNothing"))));
    assert_eq!(seen[3], ("early", true, "disk", Some("std::io::error::Error")));
    assert_eq!(seen[4], ("early", false, "", None));
    assert_eq!(seen[5], ("bare", false, "", None), "a bare type parameter is a plain value");
    assert_eq!(trace.spans()[4].text("output"), Some("fine"));
}

#[test]
fn a_closure_sees_what_is_inside_one_result_and_one_option() {
    #[cekura::span(skip_all, record(got = |n| n + 1))]
    fn both(n: i64) -> Result<Option<i64>, WithDebug> {
        match n {
            0 => Err(WithDebug),
            1 => Ok(None),
            n => Ok(Some(n)),
        }
    }
    #[expect(clippy::option_option, reason = "what this is about")]
    #[cekura::span(skip_all, record(got = |inner: &Option<i64>| inner.map(|n| n * 2)))]
    fn nested(n: i64) -> Option<Option<i64>> {
        Some(Some(n))
    }
    let trace = capture(|| {
        let _ = (both(0), both(1), both(2), nested(4));
    });
    let got: Vec<_> = trace.spans().iter().map(|span| span.attribute("got").cloned()).collect();
    assert_eq!(got, [None, None, Some(Value::I64(3)), Some(Value::I64(8))]);
}

#[test]
fn a_panic_is_recorded_and_goes_on() {
    #[cekura::tool_call]
    fn explode(reason: &str) -> u8 {
        panic!("because {reason}")
    }
    #[cekura::span]
    fn never() -> ! {
        std::panic::panic_any(7u8)
    }
    #[cekura::span]
    async fn later() {
        yield_now().await;
        panic!("literal");
    }
    let trace = capture(|| {
        let panic = catch_unwind(|| explode("of me")).unwrap_err();
        assert_eq!(*panic.downcast::<String>().unwrap(), "because of me");
        assert_eq!(*catch_unwind(|| -> () { never() }).unwrap_err().downcast::<u8>().unwrap(), 7);
        catch_unwind(AssertUnwindSafe(|| block_on(later()))).unwrap_err();
    });
    let seen: Vec<_> = trace.spans().iter().map(|s| (s.name(), s.error(), s.text("error.type"))).collect();
    let panic = Some("panic");
    assert_eq!(
        seen,
        [("tool_call", "because of me", panic), ("never", "panic", panic), ("later", "literal", panic)]
    );
    assert!(trace.spans().iter().all(Span::is_error));
}

/// Polls a future on this thread until it is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

struct Service;

impl Service {
    #[cekura::span]
    async fn async_fn(&self, n: u8) -> Result<u8, WithDisplay> {
        yield_now().await;
        if n == 0 { Err(WithDisplay) } else { Ok(n) }
    }
    #[cekura::span]
    fn impl_future(&self, n: u8) -> impl Future<Output = Result<u8, WithDisplay>> + Send {
        self.inner(n)
    }
    #[cekura::span]
    fn pinned(&self, n: u8) -> Pin<Box<dyn Future<Output = Result<u8, WithDisplay>> + Send + '_>> {
        Box::pin(self.inner(n))
    }
    #[cekura::span]
    fn boxed(&self, n: u8) -> BoxFuture<'_, Result<u8, WithDisplay>> {
        self.inner(n).boxed()
    }
    #[cekura::span]
    fn local(&self, n: u8) -> LocalBoxFuture<'_, Result<u8, WithDisplay>> {
        let unsendable = std::rc::Rc::new(n);
        async move { self.inner(*unsendable).await }.boxed_local()
    }
    async fn inner(&self, n: u8) -> Result<u8, WithDisplay> {
        yield_now().await;
        if n == 0 { Err(WithDisplay) } else { Ok(n) }
    }
}

/// Calls each function that gives a future, with the name of its span.
macro_rules! each_future {
    ($check:expr, $n:expr, |$name:ident, $future:ident| $body:expr) => {{
        each_future!(@ $check, async_fn, $n, $name, $future, $body);
        each_future!(@ $check, impl_future, $n, $name, $future, $body);
        each_future!(@ $check, pinned, $n, $name, $future, $body);
        each_future!(@ $check, boxed, $n, $name, $future, $body);
        each_future!(@ $check, local, $n, $name, $future, $body);
    }};
    (@ $check:expr, $function:ident, $n:expr, $name:ident, $future:ident, $body:expr) => {{
        let $name = stringify!($function);
        let trace = capture_async(async {
            let $future = Service.$function($n);
            $body
        }).await;
        $check(&trace, $name);
    }};
}

#[tokio::test]
async fn futures_that_finish() {
    let check = |trace: &Trace, name: &str| {
        let span = only(trace);
        assert_eq!((span.name(), span.is_error(), span.is_interrupted()), (name, false, false));
        assert_eq!(span.attribute("output"), Some(&Value::I64(3)));
    };
    each_future!(check, 3, |name, future| assert_eq!(future.await.ok(), Some(3), "{name}"));
    let check = |trace: &Trace, name: &str| {
        assert_eq!((only(trace).name(), only(trace).error()), (name, "displayed"));
    };
    each_future!(check, 0, |name, future| assert!(future.await.is_err(), "{name}"));
}

#[tokio::test]
async fn futures_that_are_dropped_before_their_end() {
    let check = |trace: &Trace, name: &str| {
        let span = only(trace);
        assert_eq!((span.name(), span.is_error(), span.is_interrupted()), (name, false, true));
        assert_eq!(span.attribute("input.n"), Some(&Value::I64(3)), "what was recorded until then is kept");
    };
    each_future!(check, 3, |_name, future| {
        let mut future = Box::pin(future);
        assert!(poll_immediate(&mut future).await.is_none());
    });
}

#[tokio::test]
async fn futures_that_are_never_polled_leave_nothing() {
    let check = |trace: &Trace, _: &str| assert!(trace.spans().is_empty(), "{trace}");
    each_future!(check, 3, |_name, future| drop(future));
}

#[tokio::test]
async fn an_aborted_task_is_interrupted() {
    #[cekura::tts]
    async fn speak(text: &str) {
        let () = futures::future::pending().await;
        drop(text.to_owned());
    }
    let trace = capture_async(async {
        let task = cekura::spawn(speak("a long sentence"));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    })
    .await;
    assert_eq!(trace.to_string(), "tts interrupted\n");
    assert_eq!(only(&trace).text("text"), Some("a long sentence"));
}

#[tokio::test]
async fn what_a_dropped_future_drops_is_still_inside_its_span() {
    struct HangUp;
    impl Drop for HangUp {
        fn drop(&mut self) {
            hang_up();
        }
    }
    #[cekura::span]
    fn hang_up() {}
    #[cekura::tts]
    async fn speak() {
        let _hang_up = HangUp;
        let () = futures::future::pending().await;
    }
    let trace = capture_async(async { poll_immediate(Box::pin(speak())).await }).await;
    assert_eq!(trace.to_string(), "tts interrupted\n  hang_up\n");
}

#[tokio::test]
async fn the_parent_is_where_the_call_was_for_a_returned_future_and_where_the_first_poll_was_for_an_async_fn()
{
    #[cekura::span]
    async fn outer<F: Future>(future: F) {
        future.await;
    }
    let trace = capture_async(async {
        outer(Service.pinned(3)).await;
        outer(Service.async_fn(3)).await;
    })
    .await;
    assert_eq!(trace.to_string(), "outer\npinned\nouter\n  async_fn\n");
}

#[test]
fn arguments_are_recorded_before_the_body_and_evaluated_once() {
    static EVALUATED: AtomicU8 = AtomicU8::new(0);
    #[cekura::span(record(count = EVALUATED.fetch_add(1, Ordering::Relaxed)))]
    fn stage(mut list: Vec<u32>) -> usize {
        assert_eq!(EVALUATED.load(Ordering::Relaxed), 1);
        list.push(1);
        list.len()
    }
    let trace = capture(|| stage(vec![5]));
    assert_eq!(only(&trace).text("input.list"), Some("[5]"));
    assert_eq!(EVALUATED.load(Ordering::Relaxed), 1);
}

#[test]
fn the_end_is_never_before_the_start_and_children_end_inside() {
    #[cekura::span]
    fn parent(shared: &Arc<str>) -> usize {
        child() + shared.len()
    }
    #[cekura::span]
    fn child() -> usize {
        std::thread::sleep(std::time::Duration::from_millis(60));
        1
    }
    let trace = capture(|| parent(&"x".into()));
    let [parent, child] = trace.spans() else { panic!("{trace}") };
    assert!(child.duration().as_millis() >= 60);
    assert!(parent.duration() >= child.duration());
}

#[test]
fn a_function_that_runs_when_its_thread_ends_still_runs() {
    static SEEN: AtomicU8 = AtomicU8::new(0);
    #[cekura::span]
    fn hang_up() {
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
    struct Line;
    impl Drop for Line {
        fn drop(&mut self) {
            hang_up();
        }
    }
    thread_local!(static LINE: Line = const { Line });
    let trace = capture(|| {
        let carried = cekura::context::carry(());
        let thread = std::thread::spawn(move || {
            // Made before the thread's context, so it goes after it.
            LINE.with(|_| ());
            carried.in_scope(|()| hang_up());
        });
        thread.join().unwrap();
    });
    assert_eq!(SEEN.load(Ordering::Relaxed), 2);
    assert_eq!(trace.to_string(), "hang_up\n");
}

#[test]
fn a_panic_in_what_is_dropped_is_recorded_and_goes_on() {
    struct Explodes;
    impl Drop for Explodes {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    #[cekura::span]
    async fn future() {
        let _explodes = Explodes;
        std::future::pending::<()>().await;
    }
    #[cekura::span]
    fn returned() -> impl Future<Output = ()> {
        let explodes = Explodes;
        async move {
            let _explodes = explodes;
            std::future::pending::<()>().await;
        }
    }
    #[cekura::span]
    fn stream() -> impl Stream<Item = u8> {
        let explodes = Explodes;
        stream::poll_fn(move |_| {
            let _explodes = &explodes;
            Poll::Pending
        })
    }
    let trace = capture(|| {
        let mut future = Box::pin(future());
        assert!(future.as_mut().now_or_never().is_none());
        catch_unwind(AssertUnwindSafe(|| drop(future))).unwrap_err();
        let mut future = Box::pin(returned());
        assert!(future.as_mut().now_or_never().is_none());
        catch_unwind(AssertUnwindSafe(|| drop(future))).unwrap_err();
        let stream = AssertUnwindSafe(stream());
        catch_unwind(|| drop(stream)).unwrap_err();
    });
    let seen: Vec<_> = trace.spans().iter().map(|span| (span.name(), span.error())).collect();
    // The compiler drops the body of an `async fn`, and the panic's text is not known there.
    assert_eq!(seen, [("future", "panic"), ("returned", "in a drop"), ("stream", "in a drop")]);
}

#[test]
fn an_error_that_cannot_be_shown_is_one() {
    #[derive(Debug)]
    struct Shy;
    impl Display for Shy {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("not me")
        }
    }
    #[cekura::span]
    fn fails() -> Result<(), Shy> {
        Err(Shy)
    }
    #[cekura::span]
    fn breaks() -> impl Stream<Item = Result<u8, Shy>> {
        stream::iter([Err(Shy)])
    }
    let trace = capture(|| {
        fails().unwrap_err();
        block_on_stream(breaks()).for_each(drop);
    });
    assert_eq!(trace.spans().len(), 2);
    assert!(trace.spans().iter().all(|span| span.is_error() && span.text("error.type").is_some()), "{trace}");
}
