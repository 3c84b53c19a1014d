//! The attributes come in from the macro crate, with their documentation they go out. This file has no code.

/// One call: a trace of its own, with everything that runs inside.
///
/// | argument | span attribute |
/// | --- | --- |
/// | `call_id = expr` | `call_id` and `conversation.id` (without it, the trace id stands for it) |
/// | `trace_id_from = expr` | the trace id becomes the first 16 bytes of the SHA-256 of this text, the carrier's call SID |
/// | `capture = CaptureContent::…` | the content policy of this conversation |
/// | `link_headers = expr` | W3C headers of the caller's process, a `HashMap<String, String>` or a reference to an `Extractor`, become a link |
/// | `client = handle` | everything inside goes to this handle, which `build` has made: several agents in one process |
/// | `observe` | the call gets a [call log](crate::CallLog), posted when the conversation ends, however it ends |
///
/// Always there: `conversation.type = "voice"`. A span that is current when a conversation starts becomes a link; a
/// conversation inside an open one (a handoff between agents) is an ordinary child span of it, and shares its call log.
/// What the call log says comes from [`Conversation`](crate::Conversation): its transcript, metadata, why it ended. Its id
/// is the `call_id`, so that one should be given.
///
/// The conversation ends when its function returns. What was carried out of it with
/// [`context::carry`](crate::context::carry) keeps its span open: until a message is taken or dropped, a future is polled, a
/// stream is over. [`spawn`](crate::spawn()) keeps nothing open: what still runs in other tasks belongs to the call and
/// arrives when it ends; a call log waits for it up to its deadline, and is posted without the trace id where it is not over
/// by then. [`finish`](crate::spans::Guard::finish), of a conversation by hand, ends what is open.
///
/// Inside an open conversation `client` has no effect, and `capture` only where it keeps less. The id that is known only from
/// the first message is set with [`set_call_id`](crate::Conversation::set_call_id).
///
/// Outside a conversation the other attributes make traces of their own; one warning for each place in the code says so, but
/// for `span`.
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
/// | `number = expr` | `turn.number`, an integer; without it, turns count up from 1 in each conversation |
///
/// `turn.was_interrupted` says whether the turn, or an `llm`, `tts` or `s2s` in it, was dropped before its end, or an answer
/// of a realtime session was cut off in it: the caller barged in. `turn.user_bot_latency_seconds` is the time from the moment the caller stopped speaking to the
/// first audio of the answer, in seconds: one measured value, of what [`Turn::user_stopped`](crate::Turn::user_stopped) and
/// [`Turn::first_audio`](crate::Turn::first_audio) say, else of what the turn's spans do. `turn.duration_seconds` is the
/// whole turn.
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
///
/// A returned string is the transcript. In responses of Deepgram, Whisper and the like, transcript, confidence and
/// language are found by themselves. Of a [stream](crate#streams) of them, an interim transcript is replaced by the next one
/// and final ones are joined; strings are put behind each other as they come.
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
///
/// In responses of OpenAI, Anthropic, Gemini and Ollama, whatever client crate they come from, tokens, model, id,
/// finish reasons and text are found by themselves when the type implements `Serialize`. Of anything else, a string is
/// the output, and so is the JSON of a value. `gen_ai.operation.name` is `chat`.
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
/// An `Err` makes the span an error, also one inside an `Ok`, as a time limit around a `Result` gives it. The text is the
/// error's `Display` and, with `: ` between, those of its sources that it does not say already; else its `Debug`; else the
/// name of its type. `error.type` is that name. Of a `Box<dyn Error>` it is what the box holds where that is an error of
/// the standard library, else `dyn Error`; of `anyhow::Error` it may also be the first cause. Where a value stands for a
/// failure, `error` says so:
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
/// Every attribute turns a function into one call, with the body in it as it was written:
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
/// * `open` calls its closure only where something records: when tracing is off, no argument is looked at.
/// * `of(…).__get()` and `__outcome(…).__get()` choose by type what can be recorded and whether the function failed; each
///   `__error()`, how an error is shown: that of the function, one inside its `Ok`, one of a stream's items. No trait
///   comes into the body's scope, and no trait of yours gets between: each method is one of the type that it is called
///   on, or has a name that nobody else has.
/// * `run` makes the span the current one for the body, and ends it however the body ends.
/// * Arguments are bound anew inside, in their order: they are dropped as without the attribute, and the compiler warns of
///   unused ones as it does without it. One whose pattern leaves something (`_`, `..`) has a name of ours in the signature
///   and is taken apart inside; where an expression of the attribute uses one of its names, the signature stays, and what
///   the pattern leaves is dropped after all other arguments.
///
/// An `async fn` has a future for its body, `async move { … }`, and polls it in the span. A stream keeps the last closure:
/// it then runs for each item. `impl Stream` alone needs one call more, which gives the stream room for its span. A
/// function that returns `impl Fn…` keeps its body where it is, so that the closure's parameters have their types; an
/// `async fn` that does so must write them. `cargo expand` shows the code of your own crate; so does, with nothing
/// installed:
///
/// ```sh
/// RUSTC_BOOTSTRAP=1 cargo rustc --lib --profile=check -- -Zunpretty=expanded
/// ```
///
/// # Lints
///
/// No lint of the compiler or of clippy is new at an annotated function. Some fall silent, for they look at the whole body
/// of a function, and the body now stands inside another: clippy's `boxed_local`, `cognitive_complexity`, `implicit_return`,
/// `manual_async_fn`, `missing_const_for_fn`, `needless_lifetimes`, `needless_pass_by_value`, `needless_return` (of the
/// body's own end), `ptr_arg` (of an argument that is recorded), `unnecessary_wraps` and `unused_async`; rustc's `unconditional_recursion`, and
/// `unused_assignments` in methods that take `mut self`. An `#[expect(…)]` of
/// one of these says that it is not fulfilled: write `#[allow(…)]`.
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
///
/// Without `text`, the only argument of the function that is a string is the text. Of returned audio, `output.len`
/// says how many elements the buffer has.
///
/// A text may also arrive as a stream, sentence by sentence while the model still writes: it is joined and counted as the
/// function, or the stream that it returns, reads it. An argument is such a text if its type says so in the signature:
/// `impl Stream<Item = …>`, `BoxStream`, `LocalBoxStream`, `Pin<Box<dyn Stream<Item = …>>>` or `Box<dyn Stream<Item = …> +
/// Unpin>` of `String`, `&str`, `Cow<str>`, `Box<str>` or `Arc<str>`, or of a `Result` of one of these. Strings beside it are
/// arguments as any other. Of two such streams `text = name` says which is the text, and without that neither is.
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
/// A type parameter (`S: Stream<…>`), a named type or a channel stays what it is; the function then tells of the text with
/// [`cekura::current().text(part)`](crate::CurrentSpan::text).
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
/// Takes the arguments of [`llm`], and finds the same in a known response; there is no `gen_ai.operation.name`.
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
/// | `arguments = expr` | `function.input`, `gen_ai.tool.call.arguments`, in place of the function's own arguments |
///
/// The function's arguments are `function.input` (and `gen_ai.tool.call.arguments`), one JSON object; what it gives
/// is `function.output` (and `gen_ai.tool.call.result`), JSON whatever its type: a string stands in quotes.
/// A function that runs whatever tool the model asks for has the arguments in one piece. Text that is JSON is recorded as
/// it is, other text as a JSON string, and any other value as the JSON that it serialises to:
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

/// Any other stage: network, a guardrail, the end-of-turn model.
///
/// | argument | |
/// | --- | --- |
/// | `name = expr` | the span's name (default: the function's name) |
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
