//! `_report.html`: an HTML report with charts, for people. The page is one file that fetches nothing: it has no script, the
//! style and the charts (SVG) are inline, and a policy forbids the browser every request.
//!
//! Pure: the same [`Report`] always gives the same page. Every text that is not the program's own goes through
//! [`visible::Untrusted`].

mod accounts;
mod calls;
mod charts;
mod columns;
mod elements;
mod head;
mod scale;
mod svg;
mod visible;

use maud::{DOCTYPE, PreEscaped, html};

use self::elements::file_link;
use self::visible::Untrusted;
use super::column_totals::ColumnTotals;
use super::timeline::Timeline;
use crate::snapshot::layout::MANIFEST_FILE;
use crate::snapshot::manifest::Manifest;

const STYLE: &str = include_str!("style.css");

/// What the browser may do: use the inline style. The icon is empty and inline as well, so that none is requested.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The content of the page.
#[derive(Debug)]
pub struct Report<'r> {
    pub manifest: &'r Manifest,
    /// The calls of this process.
    pub timeline: &'r Timeline,
    /// When the timeline starts, RFC 3339.
    pub calls_started_at: &'r str,
    /// When this process resumed the run, RFC 3339: the calls of earlier processes are not in the timeline. `None` if it
    /// started the run.
    pub resumed_at: Option<&'r str>,
    /// How long all processes of the run have worked.
    pub worked_seconds: f64,
    pub columns: ColumnTotals,
}

/// The page as HTML.
pub fn page(report: &Report<'_>) -> String {
    let Manifest { job, run, generator, .. } = report.manifest;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="format-detection" content="telephone=no";
                title { (Untrusted(&job.name)) " " (Untrusted(&run.date)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head::head(report))
                    (accounts::accounts(report.manifest))
                    (calls::calls(report))
                    (columns::columns(report))
                    footer {
                        p {
                            "Written by " (generator) ". The same counts for programs are in "
                            (file_link(MANIFEST_FILE)) "."
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests;
