//! Numbers, durations and shares as people read them.

use indicatif::HumanCount;

/// A number with its noun, in the singular or plural: `1 part`, `2,000 parts`, `3 entries`.
pub fn counted(number: u64, noun: &str) -> String {
    let digits = HumanCount(number);
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{digits} {stem}ies"),
        (_, None) => format!("{digits} {noun}s"),
    }
}

/// Units of [`duration_text`] from a minute on, with their length in seconds.
const LONG_UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

/// A duration in its two largest units, or with two significant digits: `23 ms`, `1.5 s`, `45 s`, `12 min 5 s`,
/// `1 h`, `2 d 3 h`.
pub fn duration_text(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".to_owned(),
        seconds if seconds < 0.9995 => format!("{} ms", two_digits(seconds * 1000.0)),
        seconds if seconds < 59.5 => format!("{} s", two_digits(seconds)),
        seconds => long_duration_text(seconds.round() as u64),
    }
}

fn long_duration_text(seconds: u64) -> String {
    let first = LONG_UNITS.iter().position(|(_, length)| seconds >= *length).unwrap_or(0);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit, length) in LONG_UNITS.iter().skip(first).take(2) {
        if rest >= *length {
            words.push(format!("{} {unit}", rest / length));
        }
        rest %= length;
    }
    words.join(" ")
}

/// A number with as many decimals as two significant digits take.
pub fn two_digits(number: f64) -> String {
    let decimals = match number {
        0.0 => 0,
        number if number < 0.095 => 3,
        number if number < 0.95 => 2,
        number if number < 9.95 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A share in percent; it reads 0 % only for nothing and 100 % only for everything.
pub fn percent_text(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part == whole {
        return "100 %".to_owned();
    }
    match part as f64 / whole as f64 * 100.0 {
        percent if percent < 0.1 => "< 0.1 %".to_owned(),
        percent if percent > 99.9 => "> 99.9 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        assert_eq!(counted(0, "part"), "0 parts");
        assert_eq!(counted(1, "part"), "1 part");
        assert_eq!(counted(2_000_000, "account"), "2,000,000 accounts");
        assert_eq!([counted(1, "entry"), counted(2, "entry")], ["1 entry", "2 entries"]);
    }

    #[test]
    fn a_duration_has_two_digits_or_its_two_largest_units() {
        let short =
            [0.0, 0.000_451, 0.0234, 0.25, 0.9996, 1.0, 1.53, 9.96, 45.4].map(duration_text);
        assert_eq!(
            short,
            ["0 s", "0.45 ms", "23 ms", "250 ms", "1 s", "1 s", "1.5 s", "10 s", "45 s"]
        );
        let long = [59.7, 60.0, 131.0, 725.0, 3600.0, 3601.0, 5400.0, 90_000.0, 34_560_000.0];
        assert_eq!(
            long.map(duration_text),
            [
                "1 min",
                "1 min",
                "2 min 11 s",
                "12 min 5 s",
                "1 h",
                "1 h",
                "1 h 30 min",
                "1 d 1 h",
                "400 d"
            ]
        );
    }

    #[test]
    fn a_share_reads_none_or_all_only_if_it_is() {
        let texts = [(0, 5), (1, 10_000), (1, 3), (9_999, 10_000), (5, 5), (0, 0)]
            .map(|(part, whole)| percent_text(part, whole));
        assert_eq!(texts, ["0 %", "< 0.1 %", "33.3 %", "> 99.9 %", "100 %", "0 %"]);
    }
}
