//! The pages of a column chunk.

use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::dictionary::Dictionary;
use super::hybrid_rle::{append_run, append_values};
use super::page_compressor::PageCompressor;
use super::value_range::ValueRange;

/// Room for the levels of a page without NULLs in front of its values.
const LEVEL_ROOM: usize = 8;

/// The page that is being filled. Its buffers are kept for the next one.
#[derive(Debug)]
pub struct OpenPage {
    pub rows: usize,
    /// The rows that are NULL.
    pub nulls: Vec<u32>,
    /// [`LEVEL_ROOM`], and values in the plain encoding.
    pub plain: Vec<u8>,
    /// Positions of values in the dictionary.
    pub positions: Vec<u32>,
    /// Bytes of the values, without their lengths.
    pub value_bytes: usize,
    /// Of the values in `plain`.
    pub range: Option<ValueRange>,
}

/// A page as it is in the file, with its header.
#[derive(Debug)]
pub struct EncodedPage {
    pub bytes: Vec<u8>,
    pub uncompressed_bytes: usize,
    pub encoding: Encoding,
    pub rows: usize,
    pub nulls: usize,
    pub value_bytes: usize,
    pub range: Option<ValueRange>,
}

impl OpenPage {
    pub fn new() -> OpenPage {
        OpenPage {
            rows: 0,
            nulls: Vec::new(),
            plain: vec![0; LEVEL_ROOM],
            positions: Vec::new(),
            value_bytes: 0,
            range: None,
        }
    }

    /// Encodes the values and starts the next page. Without a dictionary, they are in the plain encoding.
    pub fn encode(
        &mut self,
        is_nullable: bool,
        dictionary: Option<&Dictionary>,
        compressor: &mut PageCompressor,
    ) -> Result<EncodedPage, ParquetError> {
        let mut levels = if is_nullable { self.levels() } else { Vec::new() };
        let joined;
        let (encoding, uncompressed) = if let Some(dictionary) = dictionary {
            let width = dictionary.position_width();
            levels.push(width as u8);
            append_values(&mut levels, &self.positions, width);
            (Encoding::RLE_DICTIONARY, levels.as_slice())
        } else if let Some(start) = LEVEL_ROOM.checked_sub(levels.len()) {
            self.plain[start..LEVEL_ROOM].copy_from_slice(&levels);
            (Encoding::PLAIN, &self.plain[start..])
        } else {
            joined = [&levels, &self.plain[LEVEL_ROOM..]].concat();
            (Encoding::PLAIN, joined.as_slice())
        };
        let page = Page::DataPage {
            buf: compressor.compress(uncompressed)?.into(),
            num_values: u32::try_from(self.rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (bytes, spec) = serialized(page, uncompressed.len())?;
        let encoded = EncodedPage {
            bytes,
            uncompressed_bytes: spec.uncompressed_size,
            encoding,
            rows: self.rows,
            nulls: self.nulls.len(),
            value_bytes: self.value_bytes,
            range: self.range.take(),
        };
        (self.rows, self.value_bytes) = (0, 0);
        self.nulls.clear();
        self.plain.truncate(LEVEL_ROOM);
        self.positions.clear();
        Ok(encoded)
    }

    /// Which rows have values, after the length of this.
    fn levels(&self) -> Vec<u8> {
        let mut levels = vec![0; 4];
        if self.nulls.is_empty() {
            append_run(&mut levels, 1, self.rows, 1);
        } else {
            let mut has_value = vec![1; self.rows];
            self.nulls.iter().for_each(|row| has_value[*row as usize] = 0);
            append_values(&mut levels, &has_value, 1);
        }
        let length = u32::try_from(levels.len() - 4).unwrap_or_default();
        levels[..4].copy_from_slice(&length.to_le_bytes());
        levels
    }
}

/// The page of a dictionary.
pub fn dictionary_page(
    dictionary: &Dictionary,
    compressor: &mut PageCompressor,
) -> Result<EncodedPage, ParquetError> {
    let page = Page::DictionaryPage {
        buf: compressor.compress(dictionary.plain())?.into(),
        num_values: u32::try_from(dictionary.len())?,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    let (bytes, spec) = serialized(page, dictionary.plain().len())?;
    Ok(EncodedPage {
        bytes,
        uncompressed_bytes: spec.uncompressed_size,
        encoding: Encoding::PLAIN,
        rows: 0,
        nulls: 0,
        value_bytes: 0,
        range: None,
    })
}

/// The bytes of a page and its header.
fn serialized(page: Page, uncompressed: usize) -> Result<(Vec<u8>, PageWriteSpec), ParquetError> {
    /// More than a header takes.
    const HEADER_BYTES: usize = 64;
    let mut out = TrackedWrite::new(Vec::with_capacity(page.buffer().len() + HEADER_BYTES));
    let page = CompressedPage::new(page, uncompressed);
    let spec = SerializedPageWriter::new(&mut out).write_page(page)?;
    Ok((out.into_inner()?, spec))
}
