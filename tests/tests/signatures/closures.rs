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
    7
}
