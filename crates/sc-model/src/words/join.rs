//! Takes words that were taught to another record.

use super::report::TeachError;
use super::teach::{add_word, new_name};
use crate::record::{Header, Record};

/// Takes the words that were taught to `other`, and returns the new record and their names. A word that both have by the
/// same recordings stays as it is. The answers of the others are as sure as they were.
///
/// # Errors
/// [`TeachError::NoneTaught`] if `other` has no such word, [`TeachError::OtherNetwork`] if the two do not hear alike, and
/// [`TeachError::Known`] names a word that `record` knows in another way.
pub fn join(record: &Record, other: &Record) -> Result<(Record, Vec<String>), TeachError> {
    let (Some(space), Some(other_space)) = (&record.words, &other.words) else {
        return Err(TeachError::NoSpace);
    };
    if other_space.n_words() == 0 {
        return Err(TeachError::NoneTaught);
    }
    if !space.is_like(other_space) || !hear_alike(record, other) {
        return Err(TeachError::OtherNetwork);
    }
    let own: Vec<_> = record.header.taught_words().map(|(name, _)| name).zip(space.words()).collect();
    let (mut joined, mut names) = (record.clone(), Vec::new());
    for ((name, word), direction) in other.header.taught_words().zip(other_space.words()) {
        if own.contains(&(name, direction)) {
            continue;
        }
        let name = new_name(joined.header.labels.names(), name)?;
        let mut word = word.clone();
        word.move_threshold(other.header.threshold, record.header.threshold);
        add_word(&mut joined, &name, word, direction)?;
        names.push(name);
    }
    Ok((joined, names))
}

/// Returns true if both compute the same of a sound.
fn hear_alike(record: &Record, other: &Record) -> bool {
    let [Header { log_mel, network, .. }, other_header] = [&record.header, &other.header];
    (log_mel, network, &record.weights) == (&other_header.log_mel, &other_header.network, &other.weights)
}
