// The package in Chromium, from a plain static server.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { PACKAGE, REPOSITORY, difference, sounds } from './helpers.js';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const [, example] = /```html\n(.*?)```/s.exec(readFileSync(join(PACKAGE, 'README.md'), 'utf8'));

const executablePath = process.env.CHROMIUM || BROWSERS.find(existsSync);

let server;
let browser;

before(async () => {
  server = createServer(({ url }, response) => {
    const path = normalize(url).replace('/speech-commands/', `${PACKAGE}/`);
    const body = path === '/' ? example : existsSync(path) && path.startsWith(PACKAGE) && readFileSync(path);
    response.writeHead(body ? 200 : 404, { 'Content-Type': TYPES[extname(path) || '.html'] ?? 'application/octet-stream' });
    response.end(body || '');
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  const file = join(mkdtempSync(join(tmpdir(), 'web-package-')), 'microphone.wav');
  writeFileSync(file, wav(await decoded('yes.mp3')));
  browser = await chromium.launch({
    executablePath,
    args: [
      '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
    ],
  });
});

after(async () => {
  await browser?.close();
  server?.close();
});

// The samples of an example, at 16 kHz, as a browser decodes them.
async function decoded(name) {
  const deaf = await chromium.launch({ executablePath });
  const page = await deaf.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`); // audio needs an origin
  const bytes = [...readFileSync(join(REPOSITORY, 'assets/web/examples', name))];
  const samples = await page.evaluate(async (file) => {
    const context = new OfflineAudioContext(1, 1, 16_000);
    const buffer = await context.decodeAudioData(Uint8Array.from(file).buffer);
    return [...buffer.getChannelData(0)];
  }, bytes);
  await deaf.close();
  return samples;
}

// A WAV file of 16-bit samples at 16 kHz.
function wav(samples) {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  [16, 0x1_0001, 16_000, 32_000, 0x10_0002].forEach((word, i) => bytes.writeUInt32LE(word, 16 + 4 * i));
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, i) => bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + 2 * i));
  return bytes;
}

async function visit() {
  const page = await browser.newPage();
  page.on('pageerror', (error) => assert.fail(error));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return page;
}

test('the page of README hears the word', async () => {
  const page = await visit();
  await page.click('#listen');
  await page.waitForFunction(() => document.querySelector('#heard').textContent.includes('yes'));
  await page.close();
});

test('labels are the native ones, probabilities to 1e-4', async () => {
  const page = await visit();
  for (const { file, samples, rate, expected } of sounds()) {
    const got = await page.evaluate(async ([numbers, sampleRate]) => {
      const { Recognizer } = await import('/speech-commands/index.js');
      window.recognizer ??= await Recognizer.load();
      return window.recognizer.classify(Float32Array.from(numbers), sampleRate);
    }, [Array.from(samples), rate]);
    assert.equal(got.label, expected.label, file);
    assert.ok(difference(got, expected) < 1e-4, `${file}: ${difference(got, expected)}`);
  }
  await page.close();
});

test('what could not be loaded is asked for again', async () => {
  const page = await visit();
  const load = () => page.evaluate(async () => {
    const { Recognizer } = await import('/speech-commands/index.js');
    return Recognizer.load().then(() => 'loaded', ({ message }) => message);
  });
  await page.route('**/*.wasm', (route) => route.abort());
  assert.match(await load(), /cannot read .*\.wasm/);
  await page.unroute('**/*.wasm');
  assert.equal(await load(), 'loaded');
  await page.close();
});

test('listening ends, and what cannot be used is refused', async () => {
  const page = await visit();
  const result = await page.evaluate(async () => {
    const { listen } = await import('/speech-commands/index.js');
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const refused = await listen(stream, () => {}, { threshold: 2 }).catch(({ message }) => message);
    const latest = Promise.withResolvers();
    const listening = await listen(stream, () => {}, { onLatest: latest.resolve });
    const score = await latest.promise;
    await listening.stop();
    return { refused, score };
  });
  assert.match(result.refused, /a threshold of 2: expected 0 to 1/);
  assert.ok(result.score.time_s > 0);
  await page.close();
});
