//! Finds the column that holds the account, by its exact name, or lists the alternatives.

use super::error::ListError;
use crate::util::visible::visible;

/// Number of names in a message, and the length of each.
const SHOWN_NAMES: usize = 20;
const SHOWN_NAME_CHARS: usize = 64;

/// Position of the column named `wanted`, or of the only column.
pub fn find_column(list: &str, wanted: Option<&str>, names: &[String]) -> Result<usize, ListError> {
    let list = list.to_owned();
    let Some(wanted) = wanted else {
        return match names.len() {
            1 => Ok(0),
            _ => Err(ListError::NoColumnChosen { list, columns: shown(names) }),
        };
    };
    let mut positions = (0..names.len()).filter(|position| names[*position] == wanted);
    match (positions.next(), positions.next()) {
        (Some(position), None) => Ok(position),
        (Some(_), Some(_)) => Err(ListError::RepeatedColumn { list, column: wanted.to_owned() }),
        (None, _) => Err(no_such_column(&list, wanted, names)),
    }
}

/// The error for a column that is not among `names`.
pub fn no_such_column(list: &str, wanted: &str, names: &[String]) -> ListError {
    let nearest = nearest(wanted, names).map(str::to_owned);
    ListError::NoSuchColumn {
        list: list.to_owned(),
        column: wanted.to_owned(),
        columns: shown(names),
        nearest,
    }
}

fn shown(names: &[String]) -> String {
    let cut = |name: &String| -> String {
        let cut: String = name.chars().take(SHOWN_NAME_CHARS).collect();
        let ellipsis = if cut.len() < name.len() { "…" } else { "" };
        format!("{}{ellipsis}", visible(&cut))
    };
    let mut text = names.iter().take(SHOWN_NAMES).map(cut).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN_NAMES {
        text += &format!(" and {} more", names.len() - SHOWN_NAMES);
    }
    if names.is_empty() { "none".to_owned() } else { text }
}

/// The name that was most likely meant: it differs only in case, blanks and punctuation, or in up to two typing errors.
fn nearest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(SHOWN_NAME_CHARS)
            .collect()
    };
    let wanted = plain(wanted);
    let allowed_edits = (wanted.chars().count() / 3).min(2);
    let by_distance =
        names.iter().map(|name| (strsim::levenshtein(&wanted, &plain(name)), name.as_str()));
    by_distance
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= allowed_edits)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_column_is_found_by_its_exact_name() {
        assert_eq!(find_column("l", Some("b"), &names(&["a", "b"])).unwrap(), 1);
        assert_eq!(find_column("l", None, &names(&["a"])).unwrap(), 0);
    }

    #[test]
    fn a_missing_column_is_refused_with_the_existing_ones() {
        let message = |wanted, existing: &[&str]| {
            find_column("l.csv", wanted, &names(existing)).unwrap_err().to_string()
        };
        assert_eq!(
            message(Some("account"), &["id", "Acount "]),
            "account list l.csv has no column \"account\"; it has id, Acount ; did you mean \"Acount \"?"
        );
        assert_eq!(
            message(Some("account"), &["id", "name"]),
            "account list l.csv has no column \"account\"; it has id, name; correct `accounts.column`"
        );
        assert_eq!(
            message(None, &["id", "name"]),
            "account list l.csv has several columns (id, name); name the one that holds the account in `accounts.column`"
        );
        assert_eq!(
            message(Some("id"), &["id", "id"]),
            "account list l.csv has more than one column \"id\"; rename all but one"
        );
    }

    #[test]
    fn long_lists_of_columns_are_truncated() {
        let wide: Vec<String> = (0..1000).map(|n| format!("c{n}{}", "x".repeat(1000))).collect();
        let message = find_column("l", Some("account"), &wide).unwrap_err().to_string();
        assert!(message.contains("and 980 more"));
        assert!(message.len() < 2000);
    }

    #[test]
    fn only_a_similar_name_is_suggested() {
        let nearest_to = |wanted, name: &str| nearest(wanted, &names(&["zzzzzz", name])).is_some();
        assert!(nearest_to("user_id", "USERID"));
        assert!(nearest_to("account", "accounts"));
        assert!(nearest_to("account", "acocunt"));
        assert!(!nearest_to("account", "amount_due"));
        assert!(!nearest_to("id", "ip"));
    }
}
