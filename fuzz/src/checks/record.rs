//! Records.

use sc_data::Waveform;
use sc_model::{Backend, Classifier, Record};

/// Any bytes are a record that classifies, or are refused.
pub fn check_record(bytes: &[u8]) {
    if let Ok(record) = Record::from_bytes(bytes)
        && let Ok(classifier) = Classifier::new(&record, Backend::Native)
    {
        let prediction = classifier.classify(&Waveform::silence());
        assert!(prediction.confidence.is_finite(), "{prediction:?}");
    }
}
