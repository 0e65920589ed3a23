// The package, the sounds, and what the native program answers to them.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const REPOSITORY = resolve(import.meta.dirname, '../../..');
export const PACKAGE = resolve(REPOSITORY, process.env.WEB_PACKAGE ?? 'target/web-package');
const GOLDEN = join(REPOSITORY, 'crates/sc-data/tests/golden');

// A WAV file of 16 or 24 bits a sample, as one channel of floats.
function readWav(path) {
  const bytes = readFileSync(path);
  const [channels, rate, size] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24), bytes.readUInt16LE(34) / 8];
  const start = bytes.indexOf('data') + 8;
  const at = (i) => bytes.readIntLE(start + size * i, size) / 2 ** (8 * size - 1);
  const length = Math.floor((bytes.length - start) / size / channels);
  const mean = (_, i) => Array.from({ length: channels }, (_, c) => at(i * channels + c)).reduce((a, b) => a + b) / channels;
  return { samples: Float32Array.from({ length }, mean), rate };
}

// Each with its name, samples, rate, and the native program's answer.
export function sounds() {
  const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.wav')).map((name) => join(GOLDEN, name));
  const [program, ...options] = (process.env.SC_TRAIN ?? 'cargo run --quiet -p sc-train --no-default-features --').split(' ');
  const lines = execFileSync(program, [...options, 'classify', '--json', ...files], { cwd: REPOSITORY, encoding: 'utf8' });
  const answers = lines.trim().split('\n').map((line) => JSON.parse(line));
  return files.map((file, i) => ({ file, ...readWav(file), expected: answers[i] }));
}

export const speech = () => readWav(join(GOLDEN, 'speech-16000-1.wav'));

// The largest difference between two answers' probabilities, label by label.
export function difference(got, expected) {
  const other = new Map(expected.predictions.map(({ label, probability }) => [label, probability]));
  return Math.max(...got.predictions.map(({ label, probability }) => Math.abs(probability - other.get(label))));
}
