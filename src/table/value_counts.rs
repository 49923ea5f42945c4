//! Counts the distinct values of a column, up to a fixed number of them.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

/// With more distinct values than this, counting stops.
pub const MAX_DISTINCT: usize = 12;

/// With a text longer than this, counting stops.
const MAX_TEXT_BYTES: usize = 64;

/// Number of cached positions, by quick hash; a power of two.
const CACHE_SLOTS: usize = 16;

/// Distinct values with their counts. Once there are too many, the counts are dropped for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BoundedValueCounts<T> {
    values: Option<Vec<(T, u64)>>,
    /// By quick hash, the position in `values` of the last value found, so that most values need no search.
    #[serde(skip)]
    slots: [u8; CACHE_SLOTS],
}

impl<T: PartialEq> PartialEq for BoundedValueCounts<T> {
    fn eq(&self, other: &BoundedValueCounts<T>) -> bool {
        self.values == other.values
    }
}

impl<T: Eq> Eq for BoundedValueCounts<T> {}

impl<T> Default for BoundedValueCounts<T> {
    fn default() -> BoundedValueCounts<T> {
        BoundedValueCounts { values: Some(Vec::new()), slots: [0; CACHE_SLOTS] }
    }
}

/// A hash that costs next to nothing and distinguishes most values of a column.
pub trait QuickHash {
    /// Equal values have equal hashes.
    fn quick_hash(&self) -> usize;
}

impl QuickHash for str {
    fn quick_hash(&self) -> usize {
        self.len() + self.bytes().next_back().map_or(0, usize::from)
    }
}

impl QuickHash for String {
    fn quick_hash(&self) -> usize {
        self.as_str().quick_hash()
    }
}

impl QuickHash for u64 {
    fn quick_hash(&self) -> usize {
        *self as usize
    }
}

impl QuickHash for i64 {
    fn quick_hash(&self) -> usize {
        *self as usize
    }
}

impl QuickHash for i32 {
    fn quick_hash(&self) -> usize {
        *self as usize
    }
}

impl<T: PartialEq> BoundedValueCounts<T> {
    /// Whether counting has stopped.
    pub fn overflowed(&self) -> bool {
        self.values.is_none()
    }

    /// The values and their counts, in order of first occurrence; `None` after an overflow.
    pub fn values(&self) -> Option<&[(T, u64)]> {
        self.values.as_deref()
    }

    #[inline]
    pub fn add<B>(&mut self, value: &B, count: u64)
    where
        T: Borrow<B>,
        B: QuickHash + ToOwned<Owned = T> + PartialEq + ?Sized,
    {
        let Some(values) = &mut self.values else { return };
        let slot = self.slots[value.quick_hash() % CACHE_SLOTS];
        match values.get_mut(usize::from(slot)) {
            Some((known, known_count)) if (*known).borrow() == value => *known_count += count,
            _ => self.search_and_add(value, count),
        }
    }

    fn search_and_add<B>(&mut self, value: &B, count: u64)
    where
        T: Borrow<B>,
        B: QuickHash + ToOwned<Owned = T> + PartialEq + ?Sized,
    {
        let Some(values) = &mut self.values else { return };
        match values.iter().position(|(known, _)| known.borrow() == value) {
            Some(index) => {
                values[index].1 += count;
                self.slots[value.quick_hash() % CACHE_SLOTS] = index as u8;
            }
            None if values.len() < MAX_DISTINCT => values.push((value.to_owned(), count)),
            None => self.values = None,
        }
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &BoundedValueCounts<T>)
    where
        T: Clone + QuickHash,
    {
        match &other.values {
            Some(values) => values.iter().for_each(|(value, count)| self.add(value, *count)),
            None => self.values = None,
        }
    }
}

impl BoundedValueCounts<String> {
    /// Counts a text. A long text stops counting, so that memory stays bounded.
    #[inline]
    pub fn add_text(&mut self, text: &str) {
        if text.len() > MAX_TEXT_BYTES {
            self.values = None;
        }
        self.add(text, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_until_there_are_too_many() {
        let mut counts = BoundedValueCounts::<u64>::default();
        for round in 0..3 {
            for value in 0..MAX_DISTINCT as u64 {
                counts.add(&value, 1);
            }
            let mut counted = counts.values().unwrap().to_vec();
            counted.sort_unstable();
            let expected: Vec<_> = (0..12).map(|value| (value, round + 1)).collect();
            assert_eq!(counted, expected);
        }
        counts.add(&99, 1);
        assert!(counts.overflowed());
        counts.add(&1, 1);
        assert_eq!(counts.values(), None);
    }

    #[test]
    fn values_that_share_a_slot_are_counted_separately() {
        let mut counts = BoundedValueCounts::<String>::default();
        for text in ["axa", "bya", "axa", "cza", "bya", "axa"] {
            counts.add_text(text);
        }
        let expected = [("axa", 3), ("bya", 2), ("cza", 1)].map(|(text, n)| (text.to_owned(), n));
        assert_eq!(counts.values(), Some(&expected[..]));
    }

    #[test]
    fn a_long_text_stops_counting() {
        let mut counts = BoundedValueCounts::<String>::default();
        counts.add_text(&"a".repeat(64));
        assert_eq!(counts.values().unwrap().len(), 1);
        counts.add_text(&"a".repeat(65));
        assert!(counts.overflowed());
    }

    #[test]
    fn counts_are_merged() {
        let count = |texts: &[&str]| {
            let mut counts = BoundedValueCounts::<String>::default();
            texts.iter().for_each(|text| counts.add_text(text));
            counts
        };
        let mut sum = count(&["a", "b", "a"]);
        sum.merge(&count(&["b", "c"]));
        let mut counted = sum.values().unwrap().to_vec();
        counted.sort_unstable();
        assert_eq!(counted, [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 1)]);
        let texts: Vec<String> = (0..13).map(|n| n.to_string()).collect();
        let many = count(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        sum.merge(&many);
        assert!(sum.overflowed());
        sum.merge(&count(&["a"]));
        assert!(sum.overflowed());
    }
}
