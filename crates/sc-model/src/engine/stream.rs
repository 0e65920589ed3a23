//! The network over frames as they come: each row of each activation is computed once.
//!
//! Between two pieces a [`Stream`] keeps the rows that later ones need. A convolution computes a row as soon
//! as the last row under its kernel is there. So the newest answer stands for a second that ended some time
//! ago: [`Engine::lag`]. A window over the same second has zeros around each of its activations; a stream has
//! what was there.

use super::memory::Memory;
use super::plan::Activation;
use super::{Engine, Layers, PlanMemory, Workspace};

/// One stream between two pieces.
#[derive(Clone, Debug)]
pub struct Stream {
    /// For each activation, the rows before the next piece.
    kept: Vec<Memory>,
    /// The input of the head.
    features: Rows,
    /// The output of the block that tells words apart, if it is asked for.
    word_frames: Option<Rows>,
    /// Hops of the last piece.
    n_hops: usize,
}

/// The newest rows of an activation: those of the last piece, and a second before them.
#[derive(Clone, Debug)]
struct Rows {
    activation: usize,
    /// `[time, channel]`.
    values: Vec<f32>,
    /// Values that a hop adds.
    hop_len: usize,
    /// Values of a second: as many as a clip has.
    second_len: usize,
}

impl Rows {
    /// Drops what is older than a second, and takes new rows.
    fn take(&mut self, rows: impl Iterator<Item = f32>) {
        self.values.drain(..self.values.len() - self.second_len);
        self.values.extend(rows);
    }

    /// Returns the second that ends before the last `n_later` hops.
    fn second(&self, n_later: usize) -> &[f32] {
        let end = self.values.len() - n_later * self.hop_len;
        &self.values[end - self.second_len..end]
    }
}

impl Stream {
    /// Returns the output of the block that tells words apart, `[n_frames, channels]`, in the newest second of it at a hop
    /// of the last piece. Fewer kernels lie before it than before the logits, so that this second ends later than theirs:
    /// by 0.16 s in the shipped network. There are as many frames as a clip has. Empty if it was not asked for.
    pub fn word_frames(&self, hop: usize) -> &[f32] {
        self.word_frames.as_ref().map_or(&[], |rows| rows.second(self.n_hops - 1 - hop))
    }
}

impl Engine {
    /// Begins a stream, with [`Stream::word_frames`] if `has_words` is true.
    pub fn stream(&self, has_words: bool) -> Stream {
        let kept = self.stream.activations.iter().zip(&self.stream.forms);
        let kept = kept.map(|(activation, form)| Memory::to_keep(activation.kept_len(), *form));
        Stream {
            kept: kept.collect(),
            features: self.rows(self.stream.activations.len() - 1),
            word_frames: has_words.then(|| self.rows(self.word_activation)),
            n_hops: 0,
        }
    }

    /// Returns a second of zeros in an activation.
    fn rows(&self, activation: usize) -> Rows {
        let [n_rows, row_len] = self.stream.activations[activation].rows();
        let second_len = self.clip.activations[activation].rows()[0] * row_len;
        Rows {
            activation,
            values: vec![0.0; second_len],
            hop_len: n_rows / self.max_hops * row_len,
            second_len,
        }
    }

    /// Returns the most hops that [`advance`](Self::advance) takes together, and the most streams that
    /// [`advance_together`](Self::advance_together) takes.
    pub fn max_hops(&self) -> usize {
        self.max_hops
    }

    /// Returns the frames between the end of the second that an answer stands for and its newest frame.
    pub fn lag(&self) -> usize {
        let last_frame = |activation: Option<&Activation>| activation.map_or(0, Activation::last_frame);
        let activations = &self.stream.activations;
        (last_frame(activations.first()) - last_frame(activations.last())).max(0) as usize
    }

    /// Takes the frames of whole hops, `[n_hops * hop, n_mels]`, and writes the logits of each,
    /// `[n_hops, n_labels]`. An answer counts once [`lag`](Self::lag) and a clip's frames have come.
    ///
    /// # Panics
    /// If there are none, or more than [`max_hops`](Self::max_hops), if a slice has another size, or if another engine made
    /// `stream` or has used `workspace`.
    pub fn advance(
        &self,
        stream: &mut Stream,
        frames: &[f32],
        workspace: &mut Workspace,
        logits: &mut [f32],
    ) {
        let n_hops = logits.len() / self.head_bias.len();
        let memory = self.stream.memory(&mut workspace.stream);
        self.stream.begin(0, n_hops, (stream, frames), memory);
        self.stream.run(n_hops, memory);
        self.end(&self.stream, 0, stream, n_hops, memory);
        self.answer(stream, memory, logits);
    }

    /// Does the same for the frames of one hop of each of several streams, which reads the weights once for all of them.
    /// The logits have the same bits.
    ///
    /// # Panics
    /// As [`advance`](Self::advance), for pieces instead of hops.
    pub fn advance_together(&self, pieces: &mut [Piece], workspace: &mut Workspace) {
        let memory = self.streams.memory(&mut workspace.streams);
        for (track, piece) in pieces.iter_mut().enumerate() {
            self.streams.begin(track, 1, (piece.stream, piece.frames), memory);
        }
        self.streams.run(pieces.len(), memory);
        for (track, piece) in pieces.iter_mut().enumerate() {
            self.end(&self.streams, track, piece.stream, 1, memory);
            self.answer(piece.stream, memory, piece.logits);
        }
    }

    /// Keeps in `stream` what its next hops and its answers need, of the `n_hops` hops that `layers` have computed.
    fn end(&self, layers: &Layers, track: usize, stream: &mut Stream, n_hops: usize, memory: &PlanMemory) {
        let row = |activation: &Activation, row| track * activation.len() + activation.row(row);
        let activations = layers.activations.iter().zip(&memory.activations);
        for ((activation, from), kept) in activations.zip(&mut stream.kept) {
            let end = row(activation, (activation.rows()[0] / layers.n_hops * n_hops) as isize);
            kept.copy(0, from, end - kept.len()..end);
        }
        for rows in [Some(&mut stream.features), stream.word_frames.as_mut()].into_iter().flatten() {
            let start = row(&layers.activations[rows.activation], 0);
            let range = start..start + n_hops * rows.hop_len;
            let from = &memory.activations[rows.activation];
            rows.take(from.values(range, self.units_of(rows.activation)));
        }
        stream.n_hops = n_hops;
    }

    /// Writes the logits of the hops of a stream's last piece.
    fn answer(&self, stream: &Stream, memory: &mut PlanMemory, logits: &mut [f32]) {
        assert_eq!(logits.len(), stream.n_hops * self.n_labels(), "number of the logits");
        for (hop, logits) in logits.chunks_exact_mut(self.head_bias.len()).enumerate() {
            self.head(stream.features.second(stream.n_hops - 1 - hop), &mut memory.scratch, logits);
        }
    }
}

/// A hop of one of several streams.
pub struct Piece<'a> {
    /// The stream that goes on.
    pub stream: &'a mut Stream,
    /// `[hop, n_mels]`.
    pub frames: &'a [f32],
    /// `[n_labels]`, to be written.
    pub logits: &'a mut [f32],
}

impl Layers {
    /// Puts the rows that a stream keeps, and the new frames of `n_hops` hops, into a track of the memory.
    fn begin(
        &self,
        track: usize,
        n_hops: usize,
        (stream, frames): (&Stream, &[f32]),
        memory: &mut PlanMemory,
    ) {
        let activations = self.activations.iter().zip(&mut memory.activations);
        for ((activation, to), kept) in activations.zip(&stream.kept) {
            let start = track * activation.len() + activation.row(0) - kept.len();
            to.copy(start, kept, 0..kept.len());
        }
        self.fill(track, n_hops, frames, memory);
    }
}
