//! The closure that a function returns: `impl Fn(&str) -> usize` tells the one in its body what it takes.

use super::peeled;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{Signature, TraitBound, Type, TypeParamBound};

/// Types that generic parameters are not named after.
const STANDARD: [&str; 17] = [
    "Arc",
    "AsyncFn",
    "AsyncFnMut",
    "AsyncFnOnce",
    "Box",
    "Cow",
    "Duration",
    "Fn",
    "FnMut",
    "FnOnce",
    "Option",
    "Output",
    "Pin",
    "Rc",
    "Result",
    "String",
    "Vec",
];

/// A closure that an `async fn` returns. Inside an async block nothing tells it what it takes, so it is given to an item that
/// does. Invariant: the names in that item mean what they mean in the signature, as far as their spelling says.
pub(crate) struct Closure {
    /// Generic parameters of the item.
    pub(crate) lifetimes: BTreeSet<Ident>,
    /// `Fn(&str) -> usize`.
    pub(crate) bound: TraitBound,
}

impl Closure {
    /// `None` where the type is none, or where the item might not compile: an item sees no type parameter of the function, nor
    /// of the `impl` around it.
    pub(super) fn find(declared: &Type, signature: &Signature) -> Option<Self> {
        let bound = Self::bound(declared)?.clone();
        let mut names = Names { signature, lifetimes: BTreeSet::new() };
        if !names.are_known_in_items(bound.path.to_token_stream()) {
            return None;
        }
        let mut lifetimes = names.lifetimes;
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

/// What the bound names.
struct Names<'s> {
    signature: &'s Signature,
    /// But for `'static` and `'_`.
    lifetimes: BTreeSet<Ident>,
}

impl Names<'_> {
    /// Whether all names in these tokens mean the same in an item inside the function.
    fn are_known_in_items(&mut self, tokens: TokenStream) -> bool {
        let mut before = ' ';
        tokens.into_iter().all(|token| {
            let before = std::mem::replace(
                &mut before,
                if let TokenTree::Punct(sign) = &token { sign.as_char() } else { ' ' },
            );
            match token {
                TokenTree::Group(group) => self.are_known_in_items(group.stream()),
                TokenTree::Ident(name) if before == '\'' => {
                    if name != "static" && name != "_" {
                        self.lifetimes.insert(name);
                    }
                    true
                }
                // What comes behind `::` is known where the name before it is.
                TokenTree::Ident(_) if before == ':' => true,
                TokenTree::Ident(name) => !self.may_be_a_parameter(&name),
                TokenTree::Literal(_) | TokenTree::Punct(_) => true,
            }
        })
    }

    /// Type parameters have names like `T`; in a method also like those of types, for the `impl` may have some.
    fn may_be_a_parameter(&self, name: &Ident) -> bool {
        let generics = &self.signature.generics;
        let is_own = generics.type_params().any(|own| own.ident == *name)
            || generics.const_params().any(|own| own.ident == *name);
        let text = name.to_string();
        let is_named_like_a_type = text.starts_with(char::is_uppercase) && !STANDARD.contains(&text.as_str());
        let is_short = !text.contains(char::is_lowercase);
        is_own || text == "Self" || is_named_like_a_type && (is_short || self.signature.receiver().is_some())
    }
}
