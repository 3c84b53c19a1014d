//! Arbitrary tokens as attributes and items: nothing panics, and an item that went in comes out.
//! `PROPTEST_CASES=1000000 cargo test -p cekura-trace-macros arbitrary` searches longer.

use super::tokens;
use crate::annotate;
use crate::args::SpanName;
use proc_macro2::TokenStream;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::hash::{BuildHasher, Hasher, RandomState};

const KEYS: &[&str] = &[
    "arguments",
    "call_id",
    "capture",
    "client",
    "confidence",
    "crate",
    "finish_reason",
    "id",
    "input_tokens",
    "is_final",
    "language",
    "link_headers",
    "max_tokens",
    "model",
    "name",
    "number",
    "observe",
    "output",
    "output_tokens",
    "parent",
    "provider",
    "record",
    "response_id",
    "run",
    "skip",
    "skip_all",
    "stream",
    "temperature",
    "text",
    "trace_id_from",
    "transcript",
    "voice",
    "r#type",
    "modle",
    "\"my.key\"",
    "gen_ai.model",
    "self",
    "_",
];

const VALUES: &[&str] = &[
    "x",
    "self.a",
    "|r| r.b",
    "|r: &R| -> u8 { r.b }",
    "|a, b| a",
    "move |_| 1",
    "async |r| r",
    "|| x",
    "\"text\"",
    "\"\"",
    "1",
    "-1.5",
    "true",
    "'c'",
    "b\"x\"",
    "c\"x\"",
    "1u8",
    "1e400",
    "99999999999999999999",
    "f(x)?",
    "x.await",
    "if a { b } else { c }",
    "if let Some(a) = b { a }",
    "a < b",
    "a < b > c",
    "a..",
    "..",
    "..=",
    "return",
    "return x",
    "break 'a 1",
    "continue",
    "loop {}",
    "{ let y = 1; y }",
    "{ 1; }",
    "&x",
    "&mut *x",
    "!x",
    "foo!{}",
    "foo![1, 2]",
    "match x { _ => 1 }",
    "const { 1 }",
    "unsafe { x }",
    "async move { x }",
    "x as u8",
    "a = b",
    "a += b",
    "let x = 1",
    "S { a, ..b }",
    "S { a: 1 } == b",
    "(a, b)",
    "()",
    "[0; 3]",
    "<T as U>::V",
    "::a::b",
    "a::<b>()",
    "#[x] y",
    "$x",
    "'a: {}",
    "_",
    "\"a\" b",
    "=",
    "",
];

const ODD: &[&str] = &[
    "=", ",", ",,", ";", ":", "::", "|", "||", "=>", "->", "&", "#", "!", "?", "'a", ".", "..", "$", "@",
    "fn", "async", "dyn", "impl", "0", "\"", "r#fn", "crate", "super",
];

const BEFORE: &[&str] = &[
    "",
    "pub",
    "async",
    "pub async",
    "const",
    "unsafe",
    "extern \"C\"",
    "pub(crate) async unsafe",
    "#[inline] pub",
    "/// Text.\n",
    "#[cfg(x)] #[doc = \"y\"]",
    "default",
    "safe",
    "const async unsafe extern",
];

const GENERICS: &[&str] =
    &["", "<T>", "<'a, T: 'a + ?Sized>", "<const N: usize>", "<>", "<T = u8>", "<impl X>"];

const PARAMETERS: &[&str] = &[
    "self",
    "&self",
    "&mut self",
    "mut self",
    "self: Pin<&mut Self>",
    "&'a self",
    "x: u8",
    "mut x: u8",
    "_: u8",
    "ref x: u8",
    "(a, b): (u8, u8)",
    "S { a, .. }: S",
    "[a, b]: [u8; 2]",
    "x: impl Fn(u8) -> u8",
    "x: &dyn X",
    "x: &mut [f32]",
    "#[x] y: u8",
    "r#type: T",
    "x: !",
    "x: [u8; { 1 + 1 }]",
    "span: u8",
    "returned: u8",
    "__CALLSITE: u8",
    "...",
    "x",
    "x: for<'a> fn(&'a u8)",
    "x: macro_type!()",
];

const RETURNS: &[&str] = &[
    "",
    "-> u8",
    "-> !",
    "-> impl Future<Output = u8>",
    "-> Pin<Box<dyn Future<Output = u8> + Send + '_>>",
    "-> impl Stream<Item = Result<u8, E>> + use<>",
    "-> BoxStream<'static, u8>",
    "-> Result<BoxStream<'_, u8>, E>",
    "-> Option<&'a T>",
    "-> ()",
    "-> (u8, u8)",
    "-> impl Fn(u8) -> u8",
    "-> &dyn X",
    "-> <T as U>::V",
    "-> [u8; N]",
    "-> macro_type!()",
    "-> _",
    "->",
    "-> impl",
    "-> dyn Future",
    "-> Box<dyn for<'a> Fn(&'a u8)>",
    "-> T where T: X",
];

const BODIES: &[&str] =
    &["{}", "{ x }", "{ return 1; }", "{ x? }", "{ async move { x } }", ";", "", "= 1;", "{} {}"];

/// Things that are no functions.
const OTHERS: &[&str] = &[
    "struct S;",
    "impl S { fn f(&self) {} }",
    "trait T { fn f(); }",
    "mod m {}",
    "|x| x",
    "async move |x| x?",
    "let f = |x| x;",
    "fn",
    "fn f",
    "fn f()",
    "macro_rules! m { () => {} }",
    "use a::b;",
    "x",
    "",
    "fn f() {} fn g() {}",
    "extern \"C\" { fn f(); }",
    "static S: u8 = 1;",
    "type T = u8;",
    "enum E { A }",
];

/// What most attributes take.
const GOOD: &[&str] = &[
    "skip_all",
    "skip(x)",
    "record(\"my.key\" = x, a.b = |r| &r.c)",
    "parent = cx",
    "crate = a::b",
    "provider = x",
    "model = \"m\"",
    "output = |r| r.text",
    "temperature = 0.5",
    "name = \"n\"",
    "call_id = id",
    "stream",
    "observe",
];

/// Groups within groups of tokens that seldom make sense.
fn heap() -> BoxedStrategy<String> {
    let leaf = prop_oneof![select(KEYS), select(VALUES), select(ODD)].prop_map(str::to_owned);
    let brackets = select(&[("(", ")"), ("[", "]"), ("{", "}")][..]);
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let inside = vec(inner, 0..6).prop_map(|parts| parts.join(" "));
        (brackets.clone(), inside).prop_map(|((open, close), inside)| format!("{open}{inside}{close}"))
    })
    .boxed()
}

fn arguments() -> BoxedStrategy<String> {
    let pair = (select(KEYS), select(VALUES)).prop_map(|(key, value)| format!("{key} = {value}"));
    let word = select(KEYS).prop_map(str::to_owned);
    let list = (select(KEYS), vec(pair.clone().boxed(), 0..3))
        .prop_map(|(key, pairs)| format!("{key}({})", pairs.join(", ")));
    let odd = (select(KEYS), heap()).prop_map(|(key, value)| format!("{key} = {value}"));
    let good = select(GOOD).prop_map(str::to_owned);
    let one = prop_oneof![9 => good, 4 => pair, 2 => word, 2 => list, 1 => odd, 1 => heap()];
    (vec(one, 0..4), select(&[", ", ", ", ", ", " ", ";"][..]))
        .prop_map(|(all, between)| all.join(between))
        .boxed()
}

fn item() -> BoxedStrategy<String> {
    let parameters = vec(select(PARAMETERS), 0..4).prop_map(|all| all.join(", "));
    let parts = (select(BEFORE), select(GENERICS), parameters, select(RETURNS), select(BODIES));
    let function = parts.prop_map(|(before, generics, parameters, returns, body)| {
        format!("{before} fn f{generics}({parameters}) {returns} {body}")
    });
    prop_oneof![8 => function, 1 => select(OTHERS).prop_map(str::to_owned), 1 => heap()].boxed()
}

/// As many as it is told to look at, but no fewer than finds what is easily found.
fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let seed = match given.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().build_hasher().finish(),
    };
    println!("the same again: PROPTEST_RNG_SEED={seed}");
    let (cases, rng_seed) = (given.cases.max(4000), RngSeed::Fixed(seed));
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..given }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_tokens_give_items_or_say_what_is_wrong(
        name in 0..SpanName::ALL.len(),
        args in arguments(),
        item in item(),
    ) {
        // What the compiler makes no tokens of never reaches an attribute.
        let (Ok(args), Ok(item)) = (args.parse(), item.parse::<TokenStream>()) else { return Ok(()) };
        let is_items = |tokens: TokenStream| syn::parse2::<syn::File>(tokens).is_ok();
        let expanded = annotate(SpanName::ALL[name], args, item.clone());
        prop_assert!(!expanded.is_empty() || item.is_empty());
        if is_items(item) {
            let printed = expanded.to_string();
            prop_assert!(is_items(expanded), "no items: {printed}");
            prop_assert!(is_items(tokens(&printed)), "not once printed: {printed}");
        }
    }
}
