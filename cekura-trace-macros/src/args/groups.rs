//! Removes the invisible groups that a `macro_rules!` leaves around tokens. Invariant: a group in the middle of
//! an expression stays, because it says what belongs together.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::ParseStream;
use syn::{Expr, Token};

/// The tokens, with each entry that a macro has put into an invisible group taken out of it.
pub(super) fn opened(tokens: TokenStream) -> TokenStream {
    let mut begins = true;
    tokens
        .into_iter()
        .flat_map(|token| {
            let opens = begins && is_invisible(&token);
            begins = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
            match token {
                TokenTree::Group(group) if opens => opened(group.stream()),
                token => token.into(),
            }
        })
        .collect()
}

fn is_invisible(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::None)
}

/// The expression that a macro has put into invisible groups; a closure also out of its parentheses.
pub(super) fn peeled(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => peeled(*group.expr),
        Expr::Paren(paren) if matches!(unwrapped(&paren.expr), Expr::Closure(_)) => peeled(*paren.expr),
        other => other,
    }
}

fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Group(group) => unwrapped(&group.expr),
        Expr::Paren(paren) => unwrapped(&paren.expr),
        other => other,
    }
}

/// Parentheses and what is between them, also in an invisible group.
pub(super) fn list_group(input: ParseStream<'_>) -> syn::Result<Group> {
    let place = input.span();
    let mut token: TokenTree = input.parse()?;
    while is_invisible(&token)
        && let TokenTree::Group(group) = &token
        && let Some(inside) = group.stream().into_iter().next()
    {
        token = inside;
    }
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Ok(group),
        _ => Err(syn::Error::new(place, "expected a list in parentheses")),
    }
}

/// Passes what is left of an entry.
pub(super) fn pass_entry(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
