//! Prints Markdown tables to stdout.

/// Prints a heading and a table; the first column is text, the others are numbers.
pub fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
    };
    println!("{title}\n");
    println!("{}", line(&head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()));
    let rule = widths.iter().enumerate().map(|(column, &width)| match column {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    });
    println!("|{}|", rule.collect::<Vec<_>>().join("|"));
    for row in rows {
        println!("{}", line(row));
    }
    println!();
}

/// Content of an empty cell.
pub fn nothing() -> String {
    "–".to_owned()
}

/// Formats a number with two decimals.
pub fn two_decimals(number: f64) -> String {
    format!("{number:.2}")
}

/// Formats a number of bytes in MiB.
pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1024.0 * 1024.0))
}

/// Formats an integer with thousands separators.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// The median.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let upper = numbers.len() / 2;
    if numbers.len() % 2 == 1 {
        numbers[upper]
    } else {
        (numbers[upper - 1] + numbers[upper]) / 2.0
    }
}
