//! The network's configuration: its layers, their cost and their tensors.

use serde::{Deserialize, Serialize};

/// Most values that all layers together read for one clip, with the zeros around them: 32 MiB. The shipped network reads 0.1
/// million.
const MOST_VALUES: usize = 1 << 23;

/// Most multiply-adds for one clip: about a second's. The shipped network takes 27 million.
const MOST_MULTIPLY_ADDS: u64 = 4_000_000_000;

/// The block that tells words apart best (`assets/RUNS.md`).
const WORD_BLOCK: usize = 1;

/// Returns the index of the block whose output tells words apart: in a short network the last one. `None` if there are no
/// blocks, where the trunk's entry does.
pub(crate) fn word_block(n_blocks: usize) -> Option<usize> {
    n_blocks.checked_sub(1).map(|last| last.min(WORD_BLOCK))
}

/// A convolution over `[time, frequency, channel]`.
///
/// Kernels are odd. Each side is padded with `(kernel - 1) / 2` zeros, so that stride 1 keeps the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Output channels.
    pub channels: usize,
    /// Kernel size, `[time, frequency]`.
    pub kernel: [usize; 2],
    /// Stride, `[time, frequency]`.
    pub stride: [usize; 2],
}

/// A residual block of two convolutions over time: `relu(conv2(relu(conv1(x))) + skip(x))`.
///
/// `skip` is a 1x1 convolution if the block changes the width or the frame rate, else the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockConfig {
    /// Output channels.
    pub channels: usize,
    /// Kernel size over time.
    pub kernel: usize,
    /// Stride over time, of the first convolution and of the skip.
    pub stride: usize,
}

/// A keyword-spotting CNN: a two-dimensional stem, then a one-dimensional residual trunk.
///
/// The stem convolves over time and frequency, so that a slightly higher or lower voice gives similar
/// features. Its channels and bands then become the channels of a trunk over time (as in TC-ResNet,
/// arXiv:1904.03814), which ends in a mean over time and a linear layer. Batch norm follows every
/// convolution. `ReLU` follows the norm, except in a skip and in a block's last convolution.
///
/// All widths are multiples of 16, so that channels fill vector registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordCnnConfig {
    /// Number of frames of the spectrogram.
    pub n_frames: usize,
    /// Number of mel bands of the spectrogram.
    pub n_mels: usize,
    /// The stem: convolutions over time and frequency.
    pub stem: Vec<ConvConfig>,
    /// Width of the 1x1 convolution from the stem's channels and bands to the trunk.
    pub entry: usize,
    /// The residual trunk.
    pub blocks: Vec<BlockConfig>,
    /// Number of labels.
    pub n_labels: usize,
}

impl KeywordCnnConfig {
    /// Returns the network that this project trains. For 12 labels it has 0.63 M weights and takes 26.7 M
    /// multiply-adds for a clip.
    pub fn new(n_frames: usize, n_mels: usize, n_labels: usize) -> Self {
        let conv = |channels, kernel, stride| ConvConfig { channels, kernel, stride };
        let block = |channels, stride| BlockConfig { channels, kernel: 3, stride };
        Self {
            n_frames,
            n_mels,
            stem: vec![conv(16, [5, 5], [2, 2]), conv(32, [3, 3], [1, 2]), conv(32, [3, 3], [1, 1])],
            entry: 128,
            blocks: vec![block(128, 1), block(160, 2), block(160, 1), block(160, 1)],
            n_labels,
        }
    }

    /// Returns every convolution, in the order of the data.
    pub fn layers(&self) -> Vec<ConvLayer> {
        let mut layers = Vec::new();
        let mut input = [self.n_frames, self.n_mels, 1];
        for (i, conv) in self.stem.iter().enumerate() {
            input = push(&mut layers, format!("stem.{i}"), input, *conv, true);
        }
        let [n_frames, n_bands, channels] = input;
        let mut input = [n_frames, 1, n_bands * channels];
        input = push(&mut layers, "entry".into(), input, over_time(self.entry, 1, 1), true);
        for (i, block) in self.blocks.iter().enumerate() {
            let BlockConfig { channels, kernel, stride } = *block;
            if block.has_skip(input[2]) {
                let conv = over_time(channels, 1, stride);
                push(&mut layers, format!("blocks.{i}.skip"), input, conv, false);
            }
            let conv = over_time(channels, kernel, stride);
            input = push(&mut layers, format!("blocks.{i}.conv1"), input, conv, true);
            let conv = over_time(channels, kernel, 1);
            input = push(&mut layers, format!("blocks.{i}.conv2"), input, conv, false);
        }
        layers
    }

    /// Returns the channels of the last block, which are the inputs of the linear layer.
    pub fn n_features(&self) -> usize {
        self.blocks.last().map_or(self.entry, |block| block.channels)
    }

    /// Returns the channels of the block that tells words apart.
    pub fn n_word_channels(&self) -> usize {
        word_block(self.blocks.len()).map_or(self.entry, |block| self.blocks[block].channels)
    }

    /// Returns the frames from one answer of a stream to the next: 8 of the shipped network, 80 ms.
    ///
    /// Every activation of the engine then grows by pairs of rows, as its convolutions compute them.
    pub fn hop(&self) -> usize {
        let strides = self.stem.iter().map(|conv| conv.stride[0]);
        let strides = strides.chain(self.blocks.iter().map(|block| block.stride));
        strides.fold(2, usize::saturating_mul)
    }

    /// Returns the multiply-adds for one clip.
    pub fn multiply_adds(&self) -> u64 {
        let convolutions: u64 = self.layers().iter().map(|layer| layer.shape.multiply_adds()).sum();
        convolutions + (self.n_features() * self.n_labels) as u64
    }

    /// Returns the name and shape of every tensor of a record.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        for ConvLayer { name, shape, .. } in self.layers() {
            let [kt, kf] = shape.kernel;
            tensors.push((format!("{name}.weight"), vec![kt, kf, shape.input[2], shape.channels]));
            for part in NORM_TENSORS {
                tensors.push((format!("{name}.{part}"), vec![shape.channels]));
            }
        }
        tensors.push(("head.weight".into(), vec![self.n_features(), self.n_labels]));
        tensors.push(("head.bias".into(), vec![self.n_labels]));
        tensors
    }

    /// Multiplies all widths by `times`. Weights and cost grow by about its square.
    #[must_use]
    pub fn widened(mut self, times: usize) -> Self {
        self.stem.iter_mut().for_each(|conv| conv.channels *= times);
        self.blocks.iter_mut().for_each(|block| block.channels *= times);
        self.entry *= times;
        self
    }

    /// Checks settings that come from a file. Refuses a network that cannot be built or that costs more than
    /// any network of this project.
    ///
    /// # Errors
    /// The text names the wrong setting and its range.
    pub fn validate(&self) -> Result<(), String> {
        let widths = self.stem.iter().map(|conv| conv.channels).chain([self.entry]);
        let widths = widths.chain(self.blocks.iter().map(|block| block.channels));
        for width in widths {
            if !(16..=1024).contains(&width) || width % 16 != 0 {
                return Err(format!("{width} channels: expected a multiple of 16, at most 1024"));
            }
        }
        let kernels = self.stem.iter().flat_map(|conv| conv.kernel);
        for kernel in kernels.chain(self.blocks.iter().map(|block| block.kernel)) {
            if !(1..=31).contains(&kernel) || kernel % 2 == 0 {
                return Err(format!("a kernel of {kernel}: expected an odd number, at most 31"));
            }
        }
        let strides = self.stem.iter().flat_map(|conv| conv.stride);
        for stride in strides.chain(self.blocks.iter().map(|block| block.stride)) {
            if !(1..=8).contains(&stride) {
                return Err(format!("a stride of {stride}: expected 1 to 8"));
            }
        }
        self.validate_sizes()
    }

    /// Checks what all layers together take and make.
    fn validate_sizes(&self) -> Result<(), String> {
        let sizes = [(self.n_frames, "frames", 1000), (self.n_mels, "mel bands", 256)];
        for (size, what, most) in sizes.into_iter().chain([(self.n_labels, "labels", 1000)]) {
            if !(1..=most).contains(&size) {
                return Err(format!("{size} {what}: expected 1 to {most}"));
            }
        }
        if self.stem.len() + self.blocks.len() > 64 {
            return Err("more than 64 stem convolutions and blocks".into());
        }
        if self.hop() > self.n_frames {
            return Err(format!(
                "strides over time that are {} together: expected at most half of the {} frames",
                self.hop() / 2,
                self.n_frames
            ));
        }
        let n_values: usize = self.layers().iter().map(|layer| layer.shape.n_read()).sum();
        if n_values > MOST_VALUES {
            return Err(format!(
                "layers that read {n_values} numbers of a clip: expected at most {MOST_VALUES}"
            ));
        }
        let multiply_adds = self.multiply_adds();
        if multiply_adds > MOST_MULTIPLY_ADDS {
            return Err(format!(
                "{multiply_adds} multiply-adds a clip: expected at most {MOST_MULTIPLY_ADDS}"
            ));
        }
        Ok(())
    }
}

impl BlockConfig {
    /// Returns true if the skip is a convolution: the block's output has another shape than its input.
    pub fn has_skip(&self, input_channels: usize) -> bool {
        self.channels != input_channels || self.stride != 1
    }
}

/// The tensors of a batch norm, each `[channels]`.
pub const NORM_TENSORS: [&str; 4] = ["gamma", "beta", "mean", "variance"];

/// Number added to the variance of a batch norm before the root is taken.
pub const NORM_EPSILON: f32 = 1e-5;

/// One convolution of a network, with the batch norm behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvLayer {
    /// Prefix of its tensors' names in a record: `name.weight`, `name.gamma`, ...
    pub name: String,
    /// Sizes of input, output and kernel.
    pub shape: ConvShape,
    /// True if `ReLU` follows the norm at once.
    pub relu: bool,
}

/// The sizes of a convolution over one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// `[time, frequency, channel]`.
    pub input: [usize; 3],
    /// Output channels.
    pub channels: usize,
    /// `[time, frequency]`.
    pub kernel: [usize; 2],
    /// `[time, frequency]`.
    pub stride: [usize; 2],
}

impl ConvShape {
    /// `[time, frequency, channel]`.
    pub fn output(&self) -> [usize; 3] {
        let size = |axis: usize| (self.input[axis] - 1) / self.stride[axis] + 1;
        [size(0), size(1), self.channels]
    }

    /// Returns the zeros before the first and after the last element, `[time, frequency]`.
    pub fn padding(&self) -> [usize; 2] {
        self.kernel.map(|kernel| (kernel - 1) / 2)
    }

    /// Returns the number of values of the input, with the zeros around it.
    pub fn n_read(&self) -> usize {
        let padded = |axis: usize| self.input[axis] + 2 * self.padding()[axis];
        padded(0) * padded(1) * self.input[2]
    }

    /// Returns the number of places in time and frequency at which the kernel is applied.
    pub fn n_places(&self) -> usize {
        let [time, frequency, _] = self.output();
        time * frequency
    }

    /// Returns the number of input values under the kernel at each place.
    pub fn patch_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[2]
    }

    /// Returns the multiply-adds for one clip.
    pub fn multiply_adds(&self) -> u64 {
        self.n_places() as u64 * self.patch_len() as u64 * self.channels as u64
    }
}

fn over_time(channels: usize, kernel: usize, stride: usize) -> ConvConfig {
    ConvConfig { channels, kernel: [kernel, 1], stride: [stride, 1] }
}

/// Appends a layer and returns its output's shape.
fn push(
    layers: &mut Vec<ConvLayer>,
    name: String,
    input: [usize; 3],
    conv: ConvConfig,
    relu: bool,
) -> [usize; 3] {
    let ConvConfig { channels, kernel, stride } = conv;
    let shape = ConvShape { input, channels, kernel, stride };
    layers.push(ConvLayer { name, shape, relu });
    shape.output()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 101 frames of 40 mel bands, 12 labels: what is shipped.
    fn shipped() -> KeywordCnnConfig {
        KeywordCnnConfig::new(101, 40, 12)
    }

    #[test]
    fn the_shipped_network_costs_what_its_documentation_says() {
        let n_weights: usize =
            shipped().tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!((shipped().multiply_adds() + 50_000) / 100_000, 267);
        assert_eq!((n_weights + 5_000) / 10_000, 63);
    }

    #[test]
    fn the_cost_of_a_network_does_not_wrap_in_32_bits() {
        let wide = KeywordCnnConfig { entry: 1024, ..shipped().widened(32) };
        let costly: u64 = wide.multiply_adds();
        assert!(costly > u64::from(u32::MAX), "{costly}");
    }

    #[test]
    fn each_layer_takes_what_the_one_before_gives() {
        let shapes: Vec<[usize; 3]> = shipped().layers().iter().map(|layer| layer.shape.output()).collect();
        assert_eq!(shapes[..4], [[51, 20, 16], [51, 10, 32], [51, 10, 32], [51, 1, 128]]);
        assert_eq!(shapes.last(), Some(&[26, 1, 160]));
    }

    #[test]
    fn settings_that_cannot_be_built_are_refused() {
        assert_eq!(shipped().validate(), Ok(()));
        let refused = |change: fn(&mut KeywordCnnConfig)| {
            let mut config = shipped();
            change(&mut config);
            config.validate().is_err()
        };
        assert!(refused(|config| config.entry = 24));
        assert!(refused(|config| config.stem[0].kernel = [2, 3]));
        assert!(refused(|config| config.blocks[0].stride = 0));
        assert!(refused(|config| config.n_labels = 0));
        assert!(refused(|config| config.blocks[1].stride = 52));
        assert!(refused(|config| config.blocks = [config.blocks[1]; 60].to_vec()));
        assert!(refused(|config| config.n_frames = 1_000_000));
        assert!(refused(|config| {
            (config.n_frames, config.n_mels) = (1000, 256);
            config.stem[0] = ConvConfig { channels: 1024, kernel: [1, 1], stride: [1, 1] };
        }));
        assert!(refused(|config| {
            // Each layer is small, and all together fill the memory.
            config.stem = vec![ConvConfig { channels: 256, kernel: [1, 1], stride: [1, 1] }; 30];
        }));
        assert!(refused(|config| {
            config.blocks.fill(BlockConfig { channels: 1024, kernel: 31, stride: 1 });
        }));
    }
}
