// Continuous listening: the microphone to `/stream` or to a worker here, and the last seconds kept for replay.

import { Refusal, yielding } from './api.js';
import { open } from './microphone.js';
import { toInt16 } from './wav.js';
import { forTask, isOnDevice } from './where.js';

const KEPT_S = 20;
const LAST_WORDS_MS = 2000; // how long the server may take for what it still has to say
const MOST_UNANSWERED = 200; // blocks, of which there are 20 a second: what is silent for longer is lost
const BEHIND_MS = 1000; // answers may come behind many blocks: a dialog holds up both

// Listens until the function it returns is called, after which nothing runs; returns none if it could not begin.
// `onBlock`, `onDetection(detection, samples, rate)` and `onScore` hear what comes, `onChanged` that the server has other
// words by now, `onStop` that it is to end, and `onEnd(error)` that it is over.
export async function listen(query, { onBlock, onDetection, onScore, onChanged, onStop, onEnd }) {
  let socket;
  let ending; // what ends it, once
  const waiting = []; // blocks from before the socket was open
  let nUnanswered = 0; // blocks since the socket was open, or told something
  const isSilent = () => nUnanswered > MOST_UNANSWERED;

  const microphone = await open(hear, () => stop(new Refusal('NotFoundError')));
  const kept = new Ring(KEPT_S * microphone.rate);

  function hear(block) {
    if (ending) return;
    kept.push(block);
    onBlock(block);
    waiting.push(toInt16(block));
    if (!socket) return;
    while (waiting.length) socket.send(waiting.shift());
    nUnanswered += 1;
    if (isSilent()) setTimeout(() => isSilent() && lose(), BEHIND_MS);
  }

  const stop = (error) => {
    ending ??= end(error);
    return ending;
  };

  async function end(error) {
    onStop();
    await microphone.close().catch(() => {}); // its tracks have ended all the same
    if (socket?.readyState === WebSocket.OPEN) {
      socket.send('end');
      await Promise.race([
        new Promise((resolve) => { socket.onclose = resolve; }),
        new Promise((resolve) => { setTimeout(resolve, LAST_WORDS_MS); }),
      ]);
    }
    socket?.close();
    onEnd(error);
  }

  const lose = () => stop(new Refusal(isOnDevice() ? 'lostHere' : 'lost'));

  const told = {
    detection(detection) {
      const [start, end] = around(detection).map((time_s) => Math.round(time_s * microphone.rate));
      onDetection(detection, kept.slice(start, end), microphone.rate);
    },
    score: onScore,
    changed: onChanged,
    error: lose,
    end() {},
  };

  try {
    socket = await (await yielding(forTask())).stream(microphone.rate, query);
  } catch (error) {
    await stop(error);
    return undefined;
  }
  socket.onmessage = ({ data }) => {
    nUnanswered = 0;
    const { type, ...event } = JSON.parse(data);
    told[type]?.(event);
  };
  socket.onclose = lose;
  if (!ending) return stop;
  socket.close(); // the microphone went while it was opening
  return undefined;
}

// The second around a detection, as near as the network heard it.
function around({ start_s, end_s }) {
  const from_s = Math.max(0, (start_s + end_s) / 2 - 0.5);
  return [from_s, from_s + 1];
}

// The newest samples, by their number since the beginning.
class Ring {
  constructor(length) {
    this.samples = new Float32Array(length);
    this.end = 0;
  }

  push(block) {
    const { length } = this.samples;
    const at = this.end % length;
    const first = block.subarray(0, length - at);
    this.samples.set(first, at);
    this.samples.set(block.subarray(first.length));
    this.end += block.length;
  }

  // What is kept of `start..end`.
  slice(start, end) {
    const { length } = this.samples;
    const from = Math.max(start, this.end - length);
    const to = Math.min(end, this.end);
    return Float32Array.from({ length: Math.max(0, to - from) }, (_, i) => this.samples[(from + i) % length]);
  }
}
