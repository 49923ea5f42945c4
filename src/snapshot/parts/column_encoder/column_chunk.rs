//! Encodes one column of a row group.

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, GenericByteArray, PrimitiveArray};
use arrow_schema::DataType;
use parquet::basic::{Compression, Type};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;
use super::encoded_chunk::EncodedChunk;
use super::page_compressor::PageCompressor;
use super::pages::{EncodedPage, OpenPage, dictionary_page};
use super::value_range::{Order, ValueRange, order_of, widen};

/// Rows in a page, at most: readers skip rows by page.
const PAGE_ROWS: usize = 20_000;

/// How a column is encoded.
#[derive(Debug, Clone)]
pub struct ColumnSettings {
    pub compression: Compression,
    /// A page ends once its values have so many bytes.
    pub page_bytes: usize,
    /// The largest dictionary; `None` for a column without one.
    pub dictionary_bytes: Option<usize>,
    pub has_statistics: bool,
    /// Expected values, and the share of errors.
    pub bloom_filter: Option<(u64, f64)>,
}

/// The values of one column of a row group.
#[derive(Debug)]
pub struct ColumnChunk {
    column: ColumnDescPtr,
    data_type: DataType,
    settings: ColumnSettings,
    order: Order,
    dictionary: Option<Dictionary>,
    /// Whether values are not put into the dictionary: there is none, or it is full.
    is_plain: bool,
    bloom_filter: Option<Sbbf>,
    page: OpenPage,
    pages: Vec<EncodedPage>,
    encoded_bytes: usize,
}

impl ColumnChunk {
    pub fn new(
        column: ColumnDescPtr,
        data_type: &DataType,
        settings: &ColumnSettings,
    ) -> Result<ColumnChunk, ParquetError> {
        /// Bytes of the length in front of a text.
        const TEXT_LENGTH: usize = 4;
        let prefix = if column.physical_type() == Type::BYTE_ARRAY { TEXT_LENGTH } else { 0 };
        let filter = |(values, errors)| Sbbf::new_with_ndv_fpp(values, errors);
        Ok(ColumnChunk {
            dictionary: settings.dictionary_bytes.map(|bytes| Dictionary::new(prefix, bytes)),
            bloom_filter: settings.bloom_filter.map(filter).transpose()?,
            is_plain: settings.dictionary_bytes.is_none(),
            order: order_of(data_type),
            data_type: data_type.clone(),
            settings: settings.clone(),
            column,
            page: OpenPage::new(),
            pages: Vec::new(),
            encoded_bytes: 0,
        })
    }

    /// Bytes in memory, about as many as will be written.
    pub fn encoded_bytes(&self) -> usize {
        let dictionary = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.plain().len());
        self.encoded_bytes + dictionary + self.page.plain.len() + 2 * self.page.positions.len()
    }

    /// Appends the values of an array.
    pub fn append(
        &mut self,
        array: &ArrayRef,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        match array.data_type() {
            DataType::Utf8 => self.append_texts(array.as_string::<i32>(), compressor),
            DataType::Binary => self.append_texts(array.as_binary::<i32>(), compressor),
            DataType::UInt32 => self.append_numbers(
                array.as_primitive::<UInt32Type>(),
                u32::to_le_bytes,
                compressor,
            ),
            DataType::Date32 => self.append_numbers(
                array.as_primitive::<Date32Type>(),
                i32::to_le_bytes,
                compressor,
            ),
            DataType::UInt64 => self.append_numbers(
                array.as_primitive::<UInt64Type>(),
                u64::to_le_bytes,
                compressor,
            ),
            DataType::Int64 => {
                self.append_numbers(array.as_primitive::<Int64Type>(), i64::to_le_bytes, compressor)
            }
            other => Err(ParquetError::NYI(format!("columns of type {other}"))),
        }
    }

    fn append_texts<T: ByteArrayType<Offset = i32>>(
        &mut self,
        texts: &GenericByteArray<T>,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        for text in texts.iter() {
            match text {
                None => self.append_null(compressor)?,
                Some(text) => {
                    let bytes: &[u8] = text.as_ref();
                    let length = u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
                    self.append_value(&length, bytes, compressor)?;
                }
            }
        }
        Ok(())
    }

    fn append_numbers<T: ArrowPrimitiveType, const N: usize>(
        &mut self,
        numbers: &PrimitiveArray<T>,
        bytes: fn(T::Native) -> [u8; N],
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        for number in numbers.iter() {
            match number {
                None => self.append_null(compressor)?,
                Some(number) => self.append_value(&[], &bytes(number), compressor)?,
            }
        }
        Ok(())
    }

    fn append_null(&mut self, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        self.end_full_page(compressor)?;
        self.page.nulls.push(u32::try_from(self.page.rows).unwrap_or_default());
        self.page.rows += 1;
        Ok(())
    }

    /// Appends a value; `length` is in front of it in the plain encoding.
    #[inline(always)]
    fn append_value(
        &mut self,
        length: &[u8],
        value: &[u8],
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        self.end_full_page(compressor)?;
        if let Some(filter) = &mut self.bloom_filter {
            filter.insert(value);
        }
        if !self.is_plain
            && let Some(dictionary) = &mut self.dictionary
        {
            match dictionary.position(value) {
                Some(position) => self.page.positions.push(position),
                None => {
                    self.end_page(compressor)?;
                    self.is_plain = true;
                }
            }
        }
        if self.is_plain {
            self.page.plain.extend_from_slice(length);
            self.page.plain.extend_from_slice(value);
            if self.settings.has_statistics {
                widen(&mut self.page.range, value, self.order);
            }
        }
        self.page.rows += 1;
        self.page.value_bytes += value.len();
        Ok(())
    }

    #[inline(always)]
    fn end_full_page(&mut self, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        let is_full =
            self.page.rows >= PAGE_ROWS || self.page.plain.len() >= self.settings.page_bytes;
        if is_full { self.end_page(compressor) } else { Ok(()) }
    }

    fn end_page(&mut self, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        if self.page.rows == 0 {
            return Ok(());
        }
        // A page without values needs no dictionary, which may stay empty.
        let dictionary = self.dictionary.as_ref();
        let dictionary = dictionary.filter(|known| !self.is_plain && known.len() > 0);
        let is_nullable = self.column.max_def_level() > 0;
        let page = self.page.encode(is_nullable, dictionary, compressor)?;
        self.encoded_bytes += page.bytes.len();
        self.pages.push(page);
        Ok(())
    }

    /// Completes the chunk.
    pub fn close(mut self, compressor: &mut PageCompressor) -> Result<EncodedChunk, ParquetError> {
        self.end_page(compressor)?;
        let mut range = None;
        if self.settings.has_statistics {
            let values = self.dictionary.iter().flat_map(Dictionary::values);
            let ranges = self.pages.iter().filter_map(|page| page.range.as_ref());
            let bounds = ranges.flat_map(|range: &ValueRange| [&*range.min, &*range.max]);
            values.chain(bounds).for_each(|value| widen(&mut range, value, self.order));
        }
        let dictionary = self.dictionary.take().filter(|dictionary| dictionary.len() > 0);
        let encode = |dictionary| dictionary_page(&dictionary, compressor);
        if let (Some(filter), Some((_, errors))) =
            (&mut self.bloom_filter, self.settings.bloom_filter)
        {
            filter.fold_to_target_fpp(errors);
        }
        Ok(EncodedChunk {
            dictionary: dictionary.map(encode).transpose()?,
            column: self.column,
            data_type: self.data_type,
            settings: self.settings,
            order: self.order,
            pages: self.pages,
            bloom_filter: self.bloom_filter,
            range,
        })
    }
}
