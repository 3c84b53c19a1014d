//! What a `macro_rules!` puts into an attribute, in the invisible groups of its fragments.

use cekura::opentelemetry::Value;
use cekura::testing::capture;

mod elsewhere {
    pub(super) use cekura as traces;
}

macro_rules! annotated {
    ($name:ident, $runtime:path, $model:expr, $voice:literal, $heat:expr, $key:literal, $text:expr) => {
        #[cekura::llm(crate = $runtime, model = $model, temperature = $heat, output = $text, record($key = $voice, n = $text))]
        fn $name(prompt: &str) -> String {
            prompt.to_owned()
        }
    };
}

annotated!(ask, elsewhere::traces, "gpt".to_owned() + "-4o", "nova", 0.5, "my.voice", |text| text.len());

#[test]
fn a_path_an_expression_a_literal_and_a_closure_of_a_macro() {
    let trace = capture(|| ask("hello"));
    let span = &trace.spans()[0];
    assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o"));
    assert_eq!(span.attribute("gen_ai.request.temperature"), Some(&Value::F64(0.5)));
    assert_eq!(span.text("my.voice"), Some("nova"));
    assert_eq!(span.attribute("n"), Some(&Value::I64(5)));
    assert_eq!(span.attribute("output"), Some(&Value::I64(5)));
}

macro_rules! with_lists {
    ($name:ident, $meta:meta, $skipped:ident, $shown:expr, $list:expr, $closure:expr) => {
        #[cekura::span($meta, skip($skipped), debug $list, record("n" = $closure))]
        fn $name($skipped: u8, shown: Option<u8>) -> u8 {
            $skipped + shown.unwrap_or_default() + $shown
        }
    };
}

with_lists!(listed, name = "stage", hidden, 1, (shown), (|n| n * 2));

#[test]
fn a_whole_argument_and_a_list_of_a_macro() {
    let trace = capture(|| listed(1, Some(2)));
    let span = &trace.spans()[0];
    assert_eq!((span.name(), span.attribute("input.hidden")), ("stage", None));
    assert_eq!(span.text("input.shown"), Some("Some(2)"));
    assert_eq!(span.attribute("n"), Some(&Value::I64(8)));
}

macro_rules! forwarded {
    ($runtime:path, $number:expr) => {
        forwarded!(@ $runtime, $number);
    };
    (@ $runtime:path, $number:expr) => {
        #[cekura::turn(crate = $runtime, number = $number)]
        fn twice_grouped() {}
    };
}

forwarded!(::cekura, 2 + 3);

#[test]
fn groups_inside_groups() {
    let trace = capture(twice_grouped);
    assert_eq!(trace.spans()[0].attribute("turn.number"), Some(&Value::I64(5)));
}

/// Two arguments of one name: the compiler tells them apart by where they were written.
macro_rules! two_of_a_name {
    ($(#[$attribute:meta])* $name:ident, $a:ident) => {
        $(#[$attribute])*
        fn $name($a: u8, a: u8, a_2: u8) -> u8 {
            $a + a + a_2
        }
    };
}

two_of_a_name!(
    #[cekura::span]
    plain,
    a
);
two_of_a_name!(
    #[cekura::tool_call]
    tool,
    a
);
two_of_a_name!(
    #[cekura::span(skip(a))]
    skipped,
    a
);

#[test]
fn two_arguments_of_one_name_are_both_recorded() {
    let trace = capture(|| (plain(1, 2, 3), tool(1, 2, 3), skipped(1, 2, 3)));
    let [plain, tool, skipped] = trace.spans() else { panic!("{trace}") };
    let input = |name: &str| plain.attribute(&format!("input.{name}")).cloned();
    let numbers = [1, 2, 3].map(|n| Some(Value::I64(n)));
    assert_eq!([input("a"), input("a_3"), input("a_2")], numbers, "{plain:?}");
    assert_eq!(tool.text("function.input"), Some(r#"{"a":1,"a_3":2,"a_2":3}"#));
    assert!(skipped.attributes().all(|(key, _)| !key.starts_with("input.a_3") && key != "input.a"));
}
