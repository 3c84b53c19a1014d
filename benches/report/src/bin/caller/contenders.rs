//! The contenders: what a row is called, which program it runs.

/// A row, and a contender of a program.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// Its name in that program.
    pub(crate) inside: &'static str,
    pub(crate) what: &'static str,
}

impl Contender {
    /// The name of what it is compared with: opentelemetry by hand over the same transport.
    pub(crate) fn reference(&self) -> &'static str {
        if self.inside.ends_with("-http") { "otel-http" } else { "otel-grpc" }
    }

    /// Whether it has anything to send.
    pub(crate) fn is_on(&self) -> bool {
        self.inside != "plain" && !self.inside.ends_with("-off")
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.inside.starts_with("cekura")
    }

    /// Whether it is built with other features than the default ones.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.is_ours() && self.program != "ours"
    }
}

const fn row(
    name: &'static str,
    program: &'static str,
    inside: &'static str,
    what: &'static str,
) -> Contender {
    Contender { name, program, inside, what }
}

pub(crate) const CONTENDERS: [Contender; 22] = [
    row("plain", "ours", "plain", "no instrumentation"),
    row("otel-grpc", "peers", "otel-grpc", "opentelemetry by hand, batch processor, stock exporter"),
    row("otel-http", "peers", "otel-http", "the same over HTTP"),
    row("cekura-grpc", "ours", "cekura-grpc", "#[cekura::span] with the same four span attributes"),
    row("cekura-http", "ours", "cekura-http", "the same over HTTP"),
    row("cekura-no-grpc", "ours-no-grpc", "cekura-http", "cekura-http without the feature `grpc`"),
    row("cekura-no-http", "ours-no-http", "cekura-grpc", "cekura-grpc without the feature `http`"),
    row("cekura-no-local", "ours-no-local", "cekura-grpc", "cekura-grpc without the feature `local`"),
    row("cekura-no-ring", "ours-no-ring", "cekura-grpc", "cekura-grpc without the feature `ring`"),
    row(
        "cekura-llm",
        "ours",
        "cekura-llm",
        "#[cekura::llm(provider, model, output_tokens)], which records arguments too",
    ),
    row("cekura-llm-metadata", "ours", "cekura-llm-metadata", "the same with the content policy off"),
    row(
        "cekura-tool",
        "ours",
        "cekura-tool",
        "#[cekura::tool_call], which records arguments and result as JSON",
    ),
    row("cekura-tool-metadata", "ours", "cekura-tool-metadata", "the same with the content policy off"),
    row("tracing", "peers", "tracing", "#[tracing::instrument] and tracing-opentelemetry"),
    row("tracing-lean", "peers", "tracing-lean", "without location, threads, target, level and inactivity"),
    row("fastrace", "peers", "fastrace", "#[fastrace::trace(properties)]"),
    row("fastrace-hand", "peers", "fastrace-hand", "fastrace by hand, without format!"),
    row("otel-instrument", "peers", "otel-instrument", "#[otel_instrument::instrument]"),
    row("cekura-off", "ours", "cekura-off", "#[cekura::span] where nothing was installed"),
    row("tracing-off", "peers", "tracing-off", "#[tracing::instrument] without a subscriber"),
    row("fastrace-off", "peers", "fastrace-off", "#[fastrace::trace] without a root"),
    row("otel-off", "peers", "otel-off", "opentelemetry by hand without a tracer provider"),
];
