//! What is said of a failed call: the text of its error with the causes, and what type the error has. Invariant: which
//! error it is is asked of its type alone, so every function compiles as it does without its attribute.

mod outcomes {
    mod causes;
    mod inside;
    mod types;
}
