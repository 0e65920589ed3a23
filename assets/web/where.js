// Where recordings are answered: on the server, or on this device.

import * as server from './api.js';
import { $ } from './dom.js';
import { keptModel } from './kept.js';
import * as language from './language.js';

const KEY = 'where';
const AGAIN_MS = 5000; // from one look for a server that was away to the next

let place = 'server';
let chosen = place; // the place, once it can answer
let settling; // what must be over before anything is asked: the choice of the place
let [another, choose] = server.promised(); // another choice
let refusal; // why a place that was chosen during the task could not be had
let onDevice; // the module, once it is needed

export const isOnDevice = () => place === 'device';
export const isLoading = () => chosen === 'device' && !isOnDevice();

async function device() {
  if (!globalThis.WebAssembly) throw new server.Refusal('noEngine');
  onDevice ??= await import('./device.js').catch(() => {
    throw new server.Refusal('away');
  });
  return onDevice;
}

const answering = async (where) => (where === 'device' ? device() : server);

// What answers: the place that was chosen last, for which this waits.
async function there() {
  while (settling) await Promise.race([settling, another]);
  return answering(place);
}

export function beginTask() {
  refusal = undefined;
}

// What answers the task. It fails if a place that was chosen meanwhile could not be had: no other is sent what was meant
// for that one.
export async function forTask() {
  const answers = await there();
  if (refusal) throw refusal;
  return answers;
}

// Asks what answers, and asks again if another place was chosen meanwhile.
export async function askThere(question) {
  const asked = await there();
  const answer = await question(asked);
  return asked === await there() ? answer : askThere(question);
}

// Names the takes that the model of that place would not be taught by: this device can tell in either place.
export async function check(takes) {
  const asServer = await there() === server;
  return (await device()).check(takes, asServer);
}

// Finds out where there is an answer, and takes the place that was chosen last if there is a choice. Returns `info`;
// `served` hears that of the server, if it answers, as soon as the place is being taken.
export async function settle(served) {
  settling = Promise.all([server.info().catch((error) => error), hasModel()]);
  const [fromServer, isOffered] = await settling;
  settling = undefined;
  const isServed = !(fromServer instanceof Error);
  if (!isServed && !isOffered) throw fromServer;
  $('where').hidden = !isServed || !isOffered;
  $('developers').hidden = !isServed;
  if (!isServed) offerServer();
  const wasHere = language.recall(KEY) === 'device';
  const arriving = isOffered && (!isServed || wasHere) ? take('device') : fromServer;
  if (wasHere && !isOffered) {
    language.keep(KEY, 'server'); // it is said once
    refusal = new server.Refusal('notOffered'); // also of what waits already
  }
  served(isServed ? fromServer : undefined);
  if (refusal) throw refusal;
  return arriving;
}

// Lets a page that was opened without the server choose it once it answers.
async function offerServer() {
  try {
    await server.info();
    for (const id of ['where', 'developers']) $(id).hidden = false;
  } catch {
    setTimeout(offerServer, AGAIN_MS);
  }
}

// Returns true unless it is known that this device has no model and gets none: a server that teaches keeps its own.
async function hasModel() {
  if (await keptModel()) return true;
  const { teaches } = await server.taughtWords().catch(() => ({}));
  return !teaches && server.reach('model.safetensors', ({ status }) => status !== 404, { method: 'HEAD' }).catch(() => true);
}

// Takes the place, and remembers it. Where that fails, the place stays as it is. Returns `info`, or nothing if another
// place was chosen meanwhile.
export async function move(to) {
  const info = await take(to);
  if (info) language.keep(KEY, to);
  return info;
}

function take(to) {
  chosen = to;
  settling = arrive(to);
  choose();
  [another, choose] = server.promised();
  return settling;
}

// The place is taken once it can answer, unless another was chosen meanwhile.
async function arrive(to) {
  try {
    const info = await (await answering(to)).info();
    if (chosen !== to) return undefined;
    place = to;
    if (isOnDevice()) keep();
    return info;
  } catch (error) {
    if (chosen !== to) return undefined;
    refusal = error;
    throw error;
  } finally {
    if (chosen === to) [chosen, settling] = [place, undefined];
  }
}

export function showWhere() {
  for (const button of document.querySelectorAll('[data-where]')) {
    const { where } = button.dataset;
    button.ariaPressed = where === place;
    button.ariaBusy = where === chosen && where !== place;
  }
}

// Keeps the page and its model for when there is no network. Browsers allow it on https and localhost only.
const keep = () => navigator.serviceWorker?.register('sw.js').catch(() => {});
