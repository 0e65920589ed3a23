// The same answers as `api.js` gives, from this device: nothing leaves it.

import { Refusal, file, promised, reach, yielding } from './api.js';
import { Recognizer } from './device/index.js';
import { TAUGHT, keptModel } from './kept.js';
import { isSameWord } from './language.js';
import { RATE, bytesOf, decode } from './sound.js';
import { fromInt16 } from './wav.js';

const TOP = 5; // labels in an answer, as the server gives
const LONGEST_S = 600; // of a recording: an answer to a longer one would take too long
const PIECE_S = 60; // the most that the detector takes at once
const MODEL = new URL('model.safetensors', document.baseURI);
const CACHE = 'taught';

let isKept = true; // false if the browser did not keep the last change: then it is this page's alone

const pages = new BroadcastChannel(TAUGHT); // the others of this device

// Begins `work` once; after a failure, a later call tries again.
function once(work) {
  let begun;
  return () => {
    begun ??= work().catch((error) => {
      begun = undefined;
      throw error;
    });
    return begun;
  };
}

const shipped = once(() => reach(MODEL, read)); // what the server gives
const serversModel = once(() => Recognizer.load(new URL('model', document.baseURI))); // to compare recordings
let model = once(newest); // `{ bytes, tag, recognizer }`, as this page knows it

pages.onmessage = () => {
  if (!isKept) return;
  model = once(newest);
  dispatchEvent(new Event('wordschanged'));
};

// The model as the pages that are open have left it, of which each has its own copy.
async function newest() {
  const response = await keptModel();
  const kept = response && await read(response);
  const taught = kept && await load(kept).catch(() => undefined);
  if (taught && (taught.recognizer.taught.length > 0 || !await serversTag())) return taught;
  const fresh = await load(await shipped());
  if (!kept) return fresh;
  return load(kept).catch(() => lose(fresh)); // the engine is well by now: it is the words that do not load
}

async function lose(fresh) {
  await keep(fresh);
  dispatchEvent(new Event('wordslost'));
  return fresh;
}

const tagOf = ({ headers }) => headers.get('ETag') ?? '';

// A model, and the tag by which the server named it before it was taught.
async function read(response) {
  const blob = await file(response);
  return { bytes: new Uint8Array(await blob.arrayBuffer()), tag: tagOf(response) };
}

async function load({ bytes, tag }) {
  const recognizer = await Recognizer.load(bytes).catch((error) => {
    throw error instanceof WebAssembly.CompileError ? new Refusal('noEngine') : error; // it has no SIMD
  });
  return { bytes, tag, recognizer };
}

const recognizer = async () => (await model()).recognizer;

export const info = async () => (await recognizer()).info;

// `note` is a key of words: they are not kept, or the server has another model by now than the one that was taught.
export async function taughtWords() {
  const { tag, recognizer: { taught: words } } = await model();
  const isOld = words.length > 0 && await isReplaced(tag);
  return { teaches: true, words, note: isKept ? isOld && 'taughtBefore' : 'notKept' };
}

// True if the server is known to have another model than that of the tag, which is '' if there was no network.
async function isReplaced(tag) {
  const now = await serversTag();
  return Boolean(now && tag) && now !== tag;
}

const serversTag = () => reach(MODEL, (response) => response.ok && tagOf(response), { method: 'HEAD' }).catch(() => '');

// Names the recordings, each of samples, that teaching would leave out: by this device's model, or by the server's.
export const check = async (takes, asServer) => (await (asServer ? serversModel() : recognizer())).check(takes, RATE);

// Teaches the word by recordings of it; one that was taught before is replaced.
export async function teach(word, recordings) {
  const takes = await Promise.all(recordings.map(samples));
  return change((model) => {
    forgetIn(model, word);
    return model.teach(word, takes, RATE);
  });
}

// Forgets the word. One that is gone already is as well forgotten. If there is no room for the new copy, the older one
// goes: it would bring the word back.
export const forget = (word) => change((model) => forgetIn(model, word), true);

const forgetIn = (model, word) =>
  model.taught.some(({ name }) => isSameWord(name, word)) && model.forget(word);

// Takes the words of another device from a model's file, and returns them. Where they cannot stand beside this one's, the
// model takes the place of this one's; or nothing is done, unless `agrees()`.
export const takeModel = (given, agrees) => alone(async () => {
  const bytes = new Uint8Array(await bytesOf(given));
  const taken = await load({ bytes, tag: await serversTag() || '' }).catch(() => undefined);
  const words = taken?.recognizer.taught.map(({ name }) => name);
  if (!words?.length) throw new Refusal('notModel');
  const { recognizer } = await model();
  const isJoined = recognizer.taught.length > 0 && await changeNewest((model) => model.join(bytes)).catch(() => false);
  if (isJoined) return words;
  if (!agrees()) return undefined;
  await put(taken);
  return words;
});

// One page changes the words at a time, where the browser knows of the others.
const alone = (work) => (navigator.locks ? navigator.locks.request(CACHE, work) : work());

const change = (work, forgets) => alone(() => changeNewest(work, forgets));

// Changes the words of a copy of the newest model, which takes its place if that went well.
async function changeNewest(work, forgets) {
  if (isKept) model = once(newest); // what this page knows may be older
  const { tag, recognizer } = await load(await model());
  try {
    const report = work(recognizer);
    const changed = { bytes: recognizer.toBytes(), tag, recognizer };
    await put(changed);
    if (forgets && !isKept) {
      await drop().catch(() => {}); // the browser forbids files
      await put(changed);
    }
    return report;
  } catch ({ message: error, reason }) {
    throw new Refusal('failed', { error, reason });
  }
}

async function put(changed) {
  model = async () => changed;
  isKept = await keep(changed);
  if (isKept) pages.postMessage('');
}

// Keeps the model as long as it has words, or the server hands out none. Returns false if the browser forbids it.
async function keep({ bytes, tag, recognizer }) {
  try {
    if (recognizer.taught.length === 0 && await serversTag() !== false) await drop();
    else await (await caches.open(CACHE)).put(TAUGHT, new Response(bytes, { headers: { ETag: tag } }));
    return true;
  } catch {
    return false;
  }
}

const drop = async () => (await caches.open(CACHE)).delete(TAUGHT);

// The address of the model with its words, for a download.
export const modelAddress = async () => URL.createObjectURL(new Blob([(await model()).bytes]));

export async function predict(recording, name, query) {
  const { predictions, ...answer } = (await recognizer()).classify(await samples(recording), RATE, asked(query));
  return { ...answer, predictions: predictions.slice(0, TOP) };
}

// `tell` is told the share that was searched.
export async function detect(recording, name, query, tell) {
  const heard = await samples(recording);
  if (heard.length > LONGEST_S * RATE) throw new Refusal('tooLong');
  const detections = [];
  const [ended, end, fail] = promised();
  const worker = await detecting(RATE, query, ({ detection, latest, state, error }) => {
    if (detection) detections.push(detection);
    if (latest) tell(latest.time_s * RATE / heard.length);
    if (state === 'ended') end();
    if (error) fail(new Refusal('failed'));
  });
  const piece = PIECE_S * RATE;
  for (let start = 0; start < heard.length; start += piece) worker.send(heard.slice(start, start + piece));
  worker.send('end');
  await yielding(ended).finally(worker.close);
  return { duration_s: heard.length / RATE, detections };
}

async function samples(recording) {
  const heard = await decode(recording);
  if (heard?.length) return heard;
  throw new Refusal('undecodable');
}

const asked = (query) => {
  const threshold = new URLSearchParams(query.replace(/^[?&]/, '')).get('threshold');
  return threshold ? { threshold: Number(threshold) } : {};
};

// A detector beside the page, which would stand still meanwhile. It is sent samples and then `'end'`; `tell` is told
// `{ detection }`, `{ latest }`, `{ error }`, and of `state` that it is `'ready'` and has `'ended'`.
async function detecting(sampleRate, query, tell) {
  const { bytes } = await model();
  const worker = new Worker(new URL('device/worker.js', import.meta.url), { type: 'module' });
  const { port1, port2 } = new MessageChannel();
  worker.onmessage = ({ data }) => tell(data);
  worker.onerror = ({ message }) => tell({ error: message || true }); // without one if it does not load
  worker.postMessage({ port: port2, model: bytes, options: { sampleRate, ...asked(query) } }, [port2]);
  return { send: (samples) => port1.postMessage(samples), close: () => worker.terminate() };
}

// A detector that takes and tells what the WebSocket `/stream` does.
export async function stream(rate, query) {
  const [ready, begin, fail] = promised();
  const tell = (type, event) => socket.onmessage?.({ data: JSON.stringify({ type, ...event }) });
  const worker = await detecting(rate, query, ({ detection, latest, error, state }) => {
    if (detection) tell('detection', detection);
    if (latest) tell('score', latest);
    if (state === 'ready') begin(socket);
    if (error) fail(new Refusal('failed')); // if it was not ready yet
    if (error || state === 'ended') socket.close();
  });
  const socket = {
    readyState: WebSocket.OPEN,
    send: (block) => worker.send(block === 'end' ? block : fromInt16(block)),
    close() {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.readyState = WebSocket.CLOSED;
      worker.close();
      socket.onclose?.();
    },
  };
  return yielding(ready).catch((error) => {
    socket.close();
    throw error;
  });
}
