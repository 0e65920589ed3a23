//! Times one clip through the network, by each kernel of the engine and by Burn, and a stream's hops.

use divan::Bencher;
use sc_data::LogMelConfig;
use sc_model::{Engine, Kernel, KeywordCnnConfig, Piece, Weights, Workspace};

fn main() {
    divan::main();
}

fn network() -> (KeywordCnnConfig, Weights) {
    let log_mel = LogMelConfig::default();
    let config = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, 12);
    let weights = Weights::random(&config, 1);
    (config, weights)
}

#[divan::bench(args = Kernel::available())]
fn engine(bencher: Bencher, kernel: Kernel) {
    let (config, weights) = network();
    let engine = Engine::with_kernel(&config, &weights, kernel);
    let features = vec![-5.0; config.n_frames * config.n_mels];
    let (mut workspace, mut logits) = (Workspace::default(), vec![0.0; config.n_labels]);
    bencher
        .counter(divan::counter::ItemsCount::new(config.multiply_adds()))
        .bench_local(|| engine.logits(&features, &mut workspace, &mut logits));
}

/// In eight bits, where the processor has an instruction for it.
#[divan::bench]
fn eight_bits(bencher: Bencher) {
    let (config, weights) = network();
    let Some(engine) = Engine::in_eight_bits(&config, &weights) else { return };
    let features = vec![-5.0; config.n_frames * config.n_mels];
    let (mut workspace, mut logits) = (Workspace::default(), vec![0.0; config.n_labels]);
    bencher
        .counter(divan::counter::ItemsCount::new(config.multiply_adds()))
        .bench_local(|| engine.logits(&features, &mut workspace, &mut logits));
}

/// Hops of a stream, alone as live sound comes, and as many together as the engine takes.
#[divan::bench(args = [1, 2, 13])]
fn stream(bencher: Bencher, n_hops: usize) {
    let (config, weights) = network();
    advance(bencher, &config, &Engine::new(&config, &weights), n_hops);
}

/// The same in eight bits.
#[divan::bench(args = [1, 2, 13])]
fn stream_in_eight_bits(bencher: Bencher, n_hops: usize) {
    let (config, weights) = network();
    if let Some(engine) = Engine::in_eight_bits(&config, &weights) {
        advance(bencher, &config, &engine, n_hops);
    }
}

fn advance(bencher: Bencher, config: &KeywordCnnConfig, engine: &Engine, n_hops: usize) {
    let frames = vec![-5.0; n_hops * config.hop() * config.n_mels];
    let (mut stream, mut workspace) = (engine.stream(false), Workspace::default());
    let mut logits = vec![0.0; n_hops * config.n_labels];
    bencher
        .counter(divan::counter::ItemsCount::new(n_hops))
        .bench_local(|| engine.advance(&mut stream, &frames, &mut workspace, &mut logits));
}

/// A hop of each of several streams, as live sound of many comes.
#[divan::bench(args = [1, 2, 13])]
fn streams(bencher: Bencher, n_streams: usize) {
    let (config, weights) = network();
    let engine = Engine::new(&config, &weights);
    let frames = vec![-5.0; config.hop() * config.n_mels];
    let (mut streams, mut workspace) = (vec![engine.stream(false); n_streams], Workspace::default());
    let mut logits = vec![0.0; n_streams * config.n_labels];
    bencher.counter(divan::counter::ItemsCount::new(n_streams)).bench_local(|| {
        let pieces = streams.iter_mut().zip(logits.chunks_exact_mut(config.n_labels));
        let pieces = pieces.map(|(stream, logits)| Piece { stream, frames: &frames, logits });
        engine.advance_together(&mut pieces.collect::<Vec<_>>(), &mut workspace);
    });
}

#[divan::bench(args = [1, 32])]
fn flex(bencher: Bencher, batch: usize) {
    use burn::tensor::{Device, Tensor};
    let (config, weights) = network();
    let device = Device::flex();
    let model = config.init(&weights, &device);
    let features = Tensor::<3>::zeros([batch, config.n_frames, config.n_mels], &device) - 5.0;
    bencher.bench_local(|| model.forward(features.clone()).into_data());
}
