//! Decides from a function's return type whether its error may borrow. Invariant: the type inside a `dyn Error`
//! is asked for at run time only if the error cannot borrow, because that question needs a `'static` type.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Types with a lifetime that are no error.
const HARMLESS: [&str; 6] = ["BoxFuture", "BoxStream", "Cow", "LocalBoxFuture", "LocalBoxStream", "use"];

/// True for `dyn Error + 'a`, and for `Name<'a, …>` and `Self::Name`, which may be that by another name.
pub(crate) fn error_borrows(returns: TokenStream) -> bool {
    let tokens = flat(returns);
    let inside =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if error_borrows(group.stream()));
    tokens.iter().any(inside)
        || (0..tokens.len()).any(|at| match &tokens[at] {
            TokenTree::Ident(word) if word == "dyn" => is_borrowed_object(&tokens[at + 1..]),
            // An associated type may be anything.
            TokenTree::Ident(word) if word == "Self" => match tokens.get(at + 1) {
                Some(TokenTree::Ident(next)) => next == "as",
                next => next.is_some_and(|next| is(next, ':')),
            },
            TokenTree::Ident(word) => {
                let may_be_one = !HARMLESS.iter().any(|harmless| word == harmless);
                may_be_one
                    && tokens.get(at + 1).is_some_and(|next| is(next, '<'))
                    && lifetime(&tokens[at + 2..])
            }
            _ => false,
        })
}

/// The tokens without invisible groups around them.
fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let open = |token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => flat(group.stream()),
        token => vec![token],
    };
    tokens.into_iter().flat_map(open).collect()
}

/// Whether these are the bounds of a `dyn`, with both an `Error` and a lifetime among them.
fn is_borrowed_object(bounds: &[TokenTree]) -> bool {
    let (mut depth, mut is_error, mut borrows) = (0_i32, false, false);
    for (at, token) in bounds.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && depth > 0 => depth -= 1,
            TokenTree::Punct(punct) if depth == 0 && matches!(punct.as_char(), ',' | '>') => break,
            TokenTree::Ident(word) if depth == 0 => is_error |= word.to_string().ends_with("Error"),
            _ if depth == 0 => borrows |= lifetime(&bounds[at..]),
            _ => {}
        }
    }
    is_error && borrows
}

/// Whether they begin with a lifetime that may end.
fn lifetime(tokens: &[TokenTree]) -> bool {
    match tokens {
        [quote, TokenTree::Ident(name), ..] => is(quote, '\'') && name != "static",
        _ => false,
    }
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}
