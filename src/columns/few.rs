//! The distinct values of a column with their counts, as long as they are few.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

/// A column with more distinct values than this has many.
pub const MOST_DISTINCT: usize = 12;

/// A column with a longer text than this, in bytes, has many distinct values.
const LONGEST_KEPT_BYTES: usize = 64;

/// Distinct values, each with how often it came; given up for good when they are no longer few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Few<T>(Option<Vec<(T, u64)>>);

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few(Some(Vec::new()))
    }
}

impl<T: PartialEq> Few<T> {
    /// Whether there are more than [`MOST_DISTINCT`].
    pub fn are_many(&self) -> bool {
        self.0.is_none()
    }

    /// The values and their counts, in no order worth showing; none where they are many.
    pub fn values(&self) -> Option<&[(T, u64)]> {
        self.0.as_deref()
    }

    /// Counts a value. The one that came last is the first to be compared: equal values come in rows.
    pub fn add<B>(&mut self, value: &B, count: u64)
    where
        T: Borrow<B>,
        B: ToOwned<Owned = T> + PartialEq + ?Sized,
    {
        let Some(values) = &mut self.0 else { return };
        match values.iter().position(|(known, _)| known.borrow() == value) {
            Some(index) => {
                values[index].1 += count;
                values.swap(0, index);
            }
            None if values.len() < MOST_DISTINCT => values.push((value.to_owned(), count)),
            None => self.0 = None,
        }
    }

    /// Counts what was counted elsewhere.
    pub fn merge(&mut self, other: &Few<T>)
    where
        T: Clone,
    {
        match &other.0 {
            Some(values) => values.iter().for_each(|(value, count)| self.add(value, *count)),
            None => self.0 = None,
        }
    }
}

impl Few<String> {
    /// Counts a text; a long one makes them many, so that what is kept stays small whatever comes.
    pub fn add_text(&mut self, text: &str) {
        if text.len() > LONGEST_KEPT_BYTES {
            self.0 = None;
        }
        self.add(text, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_until_they_are_many() {
        let mut few = Few::<u64>::default();
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
        assert!(few.are_many());
        few.add(&1, 1);
        assert_eq!(few.values(), None);
    }

    #[test]
    fn a_long_text_is_not_kept() {
        let mut few = Few::<String>::default();
        few.add_text(&"a".repeat(64));
        assert_eq!(few.values().unwrap().len(), 1);
        few.add_text(&"a".repeat(65));
        assert!(few.are_many());
    }

    #[test]
    fn counts_of_parts_add_up() {
        let of = |texts: &[&str]| {
            let mut few = Few::<String>::default();
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
        assert!(sum.are_many());
        sum.merge(&of(&["a"]));
        assert!(sum.are_many());
    }
}
