//! Where every account of the list went, and what is meant by each reason for having no row.

use std::fmt::Write;

use super::escape::escape;
use super::text::{bar, count, percent, reasons, told};
use crate::api::error_codes::ErrorCodeRule;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::sidecars::Category;

/// The section of the accounts.
pub fn accounts(manifest: &Manifest) -> String {
    let counts = &manifest.counts;
    let whole = counts.accounts_in_list;
    let ways = [
        ("rows", "have a row", counts.rows),
        ("failed", "failed: were asked for and have no row", counts.failed),
        ("duplicates", "duplicates: repeat an earlier account", counts.duplicates),
        ("invalid", "invalid: are no account id and were never asked", counts.invalid),
    ];
    let segments = ways.map(|(class, _, accounts)| (class, accounts));
    let label = ways.map(|(class, _, accounts)| format!("{class} {}", count(accounts))).join(", ");
    let mut html = format!(
        "<section>\n<h2>Accounts</h2>\n<p>Where every account of the list went.</p>\n{}\n<table class=\"ways\">\n<tbody>\n",
        bar(&label, &segments, whole)
    );
    for (class, words, accounts) in ways {
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><i class=\"key {class}\"></i>{words}</th><td>{}</td><td>{}</td></tr>",
            told(&format!("/counts/{class}"), accounts),
            percent(accounts, whole)
        );
    }
    let _ = writeln!(
        html,
        "</tbody>\n<tfoot><tr><th scope=\"row\">in the list</th><td>{}</td><td></td></tr></tfoot>\n</table>\n{}</section>",
        told("/counts/accounts_in_list", whole),
        failures(manifest)
    );
    html
}

/// Accounts without a row by category and code.
fn failures(manifest: &Manifest) -> String {
    if manifest.failures.is_empty() {
        return "<p>Every account that was asked for has a row.</p>\n".to_owned();
    }
    let rows = manifest.failures.iter().enumerate().map(|(index, failure)| {
        let code = failure.error_code.map(|code| format!(" {code}")).unwrap_or_default();
        let reason = format!("<code>{}{code}</code>", failure.category.name());
        let accounts = told(&format!("/failures/{index}/accounts"), failure.accounts);
        (reason, meaning(failure.category, failure.error_code), accounts)
    });
    format!(
        "<h3>Without a row</h3>\n{}<p class=\"note\">Each of them is in <code>_failed_accounts.csv</code> with its line of the list.</p>\n",
        reasons("Accounts", rows)
    )
}

/// What a category says of an account, and what its code adds.
fn meaning(category: Category, code: Option<i64>) -> String {
    let words = match category {
        Category::NotFound => "not known to the service",
        Category::InternalError => "failed at the service until the attempts were used up",
        Category::Rejected => "refused by the service, alone as in a call with others",
        Category::NoAnswer => "not answered until the attempts were used up",
        Category::InvalidAccount => "no account id: empty, too long, not UTF-8 or a system marker",
    };
    match code.map(ErrorCodeRule::for_code) {
        Some(rule) => format!("{words}: {}", escape(rule.meaning)),
        None => words.to_owned(),
    }
}
