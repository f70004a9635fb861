//! Tables for people: as wide as the terminal, every cell harmless.

use comfy_table::{Cell, ContentArrangement, Table, presets};
use tidegate_core::alert::neutral;

/// Width of a table that goes to a file or pipe.
const WIDTH_WITHOUT_TERMINAL: u16 = 190;

/// A table. Text of events may stand in it: every cell is neutralised here.
pub(in crate::cli) fn table(names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH_WITHOUT_TERMINAL);
    }
    table.set_header(names.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|text| Cell::new(neutral::terminal(text))));
    }
    // Blanks at the ends of lines say nothing and spoil what is copied.
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Columns of the terminal, if standard output is one.
pub(in crate::cli) fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from)
}
