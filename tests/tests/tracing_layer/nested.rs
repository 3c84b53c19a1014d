//! Where spans of both kinds stand.

use crate::{call, call_async, captured, listening, stage, turn};
use cekura::opentelemetry::trace::SpanId;
use cekura::testing::{capture, capture_async};
use tokio::task::yield_now;
use tracing::subscriber::with_default;
use tracing::{Instrument, Span, info_span, instrument};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

#[instrument]
fn query() {
    parse();
}

#[instrument]
fn parse() {}

#[cekura::llm]
fn think() {
    query();
}

#[instrument]
fn plan() {
    think();
    query();
}

#[test]
fn in_functions() {
    let trace = captured(|| {
        call(|| {
            query();
            plan();
            turn(|| stage(plan));
        });
    });
    let expected = "\
conversation
  query
    parse
  plan
    llm
      query
        parse
    query
      parse
  turn
    stage
      plan
        llm
          query
            parse
        query
          parse
";
    assert_eq!(trace.strict().to_string(), expected);
}

#[instrument]
async fn fetch() {
    yield_now().await;
    answer().await;
    yield_now().await;
    cekura::spawn(store()).await.unwrap();
    tokio::spawn(store().instrument(Span::current())).await.unwrap();
    query();
}

#[instrument]
async fn store() {
    yield_now().await;
    query();
}

#[cekura::llm]
async fn answer() {
    yield_now().await;
    query();
    yield_now().await;
    store().await;
}

#[tokio::test]
async fn across_awaits_and_tasks() {
    let _listening = listening();
    let trace = capture_async(call_async(async {
        fetch().await;
        query();
    }))
    .await;
    let expected = "\
conversation
  fetch
    llm
      query
        parse
      store
        query
          parse
    store
      query
        parse
    store
      query
        parse
    query
      parse
  query
    parse
";
    assert_eq!(trace.strict().to_string(), expected);
}

#[tokio::test]
async fn two_calls_on_one_thread_do_not_mix() {
    #[cekura::conversation(call_id = id, skip_all)]
    async fn call(id: &str, name: &'static str) {
        for _ in 0..3 {
            async {
                yield_now().await;
                info_span!("inner", name).in_scope(|| {});
            }
            .instrument(info_span!("outer", name))
            .await;
        }
    }
    let _listening = listening();
    let trace = capture_async(async {
        tokio::join!(call("one", "first"), call("two", "second"));
    })
    .await;
    for (id, name) in [("one", "first"), ("two", "second")] {
        let one = trace.conversation(id);
        assert_eq!(one.to_string(), format!("conversation\n{}", "  outer\n    inner\n".repeat(3)));
        assert_eq!(one.with("name", name).count(), 6);
    }
}

#[test]
fn outside_a_conversation_nothing_is_recorded() {
    let trace = captured(|| {
        query();
        let around = info_span!("around");
        around.in_scope(|| {
            call(query);
            query();
        });
        stage(query);
    });
    assert_eq!(trace.to_string(), "conversation\n  query\n    parse\nstage\n");
    assert_eq!(trace.spans()[0].parent_id(), SpanId::INVALID);
}

#[test]
fn a_span_from_before_the_conversation_is_not_recorded_in_it() {
    let trace = captured(|| {
        let before = info_span!("before");
        call(|| before.in_scope(query));
    });
    assert_eq!(trace.to_string(), "conversation\n  query\n    parse\n");
}

#[test]
fn a_named_parent() {
    let trace = captured(|| {
        let outside = info_span!("outside");
        let outer = call(|| {
            let outer = info_span!("outer");
            stage(|| {
                drop(info_span!(parent: &outer, "inner"));
                // The parent is none of ours, so it stands where it begins.
                drop(info_span!(parent: &outside, "here"));
                // A root is no part of the call, though what is in it may be.
                info_span!(parent: None, "root").in_scope(|| drop(info_span!("in_root")));
            });
            outer
        });
        drop(info_span!(parent: &outer, "late"));
    });
    let expected = "conversation\n  outer\n    inner\n    late\n  stage\n    here\n    in_root\n";
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn a_span_joins_the_open_turn() {
    let trace = captured(|| {
        call(|| {
            // Begun beside the task that works for it.
            let turn = cekura::spans::turn().start();
            query();
            turn.end();
            query();
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  turn\n    query\n      parse\n  query\n    parse\n");
}

#[test]
fn turns_of_tracing_are_turns() {
    let trace = captured(|| {
        call(|| {
            for _ in 0..2 {
                info_span!("turn").in_scope(|| {
                    query();
                    stage(|| assert!(cekura::current_turn().is_some()));
                });
            }
        });
    });
    let one = "  turn\n    query\n      parse\n    stage\n";
    assert_eq!(trace.to_string(), format!("conversation\n{}", one.repeat(2)));
    assert_eq!(trace.with("turn.number", 2).count(), 1);
    assert_eq!(trace.with("conversation.id", "call-1").count(), 3);
}

#[test]
fn filters_and_other_layers_see_what_they_ask_for() {
    let body = || {
        call(|| {
            info_span!("kept").in_scope(|| {
                tracing::debug_span!("left_out").in_scope(|| {
                    query();
                    stage(query);
                });
            });
        });
    };
    let expected = "\
conversation
  kept
    query
      parse
    stage
      query
        parse
";
    let sink = || std::io::sink;
    let before = Registry::default()
        .with(cekura::layer().with_filter(LevelFilter::INFO))
        .with(fmt::layer().with_writer(sink()));
    let after = Registry::default()
        .with(fmt::layer().with_writer(sink()))
        .with(cekura::layer().with_filter(LevelFilter::INFO))
        .with(None::<cekura::TracingLayer>);
    assert_eq!(with_default(before, || capture(body)).to_string(), expected);
    assert_eq!(with_default(after, || capture(body)).to_string(), expected);
    let events_only = cekura::layer().with_filter(filter_fn(|metadata| !metadata.is_span()));
    let events_only = Registry::default().with(events_only).with(fmt::layer().with_writer(sink()));
    assert_eq!(with_default(events_only, || capture(body)).to_string(), "conversation\n  stage\n");
    // Of a named parent that is left out, the next one above it counts.
    let subscriber = Registry::default()
        .with(cekura::layer().with_filter(LevelFilter::INFO))
        .with(fmt::layer().with_writer(sink()));
    let trace = with_default(subscriber, || {
        capture(|| {
            call(|| {
                let kept = info_span!("kept");
                // Known to another layer only, or it would be no parent to anybody.
                let left_out = tracing::debug_span!(parent: &kept, "left_out");
                drop(info_span!(parent: &left_out, "inner"));
            });
        })
    });
    assert_eq!(trace.to_string(), "conversation\n  kept\n    inner\n");
}

#[test]
fn code_inside_adds_to_the_innermost_span() {
    let trace = captured(|| {
        call(|| {
            stage(|| {
                info_span!("llm").in_scope(|| {
                    cekura::record("mine", 1);
                    cekura::current().usage(12, 30);
                });
                cekura::record("mine", 2);
            });
        });
    });
    assert_eq!(trace.span("llm").unwrap().attribute("mine"), Some(&1.into()));
    assert_eq!(trace.span("llm").unwrap().attribute("gen_ai.usage.output_tokens"), Some(&30.into()));
    assert_eq!(trace.span("stage").unwrap().attribute("mine"), Some(&2.into()));
}
