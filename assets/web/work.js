// One thing at a time: what is being done, what the page says of it, and what went wrong.

import { giveUp, yielding } from './api.js';
import { $ } from './dom.js';
import { has, reason, say } from './language.js';
import { beginTask, isLoading } from './where.js';

let words = ['ready']; // a key of the words, and what it is told
let problem = null; // { at, errors }
let doing = null; // the task, to wait for

export const listening = { stop: null }; // `stop` ends it, while it lasts

export function hint(...said) {
  words = said;
  clearProblem();
}

// It was another task's.
export function clearProblem() {
  problem = null;
  showHint();
}

// What went wrong has gone well since.
export function forgive(error) {
  if (problem?.errors.includes(error)) clearProblem();
}

export async function whenIdle() {
  while (doing) await doing;
}

// `at` names the element beside the control that was used: on a phone another one may be out of sight.
export function fail(errors, at = 'hint') {
  hint('ready');
  if (errors.key === 'givenUp') return; // for something else, which says what it does
  for (const { key, message } of [errors].flat()) if (!has(key)) console.warn(message);
  problem = { at, errors: [errors].flat() };
  showHint();
  $(at).scrollIntoView({ block: 'nearest' });
}

export function showHint() {
  const { at, errors } = problem ?? {};
  const isRecording = ['allow', 'speak'].includes(words[0]); // which the loading does not hold up
  const shown = isLoading() && !isRecording ? say('loading') : say(...words);
  if ($('hint').textContent !== shown) $('hint').textContent = shown; // said once
  $('hint').classList.toggle('bad', at === 'hint');
  for (const { id } of document.querySelectorAll('.problem')) $(id).textContent = '';
  const reasons = errors?.map(({ key, file }) => (file ? `${file}: ` : '') + reason(key));
  if (at) $(at).textContent = reasons.join('\n');
}

// Runs `task`, one at a time, and not while listening; what only waits, for an answer or for the microphone, gives way.
// `at` is for `fail`.
export async function work(task, at) {
  if (doing) {
    if (!giveUp()) return;
    await doing;
  }
  doing = run(task, at); // at once if it can be, so that what is pressed can be released
  await doing;
}

async function run(task, at) {
  beginTask();
  clearProblem();
  $('ask').classList.add('busy');
  try {
    if (listening.stop) await yielding(listening.stop()); // at once if not, so that what is pressed can be released
    await task();
  } catch (error) {
    fail(error, at);
  } finally {
    doing = null;
    $('ask').classList.remove('busy');
  }
}
