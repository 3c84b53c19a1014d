//! The types of client crates as users get them, in the tests. There is nothing here.
