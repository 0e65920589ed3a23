//! Every format that is understood, as ffmpeg writes it: see `scripts/media_samples.sh`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{
    fs::{self, File},
    io::{Seek, Write},
    path::Path,
};

use hound::{SampleFormat, WavSpec};
use proptest::prelude::*;
use sc_data::{Blocks, Error, Limits, decode, quick_wav_seconds};

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/media").join(name)).unwrap()
}

fn decoded(name: &str) -> Vec<f32> {
    decode(&read(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// How much stronger `expected` is than its difference from `got`, which has all of it.
fn snr_db(expected: &[f32], got: &[f32]) -> f64 {
    assert!(got.len() >= expected.len(), "{} of {} samples", got.len(), expected.len());
    let energy: f64 = expected.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let distance: f64 = expected.iter().zip(got).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    10.0 * (energy / distance.max(1e-12)).log10()
}

#[test]
fn lossless_formats_give_the_samples_of_the_wav_file() {
    let word = decoded("word.wav");
    for name in
        ["word.aiff", "word.flac", "word.caf", "alac.m4a", "double.wav", "word.au", "word.w64", "rf64.wav"]
    {
        assert_eq!(decoded(name), word, "{name}");
    }
}

/// A file of these bytes.
fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// All samples of a file, block by block.
fn in_blocks(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let mut blocks = Blocks::open(file_of(bytes))?;
    let mut samples = Vec::new();
    loop {
        match blocks.next_block() {
            Ok(Some(block)) => samples.extend(block),
            Ok(None) | Err(Error::Damaged) => return Ok(samples),
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn blocks_give_the_samples_of_the_whole() {
    for file in fs::read_dir("tests/media").unwrap() {
        let path = file.unwrap().path();
        assert_blocks_are_the_whole(&fs::read(&path).unwrap(), &path.display().to_string());
    }
}

#[test]
fn all_parts_of_a_joined_file_are_read() {
    let energy = |samples: &[f32]| samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
    for name in ["word.mp3", "word.mp2", "word.aac", "word.ogg", "word.opus"] {
        let joined = [read(name), read(name)].concat();
        let one = decoded(name);
        let both = decode(&joined, &Limits::DATASET).unwrap();
        assert!(both.len() >= 2 * one.len() - 100, "{name}: {} of {} samples", both.len(), 2 * one.len());
        let ratio = energy(&both) / energy(&one);
        assert!((1.98..2.02).contains(&ratio), "{name}: {ratio} times the energy");
        assert_blocks_are_the_whole(&joined, name);
    }
}

/// A WAV file whose samples are an MP2 or MP3 file, as recorders write it.
fn in_wav(tag: u16, mpeg: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        [name, &(body.len() as u32).to_le_bytes()[..], body, &[0][..body.len() % 2]].concat()
    };
    let [rate_hz, bytes_a_second] = [16_000, 4_000].map(u32::to_le_bytes);
    let [tag, channels, frame_len, bits, extension] = [tag, 1, 1, 0, 12].map(u16::to_le_bytes);
    let format = [&tag[..], &channels, &rate_hz, &bytes_a_second, &frame_len, &bits, &extension, &[0; 12]];
    let chunks = [
        chunk(b"fmt ", &format.concat()),
        chunk(b"fact", &[0, 62, 0, 0]),
        chunk(b"data", mpeg),
        chunk(b"LIST", b"INFOISFT\x06\0\0\0Lavf59"),
    ];
    let chunks = chunks.concat();
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &chunks].concat()
}

#[test]
fn an_mpeg_file_in_a_wav_file_is_read() {
    let tagged = [&b"ID3\x04\0\0\0\0\0\x05abcde"[..], &read("word.mp3")].concat();
    for (tag, mpeg, name) in [
        (0x50, read("word.mp2"), "word.mp2"),
        (0x55, read("word.mp3"), "word.mp3"),
        (0x55, tagged, "word.mp3"),
    ] {
        let wav = in_wav(tag, &mpeg);
        assert_eq!(decode(&wav, &Limits::DATASET).unwrap(), decoded(name), "{name}");
        assert_blocks_are_the_whole(&wav, name);
        let header = &wav[..wav.windows(4).position(|bytes| bytes == b"data").unwrap() + 8];
        assert!(matches!(decode(header, &Limits::DATASET), Err(Error::Empty)));
        assert_blocks_are_the_whole(header, "empty.wav");
    }
}

#[test]
fn samples_of_adpcm_are_read_whatever_the_header_says_of_their_length() {
    for name in ["ima-adpcm.wav", "ms-adpcm.wav"] {
        let wav = read(name);
        let data = wav.windows(4).position(|bytes| bytes == b"data").unwrap() + 4;
        let with = |riff: u32, len: u32| {
            let mut wav = wav.clone();
            wav[4..8].copy_from_slice(&riff.to_le_bytes());
            wav[data..data + 4].copy_from_slice(&len.to_le_bytes());
            wav
        };
        let noted = [&wav[..12], b"LIST\x03\0\0\0abc\0", &wav[12..]].concat();
        let ds64 = [&b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1c\0\0\0"[..], &[0; 28], &wav[12..]].concat();
        for wav in [with(0, 0), with(100, u32::MAX), with(u32::MAX, 0x7FFF_FFFF), noted, ds64] {
            assert_eq!(decode(&wav, &Limits::DATASET).unwrap(), decoded(name), "{name}");
            assert_blocks_are_the_whole(&wav, name);
        }
    }
}

#[test]
fn what_follows_an_mp3_file_is_no_sound() {
    let other = [0xFF, 0xFB, 0x90, 0x64].repeat(10_000); // as the frames of another rate
    assert_eq!(decode(&[read("word.mp3"), other].concat(), &Limits::DATASET).unwrap(), decoded("word.mp3"));
}

/// The M4A file with its table of samples before them, as files for the web have it.
fn fast_start(m4a: &[u8]) -> Vec<u8> {
    let find = |name: &[u8]| m4a.windows(4).position(|bytes| bytes == name).unwrap();
    let (samples, table) = (find(b"mdat") - 4, find(b"moov") - 4);
    let mut file = [&m4a[..samples], &m4a[table..], &m4a[samples..table]].concat();
    let offsets = samples + find(b"stco") - table + 12;
    for offset in file[offsets..].as_chunks_mut().0.iter_mut().take(usize::from(m4a[find(b"stco") + 11])) {
        *offset = (u32::from_be_bytes(*offset) + (m4a.len() - table) as u32).to_be_bytes();
    }
    file
}

#[test]
fn a_file_that_was_cut_off_gives_the_samples_it_has() {
    let m4a = fast_start(&read("word.m4a"));
    assert_eq!(decode(&m4a, &Limits::DATASET).unwrap(), decoded("word.m4a"));
    for (name, bytes) in [
        ("word.aiff", read("word.aiff")),
        ("word.caf", read("word.caf")),
        ("word.webm", read("word.webm")),
        ("word.m4a", m4a),
    ] {
        let cut = &bytes[..bytes.len() * 4 / 5];
        let samples = decode(cut, &Limits::DATASET).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(samples.len() > 8_000 && samples.len() < 15_000, "{name}: {} samples", samples.len());
        let sure = &samples[..samples.len() - 500]; // the resampler's filter feels the end
        assert!(decoded(name).starts_with(sure), "{name}");
        assert_blocks_are_the_whole(cut, name);
    }
}

/// Decodes `bytes` as a whole, and as a file block by block.
fn assert_blocks_are_the_whole(bytes: &[u8], name: &str) {
    match (decode(bytes, &Limits::DATASET), in_blocks(bytes)) {
        (Ok(whole), Ok(blocks)) => assert!(whole == blocks, "{name}"),
        (Err(whole), Err(blocks)) => assert_eq!(whole.to_string(), blocks.to_string(), "{name}"),
        (whole, blocks) => panic!("{name}: {:?}, {:?}", whole.err(), blocks.err()),
    }
}

/// A WAV file of integers, two blocks long and a little more.
fn long_wav(bits_per_sample: u16, channels: u16) -> Vec<u8> {
    let spec = WavSpec { channels, sample_rate: 16_000, bits_per_sample, sample_format: SampleFormat::Int };
    let samples: Vec<i32> = (0..1_200_000).map(|n| n % 1_009 * 31).collect();
    sc_test::wav::encode_as(spec, &samples)
}

#[test]
fn blocks_believe_a_wrong_header_no_more_than_the_whole_does() {
    let patched = |mut wav: Vec<u8>, at: usize, bytes: &[u8]| {
        wav[at..at + bytes.len()].copy_from_slice(bytes);
        wav
    };
    let note = b"LIST\x04\0\0\0abcd";
    let wav = long_wav(16, 1);
    let (size, n_data) = ((wav.len() as u64 + 36).to_le_bytes(), (wav.len() as u64 - 44).to_le_bytes());
    let ds64 = [&b"ds64\x1c\0\0\0"[..], &size, &n_data, &[0; 12]].concat();
    let long_sizes = patched(wav.clone(), 40, &[0xFF; 4]);
    let empty = patched(patched(wav.clone(), 40, &[0; 4]), 4, &(wav.len() as u32 - 8).to_le_bytes());
    for (name, bytes) in [
        ("24 bits in frames of 0 bytes", patched(long_wav(24, 1), 32, &[0, 0])),
        ("24 bits twice in frames of 3 bytes", patched(long_wav(24, 2), 32, &[3, 0])),
        (
            "a note behind sizes of 64 bits",
            [b"RF64\xFF\xFF\xFF\xFFWAVE", &ds64[..], &long_sizes[12..], note].concat(),
        ),
        ("no byte of padding", [&wav[..12], b"LIST\x03\0\0\0abc", &wav[12..]].concat()),
        ("no samples", empty.clone()),
        ("no samples in a short file", [&wav[..4], &[48, 0, 0, 0], &empty[8..44], note].concat()),
        ("no data chunk", wav[..36].to_vec()),
        ("a stream", patched(wav.clone(), 40, &[0xFF; 4])),
        ("an AU file without channels and samples", patched(au_header(), 20, &[0; 4])),
    ] {
        assert_blocks_are_the_whole(&bytes, name);
    }
}

/// The header of an AU file of 24 bits and two channels whose length is not known.
fn au_header() -> Vec<u8> {
    [u32::from_be_bytes(*b".snd"), 24, u32::MAX, 4, 16_000, 2].map(u32::to_be_bytes).concat()
}

/// The header of a W64 file of 16 bits and one channel.
fn w64_header(n_data: u64) -> Vec<u8> {
    let name = |name: &[u8; 4]| [&name[..], &[0; 12]].concat();
    let format = &sc_test::wav::encode(&[], 16_000)[20..36];
    let [format_len, data_len] = [40, 24 + n_data].map(u64::to_le_bytes);
    [
        &name(b"riff")[..],
        &[0; 8],
        &name(b"wave"),
        &name(b"fmt "),
        &format_len,
        format,
        &name(b"data"),
        &data_len,
    ]
    .concat()
}

#[test]
fn au_and_w64_files_of_several_blocks_are_the_same() {
    let samples: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for (name, bytes) in [
        ("a.au", [au_header(), samples.clone()].concat()),
        ("a.w64", [w64_header(2_000_000), samples].concat()), // other chunks follow
    ] {
        assert_blocks_are_the_whole(&bytes, name);
    }
}

#[test]
fn the_padding_of_a_w64_files_format_is_no_chunk() {
    let wav = read("ima-adpcm.wav");
    let format = &wav[20..40];
    let data = wav.windows(4).position(|bytes| bytes == b"data").unwrap() + 8;
    let name = |name: &[u8; 4]| [&name[..], &[0; 12]].concat();
    let len = |len: usize| (24 + len as u64).to_le_bytes();
    // The format's 20 bytes are said to be 24, as ffmpeg and sox write it.
    let chunks =
        [&name(b"fmt ")[..], &len(24), format, &[0; 4], &name(b"data"), &len(wav.len() - data), &wav[data..]]
            .concat();
    let w64 = [&name(b"riff")[..], &[0; 8], &name(b"wave"), &chunks].concat();
    let limits = Limits::default();
    let decoded = decode(&w64, &limits).unwrap();
    assert!(decoded.len() >= decode(&wav, &limits).unwrap().len() && decoded.iter().any(|x| x.abs() > 0.01));
}

#[test]
fn how_long_a_wav_file_is_that_is_decoded_in_little_time_is_known_by_its_header() {
    let second = |rate_hz: u32| sc_test::wav::encode(&vec![0; rate_hz as usize], rate_hz);
    for rate_hz in [8_000, 16_000, 44_100, 48_000] {
        assert_eq!(quick_wav_seconds(&second(rate_hz)), Some(1.0), "{rate_hz} Hz");
    }
    for slow in [second(44_101), read("ima-adpcm.wav"), read("word.mp3"), Vec::new()] {
        assert_eq!(quick_wav_seconds(&slow), None);
    }
}

#[cfg(unix)]
#[test]
fn an_au_file_is_decoded_before_its_end_has_come() {
    use std::{os::fd::OwnedFd, thread};
    let (reader, writer) = std::io::pipe().unwrap();
    let mut first = writer.try_clone().unwrap();
    let writing = thread::spawn(move || {
        first.write_all(&au_header()).unwrap();
        first.write_all(&vec![1; 3 << 20]).unwrap();
    });
    let mut blocks = Blocks::open(File::from(OwnedFd::from(reader))).unwrap();
    assert!(blocks.next_block().unwrap().is_some());
    assert!(blocks.next_block().unwrap().is_some());
    drop(writer);
    while blocks.next_block().unwrap().is_some() {}
    writing.join().unwrap();
}

#[cfg(unix)]
#[test]
fn half_a_second_of_a_pipe_is_decoded_before_the_next_has_come() {
    use std::os::fd::OwnedFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let wav = sc_test::wav::encode(&vec![1; 16_000], 16_000);
    writer.write_all(&wav).unwrap(); // a pipe holds as much
    let mut blocks = Blocks::open(File::from(OwnedFd::from(reader))).unwrap();
    assert_eq!(blocks.next_block().unwrap().unwrap().len(), 8_192);
    drop(writer);
    assert_eq!(blocks.next_block().unwrap().unwrap().len(), 16_000 - 8_192);
}

/// The samples of a file in blocks, and true if it has a fault.
fn heard(bytes: &[u8]) -> (Vec<f32>, bool) {
    let mut blocks = Blocks::open(file_of(bytes)).unwrap();
    let mut samples = Vec::new();
    loop {
        match blocks.next_block() {
            Ok(Some(block)) => samples.extend(block),
            end => return (samples, end.is_err()),
        }
    }
}

#[test]
fn a_file_that_is_damaged_from_a_place_on_has_a_fault() {
    let webm = read("word.webm");
    let middle = webm.len() / 2;
    let without_a_piece = [&webm[..middle], &webm[middle + 50..]].concat();
    let (samples, is_faulty) = heard(&without_a_piece);
    assert!(is_faulty && samples.len() > 4_000 && samples.len() < 16_000, "{} samples", samples.len());

    let (samples, is_faulty) = heard(&[read("word.mp3"), read("word.mp2")].concat());
    assert!(is_faulty);
    assert_eq!(samples, decoded("word.mp3"));

    for name in ["word.webm", "word.mp3", "word.ogg", "word.flac", "word.aac", "word.m4a", "word.aiff"] {
        assert!(!heard(&read(name)).1, "{name}");
    }
    let size = webm.windows(4).position(|bytes| bytes == b"\x18\x53\x80\x67").unwrap() + 4;
    let streamed = [&webm[..size], b"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF", &webm[size + 8..]].concat();
    assert!(!heard(&streamed).1, "a stream, whose size nobody knew");
}

#[test]
fn a_file_that_says_its_length_and_is_cut_off_has_a_fault_and_others_have_none() {
    let half = |name: &str| {
        let mut bytes = read(name);
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    for name in ["word.wav", "rf64.wav", "ima-adpcm.wav", "word.w64", "word.caf", "word.flac"] {
        let (samples, is_faulty) = heard(&half(name));
        assert!(is_faulty && !samples.is_empty(), "{name}: {} samples", samples.len());
        assert!(!heard(&read(name)).1, "{name}, whole");
    }
    for name in ["word.mp3", "word.aac", "word.aiff", "word.au"] {
        assert!(!heard(&half(name)).1, "{name}");
    }
    // As ffmpeg, sox and arecord write it to a pipe.
    for len in [u32::MAX, 0x7FFF_F000, 0x7FFF_FF00] {
        let mut streamed = half("word.wav");
        streamed[40..44].copy_from_slice(&len.to_le_bytes());
        assert!(!heard(&streamed).1, "a stream of {len:x} bytes");
    }
}

#[test]
fn lost_packets_leave_silence_of_their_length() {
    let mut webm = read("word.webm");
    let is_block =
        |bytes: &[u8]| matches!(bytes, [0xA3, _, 0x81, _, _, 0x80] | [0xA3, _, _, 0x81, _, _, 0x80]);
    let blocks: Vec<usize> =
        (0..webm.len() - 7).filter(|at| is_block(&webm[*at..][..6]) || is_block(&webm[*at..][..7])).collect();
    for block in &blocks[20..30] {
        webm[*block] = 0xEC; // a void element
    }
    let (whole, got) = (decoded("word.webm"), decode(&webm, &Limits::default()).unwrap());
    let later = got.len().checked_sub(whole.len()).unwrap();
    assert!(later < 20, "stamps are of a millisecond, but {later} samples more");
    assert!(got[7_000..9_000].iter().all(|sample| sample.abs() < 1e-3));
    let snr_db = snr_db(&whole[11_000..], &got[11_000 + later..]); // the decoder has found its way again
    assert!(snr_db > 20.0, "{snr_db} dB");
    assert_blocks_are_the_whole(&webm, "word.webm");
}

#[test]
fn a_chain_of_two_sample_rates_is_heard_block_by_block() {
    let chain = [read("word.opus"), read("word.ogg")].concat();
    let (samples, is_faulty) = heard(&chain);
    assert!(!is_faulty);
    let [first, second] = [decoded("word.opus"), decoded("word.ogg")];
    assert!(samples == [first, second].concat());
}

#[cfg(unix)]
#[test]
fn a_video_whose_picture_outlasts_its_sound_has_no_fault_in_a_pipe_either() {
    use std::os::fd::OwnedFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&read("picture.webm")).unwrap(); // a pipe holds as much
    drop(writer);
    let mut blocks = Blocks::open(File::from(OwnedFd::from(reader))).unwrap();
    while blocks.next_block().unwrap().is_some() {}
}

#[test]
fn all_before_an_error_is_returned_and_nothing_follows_it() {
    let spec =
        WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut samples = vec![0.5_f32; 300_000];
    samples[290_000] = f32::NAN; // in the second block
    let mut blocks = Blocks::open(file_of(&sc_test::wav::encode_as(spec, &samples))).unwrap();
    let mut n_samples = 0;
    let fault = loop {
        match blocks.next_block() {
            Ok(block) => n_samples += block.unwrap().len(),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, Error::NotFinite));
    assert_eq!(n_samples, 2 * 290_000, "all before it");
    assert!(blocks.next_block().unwrap().is_none());
}

#[test]
fn a_wav_file_of_several_blocks_is_the_same_at_every_rate() {
    for (rate_hz, channels) in [(16_000, 1), (44_100, 2), (8_000, 1)] {
        let spec =
            WavSpec { channels, sample_rate: rate_hz, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let samples: Vec<i16> =
            (0..rate_hz * u32::from(channels) * 40).map(|n| (n % 1_009 * 31) as i16).collect();
        let mut bytes = sc_test::wav::encode_as(spec, &samples);
        let limits = Limits { max_seconds: 60, ..Limits::default() };
        assert!(in_blocks(&bytes).unwrap() == decode(&bytes, &limits).unwrap(), "{rate_hz} Hz");

        // As a stream writes it: without sizes, and cut off within a sample.
        bytes[4..8].fill(0xFF);
        bytes[40..44].fill(0);
        bytes.truncate(bytes.len() - 1_001);
        assert!(in_blocks(&bytes).unwrap() == decode(&bytes, &limits).unwrap(), "{rate_hz} Hz, streamed");
    }
}

#[test]
fn a_file_that_is_no_sound_is_refused_in_blocks_too() {
    for bytes in [&b"notes"[..], b"", b"RIFF\0\0\0\0WAVEfmt "] {
        assert!(in_blocks(bytes).is_err(), "{bytes:?}");
    }
    assert!(matches!(in_blocks(&sc_test::wav::encode(&[], 16_000)), Err(Error::Empty)));
}

#[test]
fn a_codec_that_is_not_read_is_named_with_a_way_out() {
    for (from, to, name) in [
        (b"A_OPUS", b"A_TTA1", "True Audio"),
        (b"A_OPUS", b"A_NONE", "an unknown codec"),
        (b"\x9F\x81\x01\xB5\x88\x40", b"\x9F\x81\x06\xB5\x88\x40", "Opus of more than two channels"),
    ] {
        let mut file = read("word.webm");
        let at = file.windows(from.len()).position(|bytes| bytes == from).unwrap();
        file[at..at + to.len()].copy_from_slice(to);
        let error = decode(&file, &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: ")) && error.contains("-ac 1"), "{error}");
        assert_blocks_are_the_whole(&file, "word.webm");
    }
}

#[test]
fn samples_in_quicktime_are_read_in_either_order_of_bytes() {
    let mut file = read("highest-first.mov");
    let samples = decode(&file, &Limits::DATASET).unwrap();
    let (silence, sound) = samples.split_at(8_000); // an empty edit of half a second
    assert!(silence.iter().all(|sample| *sample == 0.0));
    assert_eq!(sound, &decoded("word.wav")[8_000..][..1_000]);
    let [start, end, order] = [b"mdat", b"moov", b"enda"]
        .map(|name| file.windows(4).position(|bytes| bytes == name).unwrap() + name.len());
    for sample in file[start..end - 8].as_chunks_mut::<3>().0 {
        sample.reverse();
    }
    file[order + 1] = 1;
    assert_eq!(decode(&file, &Limits::DATASET).unwrap(), samples);
}

#[test]
fn logarithmic_samples_are_expanded() {
    // 8 bits of A-law or µ-law: 35 dB and a little more for speech (ITU-T G.711).
    for name in ["alaw.wav", "mulaw.wav"] {
        let snr_db = snr_db(&decoded("word.wav"), &decoded(name));
        assert!(snr_db > 33.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn differences_of_four_bits_are_added_up() {
    // As dictaphones and telephone systems write them.
    for name in ["ima-adpcm.wav", "ms-adpcm.wav"] {
        let snr_db = snr_db(&decoded("word.wav"), &decoded(name));
        assert!(snr_db > 18.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn sound_behind_a_large_cover_is_found() {
    let size: u32 = 1_500_000;
    let syncsafe = [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7F);
    let tag = [&b"ID3\x04\0\0"[..], &syncsafe, &vec![0xFF; size as usize]].concat();
    let tagged = [tag.clone(), read("word.mp3")].concat();
    assert_eq!(decode(&tagged, &Limits::default()).unwrap(), decoded("word.mp3"));
    let error = decode(&tag, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::NotAudio), "{error}");
}

#[test]
fn lossy_formats_give_what_other_decoders_do() {
    // How many samples later the sound begins, and how many there are.
    for (name, judge, delay, n_samples) in [
        ("word.mp3", "word.mp3.wav", 0, 16_000),
        ("word.mp2", "word.mp2.wav", 0, 16_128),
        ("word.ogg", "word.ogg.wav", 0, 16_000),
        ("word.m4a", "word.m4a.wav", 0, 16_384),
        ("word.aac", "word.m4a.wav", 1_024, 17_408),
        ("word.opus", "word.opus.wav", 0, 16_000),
        ("word.webm", "word.opus.wav", 0, 16_216),
        ("word.opus.mp4", "word.opus.wav", 0, 16_216),
    ] {
        let (expected, got) = (decoded(judge), decoded(name));
        assert_eq!(got.len(), n_samples, "{name}");
        let snr_db = snr_db(&expected, &got[delay..]);
        assert!(snr_db >= 40.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn the_gain_in_the_header_of_opus_counts() {
    let half = (-20.0 * 2_f64.log10() * 256.0).round() as i16;
    for (name, head, gain) in [
        ("word.webm", b"OpusHead", half.to_le_bytes()),
        ("word.opus.mp4", b"\0\0\0\x13dOps", half.to_be_bytes()),
    ] {
        let mut file = read(name);
        let at = file.windows(head.len()).position(|bytes| bytes == head).unwrap() + head.len() + 8;
        file[at..at + 2].copy_from_slice(&gain);
        let halved: Vec<_> = decoded(name).into_iter().map(|sample| sample / 2.0).collect();
        let snr_db = snr_db(&halved, &decode(&file, &Limits::DATASET).unwrap());
        assert!(snr_db > 60.0, "{name}: {snr_db} dB");
    }
}

#[test]
fn a_coded_file_of_the_greatest_length_is_read_without_what_its_codec_added() {
    let limits = Limits { max_seconds: 1, ..Limits::default() };
    for name in ["word.m4a", "word.aac", "word.mp2"] {
        let samples = decode(&read(name), &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(samples, decoded(name)[..16_000], "{name}");
    }
    let twice = [read("word.aac"), read("word.aac")].concat();
    assert!(matches!(decode(&twice, &limits), Err(Error::TooLong { limit_s: 1 })));
}

#[test]
fn what_looks_like_frames_in_other_formats_is_no_sound() {
    let aac = read("word.aac");
    let packet = |header: &[u8], n| [header, &[0; 188][header.len()..]].concat().repeat(n);
    let transport = packet(b"\x47\x1F\xFF", 3);
    let timed: Vec<u8> = transport.chunks(188).flat_map(|packet| [&[0; 4], packet].concat()).collect();
    for (beginning, name) in [
        (transport.as_slice(), "MPEG-TS"),
        (&timed, "M2TS"),
        (b"\0\0\x01\xBA\x44\0\x04\0", "MPEG-PS"),
        (b"MP+\x17", "Musepack"),
        (b"ID3\x04\0\0\0\0\0\x02abMP+\x17", "Musepack"),
        (b"\x1F\x07\0\x3F", "DV"),
    ] {
        let file = [beginning, &aac].concat();
        let error = decode(&file, &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: ")), "{name}: {error}");
        assert_blocks_are_the_whole(&file, "other");
    }
}

#[test]
fn a_file_of_a_known_container_without_sound_that_can_be_read_is_named() {
    let whole = read("word.m4a");
    let moov = whole.windows(4).position(|bytes| bytes == b"moov").unwrap();
    let aifc = b"FORM\0\0\0\x34AIFCCOMM\0\0\0\x18\0\x01\0\0\0\x01\0\x10\x40\x0C\xFA\0\0\0\0\0\0\0ima4\0\0\
        SSND\0\0\0\x08\0\0\0\0\0\0\0\0";
    let track = whole.windows(4).position(|bytes| bytes == b"trak").unwrap();
    let without_track = [&whole[..track], b"free", &whole[track + 4..]].concat();
    for (bytes, said) in [
        (&whole[..moov - 4], "MP4 that is cut off, or of an unusual kind: take the whole file"),
        (&read("word.flac")[..86], "FLAC that is cut off"),
        (b"OggS\0\x02", "Ogg that is cut off"),
        (aifc, "AIFF that is cut off, or of an unusual kind"),
        (b"caff\0\x01\0\0", "CAF that is cut off"),
        (&without_track, "there is no sound"),
    ] {
        let error = decode(bytes, &Limits::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(said), "{said}: {error}");
        assert_blocks_are_the_whole(bytes, "other");
    }
}

#[test]
fn a_recording_longer_than_allowed_is_refused_while_it_is_decoded() {
    let limits = Limits { max_seconds: 0, ..Limits::default() };
    for name in ["word.flac", "word.mp3", "word.opus", "word.webm"] {
        let error = decode(&read(name), &limits).unwrap_err();
        assert!(matches!(error, Error::TooLong { limit_s: 0 }), "{name}: {error}");
    }
}

#[test]
fn text_is_no_recording() {
    let text = "All work and no play makes Jack a dull boy.\n".repeat(500);
    let error = decode(text.as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::NotAudio), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_files_decode_or_refuse_but_never_panic(
        name in prop::sample::select(vec![
            "word.aiff", "word.flac", "word.caf", "alac.m4a", "word.mp3", "word.ogg", "word.m4a", "word.aac",
            "word.opus", "word.webm", "word.opus.mp4", "word.mp2", "word.au", "word.w64", "rf64.wav", "ima-adpcm.wav", "ms-adpcm.wav",
        ]),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = read(name);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length.index(bytes.len()));
        if let Ok(samples) = decode(&bytes, &Limits::default()) {
            prop_assert!(samples.iter().all(|sample| sample.is_finite()));
        }
    }
}
