//! The network as it moves over the spectrogram of a stream.

use std::sync::Arc;

use crate::engine::{Piece, Stream};
use crate::{Classifier, Output};

/// The network's answer to a second of sound.
pub struct Answer {
    /// Frames heard before it, from the beginning of the stream.
    pub n_heard: usize,
    /// The network's output, with word frames if words were taught.
    pub output: Output,
}

/// A network at work on one stream.
///
/// The engine computes each row of its activations once. Another backend answers for a whole window each time.
pub struct Listener {
    classifier: Arc<Classifier>,
    /// The engine's state. `None` for another backend.
    stream: Option<Stream>,
    /// Hops of the engine from one answer to the next.
    n_units: usize,
    /// Frames heard.
    n_heard: usize,
}

impl Listener {
    /// Begins a stream with an answer about every `hop` frames: a multiple of [`KeywordCnnConfig::hop`], at most
    /// a second.
    ///
    /// [`KeywordCnnConfig::hop`]: crate::KeywordCnnConfig::hop
    pub fn new(classifier: Arc<Classifier>, hop: usize) -> Self {
        let network = &classifier.header().network;
        let unit = network.hop();
        let n_units = ((hop + unit / 2) / unit).clamp(1, network.n_frames / unit);
        let stream = classifier.network.engine().map(|engine| engine.stream(classifier.has_taught_words()));
        Self { classifier, stream, n_units, n_heard: 0 }
    }

    pub fn classifier(&self) -> &Arc<Classifier> {
        &self.classifier
    }

    /// Returns the frames from one answer to the next.
    pub fn hop(&self) -> usize {
        self.n_units * self.classifier.header().network.hop()
    }

    /// Returns the frames heard after the second that an answer stands for.
    pub fn lag(&self) -> usize {
        self.classifier.network.engine().map_or(0, crate::Engine::lag)
    }

    /// Returns the frames heard so far.
    pub fn n_heard(&self) -> usize {
        self.n_heard
    }

    /// Returns the frames heard after as many hops more.
    pub fn n_heard_after(&self, n_hops: usize) -> usize {
        self.n_heard + n_hops * self.hop()
    }

    /// Hears the last `n_hops` hops of `frames`, `[n, n_mels]`. There is an answer to each, once the second that
    /// it stands for is whole; then `frames` reach back to its beginning.
    pub fn hear(&mut self, frames: &[f32], n_hops: usize) -> Vec<Answer> {
        let outputs = self.advance(frames, n_hops).unwrap_or_else(|| self.windows(frames, n_hops));
        self.answers(outputs, n_hops)
    }

    /// True if it may hear `n_hops` hops by [`hear_together`](Self::hear_together), with `other` if there is one.
    pub fn goes_with(&self, other: Option<&Self>, n_hops: usize) -> bool {
        let is_same = |other: &Self| Arc::ptr_eq(&self.classifier, &other.classifier);
        self.stream.is_some() && n_hops * self.n_units == 1 && other.is_none_or(is_same)
    }

    /// Hears the last hop of the frames of each of several streams. The answers are those of [`hear`](Self::hear), for
    /// less work: the engine reads its weights once for all of them.
    pub fn hear_together(turns: &mut [(&mut Self, &[f32])]) -> Vec<Vec<Answer>> {
        let Some(classifier) = turns.first().map(|(listener, _)| Arc::clone(&listener.classifier)) else {
            return Vec::new();
        };
        let Some(engine) = classifier.network.engine() else { return Vec::new() };
        let network = &classifier.header().network;
        let mut logits = vec![0.0; turns.len() * network.n_labels];
        let pieces = turns.iter_mut().zip(logits.chunks_exact_mut(network.n_labels));
        let pieces = pieces.filter_map(|((listener, frames), logits)| {
            let frames = &frames[frames.len() - network.hop() * network.n_mels..];
            listener.stream.as_mut().map(|stream| Piece { stream, frames, logits })
        });
        let mut pieces: Vec<_> = pieces.collect();
        classifier.with_buffers(|buffers| {
            for pieces in pieces.chunks_mut(engine.max_hops()) {
                engine.advance_together(pieces, &mut buffers.workspace);
            }
        });
        let answers = turns.iter_mut().zip(logits.chunks_exact(network.n_labels));
        let answers = answers.map(|((listener, _), logits)| {
            let outputs = listener.stream.iter().flat_map(|stream| outputs(stream, logits, network.n_labels));
            listener.answers(outputs.collect(), 1)
        });
        answers.collect()
    }

    /// Counts hops, and returns their answers to whole seconds.
    fn answers(&mut self, outputs: Vec<Output>, n_hops: usize) -> Vec<Answer> {
        let least = self.lag() + self.classifier.header().network.n_frames;
        let answers = (1..).zip(outputs);
        let answers = answers.map(|(i, output)| Answer { n_heard: self.n_heard_after(i), output });
        let answers = answers.filter(|answer| answer.n_heard >= least).collect();
        self.n_heard = self.n_heard_after(n_hops);
        answers
    }

    /// Runs the engine over the new frames. `None` for another backend.
    fn advance(&mut self, frames: &[f32], n_hops: usize) -> Option<Vec<Output>> {
        let (stream, engine) = (self.stream.as_mut()?, self.classifier.network.engine()?);
        let network = &self.classifier.header().network;
        let unit_len = network.hop() * network.n_mels;
        let new = &frames[frames.len() - n_hops * self.n_units * unit_len..];
        let mut logits = vec![0.0; engine.max_hops() * network.n_labels];
        let mut heard = Vec::with_capacity(n_hops * self.n_units);
        self.classifier.with_buffers(|buffers| {
            for frames in new.chunks(engine.max_hops() * unit_len) {
                let n_units = frames.len() / unit_len;
                let logits = &mut logits[..n_units * network.n_labels];
                engine.advance(stream, frames, &mut buffers.workspace, logits);
                heard.extend(outputs(stream, logits, network.n_labels));
            }
        });
        Some(heard.into_iter().skip(self.n_units - 1).step_by(self.n_units).collect())
    }

    /// Answers for the window that ends with each new hop.
    fn windows(&self, frames: &[f32], n_hops: usize) -> Vec<Output> {
        let network = &self.classifier.header().network;
        let (hop_len, window_len) = (self.hop() * network.n_mels, network.n_frames * network.n_mels);
        let ends = (0..n_hops).rev().map(|n_later| frames.len() - n_later * hop_len);
        let window = |end: usize| end.checked_sub(window_len).map(|start| &frames[start..end]);
        ends.map(|end| window(end).map_or_else(Output::default, |window| self.classifier.listen_to(window)))
            .collect()
    }
}

/// Returns the outputs of the hops of a stream's last piece.
fn outputs<'a>(stream: &'a Stream, logits: &'a [f32], n_labels: usize) -> impl Iterator<Item = Output> + 'a {
    let hops = logits.chunks_exact(n_labels).enumerate();
    hops.map(|(hop, logits)| Output {
        logits: logits.to_vec(),
        word_frames: stream.word_frames(hop).to_vec(),
    })
}
