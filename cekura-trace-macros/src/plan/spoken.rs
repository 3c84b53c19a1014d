//! Finds the argument of a `tts` function that is the stream of its text. Invariant: there is at most one; if
//! two are possible, there is none.

use super::is_in;
use crate::args::{Args, SpanName, Value};
use crate::function::{Binding, Texts};
use proc_macro2::Ident;
use syn::Expr;

/// The argument, and what kind of stream it is.
pub(crate) struct Spoken {
    pub(crate) ident: Ident,
    pub(crate) texts: Texts,
}

impl Spoken {
    /// Takes `text = name` out of what is recorded by value.
    pub(super) fn take(args: &mut Args, bindings: &[Binding]) -> Option<Self> {
        if args.name != SpanName::Tts {
            return None;
        }
        let mut streams = bindings.iter().filter_map(Self::of);
        let Some(text) = args.own.iter().position(|own| own.key == "text") else {
            let is_recorded = |it: &Self| args.skip_all.is_none() && !is_in(&args.skip, &it.ident);
            let mut streams = streams.filter(is_recorded);
            return streams.next().filter(|_| streams.next().is_none());
        };
        let Value::Plain(expression) = &args.own[text].value else { return None };
        let name = name(expression)?;
        let found = streams.find(|it| it.ident == *name)?;
        args.own.remove(text);
        Some(found)
    }

    fn of(binding: &Binding) -> Option<Self> {
        let texts = binding.texts?;
        Some(Self { ident: binding.ident.clone(), texts })
    }
}

/// The name that is the whole expression.
fn name(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Group(group) => name(&group.expr),
        Expr::Paren(paren) => name(&paren.expr),
        Expr::Path(path) => path.path.get_ident(),
        Expr::Reference(reference) => name(&reference.expr),
        _ => None,
    }
}
