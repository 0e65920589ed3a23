// Where recordings are answered: on the server, or on this device.

import * as server from './api.js';
import { $ } from './dom.js';

const KEY = 'where';

let place = 'server';
let onDevice; // the module, once it is needed

export const isOnDevice = () => place === 'device';

async function device() {
  onDevice ??= await import('./device.js');
  return onDevice;
}

// What answers there.
export const there = async () => (isOnDevice() ? device() : server);

// Names the takes that the model of that place would not be taught by: this device can tell in either place.
export const check = async (takes) => (await device()).check(takes, isOnDevice() ? undefined : server.record());

// Teaches the word; one that `isKnown` is replaced.
export async function teach(word, recordings, isKnown) {
  const replaces = isKnown && !isOnDevice() && await isTeachable(word, recordings);
  if (replaces) await server.forget(word);
  return (await there()).teach(word, recordings);
}

// Tries on this device what the server would say, since it forgets a word before it is taught again: a refusal must not
// cost the word. False where that cannot be tried.
async function isTeachable(word, recordings) {
  try {
    await (await device()).rehearse(word, recordings, server.record());
    return true;
  } catch (error) {
    if (error.answer) throw error;
    return false;
  }
}

// Finds out where there is an answer, and takes the place that was chosen last if there is a choice. Returns `info`.
export async function settle() {
  const [fromServer, isOffered] = await Promise.all([server.info().catch((error) => error), hasModel()]);
  const isServed = !(fromServer instanceof Error);
  if (!isServed && !isOffered) throw fromServer;
  $('where').hidden = !isServed || !isOffered;
  $('developers').hidden = !isServed;
  place = isOffered && (!isServed || remembered() === 'device') ? 'device' : 'server';
  if (!isOnDevice()) return fromServer;
  keep();
  return (await there()).info();
}

// Returns true if there is a model to fetch for this device.
const hasModel = () => fetch('model.safetensors', { method: 'HEAD' }).then(({ ok }) => ok, () => false);

export async function move(to) {
  place = to;
  try {
    localStorage.setItem(KEY, to);
  } catch {
    // Then it is forgotten with the page.
  }
  if (isOnDevice()) keep();
  return (await there()).info();
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
