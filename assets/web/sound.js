// Samples: from any file, their loudest second, and played.

import { readWav, wav } from './wav.js';

export const RATE = 16_000; // what the network hears, in Hz

// Any recording the browser can play as 16 kHz mono, or null.
export async function decode(blob) {
  const bytes = await blob.arrayBuffer();
  try {
    const samples = readWav(bytes, RATE);
    if (samples) return samples;
    const context = new OfflineAudioContext(1, 1, RATE); // decoding resamples to its rate
    return mix(await context.decodeAudioData(bytes));
  } catch {
    return null;
  }
}

function mix(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  if (channels.length === 1) return channels[0];
  return Float32Array.from(channels[0], (_, i) =>
    channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

// The second with the most energy, the earliest of equals, padded at the end: as `Waveform` of the
// server cuts it.
export function loudestSecond(samples) {
  let gain = 0; // of the second that begins here over the first one
  let loudest = { start: 0, gain: 0 };
  for (let start = 1; start + RATE <= samples.length; start += 1) {
    gain += samples[start + RATE - 1] ** 2 - samples[start - 1] ** 2;
    if (gain > loudest.gain) loudest = { start, gain };
  }
  const second = new Float32Array(RATE);
  second.set(samples.subarray(loudest.start, loudest.start + RATE));
  return { start: loudest.start, samples: second };
}

export const peak = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

// The peak of each of `n` equal parts.
export function peaks(samples, n) {
  return Array.from({ length: n }, (_, i) =>
    peak(samples.subarray(Math.floor((i * samples.length) / n), Math.ceil(((i + 1) * samples.length) / n))));
}

export function concat(blocks) {
  const samples = new Float32Array(blocks.reduce((length, block) => length + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return samples;
}

let playing = new Audio();

// Plays samples, instead of what was playing.
export function play(samples, rate = RATE) {
  playing.pause();
  const address = URL.createObjectURL(wav(samples, rate));
  playing = new Audio(address);
  playing.addEventListener('pause', () => URL.revokeObjectURL(address)); // so is the end
  playing.play().catch(() => {}); // another may be asked for before it begins
}
