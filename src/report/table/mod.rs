//! A table for a terminal: columns aligned by the width of their texts on the screen, cells cut so that every line fits, and
//! nothing in it that could move the cursor (pure). Widths are in terminal columns.

mod cell;

use unicode_width::UnicodeWidthStr;

use self::cell::{cell_text, escaped};
use crate::util::text_width::truncate;

/// The space between two columns.
const GAP: &str = "  ";
/// The end of a text that was cut.
const ELLIPSIS: &str = "…";
/// No column is made narrower than this, unless all its cells are.
const MIN_TEXT_WIDTH: usize = 12;

#[derive(Debug)]
pub struct TableColumn {
    pub name: String,
    /// Numbers are aligned to the right and never cut.
    pub is_number: bool,
    /// `None` is NULL.
    pub cells: Vec<Option<String>>,
}

/// The table in lines of at most `width`, each with LF at its end. The first column is always shown; columns that do not
/// fit are named below.
pub fn table(columns: &[TableColumn], width: usize) -> String {
    let columns: Vec<ShownColumn> = columns.iter().map(ShownColumn::new).collect();
    let widths = fitting_widths(&columns, width);
    let (fitting, others) = columns.split_at(widths.len());
    let rows = fitting.first().map_or(0, |column| column.cells.len());
    let mut text = String::new();
    let names = fitting.iter().map(|column| column.name.as_str());
    push_line(&mut text, fitting, &widths, names);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    push_line(&mut text, fitting, &widths, rules.iter().map(String::as_str));
    for row in 0..rows {
        push_line(&mut text, fitting, &widths, fitting.iter().map(|column| &*column.cells[row]));
    }
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|column| column.name.as_str()).collect();
        let line = format!("terminal too narrow; not shown: {}", names.join(", "));
        text.push_str(&wrapped(&line, width));
    }
    text
}

/// A column with its texts as they are shown.
struct ShownColumn {
    name: String,
    is_number: bool,
    cells: Vec<String>,
    /// Width of the widest cell.
    cells_width: usize,
}

impl ShownColumn {
    fn new(column: &TableColumn) -> ShownColumn {
        let cells: Vec<String> =
            column.cells.iter().map(|cell| cell_text(cell.as_deref(), column.is_number)).collect();
        let cells_width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        ShownColumn { name: escaped(&column.name), is_number: column.is_number, cells, cells_width }
    }

    fn full_width(&self) -> usize {
        self.cells_width.max(self.name.width()).max(1)
    }

    fn min_width(&self) -> usize {
        match self.is_number {
            true => self.cells_width.max(1),
            false => self.full_width().min(MIN_TEXT_WIDTH),
        }
    }
}

/// The widths of as many of the first columns as fit. The remaining space goes evenly to the columns that need more.
fn fitting_widths(columns: &[ShownColumn], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    let mut available = width;
    for column in columns {
        let gap = if widths.is_empty() { 0 } else { GAP.len() };
        let min = column.min_width();
        if gap + min > available {
            break;
        }
        available -= gap + min;
        widths.push(min);
    }
    if widths.is_empty() && !columns.is_empty() {
        return vec![width.max(1)];
    }
    loop {
        let available_before = available;
        for (width, column) in widths.iter_mut().zip(columns) {
            if available > 0 && *width < column.full_width() {
                *width += 1;
                available -= 1;
            }
        }
        if available == available_before {
            return widths;
        }
    }
}

fn push_line<'a>(
    text: &mut String,
    columns: &[ShownColumn],
    widths: &[usize],
    cells: impl Iterator<Item = &'a str>,
) {
    let mut line = String::new();
    for (index, ((cell, column), width)) in cells.zip(columns).zip(widths).enumerate() {
        if index > 0 {
            line.push_str(GAP);
        }
        let cell = truncate(cell, *width, ELLIPSIS);
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        match column.is_number {
            true => line.extend([padding, cell]),
            false => line.extend([cell, padding]),
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A text in lines of at most this width, wrapped between words.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = truncate(word, width, ELLIPSIS);
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::util::visible::is_invisible;

    fn column(name: &str, cells: &[Option<&str>]) -> TableColumn {
        let cells = cells.iter().map(|cell| cell.map(str::to_owned)).collect();
        TableColumn { name: name.to_owned(), is_number: false, cells }
    }

    fn numbers(name: &str, cells: &[Option<&str>]) -> TableColumn {
        TableColumn { is_number: true, ..column(name, cells) }
    }

    #[test]
    fn columns_are_aligned_by_the_width_of_texts_on_the_screen() {
        let columns = [
            column("account", &[Some("a1"), Some("a2"), Some("a3"), Some("a4")]),
            column(
                "nick",
                &[Some("张三"), Some("👨\u{200d}👩\u{200d}👧 fam"), Some("e\u{301}a"), None],
            ),
            numbers("level", &[Some("7"), None, Some("1234567"), Some("0")]),
            column("tier", &[Some(""), Some("NULL"), Some("\"q\""), Some("gold ")]),
        ];
        insta::assert_snapshot!(table(&columns, 80), @r#"
        account  nick      level  tier
        -------  ------  -------  -------
        a1       张三          7  ""
        a2       👨‍👩‍👧 fam     NULL  "NULL"
        a3       éa      1234567  "\"q\""
        a4       NULL          0  "gold "
        "#);
    }

    #[test]
    fn long_cells_are_cut_and_columns_that_do_not_fit_are_named() {
        let long = "一二三四五六七八九十".repeat(3);
        let columns = [
            column("account", &[Some("user_000000000000000000000001")]),
            column("nick", &[Some(&long)]),
            numbers("points", &[Some("18446744073709551615")]),
            column("location", &[Some("x")]),
            column("avatar_url", &[Some("https://example.com/a.png")]),
        ];
        insta::assert_snapshot!(table(&columns, 60), @r"
        account        nick                         points  location
        -------------  -------------  --------------------  --------
        user_0000000…  一二三四五六…  18446744073709551615  x
        terminal too narrow; not shown: avatar_url
        ");
        insta::assert_snapshot!(table(&columns, 30), @r"
        account         nick
        --------------  --------------
        user_00000000…  一二三四五六…
        terminal too narrow; not
        shown: points, location,
        avatar_url
        ");
        assert!(table(&columns, 5).starts_with("acco…\n-----\nuser…\nterm…\n"));
    }

    #[test]
    fn cursor_movements_and_direction_changes_are_escaped() {
        let hostile = "a\u{1b}[2J\r\n\t\u{9b}1A\u{7f}\u{0}\u{202e}evil\u{2066}\u{2028}";
        let text = table(&[column("nick\u{202e}", &[Some(hostile)])], 200);
        assert_eq!(text.lines().count(), 3);
        assert!(text.chars().all(|c| c == '\n' || !is_invisible(c)), "{text:?}");
        assert!(table(&[column("nick", &[Some(r"\n")])], 80).contains(r"\\n"));
        assert!(text.contains(r"a\u{1b}[2J\r\n\t\u{9b}1A\u{7f}\u{0}\u{202e}evil"), "{text}");
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        assert_eq!(
            table(&[column("account", &[]), column("nick", &[])], 80),
            "account  nick\n-------  ----\n"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            texts in proptest::collection::vec(proptest::option::of(any::<String>()), 1..6),
            columns in 1usize..8,
            width in 1usize..120,
        ) {
            let columns: Vec<TableColumn> = (0..columns)
                .map(|index| TableColumn {
                    name: format!("column {index}"),
                    is_number: false,
                    cells: texts.clone(),
                })
                .collect();
            for line in table(&columns, width).lines() {
                prop_assert!(line.width() <= width, "{line:?} is {} wide", line.width());
            }
        }
    }
}
