// The page in a real browser: `just test-web`.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { EXAMPLES, GOLDEN, REPOSITORY, audit, example, folder, hears, hint, launch, press, running, serve, visit } from './helpers.js';

const BYTES = 100_000; // the most that the page may weigh over the wire

let server;
let browser;
const problems = []; // of every page that should have none

before(async () => {
  server = await serve();
  const wav = join(folder, 'microphone.wav');
  browser = await launch({ wav });
  writeFileSync(wav, await asWav(await open(), '/examples/several.mp3')); // which is read once the microphone is opened
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// A recording as a WAV file, by the page's own means, with seconds of silence behind it.
async function asWav(page, path, silence_s = 0) {
  const bytes = await page.evaluate(async ([path, silence_s]) => {
    const [{ RATE, concat, decode }, { wav }] = await Promise.all([import('/sound.js'), import('/wav.js')]);
    const recording = await (await fetch(path)).blob();
    const samples = concat([await decode(recording), new Float32Array(silence_s * RATE)]);
    return [...new Uint8Array(await wav(samples).arrayBuffer())];
  }, [path, silence_s]);
  return Buffer.from(bytes);
}

const open = (options = {}) => visit(browser, server.address, { problems, ...options });

test('weighs no more than 100 kB, examples and all, and paints soon', async (t) => {
  const page = await open();
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  await client.send('Network.setCacheDisabled', { cacheDisabled: true });
  const sizes = new Map();
  const asked = new Map();
  client.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, request));
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (asked.get(requestId)?.method === 'GET') sizes.set(asked.get(requestId).url, encodedDataLength);
  });
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  for (const [i, name] of EXAMPLES.entries()) {
    await press(page, name);
    await page.waitForFunction((n) => document.querySelectorAll('#entries li').length === n, i + 1);
  }
  await page.evaluate(() => fetch('device/worklet.js')); // what the microphone would need
  await page.waitForTimeout(500);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const paint_ms = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  t.diagnostic(`${total} bytes in ${sizes.size} files; first paint after ${Math.round(paint_ms)} ms`);
  assert(total <= BYTES, `${total} bytes`);
});

// Compares the page's features of a golden recording with the expected ones.
async function compare(t, page, name, { tolerance, log_mel: expected }, frontEnd) {
  const features = await page.evaluate(async ([bytes, frontEnd]) => {
    const [{ decode, loudestSecond }, { logMel }] = await Promise.all([import('/sound.js'), import('/log-mel.js')]);
    return logMel(loudestSecond(await decode(new Blob([new Uint8Array(bytes)]))).samples, frontEnd);
  }, [[...readFileSync(join(GOLDEN, name))], frontEnd]);
  assert.deepEqual([features.length, features[0].length], [expected.length, expected[0].length]);
  const worst = Math.max(...features.flatMap((row, i) => row.map((value, j) => Math.abs(value - expected[i][j]))));
  t.diagnostic(`${name}: ${worst.toExponential(1)}`);
  assert(worst <= tolerance, `${name}: ${worst}`);
}

const golden = (name) => JSON.parse(readFileSync(join(GOLDEN, name)));

test('computes the log-mel features that torchaudio does', async (t) => {
  const page = await open();
  const { log_mel: frontEnd } = await (await fetch(`${server.address}/info`)).json();
  const names = readdirSync(GOLDEN).filter((name) => name.endsWith('-16000-1.wav'));
  assert.equal(names.length, 6);
  for (const name of names) await compare(t, page, name, golden(name.replace('.wav', '.json')), frontEnd);
});

test('computes the features of another front end, too', async (t) => {
  const expected = golden('speech-front-end.json');
  await compare(t, await open(), 'speech-16000-1.wav', expected, expected.front_end);
});

test('draws the spectrogram by the front end of the record', async () => {
  const page = await open();
  await page.route('**/info', async (route) => {
    const info = await (await route.fetch()).json();
    await route.fulfill({ json: { ...info, log_mel: golden('speech-front-end.json').front_end } });
  });
  await page.addInitScript(() => {
    window.OffscreenCanvas = class extends OffscreenCanvas {
      constructor(...size) {
        super(...size);
        window.cells = size;
      }
    };
  });
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  assert.deepEqual(await page.evaluate(() => window.cells), [54, 20]);
  assert.doesNotMatch(await page.textContent('#seen figcaption'), /40|101/);
});

test('shows what was heard in a file', async () => {
  const page = await open();
  await page.click('#developers summary');
  const answered = page.waitForResponse('**/predict');
  await page.setInputFiles('#file', example('stop'));
  const { confidence } = await (await answered).json();
  await hears(page, /^Heard stop 99\.\d% sure$/);
  assert(confidence > 0.99);
  assert.equal(await page.locator('#bars li').count(), 5);
  assert.equal(await page.textContent('#words .heard'), 'stop');
  await hint(page, /^curl -F 'file=@"stop.mp3"' 'http.*\/predict'$/, 'code');
  await page.click('#play');
});

test('cuts a recording as the server does, also where a microphone settles', async () => {
  const page = await open();
  const bytes = await page.evaluate(async () => {
    const [{ RATE, concat, decode, loudestSecond }, { wav }] = await Promise.all([import('/sound.js'), import('/wav.js')]);
    const { samples: yes } = loudestSecond(await decode(await (await fetch('/examples/yes.mp3')).blob()));
    const said = concat([new Float32Array(0.9 * RATE), yes.map((sample) => sample / 4)]);
    return [...new Uint8Array(await wav(said.map((sample, i) => sample + 0.5 * Math.exp(-i / 3200))).arrayBuffer())];
  });
  await page.setInputFiles('#file', { name: 'settling.wav', mimeType: 'audio/wav', buffer: Buffer.from(bytes) });
  await hears(page, /^Heard yes/);
  assert.match(await page.textContent('#span'), /^heard 0\.[6-9]/);
});

test('never says that a share is less than the same share', async () => {
  const page = await open();
  const shares = await page.evaluate(async () => {
    const { percentBelow } = await import('/language.js');
    return [percentBelow(0.9, 1), percentBelow(0.9996, 1), percentBelow(0.95496, 0.955)];
  });
  assert.deepEqual(shares, ['90.0%', '99.9600%', '95.4960%']);
});

test('says plainly what is no command', async () => {
  const page = await open();
  await press(page, 'banana');
  await hears(page, /^Not a known word/);
  await press(page, 'noise');
  await hears(page, /^Silence/);
});

test('hears several files at once, and says which it cannot', async () => {
  const page = await open({ problems: [] }); // the browser itself reports the refusal
  await page.route('**/detect', (route, request) => // the page cannot tell how long they are
    (request.postDataBuffer().includes('large.json') ? route.fulfill({ status: 413, json: { error: 'too large' } }) : route.continue()));
  const large = join(folder, 'large.json');
  writeFileSync(large, '{}');
  await page.evaluate(() => {
    window.said = [];
    const note = () => window.said.push(document.getElementById('hint').textContent);
    new MutationObserver(note).observe(document.getElementById('hint'), { childList: true });
  });
  await page.setInputFiles('#file', [example('yes'), join(GOLDEN, 'noise-16000-1.json'), large, example('several')]);
  await page.waitForFunction(() => document.querySelectorAll('#entries li').length === 4);
  assert.deepEqual(await page.locator('#entries b').allTextContents(), ['go, left, right, stop', 'Refused', 'Refused', 'yes']);
  assert((await page.evaluate(() => window.said)).includes('Listening to it… 4/4'));
  await hint(page, /^noise-16000-1\.json: That is not a recording.*\nlarge\.json: That recording is too long/, 'filesProblem');

  const downloading = page.waitForEvent('download');
  await page.click('#export');
  const csv = readFileSync(await (await downloading).path(), 'utf8').split('\r\n');
  assert.equal(csv[0], '\ufefftime,source,label,confidence,accepted,start_s,end_s,note');
  assert.match(csv[1], /^\d{4}-.*Z,yes\.mp3,yes,0\.99\d+,true,,,$/);
  assert.match(csv[2], /^\d{4}-.*Z,noise-16000-1\.json,,,,,,"That is not a recording, .*"$/);
  assert.match(csv[4], /^\d{4}-.*Z,several\.mp3,go,0\.9\d+,true,0\.4\d*,0\.7\d*,$/);
  assert.equal(csv.length, 1 + 1 + 2 + 4 + 1);
});

test('saves a row for a recording without a command, and for what was heard live', async () => {
  const page = await open();
  const rows = await page.evaluate(async () => {
    const { csv, remember } = await import('/session.js');
    remember({ kind: 'recording', source: 'file', name: 'quiet.wav', answer: { detections: [] } });
    remember({ kind: 'heard', source: 'live', name: 'go.wav', detection: { label: 'go', confidence: 0.9, start_s: 1, end_s: 2 } });
    return csv(() => true).split('\r\n').slice(1, 3).map((row) => row.replace(/^[^,]*,/, ''));
  });
  assert.deepEqual(rows, ['quiet.wav,,,,,,No command', 'live,go,0.9,true,1,2,']);
});

test('says why what is dropped cannot be read, and keeps the reason', async () => {
  const page = await open();
  await page.evaluate(() => { Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException('', 'NotFoundError')); });
  await page.setInputFiles('#file', example('yes'));
  await hint(page, /^That cannot be read: it is a folder/, 'filesProblem');
  assert.match(await page.textContent('#entries .where'), / · That cannot be read: it is a folder/);
});

test('sends of a large file the samples alone, and of channels that cancel one', async () => {
  const page = await open();
  const size = await page.evaluate(async () => {
    const { fetch } = window;
    const [{ decode }, { wav }] = await Promise.all([import('/sound.js'), import('/wav.js')]);
    const said = await decode(await (await fetch('/examples/several.mp3')).blob());
    const both = Float32Array.from({ length: 2 * said.length }, (_, i) => (i % 2 ? -said[i >> 1] : said[i >> 1]));
    const stereo = new DataView(await wav(both).arrayBuffer());
    stereo.setUint16(22, 2, true); // channels
    stereo.setUint32(28, 64_000, true); // bytes a second
    stereo.setUint16(32, 4, true); // bytes a frame
    window.fetch = (path, options) => {
      window.sent = options.body?.get('file').size;
      return fetch(path, options);
    };
    const data = new DataTransfer();
    data.items.add(new File([stereo, new Uint8Array(16 * 2 ** 20)], 'large.wav'));
    dispatchEvent(new DragEvent('drop', { dataTransfer: data }));
    return 44 + 2 * said.length;
  });
  await hears(page, /^4 commands in 7\.1\ss: go, left, right, stop$/);
  assert.equal(await page.evaluate(() => window.sent), size);
});

test('names the files that are not answered since something else was asked', async () => {
  const page = await open();
  await page.route('**/predict', (route, request) => (request.postDataBuffer().includes('stop.mp3') ? undefined : route.continue()));
  const asked = page.waitForRequest((request) => request.postDataBuffer()?.includes('stop.mp3'));
  await page.setInputFiles('#file', ['yes', 'stop', 'noise'].map(example));
  await asked;
  await press(page, 'banana');
  await hears(page, /^Not a known word/);
  const rows = await page.locator('#entries li').allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\n| ·/).slice(0, 2)),
    [['Not a known word', 'Example'], ['Not answered', 'noise.mp3'], ['Not answered', 'stop.mp3'], ['yes', 'yes.mp3']]);
});

test('searches a long file that the browser cannot read', async () => {
  const page = await open();
  await page.evaluate(() => { delete window.OfflineAudioContext; });
  await press(page, 'several');
  await hears(page, /^4 commands in 7\.1\ss: go, left, right, stop$/);
  assert(await page.isDisabled('#found button'));
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  await page.waitForSelector('#unseen:not([hidden])');
});

test('takes files that are dropped or pasted', async () => {
  const page = await open();
  for (const kind of ['drop', 'paste']) {
    await page.evaluate(async (kind) => {
      const data = new DataTransfer();
      data.items.add(new File([await (await fetch('/examples/yes.mp3')).blob()], `${kind}.mp3`));
      dispatchEvent(kind === 'drop'
        ? new DragEvent(kind, { dataTransfer: data })
        : new ClipboardEvent(kind, { clipboardData: data }));
    }, kind);
    await page.waitForSelector(`#entries .where >> text=${kind}.mp3`);
  }
});

test('leaves to the browser text that is dragged, and goes on listening', async () => {
  const page = await open();
  await page.click('#listen');
  await page.waitForSelector('#found li');
  const isLeft = await page.evaluate(() => ['dragenter', 'dragover', 'drop'].map((kind) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.setData('text/plain', 'банан');
    return dispatchEvent(new DragEvent(kind, { dataTransfer, cancelable: true }));
  }));
  assert.deepEqual(isLeft, [true, true, true]);
  assert.equal(await page.getAttribute('#listen', 'aria-pressed'), 'true');
  await page.click('#listen');
});

test('finds the commands of a long recording', async () => {
  const page = await open();
  await press(page, 'several');
  await hears(page, /^4 commands in 7\.1\ss: go, left, right, stop$/);
  assert.deepEqual(await page.locator('#found b').allTextContents(), ['go', 'left', 'right', 'stop']);
  await page.click('#found button');

  // A higher threshold is asked of the server.
  const asked = page.waitForRequest('**/detect?threshold=1');
  await page.focus('#threshold');
  await page.keyboard.press('End');
  await asked;
  await page.waitForFunction(() => document.querySelectorAll('#found li').length === 0);
});

test('searches a recording that is opened again if the search by this threshold has failed', async () => {
  const page = await open({ problems: [] }); // the browser itself reports that
  await press(page, 'several');
  await hears(page, /^4 commands/);
  const asked = [];
  page.on('request', (request) => request.method() === 'POST' && asked.push(new URL(request.url()).search));
  await page.route('**/detect?*', (route) => route.fulfill({ status: 503, json: { error: 'too many' } }));
  await page.focus('#threshold');
  await page.keyboard.press('End');
  await hint(page, /^The server is busy/);
  await page.unroute('**/detect?*');
  await page.click('#entries .entry');
  await hears(page, /^0 commands/);
  await page.click('#entries .entry');
  assert.deepEqual(asked, ['?threshold=1', '?threshold=1']);
});

test('searches again if the threshold was moved while it searched', async () => {
  const page = await open();
  await page.evaluate(() => { delete window.OfflineAudioContext; });
  let search;
  const searching = new Promise((go) => { search = go; });
  await page.route('**/detect', async (route) => {
    await searching;
    await route.continue();
  });
  await Promise.all([page.waitForRequest('**/detect'), press(page, 'several')]);
  await page.focus('#threshold');
  await page.keyboard.press('End');
  search();
  await hears(page, /^0 commands/);
});

test('another threshold changes a verdict without a request', async () => {
  const page = await open();
  await press(page, 'stop');
  await hears(page, /^Heard stop/);
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.focus('#threshold');
  await page.keyboard.press('End');
  assert.equal(await page.textContent('#word'), 'Not sure enough');
  assert.match(await page.textContent('#thresholdEffect'), /is not accepted/);
  assert.match(await page.textContent('#thresholdFigures'), /^Measured with a threshold of 100\.0%: 100\.0% /);
  await page.click('#usualThreshold');
  assert.equal(await page.textContent('#word'), 'stop');
  assert.equal(await page.textContent('#thresholdValue'), await page.textContent('#facts dd:last-child'));
  assert.deepEqual(requests, []);
});

test('says what a threshold changes to those who move it, and not with each word', async () => {
  const page = await open();
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  assert.equal(await page.getAttribute('#thresholdEffect', 'aria-live'), 'off');
  await page.focus('#threshold');
  await page.keyboard.press('End');
  assert.equal(await page.getAttribute('#thresholdEffect', 'aria-live'), 'polite');
});

test('knows the words and the threshold that the server has by now when it is looked at again', async () => {
  const page = await open();
  const info = await (await fetch(`${server.address}/info`)).json();
  await page.route('**/info', (route) => route.fulfill({ json: { ...info, labels: [...info.labels, 'lamp'], threshold: 0.5 } }));
  await page.evaluate(() => dispatchEvent(new Event('visibilitychange')));
  await page.waitForSelector('#words >> text=lamp');
  assert.equal(await page.textContent('#thresholdValue'), '50.0%');
});

test('calls silence too quiet, and a pause not', async () => {
  const page = await open();
  const said = await page.evaluate(async () => {
    const { measure, reset } = await import('/meter.js');
    const after = (...peaks) => {
      reset();
      for (const peak of peaks) for (let i = 0; i < 60; i += 1) measure(Float32Array.of(peak));
      return document.getElementById('loudness').textContent;
    };
    return [after(0.001), after(0.3, 0.001)];
  });
  assert.deepEqual(said, ['Too quiet', '']);
});

test('keeps the threshold that was chosen, until the model’s own is', async () => {
  const page = await open();
  await page.focus('#threshold');
  await page.keyboard.press('End');
  await page.reload();
  await page.waitForSelector('#usualThreshold:not([hidden])');
  assert.equal(await page.textContent('#thresholdValue'), '100.0%');
  await page.click('#usualThreshold');
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  assert(await page.isHidden('#usualThreshold'));
});

test('records while the button is held, while the space bar is, and after a tap', async () => {
  const page = await open();
  const button = await page.locator('#record').boundingBox();
  await page.mouse.move(button.x + 50, button.y + 50);
  await page.mouse.down();
  await hint(page, /^Speak now$/);
  await page.waitForTimeout(2500);
  assert.equal(await page.locator('#entries li').count(), 0, 'it goes on while it is held');
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelectorAll('#entries li').length === 1);
  assert.match(await page.textContent('#span'), /of (2\.[5-9]|3\.\d)\d?\d?\ss$/);
  assert.equal(await running(page), 0);

  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.down(' ');
  await hint(page, /^Speak now$/);
  await page.waitForTimeout(1200);
  await page.keyboard.up(' ');
  await page.waitForFunction(() => document.querySelectorAll('#entries li').length === 2);

  await page.focus('#record');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('#entries li').length === 3);
  assert.match(await page.textContent('#span'), /of 2\.00\ss$/);
  assert.equal(await page.locator('#bars li').count(), 5);
  assert.equal(await running(page), 0);
});

// Opens a page that asks for the microphone until `allow()` is called on it.
async function asking() {
  const page = await open();
  await page.evaluate(() => {
    const { getUserMedia } = navigator.mediaDevices;
    const allowed = new Promise((resolve) => { window.allow = resolve; });
    navigator.mediaDevices.getUserMedia = (wanted) => allowed.then(() => getUserMedia(wanted));
  });
  return page;
}

test('gives up the microphone while it asks for it, and closes it if it comes later', async () => {
  for (const button of ['#record', '#take', '#listen']) {
    const page = await asking();
    if (button === '#take') await onDevice(page);
    const asks = () => (button === '#take'
      ? page.waitForFunction(() => document.querySelector('#take').textContent === 'Say it now')
      : hint(page, /^Allow the microphone/));
    const gaveUp = () => (button === '#take'
      ? page.waitForFunction(() => document.querySelector('#take').textContent === 'Hold and say it')
      : hint(page, /^Hold and say a word$/));
    const start = async () => {
      await page.click(button);
      await asks();
    };
    await start();
    await page.click(button); // again
    await gaveUp();
    await start();
    await press(page, 'yes');
    await hears(page, /^Heard yes/);
    await page.evaluate(() => window.allow());
    assert.equal(await running(page), 0);
    assert.equal(await page.locator('#entries li').count(), 1, 'no silence is sent');
    assert.equal(await page.getAttribute('#listen', 'aria-pressed'), 'false');
  }
});

test('says nothing of a recording that holds no sound', async () => {
  const page = await open();
  await page.dblclick('#record');
  await hint(page, /^Hold and say a word$/);
  assert.equal(await running(page), 0);
  await page.evaluate(() => { // a microphone that is lost before it is heard
    const { getUserMedia } = navigator.mediaDevices;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await getUserMedia(wanted);
      const [track] = stream.getTracks();
      track.addEventListener = (kind, lost) => lost();
      return stream;
    };
  });
  await page.click('#record');
  await hint(page, /^No microphone was found/);
  assert.equal(await page.locator('#entries li').count(), 0);
  assert.equal(await running(page), 0);
});

test('says that there is no microphone if it is lost while it opens', async () => {
  const page = await open();
  await page.evaluate(() => {
    const { getUserMedia } = navigator.mediaDevices;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await getUserMedia(wanted);
      stream.getTracks().forEach((track) => track.stop());
      return stream;
    };
  });
  for (const button of ['#record', '#listen']) {
    await page.click(button);
    await hint(page, /^No microphone was found/);
    assert.equal(await running(page), 0);
  }
});

test('listens until it is stopped, and leaves nothing running', async () => {
  const page = await open();
  await page.click('#developers summary');
  await page.click('#listen');
  await page.waitForFunction(() => document.querySelectorAll('#found li').length >= 3);
  const heard = await page.locator('#found b').allTextContents();
  assert(heard.every((word) => ['go', 'left', 'right', 'stop'].includes(word)), heard.join());
  assert((await running(page)) > 0);
  assert.match(await page.textContent('#code'), /ws:\/\/.*\/stream\?sample_rate=16000/);
  await page.click('#found button'); // replay
  await page.click('#listen');
  assert.equal(await running(page), 0);
  await hint(page, /^Hold and say a word$/);
  // One of what was heard can be looked at closely.
  await page.click('#entries .entry');
  await page.waitForSelector('#answer:not([hidden])');

  await page.click('#listen');
  await page.waitForSelector('#listen[aria-pressed=true]');
  await page.keyboard.press('Escape');
  assert.equal(await running(page), 0);
});

// Answers `/stream` in the server's place: returns the addresses that were asked, and what tells an event.
async function streams(page) {
  const asked = [];
  let socket;
  await page.routeWebSocket('**/stream?*', (route) => {
    socket = route;
    asked.push(route.url());
    route.onMessage((message) => message === 'end' && route.close());
  });
  return { asked, tell: (event) => socket.send(JSON.stringify(event)), close: () => socket.close() };
}

// Lets the page hear as many blocks of its microphone at once.
const blocks = (page, n) => page.evaluate((n) => {
  for (let i = 0; i < n; i += 1) window.capture.port.onmessage({ data: new Float32Array(800) });
}, n);

test('takes a server that says nothing for ten seconds for lost, and listens again', async () => {
  const page = await open();
  await page.evaluate(() => {
    window.AudioWorkletNode = class extends AudioWorkletNode {
      constructor(...values) {
        super(...values);
        window.capture = this;
      }
    };
  });
  const { asked, tell } = await streams(page);
  await page.click('#listen');
  await hint(page, /^Say any of its words/);
  await blocks(page, 150);
  tell({ type: 'score', label: 'yes', confidence: 0.5, time_s: 1 });
  await hint(page, /^now: yes/, 'now');
  await blocks(page, 250); // as after a dialog, before what came meanwhile
  tell({ type: 'score', label: 'no', confidence: 0.5, time_s: 10 });
  await page.waitForTimeout(500);
  assert.match(await page.textContent('#hint'), /^Say any of its words/);
  await blocks(page, 201);
  await hint(page, /^The connection to the server was lost\. Trying again…$/);
  await hint(page, /^Say any of its words/);
  assert.equal(asked.length, 2);
  await page.click('#listen');
  assert.equal(await running(page), 0);
});

test('listens anew once the server has other words', async () => {
  const page = await open();
  const { asked, tell } = await streams(page);
  await page.click('#listen');
  await hint(page, /^Say any of its words/);
  const info = page.waitForRequest('**/info');
  tell({ type: 'changed' });
  await info;
  for (let tries = 0; asked.length < 2 && tries < 100; tries += 1) await page.waitForTimeout(50);
  await hint(page, /^Say any of its words/);
  assert.equal(asked.length, 2);
  await page.click('#listen');
  assert.equal(await running(page), 0);
});

test('no longer tries to listen again once something else is asked', async () => {
  const page = await open();
  const { asked, close } = await streams(page);
  const others = [
    () => page.click('#listen'),
    () => page.click('#record'),
    () => press(page, 'yes'),
  ];
  for (const [i, ask] of others.entries()) {
    await page.click('#listen');
    await hint(page, /^Say any of its words/);
    close();
    await hint(page, /Trying again…$/);
    assert.equal(await page.getAttribute('#listen', 'aria-pressed'), 'true');
    await ask();
    await page.waitForTimeout(1500);
    assert.equal(asked.length, i + 1);
    assert.equal(await page.getAttribute('#listen', 'aria-pressed'), 'false');
    await page.waitForSelector('#ask:not(.busy)');
  }
  assert.equal(await page.locator('#entries li').count(), 2);
});

test('gives up a server that stays away', async () => {
  const page = await open({ problems: [] }); // the browser itself reports that
  await page.clock.install();
  const { close } = await streams(page);
  let asked = 0;
  await page.route('**/info', (route) => {
    asked += 1;
    return asked === 1 ? undefined : route.abort(); // a silent one is not waited for either
  });
  await page.click('#listen');
  await hint(page, /^Say any of its words/);
  close();
  await hint(page, /Trying again…$/);
  await page.clock.runFor(1000);
  await page.waitForTimeout(2500);
  for (let i = 0; i < 40 && await page.getAttribute('#listen', 'aria-pressed') === 'true'; i += 1) {
    await page.clock.runFor(2000);
    await page.waitForTimeout(50);
  }
  await hint(page, /^The connection to the server was lost\. Start listening again\.$/);
  assert.equal(asked, 30);
});

const detected = (label, confidence, start_s = 0.1) => ({ type: 'detection', label, confidence, start_s, end_s: start_s + 0.3 });

test('shows the newest of what it hears while it listens', async () => {
  const page = await open();
  const { tell } = await streams(page);
  await page.click('#listen');
  await hint(page, /^Say any of its words/);
  for (let i = 0; i <= 60; i += 1) tell(detected('go', 0.99, i));
  await page.waitForSelector('#entries li:nth-child(61)');
  assert.equal(await page.locator('#found li').count(), 50);
  assert.match(await page.textContent('#found li:first-child'), /go60\.0/);
  const tall = await page.$eval('#found', ({ clientHeight, scrollHeight }) => [clientHeight, scrollHeight]);
  assert(tall[0] <= 360, tall.join());
  await page.click('#listen');
});

test('holds what it hears while it listens to the threshold, and asks for more by a lower one', async () => {
  const page = await open();
  const { asked, tell } = await streams(page);
  await page.click('#listen');
  await hint(page, /^Say any of its words/);
  tell(detected('stop', 0.97));
  await page.waitForSelector('#found li:not(.faint)');
  await page.focus('#threshold');
  await page.keyboard.press('End');
  await page.waitForSelector('#found li.faint');
  assert.match(await page.textContent('#thresholdEffect'), /^$/);
  assert.equal(asked.length, 1);
  await page.keyboard.press('Home');
  await page.waitForFunction(() => document.querySelectorAll('#found li').length === 0);
  await hint(page, /^Say any of its words/);
  assert.match(asked.at(-1), /&threshold=0$/);
  await page.click('#listen');
  assert.equal(await running(page), 0);
});

test('does not listen again once it was told to stop', async () => {
  const lower = async (page) => {
    await page.focus('#threshold');
    await page.keyboard.press('Home');
  };
  const stop = (page) => page.click('#listen');
  // The last is as one who thinks that it was not heard.
  for (const pressed of [[stop, lower, stop], [lower, stop]]) {
    const page = await open();
    const sockets = [];
    await page.routeWebSocket('**/stream?*', (route) => {
      sockets.push(route);
      route.onMessage(() => {}); // the last words take their time
    });
    await page.click('#listen');
    await hint(page, /^Say any of its words/);
    for (const press of pressed) await press(page);
    sockets[0].close();
    await page.waitForSelector('#listen[aria-pressed=false]');
    assert.equal(await running(page), 0);
    assert.equal(await page.textContent('#recordingTitle'), 'Listening is over');
    assert.equal(sockets.length, 1);
  }
});

test('speaks the language that was chosen last', async () => {
  const page = await open();
  let come;
  const coming = new Promise((go) => { come = go; });
  await page.route('**/words-uk.js', async (route) => {
    await coming;
    await route.continue();
  });
  await page.click('[data-language=uk]');
  await page.click('[data-language=en]');
  const arrived = page.waitForResponse('**/words-uk.js');
  come();
  await arrived;
  await page.evaluate(() => import('/words-uk.js'));
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
});

test('speaks both languages, the browser’s at first and the chosen one from then on', async () => {
  const page = await open({ locale: 'uk-UA' });
  const [english, ukrainian] = await page.evaluate(() => {
    const isGroup = (key, value) => typeof value === 'object' && key !== 'conditionNames'; // which English leaves empty
    const keys = ([key, value]) => (isGroup(key, value) ? Object.keys(value).map((inner) => `${key}.${inner}`).sort() : key);
    return Promise.all(['/words-en.js', '/words-uk.js'].map(async (path) => Object.entries((await import(path)).words).flatMap(keys)));
  });
  assert.deepEqual(ukrainian, english);
  assert.equal(await page.getAttribute('html', 'lang'), 'uk');
  assert.equal(await page.title(), 'Яке це було слово?');
  await press(page, 'yes');
  await hears(page, /^Почуто yes Певність 99,\d%$/);
  await page.click('[data-language=en]');
  await hint(page, /^Heard$/, 'says'); // once its words are there
  await page.reload();
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  const silent = await page.evaluate(() =>
    [...document.querySelectorAll('[data-word]')].filter((part) => !part.textContent).map((part) => part.dataset.word));
  assert.deepEqual(silent, []);
});

test('can be used by the keyboard alone', async () => {
  const page = await open();
  const order = [];
  for (let i = 0; i < 15; i += 1) {
    await page.keyboard.press('Tab');
    order.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
  }
  assert.deepEqual(order, ['On the server', 'On this device', 'English', 'Українська', 'record', 'listen', 'file', 'yes', 'stop', 'banana',
    'a fan', 'several words', 'threshold', 'For developers', 'About the model']);
  await page.focus('#examples button');
  await page.keyboard.press('Enter');
  await hears(page, /^Heard yes/);
  await page.focus('#developers summary');
  await page.keyboard.press(' '); // opens it, and records nothing
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  await hint(page, /^import requests/, 'code');
  await page.keyboard.press('ArrowRight');
  await hint(page, /new FormData/, 'code');
  await page.keyboard.press('ArrowRight');
  await hint(page, /^\{/, 'code');
  assert.equal(JSON.parse(await page.textContent('#code')).label, 'yes');
});

test('leaves the focus beside what was removed, where the space bar records nothing', async () => {
  const page = await open();
  await onDevice(page);
  const focus = () => page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.id);
  await says(page, 'banana', 4);
  for (const [n, next] of [[1, 'Remove recording 1'], [3, 'Remove recording 2'], [2, 'Remove recording 1'], [1, 'take']]) {
    await page.click(`#takes li:nth-child(${n}) .small`);
    assert.equal(await focus(), next);
  }
  await says(page, 'banana', 3);
  await page.fill('#newWord', 'банан');
  await page.click('#teachIt');
  await page.waitForSelector('#taught button');
  assert.equal(await focus(), 'teachResult');
  await page.click('#taught button');
  await page.waitForSelector('#taughtWords', { state: 'hidden' });
  assert.equal(await focus(), 'take');

  await page.evaluate(() => document.activeElement.blur());
  for (const key of ['Shift+Space', 'Control+Space', 'Alt+Space']) await page.keyboard.press(key);
  assert.equal(await page.textContent('#hint'), 'Hold and say a word');
});

test('has on a phone the order of what is seen', async () => {
  const page = await open({ viewport: { width: 390, height: 844 } });
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  await page.evaluate(() => scrollTo(0, 0));
  const tops = [];
  await page.focus('#record');
  for (let i = 0; i < 16; i += 1) {
    tops.push(await page.evaluate(() => Math.round(document.activeElement.getBoundingClientRect().top + scrollY)));
    await page.keyboard.press('Tab');
  }
  const back = tops.filter((top, i) => i > 0 && top < tops[i - 1] - 20); // a row's buttons may differ a little
  assert.deepEqual(back, [], tops.join());
});

test('says what is wrong with the microphone', async () => {
  const refusals = [
    { options: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'], words: /^The microphone was refused/ },
    { options: ['--use-fake-ui-for-media-stream'], words: /^No microphone was found/ },
    { options: ['--host-resolver-rules=MAP page.test 127.0.0.1'], host: 'page.test', words: /https or localhost only/ },
  ];
  for (const { options, host = '127.0.0.1', words: said } of refusals) {
    const other = await launch({ options });
    const page = await visit(other, server.address.replace('127.0.0.1', host));
    for (const button of ['#record', '#listen']) {
      await page.evaluate(() => { document.getElementById('hint').textContent = ''; });
      await page.focus(button);
      await page.keyboard.press('Enter');
      await hint(page, said);
    }
    await other.close();
  }
});

test('says when the server is busy, or away', async () => {
  const narrow = await serve('--streams', '0');
  const page = await visit(browser, narrow.address);
  await page.click('#listen');
  await hint(page, /^The server is busy/);
  assert.equal(await running(page), 0);

  await page.route('**/predict', (route) => route.fulfill({ status: 503, json: { error: 'too many' } }));
  await page.setInputFiles('#file', example('yes'));
  await page.waitForFunction(() => document.querySelector('#entries b')?.textContent === 'Refused');
  await hint(page, /^The server is busy/, 'filesProblem');
  await page.unroute('**/predict');

  await narrow.stop();
  await page.setInputFiles('#file', example('yes'));
  await hint(page, /^The server does not answer/, 'filesProblem');
  await page.click('#listen');
  await hint(page, /^The server does not answer/);
  assert.equal(await running(page), 0);
});

test('needs no report, and leaves the focus where it is when that comes', async () => {
  const page = await open();
  const arrived = [];
  await page.route('**/report.json', async (route) => {
    await new Promise((go) => { arrived.push(go); });
    await route.continue();
  });
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  await page.focus('#examples li:nth-child(2) button');
  while (arrived.length === 0) await page.waitForTimeout(50);
  arrived[0]();
  await page.waitForSelector('#matrix tr', { state: 'attached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'stop');

  const other = await open({ problems: [] }); // the browser itself reports that it is missing
  await other.route('**/report.json', (route) => route.fulfill({ status: 404, json: { error: 'not found' } }));
  const missing = other.waitForResponse('**/report.json');
  await other.reload();
  await missing;
  await press(other, 'yes');
  await hears(other, /^Heard yes/);
  assert.doesNotMatch(await other.textContent('#hint'), /failed/);
});

test('moves little when the server is slow to say what it knows', async (t) => {
  const page = await open({ viewport: { width: 390, height: 844 } });
  await page.route('**/info', async (route) => {
    await page.waitForTimeout(700);
    await route.continue();
  });
  await page.addInitScript(() => {
    window.moved = 0;
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) window.moved += value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.reload();
  await page.waitForSelector('body:not(.beginning)');
  await page.waitForTimeout(500);
  const moved = await page.evaluate(() => window.moved);
  t.diagnostic(`layout shift of ${moved.toFixed(3)}`);
  assert(moved < 0.05, `${moved}`);
});

test('says what is wrong where it can be seen on a phone, and shows no older answer', async () => {
  const page = await open({ problems: [], viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  const isSeen = (id) => page.$eval(`#${id}`, (part) => {
    const { top, bottom } = part.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  await page.setInputFiles('#file', join(GOLDEN, 'noise-16000-1.json'));
  await hint(page, /^That is not a recording/, 'filesProblem');
  assert(await isSeen('filesProblem'));
  assert(await page.isHidden('#answer'));

  await onDevice(page);
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };
  });
  await page.click('#take');
  await hint(page, /^The microphone was refused/, 'teachProblem');
  assert(await isSeen('teachProblem'));
});

test('gives up waiting for an answer when something else is asked, and after a while', async () => {
  const page = await open();
  await page.clock.install();
  await page.route('**/predict', () => {}); // never answers
  const ask = () => Promise.all([page.waitForRequest('**/predict'), press(page, 'yes')]);
  await ask();
  await press(page, 'several');
  await hears(page, /^4 commands/);
  await ask();
  await onDevice(page);
  await press(page, 'stop');
  await hears(page, /^Heard stop/);
  await page.click('[data-where=server]');
  await page.waitForSelector('[data-where=server][aria-pressed=true]');
  await ask();
  await page.clock.runFor('01:01');
  await hint(page, /^The server takes too long/, 'filesProblem');
});

// Opens a page whose microphone says *banana*.
async function hearing(address, problems) {
  const wav = join(folder, 'banana.wav');
  writeFileSync(wav, await asWav(await open(), '/examples/banana.mp3', 1));
  const speaker = await launch({ wav });
  return { speaker, page: await visit(speaker, address, { reducedMotion: 'reduce', problems }) };
}

// Lets a module of the page teach the word by three recordings of *banana*, of which each is another one.
const isTaught = (page, module, word) => page.evaluate(async ([module, word]) => {
  const { teach } = await import(module);
  const said = await (await fetch('/examples/banana.mp3')).blob();
  await teach(word, [0, 300, 600].map((cut) => said.slice(0, said.size - cut)));
}, [module, word]);

// Three files of *banana*, each another one.
const bananas = () => [0, 300, 600].map((cut) => {
  const bytes = readFileSync(example('banana'));
  return { name: `${cut}.mp3`, mimeType: 'audio/mpeg', buffer: bytes.subarray(0, bytes.length - cut) };
});

async function teachBanana(page) {
  await page.fill('#newWord', 'банан');
  await says(page, 'banana', 5);
  assert.deepEqual(await audit(page), []);
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=“банан” is taught');
  await knowsBanana(page);
}

async function knowsBanana(page) {
  await page.waitForSelector('#words >> text=банан');
  assert.match(await page.textContent('#facts dd'), /, банан$/);
  await press(page, 'banana');
  await hears(page, /^Heard банан/);
  const language = (part) => page.getAttribute(part, 'lang');
  assert.equal(await language('#word'), '', 'it may be of any language');
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  assert.deepEqual([await language('#word'), await language('#words >> text=yes'), await language('#words >> text=банан')], ['en', 'en', '']);
}

// Says nothing three times in place of the word that was taught, and finds it as it was.
async function keepsBanana(page) {
  await says(page, 'nothing', 3);
  await page.fill('#newWord', 'банан');
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=“банан” is not taught');
  await page.reload();
  await knowsBanana(page);
}

async function forgetBanana(page) {
  await page.click('#taught button');
  await page.waitForFunction(() => !/банан/.test(document.getElementById('words').textContent));
  await press(page, 'banana');
  await hears(page, /^Not a known word/);
  assert.equal(await running(page), 0);
}

test('teaches a word by the microphone, keeps it when another attempt fails, and forgets it', async () => {
  const teacher = await serve('--teach', join(folder, 'words.safetensors'));
  const { speaker, page } = await hearing(teacher.address, []); // the browser itself reports the refusal
  await teachBanana(page);
  assert.match(await page.textContent('#private'), /the server keeps what it learned from it\.$/);
  await keepsBanana(page);
  await forgetBanana(page);
  await speaker.close();
  await teacher.stop();
});

test('knows a word that was taught since by another page', async () => {
  const teacher = await serve('--teach', join(folder, 'since.safetensors'));
  const page = await visit(browser, teacher.address, { problems });
  await isTaught(page, '/api.js', 'банан');
  await press(page, 'banana');
  await hears(page, /^Heard банан/);
  await knowsBanana(page);
  assert.equal(await page.textContent('#taught b'), 'банан');
  await page.close();
  await teacher.stop();
});

test('teaches a word again by one request, and forgets one that is gone already', async () => {
  const teacher = await serve('--teach', join(folder, 'again.safetensors'));
  const page = await visit(browser, teacher.address, { reducedMotion: 'reduce', problems: [] }); // the browser itself reports a 404
  await isTaught(page, '/api.js', 'банан');
  await page.reload();
  await page.waitForSelector('#taught b >> text=банан');
  const sent = [];
  page.on('request', (request) => request.method() !== 'GET' && sent.push(request.method()));
  await page.fill('#newWord', 'банан');
  await says(page, 'banana', 4);
  await page.click('#teachIt');
  await page.waitForSelector('#taught >> text=4 recordings');
  assert.deepEqual(sent, ['PUT']);

  await fetch(`${teacher.address}/words/${encodeURIComponent('банан')}`, { method: 'DELETE' });
  await page.click('#taught button');
  await page.waitForSelector('#taughtWords', { state: 'hidden' });
  assert.equal(await page.textContent('#teachProblem'), '');
  await page.close();
  await teacher.stop();
});

test('keeps what was said for a word while the server does not tell its words', async () => {
  const teacher = await serve('--teach', join(folder, 'silent.safetensors'));
  const page = await visit(browser, teacher.address, { reducedMotion: 'reduce', problems: [] }); // the browser itself reports that
  await says(page, 'nothing', 3);
  await page.fill('#newWord', 'тихо');
  const refused = page.waitForResponse('**/words');
  await page.route('**/words', (route) => route.fulfill({ status: 503, json: { error: 'too many' } }));
  await page.click('#teachIt');
  await refused;
  await page.waitForSelector('#teachResult >> text=“тихо” is not taught');
  assert.equal(await page.locator('#takes li').count(), 3);
  await page.close();
  await teacher.stop();
});

test('offers nothing to do with the words of a server that teaches none', async () => {
  const knower = await serve('--model', join(folder, 'since.safetensors'));
  const page = await visit(browser, knower.address, { problems: [] }); // the browser itself reports that there is no model to fetch
  await page.waitForSelector('#taught b >> text=банан');
  assert.equal(await page.locator('#taught button').count(), 0);
  assert(await page.isHidden('#download'));
  await page.close();
  await knower.stop();
});

test('teaches a word on the device, keeps it there when another attempt fails, and sends nothing', async () => {
  const { speaker, page } = await hearing(server.address, problems);
  const sent = [];
  page.on('request', (request) => ['POST', 'PUT'].includes(request.method()) && sent.push(request.url()));
  await onDevice(page);
  await teachBanana(page);
  await keepsBanana(page);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  assert(readFileSync(await download.path()).includes('банан'));
  await forgetBanana(page);
  assert.deepEqual(sent, []);
  await speaker.close();
});

test('knows on the device what another page of it was taught since', async () => {
  const page = await open();
  await onDevice(page);
  await page.evaluate(() => { BroadcastChannel.prototype.postMessage = () => {}; }); // it comes too late
  const other = await page.context().newPage();
  await other.goto(server.address);
  await other.waitForSelector('#teachForm:not([hidden])');
  await isTaught(page, '/device.js', 'банан');
  const words = await other.evaluate(async () => {
    const { forget, taughtWords } = await import('/device.js');
    const before = await taughtWords(); // which this page has read already
    await forget('банан');
    return [before.words, (await taughtWords()).words];
  });
  assert.deepEqual(words, [[], []]);
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  assert(!(await page.textContent('#words')).includes('банан'));
});

test('tells the other pages of the device what it was taught and what it forgot', async () => {
  const page = await open();
  await onDevice(page);
  const other = await page.context().newPage();
  await other.goto(server.address);
  await other.waitForSelector('#teachForm:not([hidden])');
  await isTaught(page, '/device.js', 'банан');
  await other.waitForSelector('#words >> text=банан');
  await press(other, 'banana');
  await hears(other, /^Heard банан/);
  await other.click('#listen');
  await hint(other, /^Say any of its words/);
  const anew = other.waitForEvent('worker'); // which listens without the word
  await page.evaluate(async () => (await import('/device.js')).forget('банан'));
  await other.waitForSelector('#taughtWords', { state: 'hidden' });
  await anew;
  await press(other, 'banana');
  await hears(other, /^Not a known word/);
});

test('teaches a word from files, and names those that are none', async () => {
  const page = await open();
  await onDevice(page);
  await page.fill('#newWord', 'банан');
  const none = { name: 'none.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('none') };
  await page.evaluate(() => {
    const { arrayBuffer } = Blob.prototype;
    Blob.prototype.arrayBuffer = function read() {
      return this.name === 'moved.mp3' ? Promise.reject(new DOMException('', 'NotFoundError')) : arrayBuffer.call(this);
    };
  });
  await page.setInputFiles('#takeFiles', [...bananas(), none, { ...none, name: 'moved.mp3' }, ...bananas()]);
  await hint(page, /^none\.mp3, moved\.mp3: This browser cannot read that file/, 'teachProblem');
  await page.waitForSelector('#takes li:nth-child(6) .fault >> text=the same as another');
  assert.equal(await page.textContent('#takeCount'), '6');
  await page.click('#teachIt');
  await page.waitForSelector('#taught >> text=3 recordings');
});

test('adds what is said later to a word that few recordings taught, and asks before another word is taught by it', async () => {
  const page = await open();
  const asked = [];
  page.on('dialog', (dialog) => asked.push(dialog.message()));
  await onDevice(page);
  await page.fill('#newWord', 'банан');
  await page.setInputFiles('#takeFiles', bananas());
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=Say it a few times more');
  await says(page, 'banana', 1);
  await page.click('#teachIt');
  await page.waitForSelector('#taught >> text=4 recordings');
  assert.deepEqual(asked, []);
  await page.setInputFiles('#takeFiles', bananas()); // the same as those that have taught it
  await page.waitForSelector('#takes li:nth-child(7) .fault >> text=the same as another');
  await page.fill('#newWord', 'інше');
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=It sounds like “банан”');
  assert.deepEqual(asked, ['Some of these recordings taught “банан”. Use them for this word too?']);
  assert.equal(await page.textContent('#takeCount'), '7');
  await page.evaluate(() => { window.confirm = () => false; });
  await page.click('#teachIt');
  await page.waitForFunction(() => document.getElementById('takeCount').textContent === '3 of 5');
  await page.waitForFunction(() => !/the same/.test(document.getElementById('takes').textContent));
});

test('takes on the device a model with words, and no other file', async () => {
  const page = await open();
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.reload();
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  const other = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports a 502
  const asked = [];
  other.on('dialog', (dialog) => asked.push(dialog.message()));
  await onDevice(other);
  for (const file of [join(REPOSITORY, 'assets/model.safetensors'), example('yes')]) {
    await other.setInputFiles('#modelFile', file);
    await hint(other, /^That is no model with taught words/, 'teachProblem');
    await press(other, 'yes');
    await hears(other, /^Heard yes/);
  }
  await other.fill('#newWord', 'банан');
  await other.setInputFiles('#takeFiles', bananas());
  await other.click('#teachIt');
  await other.waitForSelector('#teachResult >> text=“банан” is taught');
  await other.route('**/model.safetensors', (route, request) => // which model it has is not known
    (request.method() === 'HEAD' ? route.fulfill({ status: 502 }) : route.continue()));
  await other.setInputFiles('#modelFile', example('yes'));
  await hint(other, /^That is no model with taught words/, 'teachProblem');
  assert.deepEqual(asked, [], 'it asks once it knows that this is a model');
  await other.setInputFiles('#modelFile', await download.path());
  await other.waitForSelector('#teachResult >> text=Words it was taught: банан');
  await other.unroute('**/model.safetensors');
  await other.click('#teachIt'); // by what has taught the word in the model before
  await other.waitForSelector('#teachResult >> text=“банан” is taught');
  assert.deepEqual(asked, ['The words taught on this device are replaced. Go on?', '“банан” is taught already. Replace it?']);
  await knowsBanana(other);
  await other.reload();
  await knowsBanana(other);
  assert(await other.isHidden('#taughtNote'));

  // Of a model of another training the report says nothing.
  await other.waitForSelector('#confusion:not([hidden])', { state: 'attached' });
  const trained = readFileSync(await download.path(), 'latin1').replace(/(?<=seed\\":)\d/, (digit) => (digit === '1' ? 2 : 1));
  const file = { name: 'other.safetensors', mimeType: '', buffer: Buffer.from(trained, 'latin1') };
  await other.setInputFiles('#modelFile', file);
  await other.waitForSelector('#confusion[hidden]', { state: 'attached' });
});

test('takes the words of another device beside its own', async () => {
  const page = await open();
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.reload();
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  const other = await open();
  const asked = [];
  other.on('dialog', (dialog) => asked.push(dialog.message()));
  await onDevice(other);
  await other.evaluate(async () => {
    const [{ teach }, { decode }, { wav }] = await Promise.all(['/device.js', '/sound.js', '/wav.js'].map((file) => import(file)));
    const said = await decode(await (await fetch('/examples/banana.mp3')).blob());
    await teach('нанаб', [1, 0.9, 0.8].map((gain) => wav(said.map((sample) => gain * sample).reverse())));
  });
  await other.reload();
  await other.setInputFiles('#modelFile', await download.path());
  await other.waitForSelector('#teachResult >> text=Words it was taught: банан');
  assert.deepEqual(await other.locator('#taught b').allTextContents(), ['нанаб', 'банан']);
  assert.deepEqual(asked, []);
  await knowsBanana(other);
});

test('asks before a word is forgotten or replaced', async () => {
  const page = await open();
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.reload();
  await page.waitForSelector('#taught >> text=3 recordings');
  await page.evaluate(() => {
    window.asked = [];
    window.confirm = (text) => window.asked.push(text) === 0;
  });
  await page.click('#taught button');
  await page.fill('#newWord', 'Банан');
  await page.setInputFiles('#takeFiles', [...bananas(), ...bananas()]);
  await page.waitForSelector('#takes li:nth-child(6)');
  await page.click('#teachIt');
  assert.deepEqual(await page.evaluate(() => window.asked),
    ['Forget “банан”? Its recordings are not kept.', '“Банан” is taught already. Replace it?']);
  assert.equal(await page.textContent('#teachResult'), '');
  assert.match(await page.textContent('#taught'), /3 recordings/);
  await page.evaluate(() => { window.confirm = () => true; });
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=“Банан” is taught');
  assert.deepEqual(await page.locator('#taught b').allTextContents(), ['Банан']);
});

test('asks before a word of the server is replaced by what has taught the device', async () => {
  const teacher = await serve('--teach', join(folder, 'both.safetensors'));
  const page = await visit(browser, teacher.address, { serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  const asked = [];
  page.on('dialog', (dialog) => asked.push(dialog.message()));
  await isTaught(page, '/api.js', 'банан');
  await page.route('**/words', (route) => route.fulfill({ status: 503, json: { error: 'too many' } }));
  await page.route('**/model.safetensors', async (route) => // as the browser keeps it, from when the server taught none
    route.fulfill({ response: await route.fetch({ url: `${server.address}/model.safetensors` }) }));
  await page.reload();
  await onDevice(page);
  await page.fill('#newWord', 'банан');
  await page.setInputFiles('#takeFiles', bananas());
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=“банан” is taught');
  await page.unroute('**/words');
  await page.click('[data-where=server]');
  await page.waitForSelector('#takeModel', { state: 'hidden' });
  await page.click('#teachIt');
  await page.waitForSelector('#ask:not(.busy)');
  assert.deepEqual(asked, ['“банан” is taught already. Replace it?']);
  await page.close();
  await teacher.stop();
});

test('says that a browser which keeps nothing will lose the words', async () => {
  const page = await open();
  await page.evaluate(() => { CacheStorage.prototype.open = () => Promise.reject(new DOMException('', 'SecurityError')); });
  await onDevice(page);
  await page.fill('#newWord', 'банан');
  await page.setInputFiles('#takeFiles', bananas());
  await page.click('#teachIt');
  await page.waitForSelector('#taughtNote >> text=These words are not kept here');
});

test('keeps no word that was forgotten, where there is no room for the others', async () => {
  const page = await open();
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.evaluate(async (file) => {
    const [{ decode }, { wav }, { teach }] = await Promise.all(['/sound.js', '/wav.js', '/device.js'].map((module) => import(module)));
    const said = await decode(new Blob([Uint8Array.from(file)]));
    await teach('інше', [1, 0.9, 0.8].map((gain) => wav(said.map((sample) => gain * sample))));
  }, [...readFileSync(join(GOLDEN, 'speech-16000-1.wav'))]);
  await page.reload();
  await page.waitForSelector('#taught li:nth-child(2)');
  await page.evaluate(() => { Cache.prototype.put = () => Promise.reject(new DOMException('', 'QuotaExceededError')); });
  await page.click('#taught button'); // of “банан”
  await page.waitForSelector('#taughtNote >> text=These words are not kept here');
  await page.reload();
  await page.waitForSelector('[data-where=device][aria-pressed=true]');
  assert(!(await page.textContent('#words')).includes('банан'));
});

test('teaches again after the last word is forgotten where the server hands out no model', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that there is no model to fetch
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.route('**/model.safetensors', (route) => route.fulfill({ status: 404 })); // as a server with --model answers
  await page.reload();
  await page.click('#taught button');
  await page.waitForSelector('#taughtWords', { state: 'hidden' });
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  await isTaught(page, '/device.js', 'банан');
});

test('no longer says that a word is taught once another page of the device forgot it', async () => {
  const page = await open();
  await onDevice(page);
  await page.fill('#newWord', 'банан');
  await page.setInputFiles('#takeFiles', bananas());
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=“банан” is taught');
  const other = await page.context().newPage();
  await other.goto(server.address);
  await other.waitForSelector('#taught b >> text=банан');
  await other.evaluate(async () => (await import('/device.js')).forget('банан'));
  await page.waitForSelector('#teachResult:empty', { state: 'attached' });
});

test('offers the server again once it answers', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await page.route('**/info', (route) => route.abort());
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  assert(await page.isHidden('#where'));
  await page.unroute('**/info');
  await page.waitForSelector('#where:not([hidden])');
  assert(await page.isVisible('#developers'));
});

test('says on the device that the server has another model than the one that was taught', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await onDevice(page);
  await isTaught(page, '/device.js', 'банан');
  await page.reload();
  await page.waitForSelector('#taught b >> text=банан');
  assert(await page.isHidden('#taughtNote'));
  await page.route('**/model.safetensors', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), etag: '"another"' } });
  });
  await page.reload();
  await page.waitForSelector('#taughtNote >> text=The server has another model by now');
  await page.click('#taught button');
  await page.waitForSelector('#taughtWords', { state: 'hidden' });
  await isTaught(page, '/device.js', 'банан');
  await page.reload();
  await page.waitForSelector('#taught b >> text=банан');
  assert(await page.isHidden('#taughtNote'));
});

test('answers on the device by the server’s model when the one with its words does not load', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await page.evaluate(async () => (await caches.open('taught')).put('/taught.safetensors', new Response('of another version')));
  const isKept = () => page.evaluate(async () => Boolean(await caches.match('/taught.safetensors')));
  await page.route('**/*.wasm', (route) => route.abort());
  await page.click('[data-where=device]');
  await hint(page, /^Something failed/);
  assert.equal(await isKept(), true, 'nothing is lost while the engine is away');
  await page.unroute('**/*.wasm');
  await onDevice(page);
  await hint(page, /^The words taught on this device could not be read, and are lost/);
  assert.equal(await isKept(), false);
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
});

test('keeps the words of the device when its engine fails once', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await onDevice(page);
  await isTaught(page, '/device.js', 'banana');
  let failed = false;
  await page.route('**/*.wasm', (route) => {
    if (failed) return route.continue();
    failed = true;
    return route.abort();
  });
  await page.reload();
  await page.waitForSelector('#known >> text=banana');
  assert(failed);
});

// Says a word of the examples, or nothing, `n` times to the page that is to be taught.
async function says(page, word, n) {
  await page.evaluate((word) => { window.says = word; }, word);
  await microphone(page);
  const before = await page.locator('#takes li').count();
  for (let i = 1; i <= n; i += 1) {
    await page.click('#take');
    await page.waitForFunction((n) => document.querySelectorAll('#takes li').length === n, before + i);
  }
}

// Gives the page a microphone that says the example named `window.says`, or nothing.
const microphone = (page) => page.evaluate(() => {
  navigator.mediaDevices.getUserMedia = async () => {
    const { RATE, decode } = await import('/sound.js');
    const example = window.says === 'nothing' ? undefined : await (await fetch(`/examples/${window.says}.mp3`)).blob();
    const said = example ? await decode(example) : new Float32Array(RATE);
    const context = new AudioContext();
    const buffer = context.createBuffer(1, said.length + RATE, RATE); // and a second of silence
    window.nSaid = (window.nSaid ?? 0) + 1; // each recording is another one
    buffer.copyToChannel(said.map((sample) => (1 - 0.001 * window.nSaid) * sample), 0);
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    const destination = context.createMediaStreamDestination();
    source.connect(destination);
    source.start();
    return destination.stream;
  };
});

// Says three takes of a word and one of another, and removes that one.
async function judges(page) {
  await says(page, 'banana', 3);
  await says(page, 'yes', 1);
  await page.waitForSelector('#takes li:nth-child(4) .fault >> text=unlike the others');
  const faults = () => page.$$eval('#takes .fault', (all) => all.map(({ textContent }) => textContent));
  assert.deepEqual(await faults(), ['', '', '', 'unlike the others']);
  await page.click('#takes li:nth-child(4) button.small');
  await page.waitForFunction(() => document.querySelectorAll('#takes li').length === 3);
  assert.deepEqual(await faults(), ['', '', '']);
}

test('says at once which recording is unlike the others, on the server and on the device', async () => {
  const teacher = await serve('--teach', join(folder, 'judged.safetensors'));
  const page = await visit(browser, teacher.address, { reducedMotion: 'reduce', problems });
  const sent = [];
  page.on('request', (request) => ['POST', 'PUT'].includes(request.method()) && sent.push(request.url()));
  await judges(page);
  await page.close();
  await teacher.stop();
  const here = await open({ reducedMotion: 'reduce' });
  await onDevice(here);
  await judges(here);
  assert.deepEqual(sent, []);
});

test('says in the language of the page why a word is not taught', async () => {
  const page = await open({ locale: 'uk-UA' });
  await onDevice(page);
  const teach = async (name, word) => {
    await says(page, word, 3);
    await page.fill('#newWord', name);
    await page.click('#teachIt');
    await page.waitForSelector('#teachResult >> text=не вивчено');
    const [, reason] = await page.locator('#teachResult p').allTextContents();
    await page.reload();
    await page.waitForSelector('#teachForm:not([hidden])');
    return reason;
  };
  assert.match(await teach('..', 'banana'), /^Назва починається з літери/);
  assert.match(await teach('yes', 'banana'), /^Слово «yes» він уже знає/);
  assert.match(await teach('так', 'yes'), /^Воно звучить як «yes»/);
  assert.match(await teach('тихо', 'nothing'), /^Придатних записів: 0 із 3/);
  await page.click('[data-language=en]');
  await page.fill('#newWord', 'yes');
  await page.setInputFiles('#takeFiles', bananas());
  await page.click('#teachIt');
  await page.waitForSelector('#teachResult >> text=It knows “yes” already: choose another name.');
});

test('says why a word is not taught by the reason of the server, and in its own words if it knows none', async () => {
  const page = await open({ locale: 'uk-UA', problems: [] }); // the browser itself reports the refusals
  let refusal;
  await page.route('**/words', (route) => route.fulfill({ json: { teaches: true, words: [] } }));
  await page.route('**/words/*', (route) => route.fulfill({ status: 422, json: refusal }));
  await page.reload();
  await page.fill('#newWord', 'банан');
  await page.setInputFiles('#takeFiles', bananas());
  const refusals = [
    [{ error: '1 of 3 is good: expected 3', reason: 'too_few' }, 'Придатних записів: 1 із 3,'],
    [{ error: 'there is `yes`', reason: 'known' }, 'Слово «yes» він уже знає'],
    [{ error: 'not on Sundays', reason: 'sunday' }, 'not on Sundays'],
    [{ error: 'not like this' }, 'not like this'], // from an older server
  ];
  for (const [given, said] of refusals) {
    refusal = given;
    await page.click('#teachIt');
    await page.waitForSelector(`#teachResult >> text=${said}`);
  }
});

test('says how a server is started that teaches', async () => {
  const page = await open();
  await page.waitForSelector('#teachOff:not([hidden]) >> text=--teach words.safetensors');
  assert(await page.isHidden('#teachForm'));
});

test('shows no dead controls without JavaScript', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.address);
  await page.waitForSelector('noscript p');
  assert.equal(await page.locator('button:visible, input:visible, summary:visible').count(), 0);
});

test('says to copy by hand where the browser forbids the clipboard', async () => {
  const page = await open();
  await page.evaluate(() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError')); });
  await page.click('#developers summary');
  await page.click('#copy');
  await page.waitForSelector('#copy >> text=Selected: press Ctrl+C');
});

test('quotes the name of a file for curl', async () => {
  const page = await open();
  const shown = await page.evaluate(async () => {
    const { code } = await import('/code.js');
    return code('curl', { path: 'predict', file: 'go, "left"; it\'s.mp3' });
  });
  assert.match(shown, /^curl -F 'file=@"go, \\"left\\"; it'\\''s\.mp3"' /);
});

test('says beside the code that the device answered', async () => {
  const page = await open();
  await onDevice(page);
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  await page.click('#developers summary');
  await hint(page, /^# This device answered\. The server would be asked like this:\ncurl /, 'code');
  await page.click('#languages >> text=JavaScript');
  await hint(page, /^\/\/ This device answered/, 'code');
});

test('names each button of the history by what it plays', async () => {
  const page = await open();
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  assert.equal(await page.getAttribute('#entries .round', 'aria-label'), 'Play: yes, Example');
});

test('moves nothing for those who wish so', async () => {
  const page = await open({ reducedMotion: 'reduce' });
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  const moves = await page.evaluate(() => getComputedStyle(document.querySelector('.bar'), '::before').animationName);
  assert.equal(moves, 'none');
});

for (const [size, viewport] of Object.entries({ phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } })) {
  for (const colorScheme of ['light', 'dark']) {
    test(`has nothing that axe-core minds, on a ${size}, ${colorScheme}`, async (t) => {
      const page = await open({ viewport, colorScheme, isMobile: size === 'phone', hasTouch: size === 'phone', reducedMotion: 'reduce' });
      const look = async (name) => {
        await page.evaluate(() => scrollTo(0, 0));
        await page.screenshot({ path: join(folder, `${size}-${colorScheme}-${name}.png`), fullPage: true });
        const found = await audit(page);
        t.diagnostic(`${name}: ${found.length} findings`);
        assert.deepEqual(found, [], name);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert(wide <= 0, `${name} is ${wide} px too wide`);
      };
      await look('empty');
      await press(page, 'banana');
      await hears(page, /^Not a known word/);
      await look('unknown');
      await page.click('#developers summary');
      await page.click('#model summary');
      await press(page, 'stop');
      await hears(page, /^Heard stop/);
      await look('word');
      await press(page, 'several');
      await hears(page, /^4 commands/);
      await look('recording');
      await page.click('#listen');
      await page.waitForSelector('#recordingTitle >> text=Listening…');
      await page.waitForFunction(() => document.querySelectorAll('#found li').length >= 4);
      await look('listening');
      await page.click('#listen');
      await running(page);
    });
  }
}

test('shows what is chosen in the colours of the system', async () => {
  const page = await open({ forcedColors: 'active' });
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
  const pairs = [['[data-where=server]', '[data-where=device]'], ['#words .heard', '#words li:last-child'], ['#words .heard', '.card']];
  for (const pair of pairs) {
    const [chosen, other] = await page.evaluate((pair) =>
      pair.map((part) => getComputedStyle(document.querySelector(part)).backgroundColor), pair);
    assert.notEqual(chosen, other, pair.join());
  }
});

test('fits a small screen with large letters and long names', async () => {
  const page = await open({ viewport: { width: 320, height: 740 }, locale: 'uk-UA' });
  const fits = async (name) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wide <= 0, `${name} is ${wide} px too wide`);
  };
  const file = { name: `${'w'.repeat(100)}.mp3`, mimeType: 'audio/mpeg', buffer: readFileSync(example('several')) };
  await page.setInputFiles('#file', file);
  await page.waitForSelector('#recording:not([hidden])');
  await fits('a long name');
  await page.click('#model summary');
  const cut = await page.$eval('#conditions .scroll', ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
  assert(cut <= 0, `the conditions are ${cut} px too wide`);
  await onDevice(page);
  await page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%'));
  await page.click('#developers summary');
  await fits('a recording in large letters');
  await press(page, 'yes');
  await hears(page, /yes/);
  await fits('a word in large letters');
});

// Chooses to be answered on the device.
async function onDevice(page) {
  await page.click('[data-where=device]');
  await page.waitForSelector('[data-where=device][aria-pressed=true]');
}

test('hears on the device what the server hears, and sends it nothing', async () => {
  const page = await open();
  const shown = async () => {
    for (const [i, name] of EXAMPLES.entries()) {
      await press(page, name);
      await page.waitForFunction((n) => document.querySelectorAll('#entries li').length === n, i + 1);
    }
    const rows = await page.locator('#entries li').allInnerTexts();
    await page.click('#clear');
    return rows.map((row) => row.replace(/\d+:\d+:\d+/u, ''));
  };
  const served = await shown();
  await onDevice(page);
  const posted = [];
  page.on('request', (request) => request.method() === 'POST' && posted.push(request.url()));
  assert.deepEqual(await shown(), served);
  assert.deepEqual(posted, []);
});

test('accepts on the device by the threshold that was chosen', async () => {
  const page = await open();
  await onDevice(page);
  await page.click('#developers summary');
  await page.click('#languages >> text=Answer');
  await page.focus('#threshold');
  await page.keyboard.press('End');
  await press(page, 'yes');
  await hint(page, /"label": "yes",[^]*"accepted": false/, 'code');
});

test('waits for the device that was chosen, and sends the server nothing meanwhile', async () => {
  const page = await open();
  let load;
  const loading = new Promise((go) => { load = go; });
  await page.route('**/model.safetensors', async (route, request) => {
    if (request.method() === 'GET') await loading;
    await route.continue();
  });
  const posted = [];
  page.on('request', (request) => request.method() === 'POST' && posted.push(request.url()));
  await page.click('[data-where=device]');
  await hint(page, /^Loading the recogniser…$/);
  assert.equal(await page.getAttribute('[data-where=device]', 'aria-busy'), 'true');
  await press(page, 'yes');
  await press(page, 'stop'); // gives up the other, and not the move
  await hint(page, /^Loading the recogniser…$/);
  load();
  await hears(page, /^Heard stop/);
  assert.equal(await page.getAttribute('[data-where=device]', 'aria-pressed'), 'true');
  assert.equal(await page.getAttribute('[data-where=device]', 'aria-busy'), 'false');
  assert.equal(await page.locator('#entries li').count(), 1);
  assert.deepEqual(posted, []);
});

test('stays on the server when that is chosen while the device loads', async () => {
  const page = await open();
  await page.route('**/model.safetensors', (route, request) => (request.method() === 'GET' ? undefined : route.continue()));
  for (const early of ['', 'stop']) { // what was asked before waits for the new choice
    await page.click('[data-where=device]');
    await hint(page, /^Loading the recogniser…$/);
    if (early) await press(page, early);
    await page.click('[data-where=server]');
    if (early) await hears(page, /^Heard stop/);
    else await hint(page, /^Hold and say a word$/);
    assert.equal(await page.getAttribute('[data-where=server]', 'aria-pressed'), 'true');
  }
  await press(page, 'yes');
  await hears(page, /^Heard yes/);
});

test('stays on the server when the device cannot answer', async () => {
  const place = (page) => page.getAttribute('[aria-pressed=true][data-where]', 'data-where');
  const page = await open();
  await page.addInitScript(() => { delete window.WebAssembly; });
  await page.reload();
  await page.waitForSelector('#known:not([hidden])');
  await page.click('[data-where=device]');
  await hint(page, /^This browser cannot answer by itself/);
  assert.equal(await place(page), 'server');
  await press(page, 'yes');
  await hears(page, /^Heard yes/);

  await page.evaluate(() => localStorage.setItem('where', 'device')); // by another version of the browser
  await page.reload();
  await hint(page, /^This browser cannot answer by itself/);
  assert.equal(await place(page), 'server');
  await press(page, 'stop');
  await hears(page, /^Heard stop/);
});

test('answers on the device that was chosen last though the server cannot tell just now if it has a model', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await onDevice(page);
  await page.route('**/model.safetensors', (route, request) =>
    (request.method() === 'HEAD' ? route.fulfill({ status: 502 }) : route.continue()));
  await page.reload();
  await page.waitForSelector('[data-where=device][aria-pressed=true]');
  await page.route('**/model.safetensors', (route) => route.fulfill({ status: 502 }));
  await page.reload();
  await hint(page, /^Something failed/);
  assert(await page.isVisible('#where'));
});

test('says that recordings go to the server now where it has no model for the device that was chosen', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that there is no model to fetch
  await onDevice(page);
  await page.route('**/model.safetensors', (route) => route.fulfill({ status: 404 })); // as a server with --model answers
  const posted = [];
  page.on('request', (request) => request.method() === 'POST' && posted.push(request.url()));
  let tell;
  const telling = new Promise((go) => { tell = go; });
  await page.route('**/words', async (route) => {
    await telling;
    await route.continue();
  });
  await page.reload({ waitUntil: 'commit' });
  await page.waitForSelector('#examples button');
  await press(page, 'yes'); // before it is known
  tell();
  await hint(page, /^This server hands out no model for this device/, 'filesProblem');
  assert.deepEqual(posted, []);
  await press(page, 'yes'); // now it is meant for the server
  await hears(page, /^Heard yes/);
  assert.equal(posted.length, 1);
  await page.reload();
  await press(page, 'yes'); // it is said once
  await hears(page, /^Heard yes/);
});

test('keeps the words of the device, and answers there, when the server begins to teach', async () => {
  const teacher = await serve('--teach', join(folder, 'begins.safetensors'));
  const page = await visit(browser, teacher.address, { serviceWorkers: 'block', problems: [] }); // the browser itself reports a 404
  await page.route('**/model.safetensors', async (route) => // from when the server taught none
    route.fulfill({ response: await route.fetch({ url: `${server.address}/model.safetensors` }) }));
  await isTaught(page, '/device.js', 'банан');
  await page.unroute('**/model.safetensors');
  await page.evaluate(() => localStorage.setItem('where', 'device'));
  await page.reload();
  await page.waitForSelector('[data-where=device][aria-pressed=true]');
  await knowsBanana(page);
  assert(await page.isVisible('#download'));
  await page.close();
  await teacher.stop();
});

test('sends the server nothing that was asked of a device that cannot answer', async () => {
  const page = await open({ problems: [] }); // the browser itself reports that the file is missing
  const posted = [];
  page.on('request', (request) => request.method() === 'POST' && posted.push(request.url()));
  let fail;
  const failing = new Promise((go) => { fail = go; });
  await page.route('**/model.safetensors', async (route, request) => {
    if (request.method() !== 'GET') return route.continue();
    await failing;
    return route.abort();
  });
  let send;
  const sending = new Promise((go) => { send = go; });
  await page.route('**/yes.mp3', async (route) => { // which comes after the failure
    await sending;
    await route.continue();
  });
  await page.click('[data-where=device]');
  await press(page, 'yes');
  fail();
  await hint(page, /^The server does not answer/);
  send();
  await hint(page, /^The server does not answer/, 'filesProblem');
  await page.waitForSelector('#ask:not(.busy)');
  assert.deepEqual(posted, []);

  await press(page, 'yes'); // now it is meant for the server
  await hears(page, /^Heard yes/);
});

// Drops a file of so many seconds of silence.
const dropsSilence = (page, length_s) => page.evaluate(async (length_s) => {
  const { wav } = await import('/wav.js');
  const data = new DataTransfer();
  data.items.add(new File([wav(new Float32Array(length_s * 4000), 4000)], 'long.wav'));
  dispatchEvent(new DragEvent('drop', { dataTransfer: data }));
}, length_s);

test('says how much of a long recording was heard on the device', async () => {
  const page = await open();
  await onDevice(page);
  await dropsSilence(page, 240);
  await hint(page, /^Listening to it… [2-7]\d%$/);
  await hears(page, /^0 commands in 240/);
  await hint(page, /^Hold again/);
});

test('refuses on the device a recording of more than ten minutes', async () => {
  const page = await open();
  await onDevice(page);
  await dropsSilence(page, 601);
  await hint(page, /^That recording is too long: on this device ten minutes/, 'filesProblem');
});

test('says that the device failed while it listened, and leaves nothing running', async () => {
  const page = await open();
  await page.evaluate(() => {
    window.Worker = class extends Worker {
      constructor(...values) {
        super(...values);
        window.worker = this;
      }
    };
  });
  await onDevice(page);
  await page.click('#listen');
  await page.waitForSelector('#found li');
  await page.evaluate(() => window.worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' })));
  await hint(page, /^The recogniser on this device failed/);
  assert.equal(await page.getAttribute('#listen', 'aria-pressed'), 'false');
  assert.equal(await running(page), 0);
});

test('says that the device failed when a part of it does not come', async () => {
  const page = await open({ serviceWorkers: 'block', problems: [] }); // the browser itself reports that
  await onDevice(page);
  await page.route('**/device/worker.js', (route) => route.abort());
  await page.click('#listen');
  await hint(page, /^Something failed/);
  assert.equal(await running(page), 0);
  await press(page, 'several');
  await hint(page, /^Something failed/, 'filesProblem');
});

test('listens on the device without a socket, and leaves nothing running', async () => {
  const page = await open();
  await onDevice(page);
  await page.click('#listen');
  await page.waitForSelector('#found li');
  assert.equal(await page.evaluate(() => window.opened.sockets.length), 0);
  await page.click('#listen');
  assert.equal(await running(page), 0);
});

for (const [what, goes] of [['without a network', 'stop'], ['beside a server that says nothing', 'hang']]) {
  test(`answers ${what} once it was used on the device`, async () => {
    const alone = await serve();
    const page = await visit(browser, alone.address);
    await page.evaluate(() => caches.open('of another program'));
    await onDevice(page);
    await page.waitForFunction(() => navigator.serviceWorker.controller); // it begins once all is kept
    assert(await page.evaluate(() => caches.has('of another program')));
    await alone[goes]();
    await page.reload();
    await page.waitForSelector('#known:not([hidden])');
    await press(page, 'stop');
    await hears(page, /^Heard stop/);
    if (goes === 'hang') await alone.stop();
  });
}

test('keeps no older version of the page, though it was stopped before it forgot that', async () => {
  const page = await open();
  await onDevice(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  const old = `page at ${server.address}/, version old`;
  await page.evaluate((old) => caches.open(old), old);
  await page.reload();
  const isKept = () => page.evaluate((old) => caches.has(old), old);
  for (let tries = 0; await isKept() && tries < 100; tries += 1) await page.waitForTimeout(50);
  assert.equal(await isKept(), false);
});

test('makes the console complain of nothing', (t) => {
  t.diagnostic(`screenshots are in ${folder}`);
  assert.deepEqual(problems, []);
});
