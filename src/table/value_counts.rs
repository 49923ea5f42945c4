//! The distinct values of a column with their counts, as long as they are few.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

/// A column with more distinct values than this has many.
pub const MOST_DISTINCT: usize = 12;

/// A column with a longer text than this, in bytes, has many distinct values.
const LONGEST_KEPT_BYTES: usize = 64;

/// Places to look for a value first; a power of two.
const CACHE_SLOTS: usize = 16;

/// Distinct values, each with how often it came; given up for good when they are no longer few.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BoundedValueCounts<T> {
    values: Option<Vec<(T, u64)>>,
    /// Where in `values` the last one with this seat was. Values that come in no order are found without a search.
    #[serde(skip)]
    seats: [u8; CACHE_SLOTS],
}

impl<T: PartialEq> PartialEq for BoundedValueCounts<T> {
    fn eq(&self, other: &BoundedValueCounts<T>) -> bool {
        self.values == other.values
    }
}

impl<T: Eq> Eq for BoundedValueCounts<T> {}

impl<T> Default for BoundedValueCounts<T> {
    fn default() -> BoundedValueCounts<T> {
        BoundedValueCounts { values: Some(Vec::new()), seats: [0; CACHE_SLOTS] }
    }
}

/// What tells most values from the few others of a column at a glance.
pub trait QuickHash {
    /// Any number that is the same for equal values.
    fn glance(&self) -> usize;
}

impl QuickHash for str {
    fn glance(&self) -> usize {
        self.len() + self.bytes().next_back().map_or(0, usize::from)
    }
}

impl QuickHash for String {
    fn glance(&self) -> usize {
        self.as_str().glance()
    }
}

impl QuickHash for u64 {
    fn glance(&self) -> usize {
        *self as usize
    }
}

impl QuickHash for i32 {
    fn glance(&self) -> usize {
        *self as usize
    }
}

impl<T: PartialEq> BoundedValueCounts<T> {
    /// Whether there are more than [`MOST_DISTINCT`].
    pub fn overflowed(&self) -> bool {
        self.values.is_none()
    }

    /// The values and their counts, in the order in which they came first; none where they are many.
    pub fn values(&self) -> Option<&[(T, u64)]> {
        self.values.as_deref()
    }

    /// Counts a value.
    pub fn add<B>(&mut self, value: &B, count: u64)
    where
        T: Borrow<B>,
        B: QuickHash + ToOwned<Owned = T> + PartialEq + ?Sized,
    {
        let Some(values) = &mut self.values else { return };
        let seat = &mut self.seats[value.glance() % CACHE_SLOTS];
        if let Some((known, times)) = values.get_mut(usize::from(*seat))
            && (*known).borrow() == value
        {
            *times += count;
            return;
        }
        match values.iter().position(|(known, _)| known.borrow() == value) {
            Some(index) => {
                values[index].1 += count;
                *seat = index as u8;
            }
            None if values.len() < MOST_DISTINCT => values.push((value.to_owned(), count)),
            None => self.values = None,
        }
    }

    /// Counts what was counted elsewhere.
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
    /// Counts a text; a long one makes them many, so that what is kept stays small whatever comes.
    pub fn add_text(&mut self, text: &str) {
        if text.len() > LONGEST_KEPT_BYTES {
            self.values = None;
        }
        self.add(text, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_until_they_are_many() {
        let mut few = BoundedValueCounts::<u64>::default();
        for round in 0..3 {
            for value in 0..MOST_DISTINCT as u64 {
                few.add(&value, 1);
            }
            let mut counted = few.values().unwrap().to_vec();
            counted.sort_unstable();
            let expected: Vec<_> = (0..12).map(|value| (value, round + 1)).collect();
            assert_eq!(counted, expected);
        }
        few.add(&99, 1);
        assert!(few.overflowed());
        few.add(&1, 1);
        assert_eq!(few.values(), None);
    }

    #[test]
    fn values_that_share_a_seat_are_told_apart() {
        let mut few = BoundedValueCounts::<String>::default();
        for text in ["axa", "bya", "axa", "cza", "bya", "axa"] {
            few.add_text(text);
        }
        let expected = [("axa", 3), ("bya", 2), ("cza", 1)].map(|(text, n)| (text.to_owned(), n));
        assert_eq!(few.values(), Some(&expected[..]));
    }

    #[test]
    fn a_long_text_is_not_kept() {
        let mut few = BoundedValueCounts::<String>::default();
        few.add_text(&"a".repeat(64));
        assert_eq!(few.values().unwrap().len(), 1);
        few.add_text(&"a".repeat(65));
        assert!(few.overflowed());
    }

    #[test]
    fn counts_of_parts_add_up() {
        let of = |texts: &[&str]| {
            let mut few = BoundedValueCounts::<String>::default();
            texts.iter().for_each(|text| few.add_text(text));
            few
        };
        let mut sum = of(&["a", "b", "a"]);
        sum.merge(&of(&["b", "c"]));
        let mut counted = sum.values().unwrap().to_vec();
        counted.sort_unstable();
        assert_eq!(counted, [("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 1)]);
        let texts: Vec<String> = (0..13).map(|n| n.to_string()).collect();
        let many = of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        sum.merge(&many);
        assert!(sum.overflowed());
        sum.merge(&of(&["a"]));
        assert!(sum.overflowed());
    }
}
