//! Reads the pages of a column chunk within bounds: whatever a file declares, a page takes at most [`MAX_PAGE_BYTES`] in
//! memory, compressed and decompressed, and so do the values decoded from it.

use bytes::Bytes;
use flate2::Crc;
use parquet::basic::{Encoding, Type as PhysicalType};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::codec::Codec;
use super::delta::declared_values;
use super::encoding::PageEncoding;
use super::fault::{inconsistency, unsupported};
use super::page_header::{DataHeader, PageHeader};
use crate::accounts::list_file::ListFile;

/// Largest page. Most writers make pages of 1 MiB, DuckDB of up to 100 MB.
const MAX_PAGE_BYTES: usize = 256 * 1024 * 1024;

/// Largest page in DELTA_BYTE_ARRAY, in which every value may be almost as long as the page.
const MAX_PREFIXED_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Rows decoded at a time, and those of a column with such pages.
const BATCH_ROWS: usize = 4096;
const PREFIXED_BATCH_ROWS: usize = MAX_PAGE_BYTES / MAX_PREFIXED_PAGE_BYTES;

/// Bytes read first of a page header, which rarely has 100 bytes, and the maximum.
const PAGE_HEADER_BYTES: (u64, u64) = (1024, 16 * 1024 * 1024);

/// The pages of one column chunk.
pub struct Pages {
    file: ListFile,
    position: u64,
    end: u64,
    codec: Codec,
    /// Smallest number of bytes that a value takes in a dictionary.
    min_value_bytes: usize,
    is_nullable: bool,
    /// Whether its metadata lists DELTA_BYTE_ARRAY.
    has_prefixes: bool,
}

impl Pages {
    pub fn new(file: &ListFile, column: &ColumnChunkMetaData) -> Result<Self, ParquetError> {
        let (position, length) = column.byte_range();
        let end = position.checked_add(length).filter(|end| *end <= file.bytes);
        let end =
            end.ok_or_else(|| inconsistency("a column extends beyond the end of the file"))?;
        let min_value_bytes = match column.column_type() {
            PhysicalType::INT64 => 8,
            PhysicalType::FIXED_LEN_BYTE_ARRAY => {
                column.column_descr().type_length().max(1) as usize
            }
            _ => 4,
        };
        Ok(Self {
            file: file.clone(),
            position,
            end,
            codec: Codec::new(column.compression_codec() as i32).map_err(unsupported)?,
            min_value_bytes,
            is_nullable: column.column_descr().max_def_level() > 0,
            has_prefixes: column.encodings().any(|each| each == Encoding::DELTA_BYTE_ARRAY),
        })
    }

    /// Number of rows to decode at a time.
    pub fn batch_rows(&self) -> usize {
        if self.has_prefixes { PREFIXED_BATCH_ROWS } else { BATCH_ROWS }
    }

    /// The next page that holds values or a dictionary.
    fn read_next(&mut self) -> Result<Option<Page>, ParquetError> {
        const DATA: i32 = 0;
        const INDEX: i32 = 1;
        const DICTIONARY: i32 = 2;
        const DATA_V2: i32 = 3;
        while self.position < self.end {
            let (header, header_bytes) = self.read_header()?;
            let bytes = page_bytes(header.compressed_size)?;
            let start = self.position + header_bytes as u64;
            self.position = start
                .checked_add(bytes as u64)
                .filter(|next| *next <= self.end)
                .ok_or_else(|| inconsistency("a page extends beyond its column"))?;
            let page_type = header.page_type;
            if page_type == INDEX {
                continue;
            }
            let content = self.file.get_bytes(start, bytes)?;
            ensure_checksum(&header, &content)?;
            return match page_type {
                DATA => self.data_page(&header, &content),
                DICTIONARY => self.dictionary_page(&header, &content),
                DATA_V2 => self.data_page_v2(&header, &content),
                _ => Err(unsupported(format!(
                    "has pages of type {page_type}, which this version does not know; write it with pages of version 1.0"
                ))),
            }
            .map(Some);
        }
        Ok(None)
    }

    fn read_header(&self) -> Result<(PageHeader, usize), ParquetError> {
        let (mut bytes, max) = PAGE_HEADER_BYTES;
        loop {
            let length = bytes.min(self.end - self.position);
            let start = self.file.get_bytes(self.position, length as usize)?;
            if let Some(header) = PageHeader::read(&start) {
                return Ok(header);
            }
            if length < bytes || bytes >= max {
                return Err(inconsistency("a page header is damaged"));
            }
            bytes = max.min(16 * bytes);
        }
    }

    fn dictionary_page(&self, header: &PageHeader, page: &Bytes) -> Result<Page, ParquetError> {
        let buf = self.decompress(header, page)?;
        let num_values = count(header.data.num_values)?;
        if (num_values as usize).saturating_mul(self.min_value_bytes) > buf.len() {
            return Err(inconsistency("a dictionary holds fewer values than it declares"));
        }
        let encoding = encoding(&header.data)?;
        Ok(Page::DictionaryPage { buf, num_values, encoding, is_sorted: false })
    }

    fn data_page(&self, header: &PageHeader, page: &Bytes) -> Result<Page, ParquetError> {
        let buf = self.decompress(header, page)?;
        let (data, num_values) = (&header.data, count(header.data.num_values)?);
        let def_level_encoding = level_encoding(data.def_level_encoding)?;
        let levels_bytes = match (self.is_nullable, def_level_encoding, buf.first_chunk()) {
            (false, ..) => 0,
            (true, Encoding::RLE, Some(length)) => u32::from_le_bytes(*length) as usize + 4,
            (true, Encoding::RLE, None) => buf.len() + 1,
            // One bit for each value.
            (true, ..) => (num_values as usize).div_ceil(8),
        };
        let values = buf.get(levels_bytes..);
        let values = values.ok_or_else(|| inconsistency("the levels of a page exceed it"))?;
        self.ensure_values_fit(data, values)?;
        Ok(Page::DataPage {
            num_values,
            encoding: encoding(data)?,
            def_level_encoding,
            rep_level_encoding: level_encoding(data.rep_level_encoding)?,
            statistics: None,
            buf,
        })
    }

    fn data_page_v2(&self, header: &PageHeader, page: &Bytes) -> Result<Page, ParquetError> {
        let data = &header.data;
        let (def_bytes, rep_bytes) =
            (page_bytes(data.def_levels_size)?, page_bytes(data.rep_levels_size)?);
        let all_bytes = page_bytes(header.uncompressed_size)?;
        let levels_bytes = def_bytes + rep_bytes;
        let too_long = || inconsistency("the levels of a page exceed it");
        let levels = page.get(..levels_bytes).ok_or_else(too_long)?;
        let value_bytes = all_bytes.checked_sub(levels_bytes).ok_or_else(too_long)?;
        let codec = if data.is_compressed { self.codec } else { Codec::Plain };
        let values = match value_bytes {
            // A page of nulls.
            0 => Vec::new(),
            _ => codec.decompress(&page[levels_bytes..], value_bytes)?,
        };
        self.ensure_values_fit(data, &values)?;
        Ok(Page::DataPageV2 {
            buf: [levels, &values].concat().into(),
            num_values: count(data.num_values)?,
            encoding: encoding(data)?,
            num_nulls: count(data.num_nulls)?,
            num_rows: count(data.num_rows)?,
            def_levels_byte_len: def_bytes as u32,
            rep_levels_byte_len: rep_bytes as u32,
            is_compressed: data.is_compressed,
            statistics: None,
        })
    }

    fn decompress(&self, header: &PageHeader, page: &Bytes) -> Result<Bytes, ParquetError> {
        let bytes = page_bytes(header.uncompressed_size)?;
        match self.codec {
            Codec::Plain if page.len() == bytes => Ok(page.clone()),
            codec => Ok(codec.decompress(page, bytes)?.into()),
        }
    }

    /// Refuses pages whose values would take more memory than the page.
    fn ensure_values_fit(&self, data: &DataHeader, values: &[u8]) -> Result<(), ParquetError> {
        let lists = match encoding(data)? {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => return Ok(()),
        };
        let declared = declared_values(values, lists);
        let declared =
            declared.filter(|declared| *declared <= u64::from(data.num_values.unsigned_abs()));
        let declared = declared
            .ok_or_else(|| inconsistency("a page declares more lengths than it has values"))?;
        if declared > (MAX_PAGE_BYTES / size_of::<i32>()) as u64 {
            return Err(too_large(&format!("a page of {declared} values")));
        }
        if lists == 2 && !self.has_prefixes {
            return Err(inconsistency("a page has an encoding that its column does not list"));
        }
        if lists == 2 && values.len() > MAX_PREFIXED_PAGE_BYTES {
            return Err(too_large(&format!(
                "a page of {} bytes in DELTA_BYTE_ARRAY",
                values.len()
            )));
        }
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_next().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.read_next()
    }

    /// Only needed to skip rows.
    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        Err(inconsistency("pages are not skipped"))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        Err(inconsistency("pages are not skipped"))
    }
}

/// A declared size, which must not be negative or too large.
fn page_bytes(declared: i32) -> Result<usize, ParquetError> {
    match usize::try_from(declared) {
        Err(_) => Err(inconsistency("a page has a negative size")),
        Ok(bytes) if bytes > MAX_PAGE_BYTES => Err(too_large(&format!("a page of {bytes} bytes"))),
        Ok(bytes) => Ok(bytes),
    }
}

fn too_large(what: &str) -> ParquetError {
    unsupported(format!(
        "has {what}, more than this program holds in memory; write it with pages of 1 MiB"
    ))
}

fn count(declared: i32) -> Result<u32, ParquetError> {
    declared.try_into().map_err(|_| inconsistency("a page has a negative number of values"))
}

fn encoding(data: &DataHeader) -> Result<Encoding, ParquetError> {
    PageEncoding::new(data.encoding).map(|encoding| encoding.0).map_err(unsupported)
}

fn level_encoding(number: i32) -> Result<Encoding, ParquetError> {
    const BIT_PACKED: i32 = 4;
    match number {
        BIT_PACKED => PageEncoding::new(number).map(|encoding| encoding.0).map_err(unsupported),
        // Writers leave another encoding where there are no levels.
        _ => Ok(Encoding::RLE),
    }
}

fn ensure_checksum(header: &PageHeader, page: &[u8]) -> Result<(), ParquetError> {
    let Some(expected) = header.crc else { return Ok(()) };
    let mut crc = Crc::new();
    crc.update(page);
    match crc.sum() == expected.cast_unsigned() {
        true => Ok(()),
        false => Err(inconsistency("the checksum of a page does not match")),
    }
}
