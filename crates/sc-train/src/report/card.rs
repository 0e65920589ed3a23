//! The model card, for a reader who decides about using the model (Mitchell et al., arXiv:1810.03993).

use std::fmt::Write;

use sc_data::{Labels, Task, UNKNOWN};
use sc_model::Training;

use super::number::{found, latency};
use super::{FEW_SPEAKERS, Facts, Report, few_shot_note, streams_note, whole_note};
use crate::evaluation::with_interval;
use crate::{ConditionTable, FewShot, Recipe, StreamTable, TrainConfig, wilson_interval};

/// Renders the card in Markdown.
pub(super) fn render(report: &Report) -> String {
    let training = &report.training.training;
    let is_own = training.n_added > 0 && training.n_added == training.n_clips;
    [
        network(&report.training),
        data(training, is_own),
        all_figures(report),
        limits(report, is_own),
        repetition(&report.training),
    ]
    .join("\n")
}

/// Says what the model is.
fn network(facts: &Facts) -> String {
    let Facts { settings, network, multiply_adds, weights, threshold, temperature, .. } = facts;
    let labels = &settings.labels;
    let n_labels = labels.names().len();
    let keywords: Vec<&str> =
        labels.names().iter().map(String::as_str).filter(|name| labels.has_keyword(name)).collect();
    format!(
        "# Model card

A keyword recogniser: one second of 16 kHz sound in, one of {n_labels} labels out. It knows {keywords}.

| | |
|---|---|
| network | convolutions over time and frequency, then a residual trunk over time |
| cost | {mega_macs:.1} M multiply-adds a second of sound, {weights} weights |
| input | {n_mels} log-mel bands, {n_frames} frames |
| acceptance | a keyword of at least {threshold:.3} confidence, at temperature {temperature:.3} |
",
        keywords = keywords.join(", "),
        mega_macs = *multiply_adds as f64 / 1e6,
        n_mels = network.n_mels,
        n_frames = network.n_frames,
    )
}

/// Says what it was trained on.
fn data(training: &Training, is_own: bool) -> String {
    let &Training { n_clips, n_added, .. } = training;
    let (clips, added) =
        if is_own { (own(n_clips), String::new()) } else { (published(n_clips - n_added), added(n_added)) };
    format!(
        "## Data

Trained on {clips}; silence and noises partly synthesised, unknown words partly spliced from others.{added} SHA-256 over the recordings' names and lengths: `{digest}`.
",
        digest = training.data_digest
    )
}

/// Returns every figure, and says of which clips it is.
fn all_figures(report: &Report) -> String {
    format!(
        "## Figures

{held_out} Epoch, temperature and threshold were chosen on the other half, the development half. The split is made up as \
the official test is: every clip of a keyword, other words and silence a tenth as many each. {whole}

{figures}{conditions}{streams}{few_shot}",
        held_out = held_out(report),
        whole = whole_note(&report.training.training.whole_validation),
        figures = figures(report),
        conditions = conditions(&report.conditions),
        streams = streams(report.streams.as_ref()),
        few_shot = few_shot(&report.few_shot),
    )
}

/// Says what the model is good for.
fn limits(report: &Report, is_own: bool) -> String {
    let mut labels = report.evaluation.confusion.per_label.iter();
    let how_many = if labels.any(|label| label.label == UNKNOWN && label.n > 0) {
        ": the figures say how many."
    } else {
        ". How many was not measured, as there were no other words."
    };
    let (language, speakers) =
        if is_own { ("", "those of the recordings") } else { ("in English, ", "volunteers, mostly adults") };
    format!(
        "## What it can do, and what it cannot

- It tells these words apart when they are said alone, {language}near a microphone. It does not transcribe speech.
- It was taught to stay silent at noise and other words. It will still take some for a keyword{how_many}
- The speakers are {speakers}. Children, far microphones and strong accents have not been measured.
- It says nothing about who speaks. A keyword that must never be missed or imagined needs a second confirmation.
"
    )
}

/// Says how to train the same model again.
fn repetition(Facts { settings, training, .. }: &Facts) -> String {
    format!(
        "## How to repeat it

    {command}
{digests}
{recipe}Two runs of one program on the same recordings give the same weights{kept}.
",
        command = command(settings, training.n_clips),
        digests = digests(settings),
        recipe = recipe(&settings.recipe),
        kept = kept(training),
    )
}

/// Says which epoch was kept, behind the sentence on weights; nothing of a record that was made without training.
fn kept(training: &Training) -> String {
    match training.epochs {
        0 => String::new(),
        epochs => format!(
            "; here, epoch {} of {epochs} was kept, the last within a standard error of the best on the development half",
            training.kept_epoch
        ),
    }
}

/// Returns the command that trains the same again on so many clips, with every option that is not the usual one.
fn command(settings: &TrainConfig, n_clips: usize) -> String {
    let labels = &settings.labels;
    let task = task(labels);
    let mut command = format!("sc-train train --data DIR --out OUT{}", labels_option(labels, task));
    let usual = options(&TrainConfig::usual(labels.clone(), task.is_none().then_some(n_clips)));
    command.extend(options(settings).into_iter().filter(|option| !usual.contains(option)));
    for (name, option, _) in records(settings) {
        let _ = write!(command, " {option} {name}"); // writing to a string cannot fail
    }
    if settings.recipe != Recipe::default() {
        command += " --recipe recipe.toml";
    }
    command
}

/// Returns the options that set these settings, each after a space.
fn options(settings: &TrainConfig) -> [String; 9] {
    let TrainConfig { seed, epochs, epoch_examples, warmup_epochs, batch_size, .. } = settings;
    let TrainConfig { learning_rate, label_smoothing, width, backend, .. } = settings;
    [
        format!(" --seed {seed}"),
        format!(" --epochs {epochs}"),
        epoch_examples.map_or_else(String::new, |n| format!(" --epoch-clips {n}")),
        format!(" --warmup-epochs {warmup_epochs}"),
        format!(" --batch-size {batch_size}"),
        format!(" --learning-rate {learning_rate}"),
        format!(" --label-smoothing {label_smoothing}"),
        format!(" --width {width}"),
        format!(" --backend {backend}"),
    ]
}

/// Returns the task that has these labels; none has those of one's own words.
fn task(labels: &Labels) -> Option<Task> {
    [Task::Commands, Task::Words].into_iter().find(|task| task.labels() == *labels)
}

/// Returns the option of the command that names the labels, unless they are the usual ones.
fn labels_option(labels: &Labels, task: Option<Task>) -> String {
    match task {
        Some(task) if task == Task::default() => String::new(),
        Some(task) => format!(" --task {task}"),
        None => {
            let words = labels.names().iter().filter(|name| labels.has_keyword(name));
            let words = words.map(String::as_str).collect::<Vec<_>>().join(",");
            format!(" --words '{}'", words.replace('\'', r"'\''")) // as a shell reads it
        }
    }
}

/// Returns the recipe as the file that the command names, if it is not the default.
fn recipe(recipe: &Recipe) -> String {
    match recipe.to_toml() {
        Ok(toml) if *recipe != Recipe::default() => format!(
            "<details><summary>`recipe.toml`: which sounds it was trained on</summary>\n\n```toml\n{toml}```\n\n</details>\n\n"
        ),
        _ => String::new(),
    }
}

/// Returns a sentence for each record that the command names.
fn digests(settings: &TrainConfig) -> String {
    let sentence = |(name, _, digest)| format!("\n{name} is the record of SHA-256 `{digest}`.\n");
    records(settings).map(sentence).collect()
}

/// Lists the records that a training began with and learnt from: name, option and digest.
fn records(settings: &TrainConfig) -> impl Iterator<Item = (String, &'static str, &str)> {
    let kinds = [(&settings.init, "INIT", "--init"), (&settings.teachers, "TEACHER", "--teacher")];
    kinds.into_iter().flat_map(|(digests, name, option)| {
        let digests = digests.iter().map(String::as_str).enumerate();
        digests.map(move |(i, digest)| (format!("{name}-{}", i + 1), option, digest))
    })
}

/// Names the clips of the published archive, and their split.
fn published(n_clips: usize) -> String {
    format!(
        "{n_clips} clips of Speech Commands (Pete Warden, [arXiv:1804.03209](https://arxiv.org/abs/1804.03209), \
         [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)), split by speaker as published"
    )
}

/// Names clips that are all one's own.
fn own(n_clips: usize) -> String {
    format!("{n_clips} recordings of one's own, from a folder for each word")
}

/// Says of which clips the figures are.
fn held_out(report: &Report) -> String {
    if report.training.few_speakers {
        return format!(
            "On the held-out half of the validation split: half of its recordings. {FEW_SPEAKERS}"
        );
    }
    "On the held-out half of the validation split: half of its speakers, none of whom is in the training split.".into()
}

/// Returns a sentence about training clips that are not the archive's.
fn added(n_clips: usize) -> String {
    if n_clips == 0 {
        return String::new();
    }
    format!(
        " {n_clips} clips more are not the archive's: words spoken by synthesisers and speech of people from Debian's \
         packages (`speak.py`, `kokoro.py` and `people.py` in `crates/sc-train/scripts`), or recordings of one's own."
    )
}

/// Returns a table of every share with its 95 % interval.
fn figures(report: &Report) -> String {
    let evaluation = &report.evaluation;
    let acceptance = &evaluation.acceptance;
    let lost = acceptance.commands - acceptance.accepted_correct;
    let mut table = "| figure | % | 95 % interval | clips |\n|---|---|---|---|\n".to_owned();
    let mut row = |what: &str, part: usize, n: usize| {
        if n == 0 {
            return; // nothing was measured
        }
        let [low, high] = wilson_interval(part, n).map(|share| 100.0 * share);
        let share = 100.0 * part as f64 / n.max(1) as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {what} | {share:.2} | {low:.2} to {high:.2} | {n} |");
    };
    row("accuracy", evaluation.correct, evaluation.n);
    row("keywords not accepted as what they are", lost, acceptance.commands);
    row("other sounds accepted as a keyword", acceptance.others_accepted, acceptance.others);
    let rows = evaluation.confusion.per_label.iter().zip(&evaluation.confusion.confusion);
    for (i, (label, heard)) in rows.enumerate() {
        row(&format!("`{}` heard", label.label), heard[i], label.n);
    }
    let _ = writeln!(
        table,
        "\nExpected calibration error, 15 bins: {:.2} %.",
        100.0 * evaluation.calibration.ece
    );
    table
}

/// Returns a table of the same clips under every condition; nothing without conditions.
fn conditions(table: &ConditionTable) -> String {
    if table.conditions.is_empty() {
        return String::new();
    }
    let mut rows =
        "\nThe same clips under conditions, in %: keywords heard before the threshold, keywords accepted, \
                    and clips of any label accepted as a keyword that they are not, with 95 % intervals.\n\n\
                    | condition | heard | accepted | wrongly accepted |\n|---|---|---|---|\n"
            .to_owned();
    for row in &table.conditions {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {} |",
            row.definition,
            with_interval(row.commands, row.commands_interval),
            with_interval(row.accepted, row.accepted_interval),
            with_interval(row.wrongly_accepted, row.wrongly_accepted_interval),
        );
    }
    rows
}

/// Returns a table of streams; nothing without them.
fn streams(table: Option<&StreamTable>) -> String {
    let Some(table) = table else { return String::new() };
    let mut rows = format!(
        "\n{}\n\n| pauses, noise | keywords | found, %, with 95 % intervals | taken for another | false alarms an hour | latency, s \
         |\n|---|---|---|---|---|---|\n",
        streams_note(table)
    );
    for row in &table.streams {
        let figures = &row.figures;
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {} | {:.1} | {} |",
            row.name,
            figures.keywords,
            found(figures),
            figures.taken_for_another,
            figures.false_alarms_an_hour,
            latency(figures)
        );
    }
    rows
}

/// Returns a table of words taught by a few recordings; nothing without them.
fn few_shot(figures: &[FewShot]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut rows = format!(
        "\n{}\n\nIn %, with 95 % intervals:\n\n| recordings that teach a word | words | searches | found at 1 % false accepts | found at 0.2 % | \
         found at the product's own threshold | falsely accepted there |\n|---|---|---|---|---|---|---|\n",
        few_shot_note(figures)
    );
    for row in figures {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.shots,
            row.words.len(),
            row.n,
            with_interval(row.recall_at_1_percent, row.recall_at_1_percent_interval),
            with_interval(row.recall_at_0_2_percent, row.recall_at_0_2_percent_interval),
            with_interval(row.recall, row.recall_interval),
            with_interval(row.false_accepts, row.false_accepts_interval),
        );
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Evaluation;
    use crate::evaluation::tests::answer;
    use crate::report::tests::{few_shot, report, streams};

    #[test]
    fn the_card_names_keywords_and_figures() {
        let card = render(&report());
        for part in ["yes, no.", "| accuracy | 50.00 |", "CC BY 4.0", "| `yes` heard | 100.00 |"] {
            assert!(card.contains(part), "no {part:?} in\n{card}");
        }
    }

    #[test]
    fn the_card_says_that_other_words_were_not_measured_where_there_were_none() {
        let not_measured = "some for a keyword. How many was not measured, as there were no other words.";
        assert!(render(&report()).contains(not_measured));
        let labels = Labels::of_words(["yes"]).unwrap();
        let evaluation = Evaluation::new(&labels, &[answer("_unknown_", "yes", 0.7)]);
        let card = render(&Report { evaluation, ..report() });
        assert!(card.contains("some for a keyword: the figures say how many."), "{card}");
    }

    #[test]
    fn the_card_has_words_taught_by_a_few_recordings_where_they_were_measured() {
        assert!(!render(&report()).contains("recordings that teach"));
        let card = render(&Report { few_shot: few_shot(), ..report() });
        for part in ["split: bed, cat.", "| 5 | 2 | 20 | 90.0 (69.9 to 97.2) | 80.0", "| 0.5 (0.2 to 1.2) |"]
        {
            assert!(card.contains(part), "no {part:?} in\n{card}");
        }
    }

    #[test]
    fn the_card_has_streams_where_they_were_measured() {
        assert!(!render(&report()).contains("false alarms an hour"));
        let card = render(&Report { streams: Some(streams()), ..report() });
        assert!(card.contains("| gaps 1.5 s | 8 | 75.0 ("), "{card}");
    }

    #[test]
    fn the_card_of_ones_own_words_claims_no_other_data() {
        let mut report = report();
        let training = &mut report.training.training;
        (training.n_clips, training.n_added) = (90, 90);
        let labels = Labels::of_words(["lights", "п'ять"]).unwrap();
        report.training.settings = TrainConfig { seed: 123_456_789, ..TrainConfig::usual(labels, Some(90)) };
        report.training.few_speakers = true;
        let card = render(&report);
        for part in [
            "90 recordings of one's own",
            "--words 'lights,п'\\''ять' --seed 123456789\n",
            "too few speakers",
        ] {
            assert!(card.contains(part), "no {part:?} in\n{card}");
        }
        for part in ["Speech Commands", "CC BY", "in English", "volunteers"] {
            assert!(!card.contains(part), "{part:?} in\n{card}");
        }
    }

    #[test]
    fn the_command_of_ones_own_words_has_the_options_that_are_not_usual_for_them() {
        let labels = Labels::of_words(["lights"]).unwrap();
        let usual = TrainConfig::usual(labels, Some(90));
        let (learning_rate, epoch_examples) = (TrainConfig::default().learning_rate, Some(500));
        let settings = TrainConfig { epoch_examples, learning_rate, ..usual };
        let command = command(&settings, 90);
        assert!(command.ends_with("--words 'lights' --epoch-clips 500 --learning-rate 0.002"), "{command}");
    }

    #[test]
    fn the_card_says_what_was_chosen_and_measured_on_which_clips() {
        let mut report = report();
        report.training.training.whole_validation =
            [("accuracy", 0.75), ("clips", 4.0)].map(|(k, v)| (k.into(), v)).into();
        let card = render(&report);
        for part in [
            "On the held-out half",
            "threshold were chosen on the other half",
            "accuracy is 75.00 % of 4 clips.",
        ] {
            assert!(card.contains(part), "no {part:?} in\n{card}");
        }
    }

    #[test]
    fn the_command_has_every_option_that_is_not_the_usual_one() {
        let mut report = report();
        report.training.settings = TrainConfig {
            seed: 7,
            epochs: 6,
            // As a training of some minutes plans them.
            epoch_examples: Some(36_596),
            warmup_epochs: 0.6,
            learning_rate: 0.001_925_700_423_282_313_7, // with all its digits, or another training repeats it
            label_smoothing: 0.02,
            init: vec!["cd34".into()],
            teachers: vec!["ab12".into()],
            ..TrainConfig::default()
        };
        let card = render(&report);
        let command = "train --data DIR --out OUT --seed 7 --epochs 6 --epoch-clips 36596 --warmup-epochs 0.6 \
                       --learning-rate 0.0019257004232823137 --label-smoothing 0.02 --init INIT-1 --teacher TEACHER-1\n\nINIT-1 is";
        assert!(
            card.contains(command) && card.contains("\nTEACHER-1 is the record of SHA-256 `ab12`"),
            "{card}"
        );
    }
}
