//! Functions that return futures.

use super::*;

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
    super::values::diverges(stop)
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

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
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
