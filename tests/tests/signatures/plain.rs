//! Functions of every signature that the standard library can express, annotated; `run` calls each once. Compiled as
//! edition 2024 and as edition 2021.

use std::cell::{Cell, RefCell};
use std::fmt::{Debug, Display};
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failed(pub(crate) &'static str);

impl Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failed {}

impl From<std::num::ParseIntError> for Failed {
    fn from(_: std::num::ParseIntError) -> Self {
        Self("not a number")
    }
}

/// Polls a future that is ready at the first poll.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => panic!("the future waits"),
        Poll::Ready(output) => output,
    }
}

fn send<T: Send>(value: T) -> T {
    value
}

// Arguments.

#[cekura::span]
fn nothing() {}

#[cekura::span]
fn unit_by_statement(seen: &Cell<u8>) {
    seen.set(1);
}

#[cekura::span]
fn explicit_unit() -> () {}

#[cekura::span]
fn owned(text: String) -> String {
    text
}

#[cekura::span]
fn mutable_argument(mut n: u32) -> u32 {
    n += 1;
    n
}

#[cekura::span]
fn mutable_reference(list: &mut Vec<u8>) {
    list.push(1);
}

#[cekura::span]
fn given_back(list: &mut Vec<u8>) -> &mut u8 {
    list.push(7);
    list.last_mut().unwrap()
}

#[cekura::span]
fn tuple((a, b): (u8, u8), (mut c,): (u8,)) -> u8 {
    c += 1;
    a + b + c
}

pub(crate) struct Point {
    x: i32,
    y: i32,
}

#[cekura::span]
fn fields(Point { x, y: down }: Point, Point { x: right, .. }: &Point) -> i32 {
    x + down + right
}

#[cekura::span]
fn slices([first, .., last]: [u8; 4], &[a, ref b]: &[u8; 2]) -> u8 {
    first + last + a + *b
}

#[cekura::span]
fn references(&a: &u8, &mut ref mut b: &mut u8) -> u8 {
    *b += 1;
    a + *b
}

#[cekura::span]
fn by_reference(ref text: String, ref mut n: u8) -> usize {
    *n += 1;
    text.len() + usize::from(*n)
}

#[cekura::span]
fn at_pattern(whole @ (a, _): (u8, u8)) -> u8 {
    whole.1 + a
}

#[cekura::span]
fn either((Ok(n) | Err(n)): Result<u8, u8>) -> u8 {
    n
}

#[cekura::span]
fn unnamed(_: String, _ignored: u8, (): ()) -> &'static str {
    "static"
}

#[cekura::span]
fn raw(r#type: &str, r#fn: u8) -> String {
    format!("{type}{}", r#fn, type = r#type)
}

#[cekura::span]
fn formatted(name: &str, n: u8) -> String {
    format!("{name}:{n:03}")
}

#[cekura::span]
fn shadowed(n: u8) -> u8 {
    let n = n * 2;
    let span = n + 1;
    let returned = span + 1;
    returned
}

#[cekura::span]
fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, a_long_name: u8, another_long_name: u8) -> u8 {
    a + b + c + d + e + f + a_long_name + another_long_name
}

#[cekura::span]
fn closures(f: impl Fn(&str) -> usize, g: &dyn Fn() -> u8, h: fn(u8) -> u8) -> usize {
    f("four") + usize::from(g()) + usize::from(h(1))
}

#[cekura::span]
fn large(samples: [f32; 4096]) -> f32 {
    samples.iter().sum()
}

#[cekura::span]
fn not_recordable(cell: Cell<u8>, shared: Rc<RefCell<u8>>) -> u8 {
    *shared.borrow_mut() += 1;
    let n = *shared.borrow();
    cell.get() + n
}

// Return values.

#[cekura::span]
fn question(text: &str) -> Result<u32, Failed> {
    let n: u32 = text.parse()?;
    Ok(n)
}

#[cekura::span]
fn inferred_error(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.parse()?)
}

#[cekura::span]
fn early(n: Option<u8>) -> Option<u8> {
    let n = n?;
    if n == 0 {
        return None;
    }
    Some(n)
}

#[cekura::span]
fn coerced() -> Box<dyn Fn(u8) -> u8> {
    Box::new(|n| n + 1)
}

#[cekura::span]
fn coerced_slice(list: &[u8; 3]) -> &[u8] {
    list
}

#[cekura::span]
fn elided(text: &str) -> &str {
    &text[1..]
}

#[cekura::span]
fn named_lifetimes<'a, 'b: 'a>(left: &'a str, right: &'b str) -> &'a str {
    if left.is_empty() { right } else { left }
}

#[cekura::span]
fn iterator(text: &str) -> impl Iterator<Item = &str> + '_ {
    text.split(' ')
}

#[cekura::span]
fn nested_opaque(n: u8) -> Result<(impl Display, Option<impl Fn(u8) -> u8>), Failed> {
    Ok((n, Some(move |m| m + n)))
}

#[cekura::span]
fn dyn_with_lifetime<'a>(text: &'a str) -> Box<dyn Display + 'a> {
    Box::new(text)
}

#[cekura::span]
fn diverges(stop: bool) -> ! {
    if stop {
        std::panic::resume_unwind(Box::new("stopped"));
    }
    loop {}
}

#[cekura::span]
fn always_returns(n: u8) -> u8 {
    return n;
}

#[cekura::span]
fn looped() -> u8 {
    'outer: loop {
        loop {
            break 'outer 3;
        }
    }
}

// Temporaries at the end of a body borrow its arguments.

#[cekura::span]
fn locked(state: Mutex<Vec<u8>>) -> usize {
    state.lock().unwrap().len()
}

#[cekura::span]
async fn locked_in_async(state: Arc<RwLock<Vec<u8>>>) -> usize {
    state.read().unwrap().len()
}

#[cekura::span]
fn borrowed_at_the_end(cell: RefCell<Vec<u8>>) -> Option<u8> {
    match cell.borrow().first() {
        Some(n) => Some(*n),
        None => None,
    }
}

// Generics.

#[cekura::span]
fn generic<T>(value: T) -> T {
    value
}

#[cekura::span]
fn bounded<T: Debug + Clone, const N: usize>(value: &T) -> [T; N]
where
    T: Default,
{
    std::array::from_fn(|_| value.clone())
}

#[cekura::span]
fn higher_ranked<F>(f: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    f("text").len()
}

#[cekura::span]
async fn generic_async<T: Into<String>>(text: T) -> String {
    text.into()
}

// Qualifiers.

#[cekura::span]
unsafe fn deref(at: *const u8) -> u8 {
    // SAFETY: the callers in this file point at a `u8`.
    unsafe { *at }
}

#[cekura::span]
extern "C" fn for_c(n: i32) -> i32 {
    n + 1
}

#[cekura::span]
unsafe extern "C" fn unsafe_for_c(n: i32) -> i32 {
    n + 2
}

#[cekura::span]
async unsafe fn unsafe_async(at: *const u8) -> u8 {
    // SAFETY: as above.
    unsafe { *at }
}

#[cekura::span]
pub(crate) fn visible() -> u8 {
    #![allow(unused_variables)]
    #![allow(clippy::unreadable_literal)]
    let unused = 1000000;
    1
}

#[inline(never)]
#[must_use]
#[cekura::span]
#[deprecated]
fn attributes_around() -> u8 {
    /// Items may stand at the start of a body.
    fn inner() -> u8 {
        const CALLSITE: u8 = 4;
        CALLSITE
    }
    use std::string::String as Text;
    let _: Text = Text::new();
    inner()
}

// Futures.

#[cekura::span]
async fn async_unit() {}

#[cekura::span]
async fn async_question(text: &str) -> Result<u32, Failed> {
    let n = async { text.parse::<u32>() }.await?;
    Ok(n)
}

#[cekura::span]
async fn async_inferred(text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Ok(text.parse()?)
}

#[cekura::span]
async fn async_coerced(n: u8) -> Box<dyn Display> {
    if n == 0 {
        return Box::new("zero");
    }
    Box::new(n)
}

#[cekura::span]
async fn async_elided<'a>(text: &'a str, other: &str) -> &'a str {
    &text[other.len()..]
}

#[cekura::span]
async fn async_opaque(n: u8) -> impl Display {
    n
}

#[cekura::span]
async fn async_many_lifetimes(left: &mut String, right: &str, mut n: usize) -> usize {
    left.push_str(right);
    n += left.len();
    n
}

#[cekura::span]
async fn async_never(stop: bool) -> ! {
    ready(()).await;
    diverges(stop)
}

#[cekura::span]
async fn not_send(shared: Rc<Cell<u8>>) -> u8 {
    ready(()).await;
    shared.get()
}

#[cekura::span]
async fn stays_send(cell: Cell<u8>) -> u8 {
    ready(()).await;
    cell.get()
}

#[cekura::span]
fn opaque_future(text: &str) -> impl Future<Output = usize> + use<'_> {
    let n = text.len();
    async move { n }
}

#[cekura::span]
fn opaque_infers(text: String) -> impl Future<Output = Result<u32, Failed>> + Send {
    async move {
        let n = text.parse::<u32>()?;
        Ok(n)
    }
}

#[cekura::span]
fn opaque_reference<'a>(text: &'a str) -> impl Future<Output = &'a str> + Send + 'a {
    async move { text }
}

#[cekura::span]
fn opaque_of_opaque() -> impl Future<Output = Option<impl Display>> {
    async { Some(5) }
}

#[cekura::span]
fn opaque_ready(n: u8) -> impl Future<Output = u8> + Unpin + Send + Sync {
    ready(n)
}

#[cekura::span]
fn boxed<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = &'a str> + Send + 'a>> {
    Box::pin(async move { text })
}

#[cekura::span]
fn boxed_infers(text: String) -> Pin<Box<dyn Future<Output = Result<u32, Failed>>>> {
    if text.is_empty() {
        return Box::pin(ready(Ok(0)));
    }
    Box::pin(async move { Ok(text.parse()?) })
}

#[cekura::span]
fn boxed_elided(text: &str) -> Pin<Box<dyn Future<Output = usize> + '_>> {
    Box::pin(async move { text.len() })
}

#[cekura::span]
fn boxed_by_path(
    n: u8,
) -> std::pin::Pin<std::boxed::Box<dyn std::future::Future<Output = u8> + Send + Sync>> {
    Box::pin(ready(n))
}

#[cekura::span]
fn recursive(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { if n == 0 { 0 } else { 1 + recursive(n - 1).await } })
}

#[cekura::span]
async fn recursive_async(n: u32) -> u32 {
    if n == 0 { 0 } else { 1 + Box::pin(recursive_async(n - 1)).await }
}

// Methods.

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agent {
    name: String,
}

impl Agent {
    #[cekura::span]
    fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    #[cekura::span(record(name = self.name))]
    fn shared(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    #[cekura::span]
    fn exclusive(&mut self) -> &mut String {
        self.name.push('!');
        &mut self.name
    }

    #[cekura::span]
    fn consuming(self) -> String {
        self.name
    }

    #[cekura::span]
    fn mutable_self(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    #[cekura::span]
    fn boxed_self(self: Box<Self>) -> Box<Self> {
        self
    }

    #[cekura::span]
    fn counted(self: Rc<Self>, other: &Rc<Self>) -> bool {
        Rc::ptr_eq(&self, other)
    }

    #[cekura::span]
    fn pinned(self: Pin<&mut Self>) -> usize {
        self.get_mut().name.len()
    }

    #[cekura::span(record(name = self.name))]
    async fn async_shared(&self) -> &str {
        ready(()).await;
        &self.name
    }

    #[cekura::span]
    async fn async_exclusive(&mut self, n: usize) -> &mut Self {
        self.name.truncate(n);
        self
    }

    #[cekura::span]
    async fn async_consuming(mut self: Arc<Self>) -> String {
        Arc::make_mut(&mut self).name.push('?');
        self.name.clone()
    }

    #[cekura::span]
    fn boxed_by_name(&self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move { self.name.len() })
    }
}

pub(crate) trait Speak {
    fn name(&self) -> String;

    #[cekura::span]
    fn greet(&self, other: &str) -> String {
        format!("{} greets {other}", self.name())
    }

    #[cekura::span]
    fn sized(self) -> Self
    where
        Self: Sized,
    {
        self
    }

    fn say(&self, text: &str) -> impl Future<Output = Result<usize, Failed>> + Send;
    async fn hear(&mut self, audio: Vec<u8>) -> usize;
}

impl Speak for Agent {
    #[cekura::span]
    fn name(&self) -> String {
        self.name.clone()
    }

    #[cekura::span]
    async fn say(&self, text: &str) -> Result<usize, Failed> {
        if text.is_empty() {
            return Err(Failed("nothing to say"));
        }
        Ok(text.len())
    }

    #[cekura::span]
    async fn hear(&mut self, audio: Vec<u8>) -> usize {
        self.name.clear();
        audio.len()
    }
}

impl<T> PartialEq<Wrapper<T>> for Agent
where
    T: AsRef<str>,
{
    #[cekura::span]
    fn eq(&self, other: &Wrapper<T>) -> bool {
        self.name == other.0.as_ref()
    }
}

pub(crate) struct Wrapper<T>(pub(crate) T);

impl<'a, T: Debug + 'a> Wrapper<&'a T> {
    #[cekura::span]
    fn inner(&self) -> &'a T {
        self.0
    }
}

macro_rules! generated {
    ($name:ident, $argument:ident: $type:ty, $body:expr) => {
        #[cekura::span(record(twice = $argument * 2))]
        fn $name($argument: $type) -> $type {
            let hidden = $argument;
            hidden + $body
        }
    };
}

generated!(by_macro, n: u8, 1);

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    let calls = [arguments(), values(), generics(), futures(), methods()];
    calls.iter().sum()
}

fn arguments() -> usize {
    let seen = Cell::new(0);
    nothing();
    unit_by_statement(&seen);
    explicit_unit();
    assert_eq!(seen.get(), 1);
    assert_eq!(owned("a".to_owned()), "a");
    assert_eq!(mutable_argument(1), 2);
    let mut list = vec![];
    mutable_reference(&mut list);
    *given_back(&mut list) += 1;
    assert_eq!(list, [1, 8]);
    assert_eq!(tuple((1, 2), (3,)), 7);
    assert_eq!(fields(Point { x: 1, y: 2 }, &Point { x: 3, y: 0 }), 6);
    assert_eq!(slices([1, 0, 0, 2], &[3, 4]), 10);
    let mut n = 4;
    assert_eq!((references(&1, &mut n), n), (6, 5));
    assert_eq!(by_reference("abc".to_owned(), 1), 5);
    assert_eq!(at_pattern((1, 2)), 3);
    assert_eq!(either(Err(3)), 3);
    assert_eq!(unnamed(String::new(), 1, ()), "static");
    assert_eq!(raw("t", 1), "t1");
    assert_eq!(formatted("n", 7), "n:007");
    assert_eq!(shadowed(1), 4);
    assert_eq!(many(1, 2, 3, 4, 5, 6, 7, 8), 36);
    assert_eq!(closures(str::len, &|| 2, |n| n + 1), 8);
    assert!((large([1.0; 4096]) - 4096.0).abs() < 0.1);
    assert_eq!(not_recordable(Cell::new(1), Rc::default()), 2);
    assert_eq!(by_macro(1), 2);
    23
}

fn values() -> usize {
    assert_eq!(question("7"), Ok(7));
    assert_eq!(question("x"), Err(Failed("not a number")));
    assert_eq!(inferred_error("").unwrap_err().to_string(), "empty");
    assert_eq!((early(None), early(Some(0)), early(Some(1))), (None, None, Some(1)));
    assert_eq!(coerced()(1), 2);
    assert_eq!(coerced_slice(&[1, 2, 3]), [1, 2, 3]);
    assert_eq!(elided("text"), "ext");
    assert_eq!(named_lifetimes("", "right"), "right");
    assert_eq!(iterator("a b").count(), 2);
    let (shown, add) = nested_opaque(1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((shown.to_string(), add.map(|add| add(1))), ("1".to_owned(), Some(2)));
    assert_eq!(dyn_with_lifetime("text").to_string(), "text");
    std::panic::catch_unwind(|| diverges(true)).unwrap_err();
    assert_eq!((always_returns(1), looped()), (1, 3));
    assert_eq!(locked(Mutex::new(vec![1])), 1);
    assert_eq!(block_on(locked_in_async(Arc::default())), 0);
    assert_eq!(borrowed_at_the_end(RefCell::new(vec![4])), Some(4));
    19
}

fn generics() -> usize {
    assert_eq!(generic(Failed("any")), Failed("any"));
    assert_eq!(bounded::<u8, 2>(&1), [1, 1]);
    assert_eq!(higher_ranked(|text| &text[1..]), 3);
    assert_eq!(block_on(generic_async("a")), "a");
    // SAFETY: the reference is valid.
    assert_eq!(unsafe { deref(&3) }, 3);
    assert_eq!(for_c(1), 2);
    // SAFETY: it has no condition.
    assert_eq!(unsafe { unsafe_for_c(1) }, 3);
    // SAFETY: the reference is valid.
    assert_eq!(block_on(unsafe { unsafe_async(&5) }), 5);
    assert_eq!(visible(), 1);
    #[allow(deprecated)]
    let around = attributes_around();
    assert_eq!(around, 4);
    10
}

fn futures() -> usize {
    block_on(async_unit());
    assert_eq!(block_on(async_question("x")), Err(Failed("not a number")));
    assert_eq!(block_on(async_inferred("7")).unwrap(), 7);
    assert_eq!(block_on(async_coerced(0)).to_string(), "zero");
    assert_eq!(block_on(async_elided("text", "o")), "ext");
    assert_eq!(block_on(async_opaque(1)).to_string(), "1");
    let mut text = "a".to_owned();
    assert_eq!(block_on(async_many_lifetimes(&mut text, "bc", 1)), 4);
    std::panic::catch_unwind(|| block_on(async_never(true))).unwrap_err();
    assert_eq!(block_on(not_send(Rc::new(Cell::new(1)))), 1);
    assert_eq!(block_on(send(stays_send(Cell::new(1)))), 1);
    assert_eq!(block_on(opaque_future("text")), 4);
    assert_eq!(block_on(send(opaque_infers("7".to_owned()))), Ok(7));
    assert_eq!(block_on(send(opaque_reference("text"))), "text");
    assert_eq!(block_on(opaque_of_opaque()).map(|n| n.to_string()), Some("5".to_owned()));
    assert_eq!(block_on(send(opaque_ready(1))), 1);
    assert_eq!(block_on(send(boxed("text"))), "text");
    assert_eq!(block_on(boxed_infers("x".to_owned())), Err(Failed("not a number")));
    assert_eq!(block_on(boxed_elided("text")), 4);
    assert_eq!(block_on(boxed_by_path(1)), 1);
    assert_eq!(block_on(send(recursive(2))), 2);
    assert_eq!(block_on(recursive_async(2)), 2);
    26
}

fn methods() -> usize {
    let mut agent = Agent::new("ann");
    assert_eq!(agent.shared("?"), "ann?");
    assert_eq!(agent.exclusive(), "ann!");
    assert_eq!(agent.clone().consuming(), "ann!");
    agent = agent.mutable_self("bob");
    agent = *Box::new(agent).boxed_self();
    let shared = Rc::new(agent.clone());
    assert!(shared.clone().counted(&shared));
    assert_eq!(Pin::new(&mut agent).pinned(), 3);
    assert_eq!(block_on(send(agent.async_shared())), "bob");
    assert_eq!(block_on(send(agent.async_exclusive(2))).name, "bo");
    assert_eq!(block_on(Arc::new(agent.clone()).async_consuming()), "bo?");
    assert_eq!(block_on(send(agent.boxed_by_name())), 2);
    assert_eq!(agent.greet("eve"), "bo greets eve");
    assert_eq!(agent.clone().sized(), agent);
    assert_eq!(block_on(send(agent.say(""))), Err(Failed("nothing to say")));
    assert_eq!(block_on(agent.hear(vec![1, 2])), 2);
    assert!(agent == Wrapper(String::new()));
    assert_eq!(*Wrapper(&1).inner(), 1);
    19
}
