//! Functions that return closures, whose parameters take their types from the signature.

use super::*;

#[cekura::span]
fn equals<'a>(text: &'a str) -> impl Fn(&str) -> bool + 'a {
    move |other| other == text
}

#[cekura::span]
fn pushes() -> impl FnMut(&mut Vec<u8>) {
    let mut n = 0;
    move |list| {
        n += 1;
        list.push(n);
    }
}

#[cekura::span]
fn measures(early: bool) -> impl Fn(&str) -> Pin<Box<dyn Future<Output = usize>>> {
    if !early {
        panic!("late");
    }
    return |text| {
        let length = text.len();
        Box::pin(async move { length })
    };
}

#[cekura::span]
fn once(text: String, _: Vec<u8>) -> impl FnOnce(&str) -> String {
    |more| text + more
}

#[cekura::span]
fn boxed_closure(text: String) -> Box<dyn Fn(&str) -> bool> {
    Box::new(move |other| other == text)
}

#[cekura::span]
async fn boxed_closure_later(text: String) -> Result<Box<dyn for<'a> Fn(&'a str) -> &'a str>, Failed> {
    drop(text);
    Ok(Box::new(|other| other))
}

#[cekura::span]
async fn counts(n: usize) -> impl Fn(&str) -> usize {
    move |text| text.len() + n
}

#[cekura::span]
async fn keeps<'a>(list: &'a mut Vec<String>, _: Vec<u8>) -> impl FnMut(&str, &'a str) + 'a {
    let first = ready("first").await;
    if list.len() > 1000 {
        list.clear();
    }
    move |text, other| list.extend([first, text, other].map(str::to_owned))
}

#[cekura::span]
async fn tail() -> impl for<'a> Fn(&'a str, &Frame, Option<&str>) -> &'a str + Send + Sync + Clone + 'static {
    |text, frame, more| &text[frame.0..text.len() - more.map_or(0, str::len)]
}

#[cekura::span]
async fn generic<T: ToString, const N: usize>(it: T) -> impl Fn([T; N]) -> String {
    move |all: [T; N]| all.iter().map(T::to_string).collect::<String>() + &it.to_string()
}

#[cekura::span]
async fn later(text: &str) -> impl AsyncFn(&str) -> usize {
    let length = text.len();
    async move |more| more.len() + length
}

struct Frame(usize);

struct Holder<T>(T);

impl<T: ToString> Holder<T> {
    #[cekura::span]
    async fn joins(&self) -> impl Fn(&str) -> String {
        let own = self.0.to_string();
        move |text| format!("{own}{text}")
    }

    #[cekura::span]
    async fn writes(&self) -> impl Fn(&T) -> String {
        |it: &T| it.to_string()
    }
}

struct Handler<Request, Answer>(fn(Request) -> Answer);

impl<Request, Answer> Handler<Request, Answer> {
    /// Its parameters are named like types.
    #[cekura::span]
    async fn handles(&self) -> impl Fn(Request) -> Answer {
        let handle = self.0;
        move |request: Request| handle(request)
    }

    #[cekura::span]
    async fn measures(&self) -> impl Fn(&str, Option<Vec<u8>>, std::time::Duration) -> usize {
        |text, bytes, _| text.len() + bytes.map_or(0, |bytes| bytes.len())
    }
}

async fn of_async_functions() -> usize {
    fn sendable<F: Send>(future: F) -> F {
        future
    }
    assert_eq!(sendable(counts(1)).await("ab"), 3);
    let mut list = Vec::new();
    keeps(&mut list, vec![]).await("b", "c");
    assert_eq!(list, ["first", "b", "c"]);
    assert_eq!(tail().await("abc", &Frame(1), Some("c")), "b");
    assert_eq!(generic::<_, 2>(3).await([1, 2]), "123");
    assert_eq!(later("a").await("bc").await, 3);
    assert_eq!(Holder(1).joins().await("a"), "1a");
    assert_eq!(Holder(1).writes().await(&2), "2");
    let handler = Handler(|request: u8| request + 1);
    assert_eq!(handler.handles().await(1), 2);
    assert_eq!(handler.measures().await("ab", Some(vec![1]), std::time::Duration::ZERO), 3);
    9
}

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    assert!(equals("a")("a"));
    let (mut list, mut push) = (Vec::new(), pushes());
    push(&mut list);
    push(&mut list);
    assert_eq!(list, [1, 2]);
    assert_eq!(block_on(measures(true)("four")), 4);
    std::panic::catch_unwind(|| drop(measures(false))).unwrap_err();
    assert_eq!(once("a".to_owned(), vec![])("b"), "ab");
    assert!(boxed_closure("a".to_owned())("a"));
    assert_eq!(block_on(boxed_closure_later(String::new())).unwrap()("x"), "x");
    7 + block_on(of_async_functions())
}
