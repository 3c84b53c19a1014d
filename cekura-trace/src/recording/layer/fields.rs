//! Reads the fields of a `tracing` span. Invariant: each goes to the span attribute of its name, and code of the program's that shows
//! a value may panic.

use crate::recording::attributes::Attributes;
use crate::recording::failure::described;
use crate::recording::value::{Samples, Value, clipped};
use opentelemetry::trace::Status;
use std::error::Error;
use std::fmt::Debug;
use tracing::field::{Field, Visit};

/// What is set on a span once its fields are written.
#[derive(Default)]
pub(super) struct Fields {
    /// Another name.
    pub(super) name: Option<String>,
    pub(super) status: Named,
    /// What was said; the last one counts.
    pub(super) texts: Vec<(&'static str, String)>,
}

/// A status as tracing-opentelemetry names it in fields.
#[derive(Default)]
pub(super) struct Named {
    code: Option<String>,
    description: Option<String>,
}

impl Named {
    pub(super) fn into_status(self) -> Option<Status> {
        let Self { code, description } = self;
        match code.map(|code| code.to_ascii_lowercase()).as_deref() {
            Some("ok") => Some(Status::Ok),
            Some("error") => Some(Status::error(description.unwrap_or_default())),
            Some(_) => None,
            None => description.map(Status::error),
        }
    }
}

impl Fields {
    /// Writes fields where those of a span stand. `is_new` says that the span is about to begin.
    pub(super) fn write(&mut self, said: &mut Attributes, is_new: bool, visit: impl FnOnce(&mut dyn Visit)) {
        visit(&mut Visitor { fields: self, said, is_new });
    }
}

struct Visitor<'a> {
    fields: &'a mut Fields,
    said: &'a mut Attributes,
    is_new: bool,
}

impl Visitor<'_> {
    fn field(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        let limit = self.said.limit;
        let text = |value: &Value<'_>| clipped(value, limit.saturating_add(1)).map(|text| text.into_owned());
        // Those that tracing-opentelemetry knows.
        match name {
            "otel.kind" => {}
            "otel.name" => self.fields.name = text(&value),
            "otel.status_code" => self.fields.status.code = text(&value),
            "otel.status_description" | "otel.status_message" => {
                self.fields.status.description = text(&value);
            }
            _ if self.said.is_said(name) => {
                self.fields.texts.extend(text(&value).map(|text| (name, text)));
            }
            _ => self.said.field(name, value, self.is_new),
        }
    }
}

impl Visit for Visitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, Value::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, i64::try_from(value).map_or(Value::Serialize(&value), Value::I64));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.field(field, i64::try_from(value).map_or(Value::Serialize(&value), Value::I64));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.field(field, i64::try_from(value).map_or(Value::Serialize(&value), Value::I64));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, Value::Str(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.field(field, Value::Len(Samples::Bytes(value).length()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = described(value, self.said.limit);
        self.field(field, Value::Str(&text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, Value::Debug(value));
    }
}
