//! The order of the tags in an item.

use crate::api::json_reader::{JsonReader, JsonValue, NotJson};
use crate::api::response::{RequestedTag, RequestedTags};

/// The requested tags in the order in which the items of a response list them, learned from its items.
pub struct TagOrder<'r> {
    pub tags: &'r RequestedTags,
    /// At 0, the first tag; after that, for each tag the one after it.
    after: Vec<usize>,
    /// The last tag of this item in `after`.
    last: usize,
}

/// The value of [`TagOrder::last`] before the first tag of an item.
const START: usize = 0;

impl<'r> TagOrder<'r> {
    pub fn of_request(tags: &'r RequestedTags) -> Self {
        TagOrder { tags, after: (0..=tags.0.len()).collect(), last: START }
    }

    /// Expects the first tag of an item.
    pub fn start_item(&mut self) {
        self.last = START;
    }

    /// Takes the tag that comes next, as `text` writes it, if the item keeps the order, with gaps.
    #[inline(always)]
    fn take(
        &mut self,
        reader: &mut JsonReader<'_>,
        text: impl Fn(&RequestedTag) -> &str,
    ) -> Option<usize> {
        /// Longest gap, in tags.
        const MAX_GAP: usize = 1;
        let mut last = self.last;
        for _ in 0..=MAX_GAP {
            let expected = self.after[last];
            if reader.take_exactly(text(self.tags.0.get(expected)?)) {
                self.last = expected + 1;
                return Some(expected);
            }
            last = expected + 1;
        }
        None
    }

    /// Takes a tag and all that comes before its value.
    #[inline(always)]
    pub fn read_prefix(&mut self, reader: &mut JsonReader<'_>) -> Option<usize> {
        self.take(reader, |requested| &requested.prefix)
    }

    /// Reads a tag; `None` if it is not a text, or not a requested tag.
    pub fn read_tag(&mut self, reader: &mut JsonReader<'_>) -> Result<Option<usize>, NotJson> {
        if let Some(tag_index) = self.take(reader, RequestedTag::quoted) {
            return Ok(Some(tag_index));
        }
        let JsonValue::Text(tag) = reader.value()? else { return Ok(None) };
        let Some(tag_index) = self.tags.position(&tag.unescape()) else { return Ok(None) };
        self.after[self.last] = tag_index;
        self.last = tag_index + 1;
        Ok(Some(tag_index))
    }
}
