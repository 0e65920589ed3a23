//! The plan of a network: its activations, the rows around them, and the step that computes each.

use crate::KeywordCnnConfig;
use crate::config::{ConvLayer, ConvShape, word_block};

/// An activation, `[time, frequency, channel]`, in memory with rows and zeros around it.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    shape: [usize; 3],
    /// Rows before the first time: zeros in a clip, the rows that a stream keeps.
    before: usize,
    /// Zero rows after the last time.
    after: usize,
    /// Zeros on each side of the frequencies.
    padding: usize,
    /// The frame that the first time stands for.
    frame: isize,
    /// Frames from one time to the next.
    frames: usize,
}

impl Activation {
    fn new(shape: [usize; 3], frame: isize, frames: usize) -> Self {
        Self { shape, before: 0, after: 0, padding: 0, frame, frames }
    }

    /// Returns the number of times and the values at each.
    pub fn rows(&self) -> [usize; 2] {
        [self.shape[0], self.shape[1] * self.shape[2]]
    }

    /// Returns the channels of each frequency.
    pub fn channels(&self) -> usize {
        self.shape[2]
    }

    /// Returns the frame that the last time stands for.
    pub fn last_frame(&self) -> isize {
        self.frame + ((self.shape[0] - 1) * self.frames) as isize
    }

    /// Makes room for rows from `time` on, if that is before the first one.
    fn keep(&mut self, time: isize) {
        self.before = self.before.max((-time).max(0) as usize);
    }

    /// Returns the size in memory, with all that is around.
    pub fn len(&self) -> usize {
        (self.before + self.shape[0] + self.after) * self.row_len()
    }

    /// Returns the distance from one time to the next.
    pub fn row_len(&self) -> usize {
        (self.shape[1] + 2 * self.padding) * self.shape[2]
    }

    /// Returns the position of a time's row, at its padding. Negative times lie before the first one.
    pub fn row(&self, time: isize) -> usize {
        ((time + self.before as isize) * self.row_len() as isize) as usize
    }

    /// Returns the number of values before the first time.
    pub fn kept_len(&self) -> usize {
        self.before * self.row_len()
    }

    /// Copies `values`, `[time, frequency, channel]`, into `memory`, from the first time on.
    pub fn fill(&self, values: &[f32], memory: &mut [f32]) {
        let [_, frequency, channels] = self.shape;
        for (time, row) in values.chunks_exact(frequency * channels).enumerate() {
            memory[self.offset([time as isize, 0], channels)..][..row.len()].copy_from_slice(row);
        }
    }

    /// Returns the positions of the `channels` of places, in each of `n_tracks` such activations one behind the other.
    pub fn positions(&self, n_tracks: usize, grid: &Grid, channels: usize) -> Vec<usize> {
        let Grid { first, stride, count: [n_times, n_bands] } = *grid;
        let mut positions = Vec::with_capacity(n_tracks * n_times * n_bands);
        for track in 0..n_tracks {
            for time in 0..n_times {
                for band in 0..n_bands {
                    let place =
                        [first[0] + (time * stride[0]) as isize, first[1] + (band * stride[1]) as isize];
                    positions.push(track * self.len() + self.offset(place, channels));
                }
            }
        }
        positions
    }

    /// Returns the position of the `channels` of a place. Negative places lie in what is around.
    pub fn offset(&self, [time, frequency]: [isize; 2], channels: usize) -> usize {
        (self.row(time) as isize + (frequency + self.padding as isize) * channels as isize) as usize
    }
}

/// Places in an activation: times by frequencies.
pub struct Grid {
    /// Time and frequency of the first place. Negative ones lie in what is around.
    pub first: [isize; 2],
    /// From one place to the next.
    pub stride: [usize; 2],
    pub count: [usize; 2],
}

/// One convolution, from one activation to another.
pub struct Step {
    pub layer: ConvLayer,
    pub from: usize,
    pub to: usize,
    /// The time at which the patch of the first output begins.
    pub start: isize,
    /// The activation that is added to the result before `ReLU`, and the time that is added to the first
    /// output.
    pub skip: Option<(usize, isize)>,
}

impl Step {
    /// Returns true if no result is negative: `ReLU` follows the norm, or what is added to it.
    pub fn ends_in_relu(&self) -> bool {
        self.layer.relu || self.skip.is_some()
    }

    /// Returns the time in the middle of the first output's patch.
    fn centre(&self) -> isize {
        self.start + self.layer.shape.padding()[0] as isize
    }
}

/// The rows that a network sees around those it is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    /// Zeros on both sides: each output row stands for the input rows around it.
    Clip,
    /// Earlier rows: each output row is computed when the last input row of its patch is there.
    Stream,
}

/// All steps of a network and the activations between them. The first activation is the spectrogram.
pub struct Plan {
    pub steps: Vec<Step>,
    pub activations: Vec<Activation>,
    /// The activation that tells words apart.
    pub word_activation: usize,
    edges: Edges,
}

impl Plan {
    /// Plans a whole clip.
    pub fn clip(config: &KeywordCnnConfig) -> Self {
        Self::new(config, Edges::Clip)
    }

    /// Plans a piece of a stream, of `n_frames` frames: a multiple of all strides together.
    pub fn stream(config: &KeywordCnnConfig, n_frames: usize) -> Self {
        Self::new(&KeywordCnnConfig { n_frames, ..config.clone() }, Edges::Stream)
    }

    fn new(config: &KeywordCnnConfig, edges: Edges) -> Self {
        let input = Activation::new([config.n_frames, config.n_mels, 1], 0, 1);
        let mut plan = Self { steps: Vec::new(), activations: vec![input], word_activation: 0, edges };
        let mut layers = config.layers().into_iter();
        for layer in layers.by_ref().take(config.stem.len() + 1) {
            let start = plan.start(&layer.shape);
            plan.push(layer, plan.activations.len() - 1, start, None);
        }
        plan.word_activation = plan.activations.len() - 1;
        let mut input_channels = config.entry;
        for (i, block) in config.blocks.iter().enumerate() {
            let n_layers = if block.has_skip(input_channels) { 3 } else { 2 };
            plan.push_block(layers.by_ref().take(n_layers).collect());
            if Some(i) == word_block(config.blocks.len()) {
                plan.word_activation = plan.activations.len() - 1;
            }
            input_channels = block.channels;
        }
        plan
    }

    /// Adds a block: the convolution of its skip, if it has one, and the two of its own.
    fn push_block(&mut self, mut layers: Vec<ConvLayer>) {
        let (Some(second), Some(first)) = (layers.pop(), layers.pop()) else { return };
        let input = self.activations.len() - 1;
        let [first_start, second_start] = [&first, &second].map(|layer| self.start(&layer.shape));
        let conv1 = self.push(first, input, first_start, None);
        let centre = self.steps.last().map_or(0, Step::centre);
        // What is added comes from the middle of the patches.
        let (skip, time) = match layers.pop() {
            Some(layer) => (self.push(layer, input, centre, None), 0),
            None => (input, centre),
        };
        let time = time + second_start + second.shape.padding()[0] as isize;
        self.push(second, conv1, second_start, Some((skip, time)));
    }

    /// Returns the time at which the first patch of a convolution begins.
    fn start(&self, shape: &ConvShape) -> isize {
        match self.edges {
            Edges::Clip => -(shape.padding()[0] as isize),
            Edges::Stream => -(shape.kernel[0].saturating_sub(shape.stride[0]) as isize),
        }
    }

    /// Adds a step and its output, and returns the index of the output.
    fn push(&mut self, layer: ConvLayer, from: usize, start: isize, skip: Option<(usize, isize)>) -> usize {
        let shape = &layer.shape;
        let input = &mut self.activations[from];
        // The stem's last activation is `[time, frequency, channel]` as an output, and
        // `[time, 1, frequency * channel]` as the next layer's input: the same memory without padding.
        input.shape = shape.input;
        input.padding = input.padding.max(shape.padding()[1]);
        input.keep(start);
        let last = (shape.output()[0] - 1) * shape.stride[0] + shape.kernel[0];
        input.after = input.after.max((last as isize + start - shape.input[0] as isize).max(0) as usize);
        let (frame, frames) = (input.frame, input.frames);
        if let Some((skip, time)) = skip {
            self.activations[skip].keep(time);
        }
        let step = Step { layer, from, to: self.activations.len(), start, skip };
        let frame = frame + step.centre() * frames as isize;
        let (output, stride) = (step.layer.shape.output(), step.layer.shape.stride[0]);
        self.activations.push(Activation::new(output, frame, frames * stride));
        self.steps.push(step);
        self.activations.len() - 1
    }
}
