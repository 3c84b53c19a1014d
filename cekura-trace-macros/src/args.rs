//! Parses the tokens in an attribute's parentheses into [`Args`]. Invariant: every argument keeps the word that
//! names it, so that a later rule can underline that word.

use crate::diagnostics::{Diagnostics, list, nearest};
use foreign::Place;
use groups::{list_group, opened, pass_entry, peeled};
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Lit, LitStr, Path, Token, token};

mod foreign;
mod groups;
mod table;

pub(crate) use table::{Given, Rule, SpanName, When};

pub(crate) struct Args {
    pub(crate) name: SpanName,
    /// What generated code calls the runtime crate when it is not `::cekura`.
    pub(crate) krate: Option<Path>,
    pub(crate) own: Vec<Own>,
    pub(crate) record: Vec<Record>,
    /// Names that become calls without a value.
    pub(crate) words: Vec<Ident>,
    /// Names of arguments that are recorded by their `Debug`.
    pub(crate) debug: Vec<Ident>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: Option<Ident>,
    pub(crate) skip_output: bool,
    pub(crate) stream: Option<Ident>,
}

/// `model = self.model`: an argument that becomes a call of the method of its name.
pub(crate) struct Own {
    pub(crate) rule: &'static Rule,
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// `"my.key" = expr` in `record(…)`.
pub(crate) struct Record {
    pub(crate) key: LitStr,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    /// Evaluated before the body.
    Plain(Expr),
    /// `|returned| expr`: evaluated with what the function returned.
    Returned(ExprClosure),
}

impl Args {
    pub(crate) fn parse(name: SpanName, tokens: TokenStream, mistakes: &mut Diagnostics) -> Self {
        let args = Self {
            name,
            krate: None,
            own: Vec::new(),
            record: Vec::new(),
            words: Vec::new(),
            debug: Vec::new(),
            skip: Vec::new(),
            skip_all: None,
            skip_output: false,
            stream: None,
        };
        let mut reader = Reader { args, seen: Vec::new(), mistakes };
        reader.each(tokens, Reader::argument);
        reader.args
    }
}

/// What stands behind an argument's name.
enum Written {
    Bare,
    /// `=` and nothing.
    Empty,
    Expr(Expr),
    List(Group),
}

impl Written {
    fn parse(input: ParseStream<'_>, name: &str) -> syn::Result<Self> {
        if input.is_empty() || input.peek(Token![,]) {
            Ok(Self::Bare)
        } else if input.peek(token::Paren) {
            input.call(list_group).map(Self::List)
        } else if input.peek(Token![=]) {
            let equals: Token![=] = input.parse()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Ok(Self::Empty);
            }
            foreign::refuse_sigil(input, Place::Value)?;
            input.parse().map(Self::Expr).map_err(|error| {
                // The end has no place of its own.
                let unfinished =
                    || syn::Error::new(equals.span(), format!("the expression of `{name}` is incomplete"));
                if input.is_empty() { unfinished() } else { error }
            })
        } else {
            Err(input.error(format!("expected `=` after `{name}`")))
        }
    }
}

struct Reader<'a> {
    args: Args,
    seen: Vec<&'static str>,
    mistakes: &'a mut Diagnostics,
}

impl Reader<'_> {
    /// Reads a list with commas; after a mistake it goes on behind the next comma.
    fn each(&mut self, tokens: TokenStream, entry: fn(&mut Self, ParseStream<'_>) -> syn::Result<()>) {
        let parse = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match entry(self, input) {
                    Err(mistake) => self.mistakes.push(mistake),
                    Ok(()) if input.is_empty() || input.peek(Token![,]) => {}
                    Ok(()) => self.mistakes.push(input.error("expected `,` before this")),
                }
                pass_entry(input)?;
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        if let Err(mistake) = parse.parse2(opened(tokens)) {
            self.mistakes.push(mistake);
        }
    }

    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let Ok(key) = input.call(Ident::parse_any) else {
            return Err(foreign::without_name(input, self.args.name));
        };
        // What stands behind a word of another library may be no Rust.
        let Some(rule) = self.rule(&key) else { return pass_entry(input) };
        let written = Written::parse(input, &key.to_string())?;
        if self.seen.contains(&rule.key) {
            self.mistakes.at(&key, format!("`{key}` is given twice"));
            return Ok(());
        }
        self.seen.push(rule.key);
        self.accept(rule, key, written);
        Ok(())
    }

    /// The rule of this attribute for `key`.
    fn rule(&mut self, key: &Ident) -> Option<&'static Rule> {
        let name = self.args.name;
        let word = key.to_string();
        let rule = Rule::find(&word);
        if let Some(rule) = rule.filter(|rule| rule.of.contains(&name)) {
            return Some(rule);
        }
        let belongs =
            |rule: &Rule| format!("it belongs to {}", list(rule.of.iter().map(|name| name.as_str())));
        let similar = || nearest(&word, Rule::keys(name)).map(|similar| format!("did you mean `{similar}`?"));
        let hint = foreign::instead(&word.to_lowercase(), name)
            .or_else(|| rule.map(belongs))
            .or_else(similar)
            .unwrap_or_else(|| format!("it takes {}", list(Rule::keys(name))));
        self.mistakes.at(key, format!("`{}` has no argument `{word}`; {hint}", name.as_str()));
        None
    }

    fn accept(&mut self, rule: &'static Rule, key: Ident, written: Written) {
        match (rule.given, written) {
            (Given::SkipAll, Written::Bare) => self.args.skip_all = Some(key),
            (Given::SkipOutput, Written::Bare) => self.args.skip_output = true,
            (Given::Stream, Written::Bare) => self.args.stream = Some(key),
            (Given::Observe, Written::Bare) => self.args.words.push(key),
            (Given::Observe, Written::Expr(Expr::Path(path))) if path.path.is_ident("manual") => {
                self.args.words.push(Ident::new("observe_manual", key.span()));
            }
            (Given::Observe, _) => {
                self.mistakes.at(&key, format!("`{key}` is written alone, or as `{key} = manual`"));
            }
            (Given::SkipAll | Given::SkipOutput | Given::Stream, _) => {
                self.mistakes.at(&key, format!("`{key}` is written alone, without a value"));
            }
            (Given::Debug, Written::List(names)) if !names.stream().is_empty() => {
                self.each(names.stream(), Self::debug);
            }
            (Given::Skip, Written::List(names)) if !names.stream().is_empty() => {
                self.each(names.stream(), Self::skip);
            }
            (Given::Record, Written::List(entries)) if !entries.stream().is_empty() => {
                self.each(entries.stream(), Self::record);
            }
            (Given::Crate, Written::Expr(expression)) => match peeled(expression) {
                Expr::Path(path) if path.qself.is_none() => self.args.krate = Some(path.path),
                other => {
                    self.mistakes.at(other, "`crate` takes a path, without quotes: `crate = my_cekura`");
                }
            },
            (Given::Crate | Given::Debug | Given::Record | Given::Skip, _) => {
                self.mistakes.at(&key, format!("write {}", rule.usage()));
            }
            (_, Written::Bare | Written::Empty) => {
                self.mistakes.at(&key, format!("`{key}` needs a value: {}", rule.usage()));
            }
            (_, Written::List(list)) => self.mistakes.at(list, format!("write {}", rule.usage())),
            (_, Written::Expr(expression)) => {
                let value = self.value(rule, peeled(expression));
                self.args.own.push(Own { rule, key, value });
            }
        }
    }

    fn debug(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name = argument_name(input, "debug")?;
        if self.args.debug.contains(&name) {
            self.mistakes.at(&name, format!("`{name}` is in `debug(…)` twice"));
        }
        self.args.debug.push(name);
        Ok(())
    }

    fn skip(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name = argument_name(input, "skip")?;
        if self.args.skip.contains(&name) {
            self.mistakes.at(&name, format!("`{name}` is skipped twice"));
        }
        self.args.skip.push(name);
        Ok(())
    }

    fn record(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        foreign::refuse_sigil(input, Place::Record)?;
        let key = record_key(input)?;
        let text = key.value();
        match Written::parse(input, &text)? {
            Written::Expr(expression) => {
                if self.args.record.iter().any(|record| record.key.value() == text) {
                    self.mistakes.at(&key, format!("`{text}` is recorded twice"));
                }
                let value = self.value_of(peeled(expression));
                self.args.record.push(Record { key, value });
            }
            _ => self
                .mistakes
                .at(&key, format!("write `\"{text}\" = expression` or `\"{text}\" = |returned| expression`")),
        }
        Ok(())
    }

    fn value(&mut self, rule: &Rule, expression: Expr) -> Value {
        let key = rule.key;
        if let Some(wanted) = rule.given.refuses(&expression) {
            self.mistakes.at(&expression, format!("`{key}` is {wanted}"));
        }
        let value = self.value_of(expression);
        match (&value, rule.when) {
            (Value::Returned(closure), When::Before | When::First) => {
                let message =
                    format!("`{key}` is needed before the function runs: give an expression, not a closure");
                self.mistakes.at(closure, message);
            }
            (Value::Plain(expression), When::After) => {
                let message = format!("`{key}` looks at the returned value: write {}", rule.usage());
                self.mistakes.at(expression, message);
            }
            _ => {}
        }
        value
    }

    fn value_of(&mut self, expression: Expr) -> Value {
        match expression {
            Expr::Closure(closure) => {
                self.check_closure(&closure);
                Value::Returned(closure)
            }
            expression => {
                self.check_plain(expression.to_token_stream());
                Value::Plain(expression)
            }
        }
    }

    fn check_closure(&mut self, closure: &ExprClosure) {
        if closure.inputs.len() != 1 {
            self.mistakes.at(closure, "the closure takes one parameter: what the function returned");
        }
        if let Some(asyncness) = closure.asyncness {
            self.mistakes.at(asyncness, "the closure returns a value and cannot await: remove `async`");
        }
        if let Some(capture) = closure.capture {
            self.mistakes.at(capture, "the closure can use only its parameter: remove `move`");
        }
    }

    /// Finds what would leave the closure in which the expression runs. What stands behind a `|`, `async` or `fn` may
    /// belong to a body of its own, so the search ends there and the compiler's own errors have to do.
    fn check_plain(&mut self, tokens: TokenStream) {
        let mut after_punct = false;
        for token in tokens {
            match &token {
                TokenTree::Group(group) => self.check_plain(group.stream()),
                TokenTree::Ident(word) if word == "async" || word == "fn" => return,
                TokenTree::Ident(word) if word == "await" || word == "return" => {
                    self.cannot_leave(word, word);
                }
                TokenTree::Punct(punct) if punct.as_char() == '|' => return,
                // Behind other punctuation it is that of `?Sized`.
                TokenTree::Punct(punct) if punct.as_char() == '?' && !after_punct => {
                    self.cannot_leave(punct, punct);
                }
                _ => {}
            }
            after_punct = matches!(&token, TokenTree::Punct(punct) if punct.as_char() != '?');
        }
    }

    fn cannot_leave(&mut self, place: impl ToTokens, word: impl std::fmt::Display) {
        let word = word.to_string();
        let word = if word == "await" { ".await" } else { &word };
        let message = format!(
            "`{word}` cannot be used here: the expression is evaluated before the function's body; compute the value in \
             the body and call `cekura::record`"
        );
        self.mistakes.at(place, message);
    }
}

/// One name in `skip(a, b)` or `debug(a, b)`.
fn argument_name(input: ParseStream<'_>, list: &str) -> syn::Result<Ident> {
    let message = format!("`{list}` takes names of arguments: `{list}(a, b)`");
    let name = input.call(Ident::parse_any).map_err(|error| syn::Error::new(error.span(), message))?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(name);
    }
    Err(input.error(format!(
        "`{list}` takes whole arguments: `{list}({name})`; to record a part of one, name it: \
         `record(\"my.key\" = {name}.…)`, on a `tool_call` also `arguments = &{name}.…`"
    )))
}

/// `"my.key"` or `my.key`.
fn record_key(input: ParseStream<'_>) -> syn::Result<LitStr> {
    if input.peek(LitStr) {
        let key: LitStr = input.parse()?;
        return if key.value().is_empty() {
            Err(syn::Error::new(key.span(), "a key cannot be empty"))
        } else {
            Ok(key)
        };
    }
    let wrong = |error: syn::Error| {
        syn::Error::new(
            error.span(),
            "a key is a string, or words with dots between them: `\"my.key\" = expression`",
        )
    };
    let first = input.call(Ident::parse_any).map_err(wrong)?;
    let mut key = first.unraw().to_string();
    while input.parse::<Option<Token![.]>>()?.is_some() {
        key.push('.');
        key.push_str(&input.call(Ident::parse_any).map_err(wrong)?.unraw().to_string());
    }
    Ok(LitStr::new(&key, first.span()))
}

impl Given {
    /// What the argument is, when the literal `expression` can never be that.
    fn refuses(self, expression: &Expr) -> Option<String> {
        let literal = match expression {
            Expr::Lit(literal) => &literal.lit,
            _ => return None,
        };
        let number = matches!(literal, Lit::Float(_) | Lit::Int(_));
        match self {
            Self::Flag if !matches!(literal, Lit::Bool(_)) => Some("`true` or `false`".into()),
            Self::Float if !number => Some("a number such as `0.7`".into()),
            Self::Integer if !matches!(literal, Lit::Int(_)) => Some("a whole number".into()),
            Self::Policy => Some("a `CaptureContent`, such as `CaptureContent::Metadata`".into()),
            Self::Reference(wanted) => Some(wanted.into()),
            _ => None,
        }
    }
}
