//! Lists of numbers. Invariant: to record one never says which type its literals have.

use cekura::testing::capture;
use serde::Serialize;
use std::fmt::{Debug, Display};
use std::ops::Deref;

#[test]
fn literals_have_the_type_that_they_have_without_the_attribute() {
    #[cekura::tool_call]
    fn floats() -> impl Serialize {
        [123_456_789.123]
    }
    #[cekura::tool_call]
    async fn later() -> impl Debug {
        [0.1, 1.0 / 3.0]
    }
    #[cekura::span]
    fn thirds() -> impl IntoIterator<Item = f64> {
        vec![1.0 / 3.0]
    }
    #[cekura::span]
    fn whole() -> impl IntoIterator<Item = i32> {
        vec![1, 2]
    }
    #[cekura::llm]
    fn reference() -> Result<impl AsRef<[i32]>, String> {
        Ok([1, 2])
    }
    #[cekura::tool_call]
    fn boxed() -> Box<impl Debug> {
        Box::new(vec![1, 2])
    }
    let check = || {
        assert_eq!(serde_json::to_string(&floats()).unwrap(), "[123456789.123]");
        let later = futures::executor::block_on(later());
        assert_eq!(format!("{later:?}"), "[0.1, 0.3333333333333333]");
        assert_eq!(thirds().into_iter().next(), Some(1.0 / 3.0));
        assert_eq!(whole().into_iter().sum::<i32>(), 3);
        assert_eq!(reference().unwrap().as_ref(), [1, 2]);
        assert_eq!(format!("{:?}", boxed()), "[1, 2]");
    };
    check();
    let trace = capture(check);
    let [floats, later, ..] = trace.spans() else { panic!("{trace}") };
    assert_eq!(floats.text("function.output"), Some("[123456789.123]"));
    assert_eq!(later.text("function.output"), Some("[0.1,0.3333333333333333]"));
}

/// What only looks like a buffer.
#[derive(Serialize)]
struct Scores(Vec<f64>);

impl Deref for Scores {
    type Target = Vec<f64>;

    fn deref(&self) -> &Vec<f64> {
        &self.0
    }
}

#[test]
fn a_list_of_numbers_is_a_value_and_one_of_samples_a_size() {
    #[cekura::llm(record("floats" = [0.1, 0.2], "whole" = vec![1, 2], "some" = Some(vec![3])))]
    fn ask(scores: &Scores, sizes: Vec<u64>, narrow: &[i8], audio: &[f32], bytes: Option<Vec<u8>>) -> Scores {
        let _ = (sizes, narrow, audio, bytes);
        Scores(scores.0.clone())
    }
    #[cekura::tool_call(arguments = [1, 2])]
    fn tool(wide: &[i32; 100]) -> [f64; 2] {
        [f64::from(wide[0]), 0.5]
    }
    #[cekura::tool_call]
    fn large(wide: &[i32; 100]) -> usize {
        wide.len()
    }
    let trace = capture(|| {
        ask(&Scores(vec![0.5]), vec![1, 2], &[-1], &[0.0; 3], Some(vec![0; 4]));
        tool(&[7; 100]);
        large(&[7; 100]);
    });
    let llm = trace.span("llm").unwrap();
    let texts = ["floats", "whole", "some", "input.scores", "input.sizes", "input.narrow", "output"];
    let said = texts.map(|key| llm.text(key).unwrap_or_default());
    assert_eq!(said, ["[0.1,0.2]", "[1,2]", "[3]", "[0.5]", "[1,2]", "[-1]", "[0.5]"]);
    let sizes = ["input.audio.len", "input.bytes.len"].map(|key| llm.attribute(key).cloned());
    assert_eq!(sizes, [Some(3.into()), Some(4.into())]);
    let [_, tool, large] = trace.spans() else { panic!("{trace}") };
    assert_eq!(
        (tool.text("function.input"), tool.text("function.output")),
        (Some("[1,2]"), Some("[7.0,0.5]"))
    );
    assert_eq!(large.attribute("input.wide.len"), Some(&100.into()));
}

#[test]
fn a_number_of_the_attribute_may_be_large() {
    #[cekura::llm(max_tokens = 5_000_000_000, record("mask" = 4_294_967_295, "small" = -1))]
    fn ask() -> impl Display {
        "yes"
    }
    let trace = capture(|| assert_eq!(ask().to_string(), "yes"));
    let llm = trace.span("llm").unwrap();
    let said = ["gen_ai.request.max_tokens", "mask", "small"].map(|key| llm.attribute(key).cloned());
    assert_eq!(said, [Some(5_000_000_000_i64.into()), Some(4_294_967_295_i64.into()), Some((-1).into())]);
}
