//! The attributes, re-exported from the macro crate with their documentation. This file has no code.

/// One call: the root span of a trace, with everything that runs inside.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `call_id = expr` | `call_id` and `conversation.id`; without it `conversation.id` is the carrier's call SID or the trace id |
/// | `user_id = expr` | `user.id`: who calls, an id of your own |
/// | `session_id = expr` | `session.id` and `gen_ai.conversation.id`: the session that the conversation is a part of |
/// | `trace_id_from = expr` | the trace id is the first 16 bytes of the SHA-256 of this text, such as the carrier's call SID, which is also the call's id unless `call_id` is given |
/// | `capture = CaptureContent::…` | the content policy of this conversation |
/// | `link_headers = expr` | a link to the span named by W3C headers from the caller's process: a `HashMap<String, String>`, an `http::HeaderMap`, or a reference to an `Extractor` |
/// | `run = expr` | `cekura.run.id`, `cekura.scenario.id`, `cekura.result.id`: the simulation run that the call belongs to, a [`Run`](crate::Run) |
/// | `operation = expr` | `gen_ai.operation.name`, such as `invoke_agent` |
/// | `client = handle` | sends everything inside to this handle, made with `build`, for several agents in one process |
/// | `observe` | posts a [call log](crate::CallLog) when the conversation ends, in whatever way it ends; its spans write the transcript |
/// | `observe = manual` | the same, with a transcript of what the program notes only |
///
/// `conversation.type` is always `"voice"`. If a span is current when the conversation starts, the conversation
/// links to it. A conversation inside an open one (a handoff between agents) is an ordinary child span and
/// shares the call log of the outer one. The transcript of the call log is made of its spans: what `stt`
/// understood, what `tts` and `s2s` spoke, which tools ran; of speech that was interrupted, the spans of which
/// audio came, or the words that [`spoken`](crate::Turn::spoken) was told of. The policy `Metadata` leaves it
/// empty. [`Conversation`](crate::Conversation) takes corrections, metadata, and why the call ended. The `call_id` is the id of the call log, so give one
/// together with `observe`.
///
/// The conversation ends when its function returns. Anything that was carried out of it with
/// [`context::carry`](crate::context::carry) keeps it open: a message until it is taken or dropped, a future
/// until it is polled, a stream until it is over. [`spawn`](crate::spawn()) does not keep it open. A span that
/// is still open in another task belongs to the call and arrives when it ends. The call log waits for such
/// spans up to its deadline; after that it is posted without the trace id.
/// [`finish`](crate::spans::Guard::finish), on a conversation begun by hand, ends all spans that are open.
///
/// Inside an open conversation `client` has no effect, and `capture` can only make the policy stricter. If the
/// id becomes known with the first message, set it with [`set_call_id`](crate::Conversation::set_call_id).
///
/// Outside a conversation, the other attributes make traces of their own. A warning says so, once for each
/// place in the code, except for `span`.
///
/// ```
/// #[cekura::conversation(call_id = id)]
/// async fn handle_call(id: &str) -> Result<(), std::io::Error> {
///     // turns run here
///     Ok(())
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(handle_call("call-42")));
/// # assert_eq!(trace.span("conversation").unwrap().text("call_id"), Some("call-42"));
/// ```
pub use cekura_trace_macros::conversation;

/// One exchange between the caller and the agent.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `number = expr` | `turn.number`, an integer; without it, turns are counted from 1 in each conversation |
///
/// `turn.was_interrupted` says whether the caller barged in: the turn, or an `llm`, `tts` or `s2s` in it, was
/// dropped before its end, or an answer of a realtime session in it was cut off.
/// `turn.user_bot_latency_seconds` is the time from the moment the caller stopped speaking to the first audio
/// of the answer, in seconds. [`Turn::user_stopped`](crate::Turn::user_stopped) and
/// [`Turn::first_audio`](crate::Turn::first_audio) set these moments; otherwise they come from the turn's
/// spans. The attributes `turn.latency.…_seconds` say what that time, the voice-to-voice latency, went into, and add up to it.
/// `turn.duration_seconds` is the length of the turn.
///
/// ```
/// #[cekura::turn]
/// async fn turn(audio: &[i16]) {
///     // hear, think, speak
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(turn(&[0; 8])));
/// # assert!(trace.span("turn").unwrap().attribute("input.audio.len").is_some());
/// ```
pub use cekura_trace_macros::turn;

/// Speech to text.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `provider = expr` | `stt.provider`, `gen_ai.provider.name` |
/// | `model = expr` | `gen_ai.request.model` |
/// | `transcript = expr` | `stt.transcript` |
/// | `confidence = expr` | `stt.confidence`, 0 to 1 |
/// | `language = expr` | `language` |
/// | `is_final = expr` | `is_final` |
/// | `operation = expr` | `gen_ai.operation.name` |
///
/// A returned string is the transcript. In responses of Deepgram, Whisper and similar services, the transcript,
/// confidence and language are found automatically. In a [stream](crate::guide::streams) of such responses, an interim
/// transcript is replaced by the next one, and final ones are joined. Plain strings are joined as they come.
/// So is `transcript = |event| …`, unless `is_final = |event| …` says of each item which of the two it is.
///
/// ```
/// struct Heard { text: String, sure: f32 }
///
/// #[cekura::stt(provider = "deepgram", model = "nova-3", transcript = |heard| &heard.text, confidence = |heard| heard.sure)]
/// async fn transcribe(audio: &[u8]) -> Result<Heard, std::io::Error> {
///     // …
/// #   Ok(Heard { text: "book me in".into(), sure: 0.5 })
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(transcribe(&[0; 8])));
/// # assert_eq!(trace.span("stt").unwrap().text("stt.transcript"), Some("book me in"));
/// # assert_eq!(trace.span("stt").unwrap().attribute("stt.confidence"), Some(&0.5.into()));
/// ```
pub use cekura_trace_macros::stt;

/// A language model's answer.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `provider = expr` | `gen_ai.provider.name` and `gen_ai.system` |
/// | `model = expr` | `gen_ai.request.model` |
/// | `temperature = expr`, `max_tokens = expr` | `gen_ai.request.*` |
/// | `input_tokens = expr`, `output_tokens = expr` | `gen_ai.usage.*`, integers |
/// | `response_model = expr`, `response_id = expr` | `gen_ai.response.model`, `gen_ai.response.id` |
/// | `finish_reason = expr` | `gen_ai.response.finish_reasons` |
/// | `output = expr` | `output` |
/// | `operation = expr` | `gen_ai.operation.name`; `chat` unless given |
///
/// In responses of OpenAI, Anthropic, Gemini and Ollama, from any client crate, the tokens, model, id, finish
/// reasons and text are found automatically if the type implements `Serialize`. Of any other return value, a
/// string is the output, and so is the JSON of a value that implements `Serialize`.
///
/// ```
/// struct Agent { model: String }
///
/// impl Agent {
///     #[cekura::llm(provider = "openai", model = self.model)]
///     async fn answer(&self, question: &str) -> Option<String> {
///         // …
/// #       Some(format!("{question}!"))
///     }
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let agent = Agent { model: "gpt-4o".into() };
/// # let trace = cekura::testing::capture(|| runtime.block_on(agent.answer("ready")));
/// # assert_eq!(trace.span("llm").unwrap().text("output"), Some("ready!"));
/// # assert_eq!(trace.span("llm").unwrap().text("gen_ai.request.model"), Some("gpt-4o"));
/// ```
///
/// # Failures
///
/// An `Err` makes the span an error. So does an `Err` inside an `Ok`, which a time limit around a `Result`
/// gives. The span's error text is the error's `Display`, followed by the texts of its sources that it does not
/// contain already, separated by `: `. Without `Display` it is the error's `Debug`, and without both the name
/// of its type.
///
/// `error.type` is the name of the error's type. For a `Box<dyn Error>` it is the type in the box if that is an
/// error of the standard library, otherwise `dyn Error`. For an `anyhow::Error` it may also be the type of the
/// first cause.
///
/// If a plain value stands for a failure, `error` says so:
///
/// ```
/// struct Reply { status: u16, text: String }
///
/// #[cekura::llm(error = |reply| (reply.status != 200).then_some(&reply.text))]
/// fn ask(prompt: &str) -> Reply {
///     // …
/// #   Reply { status: 429, text: format!("no answer to {prompt}") }
/// }
/// # let trace = cekura::testing::capture(|| ask("hello"));
/// # let span = trace.span("llm").unwrap();
/// # assert!(span.is_error());
/// # assert_eq!(span.error(), "no answer to hello");
/// # assert_eq!(span.text("error.type"), Some("alloc::string::String"));
/// ```
///
/// # The generated code
///
/// Every attribute turns the body of a function into one call, which contains the body as it was written:
///
/// ```
/// # struct Client;
/// # struct Agent { model: String, client: Client }
/// # struct Reply { text: String }
/// # type Error = std::io::Error;
/// # impl Client {
/// #     fn ask(&self, prompt: &str) -> Result<Reply, Error> { Ok(Reply { text: prompt.to_uppercase() }) }
/// # }
/// # impl Agent {
/// #[cekura::llm(provider = "openai", model = self.model, output = |reply| &reply.text)]
/// fn ask(&self, prompt: &str) -> Result<Reply, Error> {
///     self.client.ask(prompt)
/// }
/// # }
/// ```
///
/// becomes
///
/// ```
/// # struct Client;
/// # struct Agent { model: String, client: Client }
/// # struct Reply { text: String }
/// # type Error = std::io::Error;
/// # impl Client {
/// #     fn ask(&self, prompt: &str) -> Result<Reply, Error> { Ok(Reply { text: prompt.to_uppercase() }) }
/// # }
/// # impl Agent {
/// fn ask(&self, prompt: &str) -> Result<Reply, Error> {
///     static __CALLSITE: &::cekura::__private::Callsite = &::cekura::__private::Callsite::llm(
///         "ask",
///         ::core::concat!(::core::module_path!(), "::ask"),
///     );
///     __CALLSITE
///         .open(|__sp| {
///             __sp.argument("prompt", __CALLSITE.of(&prompt).__get());
///             __sp.provider(__CALLSITE.of(&"openai").__get());
///             __sp.model(__CALLSITE.of(&self.model).__get());
///         })
///         .run(
///             move || -> Result<Reply, Error> {
///                 let prompt = prompt;
///                 { self.client.ask(prompt) }
///             },
///             |__sp, __ret| {
///                 let __out = __sp.__outcome(__ret).__get().__error().__error();
///                 let __sp = __sp.end(__out).__items().__error();
///                 __sp.__record(|__sp, __ret| {
///                     __sp.returned(__CALLSITE.of(__ret).__get());
///                     let __val = __CALLSITE.apply(__ret, |reply| &reply.text);
///                     __sp.output(__CALLSITE.of(&__val).__get());
///                 });
///             },
///         )
/// }
/// # }
/// # let agent = Agent { model: "gpt-4o".into(), client: Client };
/// # let trace = cekura::testing::capture(|| agent.ask("hello"));
/// # let span = trace.span("llm").unwrap();
/// # assert_eq!(span.text("input.prompt"), Some("hello"));
/// # assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o"));
/// # assert_eq!(span.text("output"), Some("HELLO"));
/// ```
///
/// * `open` runs its closure only if something records: when tracing is off, no argument is looked at.
/// * `of(…).__get()` chooses by type what can be recorded of a value. `__outcome(…).__get()` chooses by type
///   whether the function failed. Each `__error()` chooses how an error is shown: the function's error, an
///   error inside its `Ok`, and an error among a stream's items. No trait is imported into the body, and no
///   trait of yours can interfere: each method is an inherent one, or has a name that nobody else uses.
/// * `run` makes the span current while the body runs, and ends it in whatever way the body ends.
/// * The arguments are bound again inside, in their order. So they are dropped as without the attribute, and
///   the compiler warns of unused ones as without it. An argument whose pattern leaves a part out (`_`, `..`)
///   gets a generated name in the signature and is destructured inside. If an expression of the attribute uses
///   a name of such a pattern, the signature stays as it is, and the part that the pattern leaves out is
///   dropped after all other arguments.
///
/// For an `async fn` the body is a future, `async move { … }`, which is polled in the span. For a stream, the
/// last closure is kept and runs for each item. A plain `impl Stream` needs one more call, which gives the
/// stream room for its span. A function that returns `impl Fn…` keeps its body in place, so that the types of
/// the closure's parameters can be inferred. In an `async fn`, the body goes through a function that declares
/// them. There the closure must write its types if they name a type parameter, if a method names a type of
/// yours without its path (which may be a type parameter), or if the closure is given by `return`.
/// `cargo expand` shows the code of your own crate. This command shows it too, with nothing installed:
///
/// ```sh
/// RUSTC_BOOTSTRAP=1 cargo rustc --lib --profile=check -- -Zunpretty=expanded
/// ```
///
/// # Lints
///
/// An annotated function causes no new warning of the compiler or of clippy. Some lints no longer fire, because
/// they look at the whole body of a function, and the body now stands inside another one: clippy's
/// `boxed_local`, `cognitive_complexity`, `implicit_return`, `manual_async_fn`, `missing_const_for_fn`,
/// `needless_lifetimes`, `needless_pass_by_value`, `needless_return` (at the end of the body), `ptr_arg` (for
/// an argument that is recorded), `unnecessary_wraps` and `unused_async`; rustc's `unconditional_recursion`,
/// and `unused_assignments` in methods that take `mut self`. For these lints `#[expect(…)]` is reported as not
/// fulfilled: write `#[allow(…)]` instead.
pub use cekura_trace_macros::llm;

/// Text to speech.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `provider = expr` | `tts.provider`, `gen_ai.provider.name` |
/// | `model = expr` | `gen_ai.request.model` |
/// | `voice = expr` | `voice_id` |
/// | `text = expr` | `text`, and its Unicode scalar values counted as `tts.characters` |
/// | `characters = expr` | `tts.characters` |
/// | `input_tokens = expr`, `output_tokens = expr` | `gen_ai.usage.*`, integers |
/// | `operation = expr` | `gen_ai.operation.name` |
///
/// Without `text`, the text is the function's only string argument. For returned audio, `output.len` is the
/// number of elements in the buffer.
///
/// The text may also arrive as a stream, sentence by sentence while the model still writes. It is joined and
/// counted while the function, or the stream that it returns, reads it. An argument is such a stream if its
/// type in the signature is `impl Stream<Item = …>`, `BoxStream`, `LocalBoxStream`,
/// `Pin<Box<dyn Stream<Item = …>>>` or `Box<dyn Stream<Item = …> + Unpin>`, with items of type `String`,
/// `&str`, `Cow<str>`, `Box<str>` or `Arc<str>`, or a `Result` of one of these. String arguments beside such a
/// stream are ordinary arguments. If there are two such streams, `text = name` says which one is the text;
/// without it, none of them is.
///
/// ```
/// use futures::{Stream, StreamExt, stream};
///
/// #[cekura::tts(provider = "cartesia", voice = voice)]
/// fn speak(sentences: impl Stream<Item = String>, voice: &str) -> impl Stream<Item = Vec<i16>> {
///     sentences.map(|sentence| vec![0; 80 * sentence.len()]) // …
/// }
/// # let sentences = stream::iter(["At ten. ", "At four."]).map(str::to_owned);
/// # let trace = cekura::testing::capture(|| futures::FutureExt::now_or_never(speak(sentences, "ana").count()));
/// # let tts = trace.span("tts").unwrap();
/// # assert_eq!(tts.text("text"), Some("At ten. At four."));
/// # assert_eq!(tts.attribute("tts.characters"), Some(&16.into()));
/// # assert_eq!(tts.text("input.voice"), Some("ana"));
/// ```
///
/// A stream behind a type parameter (`S: Stream<…>`), a named type or a channel is not recognised. Inside such
/// a function, report the text with [`cekura::current().text(part)`](crate::CurrentSpan::text).
///
/// ```
/// #[cekura::tts(provider = "cartesia", voice = "ana")]
/// async fn speak(sentence: &str) -> Vec<i16> {
///     // …
/// #   vec![0; 80]
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(speak("hello")));
/// # assert_eq!(trace.span("tts").unwrap().attribute("tts.characters"), Some(&5.into()));
/// # assert_eq!(trace.span("tts").unwrap().attribute("output.len"), Some(&80.into()));
/// ```
pub use cekura_trace_macros::tts;

/// Speech to speech: a realtime model that hears and speaks.
///
/// It takes the arguments of [`llm`] and finds the same values in a known response. Without
/// `operation` there is no `gen_ai.operation.name`.
///
/// ```
/// #[cekura::s2s(provider = "openai", model = "gpt-realtime")]
/// async fn respond(audio: &[i16]) -> String {
///     // …
/// #   "spoken".into()
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(respond(&[0; 8])));
/// # assert_eq!(trace.span("s2s").unwrap().text("output"), Some("spoken"));
/// ```
pub use cekura_trace_macros::s2s;

/// One run of a tool.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `name = expr` | `function.name`, `gen_ai.tool.name` (default: the function's name) |
/// | `id = expr` | `gen_ai.tool.call.id` |
/// | `operation = expr` | `gen_ai.operation.name`; `execute_tool` unless given |
/// | `arguments = expr` | `function.input`, `gen_ai.tool.call.arguments`, in place of the function's own arguments |
///
/// The function's arguments are recorded as `function.input` (and `gen_ai.tool.call.arguments`), one JSON
/// object. The return value is recorded as `function.output` (and `gen_ai.tool.call.result`), always as JSON: a
/// string stands in quotes.
///
/// A function that runs whatever tool the model asks for gets the arguments in one piece; name them with
/// `arguments`. Text that is JSON is recorded as it is, other text as a JSON string, and any other value as the
/// JSON that it serialises to:
///
/// ```
/// struct ToolCall { name: String, arguments: String }
///
/// #[cekura::tool_call(name = call.name, arguments = call.arguments)]
/// fn dispatch(call: &ToolCall) -> Option<u8> {
///     // …
/// #   Some(9)
/// }
/// # let call = ToolCall { name: "find_slot".into(), arguments: r#"{"day":"tuesday"}"#.into() };
/// # let trace = cekura::testing::capture(|| dispatch(&call));
/// # let span = trace.span("tool_call").unwrap();
/// # assert_eq!(span.text("function.name"), Some("find_slot"));
/// # assert_eq!(span.text("function.input"), Some(r#"{"day":"tuesday"}"#));
/// ```
///
/// ```
/// #[cekura::tool_call]
/// async fn find_slot(day: &str, after: Option<u8>) -> Result<Vec<String>, std::io::Error> {
///     // …
/// #   Ok(vec![format!("{day} {}:00", after.unwrap_or(9))])
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let trace = cekura::testing::capture(|| runtime.block_on(find_slot("tuesday", Some(14))));
/// # let span = trace.span("tool_call").unwrap();
/// # assert_eq!(span.text("function.input"), Some(r#"{"day":"tuesday","after":14}"#));
/// # assert_eq!(span.text("function.output"), Some(r#"["tuesday 14:00"]"#));
/// ```
pub use cekura_trace_macros::tool_call;

/// Any other stage: a network request, a guardrail, the end-of-turn model.
///
/// | argument | |
/// | --- | --- |
/// | `name = expr` | the span's name (default: the function's name) |
/// | `operation = expr` | `gen_ai.operation.name`, such as `embeddings` or `retrieval` |
///
/// ```
/// #[cekura::span(record("guardrail.words" = text.split(' ').count()))]
/// fn guardrail(text: &str) -> bool {
///     !text.contains("password")
/// }
/// # let trace = cekura::testing::capture(|| guardrail("say the password"));
/// # let span = trace.span("guardrail").unwrap();
/// # assert_eq!(span.attribute("guardrail.words"), Some(&3.into()));
/// # assert_eq!(span.attribute("output"), Some(&false.into()));
/// ```
pub use cekura_trace_macros::span;
