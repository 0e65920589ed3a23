// The same answers as `api.js` gives, from this device: nothing leaves it.

import { Refusal, file, reach } from './api.js';
import { Recognizer } from './device/index.js';
import { taughtNames } from './language.js';
import { RATE, decode } from './sound.js';
import { fromInt16 } from './wav.js';

const TOP = 5; // labels in an answer, as the server gives
const MODEL = new URL('model.safetensors', document.baseURI);
const TAUGHT = new URL('taught.safetensors', document.baseURI); // the model with words of its own, kept by the browser
const CACHE = 'taught';

let bytes;
let shipped; // the bytes that the server gave
let isKept = true; // false if the browser keeps no words: then they are this page's alone
let loaded;
let judge; // the server's model, which compares recordings here

// The model's bytes, read once.
async function model() {
  bytes ??= await newest();
  return bytes;
}

// The model as the pages that are open have left it, of which each has its own copy.
const newest = async () => await kept() ?? await fetched();

// Browsers keep files on https and localhost only, and may forbid it.
async function kept() {
  const response = await globalThis.caches?.match(TAUGHT).catch(() => undefined);
  return response && bytesOf(response);
}

async function fetched() {
  shipped ??= await bytesOf(await reach(MODEL, file, { givesWay: true }));
  return shipped;
}

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

async function recognizer() {
  loaded ??= await Recognizer.load(await model()).catch((error) => {
    throw error instanceof WebAssembly.CompileError ? new Refusal('noEngine') : error; // it has no SIMD
  });
  return loaded;
}

export const info = async () => (await recognizer()).info;

export async function taughtWords() {
  const model = await info();
  const words = taughtNames(model).map((name, i) => ({ name, recordings: model.taught[i].n_recordings }));
  return { teaches: true, words };
}

// Names the recordings, each of samples, that teaching would leave out: by this device's model, or by that of `source`.
export async function check(takes, source) {
  if (source) judge ??= Recognizer.load(new URL(source, document.baseURI));
  return (await (source ? judge : recognizer())).check(takes, RATE);
}

// Teaches the word by recordings of it; one that was taught before is replaced.
export async function teach(word, recordings) {
  const takes = await Promise.all(recordings.map(samples));
  return change((model) => replace(model, word, takes));
}

// Refuses as `teach` does, by the model of `source`, and changes nothing. Returns false if that cannot be tried.
export async function canTeach(word, recordings, source) {
  const takes = await Promise.all(recordings.map(samples));
  const model = await Recognizer.load(new URL(source, document.baseURI)).catch(() => undefined);
  if (model) attempt(() => replace(model, word, takes));
  return Boolean(model);
}

function replace(model, word, takes) {
  if (taughtNames(model.info).includes(word)) model.forget(word);
  return model.teach(word, takes, RATE);
}

export const forget = (word) => change((model) => model.forget(word));

function attempt(work) {
  try {
    return work();
  } catch ({ message }) {
    throw new Refusal('failed', { error: message });
  }
}

// One page changes the words at a time, where the browser knows of the others.
const change = (work) => (navigator.locks ? navigator.locks.request(CACHE, () => changeNewest(work)) : changeNewest(work));

// Changes the words of a copy of the newest model, which takes its place if that went well.
async function changeNewest(work) {
  if (isKept) {
    bytes = await newest();
    loaded = undefined; // it may be older
  }
  const copy = await Recognizer.load(bytes);
  const report = attempt(() => work(copy));
  loaded = copy;
  bytes = copy.record();
  isKept = await keep(taughtNames(copy.info).length > 0);
  return report;
}

// Keeps the model as long as it has words. Returns false if the browser forbids it.
async function keep(hasWords) {
  try {
    const cache = await caches.open(CACHE);
    await (hasWords ? cache.put(TAUGHT, new Response(bytes)) : cache.delete(TAUGHT));
    return true;
  } catch {
    return false;
  }
}

// The address of the model with its words, for a download.
export const record = async () => URL.createObjectURL(new Blob([await model()]));

export async function predict(recording) {
  const { predictions, ...answer } = (await recognizer()).classify(await samples(recording), RATE);
  return { ...answer, predictions: predictions.slice(0, TOP) };
}

export async function detect(recording, name, query) {
  const heard = await samples(recording);
  const detector = (await recognizer()).detector(options(RATE, query));
  const detections = [];
  const most = 60 * RATE; // that `push` takes at once
  for (let start = 0; start < heard.length; start += most) detections.push(...detector.push(heard.subarray(start, start + most)));
  return { duration_s: heard.length / RATE, detections: [...detections, ...detector.finish()] };
}

async function samples(recording) {
  const heard = await decode(recording);
  if (heard?.length) return heard;
  throw new Refusal('undecodable');
}

const options = (sampleRate, query) => {
  const threshold = new URLSearchParams(query.replace(/^[?&]/, '')).get('threshold');
  return { sampleRate, ...(threshold && { threshold: Number(threshold) }) };
};

// A worker that takes and tells what the WebSocket `/stream` does.
export async function stream(rate, query) {
  const record = await model();
  const worker = new Worker(new URL('device/worker.js', import.meta.url), { type: 'module' });
  const { port1, port2 } = new MessageChannel();
  const socket = {
    readyState: WebSocket.OPEN,
    send: (block) => port1.postMessage(block === 'end' ? block : fromInt16(block)),
    close() {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.readyState = WebSocket.CLOSED;
      worker.terminate();
      socket.onclose?.();
    },
  };
  const tell = (type, event) => socket.onmessage?.({ data: JSON.stringify({ type, ...event }) });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { detection, latest, error, state } }) => {
      if (detection) tell('detection', detection);
      if (latest) tell('score', latest);
      if (state === 'ready') resolve(socket);
      if (state === 'ended') socket.close();
      if (error) {
        tell('error', { error });
        reject(new Refusal('failed')); // if it was not ready yet
      }
    };
    worker.onerror = () => reject(new Refusal('failed'));
    worker.postMessage({ port: port2, model: record, options: options(rate, query) }, [port2]);
  });
}
