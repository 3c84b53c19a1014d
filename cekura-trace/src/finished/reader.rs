//! Takes values off the front of a record's bytes. Invariant: it never reads past their end.

use std::hash::Hash;

/// Takes values off the front of a buffer; `None` at its end.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text<T: Text<'a>>(&mut self) -> Option<T> {
        T::read(self.bytes()?)
    }
}

/// What a text is read as; `None` where it is none.
pub(crate) trait Text<'a>: Copy + Eq + Hash {
    fn read(bytes: &'a [u8]) -> Option<Self>;
}

impl<'a> Text<'a> for &'a str {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        str::from_utf8(bytes).ok()
    }
}

/// A text that stays bytes: most are ASCII, which is told faster than it is made a `str`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Utf8<'a>(pub(crate) &'a [u8]);

impl<'a> Text<'a> for Utf8<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        (bytes.is_ascii() || str::from_utf8(bytes).is_ok()).then_some(Self(bytes))
    }
}

/// A text that is not looked at: most are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl<'a> Text<'a> for Raw<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        Some(Self(bytes))
    }
}
