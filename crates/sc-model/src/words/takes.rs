//! Listens to the recordings of a word, and finds their faults.

use sc_data::{N_SAMPLES, Waveform};

use super::report::{LeftOut, Reason, Recording};
use super::space::{Embedding, WordSpace};
use super::vector::dot;
use crate::{Classifier, Prediction, Record};

/// Amplitude that the loudest sample of a word must have: -40 dBFS.
const QUIET: f32 = 0.01;

/// Share of samples at full scale from which a recording is clipped, and the amplitude of full scale.
const CLIPPED: (f32, f32) = (0.01, 0.99);

/// Length of the edges of a recording, in samples: 20 ms.
const EDGE: usize = N_SAMPLES / 50;

/// Share of the loudest 20 ms from which the sound at an edge is a word that goes on: -6 dB. So are 3 of 100 clips of
/// Speech Commands.
const CUT_OFF: f32 = 0.25;

/// A recording in which a word can be heard.
pub(super) struct Take {
    pub name: String,
    pub embedding: Embedding,
    pub prediction: Prediction,
}

/// What became of a recording: the take, if a word can be heard in it, and its fault, if it has one.
pub(super) type Heard = (Option<Take>, Option<LeftOut>);

/// Listens to recordings, in their order.
pub(super) fn listen(
    record: &Record,
    space: &WordSpace,
    recordings: Vec<Recording>,
) -> impl Iterator<Item = Heard> {
    let classifier = Classifier::untested(record);
    let repeated = repeated(&recordings);
    recordings.into_iter().zip(repeated).map(move |(recording, is_repeated)| {
        if is_repeated {
            return (None, Some(LeftOut::new(recording.name, Reason::Repeated)));
        }
        hear(&classifier, space, recording)
    })
}

/// Tells of each recording if it has the samples of one before it.
fn repeated(recordings: &[Recording]) -> Vec<bool> {
    let is_repeated = |(i, Recording { samples, .. }): (usize, &Recording)| {
        samples.is_ok() && recordings[..i].iter().any(|earlier| earlier.samples == *samples)
    };
    recordings.iter().enumerate().map(is_repeated).collect()
}

fn hear(classifier: &Classifier, space: &WordSpace, Recording { name, samples }: Recording) -> Heard {
    let samples = match samples {
        Ok(samples) => samples,
        Err(message) => return (None, Some(LeftOut { name, reason: Reason::Unreadable, message })),
    };
    let waveform = Waveform::from_samples(&samples);
    let fault = fault(&waveform.samples()[..samples.len().min(N_SAMPLES)]);
    let take = (fault != Some(Reason::TooQuiet)).then(|| take(classifier, space, &name, &waveform));
    (take, fault.map(|reason| LeftOut::new(name, reason)))
}

fn take(classifier: &Classifier, space: &WordSpace, name: &str, waveform: &Waveform) -> Take {
    let output = classifier.listen(waveform);
    let embedding = space.embed(&output.word_frames);
    let prediction = classifier.answer_with(&output.logits, &classifier.word_scores(&embedding));
    Take { name: name.into(), embedding, prediction }
}

/// Returns the fault of a recording of up to a second, if it has one.
fn fault(second: &[f32]) -> Option<Reason> {
    let loudest = second.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    if loudest < QUIET {
        return Some(Reason::TooQuiet);
    }
    let clipped = second.iter().filter(|sample| sample.abs() >= CLIPPED.1).count();
    if clipped as f32 > CLIPPED.0 * second.len() as f32 {
        return Some(Reason::Clipped);
    }
    let energies: Vec<f32> = second.chunks(EDGE).map(energy).collect();
    let most = CUT_OFF * energies.iter().copied().fold(0.0, f32::max);
    let is_cut_off = [energies.first(), energies.last()].into_iter().flatten().any(|edge| *edge > most);
    is_cut_off.then_some(Reason::CutOff)
}

/// The mean square of some samples.
fn energy(samples: &[f32]) -> f32 {
    dot(samples, samples) / samples.len() as f32
}
