// The package in Node.js.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild-wasm';

import { PACKAGE, REPOSITORY, difference, sounds, speech } from './helpers.js';

const { Recognizer } = await import(pathToFileURL(join(PACKAGE, 'index.js')));
const recognizer = await Recognizer.load();
const model = readFileSync(join(PACKAGE, 'model.safetensors'));

test('labels are the native ones, probabilities to 1e-4', () => {
  for (const { file, samples, rate, expected } of sounds()) {
    const got = recognizer.classify(samples, rate);
    assert.equal(got.label, expected.label, file);
    assert.equal(got.accepted, expected.accepted, file);
    assert.ok(difference(got, expected) < 1e-4, `${file}: ${difference(got, expected)}`);
  }
});

// Three recordings of the speech, of which no two are the same.
const takesOf = ({ samples }) => [1, 0.9, 0.8].map((gain) => samples.map((sample) => gain * sample));

// A copy of the model that was taught the speech as *світло*.
async function learned() {
  const learner = await Recognizer.load();
  learner.teach('світло', takesOf(speech()), speech().rate);
  return learner;
}

test('an answer may have a threshold of its own, which a taught word must reach too', async () => {
  const learner = await learned();
  const { samples, rate } = speech();
  const inHum = samples.map((sample, i) => sample + 0.03 * Math.sin(i)); // no answer is quite sure then
  const label = (threshold) => learner.classify(inHum, rate, { threshold }).label;
  assert.deepEqual([label(0.5), label(1)], ['світло', recognizer.classify(inHum, rate).label]);
});

test('each build has at most 350 kB, compressed and without the model', (t) => {
  for (const build of ['simd', 'relaxed']) {
    const files = [...readdirSync(join(PACKAGE, build)).map((name) => `${build}/${name}`), 'index.js', 'worker.js', 'worklet.js'];
    const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(PACKAGE, file))).length, 0);
    t.diagnostic(`${build}: ${size} bytes`);
    assert.ok(size <= 350_000, `${build}: ${size} bytes`);
  }
});

test('a model from its bytes answers as the one of the package', async () => {
  const { samples, rate } = speech();
  const other = await Recognizer.load(model);
  assert.deepEqual(other.classify(samples, rate), recognizer.classify(samples, rate));
  assert.deepEqual(other.labels, recognizer.info.labels);
  assert.equal(other.threshold, other.info.threshold);
});

test('a model is read from its path and its address', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'web-package-')), '100% #1.safetensors');
  writeFileSync(path, model);
  const address = pathToFileURL(path);
  for (const source of [path, relative('', path), address, String(address)]) {
    assert.deepEqual((await Recognizer.load(source)).labels, recognizer.labels, String(source));
  }
});

test('a bundler for browsers finds all that the package imports', async () => {
  await build({ entryPoints: [join(PACKAGE, 'index.js')], bundle: true, format: 'esm', platform: 'browser', write: false });
});

test('a word is taught by recordings, kept in the model, and forgotten', async () => {
  const learner = await Recognizer.load();
  const { samples, rate } = speech();
  const takes = takesOf({ samples });
  assert.deepEqual(learner.check([takes[0], takes[1], new Float32Array(rate)], rate).map(({ name, reason }) => [name, reason]), [['3', 'too_quiet']]);
  const report = learner.teach('світло', takes, rate);
  assert.deepEqual([report.name, report.used, report.left_out], ['світло', ['1', '2', '3'], []]);
  assert.deepEqual(learner.taught, [{ name: 'світло', recordings: 3 }]);
  const { label, accepted } = learner.classify(samples, rate);
  assert.deepEqual([label, accepted], ['світло', true]);
  const copy = await Recognizer.load(learner.toBytes());
  assert.deepEqual(copy.classify(samples, rate), learner.classify(samples, rate));
  assert.throws(() => learner.teach('світло', [samples], rate), { message: /knows `світло` already/, reason: 'known' });
  assert.throws(() => learner.teach('lights', [samples], rate), { message: /1 of 1 recordings/, reason: 'too_few' });
  assert.throws(() => learner.check(Array(51).fill(samples), rate), { reason: 'too_many' });
  learner.forget('світло');
  assert.deepEqual([learner.labels, learner.taught], [recognizer.labels, []]);
  assert.throws(() => learner.forget('світло'), { name: 'Error', reason: 'not_taught' });
});

test('words of another copy of the model are joined', async () => {
  const { samples, rate } = speech();
  const [learner, other] = [await learned(), await Recognizer.load()];
  assert.deepEqual([other.join(learner.toBytes()), other.join(learner.toBytes())], [['світло'], []]);
  assert.deepEqual(other.classify(samples, rate), learner.classify(samples, rate));
  assert.throws(() => other.join(model), { message: 'that model was taught no word: name one that was', reason: 'none_taught' });
  assert.throws(() => other.join('model.safetensors'), /String: expected the bytes of a model file/);
});

test('logits of the features are those behind the answer', () => {
  const { samples, rate } = speech();
  const features = recognizer.logMel(samples, rate);
  assert.equal(features.length, 101 * 40);
  const logits = recognizer.logits(features);
  const best = recognizer.labels[logits.indexOf(Math.max(...logits))];
  assert.equal(best, recognizer.classify(samples, rate).label);
});

test('live pieces of any size have the detections of the whole', () => {
  const { samples: word, rate: sampleRate } = speech();
  const samples = Float32Array.of(...word, ...word);
  const listen = (size) => {
    const detector = recognizer.detector({ sampleRate });
    const found = [];
    for (let i = 0; i < samples.length; i += size) found.push(...detector.push(samples.subarray(i, i + size)));
    const { latest } = detector;
    return { latest, found: [...found, ...detector.finish()] };
  };
  const whole = listen(samples.length);
  assert.ok(whole.latest.time_s > 0);
  for (const size of [160, 4_001]) assert.deepEqual(listen(size), whole);
});

test('at the end of the sound, what fills no block is heard too', () => {
  const port = {};
  let Worklet;
  const registerProcessor = (_, made) => { Worklet = made; };
  class AudioWorkletProcessor { port = port; }
  runInNewContext(readFileSync(join(PACKAGE, 'worklet.js'), 'utf8'), { sampleRate: 16_000, AudioWorkletProcessor, registerProcessor });
  const worklet = new Worklet();
  const told = [];
  port.onmessage({ data: { postMessage: (data) => told.push(data === 'end' ? data : data.length) } });
  worklet.process([[new Float32Array(900)]]);
  port.onmessage({ data: 'end' });
  assert.deepEqual(told, [800, 100, 'end']);
});

const second = new Float32Array(16_000);
const refused = [
  [() => recognizer.classify([0.5], 16_000), /Array: expected a Float32Array/],
  [() => recognizer.classify(new Float64Array(9), 16_000), /Float64Array: expected a Float32Array/],
  [() => recognizer.classify(undefined, 16_000), /undefined: expected a Float32Array/],
  [() => recognizer.classify(new Float32Array(0), 16_000), /no samples/],
  [() => recognizer.classify(Float32Array.of(NaN), 16_000), /not a finite number/],
  [() => recognizer.classify(second, 0), /sample rate/],
  [() => recognizer.classify(second, NaN), /samples need their sampleRate/],
  [() => recognizer.classify(second), /samples need their sampleRate/],
  [() => recognizer.classify(second, 16_000, { threshold: 2 }), /a threshold of 2: expected 0 to 1/],
  [() => recognizer.classify(second, 16_000, { treshold: 0.5 }), /no option treshold: expected threshold/],
  [() => recognizer.classify(Float32Array.of(8_123), 16_000), /a sample of 8123: expected samples in \[-1, 1\]/],
  [() => recognizer.detector().push(Float32Array.of(8_123)), /a sample of 8123: expected samples in \[-1, 1\]/],
  [() => recognizer.classify(new Float32Array(61 * 16_000), 16_000), /longer than 60 s/],
  [() => recognizer.classify(new Float32Array(2 ** 30 + 1), 192_000), /longer than 60 s/],
  [() => recognizer.logMel(second), /samples need their sampleRate/],
  [() => recognizer.logits(second), /16000 features: expected 4040/],
  [() => recognizer.detector({ threshold: 2 }), /a threshold of 2: expected 0 to 1/],
  [() => recognizer.detector({ hopS: NaN }), /a hop of NaN s: expected/],
  [() => recognizer.detector({ smoothingS: -1 }), /a smoothing of -1 s: expected/],
  [() => recognizer.detector({ sampleRate: -1 }), /sample rate/],
  [() => recognizer.detector({ sampleRate: '48000' }), /samples need their sampleRate/],
  [() => recognizer.detector({ samplerate: 48_000 }), /no option samplerate: expected sampleRate, threshold, hopS, smoothingS/],
  [() => recognizer.detector(48_000), /Number: expected options, as/],
  [() => recognizer.teach(undefined, [second]), /undefined: expected the word/],
  [() => recognizer.teach('lights'), /undefined: expected an array of recordings/],
  [() => recognizer.teach('lights', [[0.5]]), /Array: expected a Float32Array/],
  [() => recognizer.teach('lights', [second]), /samples need their sampleRate/],
  [() => recognizer.check([second]), /samples need their sampleRate/],
  [() => recognizer.check(second), /Float32Array: expected an array of recordings/],
  [() => recognizer.forget(5), /Number: expected the word/],
];

test('what cannot be used is refused in plain words', () => {
  for (const [call, message] of refused) assert.throws(call, message, String(call));
});

test('a closed detector says so', () => {
  const detector = recognizer.detector();
  detector.finish();
  assert.throws(() => detector.push(second), /the detector is closed/);
  assert.throws(() => detector.finish(), /the detector is closed/);
});

test('a damaged model is refused', async () => {
  const zeros = new Uint8Array(model);
  zeros.fill(0, 1e6, 1e6 + 4_000); // weights of the network
  for (const bytes of [new Uint8Array(0), model.subarray(0, 9_000), model.subarray(0, -1), zeros]) {
    await assert.rejects(Recognizer.load(bytes), /not a usable model/);
  }
  for (const missing of [new URL('missing.safetensors', import.meta.url), 'missing.safetensors']) {
    await assert.rejects(Recognizer.load(missing), /missing\.safetensors/);
  }
  await assert.rejects(Recognizer.load(5), /Number: expected the address of a model file, or its bytes/);
});

test('memory does not grow with the calls', () => {
  const { samples, rate } = speech();
  const calls = (n) => {
    for (let i = 0; i < n; i += 1) {
      recognizer.classify(samples, rate);
      assert.throws(() => recognizer.classify(samples, 0));
    }
    return process.memoryUsage().rss;
  };
  const before = calls(300);
  assert.ok(calls(1_000) - before < 8e6);
});

test('a model that is freed gives its memory back, and its detectors stay', async () => {
  const load = async () => {
    const loaded = await Recognizer.load(model);
    const detector = loaded.detector();
    loaded.free();
    assert.deepEqual(detector.push(second), []);
    detector.free();
    assert.throws(() => loaded.classify(second, 16_000), Error);
    return process.memoryUsage().rss;
  };
  const before = await load();
  let after;
  for (let i = 0; i < 50; i += 1) after = await load();
  assert.ok(after - before < 5e7, `${after - before} bytes`);
});

const site = (folder, env) => execFileSync(join(REPOSITORY, 'crates/sc-web/scripts/site.sh'), [folder], { env: { ...process.env, ...env } });

test('the page as static files is made again, and leaves alone what others put beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'site-'));
  site(folder);
  const files = readdirSync(folder);
  const list = readFileSync(join(folder, 'files.json'), 'utf8');
  writeFileSync(join(folder, 'files.json'), list.replace('"./"', '"./","old.js"'));
  for (const name of ['CNAME', 'old.js']) writeFileSync(join(folder, name), '');
  rmSync(join(folder, 'index.html'));
  site(folder);
  assert.deepEqual(readdirSync(folder), [...files, 'CNAME'].sort());
  assert.equal(readFileSync(join(folder, 'files.json'), 'utf8'), list);
});

test('a call for static files that fails does not stop the next one', () => {
  const [folder, broken] = ['site-', 'broken-'].map((name) => mkdtempSync(join(tmpdir(), name)));
  writeFileSync(join(broken, 'sha256sum'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  assert.throws(() => site(folder, { PATH: `${broken}:${process.env.PATH}` }));
  site(folder);
  assert.ok(existsSync(join(folder, 'index.html')));
});
