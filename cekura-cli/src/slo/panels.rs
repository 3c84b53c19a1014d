//! What the dashboard shows, as a table: rows of panels, each with its queries. Invariant: a query names metrics as a scrape has
//! them, and shows only the jobs that are chosen above the dashboard.

/// Panels under one heading.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What a reader may ask.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// As Grafana names it.
    pub(super) unit: &'static str,
    /// Each with the text of its legend.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

/// How it is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Buckets over time, as colours.
    Heatmap,
    Lines,
    /// The newest number.
    Number,
}

macro_rules! panel {
    ($kind:ident, $unit:literal, $title:literal, $about:literal, $([$query:expr, $legend:literal]),+ $(,)?) => {
        Panel { title: $title, about: $about, kind: Kind::$kind, unit: $unit, queries: &[$(($query, $legend)),+] }
    };
}

/// A quantile of a histogram.
macro_rules! quantile {
    ($share:literal, $by:literal, $name:literal) => {
        concat!(
            "histogram_quantile(",
            $share,
            ", sum by (",
            $by,
            ") (rate(",
            $name,
            "_bucket{job=~\"$job\"}[$__rate_interval])))"
        )
    };
}

/// How many a second, by a label.
macro_rules! rate {
    ($by:literal, $name:literal) => {
        rate!($by, $name, "")
    };
    ($by:literal, $name:literal, $filter:literal) => {
        concat!("sum by (", $by, ") (rate(", $name, "{job=~\"$job\"", $filter, "}[$__rate_interval]))")
    };
}

/// `LATENCY` stands for the bound of the target.
pub(super) const ROWS: &[Row] = &[
    Row {
        title: "Objectives",
        panels: &[
            panel!(
                Number,
                "percentunit",
                "Budget left",
                "Of the failures that 30 days allow.",
                ["min by (slo) (slo:error_budget:remaining30d{job=~\"$job\"})", "{{slo}}"]
            ),
            panel!(
                Lines,
                "percentunit",
                "Failed events, within an hour",
                "What the pages look at.",
                ["max by (slo) (slo:error_ratio:rate1h{job=~\"$job\"})", "{{slo}}"]
            ),
            panel!(
                Number,
                "short",
                "Open calls",
                "Calls that run now.",
                ["sum(voice_calls_open{job=~\"$job\"})", "calls"]
            ),
        ],
    },
    Row {
        title: "What the caller hears",
        panels: &[
            panel!(
                Lines,
                "s",
                "Voice-to-voice latency: from the caller's last word to the agent's first audio",
                "The objective counts these.",
                [quantile!("0.5", "le", "turn_user_bot_latency_seconds"), "p50"],
                [quantile!("0.95", "le", "turn_user_bot_latency_seconds"), "p95"]
            ),
            panel!(
                Lines,
                "percentunit",
                "Answers within LATENCY s",
                "Of the answers in this moment.",
                [
                    "sum(rate(turn_user_bot_latency_seconds_bucket{job=~\"$job\", le=\"LATENCY\"}[$__rate_interval])) \
                  / sum(rate(turn_user_bot_latency_seconds_count{job=~\"$job\"}[$__rate_interval]))",
                    "in time"
                ]
            ),
            panel!(
                Heatmap,
                "s",
                "All answers",
                "Each dot leads to a trace.",
                [
                    "sum by (le) (increase(turn_user_bot_latency_seconds_bucket{job=~\"$job\"}[$__rate_interval]))",
                    "{{le}}"
                ]
            ),
            panel!(
                Lines,
                "short",
                "Interruptions a second",
                "Spans that were dropped before their end, such as at barge-in.",
                [rate!("stage", "voice_interruptions_total"), "{{stage}}"]
            ),
        ],
    },
    Row {
        title: "Calls",
        panels: &[
            panel!(
                Lines,
                "short",
                "Calls that end a second",
                "By how they ended.",
                [rate!("outcome", "voice_calls_total"), "{{outcome}}"]
            ),
            panel!(
                Lines,
                "s",
                "How long calls take",
                "",
                [quantile!("0.5", "le", "voice_call_duration_seconds"), "p50"],
                [quantile!("0.95", "le", "voice_call_duration_seconds"), "p95"]
            ),
            panel!(
                Lines,
                "short",
                "Turns of a call",
                "",
                [quantile!("0.5", "le", "voice_call_turns"), "p50"],
                [quantile!("0.95", "le", "voice_call_turns"), "p95"]
            ),
            panel!(
                Lines,
                "short",
                "Scores",
                "The mean of what the program says of its calls.",
                [
                    "sum by (score) (rate(voice_call_score_sum{job=~\"$job\"}[$__rate_interval])) \
                  / sum by (score) (rate(voice_call_score_count{job=~\"$job\"}[$__rate_interval]))",
                    "{{score}}"
                ]
            ),
        ],
    },
    Row {
        title: "Stages",
        panels: &[
            panel!(
                Lines,
                "s",
                "How long stages take, p95",
                "",
                [quantile!("0.95", "le, stage", "stage_duration_seconds"), "{{stage}}"]
            ),
            panel!(
                Lines,
                "short",
                "Errors a second",
                "By stage and kind of error.",
                [rate!("stage, error_type", "stage_errors_total"), "{{stage}} {{error_type}}"]
            ),
            panel!(
                Lines,
                "s",
                "Turns, p95",
                "With their play-out.",
                [quantile!("0.95", "le, outcome", "turn_duration_seconds"), "{{outcome}}"]
            ),
            panel!(
                Lines,
                "s",
                "Speech recognition, p95",
                "",
                [
                    quantile!(
                        "0.95",
                        "le, gen_ai_provider_name, gen_ai_request_model",
                        "stt_duration_seconds"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
            panel!(
                Lines,
                "s",
                "Language model: first token, p95",
                "",
                [
                    quantile!(
                        "0.95",
                        "le, gen_ai_provider_name, gen_ai_request_model",
                        "llm_first_token_seconds"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
            panel!(
                Lines,
                "s",
                "Language model: whole answer, p95",
                "",
                [
                    quantile!(
                        "0.95",
                        "le, gen_ai_provider_name, gen_ai_request_model",
                        "llm_duration_seconds"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
            panel!(
                Lines,
                "s",
                "Speech synthesis: first audio, p95",
                "",
                [
                    quantile!(
                        "0.95",
                        "le, gen_ai_provider_name, gen_ai_request_model",
                        "tts_first_byte_seconds"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
            panel!(
                Lines,
                "s",
                "Speech synthesis: whole speech, p95",
                "",
                [
                    quantile!(
                        "0.95",
                        "le, gen_ai_provider_name, gen_ai_request_model",
                        "tts_duration_seconds"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
            panel!(
                Lines,
                "s",
                "Speech to speech, p95",
                "First chunk, and whole answer.",
                [
                    quantile!("0.95", "le, gen_ai_request_model", "s2s_first_chunk_seconds"),
                    "first chunk {{gen_ai_request_model}}"
                ],
                [
                    quantile!("0.95", "le, gen_ai_request_model", "s2s_duration_seconds"),
                    "answer {{gen_ai_request_model}}"
                ]
            ),
        ],
    },
    Row {
        title: "Tools and guardrails",
        panels: &[
            panel!(
                Lines,
                "s",
                "How long tools take, p95",
                "",
                [quantile!("0.95", "le, function_name", "tool_call_duration_seconds"), "{{function_name}}"]
            ),
            panel!(
                Lines,
                "short",
                "Tool errors a second",
                "",
                [
                    rate!("function_name", "tool_call_duration_seconds_count", ", outcome=\"error\""),
                    "{{function_name}}"
                ]
            ),
            panel!(
                Lines,
                "short",
                "Guardrails a second",
                "What they have looked at.",
                [rate!("guardrail, verdict", "guardrail_checks_total"), "{{guardrail}} {{verdict}}"]
            ),
        ],
    },
    Row {
        title: "Use",
        panels: &[
            panel!(
                Lines,
                "short",
                "Tokens a second",
                "",
                [
                    rate!("gen_ai_request_model, gen_ai_token_type", "gen_ai_client_token_usage_sum"),
                    "{{gen_ai_request_model}} {{gen_ai_token_type}}"
                ]
            ),
            panel!(
                Lines,
                "short",
                "Requests to models a second",
                "",
                [
                    rate!(
                        "gen_ai_provider_name, gen_ai_operation_name",
                        "gen_ai_client_operation_duration_seconds_count"
                    ),
                    "{{gen_ai_provider_name}} {{gen_ai_operation_name}}"
                ]
            ),
            panel!(
                Lines,
                "short",
                "Spoken characters a second",
                "",
                [
                    rate!("gen_ai_provider_name, gen_ai_request_model", "tts_characters_total"),
                    "{{gen_ai_provider_name}} {{gen_ai_request_model}}"
                ]
            ),
        ],
    },
    Row {
        title: "The tracing itself",
        panels: &[
            panel!(
                Lines,
                "short",
                "Spans a second",
                "Accepted ones are to be delivered soon.",
                ["sum(rate(cekura_spans_accepted_total{job=~\"$job\"}[$__rate_interval]))", "accepted"],
                ["sum(rate(cekura_spans_delivered_total{job=~\"$job\"}[$__rate_interval]))", "delivered"]
            ),
            panel!(
                Lines,
                "short",
                "Lost spans a second",
                "By reason.",
                [rate!("reason", "cekura_spans_dropped_total"), "{{reason}}"]
            ),
            panel!(
                Lines,
                "bytes",
                "Memory in use",
                "Of the memory limit.",
                ["sum by (instance) (cekura_queue_bytes{job=~\"$job\"})", "{{instance}}"]
            ),
            panel!(
                Lines,
                "short",
                "Values without a series of their own",
                "Above zero, a label has too many values.",
                ["sum(rate(cekura_metrics_overflows_total{job=~\"$job\"}[$__rate_interval]))", "values"]
            ),
        ],
    },
];
