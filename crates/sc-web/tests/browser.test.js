// The package in Chromium, from a plain static server.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { wav } from '../../../assets/web/wav.js';
import { PACKAGE, REPOSITORY, difference, sounds } from './helpers.js';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const [, example] = /```html\n(.*?)```/s.exec(readFileSync(join(PACKAGE, 'README.md'), 'utf8'));

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
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || BROWSERS.find(existsSync),
    args: [
      '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
    ],
  });
  const bytes = await wav(await decoded('yes.mp3')).arrayBuffer();
  writeFileSync(file, Buffer.from(bytes)); // which is read once the microphone is opened
});

after(async () => {
  await browser?.close();
  server?.close();
});

// The samples of an example, at 16 kHz, as a browser decodes them.
async function decoded(name) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`); // audio needs an origin
  const bytes = [...readFileSync(join(REPOSITORY, 'assets/web/examples', name))];
  const samples = await page.evaluate(async (file) => {
    const context = new OfflineAudioContext(1, 1, 16_000);
    const buffer = await context.decodeAudioData(Uint8Array.from(file).buffer);
    return [...buffer.getChannelData(0)];
  }, bytes);
  await page.close();
  return samples;
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

// Listens in the page with what `options(stream)` gives, and returns what `use(active, { stream, latest, errors })` gives there.
const listening = (page, use, options = () => ({})) => page.evaluate(`(async () => {
  const { listen } = await import('/speech-commands/index.js');
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const errors = [];
  const onError = ({ message }) => errors.push(message);
  let onLatest;
  const latest = new Promise((resolve) => { onLatest = resolve; });
  const active = await listen(stream, () => {}, { onLatest, onError, ...await (${options})(stream) });
  return (${use})(active, { stream, latest, errors });
})()`);

test('listening ends, as often as it is asked to', async () => {
  const page = await visit();
  const score = await listening(page, async (active, { latest }) => {
    const newest = await latest;
    await Promise.all([active.stop(), active.stop()]);
    await active.stop();
    return newest;
  });
  assert.ok(score.time_s > 0);
  await page.close();
});

test('a model to listen with is an address, as the page would say it, or bytes', async () => {
  const page = await visit();
  const models = [
    () => ({ model: 'speech-commands/model.safetensors' }),
    () => ({ model: new URL('speech-commands/model.safetensors', window.location) }),
    async () => ({ model: await (await fetch('speech-commands/model.safetensors')).arrayBuffer() }),
  ];
  for (const model of models) assert.deepEqual(await listening(page, (active) => active.stop(), model), undefined);
  await page.close();
});

test('what cannot be listened with is refused', async () => {
  const page = await visit();
  await assert.rejects(listening(page, () => {}, () => ({ threshold: 2 })), /a threshold of 2: expected 0 to 1/);
  await assert.rejects(listening(page, () => {}, () => ({ thresholds: 0.5 })), /no option thresholds: expected/);
  await assert.rejects(listening(page, () => {}, () => ({ model: 'my.safetensors' })), /cannot read .*:\d+\/my\.safetensors: status 404/);
  await assert.rejects(listening(page, () => {}, () => ({ model: 5 })), /Number: expected the address/);
  await page.route('**/worker.js', (route) => route.abort());
  await assert.rejects(listening(page, () => {}), /cannot load worker\.js/);
  await page.close();
});

test('a stream without sound is refused, and so is what cannot be called', async () => {
  const page = await visit();
  const refusal = (args) => page.evaluate(`(async () => {
    const { listen } = await import('/speech-commands/index.js');
    return listen(...${args}).catch(({ message }) => message);
  })()`);
  assert.equal(await refusal('[null, () => {}]'), 'null: expected a MediaStream with an audio track');
  assert.equal(await refusal('[new MediaStream(), () => {}]'), 'MediaStream: expected a MediaStream with an audio track');
  const heard = '[await navigator.mediaDevices.getUserMedia({ audio: true })]';
  assert.equal(await refusal(heard), 'undefined: expected a function for detections');
  await page.close();
});

test('listening begins once the browser lets sound run', async () => {
  const page = await visit();
  await page.evaluate(() => {
    const { resume } = AudioContext.prototype;
    AudioContext.prototype.resume = function wait() {
      return new Promise((go) => { window.allow = () => go(resume.call(this)); });
    };
  });
  let hasBegun = false;
  const listened = listening(page, (active) => active.stop()).then(() => { hasBegun = true; });
  await page.waitForFunction(() => window.allow);
  assert.ok(!hasBegun);
  await page.evaluate(() => window.allow());
  await listened;
  await page.close();
});

test('a lost microphone ends the listening, and is told', async () => {
  const page = await visit();
  const errors = await listening(page, async (active, { stream, errors: told }) => {
    stream.getAudioTracks()[0].dispatchEvent(new Event('ended'));
    await active.stop();
    return told;
  });
  assert.deepEqual(errors, ['the microphone is gone']);
  await page.close();
});

test('a microphone that was lost before is refused', async () => {
  const page = await visit();
  const lost = (stream) => { stream.getAudioTracks()[0].stop(); };
  await assert.rejects(listening(page, () => {}, lost), /the microphone is gone/);
  await page.close();
});

test('a worker that fails ends the listening, and is told once', async () => {
  const failures = ["postMessage({ error: 'no more' }); postMessage({ error: 'no more' })", "throw new Error('no more')"];
  for (const failure of failures) {
    const page = await visit();
    const body = `onmessage = () => { postMessage({ state: 'ready' }); setTimeout(() => { ${failure}; }, 50); };`;
    await page.route('**/worker.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
    const errors = await listening(page, (active, { errors: told }) => active.stop().then(() => told));
    assert.equal(errors.length, 1, failure);
    assert.match(errors[0], /no more/);
    await page.close();
  }
});
