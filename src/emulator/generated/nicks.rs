//! Nicks of 2 to 30 characters: names and nicknames in the scripts that the users of an international app write.

use super::super::draw::Draws;
use super::push_decimal;
use super::words::{
    ARABIC, AWKWARD_ENDINGS, CYRILLIC, EMOJI, EPITHETS, FIRST_NAMES, GIVEN, HANZI, JAPANESE,
    LAST_NAMES, NOUNS, OTHER_SCRIPTS, SURNAMES,
};

/// Bytes of a character of the tables of Chinese characters.
const HANZI_BYTES: usize = 3;

pub fn push_nick(draws: &mut Draws, text: &mut String) {
    match draws.below(100) {
        0..=8 => {
            // What an app names its users until they choose a nick.
            text.push_str("用户");
            push_decimal(text, 10_000_000 + draws.below(90_000_000) as u64);
        }
        9..=30 => {
            push_hanzi(draws, SURNAMES, text);
            (0..=draws.below(2)).for_each(|_| push_hanzi(draws, GIVEN, text));
        }
        31..=44 => {
            text.push_str(draws.pick(&EPITHETS));
            text.push('的');
            text.push_str(draws.pick(&NOUNS));
            push_number_or_nothing(draws, text);
        }
        45..=54 => (0..2 + draws.below(5)).for_each(|_| push_hanzi(draws, HANZI, text)),
        55..=66 => push_full_name(draws, &FIRST_NAMES, &LAST_NAMES, text),
        67..=79 => push_handle(draws, text),
        80..=84 => push_full_name(draws, &JAPANESE, &JAPANESE, text),
        85..=89 => push_full_name(draws, &CYRILLIC, &CYRILLIC, text),
        90..=93 => push_full_name(draws, &ARABIC, &ARABIC, text),
        94..=96 => push_full_name(draws, &OTHER_SCRIPTS, &OTHER_SCRIPTS, text),
        _ => {
            text.push_str(draws.pick(&EMOJI));
            push_hanzi(draws, HANZI, text);
            text.push_str(draws.pick(&EMOJI));
        }
    }
    match draws.below(100) {
        0..=7 => text.push_str(draws.pick_skewed(&EMOJI)),
        8..=10 => text.push_str(draws.pick(&AWKWARD_ENDINGS)),
        _ => {}
    }
}

/// One of the characters of a table, the first ones more often.
pub fn push_hanzi(draws: &mut Draws, table: &str, text: &mut String) {
    let start = HANZI_BYTES * draws.skewed_below(table.len() / HANZI_BYTES);
    text.push_str(&table[start..start + HANZI_BYTES]);
}

fn push_full_name(draws: &mut Draws, first: &[&str], last: &[&str], text: &mut String) {
    text.push_str(draws.pick(first));
    if draws.is_within_percent(60) {
        text.push(' ');
        text.push_str(draws.pick(last));
    } else {
        push_number_or_nothing(draws, text);
    }
}

/// Such as `anna.chen_1987`.
fn push_handle(draws: &mut Draws, text: &mut String) {
    let start = text.len();
    text.push_str(draws.pick(&FIRST_NAMES));
    text.push_str(draws.pick(&["_", ".", "", "-"]));
    text.push_str(draws.pick(&LAST_NAMES));
    text[start..].make_ascii_lowercase();
    push_number_or_nothing(draws, text);
}

fn push_number_or_nothing(draws: &mut Draws, text: &mut String) {
    match draws.below(4) {
        0 => {
            text.push_str(draws.pick(&["_", "", "", " "]));
            push_decimal(text, draws.below(10_000) as u64);
        }
        1 => push_decimal(text, 1960 + draws.below(55) as u64),
        _ => {}
    }
}
