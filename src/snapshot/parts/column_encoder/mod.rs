//! Encodes the columns of a row group.
//!
//! The crate `parquet` writes headers, indexes and the footer. Its encoder is for any type and nesting; a table without nested
//! columns needs none of its levels, and a kept page buffer none of its copies.

mod chunk_pages;
mod column_chunk;
mod dictionary;
mod encoded_chunk;
mod hybrid_rle;
mod page_compressor;
mod pages;
mod value_range;

pub use self::column_chunk::{ColumnChunk, ColumnSettings};
pub use self::page_compressor::PageCompressor;
