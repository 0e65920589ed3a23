//! Tables of the words in a recording.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sc_data::{Labels, normal_form, printable};

use crate::audio;
use crate::evaluation::Spoken;
use crate::progress::note;

/// The end of a word that is marked by hand may lie so far behind that of the recording.
const MOST_BEYOND_S: f64 = 1.0;

/// The columns of a label track of Audacity, which has no heading.
const TRACK: &str = "start_s\tend_s\tlabel";

/// The words in a recording, as a table has them.
#[derive(Debug)]
pub(super) struct Truth {
    pub spoken: Vec<Spoken>,
    /// The recording's path, if the table has a column for it.
    recording: Option<String>,
}

impl Truth {
    /// Reads a table from a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no table of one recording.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        audio::open(path)?.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes);
        Self::parse(&text.map_err(|_| anyhow!("its text is not UTF-8: save the table in UTF-8"))?)
    }

    /// Reads a table whose heading has `label,start_s,end_s`, as `classify --detect` writes it too, or a label track of
    /// Audacity: one word a line. Where numbers have a decimal comma, spreadsheets put semicolons or tabs between the
    /// fields.
    fn parse(text: &str) -> Result<Self> {
        let text = text.trim_start_matches('\u{feff}'); // spreadsheets put a byte-order mark there
        let is_track =
            text.trim_start().split_once('\t').is_some_and(|(start, _)| parse_time(start, ',').is_ok());
        // A line with a backslash has the pitches of the label above.
        let is_left_out = |line: &str| line.is_empty() || is_track && line.starts_with('\\');
        let lines = text.lines().map(str::trim).enumerate();
        let mut lines = lines.filter(|(_, line)| !is_left_out(line));
        let heading = if is_track { TRACK } else { lines.next().map_or("", |(_, heading)| heading) };
        let separator = ['\t', ';'].into_iter().find(|mark| heading.contains(*mark)).unwrap_or(',');
        let columns: Vec<String> = fields(heading, separator).collect();
        ensure!(
            ["label", "start_s", "end_s"].iter().all(|name| columns.iter().any(|column| column == name)),
            "its first line is `{}`: expected `label,start_s,end_s`, the same with semicolons or tabs, or a label \
             track of Audacity",
            printable(heading)
        );
        // Between commas, a comma in a number may be one of thousands.
        let decimal_mark = if separator == ',' { '.' } else { ',' };
        let rows = lines.map(|(index, line)| (index + 1, line, fields(line, separator).collect()));
        Self::of_rows(&rows.collect::<Vec<_>>(), &columns, decimal_mark)
    }

    /// Takes the words of lines: the number, the text and the fields of each.
    fn of_rows(rows: &[(usize, &str, Vec<String>)], columns: &[String], decimal_mark: char) -> Result<Self> {
        ensure!(!rows.is_empty(), "expected a line for each word, below the heading");
        let recordings: BTreeSet<&str> =
            rows.iter().map(|(.., fields)| field(columns, fields, "path")).collect();
        ensure!(recordings.len() <= 1, "it is of {} recordings: expected one", recordings.len());
        let recording = recordings.into_iter().find(|path| !path.is_empty()).map(str::to_owned);
        let word = |(number, line, fields): &(usize, &str, Vec<String>)| {
            parse_word(line, columns, fields, decimal_mark).with_context(|| format!("line {number}"))
        };
        Ok(Self { spoken: rows.iter().map(word).collect::<Result<_>>()?, recording })
    }

    /// Tells of words that the model does not know, and of a table that names another recording than `path`.
    pub fn tell_of_doubts(&self, path: &Path, labels: &Labels) {
        let words = self.spoken.iter().map(|word| word.label.as_str());
        let unknown: BTreeSet<&str> = words.filter(|label| !labels.has_keyword(label)).collect();
        if !unknown.is_empty() {
            let unknown = printable(unknown.into_iter().collect::<Vec<_>>().join(", "));
            note!("no keyword of this model, so a detection there is a false alarm: {unknown}");
        }
        if let Some(other) = self.other_recording(path) {
            note!("the table is of {}, not of {}", printable(other), printable(path.display()));
        }
    }

    /// Returns the recording that the table names, if its file has another name than `path`.
    fn other_recording(&self, path: &Path) -> Option<&str> {
        let path = path.to_string_lossy();
        let named = self.recording.as_deref()?;
        let is_other = ![named, &path].contains(&audio::STDIN) && file_name(named) != file_name(&path);
        is_other.then_some(named)
    }

    /// Refuses a table that goes on after the end of a recording of so many seconds.
    pub fn check_end(&self, seconds: f64) -> Result<()> {
        let is_outside = |word: &&Spoken| word.start_s > seconds || word.end_s > seconds + MOST_BEYOND_S;
        let outside = self.spoken.iter().filter(is_outside);
        if let Some(Spoken { label, end_s, .. }) = outside.max_by(|a, b| a.end_s.total_cmp(&b.end_s)) {
            bail!(
                "it goes on to {end_s:.1} s (`{}`), but the recording is {seconds:.1} s long: expected the \
                 table of this recording",
                printable(label)
            );
        }
        Ok(())
    }
}

/// Returns the name of a file without its folder, which may be one of another system.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn parse_word(line: &str, columns: &[String], fields: &[String], decimal_mark: char) -> Result<Spoken> {
    let line = printable(line);
    ensure!(fields.len() == columns.len(), "`{line}`: expected {} fields", columns.len());
    let field = |name: &str| field(columns, fields, name);
    let (start_s, end_s) =
        (parse_time(field("start_s"), decimal_mark)?, parse_time(field("end_s"), decimal_mark)?);
    let is_time = 0.0 <= start_s && start_s <= end_s;
    ensure!(is_time, "`{line}`: expected a start of 0 s or more, and no end before it");
    Ok(Spoken { label: normal_form(field("label")), start_s, end_s })
}

/// Parses a time in seconds.
fn parse_time(text: &str, decimal_mark: char) -> Result<f64> {
    let seconds = text.replace(decimal_mark, ".").parse();
    seconds.with_context(|| format!("`{}`: expected seconds", printable(text)))
}

/// Returns the field of a line in the column of this name; nothing, if there is none.
fn field<'a>(columns: &[String], fields: &'a [String], name: &str) -> &'a str {
    let mut named = columns.iter().zip(fields);
    named.find(|(column, _)| *column == name).map_or("", |(_, field)| field.as_str())
}

/// Returns the fields of a line of a CSV file (RFC 4180, section 2, but for the separator).
fn fields(line: &str, separator: char) -> impl Iterator<Item = String> {
    let mut is_quoted = false;
    let fields = line.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    fields.map(str::trim).map(|field| match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => field.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_table(text: &str) -> Result<Vec<Spoken>> {
        Truth::parse(text).map(|truth| truth.spoken)
    }

    #[test]
    fn a_label_is_the_same_word_however_its_accents_are_written() {
        let [composed, apart] = ["caf\u{e9}", "cafe\u{301}"]
            .map(|word| parse_table(&format!("label,start_s,end_s\n{word},1,2")).unwrap());
        assert_eq!(apart[0].label, composed[0].label);
    }

    #[test]
    fn a_label_in_quotes_is_the_same_word() {
        let table = "\"label\",\"start_s\",\"end_s\"\r\n\"go\",0.4,0.8\r\n\"a \"\"b\"\", c\", \"1\",2\r\n";
        let labels: Vec<String> = parse_table(table).unwrap().into_iter().map(|word| word.label).collect();
        assert_eq!(labels, ["go", "a \"b\", c"]);
    }

    #[test]
    fn a_table_with_decimal_commas_has_semicolons_between_its_fields() {
        let spoken =
            parse_table("\u{feff}label;start_s;end_s\r\nyes;0,5;1\r\n\"a;b\";1.5;\"2,25\"\r\n").unwrap();
        let times: Vec<_> =
            spoken.iter().map(|word| (word.label.as_str(), word.start_s, word.end_s)).collect();
        assert_eq!(times, [("yes", 0.5, 1.0), ("a;b", 1.5, 2.25)]);
    }

    #[test]
    fn a_table_gives_the_words_and_says_what_is_wrong() {
        let spoken = parse_table("\u{feff}label,start_s,end_s\nyes,0.5,1\n\nother word, 2, 3.25\n").unwrap();
        assert_eq!(spoken[1], Spoken { label: "other word".into(), start_s: 2.0, end_s: 3.25 });
        for (table, expected) in [
            ("", "expected `label,start_s,end_s`"),
            ("label,start_s,end_s\n", "expected a line for each word"),
            ("label,start_s,end_s\nyes,0.5", "line 2: `yes,0.5`: expected 3 fields"),
            ("label,start_s,end_s\nyes,now,1", "line 2: `now`: expected seconds"),
            ("label,start_s,end_s\nyes,\"1,234\",2", "line 2: `1,234`: expected seconds"),
            ("label,start_s,end_s\nyes,1,NaN", "expected a start of 0 s or more, and no end before it"),
            ("label,start_s,end_s\nyes,-1,1", "expected a start of 0 s or more, and no end before it"),
        ] {
            let error = format!("{:#}", parse_table(table).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_words_that_classify_detects_are_a_table_too() {
        let expected = vec![Spoken { label: "yes".into(), start_s: 0.25, end_s: 0.75 }];
        for table in [
            "0.250000\t0.750000\tyes\n\\\t100.0\t3000.0\n",
            "0,250000\t0,750000\tyes\n",
            "path,label,start_s,end_s,confidence\n\"a, b.wav\",yes,0.25,0.75,0.9688\n",
        ] {
            assert_eq!(parse_table(table).unwrap(), expected, "{table}");
        }
    }

    #[test]
    fn a_table_of_several_recordings_is_not_taken_for_one_of_one() {
        let table = |second: &str| format!("path,label,start_s,end_s\na.wav,yes,1,2\n{second},no,1,2\n");
        assert_eq!(parse_table(&table("a.wav")).unwrap().len(), 2);
        let error = parse_table(&table("b.wav")).unwrap_err().to_string();
        assert_eq!(error, "it is of 2 recordings: expected one");
    }

    #[test]
    fn a_table_with_tabs_has_a_heading_and_a_label_track_has_none() {
        let expected = vec![Spoken { label: "yes".into(), start_s: 0.5, end_s: 1.25 }];
        for table in [
            "label\tstart_s\tend_s\nyes\t0.5\t1.25\n",
            "start_s\tend_s\t\"label\"\n0,5\t1,25\t\"yes\"\n",
            "\n0.5\t1.25\tyes\n",
        ] {
            assert_eq!(parse_table(table).unwrap(), expected, "{table}");
        }
        let error = parse_table("word\tfrom\tto\nyes\t0.5\t1\n").unwrap_err().to_string();
        assert!(
            error.starts_with(r"its first line is `word\tfrom\tto`: expected `label,start_s,end_s`"),
            "{error}"
        );
    }

    #[test]
    fn a_label_may_be_a_point() {
        let spoken = parse_table("0.500000\t0.500000\tyes\n").unwrap();
        assert_eq!(spoken, [Spoken { label: "yes".into(), start_s: 0.5, end_s: 0.5 }]);
        assert!(parse_table("0.5\t0.4\tyes\n").is_err());
    }

    #[test]
    fn a_table_that_goes_on_after_the_recording_says_until_when() {
        let truth = |start_s, end_s| Truth::parse(&format!("{start_s}\t{end_s}\tyes\n")).unwrap();
        for (table, end_s) in [(truth(1500.0, 2000.0), "2000.0"), (truth(1.0, 900.0), "900.0")] {
            let error = table.check_end(3.0).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!(
                    "it goes on to {end_s} s (`yes`), but the recording is 3.0 s long"
                )),
                "{error}"
            );
        }
        assert!(truth(2.5, 3.5).check_end(3.0).is_ok());
    }

    #[test]
    fn a_table_of_another_recording_is_told_by_the_name_of_the_file() {
        let other = |named: &str, heard: &str| {
            let truth = Truth::parse(&format!("path,label,start_s,end_s\n{named},yes,1,2\n")).unwrap();
            truth.other_recording(Path::new(heard)).map(str::to_owned)
        };
        assert_eq!(other("old/a.wav", "b.wav").as_deref(), Some("old/a.wav"));
        for (named, heard) in [
            ("old/a.wav", "a.wav"),
            (r"C:\old\a.wav", "a.wav"),
            ("", "a.wav"),
            (audio::STDIN, "a.wav"),
            ("a.wav", audio::STDIN),
        ] {
            assert_eq!(other(named, heard), None, "{named}, {heard}");
        }
    }
}
