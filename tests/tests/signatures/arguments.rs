//! Arguments of every form.

use super::*;

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

#[cekura::span(skip_all, record(before = n, list = list.len()))]
fn named_in_the_attribute(mut n: u32, list: Vec<u8>) -> usize {
    n += 1;
    list.len() + n as usize
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
    let seen = Cell::new(0);
    nothing();
    unit_by_statement(&seen);
    explicit_unit();
    assert_eq!(seen.get(), 1);
    assert_eq!(owned("a".to_owned()), "a");
    assert_eq!(mutable_argument(1), 2);
    assert_eq!(named_in_the_attribute(1, vec![1]), 3);
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
    24
}
