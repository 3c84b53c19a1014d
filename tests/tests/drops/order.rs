//! Functions whose arguments say when they are dropped; what they print is the same with and without attributes.
#![allow(unused, clippy::all)]

use cekura as _;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

pub struct D(&'static str);

impl Drop for D {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

impl D {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn borrow(&self) -> Option<D> {
        Some(D("temporary"))
    }
}

pub struct Pair {
    left: D,
    right: D,
}

/// A type with a drop of its own.
pub struct Guard {
    id: u32,
}

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push("guard"));
    }
}

/// Waits once.
#[derive(Default)]
pub struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Not that of `futures`, which is not here; the attribute cannot tell.
pub trait Stream {
    type Item;
}

impl Stream for D {
    type Item = String;
}

macro_rules! sync {
    ($(#[$attribute:meta] $name:ident($($argument:tt)*) $(-> $returns:ty)? $body:block($($value:expr),*);)*) => {
        $(#[cfg_attr(annotated, $attribute)] fn $name($($argument)*) $(-> $returns)? $body)*
        fn all_sync() {
            $(drop($name($($value),*)); report(stringify!($name));)*
        }
    };
}

macro_rules! futures {
    ($(#[$attribute:meta] [$($async:ident)?] $name:ident($($argument:tt)*) $(-> $returns:ty)? $body:block($($value:expr),*);)*) => {
        $(#[cfg_attr(annotated, $attribute)] $($async)? fn $name($($argument)*) $(-> $returns)? $body)*
        fn all_futures() {
            $(for polls in 0..3 {
                let mut future = Box::pin($name($($value),*));
                for _ in 0..polls {
                    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    let is_ready = polled.is_ready();
                    drop(polled);
                    report("-");
                    if is_ready { break }
                }
                drop(future);
                report(stringify!($name));
            })*
        }
    };
}

sync! {
    #[cekura::span] names(a: D, _guard: D, b: D, _: D) { let _local = D("local"); } (D("a"), D("_guard"), D("b"), D("_"));
    #[cekura::span] used(a: D, _guard: D, b: D, _: D) -> usize { let _local = D("local"); b.len() + a.len() }
        (D("a"), D("_guard"), D("b"), D("_"));
    #[cekura::span] leftover((x, _): (D, D), a: D) { let _local = D("local"); } ((D("x"), D("left")), D("a"));
    #[cekura::span] fields(Pair { left, .. }: Pair, a: D) -> usize { left.len() } (Pair { left: D("left"), right: D("right") }, D("a"));
    #[cekura::span] all_fields(Pair { left, right }: Pair, a: D) {} (Pair { left: D("left"), right: D("right") }, D("a"));
    #[cekura::span] own_drop(a: D, Guard { id }: Guard, b: D) -> u32 { id } (D("a"), Guard { id: 1 }, D("b"));
    #[cekura::span] tuple((a, _b): (D, D), c: D) { let _local = D("local"); } ((D("a"), D("_b")), D("c"));
    #[cekura::span] nested(((a, _), [b, ..]): ((D, D), [D; 3]), c: D) {}
        (((D("a"), D("_")), [D("b"), D("1"), D("2")]), D("c"));
    #[cekura::span] by_reference(ref a: D, ref mut b: D, c: D) -> usize { a.len() } (D("a"), D("b"), D("c"));
    #[cekura::span] moved(a: D, b: D, c: D) -> D { drop(a); c } (D("a"), D("b"), D("c"));
    #[cekura::span] sometimes(a: D, b: D, yes: bool) { if yes { drop(a); } let _local = D("local"); } (D("a"), D("b"), true);
    #[cekura::span] never(a: D, b: D, yes: bool) { if yes { drop(a); } let _local = D("local"); } (D("a"), D("b"), false);
    #[cekura::span] early(a: D, b: D, n: u32) -> Option<D> { let _local = D("local"); if n == 0 { return Some(a); } None }
        (D("a"), D("b"), 0);
    #[cekura::span(record(length = a.len()))] named(_g: D, a: D, _: D) {} (D("_g"), D("a"), D("_"));
    #[cekura::span(record(length = _a.len()))] named_hidden(b: D, _a: D, _: D) {} (D("b"), D("_a"), D("_"));
    #[cekura::span(skip_all)] mutable(mut a: D, mut b: (D, D)) { a = D("new"); drop(b.1); } (D("a"), (D("b0"), D("b1")));
    #[cekura::span] tail(a: D, _b: D) -> usize { let local = D("local"); match a.borrow() { Some(ref d) => d.len(), None => 0 } }
        (D("a"), D("_b"));
    #[cekura::span] only_tail(a: D) -> usize { match a.borrow() { Some(ref d) => d.len(), None => 0 } } (D("a"));
    #[cekura::span] anything(a: impl Sized, _: impl Sized, b: Vec<D>) {} (D("a"), D("_"), vec![D("b0"), D("b1")]);
    #[cekura::tts] parts(a: D, text: impl Stream<Item = String>, _: D) { let _local = D("local"); } (D("a"), D("text"), D("_"));
    #[cekura::tts] boxed_parts(_a: D, mut text: Box<dyn Stream<Item = String>>, b: D) { text = Box::new(D("new")); }
        (D("_a"), Box::new(D("text")), D("b"));
    #[cekura::span] plain_values(_: &str, _n: u8, _: (), a: D, _: [u8; 2]) {} ("", 1, (), D("a"), [1, 2]);
}

futures! {
    #[cekura::span] [async] later(a: D, _guard: D, b: D, _: D) { let _local = D("local"); Once::default().await; }
        (D("a"), D("_guard"), D("b"), D("_"));
    #[cekura::span] [async] later_leftover((x, _): (D, D), Pair { right, .. }: Pair, a: D) -> usize {
        let _local = D("local");
        Once::default().await;
        x.len() + right.len()
    } ((D("x"), D("left")), Pair { left: D("pair.left"), right: D("pair.right") }, D("a"));
    #[cekura::span] [async] later_moved(a: D, _b: D, c: D) -> D { drop(a); Once::default().await; c } (D("a"), D("_b"), D("c"));
    #[cekura::span] [async] later_tail(a: D, _b: D) -> usize {
        Once::default().await;
        let local = D("local");
        match a.borrow() { Some(ref d) => d.len(), None => 0 }
    } (D("a"), D("_b"));
    #[cekura::span] [async] later_tail_only(a: D) -> usize { match a.borrow() { Some(ref d) => d.len(), None => 0 } } (D("a"));
    #[cekura::span] [async] later_failed(a: D, _b: D) -> Result<D, D> { Once::default().await; Err(a)?; unreachable!() }
        (D("a"), D("_b"));
    #[cekura::tts] [async] later_parts(a: D, text: impl Stream<Item = String>, _: D) { Once::default().await; drop(a); }
        (D("a"), D("text"), D("_"));
    #[cekura::span] [] opaque(a: D, _b: D, c: D) -> impl Future<Output = usize> {
        let _local = D("local");
        async move { let _inner = D("inner"); Once::default().await; c.len() }
    } (D("a"), D("_b"), D("c"));
    #[cekura::span] [] boxed(a: D, (b, _): (D, D), _: D) -> Pin<Box<dyn Future<Output = usize>>> {
        let _local = D("local");
        Box::pin(async move { let _inner = D("inner"); Once::default().await; a.len() })
    } (D("a"), (D("b"), D("left")), D("_"));
}

pub struct Agent {
    first: D,
    second: D,
}

impl Agent {
    const fn new() -> Self {
        Self { first: D("first"), second: D("second") }
    }

    #[cfg_attr(annotated, cekura::span)]
    fn by_value(self, a: D, _: D) -> usize {
        let _local = D("local");
        self.second.len()
    }

    #[cfg_attr(annotated, cekura::span)]
    fn unused(self, a: D) {}

    #[cfg_attr(annotated, cekura::span)]
    fn taken_apart(self, a: D) -> D {
        self.second
    }

    #[cfg_attr(annotated, cekura::span)]
    fn in_a_box(mut self: Box<Self>, _a: D) -> usize {
        self.first = D("new");
        self.second.len()
    }

    #[cfg_attr(annotated, cekura::span)]
    fn generic<T: Into<Option<D>>, const N: usize>(&self, value: T, _: [T; N], b: D) {
        let _local = value.into();
    }

    #[cfg_attr(annotated, cekura::span)]
    async fn later(self, a: D, _: D) -> usize {
        Once::default().await;
        self.second.len()
    }
}

fn methods() {
    Agent::new().by_value(D("a"), D("_"));
    report("by_value");
    Agent::new().unused(D("a"));
    report("unused");
    drop(Agent::new().taken_apart(D("a")));
    report("taken_apart");
    Box::new(Agent::new()).in_a_box(D("_a"));
    report("in_a_box");
    Agent::new().generic(D("value"), [D("0"), D("1")], D("b"));
    report("generic");
    for polls in 0..3 {
        let mut future = Box::pin(Agent::new().later(D("a"), D("_")));
        for _ in 0..polls {
            let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        drop(future);
        report("later");
    }
}

fn report(name: &str) {
    println!("{name}: {}", DROPPED.take().join(" "));
}

fn all() {
    all_sync();
    all_futures();
    methods();
}

fn main() {
    all();
    #[cfg(annotated)]
    cekura::testing::capture(all);
    #[cfg(not(annotated))]
    all();
}
