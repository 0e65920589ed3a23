//! Charts as inline SVG; their colours come from the page's style sheet.

use super::page::{escape, join, percent};
use crate::{Acceptance, Bin};

/// A chart's drawing area, in the SVG's units, within a view of [`WIDTH`] by [`HEIGHT`].
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = HEIGHT - 40.0;
/// About so many lines of a grid read well at this size.
const TICKS: f64 = 7.0;
const MOST_LOST: f64 = 0.2;

/// One line of a chart; its name is also the CSS class that colours it.
pub(super) struct Series {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Lines over the epochs; `show` formats a value, `marked` is the epoch to point out.
pub(super) fn by_epoch(
    title: &str,
    series: &[Series],
    marked: usize,
    show: impl Fn(f64) -> String,
) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let y = Axis::around(points().map(|point| point.1), BOTTOM, TOP);
    let last = points().map(|point| point.0).fold(2.0, f64::max);
    let x = Axis { low: 1.0, high: last, start: LEFT, end: RIGHT };

    let grid = grid(&y, &show);
    let epochs =
        join(x.ticks().filter(|epoch| epoch.fract() == 0.0), |epoch| below(x.at(epoch), &epoch.to_string()));
    let lines = join(series, |series| line(series, &x, &y));
    let dots = join(series, |series| {
        join(&series.points, |&(epoch, value)| {
            let tip = format!("{}, epoch {epoch}: {}", series.name, show(value));
            dot(series.name, epoch as usize == marked, x.at(epoch), y.at(value), &tip)
        })
    });
    svg(title, &format!("{grid}{epochs}{}{lines}{dots}", caption("epoch")), &legend(series))
}

/// For every threshold, the share of keywords it loses and of other sounds it lets pass.
///
/// Thresholds that lose more than [`MOST_LOST`] are of no use to anyone, and left out.
pub(super) fn trade_off(title: &str, acceptance: &Acceptance) -> String {
    let useful = || acceptance.trade_off.iter().filter(|point| point.lost <= MOST_LOST);
    let points = useful().map(|point| (point.lost, point.others_accepted)).collect();
    let series = Series { name: "threshold", points };
    let (lost, false_alarms) = (acceptance.lost(), acceptance.false_alarms());
    let x = Axis { low: 0.0, high: lost.max(MOST_LOST), start: LEFT, end: RIGHT };
    let y = Axis::around(series.points.iter().map(|point| point.1).chain([0.0, false_alarms]), BOTTOM, TOP);

    let grid = grid(&y, |share| percent(share, 1));
    let shares = join(x.ticks(), |share| below(x.at(share), &percent(share, 0)));
    let dots = join(useful(), |point| {
        let (lost, others) = (percent(point.lost, 1), percent(point.others_accepted, 1));
        let tip = format!("threshold {:.2}: {lost} lost, {others} false alarms", point.threshold);
        dot(series.name, false, x.at(point.lost), y.at(point.others_accepted), &tip)
    });
    let own = dot(series.name, true, x.at(lost), y.at(false_alarms), "the model's threshold");
    let body = format!("{grid}{shares}{}{}{dots}{own}", caption("keywords lost"), line(&series, &x, &y));
    svg(title, &body, "")
}

/// Accuracy by confidence: where the bars leave the diagonal, confidence misleads. Below, the share of clips.
pub(super) fn reliability(title: &str, bins: &[Bin]) -> String {
    const FLOOR: f64 = BOTTOM - 46.0; // the strip below it shows how many clips a bin has
    let x = Axis { low: 0.0, high: 1.0, start: LEFT, end: RIGHT };
    let y = Axis { low: 0.0, high: 1.0, start: FLOOR, end: TOP };
    let fullest = bins.iter().map(|bin| bin.n).max().unwrap_or(0).max(1);

    let grid = grid(&y, |share| percent(share, 0));
    let confidences = join(x.ticks(), |value| below(x.at(value), &percent(value, 0)));
    let bars = join(bins.iter().filter(|bin| bin.n > 0), |bin| {
        let (from, width) = (x.at(bin.from) + 1.0, x.at(bin.to) - x.at(bin.from) - 2.0);
        let (top, n) = (y.at(bin.accuracy), bin.n);
        let clips = 34.0 * n as f64 / fullest as f64;
        format!(
            "<g><title>confidence {} to {}: {} right of {n} clips</title>\
             <rect class='bar' x='{from:.1}' y='{top:.1}' width='{width:.1}' height='{:.1}' rx='2'/>\
             <rect class='count' x='{from:.1}' y='{:.1}' width='{width:.1}' height='{clips:.1}'/></g>",
            percent(bin.from, 0),
            percent(bin.to, 0),
            percent(bin.accuracy, 1),
            FLOOR - top,
            BOTTOM - clips,
        )
    });
    let diagonal = format!("<line class='ideal' x1='{LEFT}' y1='{FLOOR}' x2='{RIGHT}' y2='{TOP}'/>");
    let legend = "<span><i class='key bar'></i>accuracy</span><span><i class='key ideal'></i>ideal</span>\
                  <span><i class='key count'></i>clips</span>";
    svg(title, &format!("{grid}{confidences}{bars}{diagonal}{}", caption("confidence")), legend)
}

/// A linear scale from values to positions.
struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// From just below the least to just above the greatest of `values`.
    fn around(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let bounds = values.filter(|value| value.is_finite()).fold(None, |bounds, value| {
            let (low, high) = bounds.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        });
        let (low, high) = bounds.unwrap_or((0.0, 1.0));
        let margin = ((high - low) * 0.06).max(1e-3);
        Self { low: (low - margin).max(0.0), high: high + margin, start, end }
    }

    fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Round values on the axis: multiples of 1, 2 or 5 times a power of ten.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let rough = (self.high - self.low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |i| i as f64 * step)
    }
}

fn line(series: &Series, x: &Axis, y: &Axis) -> String {
    let points = join(&series.points, |point| format!("{:.1},{:.1} ", x.at(point.0), y.at(point.1)));
    format!("<polyline class='line {}' points='{}'/>", series.name, points.trim_end())
}

/// Tells its value under the mouse; it is seen at other times only if it is marked.
fn dot(class: &str, marked: bool, x: f64, y: f64, tip: &str) -> String {
    let (kind, radius) = if marked { ("marked", 4.5) } else { ("dot", 4.0) };
    format!(
        "<circle class='{kind} {class}' cx='{x:.1}' cy='{y:.1}' r='{radius}'><title>{tip}</title></circle>"
    )
}

fn grid(y: &Axis, show: impl Fn(f64) -> String) -> String {
    join(y.ticks(), |value| {
        let (y, label) = (y.at(value), show(value));
        format!(
            "<line class='grid' x1='{LEFT}' y1='{y:.1}' x2='{RIGHT}' y2='{y:.1}'/>\
             <text class='tick' x='{}' y='{:.1}' text-anchor='end'>{label}</text>",
            LEFT - 8.0,
            y + 4.0,
        )
    })
}

fn caption(text: &str) -> String {
    let x = f64::midpoint(LEFT, RIGHT);
    format!("<text class='tick' x='{x}' y='{}' text-anchor='middle'>{text}</text>", HEIGHT - 2.0)
}

fn below(x: f64, label: &str) -> String {
    format!("<text class='tick' x='{x:.1}' y='{}' text-anchor='middle'>{label}</text>", BOTTOM + 17.0)
}

fn legend(series: &[Series]) -> String {
    join(series, |Series { name, .. }| format!("<span><i class='key {name}'></i>{name}</span>"))
}

fn svg(title: &str, body: &str, legend: &str) -> String {
    let title = escape(title);
    format!(
        "<figure><figcaption><b>{title}</b><span class='legend'>{legend}</span></figcaption>\
         <svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{title}'>{body}</svg></figure>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        let axis = Axis { low: 0.13, high: 1.08, start: 0.0, end: 1.0 };
        let ticks: Vec<String> = axis.ticks().map(|tick| format!("{tick:.1}")).collect();
        assert_eq!(ticks, ["0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn an_axis_of_one_value_has_a_length() {
        let axis = Axis::around([0.5].into_iter(), 0.0, 100.0);
        assert!((axis.at(0.5) - 50.0).abs() < 1e-9, "{}", axis.at(0.5));
    }
}
