//! What `serde_json` passes under names of its own: numbers of arbitrary precision, and JSON that is text already.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The names under which `serde_json` passes numbers of arbitrary precision and JSON that is text already.
pub(super) const NUMBER: &str = "$serde_json::private::Number";
pub(super) const RAW: &str = "$serde_json::private::RawValue";

/// Text that is valid JSON already.
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RAW, 1)?;
        raw.serialize_field(RAW, self.0)?;
        raw.end()
    }
}
