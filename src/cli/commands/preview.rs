//! `preview`: prints the first rows of a job as a table.

use std::env;
use std::io::{self, IsTerminal, Write};

use arrow_array::RecordBatch;
use tracing::warn;

use super::print::print;
use crate::cli::{Flags, PreviewArgs};
use crate::export::load_job;
use crate::export::preview::{Preview, preview as preview_export};
use crate::observability::LogFormat;
use crate::observability::progress::Reporter;
use crate::report::table::{TableColumn, table};
use crate::table::cells::{are_numbers, ndjson, texts};
use crate::util::failure::Failure;

/// Width of the table without a terminal.
const DEFAULT_WIDTH: usize = 80;

/// Prints the first rows, and on stderr what they do not show.
pub fn preview(args: &PreviewArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let (job, _) = load_job(&args.job, &flags.overrides, flags.date)?;
    let Preview { rows, notes, result } = preview_export(&job, args.accounts as usize, reporter)?;
    print(if args.json { ndjson(&rows) } else { table_of(&rows) })?;
    for note in notes {
        match flags.log_format {
            LogFormat::Json => warn!("{note}"),
            // A closed stderr is not an error.
            LogFormat::Text if flags.quiet == 0 => drop(writeln!(io::stderr(), "{note}")),
            LogFormat::Text => {}
        }
    }
    result
}

fn table_of(rows: &RecordBatch) -> String {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| TableColumn {
        name: field.name().clone(),
        is_number: are_numbers(column),
        cells: texts(column),
    });
    let chosen = env::var("COLUMNS").ok();
    let stdout = io::stdout();
    let terminal = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok());
    let terminal = terminal.flatten().map(|size| usize::from(size.ws_col));
    table(&columns.collect::<Vec<_>>(), width_of(chosen.as_deref(), terminal))
}

/// `COLUMNS` overrides the width of the terminal.
fn width_of(chosen: Option<&str>, terminal: Option<usize>) -> usize {
    let chosen = chosen.and_then(|text| text.trim().parse().ok());
    // A terminal that does not know its width reports 0.
    let known = |width: &usize| *width > 0;
    chosen.filter(known).or(terminal.filter(known)).unwrap_or(DEFAULT_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_that_of_columns_then_the_terminal_then_80() {
        assert_eq!(width_of(Some("40"), Some(120)), 40);
        assert_eq!(width_of(None, Some(120)), 120);
        assert_eq!(width_of(Some("wide"), None), 80);
        assert_eq!(width_of(Some("0"), Some(0)), 80);
    }
}
