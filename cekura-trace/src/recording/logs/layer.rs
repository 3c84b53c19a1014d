//! A layer around another, which sees each event with the id of its call and its turn. Invariant: an event outside any call, of which
//! nothing is redacted, is passed on as it is.

use super::here::{Here, Known};
use super::json::shown;
use crate::call::used;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::sync::{LazyLock, PoisonError, RwLock};
use tracing::callsite::Identifier;
use tracing::field::{DisplayValue, Field, FieldSet, Value, Visit, display};
use tracing::metadata::{Kind, LevelFilter};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Adds the fields `call_id` and `turn` to each event of a call before a layer gets it: for `opentelemetry-appender-tracing`, they become
/// attributes of OTLP logs, beside trace id and span id, which that layer finds by itself.
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// # let appender = tracing_subscriber::layer::Identity::new();
/// // let appender = opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge::new(&logger_provider);
/// let subscriber = tracing_subscriber::registry().with(cekura::logs::layer(appender));
/// # drop(subscriber);
/// ```
///
/// A field of the event that is called `call_id` or `turn` becomes `fields.call_id` or `fields.turn`. Where the handle redacts, so does
/// this layer, as [`json`](super::json()) does. An event of more than 60 fields is passed on as it is. A filter of the layer goes around the result:
/// `layer(appender).with_filter(…)`.
pub fn layer<L>(layer: L) -> WithCall<L> {
    used();
    WithCall { layer, known: Known::default() }
}

/// The layer that [`layer`] gives.
#[derive(Debug)]
#[must_use = "it sees nothing until it is added to a subscriber: `tracing_subscriber::registry().with(…)`"]
pub struct WithCall<L> {
    layer: L,
    known: Known,
}

/// The names of the fields that are added.
const ADDED: [&str; 2] = ["call_id", "turn"];
/// The most fields of an event, with those.
const MOST: usize = 62;

impl<S: Subscriber, L: Layer<S>> Layer<S> for WithCall<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (here, metadata) = (Here::now(&self.known), event.metadata());
        let is_plain = here.call.is_none() && !here.redacts();
        let own = metadata.fields();
        // Some layers make events of spans, whose fields are not those of the place in the code.
        if is_plain && ADDED.iter().all(|added| own.field(added).is_none())
            || !metadata.is_event()
            || own.len() + ADDED.len() > MOST
        {
            return self.layer.on_event(event, context);
        }
        let wide = wide(metadata);
        let mut values = Values { here: &here, kept: Vec::new() };
        event.record(&mut values);
        let call = here.call.as_ref().map(|call| Kept::Text(call.id().to_owned()));
        let added = [call, here.turn.map(Kept::I64)].into_iter().enumerate();
        values.kept.extend(added.filter_map(|(at, kept)| Some((own.len() + at, kept?))));
        let unused = (&wide.fields[0], None::<&dyn Value>);
        let set: [_; MOST] = std::array::from_fn(|at| match values.kept.get(at) {
            Some((field, kept)) => (&wide.fields[*field], Some(kept.value())),
            None => unused,
        });
        let fields = wide.metadata.fields().value_set(&set);
        let event = if event.is_contextual() {
            Event::new(&wide.metadata, &fields)
        } else {
            Event::new_child_of(event.parent().cloned(), &wide.metadata, &fields)
        };
        self.layer.on_event(&event, context);
    }

    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.layer.on_register_dispatch(subscriber);
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        self.layer.on_layer(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.layer.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.layer.enabled(metadata, context)
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        self.layer.event_enabled(event, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.layer.max_level_hint()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.layer.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.layer.on_record(id, values, context);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        self.layer.on_follows_from(id, follows, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.layer.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.layer.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.layer.on_close(id, context);
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.layer.on_id_change(old, new, context);
    }
}

/// A place in the code that writes to the log, with the fields that are added.
struct Wide {
    metadata: Metadata<'static>,
    fields: Vec<Field>,
}

/// That of a place, which `tracing` wants to live as long as the program does. There are as many as there are such places.
fn wide(narrow: &'static Metadata<'static>) -> &'static Wide {
    static ALL: LazyLock<RwLock<HashMap<Identifier, &'static Wide>>> = LazyLock::new(RwLock::default);
    let known = ALL.read().unwrap_or_else(PoisonError::into_inner).get(&narrow.callsite()).copied();
    known.unwrap_or_else(|| {
        let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(narrow.callsite()).or_insert_with(|| Box::leak(Box::new(Wide::new(narrow))))
    })
}

impl Wide {
    fn new(narrow: &'static Metadata<'static>) -> Self {
        let free = |field: Field| match field.name() {
            name if ADDED.contains(&name) => format!("fields.{name}").leak(),
            name => name,
        };
        let names: Vec<&'static str> = narrow.fields().iter().map(free).chain(ADDED).collect();
        let metadata = Metadata::new(
            narrow.name(),
            narrow.target(),
            *narrow.level(),
            narrow.file(),
            narrow.line(),
            narrow.module_path(),
            FieldSet::new(names.leak(), narrow.callsite()),
            Kind::EVENT,
        );
        let fields = metadata.fields().iter().collect();
        Self { metadata, fields }
    }
}

/// The values of an event, each with the place of its field.
struct Values<'a> {
    here: &'a Here,
    kept: Vec<(usize, Kept)>,
}

enum Kept {
    Bool(bool),
    Bytes(Box<[u8]>),
    Failure(Box<dyn Error + 'static>),
    F64(f64),
    I64(i64),
    I128(i128),
    /// What its own code shows.
    Shown(DisplayValue<String>),
    Text(String),
    U64(u64),
    U128(u128),
}

impl Kept {
    fn value(&self) -> &dyn Value {
        match self {
            Self::Bool(value) => value,
            Self::Bytes(value) => value,
            Self::Failure(value) => value,
            Self::F64(value) => value,
            Self::I64(value) => value,
            Self::I128(value) => value,
            Self::Shown(value) => value,
            Self::Text(value) => value,
            Self::U64(value) => value,
            Self::U128(value) => value,
        }
    }
}

impl Values<'_> {
    fn keep(&mut self, field: &Field, kept: Kept) {
        self.kept.push((field.index(), kept));
    }

    fn scalar(&mut self, field: &Field, value: impl Display, kept: Kept) {
        let redacted = self.here.scalar(field.name(), value);
        self.keep(field, redacted.map_or(kept, Kept::Text));
    }

    /// A text with what is personal in it replaced.
    fn redacted(&self, field: &Field, text: String) -> String {
        // Where a line of the crate `log` was written.
        let is_place = field.name().starts_with("log.");
        let redacted = if is_place { None } else { self.here.text(field.name(), &text) };
        redacted.unwrap_or(text)
    }
}

impl Visit for Values<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.scalar(field, value, Kept::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, value, Kept::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.scalar(field, value, Kept::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.scalar(field, value, Kept::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.scalar(field, value, Kept::U128(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.scalar(field, value, Kept::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.redacted(field, value.to_owned());
        self.keep(field, Kept::Text(text));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.keep(field, Kept::Bytes(value.into()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let (mut texts, mut source) = (Vec::new(), value.source());
        // An error may be its own source.
        while let Some(error) = source.filter(|_| texts.len() < MOST) {
            texts.push(self.redacted(field, shown(&display(error))));
            source = error.source();
        }
        let chain = |source, text| Some(Box::new(Failure { text, source }));
        let source = texts.into_iter().rev().fold(None, chain);
        let text = self.redacted(field, shown(&display(value)));
        self.keep(field, Kept::Failure(Box::new(Failure { text, source })));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = self.redacted(field, shown(value));
        self.keep(field, Kept::Shown(display(text)));
    }
}

/// An error that says what another one said.
#[derive(Debug)]
struct Failure {
    text: String,
    source: Option<Box<Failure>>,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
