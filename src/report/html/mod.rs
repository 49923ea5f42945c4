//! `_report.html`: a run in pictures, for people. One file that fetches nothing: no script, the style inside, pictures as
//! inline SVG, and a policy that forbids the browser every request.
//!
//! Pure: the same [`Report`] always gives the same page. Every text that is not the program's own goes through [`escape`].

pub mod accounts;
pub mod calls;
pub mod charts;
pub mod columns;
pub mod escape;
pub mod head;
pub mod scale;
pub mod text;

use self::columns::ColumnTotals;
use self::escape::escape;
use super::timeline::Timeline;
use crate::snapshot::manifest::Manifest;

const STYLE: &str = include_str!("style.css");

/// What the browser may do: use the style inside. The icon is empty and inside as well, so that none is asked for.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The run was gone on with, so that calls of an earlier process are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// When, RFC 3339.
    pub at: String,
}

/// What the page tells.
#[derive(Debug)]
pub struct Report<'r> {
    /// All counts.
    pub manifest: &'r Manifest,
    /// The calls of this process.
    pub timeline: &'r Timeline,
    /// When the time of the timeline began, RFC 3339.
    pub calls_began_at: &'r str,
    /// Whether the run was resumed by this process.
    pub resumed: Option<Resumed>,
    /// What the values of the columns are like.
    pub columns: ColumnTotals,
}

/// The page.
pub fn page(report: &Report<'_>) -> String {
    let Manifest { job, run, generator, .. } = report.manifest;
    let title = escape(&format!("{} {}", job.name, run.date));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"format-detection\" content=\"telephone=no\">\n\
         <title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         {}{}{}{}<footer>\n<p>Written by {generator}. The same counts for programs are in <code>_manifest.json</code>.</p>\n\
         </footer>\n</main>\n</body>\n</html>\n",
        head::head(report),
        accounts::accounts(report.manifest),
        calls::calls(report),
        columns::columns(report),
    )
}

#[cfg(test)]
mod tests;
