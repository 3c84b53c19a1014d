//! Parses the item under the attribute into a [`Function`]: what its signature says, and its body as raw
//! tokens. Invariant: the body is never parsed.

use crate::diagnostics::Diagnostics;
use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{
    AttrStyle, Attribute, FnArg, GenericArgument, LitStr, Pat, PatIdent, Path, PathArguments, ReturnType,
    Signature, Token, Type, TypeInfer, TypeParamBound, TypeTuple, Visibility,
};

mod closure;
mod texts;

pub(crate) use closure::Closure;
pub(crate) use texts::Texts;

pub(crate) struct Function {
    /// Outer attributes; inner ones of the body have become outer ones.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) default: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) shape: Shape,
    /// The braces and all between them.
    pub(crate) body: Group,
}

/// A name that the arguments bind; none begins with `_`.
pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// Set where all of the argument is a stream of text.
    pub(crate) texts: Option<Texts>,
}

/// What the signature says of how the function gives its value; no `Type` in it contains `impl Trait`.
pub(crate) enum Shape {
    /// `async fn`, and what it gives; set where that is a closure.
    Async(Returns, Option<Closure>),
    /// `Pin<Box<dyn Future<…>>>` or one of its aliases in `futures`.
    Boxed(Box<Type>),
    /// `impl Fn…`: the closure in the body learns from it what it takes.
    Closure(Returned),
    /// `impl Future<…>`, and its output when that is written.
    Opaque(Option<Returned>),
    Sync(Returns),
}

pub(crate) enum Returns {
    Never,
    Value(Returned),
}

/// The type of a value.
pub(crate) struct Returned {
    pub(crate) declared: Box<Type>,
    /// Set where it is, or has inside, a stream without a name.
    pub(crate) stream: Option<Opaque>,
}

/// `impl Stream`.
pub(crate) struct Opaque {
    /// How many of `Result` and `Option` it is inside.
    pub(crate) depth: usize,
    /// Whether it is inside `Pin<Box<…>>`.
    pub(crate) is_pinned: bool,
    /// What it gives, when that is written.
    pub(crate) item: Option<Box<Type>>,
}

impl Function {
    pub(crate) fn parse(item: TokenStream, mistakes: &mut Diagnostics) -> Option<Self> {
        Self::item.parse2(ungrouped(item)).map_err(|error| mistakes.push(error)).ok()
    }

    fn item(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let default = input.parse()?;
        refuse_other_items(&input.fork())?;
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message = "a function without a body has no span: annotate the functions that implement it";
            return Err(syn::Error::new(signature.ident.span(), message));
        }
        if let Some(constness) = signature.constness {
            let message =
                "a `const fn` cannot open a span: remove `const`, or annotate the function that calls it";
            return Err(syn::Error::new(constness.span, message));
        }
        let body = move_inner_attributes(&braces(input)?, &mut attributes)?;
        let shape = Shape::new(&signature);
        let bindings = bindings(&signature);
        Ok(Self { attributes, visibility, default, signature, bindings, shape, body })
    }
}

/// The tokens out of the invisible groups that are all around them, as of a macro's `$function:item`.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let mut rest = tokens.clone().into_iter();
    match (rest.next(), rest.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        _ => tokens,
    }
}

/// The body's braces, also as a macro's `$body:block`.
fn braces(input: ParseStream<'_>) -> syn::Result<Group> {
    let place = input.span();
    match ungrouped(input.parse::<TokenTree>()?.into()).into_iter().next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Ok(group),
        _ => Err(syn::Error::new(place, "expected the function's body in braces")),
    }
}

pub(crate) fn is_closure(item: &TokenStream) -> bool {
    match ungrouped(item.clone()).into_iter().next() {
        Some(TokenTree::Ident(word)) => word == "move",
        Some(TokenTree::Punct(punct)) => punct.as_char() == '|',
        _ => false,
    }
}

/// Says what to annotate instead when the item is not a function.
fn refuse_other_items(input: ParseStream<'_>) -> syn::Result<()> {
    let start = input.span();
    loop {
        let Ok(word) = input.call(Ident::parse_any) else {
            let message = "this attribute goes on a function: move the code into one and annotate that";
            return Err(syn::Error::new(start, message));
        };
        let instead = match word.to_string().as_str() {
            "fn" => return Ok(()),
            "async" | "const" | "extern" | "safe" | "unsafe" => {
                input.parse::<Option<LitStr>>()?;
                continue;
            }
            "impl" => "annotate the methods inside, not the `impl` block",
            "mod" => "annotate the functions inside, not the module",
            "trait" => "annotate the methods that have a body, not the trait",
            "enum" | "struct" | "type" | "union" => "this attribute goes on a function, not on a type",
            _ => "this attribute goes on a function",
        };
        return Err(syn::Error::new(word.span(), instead));
    }
}

/// The body without `#![…]` at its start, which may not stand in the block that the body becomes.
fn move_inner_attributes(body: &Group, attributes: &mut Vec<Attribute>) -> syn::Result<Group> {
    let parse = |input: ParseStream<'_>| {
        for mut attribute in input.call(Attribute::parse_inner)? {
            attribute.style = AttrStyle::Outer;
            attributes.push(attribute);
        }
        input.parse::<TokenStream>()
    };
    let mut rest = Group::new(body.delimiter(), parse.parse2(body.stream())?);
    rest.set_span(body.span());
    Ok(rest)
}

fn bindings(signature: &Signature) -> Vec<Binding> {
    let mut bindings = Vec::new();
    for input in &signature.inputs {
        // An argument under `#[cfg]` may not exist.
        if let FnArg::Typed(argument) = input
            && !argument.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"))
        {
            let whole = bindings.len();
            let recorded =
                names(&argument.pat).into_iter().filter(|ident| !ident.unraw().to_string().starts_with('_'));
            bindings.extend(recorded.map(|ident| Binding { ident, texts: None }));
            if let Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }) = &*argument.pat
                && let Some(binding) = bindings.get_mut(whole)
            {
                binding.texts = Texts::of(&argument.ty);
            }
        }
    }
    bindings
}

/// All names that a pattern binds.
pub(crate) fn names(pattern: &Pat) -> Vec<Ident> {
    let of_all = |patterns: &mut dyn Iterator<Item = &Pat>| patterns.flat_map(names).collect();
    match pattern {
        Pat::Ident(name) => {
            let inside = name.subpat.iter().flat_map(|(_, pattern)| names(pattern));
            std::iter::once(name.ident.clone()).chain(inside).collect()
        }
        // Each case binds the same.
        Pat::Or(or) => of_all(&mut or.cases.iter().take(1)),
        Pat::Paren(paren) => names(&paren.pat),
        Pat::Reference(reference) => names(&reference.pat),
        Pat::Slice(slice) => of_all(&mut slice.elems.iter()),
        Pat::Struct(fields) => of_all(&mut fields.fields.iter().map(|field| &*field.pat)),
        Pat::Tuple(tuple) => of_all(&mut tuple.elems.iter()),
        Pat::TupleStruct(tuple) => of_all(&mut tuple.elems.iter()),
        Pat::Type(typed) => names(&typed.pat),
        _ => Vec::new(),
    }
}

impl Shape {
    fn new(signature: &Signature) -> Self {
        let declared = match &signature.output {
            ReturnType::Default => unit(signature.ident.span()),
            ReturnType::Type(_, declared) => declared.as_ref().clone(),
        };
        if signature.asyncness.is_some() {
            let closure = Closure::find(&declared, signature);
            return Self::Async(Returns::new(declared), closure);
        }
        if let Type::ImplTrait(opaque) = peeled(&declared)
            && let Some(future) = bound(&opaque.bounds, &["Future"])
            && !is_more(&opaque.bounds)
        {
            return Self::Opaque(associated(future, "Output").cloned().map(Returned::new));
        }
        if Closure::bound(&declared).is_some() {
            return Self::Closure(Returned::new(declared));
        }
        if is_boxed_future(peeled(&declared)) {
            return Self::Boxed(without_impl(declared));
        }
        Self::Sync(Returns::new(declared))
    }
}

impl Returns {
    fn new(declared: Type) -> Self {
        match peeled(&declared) {
            Type::Never(_) => Self::Never,
            _ => Self::Value(Returned::new(declared)),
        }
    }
}

impl Returned {
    fn new(declared: Type) -> Self {
        let stream = Opaque::find(&declared);
        Self { declared: without_impl(declared), stream }
    }
}

impl Opaque {
    /// The stream, also inside `Result` or `Option`; but for one that can do more than what has room for a span can.
    fn find(declared: &Type) -> Option<Self> {
        match peeled(declared) {
            Type::ImplTrait(opaque) => {
                let stream = bound(&opaque.bounds, &["FusedStream", "Stream", "TryStream"])?;
                // Without items it is a trait of the program's, such as one for sockets.
                if is_more(&opaque.bounds) || stream.segments.last()?.arguments.is_none() {
                    return None;
                }
                let item = associated(stream, "Item").cloned().or_else(|| result(stream)).map(without_impl);
                Some(Self { depth: 0, is_pinned: false, item })
            }
            Type::Path(path) if named(&path.path, "Result") || named(&path.path, "Option") => {
                let found = Self::find(argument(&path.path)?)?;
                Some(Self { depth: found.depth + 1, ..found })
            }
            declared => match Self::find(pinned(declared)?)? {
                found @ Self { depth: 0, is_pinned: false, .. } => Some(Self { is_pinned: true, ..found }),
                _ => None,
            },
        }
    }
}

fn unit(place: Span) -> Type {
    Type::Tuple(TypeTuple { attrs: Vec::new(), paren_token: Paren(place), elems: Punctuated::new() })
}

/// `Pin<Box<dyn Future>>`, `BoxFuture` or `LocalBoxFuture`.
fn is_boxed_future(declared: &Type) -> bool {
    if let Some(Type::TraitObject(object)) = pinned(declared) {
        return bound(&object.bounds, &["Future"]).is_some();
    }
    let Type::Path(path) = declared else { return false };
    named(&path.path, "BoxFuture") || named(&path.path, "LocalBoxFuture")
}

/// Whether more is promised of `impl Future` or `impl Stream` than its wrapper keeps: the value is then a plain one.
fn is_more(bounds: &Punctuated<TypeParamBound, Token![+]>) -> bool {
    bound(bounds, &["AsyncRead", "AsyncWrite", "Clone", "Debug", "FusedFuture", "Sink"]).is_some()
}

/// The items of `TryStream<Ok = T, Error = E>`.
fn result(stream: &Path) -> Option<Type> {
    let (value, error) = (associated(stream, "Ok")?, associated(stream, "Error")?);
    let mut tokens: TokenStream = "::core::result::Result".parse().ok()?;
    let sign = |sign| TokenTree::from(Punct::new(sign, Spacing::Alone));
    tokens.extend([sign('<')]);
    value.to_tokens(&mut tokens);
    tokens.extend([sign(',')]);
    error.to_tokens(&mut tokens);
    tokens.extend([sign('>')]);
    syn::parse2(tokens).ok()
}

/// `T` of `Pin<Box<T>>`.
fn pinned(declared: &Type) -> Option<&Type> {
    ["Pin", "Box"].into_iter().try_fold(declared, |declared, name| match declared {
        Type::Path(path) if named(&path.path, name) => argument(&path.path).map(peeled),
        _ => None,
    })
}

fn peeled(declared: &Type) -> &Type {
    match declared {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        other => other,
    }
}

fn named(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The first type among the generic arguments.
fn argument(path: &Path) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(declared) => Some(declared),
        _ => None,
    })
}

/// The first bound of one of these names.
fn bound<'a>(bounds: &'a Punctuated<TypeParamBound, Token![+]>, names: &[&str]) -> Option<&'a Path> {
    bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) if names.iter().any(|name| named(&bound.path, name)) => {
            Some(&bound.path)
        }
        _ => None,
    })
}

/// `T` of `Future<Output = T>`.
fn associated<'a>(bound: &'a Path, name: &str) -> Option<&'a Type> {
    let PathArguments::AngleBracketed(arguments) = &bound.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(associated) if associated.ident == name => Some(&associated.ty),
        _ => None,
    })
}

/// The type with `_` for each `impl Trait`, which may not stand where generated code repeats the type.
fn without_impl(mut declared: Type) -> Box<Type> {
    infer_impl(&mut declared);
    Box::new(declared)
}

fn infer_impl(declared: &mut Type) {
    match declared {
        Type::ImplTrait(opaque) => {
            let underscore_token = Token![_](opaque.impl_token.span);
            *declared = Type::Infer(TypeInfer { attrs: Vec::new(), underscore_token });
        }
        Type::Array(array) => infer_impl(&mut array.elem),
        Type::Group(group) => infer_impl(&mut group.elem),
        Type::Paren(paren) => infer_impl(&mut paren.elem),
        Type::Path(path) => infer_impl_in_path(&mut path.path),
        Type::Reference(reference) => infer_impl(&mut reference.elem),
        Type::Slice(slice) => infer_impl(&mut slice.elem),
        Type::TraitObject(object) => {
            for bound in &mut object.bounds {
                if let TypeParamBound::Trait(bound) = bound {
                    infer_impl_in_path(&mut bound.path);
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(infer_impl),
        _ => {}
    }
}

fn infer_impl_in_path(path: &mut Path) {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            for argument in &mut arguments.args {
                match argument {
                    GenericArgument::AssocType(assoc) => infer_impl(&mut assoc.ty),
                    GenericArgument::Type(declared) => infer_impl(declared),
                    _ => {}
                }
            }
        }
    }
}
