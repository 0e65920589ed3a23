//! Runs the network as plain loops over floats: the quick way to its logits on a CPU.
//!
//! Each batch norm is folded into the convolution before it, and the weights are packed for the kernel,
//! once. After the first clip none needs an allocation. Its activations lie in a [`Workspace`], channels last and
//! with their padding around them, so that a kernel row is one contiguous run of memory and no patch is copied.
//! Convolutions over three times, most of the network, use Winograd's algorithm, which saves a third of
//! their products. On a processor that multiplies bytes, all but the first may be in eight bits.

mod conv;
mod eight;
mod few;
mod folded;
mod kernel;
mod memory;
mod plan;
mod stream;
mod winograd;

use aligned_vec::{AVec, avec};

use crate::{KeywordCnnConfig, Weights};
use conv::{Conv, ConvWeights};
pub use kernel::Kernel;
use memory::{Form, Memory};
use plan::{Activation, Plan};
pub use stream::{Piece, Stream};

/// A network for this machine's processor. Threads share it.
pub struct Engine {
    clip: Layers,
    /// Many hops of one stream.
    stream: Layers,
    /// A hop of each of many streams: the weights of a layer are then read once for all of them.
    streams: Layers,
    /// The activation after the block that tells words apart.
    word_activation: usize,
    /// Most hops of a stream that are computed together.
    max_hops: usize,
    /// For each activation and channel, the number that one stands for in eight bits. Empty in floats.
    units: Vec<Vec<f32>>,
    /// `[n_features, n_labels]`.
    head_weight: Vec<f32>,
    /// `[n_labels]`.
    head_bias: Vec<f32>,
}

/// The convolutions of a plan, and its activations.
struct Layers {
    convolutions: Vec<Conv>,
    /// The first is the spectrogram, the last is the input of the head.
    activations: Vec<Activation>,
    /// The form of each.
    forms: Vec<Form>,
    /// Activations of each kind, one behind the other in memory.
    n_tracks: usize,
    /// Hops of each of them; a clip is one.
    n_hops: usize,
}

/// Memory for the activations of clips and of pieces of streams. It is reused for the next ones.
#[derive(Default)]
pub struct Workspace {
    clip: Option<PlanMemory>,
    stream: Option<PlanMemory>,
    streams: Option<PlanMemory>,
}

/// Memory for the activations of one plan.
struct PlanMemory {
    activations: Vec<Memory>,
    /// Scratch memory of one convolution, or of the head.
    scratch: AVec<f32>,
}

impl Layers {
    fn new(plan: Plan, weights: &[ConvWeights], [n_tracks, n_hops]: [usize; 2]) -> Self {
        let Plan { steps, activations, .. } = plan;
        let convolutions = steps.iter().zip(weights);
        let convolutions =
            convolutions.map(|(step, weights)| Conv::new(step, &activations, weights, n_tracks)).collect();
        let forms = [Form::Floats].into_iter().chain(weights.iter().map(ConvWeights::form)).collect();
        Self { convolutions, activations, forms, n_tracks, n_hops }
    }

    /// Returns the memory of this plan, which the first call takes.
    fn memory<'a>(&self, of: &'a mut Option<PlanMemory>) -> &'a mut PlanMemory {
        of.get_or_insert_with(|| {
            let activations = self.activations.iter().zip(&self.forms);
            // The head takes the values of the last activation, and one row of sums.
            let head_len = self.activations.last().map(|last| last.len() + last.row_len());
            let scratch_len = self.convolutions.iter().map(Conv::scratch_len).chain(head_len).max();
            PlanMemory {
                activations: activations
                    .map(|(activation, form)| Memory::new(self.n_tracks * activation.len(), *form))
                    .collect(),
                scratch: avec![0.0; scratch_len.unwrap_or_default()],
            }
        })
    }

    /// Puts the spectrogram of `n_hops` hops, `[n_frames, n_mels]`, into a track of the memory.
    fn fill(&self, track: usize, n_hops: usize, log_mel: &[f32], memory: &mut PlanMemory) {
        let input = &self.activations[0];
        let [n_frames, n_mels] = input.rows();
        assert_eq!(log_mel.len(), n_hops * n_frames / self.n_hops * n_mels, "size of the spectrogram");
        input.fill(log_mel, &mut memory.activations[0].floats[track * input.len()..]);
    }

    /// Computes the first `n_hops` of all hops of all tracks.
    fn run(&self, n_hops: usize, PlanMemory { activations, scratch }: &mut PlanMemory) {
        let share = [n_hops, self.n_tracks * self.n_hops];
        self.convolutions.iter().for_each(|conv| conv.run(share, activations, scratch));
    }
}

impl Engine {
    /// Folds and packs `weights`, which must be those of `config`, for this processor.
    pub fn new(config: &KeywordCnnConfig, weights: &Weights) -> Self {
        Self::with_kernel(config, weights, Kernel::detect())
    }

    /// Does the same as [`Engine::new`] for a kernel of [`Kernel::available`].
    pub fn with_kernel(config: &KeywordCnnConfig, weights: &Weights, kernel: Kernel) -> Self {
        let plan = Plan::clip(config);
        let packed: Vec<_> = plan.steps.iter().map(|step| ConvWeights::new(step, weights, kernel)).collect();
        Self::with_packed(config, weights, plan, &packed, Vec::new())
    }

    /// Rounds `weights`, which must be those of `config`, to eight bits. `None` if this processor has no instruction for
    /// it, so that floats are quicker, or if a kernel is so large that its sums could overflow.
    pub fn in_eight_bits(config: &KeywordCnnConfig, weights: &Weights) -> Option<Self> {
        let kernel = eight::Kernel::available().first().copied()?;
        let fits = config.layers().iter().all(|layer| layer.shape.patch_len() <= eight::MOST_PRODUCTS);
        fits.then(|| Self::in_eight_bits_with(config, weights, kernel))
    }

    fn in_eight_bits_with(config: &KeywordCnnConfig, weights: &Weights, kernel: eight::Kernel) -> Self {
        let plan = Plan::clip(config);
        let units = eight::units(&plan, weights);
        let pack = |step| ConvWeights::in_eight_bits(step, weights, &units, kernel);
        let packed: Vec<_> = plan.steps.iter().map(pack).collect();
        Self::with_packed(config, weights, plan, &packed, units)
    }

    fn with_packed(
        config: &KeywordCnnConfig,
        weights: &Weights,
        clip: Plan,
        packed: &[ConvWeights],
        units: Vec<Vec<f32>>,
    ) -> Self {
        // As many hops together as a clip has: the kernels then run as they do there.
        let max_hops = config.n_frames.div_ceil(config.hop());
        let stream = Plan::stream(config, max_hops * config.hop());
        Self {
            units,
            word_activation: stream.word_activation,
            max_hops,
            clip: Layers::new(clip, packed, [1, 1]),
            stream: Layers::new(stream, packed, [1, max_hops]),
            streams: Layers::new(Plan::stream(config, config.hop()), packed, [max_hops, 1]),
            head_weight: weights.get("head.weight").values.clone(),
            head_bias: weights.get("head.bias").values.clone(),
        }
    }

    /// True if its convolutions are in eight bits.
    pub fn is_in_eight_bits(&self) -> bool {
        !self.units.is_empty()
    }

    /// Returns the number of logits.
    pub fn n_labels(&self) -> usize {
        self.head_bias.len()
    }

    /// Turns a log-mel spectrogram, `[n_frames, n_mels]`, into logits, `[n_labels]`.
    ///
    /// # Panics
    /// If a slice has another size, or another engine has used `workspace`.
    pub fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]) {
        let memory = self.clip.memory(&mut workspace.clip);
        self.clip.fill(0, 1, log_mel, memory);
        self.clip.run(1, memory);
        let PlanMemory { activations, scratch } = memory;
        let last = self.clip.activations.len() - 1;
        let features = &activations[last];
        let (sums, values) = scratch.split_at_mut(self.clip.activations[last].row_len());
        if self.clip.forms[last] == Form::Floats {
            return self.head(&features.floats, sums, logits);
        }
        let values = &mut values[..features.len()];
        let computed = features.values(0..features.len(), self.units_of(last));
        values.iter_mut().zip(computed).for_each(|(to, value)| *to = value);
        self.head(values, sums, logits);
    }

    /// Returns the output of the block that tells words apart, `[n_frames, channels]`, of the clip that
    /// [`logits`](Self::logits) was called with last. Empty if there was none.
    pub fn word_frames<'a>(&'a self, workspace: &'a Workspace) -> impl Iterator<Item = f32> + 'a {
        let index = self.word_activation;
        let activation = &self.clip.activations[index];
        let [n_rows, row_len] = activation.rows();
        let first = activation.row(0);
        let values = move |memory: &'a PlanMemory| {
            memory.activations[index].values(first..first + n_rows * row_len, self.units_of(index))
        };
        workspace.clip.iter().flat_map(values)
    }

    fn units_of(&self, activation: usize) -> &[f32] {
        self.units.get(activation).map_or(&[], Vec::as_slice)
    }

    /// Takes the mean over time, then runs the linear layer. `sums` is scratch memory.
    fn head(&self, activation: &[f32], sums: &mut [f32], logits: &mut [f32]) {
        let n_labels = self.head_bias.len();
        let sums = &mut sums[..self.head_weight.len() / n_labels];
        sums.fill(0.0);
        for row in activation.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let n_frames = (activation.len() / sums.len()) as f32;
        logits.copy_from_slice(&self.head_bias);
        for (sum, weights) in sums.iter().zip(self.head_weight.chunks_exact(n_labels)) {
            let mean = sum / n_frames;
            logits.iter_mut().zip(weights).for_each(|(logit, weight)| *logit += mean * weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::config::NORM_EPSILON;
    use crate::{BlockConfig, ConvConfig, ConvLayer, Values};

    /// Small enough for Miri, with every kind of layer: strides, a skip of either kind, and widths of
    /// one, two and three times 16. The second block tells words apart. The last one sees no other frames than it, so that
    /// word frames and logits stand for the same second.
    fn config() -> KeywordCnnConfig {
        let conv = |channels, kernel, stride| ConvConfig { channels, kernel, stride };
        KeywordCnnConfig {
            stem: vec![conv(16, [5, 5], [2, 2]), conv(48, [3, 3], [1, 2])],
            entry: 16,
            blocks: vec![
                BlockConfig { channels: 16, kernel: 3, stride: 1 },
                BlockConfig { channels: 32, kernel: 3, stride: 2 },
                BlockConfig { channels: 16, kernel: 1, stride: 1 },
            ],
            ..KeywordCnnConfig::new(13, 7, 3)
        }
    }

    /// Weights as training leaves them: no norm is neutral.
    fn weights(config: &KeywordCnnConfig, rng: &mut ChaCha8Rng) -> Weights {
        let mut weights = Weights::default();
        for (name, shape) in config.tensors() {
            let range = if name.ends_with("variance") { 0.3..3.0 } else { -0.5..0.5 };
            let values = (0..shape.iter().product()).map(|_| rng.random_range(range.clone())).collect();
            weights.insert(name, Values { shape, values });
        }
        weights
    }

    /// An activation of one clip, in double precision and without padding.
    #[derive(Clone)]
    struct Plain {
        shape: [usize; 3],
        values: Vec<f64>,
    }

    impl Plain {
        /// Zero outside.
        fn at(&self, [time, frequency]: [isize; 2], channel: usize) -> f64 {
            let [n_times, n_bands, n_channels] = self.shape;
            let inside = (0..n_times as isize).contains(&time) && (0..n_bands as isize).contains(&frequency);
            let place = time * n_bands as isize + frequency;
            if inside { self.values[place as usize * n_channels + channel] } else { 0.0 }
        }

        /// Convolution and norm by their definitions.
        fn conv(&self, ConvLayer { name, shape, relu }: &ConvLayer, weights: &Weights) -> Self {
            let tensor = |part: &str| &weights.get(&format!("{name}.{part}")).values;
            let kernel = tensor("weight");
            let [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map(tensor);
            let input = Self { shape: shape.input, values: self.values.clone() };
            let ([kt, kf], [st, sf], [pt, pf]) = (shape.kernel, shape.stride, shape.padding());
            let [n_times, n_bands, n_channels] = shape.output();
            let mut values = Vec::new();
            for (time, frequency) in (0..n_times).flat_map(|t| (0..n_bands).map(move |f| (t, f))) {
                for channel in 0..n_channels {
                    let mut sum = 0.0;
                    for (i, j) in (0..kt).flat_map(|i| (0..kf).map(move |j| (i, j))) {
                        let place = [
                            (time * st + i) as isize - pt as isize,
                            (frequency * sf + j) as isize - pf as isize,
                        ];
                        for from in 0..shape.input[2] {
                            let weight = ((i * kf + j) * shape.input[2] + from) * n_channels + channel;
                            sum += input.at(place, from) * f64::from(kernel[weight]);
                        }
                    }
                    let [gamma, beta, mean, variance] =
                        [gamma, beta, mean, variance].map(|values| f64::from(values[channel]));
                    let y = (sum - mean) / (variance + f64::from(NORM_EPSILON)).sqrt() * gamma + beta;
                    values.push(if *relu { y.max(0.0) } else { y });
                }
            }
            Self { shape: shape.output(), values }
        }
    }

    /// The outputs of each block by plain nested loops, of a spectrogram of any length.
    fn blocks(config: &KeywordCnnConfig, weights: &Weights, log_mel: &[f32]) -> Vec<Plain> {
        let values = log_mel.iter().map(|value| f64::from(*value)).collect();
        let config = KeywordCnnConfig { n_frames: log_mel.len() / config.n_mels, ..config.clone() };
        let mut x = Plain { shape: [config.n_frames, config.n_mels, 1], values };
        let layers = config.layers();
        let layer = |name: String| layers.iter().find(|layer| layer.name == name);
        for i in 0..config.stem.len() {
            x = x.conv(layer(format!("stem.{i}")).unwrap(), weights);
        }
        x = x.conv(layer("entry".into()).unwrap(), weights);
        let block = |i: usize| {
            let conv = |x: &Plain, name: &str| {
                layer(format!("blocks.{i}.{name}")).map(|layer| x.conv(layer, weights))
            };
            let skip = conv(&x, "skip").unwrap_or_else(|| x.clone());
            x = conv(&conv(&x, "conv1").unwrap(), "conv2").unwrap();
            x.values.iter_mut().zip(skip.values).for_each(|(y, skip)| *y = (*y + skip).max(0.0));
            x.clone()
        };
        (0..config.blocks.len()).map(block).collect()
    }

    /// The head over `times` by its definition.
    fn head(
        config: &KeywordCnnConfig,
        weights: &Weights,
        x: &Plain,
        times: std::ops::Range<usize>,
    ) -> Vec<f64> {
        let head = &weights.get("head.weight").values;
        let n_times = times.len() as f64;
        let mean = |feature| times.clone().map(|t| x.at([t as isize, 0], feature)).sum::<f64>() / n_times;
        let bias = weights.get("head.bias").values.iter().map(|bias| f64::from(*bias));
        bias.enumerate()
            .map(|(label, bias)| {
                let product = |feature| mean(feature) * f64::from(head[feature * config.n_labels + label]);
                bias + (0..x.shape[2]).map(product).sum::<f64>()
            })
            .collect()
    }

    fn assert_close(values: &[f32], expected: &[f64], what: &str) {
        assert_eq!(values.len(), expected.len(), "{what}");
        for (value, expected) in values.iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 1e-4, "{what}: {value}, expected {expected}");
        }
    }

    fn log_mel(n_frames: usize, config: &KeywordCnnConfig, rng: &mut ChaCha8Rng) -> Vec<f32> {
        (0..n_frames * config.n_mels).map(|_| rng.random_range(-3.0..3.0)).collect()
    }

    #[test]
    fn a_spectrogram_of_another_size_is_refused_and_not_completed_from_the_last_one() {
        let (config, mut rng) = (config(), ChaCha8Rng::seed_from_u64(4));
        let engine = Engine::new(&config, &weights(&config, &mut rng));
        let assert_takes_only = |n_frames: usize, run: &dyn Fn(&[f32])| {
            let takes = [n_frames - 1, n_frames, n_frames + 1].map(|n_frames| {
                let log_mel = vec![0.0; n_frames * config.n_mels];
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&log_mel))).is_ok()
            });
            assert_eq!(takes, [false, true, false], "{n_frames} frames");
        };
        let clip = |x: &[f32]| engine.logits(x, &mut Workspace::default(), &mut [0.0; 3]);
        let two_hops = |frames: &[f32]| {
            engine.advance(&mut engine.stream(false), frames, &mut Workspace::default(), &mut [0.0; 6]);
        };
        let together = |frames: &[f32]| {
            let piece = Piece { stream: &mut engine.stream(false), frames, logits: &mut [0.0; 3] };
            engine.advance_together(&mut [piece], &mut Workspace::default());
        };
        assert_takes_only(config.n_frames, &clip);
        assert_takes_only(2 * config.hop(), &two_hops);
        assert_takes_only(config.hop(), &together);
    }

    #[test]
    fn every_kernel_gives_the_logits_of_plain_loops() {
        let (config, mut rng) = (config(), ChaCha8Rng::seed_from_u64(1));
        let weights = weights(&config, &mut rng);
        let log_mel = log_mel(config.n_frames, &config, &mut rng);
        let last = blocks(&config, &weights, &log_mel).pop().unwrap();
        let expected = head(&config, &weights, &last, 0..last.shape[0]);
        for kernel in Kernel::available() {
            let engine = Engine::with_kernel(&config, &weights, kernel);
            let mut logits = vec![0.0; config.n_labels];
            engine.logits(&log_mel, &mut Workspace::default(), &mut logits);
            assert_close(&logits, &expected, &kernel.to_string());
        }
    }

    /// The logits and the word frames after each of `n_hops` hops, taken `together` at a time.
    fn listen(engine: &Engine, log_mel: &[f32], n_hops: usize, together: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
        let (mut stream, mut workspace) = (engine.stream(true), Workspace::default());
        let mut answers = Vec::new();
        for frames in log_mel.chunks(log_mel.len() / n_hops * together) {
            let mut logits = vec![0.0; together * engine.head_bias.len()];
            engine.advance(&mut stream, frames, &mut workspace, &mut logits);
            let hops = logits.chunks_exact(engine.head_bias.len()).enumerate();
            answers.extend(hops.map(|(hop, logits)| (logits.to_vec(), stream.word_frames(hop).to_vec())));
        }
        answers
    }

    /// The same of each of `n_streams` streams, a hop of all at a time. Each begins a hop later than the one before it.
    fn listen_together(
        engine: &Engine,
        log_mel: &[f32],
        n_hops: usize,
        n_streams: usize,
    ) -> Vec<Vec<(Vec<f32>, Vec<f32>)>> {
        let (mut streams, mut workspace) = (vec![engine.stream(true); n_streams], Workspace::default());
        let mut answers = vec![Vec::new(); n_streams];
        let hops: Vec<&[f32]> = log_mel.chunks(log_mel.len() / n_hops).collect();
        for time in 0..n_hops + n_streams - 1 {
            let now = |index: &usize| time.checked_sub(*index).is_some_and(|hop| hop < n_hops);
            let now: Vec<usize> = (0..n_streams).filter(now).collect();
            let mut logits = vec![0.0; now.len() * engine.n_labels()];
            let streaming = streams.iter_mut().enumerate().filter(|(index, _)| now.contains(index));
            let mut pieces: Vec<Piece> = streaming
                .zip(logits.chunks_exact_mut(engine.n_labels()))
                .map(|((index, stream), logits)| Piece { stream, frames: hops[time - index], logits })
                .collect();
            engine.advance_together(&mut pieces, &mut workspace);
            for (index, logits) in now.into_iter().zip(logits.chunks_exact(engine.n_labels())) {
                answers[index].push((logits.to_vec(), streams[index].word_frames(0).to_vec()));
            }
        }
        answers
    }

    #[test]
    fn every_kernel_hears_a_stream_as_plain_loops_hear_the_whole() {
        const N_HOPS: usize = 6;
        // More than all kernels together reach back, and a multiple of all strides.
        const REACH: usize = 16;
        let (config, mut rng) = (config(), ChaCha8Rng::seed_from_u64(2));
        let weights = weights(&config, &mut rng);
        let log_mel = log_mel(N_HOPS * config.hop(), &config, &mut rng);
        for kernel in Kernel::available() {
            let engine = Engine::with_kernel(&config, &weights, kernel);
            let answers = listen(&engine, &log_mel, N_HOPS, 1);
            assert_eq!(answers, listen(&engine, &log_mel, N_HOPS, 2), "{kernel}: two hops together");
            for n_streams in [1, 2, engine.max_hops()] {
                let streams = listen_together(&engine, &log_mel, N_HOPS, n_streams);
                assert!(streams.iter().all(|stream| *stream == answers), "{kernel}: {n_streams} streams");
            }

            let (logits, word_frames) = answers.last().unwrap();
            let second = (N_HOPS * config.hop() - engine.lag() - config.n_frames - REACH) * config.n_mels;
            let plain = blocks(&config, &weights, &log_mel[second..]);
            let first = REACH / 4;
            assert_close(logits, &head(&config, &weights, &plain[2], first..first + 4), &kernel.to_string());
            let expected = &plain[1].values[first * plain[1].shape[2]..][..4 * plain[1].shape[2]];
            assert_close(word_frames, expected, &format!("word frames, {kernel}"));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "too slow, and the portable way has no unsafe code")]
    fn every_kernel_gives_the_same_bits_in_eight_bits_to_clips_and_streams() {
        const N_HOPS: usize = 6;
        let (config, mut rng) = (config(), ChaCha8Rng::seed_from_u64(3));
        let weights = weights(&config, &mut rng);
        let log_mel = log_mel(N_HOPS * config.hop(), &config, &mut rng);
        let clip = &log_mel[..config.n_frames * config.n_mels];
        let outputs = eight::Kernel::available().into_iter().map(|kernel| {
            let engine = Engine::in_eight_bits_with(&config, &weights, kernel);
            let (mut workspace, mut logits) = (Workspace::default(), vec![0.0; config.n_labels]);
            // Twice, as a used workspace must not matter.
            (0..2).for_each(|_| engine.logits(clip, &mut workspace, &mut logits));
            let answers = listen(&engine, &log_mel, N_HOPS, 1);
            assert_eq!(answers, listen(&engine, &log_mel, N_HOPS, 2), "two hops together");
            for n_streams in [1, 2, engine.max_hops()] {
                let streams = listen_together(&engine, &log_mel, N_HOPS, n_streams);
                assert!(streams.iter().all(|stream| *stream == answers), "{n_streams} streams");
            }
            (logits, engine.word_frames(&workspace).collect(), answers)
        });
        let outputs: Vec<(Vec<f32>, Vec<f32>, _)> = outputs.collect();
        assert!(outputs.iter().all(|output| *output == outputs[0]), "{outputs:?}");
        assert!(outputs[0].1.iter().any(|value| *value > 0.0));
    }
}
