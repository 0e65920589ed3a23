// What is asked of the server. Paths are relative, so that it may be served under any.

// Why there is no answer: `key` names the words for it, `answer` is the server's own, if it gave one.
export class Refusal extends Error {
  constructor(key, answer) {
    super(key);
    this.key = key;
    this.answer = answer;
  }
}

const LIMIT_MS = 60_000; // the server's own limits are 30 s for a recording and 10 s for its answer

let waiting; // ends the wait that gives way to another one

// Returns true if something was waited for that can be given up.
export function giveUp() {
  const abort = waiting;
  waiting = undefined;
  abort?.(new Refusal('givenUp'));
  return Boolean(abort);
}

// A promise, what fulfils it and what rejects it.
export function promised() {
  let settle;
  const promise = new Promise((...both) => { settle = both; });
  return [promise, ...settle];
}

// Waits for the promise, which `giveUp` may end.
export async function yielding(promise) {
  const [givenUp, , abort] = promised();
  waiting = abort;
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    if (waiting === abort) waiting = undefined;
  }
}

// `work(signal, came)` must have come in time; `givesWay` lets `giveUp` end it.
async function patiently(work, givesWay) {
  const controller = new AbortController();
  const abort = (refusal) => controller.abort(refusal);
  const timer = setTimeout(abort, LIMIT_MS, new Refusal('slow'));
  if (givesWay) waiting = abort;
  try {
    return await work(controller.signal, () => clearTimeout(timer));
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw error instanceof Refusal ? error : new Refusal('away');
  } finally {
    clearTimeout(timer);
    if (waiting === abort) waiting = undefined;
  }
}

export const reach = (path, read, { givesWay = false, ...options } = {}) => patiently(async (signal, came) => {
  const response = await fetch(path, { ...options, signal });
  came(); // a model may take long to come whole
  return read(response);
}, givesWay);

// Each answers one recording.
export const predict = (recording, name, query) => post(`predict${query}`, recording, name);
export const detect = (recording, name, query) => post(`detect${query}`, recording, name);
export const info = () => reach('info', json);
// True if the server answers within that time.
export const isThere = (ms) =>
  fetch('info', { signal: AbortSignal.timeout(ms) }).then(({ ok }) => ok, () => false);
export const taughtWords = () => reach('words', json);
export const modelAddress = () => 'model'; // of the model with its words
export const report = () => reach('report.json', json).catch(() => undefined); // not every server has one

// Teaches the word by recordings of it; one that was taught before is replaced.
export function teach(word, recordings) {
  const form = new FormData();
  recordings.forEach((recording, i) => form.append('file', recording, `${i + 1}.wav`));
  return reach(`words/${encodeURIComponent(word)}`, json, { method: 'PUT', body: form });
}

// Forgets the word. One that is gone already is as well forgotten.
export const forget = (word) => reach(`words/${encodeURIComponent(word)}`, gone, { method: 'DELETE' });

async function post(path, recording, name) {
  const form = new FormData();
  form.append('file', recording, name);
  return reach(path, json, { method: 'POST', body: form, givesWay: true });
}

export const file = async (response) => ok(response) && response.blob();

function ok({ ok, status }) {
  if (ok) return true;
  throw new Refusal(status);
}

const gone = (response) => response.status === 404 || ok(response);

async function json(response) {
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer) return answer;
  throw new Refusal(response.status, answer);
}

// An open WebSocket. The browser does not tell why one was refused; asked without one, the server does.
export function stream(rate, query) {
  const address = new URL(`stream?sample_rate=${rate}&scores=true${query}`, location);
  return patiently((signal) => opened(address, signal), true);
}

function opened(address, signal) {
  const socket = new WebSocket(Object.assign(new URL(address), { protocol: address.protocol.replace('http', 'ws') }));
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.onerror = async () => {
      const { status } = await fetch(address, { signal }).catch(() => ({ status: 'away' }));
      reject(new Refusal(status === 400 ? 503 : status)); // 400: by now there would be a place
    };
    signal.onabort = () => {
      socket.close();
      reject(signal.reason);
    };
  });
}
