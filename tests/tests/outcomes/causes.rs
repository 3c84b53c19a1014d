//! The text of an error: its own, and that of its sources that it does not repeat.

use cekura::testing::{Span, capture};
use cekura::{CaptureContent, testing::capture_with};
use futures::Stream;
use futures::executor::block_on_stream;
use futures::stream;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;

/// An error with a source, or none.
#[derive(Debug)]
struct Layer(&'static str, Option<Box<Layer>>);

impl Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Layer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_ref().map(|source| &**source as _)
    }
}

fn layers(texts: &[&'static str]) -> Layer {
    let [first, rest @ ..] = texts else { panic!("one at least") };
    Layer(first, (!rest.is_empty()).then(|| Box::new(layers(rest))))
}

/// What the span of a function with this return type says of an error.
macro_rules! said {
    ($error:ty, $value:expr) => {{
        #[cekura::span(skip_all)]
        fn fails(error: $error) -> Result<u8, $error> {
            Err(error)
        }
        let error: $error = $value;
        let trace = capture(|| fails(error).is_err());
        let [span] = trace.spans() else { panic!("{trace}") };
        assert!(span.is_error());
        span.error().to_owned()
    }};
}

#[test]
fn causes_are_said_behind_the_error() {
    assert_eq!(
        said!(Layer, layers(&["no answer", "timed out", "deadline"])),
        "no answer: timed out: deadline"
    );
    assert_eq!(said!(Layer, layers(&["alone"])), "alone");
    assert_eq!(said!(&'static str, "text"), "text");
    assert_eq!(said!(Arc<Layer>, Arc::new(layers(&["shared", "inside"]))), "shared: inside");
    assert_eq!(said!(Box<Layer>, Box::new(layers(&["boxed", "inside"]))), "boxed: inside");
}

#[test]
fn a_cause_that_the_text_holds_already_is_said_once() {
    let repeats = layers(&["no answer: timed out", "timed out", "deadline"]);
    assert_eq!(said!(Layer, repeats), "no answer: timed out: deadline");
    assert_eq!(said!(Layer, layers(&["same", "same", "same"])), "same");
    assert_eq!(said!(Layer, layers(&["", "cause", ""])), "cause");
}

#[test]
fn boxed_errors_say_their_causes() {
    type Plain = Box<dyn Error>;
    type Sendable = Box<dyn Error + Send>;
    type Threads = Box<dyn Error + Send + Sync>;
    let error = || layers(&["no answer", "timed out"]);
    let text = "no answer: timed out";
    assert_eq!(said!(Plain, error().into()), text);
    assert_eq!(said!(Sendable, Box::new(error())), text);
    assert_eq!(said!(Threads, error().into()), text);
    assert_eq!(said!(Arc<dyn Error + Send + Sync>, Arc::new(error())), text);
    assert_eq!(said!(Plain, "text".into()), "text");
}

#[test]
fn anyhow_says_its_context_and_the_causes() {
    use anyhow::Context;
    #[cekura::tool_call]
    async fn book(day: &str) -> anyhow::Result<u8> {
        let day = day.parse::<u8>().context("no day").context("not booked")?;
        Ok(day)
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| runtime.block_on(book("monday")).is_err());
    assert_eq!(trace.spans()[0].error(), "not booked: no day: invalid digit found in string");
    assert_eq!(said!(anyhow::Error, anyhow::anyhow!("alone")), "alone");
}

/// As the errors of other crates that are none themselves and give the one inside in one of these ways.
struct Dereferenced(Layer);
struct Referenced(Layer);
struct ReferencedInThreads(Layer);

impl std::ops::Deref for Dereferenced {
    type Target = dyn Error + Send + Sync;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl AsRef<dyn Error> for Referenced {
    fn as_ref(&self) -> &(dyn Error + 'static) {
        &self.0
    }
}

impl AsRef<dyn Error + Send + Sync> for ReferencedInThreads {
    fn as_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &self.0
    }
}

#[test]
fn reports_of_other_crates_say_their_causes() {
    let error = || layers(&["no answer", "timed out"]);
    let text = "no answer: timed out";
    assert_eq!(said!(Dereferenced, Dereferenced(error())), text);
    assert_eq!(said!(Referenced, Referenced(error())), text);
    assert_eq!(said!(ReferencedInThreads, ReferencedInThreads(error())), text);
}

#[test]
fn in_generic_functions_the_bounds_decide() {
    #[cekura::span]
    fn error<E: Error>(it: E) -> Result<(), E> {
        Err(it)
    }
    #[cekura::span]
    fn display<E: Display>(it: E) -> Result<(), E> {
        Err(it)
    }
    #[cekura::span]
    fn debug<E>(it: E) -> Result<Option<()>, E>
    where
        E: Debug,
    {
        Err(it)
    }
    #[cekura::span]
    fn reference<E: AsRef<dyn Error>>(it: E) -> Result<(), E> {
        Err(it)
    }
    #[cekura::span]
    fn nothing<E>(it: E) -> Result<(), E> {
        Err(it)
    }
    #[cekura::span]
    fn opaque() -> Result<(), impl Error> {
        Err(layers(&["opaque", "cause"]))
    }
    let it = || layers(&["a", "b"]);
    let trace = capture(|| {
        error(it()).unwrap_err();
        display(it()).unwrap_err();
        debug(it()).unwrap_err();
        let _ = reference(Referenced(it()));
        nothing(it()).unwrap_err();
        opaque().unwrap_err();
    });
    let said: Vec<_> = trace.spans().iter().map(Span::error).collect();
    let name = std::any::type_name::<Layer>();
    assert_eq!(said, ["a: b", "a", "Layer(\"a\", Some(Layer(\"b\", None)))", "a: b", name, "opaque: cause"]);
}

#[test]
fn an_error_that_borrows_compiles_and_is_said() {
    #[derive(Debug)]
    struct Borrowed<'a>(&'a str);
    impl Display for Borrowed<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "bad {}", self.0)
        }
    }
    impl Error for Borrowed<'_> {}
    type Fallible<'a, T> = Result<T, Box<dyn Error + 'a>>;

    #[cekura::span]
    fn plain(text: &str) -> Result<(), Borrowed<'_>> {
        Err(Borrowed(text))
    }
    #[cekura::span]
    fn boxed(text: &str) -> Result<(), Box<dyn Error + '_>> {
        Err(Box::new(Borrowed(text)))
    }
    #[cekura::span]
    async fn later<'a>(
        text: &'a str,
    ) -> Result<Result<(), Box<dyn std::error::Error + Send + Sync + 'a>>, ()> {
        Ok(Err(Box::new(Borrowed(text))))
    }
    #[cekura::span]
    fn aliased<'a>(text: &'a str) -> Fallible<'a, ()> {
        Err(Box::new(Borrowed(text)))
    }
    #[cekura::span]
    fn items<'a>(text: &'a str) -> impl Stream<Item = Result<u8, Box<dyn Error + 'a>>> {
        stream::iter([Err(Box::new(Borrowed(text)) as Box<dyn Error + 'a>)])
    }
    let text = "word".to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        plain(&text).unwrap_err();
        boxed(&text).unwrap_err();
        runtime.block_on(later(&text)).unwrap().unwrap_err();
        aliased(&text).unwrap_err();
        block_on_stream(items(&text)).for_each(drop);
    });
    assert_eq!(trace.spans().len(), 5);
    for span in trace.spans() {
        assert_eq!((span.is_error(), span.error()), (true, "bad word"), "{span:?}");
    }
}

#[test]
fn a_chain_of_causes_ends() {
    #[derive(Debug)]
    struct Own;
    impl Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }
    impl Error for Own {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    assert_eq!(said!(Own, Own), "round");
    let long: &'static str = "x".repeat(40 << 10).leak();
    assert_eq!(said!(Layer, layers(&["short", long])).len(), 32 << 10);
    assert_eq!(said!(Layer, layers(&[long, "short"])).len(), 32 << 10);
}

#[test]
fn a_cause_that_panics_leaves_the_text_before_it() {
    #[derive(Debug)]
    struct Outer(Shy);
    #[derive(Debug)]
    struct Shy;
    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl Display for Shy {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("not me")
        }
    }
    impl Error for Shy {}
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    assert_eq!(said!(Outer, Outer(Shy)), "outer");
}

#[test]
fn causes_are_content() {
    #[cekura::span]
    fn fails() -> anyhow::Result<()> {
        Err(layers(&["secret", "secret cause"]).into())
    }
    let trace = capture_with(CaptureContent::Metadata, || fails().is_err());
    assert!(trace.spans()[0].is_error());
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn items_of_a_stream_say_the_same() {
    #[cekura::llm]
    fn chunks() -> impl Stream<Item = anyhow::Result<&'static str>> {
        stream::iter([Ok("one"), Err(anyhow::Error::new(layers(&["no answer", "timed out"])))])
    }
    #[cekura::tts]
    fn audio() -> futures::stream::BoxStream<'static, Result<Vec<u8>, Layer>> {
        Box::pin(stream::iter([Err(layers(&["no voice", "dead line"]))]))
    }
    #[cekura::span]
    fn debugged() -> impl Stream<Item = Result<u8, Option<&'static str>>> {
        stream::iter([Err(Some("shown"))])
    }
    let trace = capture(|| {
        block_on_stream(chunks()).for_each(drop);
        block_on_stream(audio()).for_each(drop);
        block_on_stream(debugged()).for_each(drop);
    });
    let said: Vec<_> = trace.spans().iter().map(Span::error).collect();
    assert_eq!(said, ["no answer: timed out", "no voice: dead line", "Some(\"shown\")"]);
}

#[test]
fn a_report_that_panics_does_not_reach_the_call() {
    struct Broken;
    impl std::ops::Deref for Broken {
        type Target = dyn Error;
        fn deref(&self) -> &Self::Target {
            panic!("nothing inside")
        }
    }
    #[derive(Debug)]
    struct Sourceless;
    impl Display for Sourceless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Sourceless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            panic!("no source")
        }
    }
    assert_eq!(said!(Broken, Broken), std::any::type_name::<Broken>());
    assert_eq!(said!(Sourceless, Sourceless), "outer");
    assert_eq!(said!(anyhow::Error, anyhow::Error::new(Sourceless)), "");
}
