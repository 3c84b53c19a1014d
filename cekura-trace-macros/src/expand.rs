//! Writes a [`Plan`] as tokens: the function with its span. Invariant: it cannot fail, and it only writes
//! calls.
//!
//! ```text
//! fn NAME(ARGUMENTS) -> RETURNS {
//!     static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::ATTRIBUTE("NAME");
//!     __CALLSITE
//!         .open(|__sp| BEFORE)
//!         .run(move || -> RETURNS { ARGUMENTS { BODY } }, |__sp, __ret| AFTER)
//! }
//! ```
//!
//! No name of the program may interfere. Bindings are hygienic, but a `const`, a `static` or a unit variant of
//! the same name would turn them into patterns, so they begin with `__`. Methods are inherent ones that take
//! their receiver as it is, a reference or a value, because look-up finds these before a trait's. Where that is
//! not possible, the method's name begins with `__` too.

use crate::args::Given;
use crate::function::{Closure, Function, Opaque, Returned, Returns, Shape};
use crate::plan::{Entry, Plan};
use arguments::Arguments;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Lifetime, Lit, LitFloat, LitInt, Receiver, Token, Type};

mod arguments;

/// `quote!` with names of ours and in this crate's edition.
macro_rules! quote_at {
    ($($tokens:tt)*) => { quote_spanned!(super::site()=> $($tokens)*) };
}
use quote_at;

fn site() -> Span {
    Span::mixed_site()
}

pub(crate) fn expand(plan: &Plan) -> TokenStream {
    let Function { attributes, visibility, default, body, .. } = &plan.function;
    let arguments = Arguments::of(plan);
    let content = braces(content(plan, &arguments), body.span());
    let signature = &arguments.signature;
    // What is written to a `self` that was moved into the body is said to be read by nobody, but its drop reads it.
    let lint =
        is_changed(signature.receiver()).then(|| quote_spanned!(site()=> #[allow(unused_assignments)]));
    quote!(#(#attributes)* #lint #visibility #default #signature #content)
}

/// Whether it is `mut self`, which the body may write to.
fn is_changed(receiver: Option<&Receiver>) -> bool {
    receiver.is_some_and(|receiver| receiver.mutability.is_some())
}

fn content(plan: &Plan, arguments: &Arguments) -> TokenStream {
    let site = site();
    let runtime = private(plan, site);
    let constructor = Ident::new(plan.name.as_str(), site);
    let label = &plan.label;
    let path = path(&plan.function.signature.ident, site);
    let before = before(plan, arguments);
    let function = quote_spanned!(site.located_at(plan.function.signature.ident.span())=> move ||);
    let plain_body = || body(&plan.function, arguments, &TokenStream::new());
    let calls = match &plan.function.shape {
        Shape::Async(returns, closure) => polled(plan, arguments, &before, returns, closure.as_ref()),
        Shape::Boxed(returns) => {
            let (body, after) = (plain_body(), after(plan, None));
            quote_spanned!(site=> return __CALLSITE.open(#before).boxed(#function -> #returns #body, #after);)
        }
        Shape::Closure(_) if plan.after.is_empty() && plan.stream.is_none() => {
            let (bind, body) = (&arguments.bind, statements(&plan.function.body));
            let body = if bind.is_empty() { body } else { plain_body().to_token_stream() };
            quote_spanned!(site=> let __inside = __CALLSITE.open(#before).enter(); #body)
        }
        Shape::Opaque(output) => {
            let (body, after) = (plain_body(), after(plan, output.as_ref().map(|output| &*output.declared)));
            let body = quote_spanned!(site=> #function #body);
            let body = match output.as_ref().and_then(|output| output.stream.as_ref()) {
                None => body,
                stream => {
                    let future = with_room(plan, "map", quote_spanned!(site=> __fut), stream);
                    quote_spanned!(site=> #runtime::then(#body, |__fut| #future))
                }
            };
            quote_spanned!(site=> return __CALLSITE.open(#before).wrap(#body, #after);)
        }
        Shape::Sync(Returns::Never) => {
            let body = plain_body();
            quote_spanned!(site=> __CALLSITE.open(#before).run(#function #body, |_, _| {}))
        }
        Shape::Closure(Returned { declared, stream })
        | Shape::Sync(Returns::Value(Returned { declared, stream })) => {
            let (body, after) = (plain_body(), after(plan, None));
            let body = quote_spanned!(site=> #function -> #declared #body);
            let body = with_room(plan, "then", body, stream.as_ref());
            quote_spanned!(site=> return __CALLSITE.open(#before).run(#body, #after);)
        }
    };
    // With `return` for those who lint for it; without it they would be told of the attribute.
    quote_spanned! {site=>
        static __CALLSITE: &#runtime::Callsite = &#runtime::Callsite::#constructor(#label, #path);
        #calls
    }
}

/// `crate::module::function`, put together by the compiler.
fn path(function: &Ident, site: Span) -> TokenStream {
    let function = format!("::{}", function.unraw());
    quote_spanned!(site=> ::core::concat!(::core::module_path!(), #function))
}

/// The body of an `async fn`. Its future is a local: the compiler drops it before the span.
fn polled(
    plan: &Plan,
    arguments: &Arguments,
    before: &TokenStream,
    returns: &Returns,
    closure: Option<&Closure>,
) -> TokenStream {
    let site = site();
    let runtime = private(plan, site);
    let (body, after, give, lint) = match returns {
        Returns::Never => {
            let body = body(&plan.function, arguments, &TokenStream::new());
            (quote_spanned!(site=> async move #body), quote_spanned!(site=> |_, _| {}), None, None)
        }
        Returns::Value(Returned { declared, stream }) => {
            // A block has no place for its type, and an async closure would show an error in its body twice.
            let place = declared.span();
            let runtime = private(plan, place);
            let never = quote_spanned!(place=> #runtime::never::<#declared>());
            let body = match closure {
                None => body(&plan.function, arguments, &quote_spanned!(site=> if false { return #never; })),
                Some(closure) => closure_body(&plan.function, arguments, closure),
            };
            let body = with_room(plan, "map", quote_spanned!(site=> async move #body), stream.as_ref());
            // A value that is a future would be said to lack an `.await`.
            let lint = (!declared_is_known(declared))
                .then(|| quote_spanned!(site=> #[allow(clippy::async_yields_async)]));
            (body, after(plan, None), Some(quote_spanned!(site=> return)), lint)
        }
    };
    let end = give.as_ref().map(|_| quote_spanned!(site=> ;));
    quote_spanned! {site=>
        let mut __sp = __CALLSITE.around(#before);
        #lint let __fut = #body;
        #give #runtime::polled!(__sp, __fut, #after) #end
    }
}

/// As [`body`], of an `async fn` that returns a closure.
fn closure_body(function: &Function, arguments: &Arguments, closure: &Closure) -> Group {
    let place = site().located_at(function.body.span());
    let (bind, statements) = (&arguments.bind, statements(&function.body));
    let Closure { lifetimes, bound } = closure;
    let lifetimes = lifetimes.iter().map(|name| Lifetime { apostrophe: name.span(), ident: name.clone() });
    let typed =
        quote_spanned!(bound.span()=> fn __typed<#(#lifetimes,)* __F: #bound>(__f: __F) -> __F { __f });
    // Several statements may be left without braces.
    let body = braces(statements, place);
    braces(quote_spanned!(site()=> #typed #bind __typed(#body)), place)
}

/// Whether a type is one of those that are no futures, as far as its tokens say.
fn declared_is_known(declared: &Type) -> bool {
    const NAMES: [&str; 9] = ["Option", "Result", "String", "Vec", "bool", "f64", "i64", "u32", "usize"];
    match declared {
        Type::Array(_) | Type::Reference(_) | Type::Tuple(_) => true,
        Type::Group(group) => declared_is_known(&group.elem),
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| NAMES.iter().any(|name| last.ident == name))
        }
        _ => false,
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
    let wrap = (0..*depth).fold(inside, |inside, _| quote_spanned!(site=> |__ret| __ret.map(#inside)));
    quote_spanned!(site=> #runtime::#combine(#maker, #wrap))
}

/// The closure that records what is known before the body.
fn before(plan: &Plan, arguments: &Arguments) -> TokenStream {
    let site = Span::mixed_site();
    if plan.before.is_empty() {
        return quote_spanned!(site=> |_| {});
    }
    let calls = plan.before.iter().map(|entry| match entry {
        Entry::Argument(name, text) => {
            let value = viewed(arguments, name, site);
            quote_spanned!(site=> __sp.argument(#text, __CALLSITE.of(#value).__get());)
        }
        Entry::Debug(name, text) => {
            let value = viewed(arguments, name, site.located_at(name.span()));
            quote_spanned!(site=> __sp.debug_argument(#text, #value);)
        }
        Entry::Own(key, Given::Policy, expression) => {
            let method = method(key);
            quote_spanned!(site=> __sp.#method(#expression);)
        }
        Entry::Own(key, given, expression) => own(key, *given, &operand(expression)),
        Entry::Record(key, expression) => {
            let value = operand(expression);
            quote_spanned!(site=> __sp.record(#key, __CALLSITE.of(&#value).__get());)
        }
        Entry::Word(key) => {
            let method = method(key);
            quote_spanned!(site=> __sp.#method();)
        }
    });
    let view = &arguments.view;
    quote_spanned!(site=> |__sp| { #view #(#calls)* })
}

/// A reference to an argument of the function.
fn viewed(arguments: &Arguments, name: &Ident, place: Span) -> TokenStream {
    if arguments.viewed.contains(name) {
        quote_spanned!(place=> #name)
    } else {
        quote_spanned!(place=> &#name)
    }
}

/// The closure that records how the function ended.
fn after(plan: &Plan, output: Option<&Type>) -> TokenStream {
    let site = Span::mixed_site();
    let output = output.map(|output| quote_spanned!(site=> : &mut #output));
    let stream = plan.stream.as_ref().map(|word| {
        let method = Ident::new("__stream", site.located_at(word.span()));
        quote_spanned!(site=> .#method())
    });
    let returned = Ident::new(if plan.keeps_output { "returned" } else { "returned_without_content" }, site);
    let calls = plan.after.iter().map(|entry| with_returned(plan, entry));
    let record =
        quote_spanned!(site=> |__sp, __ret| { __sp.#returned(__CALLSITE.of(__ret).__get()); #(#calls)* });
    // An error that borrows is not asked for what it is.
    let borrowed = plan.error_borrows.then(|| quote_spanned!(site=> .__borrowed()));
    quote_spanned! {site=>
        |__sp, __ret #output| {
            let __out = __sp.__outcome(__ret).__get()#borrowed.__error()#borrowed.__error();
            let __sp = __sp.end(__out)#stream.__items()#borrowed.__error();
            __sp.__record(#record);
        }
    }
}

fn with_returned(plan: &Plan, entry: &Entry<ExprClosure>) -> TokenStream {
    let site = Span::mixed_site();
    let (closure, call) = match entry {
        Entry::Argument(..) | Entry::Debug(..) | Entry::Word(_) => return TokenStream::new(),
        Entry::Own(key, Given::Failure, closure) => {
            let (runtime, method) = (private(plan, site), method(key));
            let place = site.located_at(closure.span());
            let failure = quote_spanned!(place=> #runtime::failure(&__val));
            (closure, quote_spanned!(site=> __sp.#method(#failure.__error());))
        }
        Entry::Own(key, given, closure) => {
            let value = Ident::new("__val", site.located_at(closure.span()));
            (closure, own(key, *given, &value))
        }
        Entry::Record(key, closure) => {
            (closure, quote_spanned!(site=> __sp.record(#key, __CALLSITE.of(&__val).__get());))
        }
    };
    let mut closure = closure.clone();
    // Clippy would ask for a path in place of `|reply| reply.text()`.
    let place = site.located_at(closure.span());
    closure.inputs_begin = Token![|](place);
    quote_spanned!(site=> let __val = __CALLSITE.apply(__ret, #closure); #call)
}

/// The call of the method that `key` names. An error in it points at what the user wrote.
fn own(key: &Ident, given: Given, value: &impl ToTokens) -> TokenStream {
    let site = Span::mixed_site();
    let method = method(key);
    let place = site.located_at(value.span());
    let value = if given == Given::Value {
        quote_spanned!(place=> __CALLSITE.of(&#value).__get())
    } else {
        quote_spanned!(place=> &#value)
    };
    quote_spanned!(site=> __sp.#method(#value);)
}

fn method(key: &Ident) -> Ident {
    Ident::new(&key.to_string(), Span::mixed_site().located_at(key.span()))
}

/// The expression as it may stand behind `&`: `&n as i64` would be `(&n) as i64`.
fn operand(expression: &Expr) -> TokenStream {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            // Their type says what they are; not to say it is a lint that some turn on.
            Lit::Float(float) if float.suffix().is_empty() && !float.base10_digits().ends_with('.') => {
                LitFloat::new(&format!("{float}_f64"), float.span()).into_token_stream()
            }
            Lit::Int(int) if int.suffix().is_empty() && int.base10_parse::<i32>().is_ok() => {
                LitInt::new(&format!("{int}_i32"), int.span()).into_token_stream()
            }
            Lit::Int(int) if int.suffix().is_empty() && int.base10_parse::<i64>().is_ok() => {
                LitInt::new(&format!("{int}_i64"), int.span()).into_token_stream()
            }
            literal => literal.to_token_stream(),
        },
        Expr::Call(_) | Expr::Field(_) | Expr::Macro(_) | Expr::MethodCall(_) | Expr::Path(_) => {
            expression.to_token_stream()
        }
        _ => {
            let place = Span::mixed_site().located_at(expression.span());
            quote_spanned!(place=> (#expression))
        }
    }
}

/// The body behind `first` and the arguments bound anew: the compiler then says as ever which of them is unused, or `mut`
/// for nothing.
fn body(function: &Function, arguments: &Arguments, first: &TokenStream) -> Group {
    let (body, bind) = (&function.body, &arguments.bind);
    if bind.is_empty() && first.is_empty() {
        return body.clone();
    }
    let statements = statements(body);
    // Braces of this crate's edition: what is left of the body's last expression goes before the arguments, in the body's
    // own edition before or after its locals.
    braces(quote_spanned!(site()=> #first #bind #statements), site().located_at(body.span()))
}

/// The body in its own braces, which keep its edition's order of drops; without them where it has no locals, for rustc
/// says of braces around one expression that they are too many.
fn statements(body: &Group) -> TokenStream {
    let is = |token: &TokenTree, sign| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign);
    let is_block =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let tokens: Vec<_> = body.stream().into_iter().collect();
    // A macro with braces may be a `let`.
    let may_bind = tokens.iter().any(|token| is(token, ';'))
        || tokens.windows(2).any(|pair| is(&pair[0], '!') && is_block(&pair[1]));
    if may_bind || tokens.is_empty() { body.to_token_stream() } else { body.stream() }
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
