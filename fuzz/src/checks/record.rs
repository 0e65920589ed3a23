//! Records.

use sc_data::Waveform;
use sc_model::{Backend, Classifier, Record};

/// Any bytes are a record that classifies, or are refused.
pub fn check_record(bytes: &[u8]) {
    let Ok(record) = Record::from_bytes(bytes) else { return };
    for backend in [Backend::Native, Backend::NativeInt8] {
        if let Ok(classifier) = Classifier::new(&record, backend) {
            let prediction = classifier.classify(&Waveform::silence());
            assert!(prediction.confidence.is_finite(), "{backend}: {prediction:?}");
        }
    }
}
