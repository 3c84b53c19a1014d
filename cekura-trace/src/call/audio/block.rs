//! The head of a block of sound, as it stands before the samples in memory and on disk. Invariant: a block that is torn has
//! another sum.

/// The bytes of a head: sum, form and rate, count, time; numbers begin with their low byte.
pub(crate) const HEAD: usize = 20;
const RATE: u32 = (1 << 24) - 1;

/// Who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    Agent,
    User,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// What waits to be played is not heard any more.
    Clear,
    /// From now on the agent is heard so much later.
    Delay,
    /// Samples of 16 bits.
    Linear,
    /// Samples of µ-law, one byte each.
    Mulaw,
    /// Samples that are all zero, and not stored.
    Silence,
}

const FORMS: [Form; 5] = [Form::Clear, Form::Delay, Form::Linear, Form::Mulaw, Form::Silence];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) track: Track,
    pub(crate) form: Form,
    /// Whether the time is when it began, instead of when it came.
    pub(crate) is_fixed: bool,
    /// Samples a second.
    pub(crate) rate: u32,
    /// Samples.
    pub(crate) count: u32,
    /// Nanoseconds since the conversation began; of a delay, its length.
    pub(crate) at: i64,
}

impl Head {
    /// The bytes of the samples after it.
    pub(crate) fn size(&self) -> u64 {
        let width = match self.form {
            Form::Linear => 2,
            Form::Mulaw => 1,
            Form::Clear | Form::Delay | Form::Silence => 0,
        };
        u64::from(self.count) * width
    }

    /// Its bytes, without the sum.
    pub(super) fn bytes(&self) -> [u8; HEAD] {
        let form = FORMS.iter().position(|form| *form == self.form).unwrap_or_default() << 2;
        let kind = form | usize::from(self.is_fixed) << 1 | usize::from(self.track == Track::User);
        let mut bytes = [0; HEAD];
        bytes[4..8].copy_from_slice(&(self.rate & RATE).to_le_bytes());
        bytes[7] = u8::try_from(kind).unwrap_or_default();
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.at.to_le_bytes());
        bytes
    }

    /// Reads it; `None` where there is no such block.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&rate, rest) = bytes.get(4..)?.split_first_chunk()?;
        let (&count, rest) = rest.split_first_chunk()?;
        let at = i64::from_le_bytes(*rest.first_chunk()?);
        let kind = bytes[7];
        Some(Self {
            track: if kind & 1 == 0 { Track::Agent } else { Track::User },
            form: *FORMS.get(usize::from(kind >> 2))?,
            is_fixed: kind & 2 != 0,
            rate: u32::from_le_bytes(rate) & RATE,
            count: u32::from_le_bytes(count),
            at,
        })
    }
}

/// Sets the sum of each block in what holds whole blocks.
pub(crate) fn seal(mut blocks: &mut [u8]) {
    while let Some(head) = Head::read(blocks) {
        let end = HEAD + usize::try_from(head.size()).unwrap_or(usize::MAX - HEAD);
        let Some((block, rest)) = blocks.split_at_mut_checked(end) else { return };
        let sum = sum(NO_SUM, &block[4..]);
        block[..4].copy_from_slice(&sum_bytes(sum));
        blocks = rest;
    }
}

/// The sum of nothing.
pub(crate) const NO_SUM: u64 = 0xCBF2_9CE4_8422_2325;

/// Adds bytes to a sum; that of a block is of what follows its first four bytes.
pub(crate) fn sum(before: u64, bytes: &[u8]) -> u64 {
    // FNV-1a: it has to tell a torn block from a whole one, not to withstand anybody.
    bytes.iter().fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// A sum as it is written.
pub(crate) fn sum_bytes(sum: u64) -> [u8; 4] {
    let [mut low, high] = [sum, sum >> 32].map(u64::to_le_bytes);
    low.iter_mut().zip(high).for_each(|(low, high)| *low ^= high);
    let [a, b, c, d, ..] = low;
    [a, b, c, d]
}
