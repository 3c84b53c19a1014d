//! A [`Plan`] comes in, the function with its span goes out. It cannot fail, and it does not know what the calls do that
//! it writes.
//!
//! ```text
//! fn NAME(ARGUMENTS) -> RETURNS {
//!     static __CALLSITE: ::cekura::__private::Callsite = ::cekura::__private::Callsite::ATTRIBUTE("NAME");
//!     __CALLSITE
//!         .open(|span| BEFORE)
//!         .run(#function -> RETURNS { BODY }, |span, returned| AFTER)
//! }
//! ```
//!
//! All names but `__CALLSITE` are hygienic: items cannot be, and the body sees it.

use crate::args::Given;
use crate::function::{Binding, Function, Opaque, Returned, Returns, Shape};
use crate::plan::{Entry, Plan};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Token, Type};

pub(crate) fn expand(plan: &Plan) -> TokenStream {
    let Function { attributes, visibility, default, signature, .. } = &plan.function;
    let content = content(plan);
    let body = braces(content, plan.function.body.span());
    quote!(#(#attributes)* #visibility #default #signature #body)
}

fn content(plan: &Plan) -> TokenStream {
    let site = Span::mixed_site();
    let runtime = private(plan, site);
    let constructor = Ident::new(plan.name.as_str(), site);
    let label = &plan.label;
    let before = before(plan);
    let function = quote_spanned!(site.located_at(plan.function.signature.ident.span())=> move ||);
    let plain_body = || body(&plan.function, &TokenStream::new());
    let calls = match &plan.function.shape {
        Shape::Async(Returns::Never) => {
            let body = plain_body();
            quote_spanned!(site=> .open(#before).future(async move #body, |_, _| {}).await)
        }
        Shape::Async(Returns::Value(Returned { declared, stream })) => {
            // A block has no place for its type, and an async closure would show an error in its body twice.
            let place = declared.span();
            let runtime = private(plan, place);
            let never = quote_spanned!(place=> #runtime::never::<#declared>());
            let typed = quote_spanned!(site=> if false { return #never; });
            let (body, after) = (body(&plan.function, &typed), after(plan, None));
            let body = with_room(plan, "map", quote_spanned!(site=> async move #body), stream.as_ref());
            quote_spanned!(site=> .open(#before).future(#body, #after).await)
        }
        Shape::Boxed(returns) => {
            let (body, after) = (plain_body(), after(plan, None));
            quote_spanned!(site=> .prepare(#before).boxed(#function -> #returns #body, #after))
        }
        Shape::Opaque(output) => {
            let (body, after) = (plain_body(), after(plan, output.as_ref().map(|output| &*output.declared)));
            let body = quote_spanned!(site=> #function #body);
            let body = match output.as_ref().and_then(|output| output.stream.as_ref()) {
                None => body,
                stream => {
                    let future = with_room(plan, "map", quote_spanned!(site=> future), stream);
                    let runtime = private(plan, site);
                    quote_spanned!(site=> #runtime::then(#body, |future| #future))
                }
            };
            quote_spanned!(site=> .prepare(#before).wrap(#body, #after))
        }
        Shape::Sync(Returns::Never) => {
            let body = plain_body();
            quote_spanned!(site=> .open(#before).run(#function #body, |_, _| {}))
        }
        Shape::Sync(Returns::Value(Returned { declared, stream })) => {
            let (body, after) = (plain_body(), after(plan, None));
            let body = quote_spanned!(site=> #function -> #declared #body);
            let body = with_room(plan, "then", body, stream.as_ref());
            quote_spanned!(site=> .open(#before).run(#body, #after))
        }
    };
    quote_spanned! {site=>
        static __CALLSITE: #runtime::Callsite = #runtime::Callsite::#constructor(#label);
        __CALLSITE #calls
    }
}

/// What makes the value; a stream without a name in it gets room for a span.
fn with_room(plan: &Plan, combine: &str, maker: TokenStream, stream: Option<&Opaque>) -> TokenStream {
    let Some(Opaque { depth, is_pinned, item }) = stream else { return maker };
    let site = Span::mixed_site();
    let (runtime, combine) = (private(plan, site), Ident::new(combine, site));
    let item = item.as_ref().map_or_else(|| quote_spanned!(site=> _), ToTokens::to_token_stream);
    let room = Ident::new(if *is_pinned { "pinned_stream" } else { "stream" }, site);
    let inside = quote_spanned!(site=> #runtime::#room::<#item, _>);
    let wrap = (0..*depth).fold(inside, |inside, _| quote_spanned!(site=> |returned| returned.map(#inside)));
    quote_spanned!(site=> #runtime::#combine(#maker, #wrap))
}

/// The closure that records what is known before the body.
fn before(plan: &Plan) -> TokenStream {
    let site = Span::mixed_site();
    if plan.before.is_empty() {
        return quote_spanned!(site=> |_| {});
    }
    let calls = plan.before.iter().map(|entry| match entry {
        Entry::Argument(name) => {
            let text = name.unraw().to_string();
            quote_spanned!(site=> span.argument(#text, span.value(&#name).get());)
        }
        Entry::Own(key, Given::Policy, expression) => {
            let method = method(key);
            quote_spanned!(site=> span.#method(#expression);)
        }
        Entry::Own(key, given, expression) => own(key, *given, &operand(expression)),
        Entry::Record(key, expression) => {
            let value = operand(expression);
            quote_spanned!(site=> span.record(#key, span.value(&#value).get());)
        }
        Entry::Word(key) => {
            let method = method(key);
            quote_spanned!(site=> span.#method();)
        }
    });
    quote_spanned!(site=> |span| { #(#calls)* })
}

/// The closure that records how the function ended.
fn after(plan: &Plan, output: Option<&Type>) -> TokenStream {
    let site = Span::mixed_site();
    let runtime = private(plan, site);
    let output = output.map(|output| quote_spanned!(site=> : &mut #output));
    let stream = plan.stream.as_ref().map(|word| {
        let method = method(word);
        quote_spanned!(site=> .#method())
    });
    let record = if plan.returned || !plan.after.is_empty() {
        let returned =
            plan.returned.then(|| quote_spanned!(site=> span.returned(span.value(returned).get());));
        let calls = plan.after.iter().map(with_returned);
        quote_spanned!(site=> |span, returned| { #returned #(#calls)* })
    } else {
        quote_spanned!(site=> |_, _| {})
    };
    quote_spanned! {site=>
        |span, returned #output| {
            span.end(#runtime::outcome(returned).get())#stream.record(#record);
        }
    }
}

fn with_returned(entry: &Entry<ExprClosure>) -> TokenStream {
    let site = Span::mixed_site();
    let (closure, call) = match entry {
        Entry::Argument(_) | Entry::Word(_) => return TokenStream::new(),
        Entry::Own(key, given, closure) => {
            let value = Ident::new("value", site.located_at(closure.span()));
            (closure, own(key, *given, &value))
        }
        Entry::Record(key, closure) => {
            (closure, quote_spanned!(site=> span.record(#key, span.value(&value).get());))
        }
    };
    let mut closure = closure.clone();
    // Clippy would ask for a path in place of `|reply| reply.text()`.
    let place = site.located_at(closure.span());
    closure.inputs_begin = Token![|](place);
    quote_spanned!(site=> let value = span.apply(returned, #closure); #call)
}

/// The call of the method that `key` names. An error in it points at what the user wrote.
fn own(key: &Ident, given: Given, value: &impl ToTokens) -> TokenStream {
    let site = Span::mixed_site();
    let method = method(key);
    let place = site.located_at(value.span());
    let value = if given == Given::Value {
        quote_spanned!(place=> span.value(&#value).get())
    } else {
        quote_spanned!(place=> &#value)
    };
    quote_spanned!(site=> span.#method(#value);)
}

fn method(key: &Ident) -> Ident {
    Ident::new(&key.to_string(), Span::mixed_site().located_at(key.span()))
}

/// The expression as it may stand behind `&`: `&n as i64` would be `(&n) as i64`.
fn operand(expression: &Expr) -> TokenStream {
    match expression {
        Expr::Call(_)
        | Expr::Field(_)
        | Expr::Lit(_)
        | Expr::Macro(_)
        | Expr::MethodCall(_)
        | Expr::Path(_) => expression.to_token_stream(),
        _ => {
            let place = Span::mixed_site().located_at(expression.span());
            quote_spanned!(place=> (#expression))
        }
    }
}

/// The body in braces, behind `first` and the arguments bound anew: the compiler then says as ever which of them is
/// unused, or `mut` for nothing.
fn body(function: &Function, first: &TokenStream) -> Group {
    let site = Span::mixed_site();
    if function.bindings.is_empty() && first.is_empty() {
        return function.body.clone();
    }
    let place = function.body.span();
    let bind = rows(&function.bindings).map(|bindings| {
        let bound = bindings.iter().map(|Binding { mutability, ident }| quote!(#mutability #ident));
        let names = bindings.iter().map(|binding| &binding.ident);
        quote_spanned!(site=> let (#(#bound,)*) = (#(#names,)*);)
    });
    // Braces of this crate's edition: temporaries at the end of the body go before the arguments that they borrow.
    let body = braces(function.body.stream(), site.located_at(place));
    braces(quote_spanned!(site=> #first #(#bind)* #body), place)
}

/// As many as fit on a line.
fn rows(bindings: &[Binding]) -> impl Iterator<Item = &[Binding]> {
    const WIDTH: usize = 30;
    let mut width = 0;
    bindings.chunk_by(move |left, right| {
        let both = |binding: &Binding| binding.ident.to_string().len() + 2;
        width += both(left);
        let fits = width + both(right) <= WIDTH;
        width = if fits { width } else { 0 };
        fits
    })
}

fn braces(content: TokenStream, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Brace, content);
    group.set_span(span);
    group
}

/// The path of what generated code calls.
fn private(plan: &Plan, place: Span) -> TokenStream {
    let krate =
        plan.krate.as_ref().map_or_else(|| quote_spanned!(place=> ::cekura), ToTokens::to_token_stream);
    quote_spanned!(place=> #krate::__private)
}
