//! The confusion matrix as a heat map in SVG.

use super::page::{escape, join, percent};
use crate::Confusion;

/// Room for the labels at the left and on top.
const MARGIN: f64 = 92.0;
/// Cells shrink to this width together, but not below [`MIN_CELL`].
const CELLS_WIDTH: f64 = 780.0;
const MIN_CELL: f64 = 21.0;
const MAX_CELL: f64 = 52.0;
/// A cell with this share of its row's errors is as red as can be: more is rare in a model worth a report.
const WORST: f64 = 0.2;

/// Rows are what was said, columns what was heard; right answers in one colour, errors in another.
pub(super) fn heat_map(confusion: &Confusion) -> String {
    let n = confusion.labels.len();
    let cell = (CELLS_WIDTH / n.max(1) as f64).clamp(MIN_CELL, MAX_CELL);
    let size = MARGIN + cell * n as f64;
    let width = size + 30.0; // the last column's name leans out
    let labels = join(confusion.labels.iter().enumerate(), |(i, label)| {
        names(label, MARGIN + cell * (i as f64 + 0.5))
    });
    let rows = join(0..n, |said| join(0..n, |heard| draw(confusion, said, heard, cell)));
    let font = (cell * 0.3).clamp(8.0, 13.0);
    format!(
        "<svg class='matrix' viewBox='0 0 {width:.0} {size:.0}' style='max-width:{width:.0}px;font-size:{font:.1}px' \
         role='img' aria-label='confusion matrix'>{labels}{rows}</svg>"
    )
}

/// A label beside its row and, turned, above its column.
fn names(label: &str, middle: f64) -> String {
    let (label, edge) = (escape(label), MARGIN - 8.0);
    format!(
        "<text class='name' x='{edge}' y='{middle:.1}' dy='.35em' text-anchor='end'>{label}</text>\
         <text class='name' transform='translate({middle:.1},{edge}) rotate(-50)' dy='.35em'>{label}</text>"
    )
}

fn draw(confusion: &Confusion, said: usize, heard: usize, cell: f64) -> String {
    let Confusion { labels, confusion: matrix, per_label, .. } = confusion;
    let n = matrix[said][heard];
    let share = n as f64 / per_label[said].n.max(1) as f64;
    let (class, strength) = match (n, said == heard) {
        (0, _) => ("none", 1.0),
        (_, true) => ("right", 0.15 + 0.85 * share.powi(2)),
        (_, false) => ("wrong", (0.18 + 0.82 * (share / WORST).sqrt()).min(1.0)),
    };
    let ink = if n > 0 && strength > 0.6 { "on" } else { "off" };
    let (x, y, side) = (MARGIN + cell * heard as f64, MARGIN + cell * said as f64, cell - 2.0);
    let count = if n == 0 { String::new() } else { n.to_string() };
    format!(
        "<g><title>{} heard as {}: {n}, {}</title>\
         <rect class='{class}' x='{x:.1}' y='{y:.1}' width='{side:.1}' height='{side:.1}' rx='3' fill-opacity='{strength:.2}'/>\
         <text class='{ink}' x='{:.1}' y='{:.1}' dy='.35em' text-anchor='middle'>{count}</text></g>",
        escape(&labels[said]),
        escape(&labels[heard]),
        percent(share, 1),
        x + side / 2.0,
        y + side / 2.0,
    )
}
