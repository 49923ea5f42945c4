//! Statistics of the columns over all parts of a snapshot.

use crate::snapshot::parts::CommittedPart;
use crate::table::statistics::ColumnStatistics;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnTotals {
    /// Rows that the statistics cover.
    pub rows: u64,
    /// The columns, `account` first; empty if no row is covered.
    pub columns: Vec<ColumnStatistics>,
}

impl ColumnTotals {
    /// Sums up parts; those of an earlier version without statistics are left out.
    pub fn of(parts: &[CommittedPart]) -> ColumnTotals {
        let mut totals = ColumnTotals::default();
        for part in parts.iter().filter(|part| !part.columns.is_empty()) {
            totals.rows += part.rows;
            if totals.columns.is_empty() {
                totals.columns.clone_from(&part.columns);
                continue;
            }
            for (total, column) in totals.columns.iter_mut().zip(&part.columns) {
                total.merge(column);
            }
        }
        totals
    }
}
