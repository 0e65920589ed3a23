//! The network learns, repeatably.

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_model::{BlockConfig, ConvConfig, KeywordCnnConfig, Weights};

const N_LABELS: usize = 4;

/// The shape of the shipped network, much smaller.
fn config() -> KeywordCnnConfig {
    KeywordCnnConfig {
        stem: vec![ConvConfig { channels: 16, kernel: [5, 5], stride: [2, 2] }],
        entry: 16,
        blocks: vec![
            BlockConfig { channels: 16, kernel: 3, stride: 1 },
            BlockConfig { channels: 32, kernel: 3, stride: 2 },
        ],
        ..KeywordCnnConfig::new(20, 8, N_LABELS)
    }
}

/// Trains on one batch of noise with the labels 0, 1, 2, 3, 0, ... and returns the last loss.
fn overfit(steps: usize, seed: u64) -> (f32, Weights) {
    let (config, device) = (config(), Device::flex().autodiff());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let n = 16;
    let values: Vec<f32> = (0..n * 20 * 8).map(|_| rng.random_range(-1.0..1.0)).collect();
    let x = Tensor::<3>::from_data(TensorData::new(values, [n, 20, 8]), &device);
    let wanted: Vec<f32> = (0..n * N_LABELS).map(|i| f32::from(i % N_LABELS == (i / N_LABELS) % N_LABELS)).collect();
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [n, N_LABELS]), &device);

    let mut model = config.init(&Weights::random(&config, seed), &device);
    let mut optimizer = AdamWConfig::new().init();
    let mut last = f32::NAN;
    for _ in 0..steps {
        let loss = (log_softmax(model.forward(x.clone()), 1) * wanted.clone()).sum().neg() / n as f32;
        last = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.01, model, gradients);
    }
    (last, model.weights())
}

#[test]
fn one_batch_overfits_to_almost_no_loss() {
    let (loss, _) = overfit(60, 1);
    assert!(loss < 0.01, "loss {loss} after 60 steps on 16 examples");
}

#[test]
fn the_same_seed_gives_the_same_weights_to_the_bit() {
    let ((_, first), (_, second)) = (overfit(5, 1), overfit(5, 1));
    assert_eq!(first, second);
    assert_ne!(first, overfit(5, 2).1);
}
