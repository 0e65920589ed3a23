//! Every way of running the network gives the same logits.
#![allow(clippy::unwrap_used)] // in what the tests share, too

use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_data::LogMelConfig;
use sc_model::{Backend, Engine, Kernel, KeywordCnnConfig, Weights, Workspace};

/// Weights as training leaves them: no norm is neutral.
fn trained_looking(config: &KeywordCnnConfig) -> Weights {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut weights = Weights::random(config, 1);
    for (name, shape) in config.tensors() {
        let range = match name.rsplit('.').next() {
            Some("gamma") => 0.5..1.5,
            Some("variance") => 0.3..3.0,
            Some("beta" | "mean" | "bias") => -0.5..0.5,
            _ => continue,
        };
        let values = (0..shape.iter().product()).map(|_| rng.random_range(range.clone())).collect();
        weights.insert(name, sc_model::Values { shape, values });
    }
    weights
}

/// The usual network with such weights, and as many spectrograms, each `[n_frames, n_mels]`.
fn network_and_spectrograms(n: usize) -> (KeywordCnnConfig, Weights, Vec<Vec<f32>>) {
    let log_mel = LogMelConfig::default();
    let config = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, 12);
    let weights = trained_looking(&config);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let len = config.n_frames * config.n_mels;
    let x = (0..n).map(|_| (0..len).map(|_| rng.random_range(-13.0..3.0)).collect()).collect();
    (config, weights, x)
}

fn batch(config: &KeywordCnnConfig, x: &[Vec<f32>], device: &Device) -> Tensor<3> {
    let data = TensorData::new(x.concat(), [x.len(), config.n_frames, config.n_mels]);
    Tensor::from_data(data, device)
}

fn burn_logits(config: &KeywordCnnConfig, weights: &Weights, x: &[Vec<f32>], device: &Device) -> Vec<f32> {
    let logits = config.init(weights, device).forward(batch(config, x, device));
    logits.into_data().try_to_vec().unwrap()
}

/// The weights after a step down the slope of the logits' squares.
fn trained(config: &KeywordCnnConfig, weights: &Weights, x: &[Vec<f32>], device: &Device) -> Weights {
    let device = device.clone().autodiff();
    let network = config.init(weights, &device);
    let loss = network.forward(batch(config, x, &device)).square().mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    SgdConfig::new().init().step(1.0, network, gradients).weights()
}

/// The devices of this build: with the feature `ndarray` or `wgpu`, of that backend too.
fn devices() -> impl Iterator<Item = (Backend, Device)> {
    Backend::available().filter_map(|backend| Some((backend, backend.device()?)))
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let furthest = furthest(a, b);
    assert!(furthest <= tolerance, "{what}: furthest apart {furthest}, expected at most {tolerance}");
}

#[test]
fn every_kernel_gives_the_logits_of_flex() {
    let (config, weights, x) = network_and_spectrograms(4);
    let expected = burn_logits(&config, &weights, &x, &Device::flex());
    for kernel in Kernel::available() {
        let engine = Engine::with_kernel(&config, &weights, kernel);
        let mut workspace = Workspace::default();
        let mut logits = vec![0.0; x.len() * config.n_labels];
        for (x, logits) in x.iter().zip(logits.chunks_exact_mut(config.n_labels)) {
            engine.logits(x, &mut workspace, logits);
        }
        assert_close(&logits, &expected, 1e-4, &kernel.to_string());
    }
}

#[test]
fn every_backend_gives_the_logits_of_flex() {
    let (config, weights, x) = network_and_spectrograms(4);
    let expected = burn_logits(&config, &weights, &x, &Device::flex());
    for (backend, device) in devices() {
        assert_close(&burn_logits(&config, &weights, &x, &device), &expected, 1e-4, &backend.to_string());
    }
}

/// To a fiftieth: a sum that rounds to the other side of zero lets another gradient through `ReLU`.
#[test]
fn every_backend_learns_what_flex_learns() {
    let (config, weights, x) = network_and_spectrograms(4);
    let expected = trained(&config, &weights, &x, &Device::flex());
    for (backend, device) in devices() {
        let learnt = trained(&config, &weights, &x, &device);
        for (name, values) in expected.iter() {
            let moved = furthest(&values.values, &weights.get(name).values);
            let what = format!("{name} on {backend}, moved by {moved}");
            assert_close(&learnt.get(name).values, &values.values, 0.02 * moved, &what);
        }
    }
}

#[test]
fn a_batch_gives_each_clip_the_logits_it_has_alone() {
    let (config, weights, x) = network_and_spectrograms(3);
    let together = burn_logits(&config, &weights, &x, &Device::flex());
    let alone: Vec<f32> = x
        .iter()
        .flat_map(|x| burn_logits(&config, &weights, std::slice::from_ref(x), &Device::flex()))
        .collect();
    assert_close(&together, &alone, 1e-5, "a batch");
}
