// The recogniser: chooses the build that this engine runs, and checks what crosses into it.

// A module of one function with a relaxed multiply-add, for engines that know it.
const RELAXED_SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11,
);

const MODEL = new URL('./model.safetensors', import.meta.url);

let engine;

// Loads the WebAssembly once. After a failure, a later call tries again.
function load() {
  engine ??= build().catch((error) => {
    engine = undefined;
    throw error;
  });
  return engine;
}

function build() {
  return WebAssembly.validate(RELAXED_SIMD)
    ? start(import('./relaxed/sc_web.js'), new URL('./relaxed/sc_web_bg.wasm', import.meta.url))
    : start(import('./simd/sc_web.js'), new URL('./simd/sc_web_bg.wasm', import.meta.url));
}

async function start(module, wasm) {
  const [bindings, module_or_path] = await Promise.all([module, bytes(wasm)]);
  await bindings.default({ module_or_path });
  return bindings;
}

async function bytes(source) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const url = new URL(source, globalThis.location?.href);
  if (url.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return readFile(url);
  }
  const response = await fetch(url).catch((cause) => {
    throw new Error(`cannot read ${url}`, { cause });
  });
  if (!response.ok) throw new Error(`cannot read ${url}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function floats(samples) {
  if (samples instanceof Float32Array) return samples;
  throw new Error(`${samples?.constructor?.name ?? samples}: expected a Float32Array of one channel`);
}

export class Recognizer {
  #native;

  constructor(native) {
    this.#native = native;
  }

  static async load(model = MODEL) {
    const [{ Recognizer: Native }, record] = await Promise.all([load(), bytes(model)]);
    return new Recognizer(new Native(record));
  }

  get labels() {
    return this.#native.labels;
  }

  get threshold() {
    return this.info.threshold;
  }

  get info() {
    return this.#native.info;
  }

  classify(samples, sampleRate) {
    return this.#native.classify(floats(samples), sampleRate);
  }

  teach(name, takes, sampleRate = 16_000) {
    return this.#native.teach(name.normalize(), takes.map(floats), sampleRate);
  }

  check(takes, sampleRate = 16_000) {
    return this.#native.check(takes.map(floats), sampleRate);
  }

  forget(name) {
    this.#native.forget(name.normalize());
  }

  record() {
    return this.#native.record();
  }

  detector({ sampleRate = 16_000, threshold, hop_s, smoothing_s } = {}) {
    return new Detector(this.#native.detector(sampleRate, threshold, hop_s, smoothing_s));
  }

  logMel(samples, sampleRate) {
    return this.#native.logMel(floats(samples), sampleRate);
  }

  logits(features) {
    return this.#native.logits(floats(features));
  }
}

class Detector {
  #native;

  constructor(native) {
    this.#native = native;
  }

  push(samples) {
    return this.#native.push(floats(samples));
  }

  finish() {
    return this.#native.finish();
  }

  get latest() {
    return this.#native.latest;
  }
}

// Listens to a microphone: a worklet hands blocks of samples to a worker, which detects, so that the page never waits.
export async function listen(stream, onDetection, { model, onLatest, onError, ...options } = {}) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const context = new AudioContext();
  const [ready, ended] = [Promise.withResolvers(), Promise.withResolvers()];
  worker.onmessage = ({ data: { detection, latest, error, state } }) => {
    if (detection) onDetection(detection);
    if (latest) onLatest?.(latest);
    if (state === 'ready') ready.resolve();
    if (state === 'ended') ended.resolve();
    if (error) {
      ready.reject(new Error(error));
      onError?.(new Error(error));
    }
  };
  worker.onerror = ({ message }) => ready.reject(new Error(message));
  const close = () => {
    worker.terminate();
    return context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL('./worklet.js', import.meta.url));
    const node = new AudioWorkletNode(context, 'speech-commands', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage(port1, [port1]);
    worker.postMessage({ port: port2, model, options: { ...options, sampleRate: context.sampleRate } }, [port2]);
    await ready.promise;
    const source = context.createMediaStreamSource(stream);
    source.connect(node);
    return {
      async stop() {
        source.disconnect();
        node.port.postMessage('end'); // behind the last samples
        await ended.promise;
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
