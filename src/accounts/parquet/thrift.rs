//! Validates the Thrift structures of a Parquet file (compact protocol) before the `parquet` crate reads them. A
//! damaged footer of a few hundred bytes can make the crate loop 2^31 times (over a list of booleans, which it skips
//! without reading a byte), allocate 16 GiB (for the children of a group) or overflow the stack (nested groups). Here,
//! every element takes at least one byte, so the work is bounded by the size of the footer.

/// Maximum nesting of structures, and of groups in a schema. Real files have fewer than 20 levels.
const MAX_DEPTH: usize = 64;

const BOOLEAN_TRUE: u8 = 1;
const BOOLEAN_FALSE: u8 = 2;

/// Whether `bytes` are a `FileMetaData` structure that can be read within bounds and whose schema is a tree.
pub fn is_valid_footer(bytes: &[u8]) -> bool {
    const SCHEMA: i64 = 2;
    let mut children = Vec::new();
    let mut walker = Walker { rest: bytes };
    let walked = walker.fields(&mut |walker, id, kind| match id {
        SCHEMA => walker.schema(kind, &mut children),
        _ => walker.value(kind, MAX_DEPTH),
    });
    walked.is_some() && is_valid_tree(&children)
}

/// Length of the `PageHeader` structure at the start of `bytes`, and of the compressed page after it. `None` if it is
/// not valid, or longer than `bytes`.
pub fn page_lengths(bytes: &[u8]) -> Option<(u64, u64)> {
    const COMPRESSED_PAGE_SIZE: i64 = 3;
    let mut page_bytes = None;
    let mut walker = Walker { rest: bytes };
    walker.fields(&mut |walker, id, kind| match id {
        COMPRESSED_PAGE_SIZE => {
            page_bytes = Some(walker.zig_zag()? as i32);
            Some(())
        }
        _ => walker.value(kind, MAX_DEPTH),
    })?;
    let header_bytes = bytes.len() - walker.rest.len();
    Some((header_bytes as u64, page_bytes?.try_into().ok()?))
}

/// Whether every group is followed by as many elements as it has children, within the maximum depth.
fn is_valid_tree(children: &[i64]) -> bool {
    // Remaining children of each open group.
    let mut open = Vec::new();
    for (at, count) in children.iter().enumerate() {
        let left = (children.len() - at - 1) as i64;
        if let Some(waiting) = open.last_mut() {
            *waiting -= 1;
        }
        if !(0..=left).contains(count) || open.len() > MAX_DEPTH {
            return false;
        }
        open.push(*count);
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    open.is_empty()
}

struct Walker<'b> {
    rest: &'b [u8],
}

impl Walker<'_> {
    /// Skips the fields of a structure; `field` skips the value of each, given its id and kind.
    fn fields(&mut self, field: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut id = 0_i64;
        loop {
            let header = self.byte()?;
            let (delta, kind) = (header >> 4, header & 0x0f);
            if kind == 0 {
                return Some(());
            }
            // An id is truncated to 16 bits, and other numbers to 32, as in the crate.
            id = if delta == 0 { i64::from(self.zig_zag()? as i16) } else { id + i64::from(delta) };
            field(self, id, kind)?;
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // The kind of a boolean field is its value.
            BOOLEAN_TRUE | BOOLEAN_FALSE => Some(()),
            3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let (kind, count) = self.list_header()?;
                (0..count).try_for_each(|_| self.value(kind, depth))
            }
            11 => self.map(depth),
            12 => self.fields(&mut |walker, _, kind| walker.value(kind, depth)),
            13 => self.skip(16),
            _ => None,
        }
    }

    /// Kind and number of the elements of a list or set. No structure of Parquet's footer and pages contains a list of
    /// booleans, and readers disagree about the size of its elements.
    fn list_header(&mut self) -> Option<(u8, u64)> {
        let header = self.byte()?;
        let kind = header & 0x0f;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => count.into(),
        };
        let is_valid = count == 0 || !matches!(kind, BOOLEAN_TRUE | BOOLEAN_FALSE);
        (is_valid && count <= self.rest.len() as u64).then_some((kind, count))
    }

    fn map(&mut self, depth: usize) -> Option<()> {
        let count = self.varint()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        let kinds = [kinds >> 4, kinds & 0x0f];
        let has_booleans = kinds.iter().any(|kind| matches!(*kind, BOOLEAN_TRUE | BOOLEAN_FALSE));
        if has_booleans || count > self.rest.len() as u64 {
            return None;
        }
        (0..count).try_for_each(|_| kinds.iter().try_for_each(|kind| self.value(*kind, depth)))
    }

    /// Skips the list of schema elements and collects the number of children of each.
    fn schema(&mut self, kind: u8, children: &mut Vec<i64>) -> Option<()> {
        const LIST: u8 = 9;
        const STRUCT: u8 = 12;
        const NUM_CHILDREN: i64 = 5;
        let (element_kind, count) = self.list_header()?;
        if kind != LIST || element_kind != STRUCT {
            return None;
        }
        for _ in 0..count {
            let mut own = 0;
            self.fields(&mut |walker, id, kind| match id {
                NUM_CHILDREN => {
                    own = i64::from(walker.zig_zag()? as i32);
                    Some(())
                }
                _ => walker.value(kind, MAX_DEPTH),
            })?;
            children.push(own);
        }
        Some(())
    }

    fn zig_zag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure with one field of an unknown id.
    fn unknown_field(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[0xf0 | kind], value, &[0]].concat()
    }

    #[test]
    fn collections_must_fit_in_the_bytes() {
        let many = [0xff, 0xff, 0xff, 0xff, 0x07];
        for kind in [BOOLEAN_TRUE, BOOLEAN_FALSE, 3, 5, 8, 12] {
            let claim = [&[0xf0 | kind], many.as_slice()].concat();
            assert!(!is_valid_footer(&unknown_field(9, &claim)), "list of {kind}");
            assert!(!is_valid_footer(&unknown_field(10, &claim)), "set of {kind}");
            let claim = [many.as_slice(), &[kind << 4 | kind]].concat();
            assert!(!is_valid_footer(&unknown_field(11, &claim)), "map of {kind}");
        }
        let binary = unknown_field(8, &many);
        assert!(!is_valid_footer(&binary));
        assert_eq!(page_lengths(&binary), None);
    }

    #[test]
    fn values_of_every_kind_are_skipped() {
        for (kind, value) in [
            (1, b"".as_slice()),
            (2, b""),
            (3, b"\xff"),
            (4, b"\x80\x01"),
            (6, b"\x00"),
            (7, b"12345678"),
            (8, b"\x03abc"),
            (9, b"\x25\x01\x02"),
            (9, b"\x00"),
            (10, b"\x18\x01a"),
            (11, b"\x00"),
            (11, b"\x01\x85\x01a\x07"),
            (12, b"\x15\x02\x11\x00"),
            (13, b"0123456789abcdef"),
        ] {
            assert!(Walker { rest: &unknown_field(kind, value) }.value(12, 3).is_some(), "{kind}");
        }
        let nested = [&[0x1c; 100], [0; 101].as_slice()].concat();
        assert_eq!(Walker { rest: &nested }.value(12, MAX_DEPTH), None);
    }

    #[test]
    fn page_lengths_are_read_from_the_header() {
        // type, uncompressed_page_size, compressed_page_size
        let header = b"\x15\x00\x15\x14\x15\x10\x00page";
        assert_eq!(page_lengths(header), Some((7, 8)));
        assert_eq!(page_lengths(&header[..6]), None);
        assert_eq!(page_lengths(b"\x15\x00\x15\x14\x15\x0f\x00"), None);
        assert_eq!(page_lengths(b"\x15\x00\x00"), None);
    }

    #[test]
    fn schema_must_be_a_tree() {
        for valid in [[2, 0, 0].as_slice(), &[0], &[1, 2, 0, 1, 0], &[2, 1, 0, 0]] {
            assert!(is_valid_tree(valid), "{valid:?}");
        }
        for invalid in [[3, 0, 0].as_slice(), &[-1], &[i64::MAX, 0], &[2, 0], &[1, 1]] {
            assert!(!is_valid_tree(invalid), "{invalid:?}");
        }
        let deep: Vec<i64> = std::iter::repeat_n(1, 1_000).chain([0]).collect();
        assert!(!is_valid_tree(&deep));
    }
}
