//! The mistakes that people make first, each with what they read then: one table. Of those that the compiler finds, the whole
//! text stands in `ui`, which `ui.rs` compares.

use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::strangers::{BAD_REQUEST, HTTP_2, saying};
use std::process::Command;
use std::{fs, thread};

/// Where the mistake is seen.
enum Seen {
    /// By the compiler, in this file of `ui`.
    Compiler(&'static str),
    /// At the end, on standard error, with this protocol and this server.
    End(&'static str, Server),
    /// As an event, from this program with this argument.
    Event(&'static str, &'static str),
    /// At the start, with these variables.
    Start(&'static [(&'static str, &'static str)]),
}

enum Server {
    Absent,
    Encrypted,
    Grpc,
    Http,
    Plain,
    Refusing,
    WithoutSpans,
    /// Nobody whom the program trusts has signed its certificate.
    Unknown,
}

use Seen::{Compiler, End, Event, Start};

const KEY: (&str, &str) = ("CEKURA_API_KEY", "canary-key-123");
const AGENT: (&str, &str) = ("CEKURA_AGENT_ID", "7");

/// What was done, where it is seen, and the words that say what to do.
const MISTAKES: [(&str, Seen, &str); 50] = [
    (
        "id for call_id",
        Compiler("foreign/other_words"),
        "`conversation` has no argument `id`; write `call_id = expression`",
    ),
    (
        "voice_id for voice",
        Compiler("foreign/other_words"),
        "`tts` has no argument `voice_id`; write `voice = expression`",
    ),
    (
        "vendor for provider",
        Compiler("foreign/other_words"),
        "`tts` has no argument `vendor`; write `provider = expression`",
    ),
    (
        "the environment on a span",
        Compiler("foreign/other_words"),
        "`conversation` has no argument `environment`; remove it: say it once of the whole program, with `.environment(…)`",
    ),
    (
        "session for session_id",
        Compiler("foreign/other_words"),
        "`conversation` has no argument `session`; write `session_id = expression`",
    ),
    (
        "the prompt as input",
        Compiler("foreign/other_words"),
        "`llm` has no argument `input`; remove it: the function's arguments are recorded automatically",
    ),
    (
        "a capital letter",
        Compiler("foreign/other_words"),
        "`llm` has no argument `Model`; did you mean `model`?",
    ),
    (
        "a slip of the pen",
        Compiler("arguments/misspelt"),
        "`llm` has no argument `modle`; did you mean `model`?",
    ),
    ("model(\"x\")", Compiler("arguments/in_parentheses"), "write `model = expression`"),
    ("provider = openai", Compiler("expressions/without_quotes"), "`openai`"),
    ("#[cekura::llm = \"x\"]", Compiler("names/key_value"), "key-value macro attributes are not supported"),
    ("a model as a string", Compiler("names/key_value"), "write `model = \"gpt-4o\"`"),
    ("#[cekura::tool]", Compiler("names/misnamed"), "there is no `tool`: write `#[cekura::tool_call]`"),
    ("#[cekura::LLM]", Compiler("names/misnamed"), "there is no `LLM`: write `#[cekura::llm]`"),
    ("an attribute on main", Compiler("names/of_main"), "`main` runs before a handle is installed"),
    (
        "an argument in the closure",
        Compiler("closures/arguments"),
        "use its parameter only, or call `cekura::record` in the body",
    ),
    ("await in an argument", Compiler("expressions/await"), "await"),
    (
        "an argument of another attribute",
        Compiler("arguments/of_another_attribute"),
        "`llm` has no argument `voice`; it belongs to `tts`",
    ),
    (
        "observe on a turn",
        Compiler("arguments/observe"),
        "`turn` has no argument `observe`; it belongs to `conversation`",
    ),
    ("skip of what is not there", Compiler("skip/unknown"), "the function has no argument"),
    ("level of tracing", Compiler("foreign/tracing"), "remove it: every span is recorded"),
    ("ret of tracing", Compiler("foreign/tracing"), "the return value is recorded automatically"),
    ("%value of tracing", Compiler("foreign/sigils"), "remove `%`"),
    ("an impl block", Compiler("items/blocks"), "annotate the methods inside, not the `impl` block"),
    ("a const fn", Compiler("items/const_fn"), "a `const fn` cannot open a span"),
    ("two attributes", Compiler("items/two_attributes"), "one function has one span"),
    ("no handle", Event("without_handle", "never"), "call `cekura::init()` first"),
    ("let _ = install()", Event("without_handle", "dropped at once"), "`let _ = …` drops it at once"),
    ("build for install", Event("without_handle", "built"), "make the handle with `install()`"),
    ("no call log", Event("without_log", "nothing"), "#[cekura::conversation(observe)]"),
    (
        "no key",
        Start(&[AGENT]),
        "CEKURA_API_KEY is not set; Cekura's own endpoints need it (CEKURA_MODE=local does not)",
    ),
    ("no agent", Start(&[KEY]), "CEKURA_AGENT_ID or CEKURA_PROJECT_ID must be set with an API key"),
    (
        "agent 0",
        Start(&[KEY, ("CEKURA_AGENT_ID", "0")]),
        "CEKURA_AGENT_ID must be at least 1: copy it from Cekura's dashboard",
    ),
    (
        "a name for the agent",
        Start(&[KEY, ("CEKURA_AGENT_ID", "clinic")]),
        "CEKURA_AGENT_ID must be a whole number",
    ),
    (
        "a key with a line break",
        Start(&[("CEKURA_API_KEY", "canary\n"), AGENT]),
        "CEKURA_API_KEY must be visible ASCII without spaces or line breaks",
    ),
    (
        "a key in quotes",
        Start(&[("CEKURA_API_KEY", "\"canary\""), AGENT]),
        "CEKURA_API_KEY has quotes around its value: remove them",
    ),
    (
        "a mode that is none",
        Start(&[KEY, AGENT, ("CEKURA_MODE", "dev")]),
        "CEKURA_MODE must be `cloud`, `local` or `cloud,local`",
    ),
    (
        "OTLP's name for the protocol",
        Start(&[KEY, AGENT, ("CEKURA_PROTOCOL", "http/protobuf")]),
        "CEKURA_PROTOCOL must be `grpc` or `http`",
    ),
    (
        "the gRPC host with HTTP",
        Start(&[KEY, AGENT, ("CEKURA_PROTOCOL", "http"), ("CEKURA_OTEL_ENDPOINT", "https://otel.cekura.ai")]),
        "CEKURA_OTEL_ENDPOINT is Cekura's host for gRPC: remove it, or set CEKURA_PROTOCOL=grpc",
    ),
    (
        "a path with gRPC",
        Start(&[("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:4317/v1/traces")]),
        "CEKURA_OTEL_ENDPOINT has a path, which only the protocol `http` uses: remove the path",
    ),
    (
        "plain http to a collector",
        Start(&[("CEKURA_OTEL_ENDPOINT", "http://collector:4317")]),
        "CEKURA_OTEL_ENDPOINT is plain http to another machine: use https, or set CEKURA_ALLOW_INSECURE=true",
    ),
    (
        "the path of the API",
        Start(&[KEY, AGENT, ("CEKURA_API_URL", "https://api.cekura.ai/observability/v1/observe/")]),
        "CEKURA_API_URL must not have a path: Cekura's API is `https://api.cekura.ai`",
    ),
    (
        "nobody listens",
        End("grpc", Server::Absent),
        "start the server that should listen there, or check host and port in CEKURA_OTEL_ENDPOINT",
    ),
    (
        "gRPC to an HTTP server",
        End("grpc", Server::Http),
        "answered gRPC with HTTP: set CEKURA_PROTOCOL=http",
    ),
    ("HTTP to a gRPC server", End("http", Server::Grpc), "answered HTTP with gRPC: set CEKURA_PROTOCOL=grpc"),
    (
        "http:// for https://",
        End("grpc", Server::Encrypted),
        "speaks TLS only: write https:// in CEKURA_OTEL_ENDPOINT",
    ),
    ("https:// for http://", End("http", Server::Plain), "does not speak TLS"),
    (
        "an authority of one's own",
        End("http", Server::Unknown),
        "trust its authority with .root_certificate(pem)",
    ),
    (
        "a wrong path",
        End("http", Server::WithoutSpans),
        "check CEKURA_OTEL_ENDPOINT (also its path) and CEKURA_PROTOCOL",
    ),
    (
        "a collector that wants credentials",
        End("grpc", Server::Refusing),
        "set the credentials that it needs with .header(name, value)",
    ),
];

impl Server {
    /// Starts it, and runs a program against it.
    fn run(&self, protocol: &str) -> String {
        let status = |status, code| Backend::scripted(move |_, _| Reply::fail(status, code));
        let end = |url: &str| {
            let output =
                agent(&[("CEKURA_PROTOCOL", protocol), ("CEKURA_OTEL_ENDPOINT", url)]).output().unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        let encrypted = || Backend::encrypted(Authority::default().server("127.0.0.1"));
        match self {
            Self::Absent => end(&format!("http://{}", deserted())),
            Self::Encrypted => end(&encrypted().url().replace("https:", "http:")),
            Self::Grpc => end(&format!("http://{}", saying(HTTP_2))),
            Self::Http => end(&format!("http://{}", saying(BAD_REQUEST))),
            Self::Plain => end(&Backend::new().url().replace("http:", "https:")),
            Self::Refusing => end(&status(401, 16).url()),
            Self::WithoutSpans => end(&status(404, 12).url()),
            Self::Unknown => end(&encrypted().url()),
        }
    }
}

/// A program that sees these variables and no others.
fn agent(variables: &[(&str, &str)]) -> Command {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_plain_agent"));
    agent.env_clear().envs(variables.iter().copied());
    agent
}

fn said(seen: &Seen) -> String {
    match seen {
        Compiler(file) => {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/tests/ui");
            fs::read_to_string(format!("{folder}/{file}.stderr")).unwrap()
        }
        End(protocol, server) => server.run(protocol),
        Event(program, how) => {
            let backend = Backend::new();
            let url = backend.url();
            let mut program = match *program {
                "without_log" => Command::new(env!("CARGO_BIN_EXE_without_log")),
                _ => Command::new(env!("CARGO_BIN_EXE_without_handle")),
            };
            String::from_utf8(program.args([*how, &url, &url]).output().unwrap().stdout).unwrap()
        }
        Start(variables) => {
            let output = agent(variables).output().unwrap();
            assert!(!output.status.success(), "it starts: {variables:?}");
            String::from_utf8(output.stdout).unwrap()
        }
    }
}

#[test]
fn each_of_fifty_mistakes_says_what_to_do() {
    let wrong: Vec<_> = thread::scope(|scope| {
        let check = |(what, seen, words): &(&str, Seen, &str)| {
            let said = said(seen);
            let is_good = said.contains(words) && !said.contains("canary");
            (!is_good).then(|| format!("{what}: {words}\n{said}"))
        };
        let halves = MISTAKES.chunks(MISTAKES.len() / 4 + 1);
        let halves =
            halves.map(|half| scope.spawn(move || half.iter().filter_map(check).collect::<Vec<_>>()));
        halves.collect::<Vec<_>>().into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What a person reads who asks: of each mistake that is found at the start, the same words.
#[test]
fn the_doctor_says_the_same_of_each_setting() {
    let starts = MISTAKES.iter().filter_map(|(_, seen, words)| match seen {
        Start(variables) => Some((variables, words)),
        _ => None,
    });
    for (variables, words) in starts {
        let output = agent(variables).arg("doctor").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains(&format!("configuration: {words}")) && !said.contains("canary"),
            "{words}\n{said}"
        );
    }
}
