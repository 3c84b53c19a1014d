//! Return values of every form.

use super::*;

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
pub(crate) fn diverges(stop: bool) -> ! {
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

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
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
