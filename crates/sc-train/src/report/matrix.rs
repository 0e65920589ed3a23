//! The confusion matrix as a heat map in SVG.

use maud::{Markup, html};

use super::chart::px;
use super::number::percent_of;
use crate::Confusion;

/// Room for the labels at the left and on top.
const MARGIN: f64 = 92.0;
/// Cells shrink to this width together, but not below [`MIN_CELL`].
const CELLS_WIDTH: f64 = 780.0;
const MIN_CELL: f64 = 21.0;
const MAX_CELL: f64 = 52.0;
/// A cell with this share of its row's errors is as red as can be: more is rare in a model worth a report.
const WORST: f64 = 0.2;

/// Draws what was said by row and what was heard by column; right answers in one colour, errors in another.
pub(super) fn heat_map(confusion: &Confusion) -> Markup {
    let n = confusion.labels.len();
    let cell = (CELLS_WIDTH / n.max(1) as f64).clamp(MIN_CELL, MAX_CELL);
    let size = MARGIN + cell * n as f64;
    let width = size + 30.0; // the last column's name leans out
    let font = (cell * 0.3).clamp(8.0, 13.0);
    html! {
        svg class="matrix" viewBox={ "0 0 " (width) " " (size) }
            style={ "max-width:" (width) "px;font-size:" (px(font)) "px" }
            role="img" aria-label="confusion matrix"
        {
            @for (i, label) in confusion.labels.iter().enumerate() {
                (names(label, MARGIN + cell * (i as f64 + 0.5)))
            }
            @for said in 0..n { @for heard in 0..n { (draw(confusion, said, heard, cell)) } }
        }
    }
}

/// Writes a label beside its row and, turned, above its column.
fn names(label: &str, middle: f64) -> Markup {
    let edge = MARGIN - 8.0;
    html! {
        text class="name" x=(edge) y=(px(middle)) dy=".35em" text-anchor="end" { (label) }
        text class="name" transform={ "translate(" (px(middle)) "," (edge) ") rotate(-50)" } dy=".35em" { (label) }
    }
}

fn draw(confusion: &Confusion, said: usize, heard: usize, cell: f64) -> Markup {
    let Confusion { labels, confusion: matrix, per_label, .. } = confusion;
    let (n, of) = (matrix[said][heard], per_label[said].n);
    let share = n as f64 / of.max(1) as f64;
    let (class, strength) = match (n, said == heard) {
        (0, _) => ("none", 1.0),
        (_, true) => ("right", 0.15 + 0.85 * share.powi(2)),
        (_, false) => ("wrong", (0.18 + 0.82 * (share / WORST).sqrt()).min(1.0)),
    };
    let ink = if n > 0 && strength > 0.6 { "on" } else { "off" };
    let (x, y, side) = (MARGIN + cell * heard as f64, MARGIN + cell * said as f64, cell - 2.0);
    let [middle_x, middle_y] = [x, y].map(|edge| px(edge + side / 2.0));
    html! {
        g {
            title { (labels[said]) " heard as " (labels[heard]) ": " (n) ", " (percent_of(n, of)) }
            rect class=(class) x=(px(x)) y=(px(y)) width=(px(side)) height=(px(side)) rx="3"
                fill-opacity=(format!("{strength:.2}")) {}
            text class=(ink) x=(middle_x) y=(middle_y) dy=".35em" text-anchor="middle" {
                @if n > 0 { (n) }
            }
        }
    }
}
