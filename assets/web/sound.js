// Samples: from any file, their loudest second, and played.

import { Refusal } from './api.js';
import { readWav, wav } from './wav.js';

export const RATE = 16_000; // what the network hears, in Hz
const LOST_RATIO = 10; // of energies: `mono.rs` says why

export const bytesOf = (blob) => blob.arrayBuffer().catch(() => {
  throw new Refusal('unreadable');
});

// Any recording the browser can play as 16 kHz mono, or null.
export async function decode(blob) {
  const bytes = await bytesOf(blob);
  try {
    const samples = readWav(bytes, RATE);
    if (samples) return samples;
    const context = new OfflineAudioContext(1, 1, RATE); // decoding resamples to its rate
    return mix(await context.decodeAudioData(bytes));
  } catch {
    return null;
  }
}

// The mean of the channels, as the server mixes them: where it has lost the voice, one channel counts, the first unless
// that is dead.
function mix(buffer) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  if (channels.length === 1) return channels[0];
  const mean = channels[0].map((_, i) =>
    channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  const energies = channels.map(energy);
  const most = Math.max(...energies);
  const one = LOST_RATIO * energies[0] < most ? energies.indexOf(most) : 0;
  return LOST_RATIO * energy(mean) < energies[one] ? channels[one] : mean;
}

const energy = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);

const LOWEST_HZ = 100; // what is below is no speech: it counts for nothing in how loud a second is
const STEPS = 100; // of a second, in which the loudest one is searched
const STEP = RATE / STEPS;

// The second with the most level, the earliest of equals, padded at the end: as `Waveform` of the server cuts it.
export function loudestSecond(samples) {
  const level = levels(samples);
  let gain = 0; // of the second that begins here over the first one
  let loudest = { step: 0, gain: 0 };
  for (let step = 1; step * STEP + RATE <= samples.length; step += 1) {
    gain += level[step + STEPS - 1] - level[step - 1];
    if (gain > loudest.gain) loudest = { step, gain };
  }
  const start = loudest.step * STEP;
  const second = new Float32Array(RATE);
  second.set(samples.subarray(start, start + RATE));
  return { start, samples: second };
}

// The level of each step behind a high-pass filter of second order (Bristow-Johnson, Q of 1/√2) that begins at rest.
function levels(samples) {
  const angle = (2 * Math.PI * LOWEST_HZ) / RATE;
  const alpha = Math.sin(angle) * Math.SQRT1_2;
  const b0 = (1 + Math.cos(angle)) / 2 / (1 + alpha);
  const [a1, a2] = [-2 * Math.cos(angle) / (1 + alpha), (1 - alpha) / (1 + alpha)];
  let [s1, s2] = [0, 0];
  return Array.from({ length: Math.floor(samples.length / STEP) }, (_, i) => {
    let energy = 0;
    for (const sample of samples.subarray(i * STEP, (i + 1) * STEP)) {
      const x = sample - samples[0];
      const y = b0 * x + s1;
      s1 = -2 * b0 * x - a1 * y + s2;
      s2 = b0 * x - a2 * y;
      energy += y * y;
    }
    return Math.sqrt(energy);
  });
}

export const peak = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

// A peak in decibels, from `floor` to full scale: loudness is heard by its logarithm.
export const loudness = (peak, floor) => Math.max(floor, Math.min(0, 20 * Math.log10(peak)));

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
