//! Who is told of spans that begin, and how much is kept to be told.

use super::{MOST, Notices};
use crate::delivery::config::{Builder, resolve};
use crate::destination::{Begin, Place, Site, Watcher};
use crate::finished::{Head, Marks, Status, write};
use crate::lock::locked;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use std::panic::Location;
use std::sync::Arc;

#[test]
fn only_servers_of_this_machine_are_told() {
    let (here, there) = ("http://127.0.0.1:4318", "https://collector.example");
    for (otel, api, mode, sample, wanted) in [
        (here, here, "cloud", None, true),
        ("http://localhost:4317", "http://[::1]:4318", "cloud,local", None, true),
        (here, there, "cloud", None, false),
        (there, here, "cloud", None, false),
        (there, there, "cloud,local", None, false),
        (here, "https://api.cekura.ai", "cloud", None, false),
        (here, here, "cloud", Some("0.5"), false),
        (here, here, "local", None, true),
        (there, here, "local", None, true),
        (here, there, "local", None, false),
    ] {
        let variables = move |name: &str| match name {
            "CEKURA_OTEL_ENDPOINT" => Some(otel.to_owned()),
            "CEKURA_API_URL" => Some(api.to_owned()),
            "CEKURA_MODE" => Some(mode.to_owned()),
            "CEKURA_SAMPLE" => sample.map(str::to_owned),
            _ => None,
        };
        let settings = resolve(Builder::default().variables(variables)).unwrap().unwrap();
        assert_eq!(Notices::are_wanted(&settings), wanted, "{otel} {api} {mode} {sample:?}");
    }
}

#[test]
fn what_is_not_told_yet_is_bounded_and_without_content() {
    let notices = Arc::<Notices>::default();
    let begin = |id: u64| {
        let record = move || {
            let (span_id, parent_id) = (SpanId::from(id), SpanId::INVALID);
            let (kind, status) = (SpanKind::Internal, Status::Unset);
            let head =
                Head { trace_id: TraceId::from(1), span_id, parent_id, kind, start: 5, end: 5, status };
            let mut entries = Vec::new();
            write::text(&mut entries, "model", &"m".repeat(100));
            write::marked_text(&mut entries, "input.prompt", &"secret".repeat(10_000), Marks::CONTENT);
            Some(head.record("llm", "", &entries))
        };
        let site =
            Site { span: "llm", seeks_conversation: true, function: "f", at: Place::At(Location::caller()) };
        notices.clone().begin(Begin {
            id: SpanId::from(id),
            is_in_conversation: true,
            site,
            record: &record,
        });
    };
    (1..10).for_each(begin);
    let kept = locked(&notices.waiting).clone();
    assert!((900..5_000).contains(&kept.len()) && !kept.windows(6).any(|part| part == b"secret"));
    (10..10_000).for_each(begin);
    let full = locked(&notices.waiting).len();
    assert!(full <= MOST && full > MOST - 1_000, "{full}");
    notices.close();
    begin(1);
    assert!(locked(&notices.waiting).is_empty());
}
