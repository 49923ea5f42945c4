//! A table for a terminal: columns aligned by the width that texts take on the screen, cells cut so that every line
//! fits, nothing in it that could move the cursor (pure). Widths are in terminal columns.

use unicode_width::UnicodeWidthStr;

use crate::util::text_width::truncate;

/// What stands between two columns.
const GAP: &str = "  ";
/// What stands where a cell was cut.
const ELLIPSIS: &str = "…";
/// What NULL is shown as; a text that reads the same is shown in quotes.
const NULL: &str = "NULL";
/// No column is made narrower than this to make room for another, unless all its cells are.
const LEAST_WIDTH: usize = 12;

/// A column of a table.
#[derive(Debug)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Whether its cells are numbers: they stand to the right, and are not cut.
    pub is_number: bool,
    /// Its cells; `None` is NULL.
    pub cells: Vec<Option<String>>,
}

/// The table, each line ended by LF and at most `width` wide. The first column is always shown; columns that do not fit
/// are named below.
pub fn table(columns: &[TableColumn], width: usize) -> String {
    let columns: Vec<Shown> = columns.iter().map(Shown::of).collect();
    let widths = widths_that_fit(&columns, width);
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
struct Shown {
    name: String,
    is_number: bool,
    cells: Vec<String>,
    /// Width of the widest cell.
    cells_width: usize,
}

impl Shown {
    fn of(column: &TableColumn) -> Shown {
        let cells: Vec<String> =
            column.cells.iter().map(|cell| shown_cell(cell.as_deref(), column.is_number)).collect();
        let cells_width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        Shown { name: shown(&column.name), is_number: column.is_number, cells, cells_width }
    }

    /// As wide as it needs to be to show all.
    fn full_width(&self) -> usize {
        self.cells_width.max(self.name.width()).max(1)
    }

    /// As narrow as it may be made.
    fn least_width(&self) -> usize {
        match self.is_number {
            true => self.cells_width.max(1),
            false => self.full_width().min(LEAST_WIDTH),
        }
    }
}

/// The widths of as many columns as fit, from the first on; room that is left goes evenly to those that need more.
fn widths_that_fit(columns: &[Shown], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    let mut room = width;
    for column in columns {
        let gap = if widths.is_empty() { 0 } else { GAP.len() };
        let least = column.least_width();
        if gap + least > room {
            break;
        }
        room -= gap + least;
        widths.push(least);
    }
    if widths.is_empty() && !columns.is_empty() {
        return vec![width.max(1)];
    }
    loop {
        let room_before = room;
        for (width, column) in widths.iter_mut().zip(columns) {
            if room > 0 && *width < column.full_width() {
                *width += 1;
                room -= 1;
            }
        }
        if room == room_before {
            return widths;
        }
    }
}

fn push_line<'a>(
    text: &mut String,
    columns: &[Shown],
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

/// A text in lines of at most this width, broken between words.
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

/// A cell that is told apart from NULL, and whose ends can be seen.
fn shown_cell(cell: Option<&str>, is_number: bool) -> String {
    match cell {
        None => NULL.to_owned(),
        Some(number) if is_number => number.to_owned(),
        Some(text) => {
            let needs_quotes = text.width() == 0
                || text == NULL
                || text.starts_with('"')
                || text.starts_with(char::is_whitespace)
                || text.ends_with(char::is_whitespace);
            let text = shown(text);
            if needs_quotes { format!("\"{}\"", text.replace('"', "\\\"")) } else { text }
        }
    }
}

/// A text with what would move the cursor, or turn the direction of writing, as an escape.
fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Else a text with the two letters of an escape would look like what the escape stands for.
            '\\' => safe.push_str("\\\\"),
            _ if is_safe(character) => safe.push(character),
            _ => safe.extend(character.escape_default()),
        }
    }
    safe
}

fn is_safe(character: char) -> bool {
    let turns_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !turns_direction && !ends_line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(name: &str, cells: &[Option<&str>]) -> TableColumn {
        let cells = cells.iter().map(|cell| cell.map(str::to_owned)).collect();
        TableColumn { name: name.to_owned(), is_number: false, cells }
    }

    fn numbers(name: &str, cells: &[Option<&str>]) -> TableColumn {
        TableColumn { is_number: true, ..column(name, cells) }
    }

    #[test]
    fn columns_are_aligned_by_what_texts_take_on_the_screen() {
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
    fn long_cells_are_cut_and_columns_without_room_are_named() {
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
    fn nothing_that_moves_the_cursor_or_turns_the_writing_gets_through() {
        let hostile = "a\u{1b}[2J\r\n\t\u{9b}1A\u{7f}\u{0}\u{202e}evil\u{2066}\u{2028}";
        let text = table(&[column("nick\u{202e}", &[Some(hostile)])], 200);
        assert_eq!(text.lines().count(), 3);
        assert!(text.chars().all(|c| c == '\n' || is_safe(c)), "{text:?}");
        assert!(table(&[column("nick", &[Some(r"\n")])], 80).contains(r"\\n"));
        assert!(text.contains(r"a\u{1b}[2J\r\n\t\u{9b}1A\u{7f}\u{0}\u{202e}evil"), "{text}");
    }

    #[test]
    fn a_table_without_rows_has_its_head() {
        assert_eq!(
            table(&[column("account", &[]), column("nick", &[])], 80),
            "account  nick\n-------  ----\n"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_for(
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
