//! Validates the Thrift structures of a Parquet file (compact protocol) before the `parquet` crate reads them. A
//! damaged footer of a few hundred bytes can make the crate loop 2^31 times (over a list of booleans, which it skips
//! without reading a byte), allocate 16 GiB (for the children of a group) or overflow the stack (nested groups). Here,
//! every element takes at least one byte, so the work is bounded by the size of the footer.

/// Maximum nesting of structures, and of groups in a schema. Real files have fewer than 20 levels.
pub const MAX_DEPTH: usize = 64;

/// The kind of a boolean field is its value.
pub const BOOLEAN_TRUE: u8 = 1;
pub const BOOLEAN_FALSE: u8 = 2;

/// Reads structures from the start of `rest`; `None` wherever they are not valid.
pub struct Walker<'b> {
    pub rest: &'b [u8],
}

impl Walker<'_> {
    /// Skips the fields of a structure; `field` skips the value of each, given its id and kind.
    pub fn fields(
        &mut self,
        field: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>,
    ) -> Option<()> {
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

    /// Skips a value.
    pub fn value(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
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

    /// Reads the list in a field of this kind with `element`, which gets the kind of the elements.
    pub fn list(
        &mut self,
        kind: u8,
        element: &mut dyn FnMut(&mut Self, u8) -> Option<()>,
    ) -> Option<()> {
        const LIST: u8 = 9;
        let (element_kind, count) = self.list_header()?;
        (kind == LIST).then_some(())?;
        (0..count).try_for_each(|_| element(self, element_kind))
    }

    /// Reads the structure in a field or element of this kind like [`Walker::fields`].
    pub fn structure(
        &mut self,
        kind: u8,
        field: &mut dyn FnMut(&mut Self, i64, u8) -> Option<()>,
    ) -> Option<()> {
        const STRUCT: u8 = 12;
        (kind == STRUCT).then_some(())?;
        self.fields(field)
    }

    /// Reads the number in a field or element of this kind, truncated to 32 bits as in the crate.
    pub fn int(&mut self, kind: u8) -> Option<i32> {
        matches!(kind, 4..=6).then_some(())?;
        Some(self.zig_zag()? as i32)
    }

    pub fn zig_zag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub fn varint(&mut self) -> Option<u64> {
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

    pub fn skip(&mut self, count: u64) -> Option<()> {
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

    fn is_valid(structure: &[u8]) -> bool {
        Walker { rest: structure }.value(12, MAX_DEPTH).is_some()
    }

    #[test]
    fn collections_must_fit_in_the_bytes() {
        let many = [0xff, 0xff, 0xff, 0xff, 0x07];
        for kind in [BOOLEAN_TRUE, BOOLEAN_FALSE, 3, 5, 8, 12] {
            let claim = [&[0xf0 | kind], many.as_slice()].concat();
            assert!(!is_valid(&unknown_field(9, &claim)), "list of {kind}");
            assert!(!is_valid(&unknown_field(10, &claim)), "set of {kind}");
            let claim = [many.as_slice(), &[kind << 4 | kind]].concat();
            assert!(!is_valid(&unknown_field(11, &claim)), "map of {kind}");
        }
        assert!(!is_valid(&unknown_field(8, &many)));
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
}
