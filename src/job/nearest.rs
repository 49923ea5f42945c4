//! The word that was probably meant.

/// Longest word worth a guess, in characters: the work grows with its square.
const MAX_WORD_CHARS: usize = 64;

/// The candidate nearest to `word`, if one is near enough to be what was meant: at most a third of the letters differ.
/// Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    if word.len() > MAX_WORD_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits * 3 <= candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(left: &[char], right: &str) -> usize {
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (done, right_char) in right.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = done + 1;
        for (column, left_char) in left.iter().enumerate() {
            let replaced = diagonal + usize::from(*left_char != right_char);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[left.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["calls_per_second", "max_in_flight", "timeout", "region"];

    #[test]
    fn distances_are_the_known_ones() {
        let of = |left: &str, right| distance(&left.chars().collect::<Vec<_>>(), right);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", "abc"), 0);
    }

    #[test]
    fn a_near_word_is_guessed_and_a_far_one_is_not() {
        assert_eq!(nearest("calls_per_sec", KEYS), Some("calls_per_second"));
        assert_eq!(nearest("Time-out", KEYS), Some("timeout"));
        assert_eq!(nearest("colour", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest(&"t".repeat(100_000), KEYS), None);
    }
}
