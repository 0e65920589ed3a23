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

const isBytes = (source) => source instanceof Uint8Array || source instanceof ArrayBuffer;

async function bytes(source) {
  if (isBytes(source)) return new Uint8Array(source);
  const url = locate(source);
  // Bundlers for browsers refuse an import of this module.
  const files = url.protocol === 'file:' && globalThis.process?.getBuiltinModule('node:fs/promises');
  if (files) return files.readFile(url);
  const response = await fetch(url).catch((cause) => {
    throw new Error(`cannot read ${url}`, { cause });
  });
  if (!response.ok) throw new Error(`cannot read ${url}: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

// The address of a file. An address without a scheme begins at the page; in Node.js it is a path.
function locate(file) {
  if (file instanceof URL) return file;
  if (typeof file !== 'string') throw new Error(`${kind(file)}: expected the address of a model file, or its bytes`);
  if (globalThis.location) return new URL(file, location.href);
  const hasScheme = /^[a-z][\w+.-]+:/i.test(file); // one letter is a drive of Windows
  return hasScheme ? new URL(file) : process.getBuiltinModule('node:url').pathToFileURL(file);
}

// The bytes of a model file, which are at hand.
function given(model) {
  if (isBytes(model)) return new Uint8Array(model);
  throw new Error(`${kind(model)}: expected the bytes of a model file`);
}

const kind = (value) => value?.constructor?.name ?? String(value);

const MOST_SAMPLES = 60 * 192_000; // a minute at the highest rate

// A sample more than allowed is enough to be refused, and WebAssembly never gives memory back.
function floats(samples) {
  if (samples instanceof Float32Array) return samples.subarray(0, MOST_SAMPLES + 1);
  throw new Error(`${kind(samples)}: expected a Float32Array of one channel`);
}

function recordings(takes) {
  if (Array.isArray(takes)) return takes.map(floats);
  throw new Error(`${kind(takes)}: expected an array of recordings, each a Float32Array of one channel`);
}

// A forgotten rate would become one of 0 Hz.
function rate(sampleRate) {
  if (Number.isFinite(sampleRate)) return sampleRate;
  throw new Error('samples need their sampleRate, in Hz');
}

// An option with a mistyped name would change nothing, without a word.
function known(options, ...names) {
  if (Object(options) !== options) throw new Error(`${kind(options)}: expected options, as { threshold: 0.9 }`);
  const other = Object.keys(options).find((name) => !names.includes(name));
  if (other === undefined) return options;
  throw new Error(`no option ${other}: expected ${names.join(', ')}`);
}

function word(name) {
  if (typeof name === 'string') return name.normalize();
  throw new Error(`${kind(name)}: expected the word as a string`);
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

  classify(samples, sampleRate, options = {}) {
    const { threshold } = known(options, 'threshold');
    return this.#native.classify(floats(samples), rate(sampleRate), threshold);
  }

  teach(name, takes, sampleRate) {
    return this.#native.teach(word(name), recordings(takes), rate(sampleRate));
  }

  check(takes, sampleRate) {
    return this.#native.check(recordings(takes), rate(sampleRate));
  }

  forget(name) {
    this.#native.forget(word(name));
  }

  join(model) {
    return this.#native.join(given(model));
  }

  toBytes() {
    return this.#native.record();
  }

  get taught() {
    const { labels, network, taught } = this.info;
    return labels.slice(network.n_labels).map((name, i) => ({ name, recordings: taught[i].n_recordings }));
  }

  detector(options = {}) {
    const { sampleRate = 16_000, threshold, hopS, smoothingS } =
      known(options, 'sampleRate', 'threshold', 'hopS', 'smoothingS');
    return new Detector(this.#native.detector(rate(sampleRate), threshold, hopS, smoothingS));
  }

  logMel(samples, sampleRate) {
    return this.#native.logMel(floats(samples), rate(sampleRate));
  }

  logits(features) {
    return this.#native.logits(floats(features));
  }

  free() {
    this.#native.free();
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

  free() {
    this.#native.free();
  }
}

// A promise, and the function that resolves it.
function signal() {
  let resolve;
  return [new Promise((settle) => { resolve = settle; }), resolve];
}

// Listens to a microphone: a worklet hands blocks of samples to a worker, which detects, so that the page never waits.
export async function listen(stream, onDetection, { model = MODEL, onLatest, onError, ...options } = {}) {
  if (!stream?.getAudioTracks?.().length) throw new Error(`${kind(stream)}: expected a MediaStream with an audio track`);
  if (typeof onDetection !== 'function') throw new Error(`${kind(onDetection)}: expected a function for detections`);
  const record = isBytes(model) ? model : locate(model).href;
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const context = new AudioContext();
  const [begun, begin] = signal();
  const [ended, end] = signal(); // resolves to the error, if there is one
  worker.onmessage = ({ data: { detection, latest, error, state } }) => {
    if (detection) onDetection(detection);
    if (latest) onLatest?.(latest);
    if (state === 'ready') begin();
    if (state === 'ended') end();
    if (error) end(new Error(error));
  };
  worker.onerror = ({ message = 'cannot load worker.js' }) => end(new Error(message));
  const closed = ended.then(async (error) => {
    worker.terminate();
    await context.close();
    return error;
  });
  try {
    for (const track of stream.getAudioTracks()) {
      const lose = () => end(new Error('the microphone is gone'));
      track.addEventListener('ended', lose);
      if (track.readyState === 'ended') lose(); // no event comes any more
    }
    await context.audioWorklet.addModule(new URL('./worklet.js', import.meta.url));
    const node = new AudioWorkletNode(context, 'speech-commands', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage(port1, [port1]);
    worker.postMessage({ port: port2, model: record, options: { ...options, sampleRate: context.sampleRate } }, [port2]);
    const failure = await Promise.race([begun.then(() => context.resume()), ended]); // a browser may start it paused
    if (failure) throw failure;
    const source = context.createMediaStreamSource(stream);
    source.connect(node);
    closed.then((error) => error && onError?.(error));
    return {
      async stop() {
        source.disconnect();
        node.port.postMessage('end'); // behind the last samples
        await closed;
      },
    };
  } catch (error) {
    end(error);
    throw await closed; // it may have failed before
  }
}
