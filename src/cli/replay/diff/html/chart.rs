//! Bars as inline SVG: two per name, before and after.

use std::fmt::Write;
use tidegate_core::alert::neutral::{cut, html as safe};

const ROW: usize = 34;
const LEFT: usize = 250;
const WIDTH: usize = 560;
/// Most names: beyond them the last ones are shown.
const NAMES_MAX: usize = 62;

/// A chart; nothing where there is nothing to show.
pub(super) fn bars(title: &str, rows: &[(String, u64, u64)]) -> String {
    let rows = &rows[rows.len().saturating_sub(NAMES_MAX)..];
    let largest = rows.iter().map(|(_, old, new)| *old.max(new)).max().unwrap_or(0);
    if largest == 0 {
        return String::new();
    }
    let height = rows.len() * ROW + 10;
    let view = format!("0 0 {} {height}", LEFT + WIDTH + 90);
    let mut out = format!("<h2>{}</h2><svg viewBox=\"{view}\" width=\"900\" role=\"img\"><title>{0}</title>", safe(title));
    for (at, (name, old, new)) in rows.iter().enumerate() {
        let top = at * ROW + 6;
        // A text takes everything.
        let _ = write!(out, "<text x=\"0\" y=\"{}\">{}</text>", top + 17, safe(&cut(name, 36)));
        for (class, n, y) in [("old", *old, top), ("new", *new, top + 13)] {
            let width = (u128::from(n) * WIDTH as u128).div_ceil(u128::from(largest));
            let _ = write!(out, "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"11\"/>");
            let _ = write!(out, "<text x=\"{}\" y=\"{}\">{n} {class}</text>", LEFT as u128 + width + 6, y + 10);
        }
    }
    out + "</svg>\n"
}
