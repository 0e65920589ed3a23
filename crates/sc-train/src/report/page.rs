//! The page: its sections, top to bottom.

use serde_json::Value;

use super::Report;
use super::chart::{self, Series};
use super::matrix;
use crate::{Acceptance, ConfusedPair, EpochMetrics, EpochParts, Evaluation, LabelFigures, Suspect};

const STYLE: &str = include_str!("style.css");

pub(super) fn render(report: &Report) -> String {
    let evaluation = &report.evaluation;
    let sections = [
        section("Training", "Each epoch; the large dot is the one that was kept.", &curves(report)),
        section(
            "Confusion",
            "What was said, by row, and what was heard, by column.",
            &matrix::heat_map(&evaluation.confusion),
        ),
        section("By label", "", &by_label(&evaluation.confusion.per_label)),
        section(
            "Most confused",
            "Words taken for another, most often first.",
            &confused(&evaluation.confusion.confused),
        ),
        section(
            "Confidence",
            "Of the answers given with a confidence of 80 %, 80 % should be right. A higher threshold loses keywords \
             and spares false alarms; the large dot is the model's own.",
            &confidence(evaluation),
        ),
        section(
            "Most likely mislabelled",
            "Where the model contradicts the label with the most conviction. Listen to these: some of the labels \
             are wrong.",
            &suspects(&evaluation.suspects),
        ),
        time_by_part(&report.epochs),
        section("How it was trained", "", &facts(&report.training)),
    ];
    format!(
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n\
         <meta name='viewport' content='width=device-width, initial-scale=1'>\n\
         <meta name='color-scheme' content='light dark'>\n\
         <title>Speech Commands: training report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {}{}\n</body>\n</html>\n",
        header(report),
        sections.concat(),
    )
}

fn header(report: &Report) -> String {
    let labels = report.evaluation.confusion.labels.len();
    let trained = match EpochMetrics::kept(&report.epochs) {
        Some(kept) => format!(
            "epoch {} of {}, the last within a standard error of the best on validation",
            kept.epoch,
            report.epochs.len()
        ),
        None => "not trained".into(),
    };
    format!(
        "<header><h1>Training report</h1><p>A keyword recogniser for Google Speech Commands, {labels} labels: \
         {trained}.</p></header>\n{}",
        tiles(&report.evaluation)
    )
}

fn tiles(evaluation: &Evaluation) -> String {
    let Evaluation { interval: [low, high], correct, n, acceptance, calibration, .. } = evaluation;
    let Acceptance { commands, accepted_correct, others, others_accepted, .. } = acceptance;
    let share = |part: usize, whole: usize| percent(part as f64 / whole.max(1) as f64, 1);
    let tiles = [
        tile(
            "Accuracy",
            &percent(evaluation.accuracy, 2),
            &format!("{correct} of {n}; 95 % interval {} to {}", percent(*low, 2), percent(*high, 2)),
        ),
        tile(
            "Keywords accepted",
            &share(*accepted_correct, *commands),
            &format!("{accepted_correct} of {commands}, heard right"),
        ),
        tile(
            "Other sounds accepted",
            &share(*others_accepted, *others),
            &format!("{others_accepted} of {others}: false alarms"),
        ),
        tile("Calibration error", &percent(calibration.ece, 2), "expected, 15 bins"),
    ];
    format!("<div class='tiles'>{}</div>\n", tiles.concat())
}

fn tile(name: &str, value: &str, note: &str) -> String {
    format!("<div class='tile'><h2>{name}</h2><p class='value'>{value}</p><p>{note}</p></div>")
}

fn section(title: &str, note: &str, body: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!("<p>{note}</p>") };
    format!("<section><h2>{title}</h2>{note}{body}</section>\n")
}

fn curves(report: &Report) -> String {
    let marked = EpochMetrics::kept(&report.epochs).map_or(0, |kept| kept.epoch);
    let both = |training: fn(&EpochMetrics) -> f64, validation: fn(&EpochMetrics) -> f64| {
        let points = |value: fn(&EpochMetrics) -> f64| {
            report.epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect()
        };
        [
            Series { name: "training", points: points(training) },
            Series { name: "validation", points: points(validation) },
        ]
    };
    let accuracy = both(|epoch| epoch.train_accuracy, |epoch| epoch.validation_accuracy);
    let loss = both(|epoch| epoch.train_loss, |epoch| epoch.validation_loss);
    format!(
        "<div class='pair'>{}{}</div>",
        chart::by_epoch("Accuracy", &accuracy, marked, |share| percent(share, 1)),
        chart::by_epoch("Loss", &loss, marked, |loss| format!("{loss:.2}")),
    )
}

fn confidence(evaluation: &Evaluation) -> String {
    format!(
        "<div class='pair'>{}{}</div>",
        chart::reliability("Accuracy by confidence", &evaluation.calibration.reliability),
        chart::trade_off("Other sounds accepted, by keywords lost", &evaluation.acceptance),
    )
}

fn by_label(figures: &[LabelFigures]) -> String {
    let rows = join(figures, |figures| {
        let LabelFigures { label, precision, recall, f1, n } = figures;
        format!(
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td class='meter'>{}</td><td>{n}</td></tr>",
            escape(label),
            percent(*precision, 1),
            percent(*recall, 1),
            percent(*f1, 1),
            meter(*f1),
        )
    });
    table("", &["label", "precision", "recall", "F1", "", "clips"], &rows)
}

fn confused(pairs: &[ConfusedPair]) -> String {
    if pairs.is_empty() {
        return "<p class='empty'>None.</p>".into();
    }
    let most = pairs.iter().map(|pair| pair.share).fold(f64::MIN_POSITIVE, f64::max);
    let rows = join(pairs, |pair| {
        let ConfusedPair { label, heard, n, share } = pair;
        format!(
            "<tr><th>{}</th><th>{}</th><td>{n}</td><td>{}</td><td class='meter bad'>{}</td></tr>",
            escape(label),
            escape(heard),
            percent(*share, 1),
            meter(share / most),
        )
    });
    table("pairs", &["said", "heard", "times", "of the clips", ""], &rows)
}

fn suspects(suspects: &[Suspect]) -> String {
    if suspects.is_empty() {
        return "<p class='empty'>None.</p>".into();
    }
    let rows = join(suspects, |suspect| {
        let Suspect { path, label, heard, confidence, .. } = suspect;
        format!(
            "<tr><th>{}</th><th>{}</th><td>{}</td><td class='path'>{}</td></tr>",
            escape(label),
            escape(heard),
            percent(f64::from(*confidence), 1),
            escape(path),
        )
    });
    table("pairs", &["label", "heard", "confidence", "clip"], &rows)
}

/// Nothing if no epoch says.
fn time_by_part(epochs: &[EpochMetrics]) -> String {
    let timed: Vec<_> = epochs.iter().filter(|epoch| epoch.parts != EpochParts::default()).collect();
    if timed.is_empty() {
        return String::new();
    }
    let seconds: f64 = timed.iter().map(|epoch| epoch.seconds).sum();
    let parts = EpochParts::default().named().into_iter().enumerate().map(|(i, (name, _))| {
        let part: f64 = timed.iter().map(|epoch| epoch.parts.named()[i].1).sum();
        (name, part / seconds.max(f64::MIN_POSITIVE))
    });
    let rows = join(parts, |(name, share)| {
        format!(
            "<tr><th>{name}</th><td>{}</td><td class='meter'>{}</td></tr>",
            percent(share, 1),
            meter(share)
        )
    });
    section(
        "Where the time went",
        "Shares of the time of all epochs.",
        &table("", &["part", "share", ""], &rows),
    )
}

/// A bar as long as `share`.
fn meter(share: f64) -> String {
    format!("<i style='width:{:.1}%'></i>", 100.0 * share)
}

/// In a table of the class `pairs` the second column is a name too.
fn table(class: &str, head: &[&str], rows: &str) -> String {
    let head = join(head, |name| format!("<th>{name}</th>"));
    format!(
        "<div class='scroll'><table class='{class}'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn facts(training: &Value) -> String {
    format!("<div class='scroll'><table class='facts'><tbody>{}</tbody></table></div>", fact("", training))
}

/// A row for each plain value; the names of nested ones are joined.
fn fact(name: &str, value: &Value) -> String {
    let value = match value {
        Value::Null => return String::new(),
        Value::Object(fields) => {
            return join(fields, |(field, value)| {
                let field = field.replace('_', " ");
                fact(&if name.is_empty() { field } else { format!("{name}, {field}") }, value)
            });
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(&value))
}

/// A share, as a percentage with so many decimals.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// What `show` makes of each item, in a row.
pub(super) fn join<T>(items: impl IntoIterator<Item = T>, show: impl Fn(T) -> String) -> String {
    items.into_iter().map(show).collect()
}

/// Text that means itself in HTML, also within quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\'' => escaped += "&#39;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}
