// Where recordings are answered: on the server, or on this device.

import * as server from './api.js';
import { $ } from './dom.js';

const KEY = 'where';

let place = 'server';
let onDevice; // the module, once it is needed

export const isOnDevice = () => place === 'device';

async function device() {
  if (!globalThis.WebAssembly) throw new server.Refusal('noEngine');
  onDevice ??= await import('./device.js').catch(() => {
    throw new server.Refusal('away');
  });
  return onDevice;
}

const answering = async (where) => (where === 'device' ? device() : server);

// What answers there.
export const there = () => answering(place);

// Names the takes that the model of that place would not be taught by: this device can tell in either place.
export const check = async (takes) => (await device()).check(takes, isOnDevice() ? undefined : server.record());

// Teaches the word; one that `isKnown` is replaced. As the server forgets it first, this device tries before that.
export async function teach(word, recordings, isKnown) {
  const replaces = isKnown && !isOnDevice() && await (await device()).canTeach(word, recordings, server.record());
  if (replaces) await server.forget(word);
  return (await there()).teach(word, recordings);
}

// Finds out where there is an answer, and takes the place that was chosen last if there is a choice: `refused` hears why
// that could not be had. Returns `info`.
export async function settle(refused) {
  const [fromServer, isOffered] = await Promise.all([server.info().catch((error) => error), hasModel()]);
  const isServed = !(fromServer instanceof Error);
  if (!isServed && !isOffered) throw fromServer;
  $('where').hidden = !isServed || !isOffered;
  $('developers').hidden = !isServed;
  if (!isOffered || (isServed && remembered() !== 'device')) return fromServer;
  try {
    return await take('device');
  } catch (error) {
    if (!isServed) throw error;
    refused(error);
    return fromServer;
  }
}

// Returns true if there is a model to fetch for this device: a server that teaches keeps its own.
async function hasModel() {
  const { teaches } = await server.taughtWords().catch(() => ({}));
  return !teaches && server.reach('model.safetensors', ({ ok }) => ok, { method: 'HEAD' }).catch(() => false);
}

// Takes the place, and remembers it. Where that fails, the place stays as it is.
export async function move(to) {
  const info = await take(to);
  try {
    localStorage.setItem(KEY, to);
  } catch {
    // Then it is forgotten with the page.
  }
  return info;
}

// The place is taken once it can answer.
async function take(to) {
  const info = await (await answering(to)).info();
  place = to;
  if (isOnDevice()) keep();
  return info;
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function showWhere() {
  for (const button of document.querySelectorAll('[data-where]')) button.ariaPressed = button.dataset.where === place;
}

// Keeps the page and its model for when there is no network. Browsers allow it on https and localhost only.
const keep = () => navigator.serviceWorker?.register('sw.js').catch(() => {});
