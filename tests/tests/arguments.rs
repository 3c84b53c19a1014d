//! What the attributes' arguments do to a span, and what may stand in them. Invariant: a name that asks for less never
//! records more.

mod arguments {
    mod content;
    mod debug;
    mod failures;
    mod from_macros;
    mod places;
    mod tools;
}
