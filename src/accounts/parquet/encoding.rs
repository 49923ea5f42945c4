//! The encodings of values in a page.

use parquet::basic::Encoding;

/// An encoding that the `parquet` crate decodes, or that is only named in a footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageEncoding(pub Encoding);

impl PageEncoding {
    /// The encoding with this number in the format; otherwise what the list uses.
    pub fn new(number: i32) -> Result<Self, String> {
        #[expect(deprecated, reason = "old files have levels in it")]
        let bit_packed = Encoding::BIT_PACKED;
        Ok(Self(match number {
            0 => Encoding::PLAIN,
            2 => Encoding::PLAIN_DICTIONARY,
            3 => Encoding::RLE,
            4 => bit_packed,
            5 => Encoding::DELTA_BINARY_PACKED,
            6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            7 => Encoding::DELTA_BYTE_ARRAY,
            8 => Encoding::RLE_DICTIONARY,
            9 => Encoding::BYTE_STREAM_SPLIT,
            _ => {
                return Err(format!(
                    "uses the encoding {number}, which this version does not know; write it with the encoding PLAIN"
                ));
            }
        }))
    }
}
