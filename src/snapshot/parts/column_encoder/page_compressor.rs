//! Compresses the pages of a file, one after another with the same buffers.

use std::fmt;
use std::io::{self, Write};

use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;

use crate::job::Compression;

/// Compresses pages.
pub enum PageCompressor {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Gzip,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl fmt::Debug for PageCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCompressor").finish_non_exhaustive()
    }
}

impl PageCompressor {
    pub fn new(compression: Compression) -> io::Result<PageCompressor> {
        /// The fastest regular level; `docs/performance.md` compares it.
        const ZSTD_LEVEL: i32 = 1;
        Ok(match compression {
            Compression::None => PageCompressor::None,
            Compression::Snappy => PageCompressor::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::Gzip => PageCompressor::Gzip,
            Compression::Zstd => PageCompressor::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        })
    }

    /// The page as it is stored.
    pub fn compress(&mut self, page: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            PageCompressor::None => Ok(page.to_vec()),
            PageCompressor::Snappy(encoder) => encoder.compress_vec(page).map_err(io::Error::other),
            PageCompressor::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), GzipLevel::default());
                encoder.write_all(page)?;
                encoder.finish()
            }
            PageCompressor::Zstd(compressor) => compressor.compress(page),
        }
    }
}
