//! Sound: bytes to samples, samples to features.

use sc_data::{Limits, LogMelConfig, StreamResampler, Waveform, decode};

/// Any bytes become finite samples within the limits, or are refused.
pub fn check_decode(bytes: &[u8]) {
    let limits = Limits::default();
    if let Ok(samples) = decode(bytes, &limits) {
        assert!(!samples.is_empty(), "no sample");
        assert!(samples.len() <= 16_000 * limits.max_seconds as usize + 1, "{} samples", samples.len());
        assert!(samples.iter().all(|sample| sample.is_finite()), "a sample that is no number");
    }
}

/// Any chunks behind the head of a WAV file: what is decoded is finite and at full scale or less.
pub fn check_wav(chunks: &[u8]) {
    let file = [b"RIFF\xFF\xFF\xFF\xFFWAVE", chunks].concat();
    let limits = Limits { max_seconds: 10, ..Limits::default() };
    if let Ok(samples) = decode(&file, &limits) {
        // The resampler may overshoot a little.
        assert!(samples.iter().all(|sample| sample.abs() < 4.0), "beyond full scale");
    }
}

/// Any samples of 16 bits at any rate, in pieces, become finite log-mel features. The first bytes are the rate (4) and
/// the size of a piece (2).
pub fn check_features(bytes: &[u8]) {
    let Some((rate, rest)) = bytes.split_first_chunk() else { return };
    let Some((size, samples)) = rest.split_first_chunk() else { return };
    let rate_hz = 4_000 + u32::from_le_bytes(*rate) % 188_001;
    let size = usize::from(u16::from_le_bytes(*size)).max(1);
    let sample = |bytes: &[u8; 2]| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0;
    let samples: Vec<f32> = samples.as_chunks().0.iter().map(sample).collect();

    let mut resampler = StreamResampler::new(rate_hz);
    let mut pieces: Vec<f32> = samples.chunks(size).flat_map(|piece| resampler.push(piece)).collect();
    pieces.extend(resampler.finish());
    assert_eq!(pieces.len(), StreamResampler::all(&samples, rate_hz).len(), "pieces change the length");
    let features = LogMelConfig::default().init().compute(&Waveform::from_samples(&pieces));
    assert!(features.values().iter().all(|value| value.is_finite()), "a feature that is no number");
}
