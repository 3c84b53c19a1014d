//! How long a WAV file is, by its head. Invariant: it looks at a few bytes, whatever they say.

/// Chunks that are looked at.
const MOST: usize = 16;

/// Its seconds; `None` where these are the bytes of something else.
pub(super) fn seconds(file: &[u8]) -> Option<f64> {
    let (mut rest, mut rate) = (file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?, 0);
    for _ in 0..MOST {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (size, content) = after.split_first_chunk()?;
        let size = u32::from_le_bytes(*size);
        match name {
            // Bytes a second.
            b"fmt " => rate = u32::from_le_bytes(*content.get(8..)?.first_chunk()?),
            b"data" if rate > 0 => {
                // A head that was written before the audio was known claims any size.
                let there = u32::try_from(content.len()).unwrap_or(u32::MAX);
                return Some(f64::from(size.min(there)) / f64::from(rate));
            }
            _ => {}
        }
        // The next one stands at an even place.
        let size = usize::try_from(size).ok()?;
        rest = content.get(size.checked_add(size % 2)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::seconds;

    fn wav(format: &[u8], size: u32, samples: usize) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend_from_slice(format);
        file.extend_from_slice(b"\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        file.extend_from_slice(&size.to_le_bytes());
        file.resize(file.len() + 2 * samples, 0);
        file
    }

    #[test]
    fn it_is_as_long_as_what_is_there_of_it() {
        let format = [8_000_u32.to_le_bytes(), 16_000_u32.to_le_bytes()].concat();
        assert_eq!(seconds(&wav(&format, 16_000, 8_000)), Some(1.0));
        assert_eq!(seconds(&wav(&format, u32::MAX, 4_000)), Some(0.5));
        assert_eq!(seconds(&wav(&format, 0, 4_000)), Some(0.0));
        assert_eq!(seconds(&wav(&[0; 8], 16_000, 8_000)), None);
    }

    #[test]
    fn whatever_the_bytes_are_nothing_breaks() {
        let format = [8_000_u32.to_le_bytes(), 16_000_u32.to_le_bytes()].concat();
        let file = wav(&format, 16, 8);
        for length in 0..file.len() - 16 {
            assert_eq!(seconds(&file[..length]), None, "{length}");
        }
        for at in 0..file.len() {
            let mut broken = file.clone();
            broken[at] = 0xFF;
            assert!(seconds(&broken).is_none_or(f64::is_finite), "{at}");
        }
    }
}
