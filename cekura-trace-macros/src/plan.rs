//! Combines [`Args`] and a [`Function`] into a [`Plan`]: all rules that need both. Invariant: this is the last
//! place that can fail; writing a plan as tokens cannot.

use crate::args::{Args, Given, SpanName, Value, When};
use crate::diagnostics::{Diagnostics, list, nearest};
use crate::function::{Binding, Function, Returns, Shape, names};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprClosure, ExprLit, FnArg, Lit, LitStr, Pat, Path, Signature, Visibility};

mod borrows;
mod closures;
mod spoken;

pub(crate) use borrows::error_borrows;
pub(crate) use spoken::Spoken;

pub(crate) struct Plan {
    pub(crate) name: SpanName,
    /// The function's name, or the literal that `name = …` gives in its place.
    pub(crate) label: String,
    pub(crate) krate: Option<Path>,
    pub(crate) function: Function,
    /// What is recorded before the body, in this order.
    pub(crate) before: Vec<Entry<Expr>>,
    /// Whether the content of the return value is recorded without being asked for.
    pub(crate) keeps_output: bool,
    /// Whether an error that it returns may borrow.
    pub(crate) error_borrows: bool,
    /// What is recorded with the return value, in this order.
    pub(crate) after: Vec<Entry<ExprClosure>>,
    /// The argument whose text is recorded as the body reads it.
    pub(crate) spoken: Option<Spoken>,
    /// The word that asks for a stream.
    pub(crate) stream: Option<Ident>,
}

/// One call on the span.
pub(crate) enum Entry<E> {
    /// An argument of the function, and the name under which it is recorded.
    Argument(Ident, String),
    /// The same, by its `Debug`.
    Debug(Ident, String),
    Own(Ident, Given, E),
    Record(LitStr, E),
    Word(Ident),
}

impl<E> Entry<E> {
    /// Whether it records this argument of the function.
    pub(crate) fn is_argument(&self, ident: &Ident) -> bool {
        matches!(self, Self::Argument(other, _) | Self::Debug(other, _) if other == ident)
    }
}

impl Entry<Expr> {
    /// Whether what the user wrote uses this name.
    pub(crate) fn names(&self, ident: &Ident) -> bool {
        match self {
            Self::Argument(..) | Self::Debug(..) | Self::Word(_) => false,
            Self::Own(_, _, expression) | Self::Record(_, expression) => {
                has(expression.to_token_stream(), ident)
            }
        }
    }
}

fn has(tokens: TokenStream, ident: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has(group.stream(), ident),
        TokenTree::Ident(other) => other == *ident,
        TokenTree::Literal(_) | TokenTree::Punct(_) => false,
    })
}

impl Plan {
    /// `None` when a rule is broken.
    pub(crate) fn new(args: Args, function: Function, mistakes: &mut Diagnostics) -> Option<Self> {
        refuse_second_attribute(&args, &function, mistakes);
        refuse_wrong_names(&args, &function, mistakes);
        refuse_closures_without_return(&args, &function, mistakes);
        closures::refuse_arguments(&args, &function, mistakes);
        refuse_words_without_quotes(&args, &function, mistakes);
        refuse_main(&function, mistakes);
        mistakes.is_empty().then(|| Self::of(args, function))
    }

    fn of(mut args: Args, function: Function) -> Self {
        let spoken = Spoken::take(&mut args, &function.bindings);
        let mut arguments = arguments(&args, &function.bindings);
        if let Some(Spoken { ident, .. }) = &spoken {
            arguments.retain(|entry| !entry.is_argument(ident));
            arguments.push(Entry::Word(Ident::new("text_follows", ident.span())));
        }
        let Args { name, krate, mut own, record, words, skip_output, stream, .. } = args;
        let label = own.extract_if(.., |own| own.key == "name" && literal(&own.value).is_some()).last();
        let label = label.and_then(|own| literal(&own.value));
        let label = label.unwrap_or_else(|| function.signature.ident.unraw().to_string());
        let is_first = |when| when == When::First;
        own.sort_by_key(|own| if is_first(own.rule.when) { own.rule.position() } else { usize::MAX });
        let first = own.iter().take_while(|own| is_first(own.rule.when)).count();

        let mut before = Vec::new();
        let mut after = Vec::new();
        for own in own {
            match own.value {
                Value::Plain(expression) => before.push(Entry::Own(own.key, own.rule.given, expression)),
                Value::Returned(closure) => {
                    let closure = closures::borrowing(closure, own.rule.given);
                    after.push(Entry::Own(own.key, own.rule.given, closure));
                }
            }
        }
        before.splice(first..first, arguments);
        before.extend(words.into_iter().map(Entry::Word));
        for record in record {
            match record.value {
                Value::Plain(expression) => before.push(Entry::Record(record.key, expression)),
                Value::Returned(closure) => {
                    after.push(Entry::Record(record.key, closures::borrowing(closure, Given::Record)));
                }
            }
        }
        let error_borrows = error_borrows(function.signature.output.to_token_stream());
        let keeps_output = !skip_output;
        Self { name, label, krate, function, before, keeps_output, error_borrows, after, spoken, stream }
    }
}

/// What is recorded of the function's arguments. `arguments = …` stands in place of them all.
fn arguments(args: &Args, bindings: &[Binding]) -> Vec<Entry<Expr>> {
    if args.skip_all.is_some() || args.own.iter().any(|own| own.key == "arguments") {
        return Vec::new();
    }
    let mut names = Vec::new();
    let mut entries = Vec::new();
    for Binding { ident, .. } in bindings.iter().filter(|binding| !is_in(&args.skip, &binding.ident)) {
        let plain = ident.unraw().to_string();
        // Two tokens of a macro may be one name and yet two arguments. Each is recorded.
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let is_free = |name: &String| {
            !names.contains(name) && (*name == plain || !bindings.iter().any(|other| other.ident == name))
        };
        let name = std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain.clone());
        names.push(name.clone());
        let entry = if is_in(&args.debug, ident) { Entry::Debug } else { Entry::Argument };
        entries.push(entry(ident.clone(), name));
    }
    entries
}

/// Whether `name` is among them, however it is written.
fn is_in(names: &[Ident], name: &Ident) -> bool {
    names.iter().any(|other| other.unraw() == name.unraw())
}

/// The text of a plain string literal.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Plain(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text.value()),
        _ => None,
    }
}

/// An attribute that is expanded after another of this crate sees what that one has made of the body. One that is
/// expanded before can only see what is written: `#[cekura::…]`.
fn refuse_second_attribute(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    let message = |name: &str| {
        format!(
            "one function has one span, and this one already has `{name}`: remove one of the two attributes, or annotate \
             a function that calls this one"
        )
    };
    if let Some(name) = expanded_name(&function.body) {
        mistakes.push(syn::Error::new(Span::call_site(), message(&name)));
    }
    let krate = args.krate.as_ref().and_then(|path| path.segments.last()).map(|last| &last.ident);
    for attribute in &function.attributes {
        let mut segments = attribute.path().segments.iter().rev();
        if let (Some(name), Some(root)) = (segments.next(), segments.next())
            && SpanName::ALL.iter().any(|other| name.ident == other.as_str())
            && (root.ident == "cekura" || krate == Some(&root.ident))
        {
            mistakes.at(attribute, message(args.name.as_str()));
        }
    }
}

/// Which attribute has made this body: it begins with `static … = ….Callsite::NAME(`.
fn expanded_name(body: &Group) -> Option<String> {
    let mut tokens = body.stream().into_iter();
    if !matches!(tokens.next(), Some(TokenTree::Ident(word)) if word == "static") {
        return None;
    }
    let words: Vec<_> = tokens
        .take_while(|token| !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';'))
        .filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        })
        .collect();
    let [.., private, callsite, name] = &*words else { return None };
    (private == "__private" && callsite == "Callsite").then(|| name.clone())
}

fn refuse_wrong_names(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    if let (Some(skip_all), false) = (&args.skip_all, args.skip.is_empty()) {
        mistakes.at(skip_all, "`skip_all` skips every argument: remove `skip(…)`");
    }
    if let (Some(skip_all), false) = (&args.skip_all, args.debug.is_empty()) {
        mistakes.at(
            skip_all,
            "`skip_all` skips every argument: remove `debug(…)`, or name the others in `skip(…)`",
        );
    }
    for name in &args.skip {
        if !is_never_recorded(name) && !has_argument(function, name) {
            refuse_unknown(function, name, mistakes);
        }
    }
    for name in &args.debug {
        if is_never_recorded(name) {
            let message = "`self` and names that begin with `_` are never recorded: write \
                           `record(\"my.key\" = format!(\"{:?}\", expression))`";
            mistakes.at(name, message);
        } else if is_in(&args.skip, name) {
            mistakes.at(name, format!("`{name}` is skipped: remove it here or from `skip(…)`"));
        } else if let Some(arguments) = args.own.iter().find(|own| own.key == "arguments") {
            let message = "`arguments` replaces the function's own arguments: remove it or `debug(…)`";
            mistakes.at(&arguments.key, message);
        } else if !function.bindings.iter().any(|binding| binding.ident.unraw() == name.unraw()) {
            refuse_unknown(function, name, mistakes);
        }
    }
}

fn is_never_recorded(name: &Ident) -> bool {
    name == "self" || name.unraw().to_string().starts_with('_')
}

/// Whether the function has an argument of this name, also one under `#[cfg]`.
fn has_argument(function: &Function, name: &Ident) -> bool {
    let is_bound = || function.bindings.iter().any(|binding| binding.ident.unraw() == name.unraw());
    let is_plain = |input: &FnArg| {
        matches!(input, FnArg::Typed(argument)
            if matches!(&*argument.pat, Pat::Ident(pattern) if pattern.ident.unraw() == name.unraw()))
    };
    is_bound() || function.signature.inputs.iter().any(is_plain)
}

fn refuse_unknown(function: &Function, name: &Ident, mistakes: &mut Diagnostics) {
    let names: Vec<String> = function.bindings.iter().map(|binding| binding.ident.to_string()).collect();
    let hint = if names.is_empty() {
        "none of its arguments can be recorded".to_owned()
    } else {
        format!("it has {}", list(names.iter().map(String::as_str)))
    };
    mistakes.at(name, format!("the function has no argument `{name}`; {hint}"));
}

/// `provider = openai`. A constant has another name, an argument of the function is known.
fn refuse_words_without_quotes(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    let inputs = function.signature.inputs.iter();
    let arguments: Vec<_> = inputs
        .flat_map(|input| match input {
            FnArg::Receiver(receiver) => vec![Ident::new("self", receiver.self_token.span)],
            FnArg::Typed(argument) => names(&argument.pat),
        })
        .collect();
    let texts: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    for own in args.own.iter().filter(|own| own.rule.given == Given::Value) {
        if let Value::Plain(Expr::Path(path)) = &own.value
            && let Some(word) = path.path.get_ident()
            && !word.to_string().contains(char::is_uppercase)
            && !is_in(&arguments, word)
            // The compiler names the one that is meant.
            && nearest(&word.to_string(), texts.iter().map(String::as_str)).is_none()
        {
            let key = &own.key;
            let message = format!(
                "`{word}` is no argument of the function: write `{key} = \"{word}\"`, or `{key} = self::{word}` where it \
                 is a static"
            );
            mistakes.at(word, message);
        }
    }
}

/// A span of `main` would begin before `main` can install anything.
fn refuse_main(function: &Function, mistakes: &mut Diagnostics) {
    let Signature { ident, inputs, .. } = &function.signature;
    // One that others call is not the program's.
    let is_called = !matches!(function.visibility, Visibility::Inherited);
    if ident == "main" && inputs.is_empty() && !is_called {
        let message = "`main` runs before a handle is installed, so its span would never be recorded: move the code into \
                       a function that handles one call, and annotate that";
        mistakes.at(ident, message);
    }
}

fn refuse_closures_without_return(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    if !matches!(function.shape, Shape::Async(Returns::Never, _) | Shape::Sync(Returns::Never)) {
        return;
    }
    let own = args.own.iter().map(|own| &own.value);
    for value in own.chain(args.record.iter().map(|record| &record.value)) {
        if let Value::Returned(closure) = value {
            mistakes.at(closure, "the function never returns, so this closure would never run");
        }
    }
    if let Some(stream) = &args.stream {
        mistakes.at(stream, "the function never returns, so there is no stream");
    }
}
