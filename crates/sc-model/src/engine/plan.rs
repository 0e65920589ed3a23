//! The plan of a network: its activations, their padding, and the step that computes each.

use crate::KeywordCnnConfig;
use crate::config::ConvLayer;
use crate::weights::WORD_BLOCK;

/// An activation of one clip, `[time, frequency, channel]`, in memory with zeros around it.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    shape: [usize; 3],
    /// Zeros before and after, `[time, frequency]`: enough for the widest kernel that reads it.
    padding: [usize; 2],
}

impl Activation {
    /// Returns the size in memory, with padding.
    pub fn len(&self) -> usize {
        (self.shape[0] + 2 * self.padding[0]) * self.row_len()
    }

    /// Returns the distance from one time to the next.
    pub fn row_len(&self) -> usize {
        (self.shape[1] + 2 * self.padding[1]) * self.shape[2]
    }

    /// Returns the number of times.
    pub fn n_frames(&self) -> usize {
        self.shape[0]
    }

    /// Returns the position of a time's row, at its padding. Negative times lie in the padding.
    pub fn row(&self, time: isize) -> usize {
        ((time + self.padding[0] as isize) * self.row_len() as isize) as usize
    }

    /// Copies `values`, `[time, frequency, channel]`, into `memory`, between the padding.
    pub fn fill(&self, values: &[f32], memory: &mut [f32]) {
        let [_, frequency, channels] = self.shape;
        for (time, row) in values.chunks_exact(frequency * channels).enumerate() {
            memory[self.offset([time as isize, 0], channels)..][..row.len()].copy_from_slice(row);
        }
    }

    /// Returns the position of the `channels` of a place. Negative places lie in the padding.
    pub fn offset(&self, [time, frequency]: [isize; 2], channels: usize) -> usize {
        let [pt, pf] = self.padding.map(|padding| padding as isize);
        ((time + pt) * self.row_len() as isize + (frequency + pf) * channels as isize) as usize
    }
}

/// One convolution, from one activation to another.
pub struct Step {
    pub layer: ConvLayer,
    pub from: usize,
    pub to: usize,
    /// The activation that is added to the result before `ReLU`.
    pub skip: Option<usize>,
}

/// All steps of a network and the activations between them. The first activation is the spectrogram.
pub struct Plan {
    pub steps: Vec<Step>,
    pub activations: Vec<Activation>,
    /// The activation by which words are told apart.
    pub word_frames: usize,
}

impl Plan {
    pub fn new(config: &KeywordCnnConfig) -> Self {
        let mut plan = Self { steps: Vec::new(), activations: Vec::new(), word_frames: 0 };
        let input = [config.n_frames, config.n_mels, 1];
        plan.activations.push(Activation { shape: input, padding: [0, 0] });
        let mut layers = config.layers().into_iter();
        for layer in layers.by_ref().take(config.stem.len() + 1) {
            plan.push(layer, plan.activations.len() - 1, None);
        }
        let mut input_channels = config.entry;
        for (i, block) in config.blocks.iter().enumerate() {
            let input = plan.activations.len() - 1;
            let skip = block.has_skip(input_channels).then(|| layers.next()).flatten();
            let skip = skip.map_or(input, |layer| plan.push(layer, input, None));
            let conv1 = layers.next().map(|layer| plan.push(layer, input, None));
            if let (Some(conv1), Some(conv2)) = (conv1, layers.next()) {
                plan.push(conv2, conv1, Some(skip));
            }
            input_channels = block.channels;
            if i <= WORD_BLOCK {
                plan.word_frames = plan.activations.len() - 1;
            }
        }
        plan
    }

    /// Adds a step and its output, and returns the index of the output.
    fn push(&mut self, layer: ConvLayer, from: usize, skip: Option<usize>) -> usize {
        let input = &mut self.activations[from];
        let padding = layer.shape.padding();
        input.padding = [0, 1].map(|axis| input.padding[axis].max(padding[axis]));
        // The stem's last activation is `[time, frequency, channel]` as an output, and
        // `[time, 1, frequency * channel]` as the next layer's input: the same memory without padding.
        input.shape = layer.shape.input;
        let to = self.activations.len();
        self.activations.push(Activation { shape: layer.shape.output(), padding: [0, 0] });
        self.steps.push(Step { layer, from, to, skip });
        to
    }
}
