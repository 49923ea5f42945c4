//! The table that compares exports with the peer.

use crate::calls::ACCOUNTS_PER_CALL;
use crate::child::Usage;
use crate::options::Options;
use crate::table::{self, median, mib, nothing, two_decimals, whole};

/// The runs of an export and of the peer, one of each per round; those of the peer are empty without one.
pub struct Compared {
    pub title: String,
    pub export: Vec<Usage>,
    pub peer: Vec<Usage>,
}

/// Prints a row for each comparison.
pub fn print(compared: &[Compared], options: &Options) {
    let millions = options.accounts as f64 / 1e6;
    let calls = (options.accounts / ACCOUNTS_PER_CALL) as f64;
    let rows = compared.iter().map(|Compared { title, export, peer }| {
        let has_peer = !peer.is_empty();
        let of_peer = |text: String| if has_peer { text } else { nothing() };
        vec![
            title.clone(),
            two_decimals(median_of(export, cpu_seconds) / millions),
            of_peer(two_decimals(median_of(peer, cpu_seconds) / millions)),
            of_peer(two_decimals(median_ratio(peer, export))),
            mib(peak_rss_bytes(export)),
            of_peer(mib(peak_rss_bytes(peer))),
            two_decimals(median_of(export, |run| run.voluntary_switches as f64) / calls),
            of_peer(two_decimals(median_of(peer, |run| run.voluntary_switches as f64) / calls)),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let (accounts, rounds) = (whole(options.accounts as f64), options.rounds);
    let head = [
        "",
        "export: CPU s/million",
        "peer: CPU s/million",
        "peer / export",
        "export: peak RSS MiB",
        "peer: peak RSS MiB",
        "export: switches/call",
        "peer: switches/call",
    ];
    table::print(&format!("{accounts} accounts, medians of {rounds} rounds"), &head, &rows);
}

pub fn cpu_seconds(run: &Usage) -> f64 {
    run.cpu_seconds
}

/// The highest peak of the runs.
pub fn peak_rss_bytes(runs: &[Usage]) -> u64 {
    runs.iter().map(|run| run.peak_rss_bytes).max().unwrap_or_default()
}

/// The median of a quantity; 0 without runs.
pub fn median_of(runs: &[Usage], quantity: impl Fn(&Usage) -> f64) -> f64 {
    if runs.is_empty() { 0.0 } else { median(runs.iter().map(quantity).collect()) }
}

/// Median of the ratios of CPU time within each round: a busy machine slows down everything in a round equally.
fn median_ratio(runs: &[Usage], others: &[Usage]) -> f64 {
    if runs.is_empty() {
        return 0.0;
    }
    let ratios = runs.iter().zip(others).map(|(run, other)| run.cpu_seconds / other.cpu_seconds);
    median(ratios.collect())
}
