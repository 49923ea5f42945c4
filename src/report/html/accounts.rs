//! The section of the accounts: how each account of the list ended, and what the failures mean.

use maud::{Markup, html};

use super::elements::{ReasonRow, count, file_link, manifest_count, reason_table, stacked_bar};
use crate::api::error_codes::ErrorCodeRule;
use crate::snapshot::layout::FAILED_ACCOUNTS_FILE;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::sidecars::Category;
use crate::util::human::percent_text;

pub fn accounts(manifest: &Manifest) -> Markup {
    let counts = &manifest.counts;
    let whole = counts.accounts_in_list;
    let outcomes = [
        ("rows", "exported: have a row", counts.rows),
        ("failed", "failed: were requested and have no row", counts.failed),
        ("duplicates", "duplicates: repeat an earlier account", counts.duplicates),
        ("invalid", "invalid: are not account ids and were not requested", counts.invalid),
    ];
    let segments = outcomes.map(|(class, _, accounts)| (class, accounts));
    let removal = match manifest.account_list.duplicate_removal.as_str() {
        "adjacent" => {
            Some("Only adjacent duplicates were removed: an account may have several rows.")
        }
        "none" => Some("Duplicates were not removed: an account may have several rows."),
        _ => None,
    };
    let label =
        outcomes.map(|(class, _, accounts)| format!("{class} {}", count(accounts))).join(", ");
    html! {
        section {
            h2 { "Accounts" }
            p { "Every account of the list by outcome." @if let Some(removal) = removal { " " (removal) } }
            (stacked_bar(&label, &segments, whole))
            table.ways {
                tbody {
                    @for (class, words, accounts) in outcomes {
                        tr {
                            th scope="row" { i.key.(class) {} (words) }
                            td { (manifest_count(&format!("/counts/{class}"), accounts)) }
                            td { (percent_text(accounts, whole)) }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { "in the list" }
                        td { (manifest_count("/counts/accounts_in_list", whole)) }
                        td {}
                    }
                }
            }
            (failures(manifest))
        }
    }
}

/// Accounts without a row by category and code.
fn failures(manifest: &Manifest) -> Markup {
    if manifest.failures.is_empty() {
        return html! { p { "Every requested account has a row." } };
    }
    let rows = manifest.failures.iter().enumerate().map(|(index, failure)| ReasonRow {
        reason: html! {
            code {
                (failure.category.name())
                @if let Some(code) = failure.error_code { " " (code) }
            }
        },
        meaning: meaning(failure.category, failure.error_code),
        count: manifest_count(&format!("/failures/{index}/accounts"), failure.accounts),
    });
    html! {
        h3 { "Without a row" }
        (reason_table("Accounts", rows))
        p.note {
            "Each of them is listed in " (file_link(FAILED_ACCOUNTS_FILE)) " with its line in the account list."
        }
    }
}

/// What a category and an error code mean for an account.
fn meaning(category: Category, code: Option<i64>) -> String {
    let words = match category {
        Category::NotFound => "does not exist in the app",
        Category::InternalError => "failed at the service until the attempts were used up",
        Category::Rejected => "refused by the service, also in a call of its own",
        Category::NoAnswer => "no response until the attempts were used up",
        Category::InvalidAccount => {
            "not an account id: empty, too long, not UTF-8 or a system marker"
        }
    };
    match code.map(ErrorCodeRule::for_code) {
        Some(rule) => format!("{words}: {}", rule.meaning),
        None => words.to_owned(),
    }
}
