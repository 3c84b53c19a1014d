//! The closure that a function returns: `impl Fn(&str) -> usize` tells the one in its body what it takes.

use super::peeled;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{Generics, TraitBound, Type, TypeParamBound};

/// A closure that an `async fn` returns. Inside an async block it learns from nothing what it takes, so it is given to an item
/// that says so. Invariant: that item compiles wherever the function does.
pub(crate) struct Closure {
    /// Generic parameters of the item.
    pub(crate) lifetimes: BTreeSet<Ident>,
    /// `Fn(&str) -> usize`.
    pub(crate) bound: TraitBound,
}

impl Closure {
    /// `None` where the type is none, or where the item might not compile: an item sees no type parameter of the function, nor
    /// of the `impl` around it.
    pub(super) fn find(declared: &Type, generics: &Generics) -> Option<Self> {
        let bound = Self::bound(declared)?.clone();
        let mut lifetimes = BTreeSet::new();
        if !is_known_in_items(bound.path.to_token_stream(), generics, &mut lifetimes) {
            return None;
        }
        // Those of `for<'a> Fn(&'a str)` are its own.
        for own in bound.lifetimes.iter().flat_map(|own| &own.lifetimes) {
            lifetimes.retain(|name| own.to_token_stream().to_string() != format!("'{name}"));
        }
        Some(Self { lifetimes, bound })
    }

    /// The bound of `impl Fn…`, in all its forms.
    pub(super) fn bound(declared: &Type) -> Option<&TraitBound> {
        const CLOSURES: [&str; 6] = ["AsyncFn", "AsyncFnMut", "AsyncFnOnce", "Fn", "FnMut", "FnOnce"];
        let Type::ImplTrait(opaque) = peeled(declared) else { return None };
        opaque.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => {
                let name = &bound.path.segments.last()?.ident;
                CLOSURES.iter().any(|closure| name == closure).then_some(bound)
            }
            _ => None,
        })
    }
}

/// Whether all names in these tokens mean the same in an item inside the function, as far as their spelling says: type
/// parameters of an `impl` have names like `T`. Collects the lifetimes, but for `'static` and `'_`.
fn is_known_in_items(tokens: TokenStream, generics: &Generics, lifetimes: &mut BTreeSet<Ident>) -> bool {
    let mut is_lifetime = false;
    tokens.into_iter().all(|token| {
        let was_quote = std::mem::take(&mut is_lifetime);
        match token {
            TokenTree::Group(group) => is_known_in_items(group.stream(), generics, lifetimes),
            TokenTree::Ident(name) if was_quote => {
                if name != "static" && name != "_" {
                    lifetimes.insert(name);
                }
                true
            }
            TokenTree::Ident(name) => {
                let is_type = generics.type_params().any(|own| own.ident == name);
                let is_const = generics.const_params().any(|own| own.ident == name);
                let may_be_one = name == "Self" || !name.to_string().contains(char::is_lowercase);
                !(is_type || is_const || may_be_one)
            }
            TokenTree::Literal(_) => true,
            TokenTree::Punct(punct) => {
                is_lifetime = punct.as_char() == '\'';
                true
            }
        }
    })
}
