//! WAV files, in memory and on disk.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use hound::{Sample, SampleFormat, WavSpec, WavWriter};

/// Returns a 16-bit mono file.
pub fn encode(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    encode_as(spec, samples)
}

/// Returns a file of any format; the samples of several channels are interleaved.
pub fn encode_as<T: Sample + Copy>(spec: WavSpec, samples: &[T]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Writes a 16-bit mono file at 16 kHz, and the folders it lies in.
pub fn write(path: &Path, samples: &[i16]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, encode(samples, 16_000)).unwrap();
}
