//! The formats in which `sc-train classify` prints the words of a file.

use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use sc_data::printable;
use sc_model::{Detection, Prediction};
use serde::Serialize;

use crate::Unreadable;
use crate::progress::note;

/// A file and the words in it, as `--json` prints them.
#[derive(Serialize)]
pub struct Row {
    pub path: String,
    #[serde(flatten)]
    pub words: Words,
}

/// The words in a file.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Words {
    /// The one in its loudest second.
    One(Prediction),
    /// All of them.
    All {
        /// Seconds that were heard.
        duration_s: f32,
        detections: Vec<Detection>,
        /// Why the rest was not heard.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

pub type Line = Result<Row, Unreadable>;

/// A format of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Rows for a reader.
    Table,
    /// One JSON object a line and file.
    Json,
    /// A table with a heading, one row a word.
    Csv,
    /// Subtitles, for --detect in one recording.
    Srt,
    /// A label track that Audacity imports, for --detect in one recording.
    Audacity,
}

impl Format {
    /// Returns true if the format has no place for a file's name.
    pub fn is_of_one_file(self) -> bool {
        matches!(self, Self::Srt | Self::Audacity)
    }

    /// Returns true if the format has a line for a file that could not be read.
    pub fn has_errors(self) -> bool {
        matches!(self, Self::Table | Self::Json)
    }

    /// Writes what comes before the first line.
    pub fn begin(self, out: &mut dyn Write, detects: bool) -> Result<()> {
        match self {
            Self::Csv if detects => writeln!(out, "path,label,start_s,end_s,confidence")?,
            Self::Csv => writeln!(out, "path,label,confidence,accepted")?,
            _ => {}
        }
        Ok(())
    }

    /// Writes the words of a file, or why there are none: to standard error, if the format has no line for that.
    pub fn print(self, out: &mut dyn Write, line: &Line) -> Result<()> {
        match (self, line) {
            (Self::Json, Ok(row)) => writeln!(out, "{}", serde_json::to_string(row)?)?,
            (Self::Json, Err(unreadable)) => writeln!(out, "{}", serde_json::to_string(unreadable)?)?,
            (Self::Table, Err(unreadable)) => writeln!(out, "{:<31}  {unreadable}", "unreadable")?,
            (_, Err(unreadable)) => note!("{unreadable}"),
            (_, Ok(Row { path, words: Words::One(prediction) })) => self.print_one(out, path, prediction)?,
            (_, Ok(row @ Row { path, words: Words::All { detections, .. } })) => {
                for (index, detection) in detections.iter().enumerate() {
                    self.print_detection(out, path, index, detection)?;
                }
                self.print_end(out, row)?;
            }
        }
        Ok(())
    }

    fn print_one(self, out: &mut dyn Write, path: &str, prediction: &Prediction) -> Result<()> {
        let Prediction { label, confidence, accepted, .. } = prediction;
        if self == Self::Csv {
            return Ok(writeln!(out, "{},{},{confidence:.4},{accepted}", quoted(path), quoted(label))?);
        }
        // The path comes last, since its length has no limit.
        let (percent, path) = (100.0 * confidence, printable(path));
        let verdict = if *accepted { "accepted" } else { "-" };
        Ok(writeln!(out, "{label:<12} {percent:>6.1} %  {verdict:<8}  {path}")?)
    }

    /// Writes a detection of a file; `index` counts them.
    pub fn print_detection(
        self,
        out: &mut dyn Write,
        path: &str,
        index: usize,
        detection: &Detection,
    ) -> Result<()> {
        let Detection { label, start_s, end_s, confidence, .. } = detection;
        match self {
            Self::Table => {
                let (percent, path) = (100.0 * confidence, printable(path));
                writeln!(out, "{label:<12} {percent:>6.1} %  {start_s:>7.2} to {end_s:>7.2} s  {path}")?;
            }
            Self::Json => {} // a line has all of a file
            Self::Csv => {
                let (path, label) = (quoted(path), quoted(label));
                writeln!(out, "{path},{label},{start_s:.2},{end_s:.2},{confidence:.4}")?;
            }
            Self::Srt => {
                let [start, end] = [start_s, end_s].map(|time| clock(*time));
                writeln!(out, "{}\n{start} --> {end}\n{label}\n", index + 1)?;
            }
            Self::Audacity => writeln!(out, "{start_s:.6}\t{end_s:.6}\t{label}")?,
        }
        Ok(())
    }

    /// Writes what follows the detections of a file: that there is none, and on standard error why the rest was not
    /// heard.
    pub fn print_end(self, out: &mut dyn Write, Row { path, words }: &Row) -> Result<()> {
        let Words::All { detections, error, .. } = words else { return Ok(()) };
        let path = printable(path);
        if detections.is_empty() && self == Self::Table {
            writeln!(out, "{:<42}  {path}", "no keyword")?;
        }
        if let Some(error) = error {
            note!("{path}: {error}");
        }
        Ok(())
    }
}

/// Returns a field of a CSV file (RFC 4180, section 2).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Returns a time as subtitles write it: hours, minutes, seconds and milliseconds.
fn clock(time_s: f64) -> String {
    let ms = (time_s * 1000.0).round() as u64;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{h:02}:{m:02}:{s:02},{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, path: &str) -> String {
        let detection = |label: &str, start_s: f64| Detection {
            label: label.into(),
            start_s,
            end_s: start_s + 0.5,
            confidence: 0.96875,
            detected_s: 0.0,
        };
        let detections = vec![detection("yes", 0.25), detection("no", 3_725.5)];
        let line =
            Ok(Row { path: path.into(), words: Words::All { duration_s: 4_000.0, detections, error: None } });
        let mut out = Vec::new();
        format.begin(&mut out, true).unwrap();
        format.print(&mut out, &line).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn subtitles_have_numbers_and_clocks() {
        let expected = "1\n00:00:00,250 --> 00:00:00,750\nyes\n\n2\n01:02:05,500 --> 01:02:06,000\nno\n\n";
        assert_eq!(printed(Format::Srt, "a.wav"), expected);
    }

    #[test]
    fn a_row_stays_on_its_line_whatever_the_name_of_the_file() {
        let expected = r"yes            96.9 %     0.25 to    0.75 s  a\n.wav
no             96.9 %  3725.50 to 3726.00 s  a\n.wav
";
        assert_eq!(printed(Format::Table, "a\n.wav"), expected);
    }

    #[test]
    fn a_label_track_has_a_tab_between_its_fields() {
        let expected = "0.250000\t0.750000\tyes\n3725.500000\t3726.000000\tno\n";
        assert_eq!(printed(Format::Audacity, "a.wav"), expected);
    }

    #[test]
    fn a_csv_field_with_a_comma_is_quoted() {
        let expected = "path,label,start_s,end_s,confidence\n\"a, \"\"b\"\".wav\",yes,0.25,0.75,0.9688\n\
                        \"a, \"\"b\"\".wav\",no,3725.50,3726.00,0.9688\n";
        assert_eq!(printed(Format::Csv, "a, \"b\".wav"), expected);
    }
}
