//! Decides from the tokens of its type whether an argument is a stream of text. Invariant: a type that can do
//! more than a stream around it could is not treated as one.

use super::{argument, associated, named, peeled, pinned};
use syn::punctuated::Punctuated;
use syn::{Path, Token, Type, TypeParamBound};

/// A stream of text.
#[derive(Clone, Copy)]
pub(crate) enum Texts {
    /// Its type is written: a box.
    Boxed,
    /// `impl Stream`.
    Opaque,
}

impl Texts {
    pub(super) fn of(declared: &Type) -> Option<Self> {
        let declared = peeled(declared);
        match declared {
            Type::ImplTrait(opaque) => {
                let can_no_more = opaque.bounds.iter().all(is_of_a_wrapper_too);
                (can_no_more && gives_text(&opaque.bounds)).then_some(Self::Opaque)
            }
            Type::Path(path) if named(&path.path, "BoxStream") || named(&path.path, "LocalBoxStream") => {
                is_text(argument(&path.path)?).then_some(Self::Boxed)
            }
            _ => match pinned(declared).or_else(|| inside(declared, "Box"))? {
                Type::TraitObject(object) => gives_text(&object.bounds).then_some(Self::Boxed),
                _ => None,
            },
        }
    }

    /// What asks at run time whether its type is what its tokens say.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Boxed => "__boxed",
            Self::Opaque => "__streamed",
        }
    }
}

/// Whether what is around a stream has the bound if the stream has it.
fn is_of_a_wrapper_too(bound: &TypeParamBound) -> bool {
    const NAMES: [&str; 5] = ["FusedStream", "Send", "Stream", "Sync", "Unpin"];
    match bound {
        TypeParamBound::Lifetime(_) => true,
        TypeParamBound::Trait(bound) => {
            bound.maybe.is_none() && NAMES.iter().any(|name| named(&bound.path, name))
        }
        _ => false,
    }
}

/// Whether one of the bounds is a stream whose items are text.
fn gives_text(bounds: &Punctuated<TypeParamBound, Token![+]>) -> bool {
    let is_stream = |path: &Path| {
        let is_named = named(path, "Stream") || named(path, "FusedStream");
        is_named && associated(path, "Item").is_some_and(is_text)
    };
    bounds.iter().any(|bound| matches!(bound, TypeParamBound::Trait(bound) if is_stream(&bound.path)))
}

/// Whether it is a string, or a result of one.
fn is_text(item: &Type) -> bool {
    is_string(item) || inside(item, "Result").is_some_and(is_string)
}

fn is_string(item: &Type) -> bool {
    let is_str = |declared: &Type| matches!(peeled(declared), Type::Path(path) if named(&path.path, "str"));
    match peeled(item) {
        Type::Path(path) if named(&path.path, "String") => true,
        Type::Reference(reference) => reference.mutability.is_none() && is_str(&reference.elem),
        item => ["Arc", "Box", "Cow"].iter().any(|name| inside(item, name).is_some_and(is_str)),
    }
}

/// `T` of a path of this name.
fn inside<'a>(declared: &'a Type, name: &str) -> Option<&'a Type> {
    match peeled(declared) {
        Type::Path(path) if named(&path.path, name) => argument(&path.path).map(peeled),
        _ => None,
    }
}
