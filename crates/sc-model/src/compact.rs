//! A record in a quarter of the size.

use crate::{Classifier, Error, Record, self_test_waveform};

/// Returns a record with weights of eight bits, each column of a tensor with a unit of its own. Norms, thresholds and
/// taught words stay in floats. What is made from it, as by teaching, is stored in eight bits too.
///
/// # Errors
/// [`Error::Record`] if the record's parts do not fit together.
pub fn compact(record: &Record) -> Result<Record, Error> {
    let mut compacted = record.clone();
    compacted.round()?;
    let classifier = Classifier::untested(&compacted);
    compacted.header.self_test = classifier.logits(&self_test_waveform());
    Ok(compacted)
}
