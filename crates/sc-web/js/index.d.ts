// Answers have the names of the server's JSON, arguments those of JavaScript.
// `ReturnType<Uint8Array['slice']>` is a view of an ArrayBuffer, also for a TypeScript that has no name for that.

declare global {
  interface MediaStream {} // in Node.js there is none
}

/** A label and its probability. */
export interface Scored {
  label: string;
  /** In [0, 1]. The probabilities of all labels add up to 1. */
  probability: number;
}

/** The word in a second of audio. */
export interface Prediction {
  /** The likeliest label. */
  label: string;
  /** Its probability. */
  confidence: number;
  /** True if `label` is a keyword and `confidence` reaches the threshold. Act on the answer only then. */
  accepted: boolean;
  /** All labels, likeliest first. */
  predictions: Scored[];
}

/** A keyword in audio of any length, with its place in seconds from the first sample. */
export interface Detection {
  label: string;
  start_s: number;
  end_s: number;
  /** How sure the detector is: by the stream, and by a second look at the second around the word. */
  confidence: number;
}

/** The likeliest label at a time of live audio. */
export interface Score {
  /** The time up to which sound was heard, in seconds from the first sample. */
  time_s: number;
  /** The label with the highest smoothed probability. */
  label: string;
  /** That probability. */
  confidence: number;
}

export interface DetectorOptions {
  /** Samples a second: 4,000 to 192,000, or 16,000 if it is left out. */
  sampleRate?: number;
  /** Least confidence of a detected keyword, 0 to 1. The model's own if it is left out. */
  threshold?: number;
  /** Distance between the seconds that are classified, in seconds: 0.01 to 1, or 0.08 if it is left out. */
  hopS?: number;
  /** Time over which their probabilities are averaged, in seconds: 0 to 1, or 0.24 if it is left out. */
  smoothingS?: number;
}

/** A stream of samples between two pieces. After `finish` it is closed, and both methods throw. */
export interface Detector {
  /** Takes more samples of one channel, at most a minute's, and returns the keywords detected in them. */
  push(samples: Float32Array): Detection[];
  /** Ends the stream, and returns the keywords detected at its end. */
  finish(): Detection[];
  /**
   * The likeliest label of the newest answer. The first answer comes after about 0.9 s; before, and after `finish`, it is
   * null.
   */
  readonly latest: Score | null;
  /** Gives its memory back at once. It cannot be used afterwards. */
  free(): void;
}

/** A recording that was not used, and why. */
export interface LeftOut {
  /** Its number, from "1". */
  name: string;
  reason: 'too_quiet' | 'clipped' | 'cut_off' | 'unlike' | 'repeated' | 'unreadable';
  /** The reason in words. */
  message: string;
}

/** What became of the recordings of a word. */
export interface Taught {
  name: string;
  /** The numbers of the recordings that teach the word, from "1". */
  used: string[];
  left_out: LeftOut[];
  /** Share of the recordings that are found by the others, in [0, 1]. */
  recall_leave_one_out: number;
  /** Share of ordinary speech that would be taken for the word, in [0, 1]. */
  false_accepts: number;
  /** The keyword that the network takes the recordings for most, with the mean of its probability, which may be small. */
  nearest: Scored | null;
  /** What would help. */
  advice: ('more_recordings' | 'longer_word' | 'other_word')[];
}

/** A word that was taught, with the number of recordings that taught it. */
export interface TaughtWord {
  name: string;
  recordings: number;
}

/** An error of `teach`, `check`, `join` or `forget`. */
export interface TeachError extends Error {
  /** The kind of refusal, for programs that act on it. An argument of a wrong type has none. */
  reason?: 'no_space' | 'name' | 'known' | 'not_taught' | 'none_taught' | 'other_network' | 'too_many' | 'too_few' | 'unlike' | 'heard_as';
}

/** A loaded model. Every method throws an `Error` that says what is wrong with its arguments. */
export class Recognizer {
  private constructor();
  /**
   * Loads a model file, from an address or from its bytes, or the model that comes with the package. An address without a
   * scheme begins at the page; in Node.js it is a path.
   */
  static load(model?: string | URL | Uint8Array | ArrayBuffer): Promise<Recognizer>;
  /** All labels: those of the network, in the order of its logits, then the taught words. */
  readonly labels: string[];
  /** The taught words, in the order of their labels. */
  readonly taught: TaughtWord[];
  /** Least confidence at which a keyword is accepted. */
  readonly threshold: number;
  /** The model's header: labels, settings, and the training that made it. */
  readonly info: Record<string, unknown>;
  /**
   * Names the word in the loudest second of up to a minute of samples of one channel, in [-1, 1]. It is accepted from
   * `threshold` on, 0 to 1, or from the model's own.
   */
  classify(samples: Float32Array, sampleRate: number, options?: { threshold?: number }): Prediction;
  /**
   * Teaches a word by three recordings or more, each of one channel. Then it is among the labels; a detector that was made
   * before does not know it.
   */
  teach(name: string, takes: Float32Array[], sampleRate: number): Taught;
  /** Names the recordings that `teach` would leave out, or would refuse a word for: best asked after each of them. */
  check(takes: Float32Array[], sampleRate: number): LeftOut[];
  /** Takes the words that were taught to another copy of the model, as on another device, and returns their names. */
  join(model: Uint8Array | ArrayBuffer): string[];
  /** Forgets a taught word. */
  forget(name: string): void;
  /** The bytes of a model file with the taught words, for `load`, and wherever else a model does. */
  toBytes(): ReturnType<Uint8Array['slice']>;
  /** Makes a detector for live samples. */
  detector(options?: DetectorOptions): Detector;
  /** Returns what the network sees of the loudest second, `[n_frames, n_mels]`, row by row. */
  logMel(samples: Float32Array, sampleRate: number): ReturnType<Float32Array['slice']>;
  /** Returns the network's output for such features before it becomes probabilities, `[n_labels]`. Taught words have none. */
  logits(features: Float32Array): ReturnType<Float32Array['slice']>;
  /** Gives the model's memory back at once. It cannot be used afterwards; detectors that it made can. */
  free(): void;
}

export interface ListenOptions extends Omit<DetectorOptions, 'sampleRate'> {
  /** The model, as for `Recognizer.load`. */
  model?: string | URL | Uint8Array | ArrayBuffer;
  /** Called with the likeliest label at each new answer. */
  onLatest?: (latest: Score) => void;
  /** Called if the detection fails after it has begun, or the microphone is lost. Then everything is stopped already. */
  onError?: (error: Error) => void;
}

/**
 * Detects keywords in a microphone's stream, in a worker, until `stop`, which may be called again. Resolves once sound runs,
 * which a browser may allow only after a click. `stop` leaves the microphone on: it is off once each track of `stream`
 * is stopped.
 */
export function listen(
  stream: MediaStream,
  onDetection: (detection: Detection) => void,
  options?: ListenOptions,
): Promise<{ stop(): Promise<void> }>;
