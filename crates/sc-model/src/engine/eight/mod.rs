//! Convolutions in eight bits: the quick way on a processor that multiplies bytes.
//!
//! Activations are whole numbers from 0 to 127 of a unit, weights are -64 to 64, and sums have 32 bits. So nothing is
//! lost between a product and its sum, and every kernel gives the same sums: with larger numbers, AVX2 would cut off
//! sums of products, which it adds in 16 bits. Each channel has its own units. Convolutions are direct: to
//! transform the inputs as Winograd's algorithm does would take another bit, and a sign. The first convolution takes
//! the spectrogram, whose range is wide, in floats; it makes a sixtieth of the products.
#![cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(unused, reason = "no other architecture has a kernel here")
)]

mod conv;
mod dot;
mod rounding;

use super::plan::Plan;
use crate::Weights;
pub use conv::EightBitWeights;
pub use dot::MOST_PRODUCTS;
pub use rounding::Rounding;

/// Deviations above its mean at which an activation is cut off.
///
/// The norms of a record hold each channel's mean and deviation over the training clips, so that no clip is needed
/// to find its range (Nagel et al., arXiv:1906.04721, section 4.2.1, which takes 6). On validation clips the logits of
/// the shipped record are off by 0.053 with 6, by 0.039 with 8, by 0.042 with 10 and by 0.048 with 12 (root mean
/// square): what is cut off weighs about as much as what is rounded.
const DEVIATIONS: f32 = 8.0;
/// Least range of a channel, as a share of the widest one's.
const LEAST_TOP: f32 = 1e-3;

/// The instructions that the products are compiled for. A variant is the proof that the processor has them.
#[derive(Clone, Copy)]
pub enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Vnni(dot::Vnni),
    #[cfg(target_arch = "x86_64")]
    Vnni256(dot::Avx2<true>),
    #[cfg(target_arch = "x86_64")]
    Avx2(dot::Avx2<false>),
    #[cfg(target_arch = "aarch64")]
    DotProduct(dot::Plain<true>),
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
            kernels.extend(dot::Avx2::try_new().map(Self::Vnni256));
            kernels.extend(dot::Avx2::try_new().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        kernels.extend(dot::Plain::try_new().map(Self::DotProduct));
        #[cfg(test)]
        kernels.push(Self::Portable);
        kernels
    }
}

/// Returns, for each activation and channel, the number that one stands for.
pub fn units(plan: &Plan, weights: &Weights) -> Vec<Vec<f32>> {
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
        if step.ends_in_relu() {
            // A channel that is hardly ever above zero still has a unit.
            let least = LEAST_TOP * top.iter().copied().fold(f32::MIN_POSITIVE / LEAST_TOP, f32::max);
            units[step.to] = top.iter().map(|top| top.max(least) / f32::from(dot::MAX_INPUT)).collect();
        }
        tops[step.to] = top;
    }
    units
}

#[cfg(test)]
mod tests {
    use sc_data::{Limits, Waveform};

    use super::*;
    use crate::{Engine, Record, Workspace};

    /// More than the shipped record's logits move on any example of the page.
    const TOLERANCE: f32 = 0.5;

    #[test]
    #[cfg_attr(miri, ignore = "the whole network would take hours")]
    fn the_shipped_record_answers_alike_in_eight_bits() {
        let Record { header, weights, .. } = Record::shipped().unwrap();
        let (engine, log_mel) = (Engine::new(&header.network, &weights), header.log_mel.init());
        let kernels = Kernel::available().into_iter();
        let networks: Vec<Engine> =
            kernels.map(|kernel| Engine::in_eight_bits_with(&header.network, &weights, kernel)).collect();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/examples");
        for name in ["banana", "noise", "several", "stop", "yes"] {
            let bytes = std::fs::read(format!("{examples}/{name}.mp3")).unwrap();
            let spectrogram = log_mel.compute(&Waveform::decode(&bytes, &Limits::default()).unwrap());
            let mut floats = vec![0.0; engine.n_labels()];
            engine.logits(spectrogram.values(), &mut Workspace::default(), &mut floats);
            for network in &networks {
                let mut logits = vec![0.0; engine.n_labels()];
                network.logits(spectrogram.values(), &mut Workspace::default(), &mut logits);
                for (eight, float) in logits.iter().zip(&floats) {
                    let distance = (eight - float).abs();
                    assert!(distance < TOLERANCE, "{name}: {logits:?} for {floats:?}");
                }
            }
        }
    }
}
