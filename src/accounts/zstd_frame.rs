//! The header of a zstd frame (RFC 8878, section 3.1.1.1), for what the decoder would refuse.

use super::error::ListError;
use super::list_file::ListFile;

/// Largest window that is decoded, in bytes: the default of zstd itself. The decoder holds a window in memory.
pub const MAX_WINDOW_BYTES: u64 = 128 * 1024 * 1024;

/// Refuses a frame, by its first bytes, that needs a larger window or a dictionary.
pub fn ensure_can_be_decoded(file: &ListFile, head: &[u8; 18]) -> Result<(), ListError> {
    let list = || file.name.to_string();
    match frame_needs(head) {
        FrameNeeds { dictionary: id @ 1.., .. } => {
            Err(ListError::ZstdDictionary { list: list(), id })
        }
        FrameNeeds { window_bytes, .. } if window_bytes > MAX_WINDOW_BYTES => {
            Err(ListError::ZstdWindow { list: list(), window_bytes })
        }
        _ => Ok(()),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct FrameNeeds {
    window_bytes: u64,
    /// 0 is none.
    dictionary: u64,
}

fn frame_needs(head: &[u8; 18]) -> FrameNeeds {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, fields @ ..] = head else {
        // A skippable frame.
        return FrameNeeds::default();
    };
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let dictionary_start = usize::from(!is_single_segment);
    let size_start = dictionary_start + dictionary_bytes;
    let dictionary = little_endian(&fields[dictionary_start..size_start]);
    let window_bytes = if is_single_segment {
        let (size_bytes, base) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
        little_endian(&fields[size_start..size_start + size_bytes]).saturating_add(base)
    } else {
        let base = 1 << (10 + (fields[0] >> 3));
        base + base / 8 * u64::from(fields[0] & 7)
    };
    FrameNeeds { window_bytes, dictionary }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(header: &[u8]) -> (u64, u64) {
        let mut head = [0; 18];
        head[..4].copy_from_slice(b"\x28\xb5\x2f\xfd");
        head[4..4 + header.len()].copy_from_slice(header);
        let FrameNeeds { window_bytes, dictionary } = frame_needs(&head);
        (window_bytes, dictionary)
    }

    #[test]
    fn window_and_dictionary_follow_from_the_header() {
        // --long=28: exponent 18, mantissa 0.
        assert_eq!(needs(b"\x04\x90"), (256 << 20, 0));
        assert_eq!(needs(b"\x00\x8f"), ((128 << 20) / 8 * 15, 0));
        assert_eq!(needs(b"\x01\x00\x07"), (1024, 7));
        assert_eq!(needs(b"\x23\x01\x02\x03\x04\x09"), (9, 0x0403_0201));
        assert_eq!(needs(b"\x60\x01\x02"), (0x0201 + 256, 0));
        assert_eq!(needs(b"\xe0\xff\xff\xff\xff\xff\xff\xff\xff"), (u64::MAX, 0));
        assert_eq!(frame_needs(&[0x50; 18]), FrameNeeds::default());
    }

    #[test]
    fn the_largest_field_sizes_fit_in_the_head() {
        assert_eq!(needs(b"\xe3\x01\0\0\0\x05\0\0\0\0\0\0\0"), (5, 1));
    }
}
