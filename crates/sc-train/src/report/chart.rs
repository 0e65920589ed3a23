//! Charts as inline SVG; their colours come from the page's style sheet.

use maud::{Markup, html};

use super::axis::Axis;
use super::number::percent;
use crate::{Acceptance, Bin, StreamFigures, StreamRow};

/// A chart's drawing area, in the SVG's units, within a view of [`WIDTH`] by [`HEIGHT`].
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = HEIGHT - 40.0;
/// Thresholds that lose more of the keywords, in percent, are of no use to anyone, and left out.
const MOST_LOST: f64 = 20.0;

/// One line of a chart. Points are `(x, y)`.
pub(super) struct Series {
    /// The CSS class that colours it.
    pub class: &'static str,
    /// The unit of `y`, written after each value.
    pub unit: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Draws one line over the epochs, on a scale of its own: training and validation are too far apart for one.
///
/// `marked` is the epoch to point out. `alike` is a range of values that are not told apart, drawn as a band.
pub(super) fn by_epoch(title: &str, series: &Series, marked: usize, alike: Option<[f64; 2]>) -> Markup {
    let values = series.points.iter().map(|point| point.1).chain(alike.into_iter().flatten());
    let y = Axis::around(values, BOTTOM, TOP);
    let last = series.points.iter().map(|point| point.0).fold(2.0, f64::max);
    let x = Axis { low: 1.0, high: last, start: LEFT, end: RIGHT };
    let body = html! {
        @if let Some([low, high]) = alike {
            rect class="band" x=(LEFT) y=(px(y.at(high))) width=(RIGHT - LEFT) height=(px(y.at(low) - y.at(high))) {
                title { "within a standard error of the best" }
            }
        }
        (grid(&y, series.unit))
        @for epoch in x.ticks().filter(|epoch| epoch.fract() == 0.0) { (below(x.at(epoch), &epoch.to_string())) }
        (caption("epoch"))
        (line(series, &x, &y))
        @for &(epoch, value) in &series.points {
            (dot(
                series.class,
                epoch as usize == marked,
                [x.at(epoch), y.at(value)],
                &format!("epoch {epoch}: {value:.3}{}", series.unit),
            ))
        }
    };
    figure(title, &body, &html! {})
}

/// Draws the share of keywords that each threshold loses and the share of other sounds that it lets pass.
pub(super) fn trade_off(title: &str, acceptance: &Acceptance) -> Markup {
    let useful = || acceptance.trade_off.iter().filter(|point| 100.0 * point.lost <= MOST_LOST);
    let points = useful().map(|point| (100.0 * point.lost, 100.0 * point.others_accepted)).collect();
    let series = Series { class: "threshold", unit: " %", points };
    let own = [acceptance.lost(), acceptance.false_alarms()].map(|share| 100.0 * share);
    let x = Axis { low: 0.0, high: own[0].max(MOST_LOST), start: LEFT, end: RIGHT };
    let y = Axis::around(series.points.iter().map(|point| point.1).chain([0.0, own[1]]), BOTTOM, TOP);
    let notes = useful().zip(&series.points).map(|(point, (lost, others))| {
        format!("threshold {:.2}: {lost:.1} % lost, {others:.1} % false alarms", point.threshold)
    });
    figure(title, &by_threshold([&x, &y], ["keywords lost", " %"], &series, notes, own.into()), &html! {})
}

/// Draws the share of a stream's keywords that each threshold finds, and its false alarms.
pub(super) fn detections(row: &StreamRow) -> Markup {
    let point = |figures: &StreamFigures| (figures.false_alarms_an_hour, 100.0 * figures.found);
    let series = Series { class: "threshold", unit: " %", points: row.curve.iter().map(point).collect() };
    let own = point(&row.figures);
    let all = || series.points.iter().chain([&own]);
    let most = all().map(|point| point.0).fold(1.0, f64::max);
    let x = Axis { low: 0.0, high: most, start: LEFT, end: RIGHT };
    let y = Axis::around(all().map(|point| point.1), BOTTOM, TOP);
    let notes = row.curve.iter().zip(&series.points).map(|(figures, (alarms, found))| {
        format!("threshold {:.2}: {found:.1} % found, {alarms:.1} false alarms an hour", figures.threshold)
    });
    let body = by_threshold([&x, &y], ["false alarms an hour", ""], &series, notes, own);
    figure(&format!("Keywords found: {}", row.name), &body, &html! {})
}

/// Draws a line with a dot and a note for each threshold, and a large dot for the model's own. `x_name` and `x_unit` are
/// written below.
fn by_threshold(
    [x, y]: [&Axis; 2],
    [x_name, x_unit]: [&str; 2],
    series: &Series,
    notes: impl Iterator<Item = String>,
    own: (f64, f64),
) -> Markup {
    html! {
        (grid(y, series.unit))
        @for tick in x.ticks() { (below(x.at(tick), &format!("{}{x_unit}", x.label(tick)))) }
        (caption(x_name))
        (line(series, x, y))
        @for (point, note) in series.points.iter().zip(notes) {
            (dot(series.class, false, [x.at(point.0), y.at(point.1)], &note))
        }
        (dot(series.class, true, [x.at(own.0), y.at(own.1)], "the model's threshold"))
    }
}

/// Draws accuracy by confidence: where the bars leave the diagonal, confidence misleads. Below them stand the
/// numbers of clips.
pub(super) fn reliability(title: &str, bins: &[Bin]) -> Markup {
    const FLOOR: f64 = BOTTOM - 46.0; // the strip below it shows how many clips a bin has
    let x = Axis { low: 0.0, high: 100.0, start: LEFT, end: RIGHT };
    let y = Axis { low: 0.0, high: 100.0, start: FLOOR, end: TOP };
    let fullest = bins.iter().map(|bin| bin.n).max().unwrap_or(0).max(1);
    let body = html! {
        (grid(&y, " %"))
        @for confidence in x.ticks() { (below(x.at(confidence), &format!("{} %", x.label(confidence)))) }
        @for bin in bins.iter().filter(|bin| bin.n > 0) {
            (bar(bin, &x, &y, 34.0 * bin.n as f64 / fullest as f64))
        }
        line class="ideal" x1=(LEFT) y1=(FLOOR) x2=(RIGHT) y2=(TOP) {}
        (caption("confidence"))
    };
    let legend = html! {
        @for (class, name) in [("bar", "accuracy"), ("ideal", "ideal"), ("count", "clips")] {
            span { i class={ "key " (class) } {} (name) }
        }
    };
    figure(title, &body, &legend)
}

/// A bin's accuracy, and below it its clips as a bar of the height `clips`.
fn bar(bin: &Bin, x: &Axis, y: &Axis, clips: f64) -> Markup {
    let (from, to) = (x.at(100.0 * bin.from) + 1.0, x.at(100.0 * bin.to) - 1.0);
    let top = y.at(100.0 * bin.accuracy);
    let width = px(to - from);
    html! {
        g {
            title {
                "confidence " (percent(bin.from, 0)) " to " (percent(bin.to, 0)) ": "
                (percent(bin.accuracy, 1)) " right of " (bin.n) " clips"
            }
            rect class="bar" x=(px(from)) y=(px(top)) width=(width) height=(px(y.start - top)) rx="2" {}
            rect class="count" x=(px(from)) y=(px(BOTTOM - clips)) width=(width) height=(px(clips)) {}
        }
    }
}

/// A position or length, in tenths of the SVG's unit.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn line(series: &Series, x: &Axis, y: &Axis) -> Markup {
    let points = series.points.iter().map(|point| format!("{:.1},{:.1}", x.at(point.0), y.at(point.1)));
    let points = points.collect::<Vec<_>>().join(" ");
    html! { polyline class={ "line " (series.class) } points=(points) {} }
}

/// A dot that tells its value under the mouse. It is seen at other times only if it is marked.
fn dot(class: &str, marked: bool, [x, y]: [f64; 2], tip: &str) -> Markup {
    let (kind, radius) = if marked { ("marked", "4.5") } else { ("dot", "4") };
    html! {
        circle class={ (kind) " " (class) } cx=(px(x)) cy=(px(y)) r=(radius) { title { (tip) } }
    }
}

/// Horizontal lines, each with its value at the left.
fn grid(y: &Axis, unit: &str) -> Markup {
    html! {
        @for tick in y.ticks() {
            line class="grid" x1=(LEFT) y1=(px(y.at(tick))) x2=(RIGHT) y2=(px(y.at(tick))) {}
            text class="tick" x=(LEFT - 8.0) y=(px(y.at(tick) + 4.0)) text-anchor="end" { (y.label(tick)) (unit) }
        }
    }
}

fn caption(text: &str) -> Markup {
    let x = f64::midpoint(LEFT, RIGHT);
    html! { text class="tick" x=(x) y=(HEIGHT - 2.0) text-anchor="middle" { (text) } }
}

fn below(x: f64, label: &str) -> Markup {
    html! { text class="tick" x=(px(x)) y=(BOTTOM + 17.0) text-anchor="middle" { (label) } }
}

fn figure(title: &str, body: &Markup, legend: &Markup) -> Markup {
    html! {
        figure {
            figcaption { b { (title) } span class="legend" { (legend) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) { (body) }
        }
    }
}
