//! Writes a float in JSON. Invariant: its digits are the fewest that read back as the same float.

use std::fmt::{self, Write as _};

/// The shortest digits that read back as the same float, in the notation of `serde_json`; `null` when not finite.
pub(super) struct Float<T>(pub(super) T);

/// Gives an exponent without a sign its plus.
struct Signed<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Signed<'_, '_> {
    fn write_str(&mut self, digits: &str) -> fmt::Result {
        match digits.split_once('e') {
            Some((fraction, exponent)) if !exponent.starts_with('-') => {
                write!(self.0, "{fraction}e+{exponent}")
            }
            _ => self.0.write_str(digits),
        }
    }
}

macro_rules! notation {
    ($($float:ty: $decimal:expr,)*) => {$(
        impl fmt::Display for Float<$float> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(value) = self;
                let size = value.abs();
                if !size.is_finite() {
                    f.write_str("null")
                } else if size > 0.0 && !$decimal.contains(&size) {
                    write!(Signed(f), "{value:e}")
                } else if value.fract() == 0.0 {
                    write!(f, "{value}.0")
                } else {
                    write!(f, "{value}")
                }
            }
        }
    )*};
}

notation! {
    f32: (1e-6..1e13),
    f64: (1e-5..1e16),
}
