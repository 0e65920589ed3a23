//! The page: its sections, top to bottom.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::chart::{self, Series};
use super::number::{as_typed, as_written, found, latency, percent, percent_of, percent_or_dash};
use super::{FEW_SPEAKERS, Facts, Provenance, Report, few_shot_note, matrix, streams_note, whole_note};
use crate::evaluation::{is_of_nothing, with_interval};
use crate::{
    Acceptance, ConditionTable, ConfusedPair, EpochMetrics, EpochParts, Evaluation, FewShot, LabelFigures,
    StreamRow, StreamTable, Suspect,
};

const STYLE: &str = include_str!("style.css");

pub(super) fn render(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Speech Commands: training report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(report))
                (tiles(evaluation))
                @if !report.epochs.is_empty() {
                    (section("Training", TRAINING_NOTE, &curves(&report.epochs)))
                }
                (section("Confusion", CONFUSION_NOTE, &matrix::heat_map(&evaluation.confusion)))
                (section("By label", "", &by_label(&evaluation.confusion.per_label)))
                (section("Most confused", CONFUSED_NOTE, &confused(&evaluation.confusion.confused)))
                (section("Confidence", CONFIDENCE_NOTE, &confidence(evaluation)))
                (conditions(&report.conditions))
                (streams(report.streams.as_ref()))
                (few_shot(&report.few_shot))
                (section("Most likely mislabelled", SUSPECTS_NOTE, &suspects(&evaluation.suspects)))
                (time_by_part(&report.epochs))
                (settings(&report.training))
            }
        }
    }
}

const TRAINING_NOTE: &str = "Each epoch, validated on the development half; the large dot is the one that was kept. Within \
    the band, epochs are not told apart: it is a standard error of the best. Training clips are augmented, and so \
    harder than others.";
const CONFUSION_NOTE: &str = "What was said, by row, and what was heard, by column.";
const CONFUSED_NOTE: &str = "Words taken for another, most often first.";
const CONFIDENCE_NOTE: &str = "Of the answers given with a confidence of 80 %, 80 % should be right. A higher threshold loses \
    keywords and spares false alarms; the large dot is the model's own.";
const CONDITIONS_NOTE: &str = "The clips of the held-out half, each under every condition. The bar is the share of the keywords \
    that are heard, before the threshold.";
const SUSPECTS_NOTE: &str = "Wrong answers, first those in which the label itself got the least probability. Listen to these: some \
    of the labels are wrong.";

fn header(report: &Report) -> Markup {
    let Provenance { date, version, cores, processor, system } = &report.provenance;
    html! {
        header {
            h1 { "Training report" }
            p {
                "A keyword recogniser of " (report.evaluation.confusion.labels.len()) " labels: "
                @match EpochMetrics::kept(&report.epochs) {
                    Some(kept) => {
                        "epoch " (kept.epoch) " of " (report.epochs.len())
                        ", the last within a standard error of the best on the development half of the validation split."
                    }
                    None => { "made of other records without training." }
                }
                " The figures are of the held-out half: none of its "
                @if report.training.few_speakers { "recordings" } @else { "speakers" }
                " took part in the choice of epoch, temperature and threshold. Who chooses one of several records by these \
                 figures uses that half too. "
                @if report.training.few_speakers { (FEW_SPEAKERS) " " }
                (whole_note(&report.training.training.whole_validation))
            }
            p class="made" {
                "Training ended on " (date) " with sc-train " (version) " on " (cores) " cores of " (processor) ", " (system) "."
            }
        }
    }
}

fn tiles(evaluation: &Evaluation) -> Markup {
    let Evaluation { interval: [low, high], correct, n, acceptance, calibration, .. } = evaluation;
    let Acceptance { commands, accepted_correct, others, others_accepted, .. } = acceptance;
    let tile = |name: &str, value: &str, note: &str| {
        html! { div class="tile" { h2 { (name) } p class="value" { (value) } p { (note) } } }
    };
    html! {
        div class="tiles" {
            (tile(
                "Accuracy",
                &percent(evaluation.accuracy, 2),
                &format!("{correct} of {n}; 95 % interval {} to {}", percent(*low, 2), percent(*high, 2)),
            ))
            (tile(
                "Keywords accepted",
                &percent_of(*accepted_correct, *commands),
                &format!("{accepted_correct} of {commands}, heard right"),
            ))
            (tile(
                "Other sounds accepted",
                &percent_of(*others_accepted, *others),
                &format!("{others_accepted} of {others}: false alarms"),
            ))
            (tile("Calibration error", &percent(calibration.ece, 2), "expected, 15 bins"))
        }
    }
}

fn section(title: &str, note: &str, body: &Markup) -> Markup {
    html! {
        section { h2 { (title) } @if !note.is_empty() { p { (note) } } (body) }
    }
}

fn curves(epochs: &[EpochMetrics]) -> Markup {
    let marked = EpochMetrics::kept(epochs).map_or(0, |kept| kept.epoch);
    let series = |class, unit, value: fn(&EpochMetrics) -> f64| {
        let points = epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect();
        Series { class, unit, points }
    };
    let training = series("training", " %", |epoch| 100.0 * epoch.train_accuracy);
    let validation = series("validation", " %", |epoch| 100.0 * epoch.validation_accuracy);
    let training_loss = series("training", "", |epoch| epoch.train_loss);
    let validation_loss = series("validation", "", |epoch| epoch.validation_loss);
    let alike = EpochMetrics::best(epochs)
        .map(|best| [best.validation_accuracy - best.standard_error(), best.validation_accuracy])
        .map(|range| range.map(|share| 100.0 * share));
    html! {
        div class="pair" {
            (chart::by_epoch("Validation accuracy", &validation, marked, alike))
            (chart::by_epoch("Validation loss", &validation_loss, marked, None))
            (chart::by_epoch("Training accuracy", &training, marked, None))
            (chart::by_epoch("Training loss", &training_loss, marked, None))
        }
    }
}

fn confidence(evaluation: &Evaluation) -> Markup {
    html! {
        div class="pair" {
            (chart::reliability("Accuracy by confidence", &evaluation.calibration.reliability))
            (chart::trade_off("Other sounds accepted, by keywords lost", &evaluation.acceptance))
        }
    }
}

fn by_label(figures: &[LabelFigures]) -> Markup {
    let rows = html! {
        @for LabelFigures { label, precision, recall, f1, n } in figures {
            tr {
                th { (label) }
                @for share in [precision, recall, f1] { td { (percent_or_dash(*share)) } }
                td class="meter" { (meter(f1.unwrap_or_default())) }
                td { (n) }
            }
        }
    };
    table("", &["label", "precision", "recall", "F1", "", "clips"], &rows)
}

fn confused(pairs: &[ConfusedPair]) -> Markup {
    if pairs.is_empty() {
        return none();
    }
    let most = pairs.iter().map(|pair| pair.share).fold(f64::MIN_POSITIVE, f64::max);
    let rows = html! {
        @for ConfusedPair { label, heard, n, share } in pairs {
            tr {
                th { (label) }
                th { (heard) }
                td { (n) }
                td { (percent(*share, 1)) }
                td class="meter bad" { (meter(share / most)) }
            }
        }
    };
    table("pairs", &["said", "heard", "times", "of the clips", ""], &rows)
}

/// A bar for each condition; nothing if there is none.
fn conditions(table_of: &ConditionTable) -> Markup {
    if table_of.conditions.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for row in &table_of.conditions {
            tr {
                th { (row.definition) }
                td class="meter" { (meter(row.commands)) }
                @for (share, interval) in [
                    (row.commands, row.commands_interval),
                    (row.accepted, row.accepted_interval),
                    (row.wrongly_accepted, row.wrongly_accepted_interval),
                ] {
                    td { (percent_or_dash((!is_of_nothing(interval)).then_some(share))) }
                }
                td { (percent(row.calibration_error, 1)) }
            }
        }
    };
    let head = ["condition", "", "heard", "accepted", "wrongly accepted", "calibration error"];
    section("Under conditions", CONDITIONS_NOTE, &table("", &head, &rows))
}

/// A row and a chart for each kind of stream; nothing if there is none.
fn streams(table_of: Option<&StreamTable>) -> Markup {
    let Some(table_of) = table_of else { return html! {} };
    let rows = html! {
        @for StreamRow { name, seconds, figures, .. } in &table_of.streams {
            tr {
                th { (name) }
                td { (format!("{:.0}", seconds / 60.0)) }
                td { (figures.keywords) }
                td { (found(figures)) }
                td { (figures.taken_for_another) }
                td { (format!("{:.1}", figures.false_alarms_an_hour)) }
                td { (latency(figures)) }
            }
        }
    };
    let head =
        ["pauses, noise", "min", "keywords", "found, %", "as another", "false alarms an hour", "latency, s"];
    let with_keywords = table_of.streams.iter().filter(|row| row.figures.keywords > 0);
    let body = html! {
        (table("", &head, &rows))
        div class="pair" { @for row in with_keywords { (chart::detections(row)) } }
    };
    section("In a stream", &streams_note(table_of), &body)
}

/// A row for each number of recordings that taught words; nothing if there is none.
fn few_shot(figures: &[FewShot]) -> Markup {
    if figures.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for row in figures {
            tr {
                th { (row.shots) }
                td { (row.words.len()) }
                td { (row.n) }
                td { (with_interval(row.recall_at_1_percent, row.recall_at_1_percent_interval)) }
                td { (with_interval(row.recall_at_0_2_percent, row.recall_at_0_2_percent_interval)) }
                td { (with_interval(row.recall, row.recall_interval)) }
                td { (with_interval(row.false_accepts, row.false_accepts_interval)) }
            }
        }
    };
    let head = [
        "taught by",
        "words",
        "searches",
        "found at 1 % false accepts, %",
        "found at 0.2 %, %",
        "found at the product's own threshold, %",
        "falsely accepted there, %",
    ];
    section("Words taught by a few recordings", &few_shot_note(figures), &table("", &head, &rows))
}

fn suspects(suspects: &[Suspect]) -> Markup {
    if suspects.is_empty() {
        return none();
    }
    let rows = html! {
        @for Suspect { path, label, heard, confidence, .. } in suspects {
            tr {
                th { (label) }
                th { (heard) }
                td { (percent(f64::from(*confidence), 1)) }
                td class="path" { (path) }
            }
        }
    };
    table("pairs", &["label", "heard", "confidence of what was heard", "clip"], &rows)
}

fn none() -> Markup {
    html! { p class="empty" { "None." } }
}

/// The shares of the time that each part of training took; empty without epochs.
fn time_by_part(epochs: &[EpochMetrics]) -> Markup {
    if epochs.is_empty() {
        return html! {};
    }
    let seconds: f64 = epochs.iter().map(|epoch| epoch.seconds).sum();
    let parts = EpochParts::default().named().into_iter().enumerate().map(|(i, (name, _))| {
        let part: f64 = epochs.iter().map(|epoch| epoch.parts.named()[i].1).sum();
        (name, part / seconds.max(f64::MIN_POSITIVE))
    });
    let rows = html! {
        @for (name, share) in parts {
            tr { th { (name) } td { (percent(share, 1)) } td class="meter" { (meter(share)) } }
        }
    };
    let table = table("", &["part", "share", ""], &rows);
    section("Where the time went", "Shares of the time of all epochs.", &table)
}

/// A bar as long as `share`.
fn meter(share: f64) -> Markup {
    html! { i style={ "width:" (format!("{:.1}", 100.0 * share)) "%" } {} }
}

/// In a table of the class `pairs` the second column is a name too.
fn table(class: &str, head: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="scroll" {
            table class=(class) {
                thead { tr { @for name in head { th { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// Every setting; those of the recipe in a section of their own.
fn settings(training: &Facts) -> Markup {
    let mut training = as_written(training);
    let recipe = training["settings"]["recipe"].take();
    training["training"]["recipe"].take(); // the same
    html! {
        (section("Recipe", "What training does to a sound, and how often.", &facts(&recipe)))
        (section("How it was trained", "", &facts(&training)))
    }
}

fn facts(values: &Value) -> Markup {
    html! {
        div class="scroll" { table class="facts" { tbody { (fact("", values)) } } }
    }
}

/// A row for each plain value; the names of nested ones are joined.
fn fact(name: &str, value: &Value) -> Markup {
    match value {
        Value::Null => html! {},
        Value::Object(fields) => html! {
            @for (field, value) in fields {
                @let field = field.replace('_', " ");
                (fact(&if name.is_empty() { field } else { format!("{name}, {field}") }, value))
            }
        },
        setting => row(name, &as_typed(setting)),
    }
}

fn row(name: &str, value: &str) -> Markup {
    html! { tr { th { (name) } td { (value) } } }
}
