//! WAV files as recorders write them, as they break, and as nobody should.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use hound::{SampleFormat, WavSpec};
use proptest::prelude::*;
use sc_data::{Error, Limits, decode};
use sc_test::wav::encode_as as wav;

/// Where `hound` writes these fields of a 16-bit file with one or two channels.
mod at {
    use std::ops::Range;

    pub const RIFF_SIZE: Range<usize> = 4..8;
    pub const CHANNELS: Range<usize> = 22..24;
    pub const RATE: Range<usize> = 24..28;
    pub const BYTE_RATE: usize = 28;
    pub const FRAME_LEN: usize = 32;
    pub const DATA_CHUNK: usize = 36;
    pub const DATA_SIZE: Range<usize> = 40..44;
    pub const SAMPLES: usize = 44;
}

fn spec(bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample, sample_format }
}

fn wav_16(channels: u16, samples: &[i16]) -> Vec<u8> {
    wav(WavSpec { channels, ..spec(16, SampleFormat::Int) }, samples)
}

/// The file with `bytes` written over those from `position`.
fn patched(mut wav: Vec<u8>, position: usize, bytes: &[u8]) -> Vec<u8> {
    wav[position..position + bytes.len()].copy_from_slice(bytes);
    wav
}

fn decoded(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    decode(bytes, &Limits::default())
}

const SAMPLES: [i16; 4] = [0, 16_384, -32_768, 8_192];
const VALUES: [f32; 4] = [0.0, 0.5, -1.0, 0.25];

#[test]
fn integers_of_every_width_are_divided_by_their_full_scale() {
    for bits in [8, 16, 24, 32] {
        let samples = VALUES.map(|value| (f64::from(value) * 2_f64.powi(i32::from(bits) - 1)) as i32);
        let wav = wav(spec(bits, SampleFormat::Int), &samples);
        assert_eq!(decoded(&wav).unwrap(), VALUES, "{bits} bits");
    }
}

#[test]
fn floats_are_clamped_to_full_scale() {
    let wav = wav(spec(32, SampleFormat::Float), &[0.5, -0.125, 3.0, -f32::MAX]);
    assert_eq!(decoded(&wav).unwrap(), [0.5, -0.125, 1.0, -1.0]);
}

#[test]
fn a_float_that_is_not_finite_is_refused() {
    for sample in [f32::NAN, f32::INFINITY] {
        let wav = wav(spec(32, SampleFormat::Float), &[0.5, sample]);
        assert!(matches!(decoded(&wav), Err(Error::NotFinite)), "{sample}");
    }
}

#[test]
fn samples_at_the_scale_of_integers_are_refused_and_loud_ones_are_not() {
    let check = |peak: f32| Limits::default().check_samples(&[0.5, peak, 0.25], 16_000);
    for (peak, way) in [
        (-8_123.0_f32, "16-bit ones by 32,768"),
        (40_000.0, "16-bit ones by 32,768"),
        (8e6, "24-bit ones by 8,388,608"),
        (1e9, "32-bit ones by 2,147,483,648"),
    ] {
        let expected = format!("a sample of {}: expected samples in [-1, 1]; divide {way}", peak.abs());
        assert_eq!(check(peak).unwrap_err().to_string(), expected);
    }
    assert!(matches!(check(16.5), Err(Error::NotScaled { .. })));
    assert!(check(16.0).is_ok());
}

/// A WAV file of one channel with this format chunk after the tag, and sizes that were never written.
fn streamed(tag: u16, bits: u16, extension: &[u8], samples: &[u8]) -> Vec<u8> {
    let format = [tag, 1, 16_000, 0, 0, 0, bits / 8, bits].map(u16::to_le_bytes).concat();
    let len = (format.len() + extension.len()) as u32;
    let chunks = [b"WAVEfmt ", &len.to_le_bytes()[..], &format, extension, b"data\0\0\0\0", samples].concat();
    [b"RIFF\0\0\0\0", &chunks[..]].concat()
}

#[test]
fn logarithmic_samples_and_64_bits_are_read_as_others_are() {
    let a_law = ([0x2A, 0xAA, 0x55, 0xD5, 0x95], [-32_256.0, 32_256.0, -8.0, 8.0, 2_112.0]);
    let mu_law = ([0x00, 0x80, 0x7F, 0xFF, 0xEF], [-32_124.0, 32_124.0, 0.0, 0.0, 132.0]);
    for (tag, (bytes, values)) in [(6, a_law), (7, mu_law)] {
        let guid = [&[22, 0, 8, 0, 0, 0, 0, 0, tag as u8][..], &[0; 15]].concat();
        for wav in [
            streamed(tag, 8, &[], &bytes),
            streamed(tag, 16, &[0, 0], &bytes), // the bits before they were compressed
            streamed(0xFFFE, 8, &guid, &bytes),
        ] {
            assert_eq!(decoded(&wav).unwrap(), values.map(|value| value / 32_768.0), "{wav:?}");
        }
    }
    let guid = [&[22, 0, 64, 0, 0, 0, 0, 0, 3][..], &[0; 15]].concat();
    let doubles = VALUES.map(|value| f64::from(value).to_le_bytes()).concat();
    assert_eq!(decoded(&streamed(3, 64, &[], &doubles)).unwrap(), VALUES);
    assert_eq!(decoded(&streamed(0xFFFE, 64, &guid, &doubles)).unwrap(), VALUES);
    let infinite = streamed(3, 64, &[], &f64::INFINITY.to_le_bytes());
    assert!(matches!(decoded(&infinite), Err(Error::NotFinite)));
}

#[test]
fn channels_are_mixed_by_their_mean() {
    assert_eq!(decoded(&wav_16(2, &[16_384, 0, -32_768, -16_384])).unwrap(), [0.25, -0.75]);
    let eight = [8_192, 8_192, 8_192, 8_192, 0, 0, 0, 0];
    assert_eq!(decoded(&wav_16(8, &eight)).unwrap(), [0.125]);
}

#[test]
fn a_streamed_file_whose_sizes_were_never_written_is_read_to_its_end() {
    for size in [0_u32, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFF7] {
        let wav = patched(wav_16(1, &SAMPLES), at::RIFF_SIZE.start, &size.to_le_bytes());
        let wav = patched(wav, at::DATA_SIZE.start, &size.to_le_bytes());
        assert_eq!(decoded(&wav).unwrap(), VALUES, "size {size:#x}");
    }
}

#[test]
fn chunks_of_odd_length_are_skipped_with_their_padding() {
    for chunk in [b"LIST\x03\0\0\0abc\0".as_slice(), b"fact\x04\0\0\0\0\0\0\0", b"junk\0\0\0\0"] {
        let mut wav = wav_16(1, &SAMPLES);
        wav.splice(at::DATA_CHUNK..at::DATA_CHUNK, chunk.iter().copied());
        wav.extend_from_slice(b"LIST\x04\0\0\0abcd");
        assert_eq!(decoded(&wav).unwrap(), VALUES, "{chunk:?}");
    }
}

#[test]
fn a_missing_byte_of_padding_hides_no_chunk() {
    let mut wav = wav_16(1, &SAMPLES);
    wav.splice(at::DATA_CHUNK..at::DATA_CHUNK, b"LIST\x03\0\0\0abc".iter().copied());
    assert_eq!(decoded(&wav).unwrap(), VALUES);
}

#[test]
fn wrong_frame_lengths_and_byte_rates_are_those_of_the_bits() {
    for (frame_len, byte_rate) in [(0_u16, 0_u32), (1, 16_000), (2, 1), (8, 0xFFFF_FFFF)] {
        let wav = patched(wav_16(2, &[16_384, 0, -32_768, -16_384]), at::FRAME_LEN, &frame_len.to_le_bytes());
        let wav = patched(wav, at::BYTE_RATE, &byte_rate.to_le_bytes());
        assert_eq!(decoded(&wav).unwrap(), [0.25, -0.75], "{frame_len}, {byte_rate}");
    }
}

/// The file with its sizes in a chunk `ds64`.
fn with_long_sizes(name: [u8; 4], wav: &[u8]) -> Vec<u8> {
    let n_data = u64::from_le_bytes([wav[40], wav[41], wav[42], wav[43], 0, 0, 0, 0]);
    let mut ds64 = b"ds64\x1c\0\0\0".to_vec();
    for number in [wav.len() as u64 + 28, n_data, n_data / 2] {
        ds64.extend(number.to_le_bytes());
    }
    ds64.extend([0; 4]);
    let mut file = patched(wav.to_vec(), at::DATA_SIZE.start, &[0xFF; 4]);
    file.splice(0..8, [name, [0xFF; 4]].concat());
    file.splice(12..12, ds64);
    file
}

#[test]
fn sizes_of_64_bits_are_read() {
    for name in [*b"RF64", *b"BW64"] {
        let mut file = with_long_sizes(name, &wav_16(1, &SAMPLES));
        file.extend_from_slice(b"LIST\x04\0\0\0abcd");
        assert_eq!(decoded(&file).unwrap(), VALUES, "{name:?}");
    }
}

#[test]
fn sizes_of_64_bits_that_were_never_written_are_no_end() {
    let file = with_long_sizes(*b"RF64", &wav_16(1, &SAMPLES));
    let streamed = patched(file.clone(), 20, &[0; 28]);
    assert_eq!(decoded(&streamed).unwrap(), VALUES);
    let empty = patched(file, 28, &[0; 8]);
    assert!(matches!(decoded(&empty), Err(Error::Empty)));
}

#[test]
fn an_au_file_is_read_in_each_of_its_encodings() {
    let au = |encoding: u32, samples: &[u8]| {
        let header = [24, 0xFFFF_FFFF, encoding, 16_000, 1].map(u32::to_be_bytes).concat();
        decoded(&[b".snd", header.as_slice(), samples].concat())
    };
    assert_eq!(au(2, &[0, 64, 128, 32]).unwrap(), VALUES);
    assert_eq!(au(3, &SAMPLES.map(i16::to_be_bytes).concat()).unwrap(), VALUES);
    assert_eq!(
        au(4, &SAMPLES.map(|sample| [sample.to_be_bytes().as_slice(), &[0]].concat()).concat()).unwrap(),
        VALUES
    );
    assert_eq!(au(6, &VALUES.map(f32::to_be_bytes).concat()).unwrap(), VALUES);
    assert_eq!(au(7, &VALUES.map(|value| f64::from(value).to_be_bytes()).concat()).unwrap(), VALUES);
    assert_eq!(au(1, &[0xFF, 0x7F]).unwrap(), [0.0, 0.0]); // ITU-T G.711: both zeros of µ-law
    let error = au(23, &[0]).unwrap_err().to_string();
    assert!(error.starts_with("AU of another encoding"), "{error}");
}

/// A CAF file of one channel whose length is not known.
fn caf(encoding: [u8; 4], flags: u32, width: u32, samples: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], len: i64, body: &[u8]| [&name[..], &len.to_be_bytes(), body].concat();
    let numbers = [flags, width, 1, 1, 8 * width].map(u32::to_be_bytes).concat();
    let description = [&16_000_f64.to_be_bytes()[..], &encoding, &numbers].concat();
    let [description, data] =
        [chunk(b"desc", 32, &description), chunk(b"data", -1, &[&[0; 4], samples].concat())];
    [b"caff\0\x01\0\0", &description[..], &chunk(b"free", 3, b"abc"), &data].concat()
}

#[test]
fn a_caf_file_is_read_in_each_of_its_encodings() {
    let with_len = |mut file: Vec<u8>, n_samples: u8| {
        let at = file.len() - 4 - usize::from(n_samples) - 8;
        file[at..at + 8].copy_from_slice(&u64::from(4 + n_samples).to_be_bytes());
        file
    };
    let bytes = caf(*b"lpcm", 0, 1, &[0, 64, 128, 32]);
    assert_eq!(decoded(&bytes).unwrap(), VALUES);
    assert_eq!(decoded(&[with_len(bytes, 4), vec![0; 99]].concat()).unwrap(), VALUES, "zeros follow");
    let cut = with_len(caf(*b"lpcm", 2, 2, &SAMPLES.map(i16::to_le_bytes).concat()), 8);
    assert_eq!(decoded(&cut[..cut.len() - 3]).unwrap(), VALUES[..2], "cut off");
    assert_eq!(decoded(&caf(*b"lpcm", 0, 2, &SAMPLES.map(i16::to_be_bytes).concat())).unwrap(), VALUES);
    assert_eq!(decoded(&caf(*b"lpcm", 1, 4, &VALUES.map(f32::to_be_bytes).concat())).unwrap(), VALUES);
    assert_eq!(decoded(&caf(*b"ulaw", 0, 1, &[0xFF, 0x00])).unwrap(), [0.0, -32_124.0 / 32_768.0]);
    assert_eq!(decoded(&caf(*b"alaw", 0, 1, &[0xAA])).unwrap(), [32_256.0 / 32_768.0]);
}

#[test]
fn a_w64_file_is_read() {
    let guid = |name: &[u8; 4]| [&name[..], &[0; 12]].concat();
    let wav = wav_16(1, &SAMPLES);
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let mut chunk = [guid(name), (24 + body.len() as u64).to_le_bytes().to_vec(), body.to_vec()].concat();
        chunk.resize(chunk.len().next_multiple_of(8), 0);
        chunk
    };
    let chunks = [chunk(b"junk", b"abc"), chunk(b"fmt ", &wav[20..36]), chunk(b"data", &wav[44..])].concat();
    let file = [guid(b"riff"), vec![0; 8], guid(b"wave"), chunks].concat();
    assert_eq!(decoded(&file).unwrap(), VALUES);
    for len in 4..file.len() - 8 {
        assert!(decoded(&file[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn what_is_not_read_is_named_with_a_way_out() {
    let in_wav = |tag: u16| patched(wav_16(1, &SAMPLES), 20, &tag.to_le_bytes());
    let transport = [&[0x47; 1][..], &[0; 187]].concat().repeat(3);
    let speex = [b"OggS", [0; 24].as_slice(), b"Speex   1.2"].concat();
    for (bytes, name) in [
        (in_wav(0x31).as_slice(), "GSM 6.10 in WAV"),
        (&streamed(1, 64, &[], &[0; 8]), "integers of 64 bits"),
        (&in_wav(0x65), "G.722 in WAV"),
        (&in_wav(0xFF), "AAC in WAV"),
        (&in_wav(0x566F), "Vorbis in WAV"),
        (&in_wav(0x99), "WAV of another encoding than PCM, floats, A-law, µ-law, ADPCM, MP2 or MP3"),
        (&transport, "MPEG-TS"),
        (b"FLV\x01\x04", "FLV"),
        (b"\0\0\0\x08ftyp\0\0\0\x18stsd\0\0\0\0\0\0\0\x01\0\0\0\x08samr", "AMR"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\x56\xE1\x20\0", "AAC in LATM"),
        (b"#!AMR-WB\n", "AMR"),
        (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9", "WMA"),
        (b"wvpk\0\0\0\0", "WavPack"),
        (&speex, "Speex"),
    ] {
        let error = decoded(bytes).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: ")) && error.contains("ffmpeg -i"), "{error}");
    }
}

#[test]
fn a_recording_that_was_cut_off_gives_the_frames_that_are_there() {
    let wav = wav_16(2, &[16_384, 0, -32_768, -16_384]);
    for n_missing in 1..=4 {
        assert_eq!(decoded(&wav[..wav.len() - n_missing]).unwrap(), [0.25], "{n_missing} bytes missing");
    }
}

#[test]
fn a_header_that_was_cut_off_is_unreadable() {
    let wav = wav_16(1, &SAMPLES);
    for len in 12..at::SAMPLES {
        assert!(
            matches!(decoded(&wav[..len]), Err(Error::Wav(_))),
            "{len} bytes: {:?}",
            decoded(&wav[..len])
        );
    }
}

#[test]
fn what_does_not_begin_as_a_wav_file_is_not_audio() {
    let others: [&[u8]; 3] = [b"RIFF", b"RIFF\0\0\0\0MIDI", b"<!DOCTYPE html>"];
    for bytes in others {
        assert!(matches!(decoded(bytes), Err(Error::NotAudio)), "{bytes:?}");
    }
}

#[test]
fn a_file_without_bytes_is_said_to_be_empty() {
    assert!(matches!(decoded(b""), Err(Error::Empty)));
}

#[test]
fn a_recording_without_samples_is_empty() {
    let wav = wav_16(1, &[]);
    assert!(matches!(decoded(&wav), Err(Error::Empty)));
    // Also where a note follows: it is not taken for a stream's samples.
    let mut noted = patched(wav, at::RIFF_SIZE.start, &(at::SAMPLES as u32 + 4).to_le_bytes());
    noted.extend_from_slice(b"LIST\x04\0\0\0abcd");
    assert!(matches!(decoded(&noted), Err(Error::Empty)));
}

#[test]
fn samples_of_another_encoding_than_their_tag_says_are_refused() {
    const FORMAT_TAG: usize = 20;
    for tag in [2_u16, 0x11, 0x50, 0x55] {
        let wav = patched(wav_16(1, &SAMPLES), FORMAT_TAG, &tag.to_le_bytes());
        assert!(matches!(decoded(&wav), Err(Error::Media(_) | Error::Wav(_))), "format {tag}");
    }
}

#[test]
fn a_header_out_of_limits_is_refused() {
    let wav = wav_16(1, &SAMPLES);
    for channels in [0, 9, u16::MAX] {
        let wav = patched(wav.clone(), at::CHANNELS.start, &channels.to_le_bytes());
        assert!(matches!(decoded(&wav), Err(Error::Channels { .. })), "{channels} channels");
    }
    for rate_hz in [0, 3_999, 192_001, u32::MAX] {
        let wav = patched(wav.clone(), at::RATE.start, &rate_hz.to_le_bytes());
        assert!(matches!(decoded(&wav), Err(Error::SampleRate { .. })), "{rate_hz} Hz");
    }
}

#[test]
fn a_rate_out_of_range_is_told_as_it_was_given() {
    for (rate_hz, told) in [(-1.0, "-1"), (3_999.5, "3999.5"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        let error = Limits::default().check_rate(rate_hz).unwrap_err().to_string();
        assert_eq!(error, format!("a sample rate of {told} Hz: expected 4000 to 192000 Hz"));
    }
    assert_eq!(Limits::default().check_rate(44_100.5).unwrap(), 44_100);
}

#[test]
fn a_recording_beyond_the_limits_is_refused() {
    let limits = Limits { max_seconds: 1, ..Limits::default() };
    assert_eq!(decode(&wav_16(1, &vec![1; 16_000]), &limits).unwrap().len(), 16_000);
    let longer = wav_16(1, &vec![1; 16_001]);
    assert!(matches!(decode(&longer, &limits), Err(Error::TooLong { limit_s: 1 })));
    let longer_au =
        [&b".snd"[..], &[24, u32::MAX, 3, 16_000, 1].map(u32::to_be_bytes).concat(), &vec![1; 32_002]]
            .concat();
    assert!(matches!(decode(&longer_au, &limits), Err(Error::TooLong { limit_s: 1 })));
    let limits = Limits { max_bytes: longer.len() - 1, ..Limits::default() };
    assert!(matches!(decode(&longer, &limits), Err(Error::TooManyBytes { .. })));
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_refused() {
    let error = sc_data::decode_file("/dev/zero".as_ref(), &Limits::default());
    assert!(matches!(error, Err(Error::TooManyBytes { .. })), "{:?}", error.err());
}

#[test]
fn a_rate_of_44100_hz_becomes_16000() {
    let wav = wav(WavSpec { sample_rate: 44_100, ..spec(16, SampleFormat::Int) }, &vec![0_i16; 44_100]);
    assert_eq!(decoded(&wav).unwrap(), vec![0.0; 16_000]);
}

proptest! {
    #[test]
    fn sixteen_bits_are_read_as_they_were_written(samples in prop::collection::vec(any::<i16>(), 1..2_000)) {
        let expected: Vec<_> = samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        prop_assert_eq!(decoded(&wav_16(1, &samples)).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = decoded(&bytes);
    }

    #[test]
    fn any_chunks_are_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = decoded(&[b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", body.as_slice()].concat());
    }

    /// Whatever a damaged header says, samples are finite, in range, and no more than the file holds.
    #[test]
    fn a_damaged_header_is_decoded_or_refused(
        bits in prop::sample::select(vec![8_u16, 16, 24, 32]),
        channels in 1..5_u16,
        damage in prop::collection::vec((0..80_usize, any::<u8>()), 1..6),
    ) {
        let spec = WavSpec { channels, ..spec(bits, SampleFormat::Int) };
        let mut wav = wav(spec, &vec![1_i32; 50 * usize::from(channels)]);
        for (position, byte) in damage {
            wav[position] = byte;
        }
        if let Ok(samples) = decoded(&wav) {
            prop_assert!(samples.len() <= 4 * wav.len()); // 4 kHz to 16
            prop_assert!(samples.iter().all(|sample| sample.abs() <= 2.0)); // resampling overshoots
        }
    }
}
