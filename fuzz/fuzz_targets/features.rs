//! Any finite samples at any rate, in pieces, become finite log-mel features.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sc_data::{LogMelConfig, StreamResampler, Waveform};

fuzz_target!(|input: (u32, u16, Vec<i16>)| {
    let (rate, size, samples) = input;
    let rate_hz = 4_000 + rate % 188_001;
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut resampler = StreamResampler::new(rate_hz);
    let mut resampled: Vec<f32> =
        samples.chunks(usize::from(size).max(1)).flat_map(|piece| resampler.push(piece)).collect();
    resampled.extend(resampler.finish());
    assert_eq!(resampled.len(), StreamResampler::all(&samples, rate_hz).len(), "pieces change the length");
    let features = LogMelConfig::default().init().compute(&Waveform::from_samples(&resampled));
    assert!(features.values().iter().all(|value| value.is_finite()), "a feature that is no number");
});
