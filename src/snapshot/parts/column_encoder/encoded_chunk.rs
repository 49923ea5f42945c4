//! A complete column chunk, and what the metadata of the file says about it.

use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding, PageType, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::schema::types::ColumnDescPtr;

use super::chunk_pages::ChunkPages;
use super::column_chunk::ColumnSettings;
use super::pages::EncodedPage;
use super::value_range::{Order, ValueRange, statistics};

/// The pages of a column chunk, with what its metadata is made of.
pub struct EncodedChunk {
    pub column: ColumnDescPtr,
    pub data_type: DataType,
    pub settings: ColumnSettings,
    pub order: Order,
    pub dictionary: Option<EncodedPage>,
    pub pages: Vec<EncodedPage>,
    pub bloom_filter: Option<Sbbf>,
    pub range: Option<ValueRange>,
}

impl EncodedChunk {
    /// The pages, and what the crate `parquet` has to know to append them to a row group.
    pub fn into_parts(mut self) -> Result<(ChunkPages, ColumnCloseResult), ParquetError> {
        let close = ColumnCloseResult {
            bytes_written: self.sum(|page| page.bytes.len()) as u64,
            rows_written: self.sum(|page| page.rows) as u64,
            metadata: self.metadata()?,
            bloom_filter: self.bloom_filter.take(),
            column_index: self.column_index()?,
            offset_index: Some(self.offset_index()?),
        };
        let pages = self.dictionary.into_iter().chain(self.pages);
        Ok((ChunkPages(pages.map(|page| Bytes::from(page.bytes)).collect()), close))
    }

    fn sum(&self, of: fn(&EncodedPage) -> usize) -> usize {
        self.dictionary.iter().chain(&self.pages).map(of).sum()
    }

    /// Where the data pages start.
    fn data_offset(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |page| page.bytes.len())
    }

    fn metadata(&self) -> Result<ColumnChunkMetaData, ParquetError> {
        let (mut encodings, mut pages) = (vec![Encoding::RLE], Vec::new());
        let mut add = |page_type, encoding, count: usize| {
            if count > 0 {
                encodings.push(encoding);
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                pages.push(PageEncodingStats { page_type, encoding, count });
            }
        };
        let count = |encoding| self.pages.iter().filter(|page| page.encoding == encoding).count();
        add(PageType::DICTIONARY_PAGE, Encoding::PLAIN, usize::from(self.dictionary.is_some()));
        for encoding in [Encoding::RLE_DICTIONARY, Encoding::PLAIN] {
            add(PageType::DATA_PAGE, encoding, count(encoding));
        }
        let is_text = self.column.physical_type() == Type::BYTE_ARRAY;
        let value_bytes = is_text.then(|| self.sum(|page| page.value_bytes) as i64);
        let mut builder = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.settings.compression)
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(self.sum(|page| page.bytes.len()) as i64)
            .set_total_uncompressed_size(self.sum(|page| page.uncompressed_bytes) as i64)
            .set_num_values(self.sum(|page| page.rows) as i64)
            .set_unencoded_byte_array_data_bytes(value_bytes)
            .set_data_page_offset(self.data_offset() as i64)
            .set_dictionary_page_offset(self.dictionary.as_ref().map(|_| 0));
        if self.settings.has_statistics {
            let nulls = self.sum(|page| page.nulls) as u64;
            let range = self.range.as_ref().filter(|range| range.is_short());
            builder = builder.set_statistics(statistics(&self.data_type, range, nulls));
        }
        builder.build()
    }

    /// Minimum and maximum of each page. The pages of a dictionary have none: where values repeat, they are nearly the same
    /// in each page.
    fn column_index(&self) -> Result<Option<ColumnIndexMetaData>, ParquetError> {
        let ranges = || self.pages.iter().filter_map(|page| page.range.as_ref());
        let has_index = self.settings.has_statistics && self.dictionary.is_none();
        if !has_index || !ranges().all(ValueRange::is_short) {
            return Ok(None);
        }
        let mut index = ColumnIndexBuilder::new(self.column.physical_type());
        for page in &self.pages {
            let bounds = page.range.clone().map(|range| (range.min, range.max));
            let (min, max) = bounds.unwrap_or_default();
            index.append(page.range.is_none(), min, max, page.nulls as i64, None);
        }
        let is_at_most = |left: &[u8], right: &[u8]| (self.order)(left, right).is_le();
        let is_ascending = ranges().zip(ranges().skip(1)).all(|(page, next)| {
            is_at_most(&page.min, &next.min) && is_at_most(&page.max, &next.max)
        });
        if is_ascending {
            index.set_boundary_order(BoundaryOrder::ASCENDING);
        }
        index.build().map(Some)
    }

    fn offset_index(&self) -> Result<OffsetIndexMetaData, ParquetError> {
        let mut index = OffsetIndexBuilder::new();
        let mut offset = self.data_offset();
        for page in &self.pages {
            let bytes = page.bytes.len();
            index.append_offset_and_size(i64::try_from(offset)?, i32::try_from(bytes)?);
            index.append_row_count(i64::try_from(page.rows)?);
            offset += bytes;
        }
        Ok(index.build())
    }
}
