//! [`Args`] and a [`Function`] come in, a [`Plan`] without any doubt left goes out: the last place that can fail. This
//! file does not know how generated code looks.

use crate::args::{Args, Given, SpanName, Value, When};
use crate::diagnostics::{Diagnostics, list};
use crate::function::{Binding, Function, Returns, Shape};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprClosure, ExprLit, Lit, LitStr, Path};

pub(crate) struct Plan {
    pub(crate) name: SpanName,
    /// The function's name, or the literal that `name = …` gives in its place.
    pub(crate) label: String,
    pub(crate) krate: Option<Path>,
    pub(crate) function: Function,
    /// What is recorded before the body, in this order.
    pub(crate) before: Vec<Entry<Expr>>,
    /// Whether the return value is recorded without being asked for.
    pub(crate) returned: bool,
    /// What is recorded with the return value, in this order.
    pub(crate) after: Vec<Entry<ExprClosure>>,
    /// The word that asks for a stream.
    pub(crate) stream: Option<Ident>,
}

/// One call on the span.
pub(crate) enum Entry<E> {
    Argument(Ident),
    Own(Ident, Given, E),
    Record(LitStr, E),
    Word(Ident),
}

impl Entry<Expr> {
    /// Whether what the user wrote uses this name.
    pub(crate) fn names(&self, ident: &Ident) -> bool {
        match self {
            Self::Argument(_) | Self::Word(_) => false,
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
        refuse_wrong_skips(&args, &function, mistakes);
        refuse_closures_without_return(&args, &function, mistakes);
        mistakes.is_empty().then(|| Self::of(args, function))
    }

    fn of(args: Args, function: Function) -> Self {
        let Args { name, krate, mut own, record, words, skip, skip_all, stream } = args;
        let returned = skip_all.is_none();
        let recorded = |binding: &&Binding| returned && !skip.contains(&binding.ident);
        let arguments: Vec<_> = function
            .bindings
            .iter()
            .filter(recorded)
            .map(|binding| Entry::Argument(binding.ident.clone()))
            .collect();
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
                Value::Returned(closure) => after.push(Entry::Own(own.key, own.rule.given, closure)),
            }
        }
        before.splice(first..first, arguments);
        before.extend(words.into_iter().map(Entry::Word));
        for record in record {
            match record.value {
                Value::Plain(expression) => before.push(Entry::Record(record.key, expression)),
                Value::Returned(closure) => after.push(Entry::Record(record.key, closure)),
            }
        }
        Self { name, label, krate, function, before, returned, after, stream }
    }
}

/// The text of a plain string literal.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Plain(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text.value()),
        _ => None,
    }
}

fn refuse_second_attribute(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    let krate = args.krate.as_ref().and_then(|path| path.segments.last()).map(|last| &last.ident);
    for attribute in &function.attributes {
        let mut segments = attribute.path().segments.iter().rev();
        if let (Some(name), Some(root)) = (segments.next(), segments.next())
            && SpanName::ALL.iter().any(|other| name.ident == other.as_str())
            && (root.ident == "cekura" || krate == Some(&root.ident))
        {
            let message = format!(
                "one function has one span, and this one is a `{}` already: take one of the two attributes away, or \
                 annotate a function that calls this one",
                args.name.as_str()
            );
            mistakes.at(attribute, message);
        }
    }
}

fn refuse_wrong_skips(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    if let (Some(skip_all), false) = (&args.skip_all, args.skip.is_empty()) {
        mistakes.at(skip_all, "`skip_all` skips every argument: take `skip(…)` away");
    }
    for name in &args.skip {
        if name == "self" {
            mistakes.at(name, "`self` is never recorded: take it away here");
        } else if name.unraw().to_string().starts_with('_') {
            mistakes
                .at(name, format!("a name that begins with `_` is never recorded: take `{name}` away here"));
        } else if !function.bindings.iter().any(|binding| binding.ident == *name) {
            let names: Vec<String> =
                function.bindings.iter().map(|binding| binding.ident.to_string()).collect();
            let hint = if names.is_empty() {
                "it has none that is recorded".to_owned()
            } else {
                format!("it has {}", list(names.iter().map(String::as_str)))
            };
            mistakes.at(name, format!("the function has no argument `{name}`; {hint}"));
        }
    }
}

fn refuse_closures_without_return(args: &Args, function: &Function, mistakes: &mut Diagnostics) {
    if !matches!(function.shape, Shape::Async(Returns::Never) | Shape::Sync(Returns::Never)) {
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
