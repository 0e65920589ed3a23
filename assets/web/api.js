// What is asked of the server. Paths are relative, so that it may be served under any.

// Why there is no answer: `key` names the words for it, `answer` is the server's own, if it gave one.
export class Refusal extends Error {
  constructor(key, answer) {
    super(key);
    this.key = key;
    this.answer = answer;
  }
}

// Each answers one recording.
export const predict = (recording, name, query) => post(`predict${query}`, recording, name);
export const detect = (recording, name, query) => post(`detect${query}`, recording, name);
export const info = () => json('info');
export const taughtWords = () => json('words');
export const record = () => 'model'; // the address of the model with its words
export const report = () => json('report.json');

// Teaches the word by recordings of it.
export function teach(word, recordings) {
  const form = new FormData();
  recordings.forEach((recording, i) => form.append('file', recording, `${i + 1}.wav`));
  return json(`words/${encodeURIComponent(word)}`, { method: 'PUT', body: form });
}

export async function forget(word) {
  const { ok, status } = await fetch(`words/${encodeURIComponent(word)}`, { method: 'DELETE' }).catch(() => {
    throw new Refusal('away');
  });
  if (!ok) throw new Refusal(status);
}

async function post(path, recording, name) {
  const form = new FormData();
  form.append('file', recording, name);
  return json(path, { method: 'POST', body: form });
}

async function json(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Refusal('away');
  });
  const answer = await response.json().catch(() => undefined);
  if (response.ok && answer) return answer;
  throw new Refusal(response.status, answer);
}

// An open WebSocket. The browser does not tell why one was refused; asked without one, the server does.
export function stream(rate, query) {
  const address = new URL(`stream?sample_rate=${rate}&scores=true${query}`, location);
  const socket = new WebSocket(Object.assign(new URL(address), { protocol: address.protocol.replace('http', 'ws') }));
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.onerror = async () => {
      const { status } = await fetch(address).catch(() => ({ status: 'away' }));
      reject(new Refusal(status === 400 ? 503 : status)); // 400: by now there would be a place
    };
  });
}
