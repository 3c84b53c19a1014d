//! Binds the arguments of an annotated function again in its body. Invariant: each is moved into the body as a
//! whole and in order, so all are dropped as without the attribute: after the body's locals, the last argument
//! first.

use super::{quote_at, site};
use crate::function::names;
use crate::plan::Plan;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, FieldPat, FnArg, Meta, Pat, PatIdent, PatType, PatWild, Receiver, ReceiverKind, Signature,
    Token, Type,
};

pub(super) struct Arguments {
    /// As it was written, but that what only the body binds has a hygienic name here.
    pub(super) signature: Signature,
    /// Gives the names of patterns to what runs before the body, as references.
    pub(super) view: TokenStream,
    /// What these names are.
    pub(super) viewed: Vec<Ident>,
    /// Binds all arguments anew.
    pub(super) bind: TokenStream,
}

impl Arguments {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut signature = plan.function.signature.clone();
        let mut mover =
            Mover { plan, twins: Vec::new(), lets: Vec::new(), view: Vec::new(), viewed: Vec::new() };
        for input in &mut signature.inputs {
            match input {
                FnArg::Receiver(receiver) => mover.receiver(receiver),
                FnArg::Typed(argument) => mover.argument(argument),
            }
        }
        let bind = rows(&mover.lets).map(statement);
        let bind = bind.collect();
        Self { signature, view: mover.view.into_iter().collect(), viewed: mover.viewed, bind }
    }
}

/// What binds an argument in the body.
enum Let {
    /// A name, and what it is in the signature.
    Name(Option<Token![mut]>, Ident, Ident),
    Whole(TokenStream),
}

impl Let {
    fn bound(&self) -> TokenStream {
        match self {
            Self::Name(mutability, bound, _) => quote_at!(#mutability #bound),
            Self::Whole(_) => TokenStream::new(),
        }
    }

    fn name(&self) -> Option<&Ident> {
        if let Self::Name(_, _, name) = self { Some(name) } else { None }
    }
}

fn statement(lets: &[Let]) -> TokenStream {
    match lets {
        [Let::Whole(statement)] => statement.clone(),
        [Let::Name(mutability, bound, name)] => {
            quote_at!(#[allow(clippy::shadow_same)] let #mutability #bound = #name;)
        }
        lets => {
            let names = lets.iter().map(Let::name);
            let bound = lets.iter().map(Let::bound);
            quote_at!(#[allow(clippy::shadow_reuse)] let (#(#bound,)*) = (#(#names,)*);)
        }
    }
}

/// As many names as fit on a line; a tuple is bound in its order.
fn rows(lets: &[Let]) -> impl Iterator<Item = &[Let]> {
    const WIDTH: usize = 30;
    let mut width = 0;
    lets.chunk_by(move |left, right| {
        let (Some(left), Some(right)) = (left.name(), right.name()) else { return false };
        let both = |name: &Ident| name.to_string().len() + 2;
        width += both(left);
        let fits = width + both(right) <= WIDTH;
        width = if fits { width } else { 0 };
        fits
    })
}

struct Mover<'a> {
    plan: &'a Plan,
    /// Names in the signature that are ours.
    twins: Vec<String>,
    lets: Vec<Let>,
    view: Vec<TokenStream>,
    viewed: Vec<Ident>,
}

impl Mover<'_> {
    /// A `self` cannot be bound; a closure that borrows all of it takes all of it.
    fn receiver(&mut self, receiver: &Receiver) {
        let is_moved = match &receiver.kind {
            ReceiverKind::Typed(_, declared) => !has_no_drop(declared),
            kind => matches!(kind, ReceiverKind::Value),
        };
        if is_moved {
            let this = &receiver.self_token;
            self.lets.push(Let::Whole(quote_at!(let _ = &#this;)));
        }
    }

    fn argument(&mut self, argument: &mut PatType) {
        let attributes = attributes_of_names(&mut argument.attrs);
        let start = self.lets.len();
        let no_drop = has_no_drop(&argument.ty);
        let names = names(&argument.pat);
        let is_named = names.iter().any(|name| self.is_named(name));
        match &mut *argument.pat {
            Pat::Wild(_) if no_drop => {}
            Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }) => self.name(&mut argument.pat, no_drop),
            Pat::Macro(_) => {}
            pattern if is_spread(pattern, no_drop) || is_named => {
                self.spread(pattern, no_drop);
            }
            _ => self.whole(argument, &names),
        }
        if !attributes.is_empty() && self.lets.len() > start {
            // In one statement, for an expectation is fulfilled once.
            let last = self.lets.iter().rposition(|bound| matches!(bound, Let::Whole(_)));
            let from = last.map_or(start, |last| last.max(start));
            let statement = statement(&self.lets[from..]);
            self.lets.truncate(from);
            self.lets.push(Let::Whole(quote_at!(#(#attributes)* #statement)));
        }
    }

    /// Binds the names of a pattern of which nothing is left behind.
    fn spread(&mut self, pattern: &mut Pat, no_drop: bool) {
        match pattern {
            Pat::Ident(name) if name.subpat.is_none() => self.name(pattern, no_drop),
            Pat::Ident(name) => {
                let mutability = if name.by_ref.is_none() { name.mutability.take() } else { None };
                self.lets.push(Let::Name(mutability, name.ident.clone(), name.ident.clone()));
                if let Some((_, pattern)) = &mut name.subpat {
                    self.spread(pattern, no_drop);
                }
            }
            Pat::Or(or) => or.cases.iter_mut().take(1).for_each(|case| self.spread(case, no_drop)),
            Pat::Struct(fields) => {
                for field in &mut fields.fields {
                    // `Point { _x }` cannot have another name.
                    let is_shorthand = field.colon_token.is_none();
                    self.spread(&mut field.pat, no_drop || is_shorthand);
                }
            }
            pattern => parts(pattern).into_iter().for_each(|part| self.spread(part, no_drop)),
        }
    }

    fn name(&mut self, pattern: &mut Pat, no_drop: bool) {
        let Pat::Ident(PatIdent { by_ref, mutability, ident, .. }) = pattern else { return };
        let is_named = self.is_named(ident);
        if !is_hidden(ident) {
            let mutability = if by_ref.is_none() { mutability.take() } else { None };
            let spoken = self.plan.spoken.as_ref().filter(|spoken| spoken.ident == *ident);
            if let Some(spoken) = spoken {
                let kind = Ident::new(spoken.texts.method(), site());
                let unused = is_named.then(|| quote_at!(unused_variables,));
                self.lets.push(Let::Whole(quote_at!(
                    #[allow(#unused clippy::shadow_reuse)] let #mutability #ident = __CALLSITE.text_of(&#ident).#kind().give(#ident);
                )));
            } else if is_named {
                // What the attribute names is used, whether or not the body uses it too.
                self.lets
                    .push(Let::Whole(quote_at!(#[allow(unused_variables, clippy::shadow_same)] let #mutability #ident = #ident;)));
            } else {
                self.lets.push(Let::Name(mutability, ident.clone(), ident.clone()));
            }
        } else if no_drop || by_ref.is_some() {
            // It may stay where it is.
        } else if is_named {
            let mutability = mutability.take();
            self.lets.push(Let::Whole(
                quote_at!(#[allow(clippy::used_underscore_binding, clippy::shadow_same)] let #mutability #ident = #ident;),
            ));
        } else {
            let twin = self.twin(ident, ident.span());
            self.lets.push(Let::Name(mutability.take(), ident.clone(), twin.clone()));
            *ident = twin;
        }
    }

    /// Moves an argument first and takes it apart then, as an `async fn` does: what its pattern leaves is dropped in its
    /// turn.
    fn whole(&mut self, argument: &mut PatType, names: &[Ident]) {
        let place = argument.pat.span();
        let twin = match names.first() {
            Some(name) => self.twin(name, place),
            None => self.twin(&"__unnamed", place),
        };
        let pattern =
            PatIdent { attrs: Vec::new(), by_ref: None, mutability: None, ident: twin.clone(), subpat: None };
        let mut pattern = std::mem::replace(&mut *argument.pat, Pat::Ident(pattern));
        let mutability = has_ref_mut(&mut pattern).then(|| Token![mut](site()));
        self.lets.push(Let::Name(mutability, twin.clone(), twin.clone()));
        if matches!(pattern, Pat::Wild(_)) {
            return;
        }
        self.lets.push(Let::Whole(quote_at!(let #pattern = #twin;)));
        let recorded: Vec<_> = names.iter().filter(|name| self.is_recorded(name)).cloned().collect();
        if !recorded.is_empty() {
            by_reference(&mut pattern, &recorded);
            self.view.push(quote_at!(let #pattern = &#twin;));
            self.viewed.extend(recorded);
        }
    }

    /// A name that no other argument has.
    fn twin(&mut self, name: &impl ToString, place: Span) -> Ident {
        let name = name.to_string();
        let name = name.strip_prefix("r#").map_or(name.clone(), |name| format!("{name}_"));
        let mut unique = name.clone();
        let mut count = 1;
        while self.twins.contains(&unique) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        self.twins.push(unique.clone());
        Ident::new(&unique, site().located_at(place))
    }

    /// Whether an expression of the attribute uses it.
    fn is_named(&self, name: &Ident) -> bool {
        self.plan.before.iter().any(|entry| entry.names(name))
    }

    fn is_recorded(&self, name: &Ident) -> bool {
        self.plan.before.iter().any(|entry| entry.is_argument(name))
    }
}

/// Whether its names can be taken apart in the signature: because nothing of the type is dropped, or nothing but names is
/// in a tuple.
fn is_spread(pattern: &Pat, no_drop: bool) -> bool {
    no_drop && !matches!(pattern, Pat::Or(_)) || is_tuple_of_names(pattern)
}

fn is_tuple_of_names(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(name) => name.by_ref.is_none() && name.subpat.is_none(),
        Pat::Paren(paren) => is_tuple_of_names(&paren.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().all(is_tuple_of_names),
        _ => false,
    }
}

/// Whether nothing happens when a value of this type is dropped, as far as its tokens say.
fn has_no_drop(declared: &Type) -> bool {
    const NAMES: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
        "u128", "usize",
    ];
    match declared {
        Type::Array(array) => has_no_drop(&array.elem),
        Type::FnPtr(_) | Type::Never(_) | Type::Ptr(_) | Type::Reference(_) => true,
        Type::Group(group) => has_no_drop(&group.elem),
        Type::Paren(paren) => has_no_drop(&paren.elem),
        Type::Path(path) => {
            let name = path.path.get_ident();
            name.is_some_and(|name| NAMES.iter().any(|known| name == known))
        }
        Type::Tuple(tuple) => tuple.elems.iter().all(has_no_drop),
        _ => false,
    }
}

/// The attributes that belong to where the names are bound, and must not stand in the signature any more: a lint counts
/// there what is unused. `cfg` stays in both places.
fn attributes_of_names(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let is_of_names = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list)
            if ["allow", "deny", "expect", "warn"].iter().any(|level| list.path.is_ident(level)) =>
        {
            list.tokens.clone().into_iter().next().is_some_and(|lint| lint.to_string().starts_with("unused"))
        }
        Meta::List(list) if list.path.is_ident("cfg_attr") => list.tokens.to_string().contains("unused"),
        _ => false,
    };
    let mut of_names: Vec<_> = attributes.extract_if(.., |attribute| is_of_names(attribute)).collect();
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    of_names.extend(conditions.cloned());
    of_names
}

/// The pattern as it matches behind a reference; it binds `names` only.
fn by_reference(pattern: &mut Pat, names: &[Ident]) {
    match pattern {
        Pat::Ident(name) if names.contains(&name.ident) => {
            (name.by_ref, name.mutability) = (None, None);
            if let Some((_, pattern)) = &mut name.subpat {
                by_reference(pattern, names);
            }
        }
        Pat::Ident(name) => {
            let subpattern = name.subpat.take();
            *pattern = subpattern.map_or_else(|| wild(name.ident.span()), |(_, pattern)| *pattern);
            if !matches!(pattern, Pat::Wild(_)) {
                by_reference(pattern, names);
            }
        }
        Pat::Reference(reference) => {
            *pattern = (*reference.pat).clone();
            by_reference(pattern, names);
        }
        Pat::Struct(fields) => fields.fields.iter_mut().for_each(|field| {
            let FieldPat { pat, colon_token, .. } = field;
            by_reference(pat, names);
            if let Pat::Wild(_) = **pat {
                colon_token.get_or_insert_default();
            }
        }),
        pattern => parts(pattern).into_iter().for_each(|part| by_reference(part, names)),
    }
}

fn wild(place: Span) -> Pat {
    Pat::Wild(PatWild { attrs: Vec::new(), underscore_token: Token![_](place) })
}

/// Whether a part is borrowed mutably, so that what it is a part of must be mutable.
fn has_ref_mut(pattern: &mut Pat) -> bool {
    match pattern {
        Pat::Ident(name) => {
            name.by_ref.is_some() && name.mutability.is_some()
                || name.subpat.as_mut().is_some_and(|(_, pattern)| has_ref_mut(pattern))
        }
        pattern => parts(pattern).into_iter().any(has_ref_mut),
    }
}

/// The patterns directly inside.
fn parts(pattern: &mut Pat) -> Vec<&mut Pat> {
    match pattern {
        Pat::Or(or) => or.cases.iter_mut().collect(),
        Pat::Paren(paren) => vec![&mut paren.pat],
        Pat::Reference(reference) => vec![&mut reference.pat],
        Pat::Slice(slice) => slice.elems.iter_mut().collect(),
        Pat::Struct(fields) => fields.fields.iter_mut().map(|field| &mut *field.pat).collect(),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().collect(),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().collect(),
        _ => Vec::new(),
    }
}

/// Whether a name says that it is not recorded.
fn is_hidden(name: &Ident) -> bool {
    name.unraw().to_string().starts_with('_')
}
