//! The Rust side of `just bench-peers`.
//!
//! `bench_side CLIPS` reads a folder of WAV files, then answers each line of input with a line. Times are CPU seconds
//! of the one thread that works.
//!
//! | command | answer |
//! |---|---|
//! | `features FILE` | number of clips; `FILE` gets their features as little-endian floats |
//! | `logits FILE` | number of clips; `FILE` gets their logits |
//! | `network N`, `network-int8 N`, `log-mel N`, `wav N` | seconds per clip, over `N` clips |
//! | `furthest-int8` | largest difference of a logit in eight bits |
//! | `stream N`, `recording N` | seconds per second of sound, heard in pieces of 80 ms or whole, over `N` clips in a row |
//! | `multiply-adds` | multiply-adds of the network for one clip |
//! | `fma` | most multiply-adds per second of this processor |
//! | `cache DIR FILE` | wall-clock seconds to build the sample cache of the data set `DIR` as `FILE` |

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use cpu_time::ThreadTime;
use pulp::{Arch, Simd, WithSimd};
use sc_data::{Limits, LogMel, N_SAMPLES, SampleCache, SpeechCommands, Waveform};
use sc_model::{Backend, Classifier, Detector, DetectorConfig, Engine, Record, Workspace};

/// Samples of a piece of a live stream: 80 ms, as openWakeWord takes them.
const PIECE: usize = N_SAMPLES * 80 / 1000;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: bench_side CLIPS")?;
    let side = Side::new(Path::new(&folder))?;
    for line in std::io::stdin().lock().lines() {
        let answer = side.answer(&line?)?;
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The shipped record, and the clips that it answers for.
struct Side {
    record: Record,
    classifier: Arc<Classifier>,
    in_eight_bits: Classifier,
    engine: Engine,
    log_mel: LogMel,
    recordings: Vec<Vec<u8>>,
    waveforms: Vec<Waveform>,
    features: Vec<Vec<f32>>,
}

impl Side {
    fn new(folder: &Path) -> Result<Self> {
        let record = Record::shipped()?;
        let log_mel = record.header.log_mel.init();
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        paths.sort();
        ensure!(!paths.is_empty(), "{} is empty", folder.display());
        let recordings: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
        let waveforms: Vec<Waveform> = recordings
            .iter()
            .map(|bytes| Waveform::decode(bytes, &Limits::default()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            classifier: Arc::new(Classifier::new(&record, Backend::Native)?),
            in_eight_bits: Classifier::new(&record, Backend::NativeInt8)?,
            engine: Engine::new(&record.header.network, &record.weights),
            features: waveforms.iter().map(|waveform| log_mel.compute(waveform).values().to_vec()).collect(),
            log_mel,
            record,
            recordings,
            waveforms,
        })
    }

    fn answer(&self, command: &str) -> Result<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let answer = match words[..] {
            ["features", file] => {
                write_floats(file, &self.features.concat())?;
                self.features.len() as f64
            }
            ["logits", file] => {
                let logits = self.features.iter().flat_map(|features| self.classifier.logits_of(features));
                write_floats(file, &logits.collect::<Vec<f32>>())?;
                self.features.len() as f64
            }
            ["network", n] => self.network(n.parse()?),
            ["network-int8", n] => self.network_int8(n.parse()?),
            ["furthest-int8"] => f64::from(self.furthest_int8()),
            ["log-mel", n] => self.log_mel(n.parse()?),
            ["wav", n] => self.wav(n.parse()?),
            ["stream", n] => self.stream(n.parse()?, PIECE),
            ["recording", n] => {
                let n: usize = n.parse()?;
                self.stream(n, n * N_SAMPLES)
            }
            ["multiply-adds"] => self.record.header.network.multiply_adds() as f64,
            ["fma"] => Arch::new().dispatch(MultiplyAdds),
            ["cache", dir, file] => build_cache(dir, file)?,
            _ => bail!("unknown command {command:?}"),
        };
        Ok(answer.to_string())
    }

    fn network(&self, n: usize) -> f64 {
        let mut workspace = Workspace::default();
        let mut logits = vec![0.0; self.record.header.network.n_labels];
        seconds_a_clip(n, &self.features, |features| {
            self.engine.logits(features, &mut workspace, &mut logits);
            black_box(&logits);
        })
    }

    fn network_int8(&self, n: usize) -> f64 {
        seconds_a_clip(n, &self.features, |features| _ = black_box(self.in_eight_bits.logits_of(features)))
    }

    fn furthest_int8(&self) -> f32 {
        let furthest = self.features.iter().map(|features| {
            let logits = self.classifier.logits_of(features).into_iter();
            let in_eight_bits = self.in_eight_bits.logits_of(features);
            logits.zip(in_eight_bits).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        });
        furthest.fold(0.0, f32::max)
    }

    fn log_mel(&self, n: usize) -> f64 {
        let mut scratch = self.log_mel.scratch();
        let mut features = self.features[0].clone();
        seconds_a_clip(n, &self.waveforms, |waveform| {
            self.log_mel.compute_into(waveform, &mut scratch, &mut features);
            black_box(&features);
        })
    }

    /// Does the work of the server for one request, without HTTP.
    fn wav(&self, n: usize) -> f64 {
        seconds_a_clip(n, &self.recordings, |bytes| {
            black_box(
                Waveform::decode(bytes, &Limits::default())
                    .map(|waveform| self.classifier.classify(&waveform)),
            )
            .ok();
        })
    }

    /// Detects in the first `n` clips, one after another, in pieces of so many samples.
    fn stream(&self, n: usize, piece: usize) -> f64 {
        let clips = self.waveforms.iter().cycle().take(n);
        let samples: Vec<f32> = clips.flat_map(Waveform::samples).copied().collect();
        let mut detector = Detector::new(Arc::clone(&self.classifier), &DetectorConfig::default());
        let start = ThreadTime::now();
        samples.chunks(piece).for_each(|piece| _ = black_box(detector.push(piece)));
        start.elapsed().as_secs_f64() / n as f64
    }
}

/// Returns the mean CPU time of `work` over `n` items, taken in turn.
fn seconds_a_clip<T>(n: usize, items: &[T], mut work: impl FnMut(&T)) -> f64 {
    let start = ThreadTime::now();
    items.iter().cycle().take(n).for_each(&mut work);
    start.elapsed().as_secs_f64() / n as f64
}

fn write_floats(path: &str, values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(path, bytes).with_context(|| format!("cannot write {path}"))
}

fn build_cache(dir: &str, file: &str) -> Result<f64> {
    let start = Instant::now();
    let dataset = SpeechCommands::open(Path::new(dir))?;
    SampleCache::open(&dataset, Path::new(file), |_| ())?;
    Ok(start.elapsed().as_secs_f64())
}

/// Measures fused multiply-adds per second, on the widest registers of this processor.
struct MultiplyAdds;

impl WithSimd for MultiplyAdds {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        // Two units that take four cycles each want 8 at once; 12 leave room and fit 16 registers.
        const CHAINS: usize = 12;
        const ROUNDS: usize = 2_000_000;
        let (factor, term) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [simd.splat_f32s(black_box(0.5)); CHAINS];
        let start = ThreadTime::now();
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        black_box(sums);
        (CHAINS * ROUNDS * S::F32_LANES) as f64 / start.elapsed().as_secs_f64()
    }
}
