//! Figures of words taught by a few recordings: how well the rest of the recordings are found among all others.

use std::fmt;

use sc_data::printable;
use serde::Serialize;

use super::{interval_of_share, share};
use crate::audio::Unreadable;

/// Trials of one word, added up over its draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WordTrials {
    /// The word.
    pub name: String,
    /// Recordings searched for, over all draws: where the word was refused, none is found.
    pub n: usize,
    /// Other recordings searched through, over all draws in which the word was taught.
    pub n_others: usize,
    /// Recordings found where 1 % of the others are taken for the word.
    pub found_at_1_percent: usize,
    /// Recordings found where 0.2 % of the others are taken for the word.
    pub found_at_0_2_percent: usize,
    /// Recordings accepted as the word, as the product would.
    pub accepted: usize,
    /// Other recordings accepted as the word, as the product would.
    pub falsely_accepted: usize,
    /// Draws in which the word was refused.
    pub refused: usize,
}

/// How well words are found that a few recordings taught.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FewShot {
    /// Recordings that taught a word.
    pub shots: usize,
    /// Draws of a word's recordings.
    pub draws: u64,
    /// Recordings searched for, over all words and draws.
    pub n: usize,
    /// Other recordings searched through, likewise.
    pub n_others: usize,
    /// Share found at 1 % false accepts.
    pub recall_at_1_percent: f64,
    /// Its 95 % interval, by Wilson's score, as if one draw had been made: draws share recordings.
    pub recall_at_1_percent_interval: [f64; 2],
    /// Share found at 0.2 % false accepts.
    pub recall_at_0_2_percent: f64,
    /// Its interval, likewise.
    pub recall_at_0_2_percent_interval: [f64; 2],
    /// Share found at the threshold that the product chooses.
    pub recall: f64,
    /// Its interval, likewise.
    pub recall_interval: [f64; 2],
    /// Share of the other recordings that the product takes for the word.
    pub false_accepts: f64,
    /// Its interval, as if one word had been searched in one draw: all words are searched among the same recordings.
    pub false_accepts_interval: [f64; 2],
    /// The trials of each word.
    pub words: Vec<WordTrials>,
    /// Files that could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl FewShot {
    /// Adds up the trials of `draws` draws of each word.
    pub(crate) fn new(shots: usize, draws: u64, words: Vec<WordTrials>) -> Self {
        let sum = |figure: fn(&WordTrials) -> usize| words.iter().map(figure).sum::<usize>();
        let (n, n_others) = (sum(|word| word.n), sum(|word| word.n_others));
        let at_1 = sum(|word| word.found_at_1_percent);
        let at_0_2 = sum(|word| word.found_at_0_2_percent);
        let (accepted, falsely) = (sum(|word| word.accepted), sum(|word| word.falsely_accepted));
        let one_draw = n as f64 / draws.max(1) as f64;
        let n_searches = (draws as usize * words.len()).saturating_sub(sum(|word| word.refused));
        let one_search = n_others as f64 / n_searches.max(1) as f64;
        Self {
            shots,
            draws,
            n,
            n_others,
            recall_at_1_percent: share(at_1, n),
            recall_at_1_percent_interval: interval_of_share(share(at_1, n), one_draw),
            recall_at_0_2_percent: share(at_0_2, n),
            recall_at_0_2_percent_interval: interval_of_share(share(at_0_2, n), one_draw),
            recall: share(accepted, n),
            recall_interval: interval_of_share(share(accepted, n), one_draw),
            false_accepts: share(falsely, n_others),
            false_accepts_interval: interval_of_share(share(falsely, n_others), one_search),
            words,
            unreadable: Vec::new(),
        }
    }
}

impl fmt::Display for FewShot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64, n: usize, decimals: usize| {
            if n == 0 { "–".to_owned() } else { format!("{:.decimals$} %", 100.0 * share) }
        };
        let percent_of = |part: usize, n: usize, decimals: usize| percent(share(part, n), n, decimals);
        for heads in [
            ["", "found at", "found at", "found at the product's", "falsely", ""],
            ["word", "1 %", "0.2 %", "own threshold", "accepted", "refused"],
        ] {
            let [word, at_1, at_0_2, own, falsely, refused] = heads;
            writeln!(f, "{word:<16} {at_1:>9} {at_0_2:>9} {own:>22} {falsely:>9} {refused:>8}")?;
        }
        for word in &self.words {
            writeln!(
                f,
                "{:<16} {:>9} {:>9} {:>22} {:>9} {:>8}",
                printable(&word.name),
                percent_of(word.found_at_1_percent, word.n, 1),
                percent_of(word.found_at_0_2_percent, word.n, 1),
                percent_of(word.accepted, word.n, 1),
                percent_of(word.falsely_accepted, word.n_others, 2),
                word.refused
            )?;
        }
        writeln!(
            f,
            "{:<16} {:>9} {:>9} {:>22} {:>9}",
            "all",
            percent(self.recall_at_1_percent, self.n, 1),
            percent(self.recall_at_0_2_percent, self.n, 1),
            percent(self.recall, self.n, 1),
            percent(self.false_accepts, self.n_others, 2)
        )?;
        write!(f, "{} recordings teach a word, in {} draws", self.shots, self.draws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_was_never_taught_has_a_dash_in_place_of_false_accepts() {
        let word = WordTrials { name: "hm".into(), n: 20, refused: 10, ..WordTrials::default() };
        let table = FewShot::new(3, 10, vec![word]).to_string();
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[2], ["hm", "0.0", "%", "0.0", "%", "0.0", "%", "–", "10"], "{table}");
        assert_eq!(rows[3], ["all", "0.0", "%", "0.0", "%", "0.0", "%", "–"], "{table}");
    }
}
