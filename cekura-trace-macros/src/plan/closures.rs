//! The closures in an attribute, which look at what the function returned. Invariant: such a closure uses its
//! parameter only, for the function's arguments may be gone by then.

use crate::args::{Args, Given, Value};
use crate::diagnostics::Diagnostics;
use crate::function::{Function, names};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, ExprReference, Token, UnOp};

/// Refuses closures that use an argument of the function. They would compile in some functions, and in others not.
pub(super) fn refuse_arguments(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    let mut arguments: Vec<_> = function.bindings.iter().map(|binding| binding.ident.clone()).collect();
    arguments
        .extend(function.signature.receiver().map(|receiver| Ident::new("self", receiver.self_token.span)));
    let own = args.own.iter().map(|own| &own.value);
    for value in own.chain(args.record.iter().map(|record| &record.value)) {
        let Value::Returned(closure) = value else { continue };
        let bound: Vec<_> = closure.inputs.iter().flat_map(names).collect();
        let mut others = arguments.clone();
        others.retain(|argument| !bound.contains(argument));
        if let Some(used) = used(closure.body.to_token_stream(), &others) {
            let message = format!(
                "the closure runs after the function has returned, where `{used}` may be gone: use its parameter only, \
                 or call `cekura::record` in the body"
            );
            mistakes.at(used, message);
        }
    }
}

/// The first of these names that is used as a value. Where something else may bind it, the search ends, and the
/// compiler's own errors have to do.
fn used(tokens: TokenStream, names: &[Ident]) -> Option<Ident> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is = |at: Option<usize>, sign: char| matches!(at.and_then(|at| tokens.get(at)), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    for (at, token) in tokens.iter().enumerate() {
        let [before, before_that] = [1, 2].map(|back| at.checked_sub(back));
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '|' => return None,
            TokenTree::Ident(word) if ["fn", "for", "let", "match"].iter().any(|other| word == other) => {
                return None;
            }
            // What a macro makes of its tokens is not known.
            TokenTree::Group(group) if !is(before, '!') => {
                if let Some(found) = used(group.stream(), names) {
                    return Some(found);
                }
            }
            TokenTree::Ident(word) if names.contains(word) => {
                let is_field_or_method = is(before, '.') && !is(before_that, '.');
                let is_in_path = is(before, ':') && is(before_that, ':') || is(before, '\'');
                // A field's name before its value, a module's before `::`, or a macro's.
                let is_other = is(Some(at + 1), ':') || is(Some(at + 1), '!') && !is(Some(at + 2), '=');
                if !is_field_or_method && !is_in_path && !is_other {
                    return Some(word.clone());
                }
            }
            _ => {}
        }
    }
    None
}

/// The closure that borrows where it would move: `|reply| reply.text` gives `&reply.text`.
pub(super) fn borrowing(mut closure: ExprClosure, given: Given) -> ExprClosure {
    let bound: Vec<_> = closure.inputs.iter().flat_map(names).collect();
    if matches!(given, Given::Record | Given::Value) && is_part(&closure.body, &bound) {
        let expr = closure.body;
        closure.body = Box::new(Expr::Reference(ExprReference {
            attrs: Vec::new(),
            and_token: Token![&](expr.span()),
            mutability: None,
            expr,
        }));
    }
    closure
}

/// Whether it is a place inside of one of these names.
fn is_part(expression: &Expr, names: &[Ident]) -> bool {
    let is_place = |inside: &Expr| match inside {
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| names.contains(name)),
        inside => is_part(inside, names),
    };
    match expression {
        Expr::Field(field) => is_place(&field.base),
        Expr::Index(index) => is_place(&index.expr),
        Expr::Paren(paren) => is_part(&paren.expr, names),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => is_place(&unary.expr),
        _ => false,
    }
}
