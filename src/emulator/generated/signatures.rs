//! Signatures and other free texts of up to 150 characters, most of them short.

use super::super::draw::Draws;
use super::nicks::push_hanzi;
use super::words::{
    AWKWARD_SIGNATURES, CLAUSE_ENDS, COMMON_SIGNATURES, EMOJI, HANZI, LATIN_CLAUSE_ENDS,
    LATIN_WORDS, OTHER_WORDS,
};

/// 498 bytes: the longest text of three-byte characters within the limit of 500 bytes.
const LONGEST_TEXT_CHARACTERS: usize = 166;

/// The longest signature is a few characters longer: its last word and an emoji.
const MAX_CHARACTERS: usize = 140;

pub fn push_signature(draws: &mut Draws, text: &mut String) {
    match draws.below(1024) {
        0..=1 => text.extend(std::iter::repeat_n('字', LONGEST_TEXT_CHARACTERS)),
        2..=30 => text.push_str(draws.pick(&AWKWARD_SIGNATURES)),
        31..=290 => text.push_str(draws.pick_skewed(&COMMON_SIGNATURES)),
        291..=660 => push_chinese(draws, text),
        661..=930 => push_words(draws, &LATIN_WORDS, text),
        _ => push_words(draws, &OTHER_WORDS, text),
    }
    if draws.is_within_percent(8) && text.len() < 400 {
        text.push_str(draws.pick_skewed(&EMOJI));
    }
}

/// Mostly short, since most people write a few words.
fn characters(draws: &mut Draws) -> usize {
    let most = draws.skewed_below(MAX_CHARACTERS);
    4 + draws.skewed_below(most + 1)
}

fn push_chinese(draws: &mut Draws, text: &mut String) {
    let mut left = characters(draws);
    loop {
        let clause = left.min(2 + draws.below(9));
        (0..clause).for_each(|_| push_hanzi(draws, HANZI, text));
        left -= clause;
        if left == 0 {
            return;
        }
        text.push_str(draws.pick_skewed(&CLAUSE_ENDS));
        left -= 1;
    }
}

fn push_words(draws: &mut Draws, words: &[&str], text: &mut String) {
    let end = text.len() + characters(draws) * 3 / 2;
    loop {
        text.push_str(draws.pick_skewed(words));
        if text.len() >= end.min(MAX_CHARACTERS) {
            return;
        }
        text.push_str(if draws.below(6) > 0 { " " } else { draws.pick_skewed(&LATIN_CLAUSE_ENDS) });
    }
}
