//! A value without inner values, as the walk shows it to the shapes. Invariant: it borrows; nobody who looks at it copies it.

/// A value without inner values. Integers beyond `i64` have no place in a response and are not shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    F64(f64),
    I64(i64),
    Null,
    Text(&'a str),
}
