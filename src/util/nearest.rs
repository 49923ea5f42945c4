//! The known word that a misspelled one stands for.

/// Longest word that is compared, in characters: the work grows with its square.
const MAX_WORD_CHARS: usize = 64;

/// Returns the candidate nearest to `word` if at most a third of its letters differ. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    if word.chars().count() > MAX_WORD_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits * 3 <= candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["calls_per_second", "max_in_flight", "timeout", "region"];

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("calls_per_sec", KEYS), Some("calls_per_second"));
        assert_eq!(nearest("Time-out", KEYS), Some("timeout"));
        assert_eq!(nearest("color", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest(&"t".repeat(100_000), KEYS), None);
    }
}
