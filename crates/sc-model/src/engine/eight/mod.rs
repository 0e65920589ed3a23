//! The engine in eight bits: the quick way to the logits of one clip on a processor that multiplies bytes.
//!
//! Activations are whole numbers from 0 to 255 of a unit, weights are -127 to 127, and sums have 32 bits, so that
//! nothing is lost between a product and its sum. Each channel has its own units. Convolutions are direct: to
//! transform the inputs as Winograd's algorithm does would take a ninth bit. The first convolution takes the
//! spectrogram, whose range is wide, in floats; it makes a sixtieth of the products.
#![cfg_attr(not(target_arch = "x86_64"), allow(unused, reason = "no other architecture has a kernel here"))]

mod conv;
mod dot;

use aligned_vec::{AVec, avec};

use super::folded::Folded;
use super::plan::{Plan, Step};
use super::{Engine, Workspace};
use crate::{KeywordCnnConfig, Weights};
use conv::Conv;
use dot::Channels;

/// Deviations above its mean at which an activation is cut off.
///
/// The norms of a record hold each channel's mean and deviation over the training clips, so that no clip is needed
/// to find its range (Nagel et al., arXiv:1906.04721, section 4.2.1, which takes 6). On validation clips the logits of
/// the shipped record are off by 0.053 with 6, by 0.023 with 8, by 0.021 with 10 and by 0.028 with 16 (root mean
/// square): what is cut off weighs more than what is rounded.
const DEVIATIONS: f32 = 10.0;
/// Least range of a channel, as a share of the widest one's.
const LEAST_TOP: f32 = 1e-3;
/// Largest eight-bit activation.
const LARGEST: f32 = 255.0;

/// The instructions that the products are compiled for. A variant is the proof that the processor has them.
#[derive(Clone, Copy)]
pub enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Vnni(dot::Vnni),
    #[cfg(target_arch = "x86_64")]
    Vnni256(dot::Vnni256),
    /// What the others are tested against: the engine in floats is quicker.
    #[cfg(test)]
    Portable,
}

impl Kernel {
    /// Returns all kernels that this processor runs, quickest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(dot::Vnni::try_new().map(Self::Vnni));
            kernels.extend(dot::Vnni256::try_new().map(Self::Vnni256));
        }
        #[cfg(test)]
        kernels.push(Self::Portable);
        kernels
    }
}

/// An activation's memory, in one form or, after the first convolution, in both.
pub struct Memory {
    bytes: AVec<u8>,
    floats: AVec<f32>,
}

/// A network in eight bits. Threads share it.
pub struct EightBit {
    /// The same network in floats, for the first convolution, the head, and streams. A stream has few places at a
    /// time, so that it takes as long in eight bits.
    engine: Engine,
    /// All convolutions but the first.
    convolutions: Vec<Conv>,
    /// For each activation and channel, the number that one stands for.
    units: Vec<Vec<f32>>,
    /// What the results of the first convolution are multiplied by before they are rounded.
    first_scale: Vec<Channels>,
    /// The activations that convolutions take, all but the spectrogram. The others are added, in floats.
    in_bytes: Vec<bool>,
    kernel: Kernel,
}

impl EightBit {
    /// Rounds `weights`, which must be those of `config`. `None` if this processor has no instruction for it, so that
    /// floats are quicker.
    pub fn new(config: &KeywordCnnConfig, weights: &Weights) -> Option<Self> {
        let kernel = Kernel::available().first().copied()?;
        Some(Self::with_kernel(config, weights, kernel))
    }

    /// Does the same as [`EightBit::new`] for a kernel of [`Kernel::available`].
    pub fn with_kernel(config: &KeywordCnnConfig, weights: &Weights, kernel: Kernel) -> Self {
        let plan = Plan::clip(config);
        let units = units(&plan, weights);
        let convolution = |step| Conv::new(step, &plan.activations, &Folded::new(step, weights), &units);
        Self {
            engine: Engine::new(config, weights),
            convolutions: plan.steps.iter().skip(1).map(convolution).collect(),
            in_bytes: [false].into_iter().chain(plan.steps.iter().map(ends_in_relu)).collect(),
            first_scale: units[1].iter().map(|unit| 1.0 / unit).collect::<Vec<_>>().as_chunks().0.to_vec(),
            units,
            kernel,
        }
    }

    /// Returns the index of the head's input.
    fn last(&self) -> usize {
        self.units.len() - 1
    }

    /// Returns the number of values of an activation.
    fn n_values(&self, activation: usize) -> usize {
        self.engine.clip.activations[activation].rows().iter().product()
    }

    /// Returns the values of an activation, `[time, frequency, channel]`.
    fn values<'a>(&'a self, memory: &'a [Memory], activation: usize) -> impl Iterator<Item = f32> + 'a {
        let first = self.engine.clip.activations[activation].row(0);
        let bytes = &memory[activation].bytes[first..][..self.n_values(activation)];
        bytes.iter().zip(self.units[activation].iter().cycle()).map(|(byte, unit)| f32::from(*byte) * unit)
    }

    /// Returns the same network in floats.
    pub fn floats(&self) -> &Engine {
        &self.engine
    }

    /// Returns memory for the activations of one clip.
    pub fn workspace(&self) -> Workspace {
        let clip = &self.engine.clip;
        let memory =
            clip.activations.iter().zip(&self.in_bytes).enumerate().map(|(i, (activation, in_bytes))| {
                let len = |is_there| if is_there { activation.len() } else { 0 };
                Memory { bytes: avec![0; len(*in_bytes)], floats: avec![0.0; len(!in_bytes || i == 1)] }
            });
        let head_len = self.engine.head_weight.len() / self.engine.n_labels();
        let scratch_len = clip.convolutions[0].scratch_len().max(self.n_values(self.last()) + head_len);
        Workspace { eight: memory.collect(), scratch: avec![0.0; scratch_len], ..Workspace::default() }
    }

    /// Does the same as [`Engine::logits`].
    pub fn logits(&self, log_mel: &[f32], workspace: &mut Workspace, logits: &mut [f32]) {
        let clip = &self.engine.clip;
        let Workspace { eight: memory, scratch, .. } = workspace;
        let (input, rest) = memory.split_at_mut(1);
        clip.activations[0].fill(log_mel, &mut input[0].floats);
        clip.convolutions[0].run([1, 1], &input[0].floats, None, &mut rest[0].floats, scratch);
        conv::round(self.kernel, &self.first_scale, &mut rest[0]);
        for conv in &self.convolutions {
            conv.run(self.kernel, memory);
        }
        let (values, sums) = scratch.split_at_mut(self.n_values(self.last()));
        values.iter_mut().zip(self.values(memory, self.last())).for_each(|(to, value)| *to = value);
        self.engine.head(values, sums, logits);
    }

    /// Does the same as [`Engine::word_frames`].
    pub fn word_frames<'a>(&'a self, workspace: &'a Workspace) -> impl Iterator<Item = f32> + 'a {
        self.values(&workspace.eight, self.engine.word_block)
    }
}

/// Returns true if no result is negative, and so fits into a byte.
fn ends_in_relu(step: &Step) -> bool {
    step.layer.relu || step.skip.is_some()
}

/// Returns, for each activation and channel, the number that one stands for.
fn units(plan: &Plan, weights: &Weights) -> Vec<Vec<f32>> {
    // What is in floats has a unit of 1.
    let mut units: Vec<Vec<f32>> = plan.activations.iter().map(|one| vec![1.0; one.channels()]).collect();
    // The largest number of each channel.
    let mut tops: Vec<Vec<f32>> = vec![Vec::new(); units.len()];
    for step in &plan.steps {
        let tensor = |part: &str| weights.get(&format!("{}.{part}", step.layer.name)).values.iter();
        let top = tensor("beta").zip(tensor("gamma")).map(|(beta, gamma)| beta + DEVIATIONS * gamma.abs());
        let mut top: Vec<f32> = top.collect();
        if let Some((skip, _)) = step.skip {
            top.iter_mut().zip(&tops[skip]).for_each(|(top, skip)| *top += skip.max(0.0));
        }
        if ends_in_relu(step) {
            // A channel that is hardly ever above zero still has a unit.
            let least = LEAST_TOP * top.iter().copied().fold(f32::MIN_POSITIVE / LEAST_TOP, f32::max);
            units[step.to] = top.iter().map(|top| top.max(least) / LARGEST).collect();
        }
        tops[step.to] = top;
    }
    units
}

#[cfg(test)]
mod tests {
    use sc_data::{Limits, Waveform};

    use super::*;
    use crate::Record;

    #[test]
    fn the_shipped_record_answers_alike_in_eight_bits() {
        let Record { header, weights, .. } = Record::shipped().unwrap();
        let (engine, log_mel) = (Engine::new(&header.network, &weights), header.log_mel.init());
        let networks: Vec<EightBit> = Kernel::available()
            .into_iter()
            .map(|kernel| EightBit::with_kernel(&header.network, &weights, kernel))
            .collect();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/examples");
        for name in ["banana", "noise", "several", "stop", "yes"] {
            let bytes = std::fs::read(format!("{examples}/{name}.mp3")).unwrap();
            let spectrogram = log_mel.compute(&Waveform::decode(&bytes, &Limits::default()).unwrap());
            let mut floats = vec![0.0; engine.n_labels()];
            engine.logits(spectrogram.values(), &mut engine.workspace(), &mut floats);
            for network in &networks {
                let mut logits = vec![0.0; engine.n_labels()];
                network.logits(spectrogram.values(), &mut network.workspace(), &mut logits);
                for (eight, float) in logits.iter().zip(&floats) {
                    assert!((eight - float).abs() < 0.3, "{name}: {logits:?} for {floats:?}");
                }
            }
        }
    }
}
