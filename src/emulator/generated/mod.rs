//! Values generated from the seed, the account and the tag.
//!
//! They have the lengths, alphabets and frequencies of real ones: few genders, many defaults, short signatures with a
//! long tail. A small share of them breaks careless readers (commas, quotes, newlines, combining characters, `NULL`,
//! 64-bit numbers). A value costs no allocation.

mod images;
mod nicks;
mod signatures;
mod words;

use super::draw::{Draws, falls_within, mix, pick};
use super::json_text::Digits;
use super::profiles::ProfileValueRef;
use super::settings::{PopulationSettings, Quirks};
use super::tags::TagKind;

const GENDERS: [&str; 3] = ["Gender_Type_Unknown", "Gender_Type_Female", "Gender_Type_Male"];
const ALLOW_TYPES: [&str; 3] =
    ["AllowType_Type_AllowAny", "AllowType_Type_NeedConfirm", "AllowType_Type_DenyAny"];
const ADMIN_FORBIDS: [&str; 2] = ["AdminForbid_Type_None", "AdminForbid_Type_SendOut"];

/// What a form preselects.
const DEFAULT_BIRTHDAY: u64 = 19_900_101;
const INVALID_BIRTHDAYS: [u64; 4] = [20_010_229, 19_991_131, 19_000_000, 85];

/// Purposes of the random decisions about one value.
const UNSET: u64 = 1;
const EMPTY: u64 = 2;
const CONTROL: u64 = 3;
const DIGITS: u64 = 4;
const SURROGATE: u64 = 5;
const CHOICE: u64 = 6;
const NO_DATE: u64 = 8;

/// Whether a text is sent as a JSON number.
pub fn is_sent_as_number(hash: u64, quirks: &Quirks) -> bool {
    falls_within(mix(hash, DIGITS), quirks.strings_as_numbers)
}

/// The value for the hash of an account and a tag; `None` if the account never set it.
pub fn value<'s>(
    kind: TagKind,
    hash: u64,
    settings: &PopulationSettings,
    quirks: &Quirks,
    scratch: &'s mut String,
) -> Option<ProfileValueRef<'s>> {
    if falls_within(mix(hash, UNSET), settings.unset) {
        return None;
    }
    let mut draws = Draws::new(mix(hash, CHOICE));
    let number = match kind {
        TagKind::BirthDay if falls_within(mix(hash, NO_DATE), settings.invalid_birthdays) => {
            pick(&INVALID_BIRTHDAYS, draws.draw())
        }
        TagKind::BirthDay => birthday(&mut draws),
        TagKind::Flag => u64::from(draws.is_within_percent(12)),
        TagKind::Uint32 => level(&mut draws),
        TagKind::Number => number(&mut draws),
        _ => {
            let text = text(kind, hash, &mut draws, (settings, quirks), scratch);
            return Some(ProfileValueRef::Text(text));
        }
    };
    Some(ProfileValueRef::Number(number))
}

fn text<'s>(
    kind: TagKind,
    hash: u64,
    draws: &mut Draws,
    (settings, quirks): (&PopulationSettings, &Quirks),
    scratch: &'s mut String,
) -> &'s str {
    match kind {
        TagKind::Gender => return GENDERS[weighted_index(draws, &[62, 20, 18])],
        TagKind::AllowType => return ALLOW_TYPES[weighted_index(draws, &[80, 17, 3])],
        TagKind::AdminForbid => return ADMIN_FORBIDS[weighted_index(draws, &[98, 2])],
        _ if falls_within(mix(hash, EMPTY), settings.empty) => return "",
        TagKind::Location => return draws.pick_skewed(&words::PLACES),
        _ => scratch.clear(),
    }
    match kind {
        TagKind::Image => images::push_image(draws, scratch),
        _ if is_sent_as_number(hash, quirks) => push_decimal(scratch, number(draws)),
        TagKind::Nick => {
            nicks::push_nick(draws, scratch);
            if falls_within(mix(hash, SURROGATE), quirks.lone_surrogates) {
                scratch.push('\u{fffd}');
            }
        }
        _ => signatures::push_signature(draws, scratch),
    }
    if falls_within(mix(hash, CONTROL), settings.control_characters) {
        scratch.push_str("\u{0}\u{1}\u{8}\u{1f}\u{7f}");
    }
    scratch
}

/// An index, with frequencies in percent.
fn weighted_index(draws: &mut Draws, percents: &[usize]) -> usize {
    let drawn = draws.below(100);
    let mut sum = 0;
    percents
        .iter()
        .take_while(|&&percent| {
            sum += percent;
            sum <= drawn
        })
        .count()
}

/// A date as yyyymmdd.
fn birthday(draws: &mut Draws) -> u64 {
    if draws.is_within_percent(8) {
        return DEFAULT_BIRTHDAY;
    }
    let year = 1950 + draws.below(32) + draws.below(33);
    let (month, day) = (1 + draws.below(12), 1 + draws.below(28));
    (year * 10_000 + month * 100 + day) as u64
}

/// A language, a level or a role: mostly 0 or small, rarely a limit of 32 bits.
fn level(draws: &mut Draws) -> u64 {
    match draws.below(200) {
        0..=99 => 0,
        100..=169 => 1 + draws.skewed_below(9) as u64,
        170..=196 => draws.skewed_below(1_000) as u64,
        197 => u64::from(u32::MAX),
        198 => u64::from(u32::MAX >> 1) + draws.below(2) as u64,
        _ => draws.draw() >> 32,
    }
}

/// The number of a custom tag: mostly 0 or small, at times a limit of 32 or 64 bits.
fn number(draws: &mut Draws) -> u64 {
    match draws.below(100) {
        0..=29 => 0,
        30..=92 => draws.skewed_below(100_000) as u64,
        93 => u64::MAX,
        94 => u64::from(u32::MAX),
        95 => i64::MAX as u64 + draws.below(2) as u64,
        96 => draws.draw(),
        _ => draws.draw() >> 24,
    }
}

fn push_decimal(text: &mut String, number: u64) {
    text.extend(Digits::new(number).as_bytes().iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all_of(kind: TagKind, quirks: &Quirks) -> Vec<Option<String>> {
        let settings = PopulationSettings { unset: 0.2, empty: 0.1, ..Default::default() };
        let mut scratch = String::new();
        let values = (0..8_000).map(|account| {
            value(kind, mix(account, 99), &settings, quirks, &mut scratch).map(
                |value| match value {
                    ProfileValueRef::Text(text) => text.to_owned(),
                    ProfileValueRef::Number(number) => number.to_string(),
                },
            )
        });
        values.collect()
    }

    #[test]
    fn nicks_are_names_of_many_scripts() {
        let nicks = all_of(TagKind::Nick, &Quirks::default());
        let nicks: Vec<&String> = nicks.iter().flatten().filter(|nick| !nick.is_empty()).collect();
        for nick in &nicks {
            assert!((2..=30).contains(&nick.chars().count()), "{nick:?}");
        }
        assert!(nicks.iter().collect::<HashSet<_>>().len() > nicks.len() * 9 / 10);
        for (script, letters, percents) in [
            ("Chinese", '\u{4e00}'..='\u{9fff}', 40..70),
            ("Latin", 'a'..='z', 20..40),
            ("Japanese", '\u{3040}'..='\u{30ff}', 1..8),
            ("Cyrillic", '\u{400}'..='\u{4ff}', 2..9),
            ("Arabic", '\u{600}'..='\u{6ff}', 2..8),
            ("emoji", '\u{1f300}'..='\u{1faff}', 5..15),
        ] {
            let written = nicks.iter().filter(|nick| nick.contains(|c| letters.contains(&c)));
            let percent = 100 * written.count() / nicks.len();
            assert!(percents.contains(&percent), "{percent} % of nicks are {script}");
        }
    }

    #[test]
    fn texts_contain_what_breaks_careless_readers() {
        let nicks = all_of(TagKind::Nick, &Quirks::default());
        assert!(nicks.iter().filter(|nick| nick.is_none()).count() > 1_200);
        assert!(nicks.iter().flatten().filter(|nick| nick.is_empty()).count() > 500);
        for piece in [",", "\"", "\n", "\r\n", "\\", "\t", "=1+1", "👨‍👩‍👧‍👦", "e\u{301}"]
        {
            assert!(nicks.iter().flatten().any(|nick| nick.contains(piece)), "{piece:?}");
        }
        let signatures = all_of(TagKind::Text, &Quirks::default());
        for text in ["NULL", "0", "\\N", "18446744073709551616"] {
            assert!(signatures.contains(&Some(text.to_owned())), "{text:?}");
        }
        for piece in ["\"", "\n", "\\", "\r\n", "\t", "☕️", "\u{2028}"] {
            assert!(signatures.iter().flatten().any(|text| text.contains(piece)), "{piece:?}");
        }
    }

    #[test]
    fn signatures_are_short_with_a_long_tail() {
        let texts = all_of(TagKind::Text, &Quirks::default());
        let mut lengths: Vec<usize> = texts.iter().flatten().map(|t| t.chars().count()).collect();
        lengths.sort_unstable();
        let longest = lengths.partition_point(|&length| length <= 150);
        assert!((8..20).contains(&lengths[lengths.len() / 2]), "{}", lengths[lengths.len() / 2]);
        assert!(lengths[..longest].last() > Some(&100), "{:?}", lengths[..longest].last());
        assert!(lengths[longest..].iter().all(|&length| length == 166), "the longest of all");
        assert!(texts.iter().flatten().collect::<HashSet<_>>().len() > texts.len() / 3);
    }

    #[test]
    fn defaults_are_frequent() {
        let share = |kind, value: &str| {
            let values = all_of(kind, &Quirks::default());
            let set = values.iter().flatten().filter(|other| !other.is_empty()).count();
            100 * values.iter().flatten().filter(|other| *other == value).count() / set
        };
        assert!((58..66).contains(&share(TagKind::Gender, GENDERS[0])));
        assert!((76..84).contains(&share(TagKind::AllowType, ALLOW_TYPES[0])));
        assert!((5..11).contains(&share(TagKind::BirthDay, "19900101")));
        assert!((84..92).contains(&share(TagKind::Flag, "0")));
        assert!((45..55).contains(&share(TagKind::Uint32, "0")));
        let images = all_of(TagKind::Image, &Quirks::default());
        let defaults = images.iter().flatten().filter(|image| image.contains("/default_"));
        assert!((700..1_500).contains(&defaults.count()));
        let hosts = images.iter().flatten().filter_map(|image| image.split('/').nth(2));
        assert!(hosts.collect::<HashSet<_>>().len() > 30);
    }

    #[test]
    fn numbers_include_the_limits_of_32_and_64_bits() {
        let numbers: HashSet<_> =
            all_of(TagKind::Number, &Quirks::default()).into_iter().flatten().collect();
        for border in ["0", "18446744073709551615", "4294967295", "9223372036854775808"] {
            assert!(numbers.contains(border), "{border}");
        }
        let small = all_of(TagKind::Uint32, &Quirks::default());
        assert!(small.iter().flatten().all(|number| number.parse::<u32>().is_ok()));
        assert!(small.contains(&Some(u32::MAX.to_string())));
    }

    #[test]
    fn birthdays_are_dates() {
        for day in all_of(TagKind::BirthDay, &Quirks::default()).into_iter().flatten() {
            assert!(jiff::civil::Date::strptime("%Y%m%d", &day).is_ok(), "{day}");
        }
    }

    #[test]
    fn invalid_birthdays_are_not_dates() {
        let settings = PopulationSettings { invalid_birthdays: 1.0, ..Default::default() };
        let mut scratch = String::new();
        for hash in 0..100 {
            let kind = TagKind::BirthDay;
            let day = value(kind, mix(hash, 9), &settings, &Quirks::default(), &mut scratch);
            let Some(ProfileValueRef::Number(day)) = day else { continue };
            assert!(jiff::civil::Date::strptime("%Y%m%d", day.to_string()).is_err(), "{day}");
        }
    }

    #[test]
    fn texts_are_within_the_limits_of_the_service() {
        for (kind, max_bytes) in [
            (TagKind::Nick, 500),
            (TagKind::Text, 500),
            (TagKind::Location, 16),
            (TagKind::Image, 500),
        ] {
            let longest = all_of(kind, &Quirks::default()).iter().flatten().map(String::len).max();
            assert!(longest <= Some(max_bytes), "{kind:?} {longest:?}");
        }
        assert!(all_of(TagKind::Text, &Quirks::default()).iter().flatten().any(|t| t.len() == 498));
    }

    #[test]
    fn quirks_change_texts() {
        let digits = Quirks { strings_as_numbers: 1.0, ..Quirks::default() };
        let texts = all_of(TagKind::Text, &digits);
        assert!(texts.iter().flatten().all(|text| text.is_empty() || text.parse::<u64>().is_ok()));
        let halves = Quirks { lone_surrogates: 1.0, ..Quirks::default() };
        let nicks = all_of(TagKind::Nick, &halves);
        assert!(nicks.iter().flatten().all(|nick| nick.is_empty() || nick.ends_with('\u{fffd}')));
    }
}
