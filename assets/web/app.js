// The page: what is pressed, dropped or said is answered on the server or on this device, and the answer is shown.

import * as api from './api.js';
import { accepts, drawAnswer, showAnswer, spoken } from './answer.js';
import { code } from './code.js';
import { $, element } from './dom.js';
import { showHistory } from './history.js';
import { onHold } from './hold.js';
import { has, isKeyword, languageOf, learn, name, number, percent, say, speakIn, translate } from './language.js';
import * as meter from './meter.js';
import { reportOf, showModel } from './model.js';
import { csv, entries, remember } from './session.js';
import { RATE, decode, loudestSecond, play } from './sound.js';
import { talk } from './talk.js';
import { refresh as refreshTeaching, setUpTeaching, showTeaching } from './teach.js';
import { showThreshold } from './threshold.js';
import { Live, drawRecording, showFound } from './timeline.js';
import { wav } from './wav.js';
import { isOnDevice, move, settle, showWhere, there } from './where.js';

const LONG_S = 2; // a longer file is searched, not cut to its loudest second
const EXAMPLES = ['yes', 'stop', 'banana', 'noise', 'several'];

const state = {
  hint: ['ready'], // a key of `words`, and what it is told
  problem: null, // what went wrong: { at, errors }, beside the control that was used
  info: null, // `GET /info`
  report: undefined, // the model's, if it has one
  threshold: null, // as chosen; the model's own until then
  current: null, // the entry that is shown, or a `Live`
  request: { path: 'predict', file: 'word.wav' },
  answer: null, // the last JSON
  task: null, // what is being done, to wait for
  talk: null, // what is being recorded
  stop: null, // ends the listening
};

const usual = () => state.info?.threshold ?? 0.5;
const threshold = () => state.threshold ?? usual();
const counts = (answer) => accepts(answer, threshold());
const query = () => (state.threshold === null ? '' : `?threshold=${state.threshold}`);

// --- What is shown ---

function show() {
  translate();
  showWhere();
  $('private').textContent = say(isOnDevice() ? 'privateDevice' : 'private');
  showHint();
  showExamples();
  showListening();
  if (state.info) showModel(state.info, state.report);
  showKnownWords();
  showTeaching();
  showResults();
  showCode();
}

function know(info) {
  state.info = info;
  learn(info);
}

function hint(...words) {
  state.hint = words;
  state.problem = null;
  showHint();
}

// `at` names the element beside the control that was used: on a phone another one may be out of sight.
function fail(errors, at = 'hint') {
  if (errors.key === 'givenUp') return; // for something else, which says what it does
  for (const { key, message } of [errors].flat()) if (!has(key)) console.warn(message);
  hint('ready');
  state.problem = { at, errors: [errors].flat() };
  showHint();
  $(at).scrollIntoView({ block: 'nearest' });
}

function showHint() {
  const { at, errors } = state.problem ?? {};
  $('hint').textContent = say(...state.hint);
  $('hint').classList.toggle('bad', at === 'hint');
  for (const { id } of document.querySelectorAll('.problem')) $(id).textContent = '';
  const reasons = errors?.map(({ key, file }) => (file ? `${file}: ` : '') + say(has(key) ? key : 'failed'));
  if (at) $(at).textContent = reasons.join('\n');
}

function showResults() {
  const { current } = state;
  const shown = current instanceof Live ? 'recording' : { word: 'answer' }[current?.kind] ?? current?.kind ?? 'nothing';
  for (const id of ['nothing', 'answer', 'recording']) $(id).hidden = id !== shown;
  if (shown === 'answer') showAnswer(current, threshold());
  if (shown === 'recording') showRecording(current);
  draw();
  showThreshold({ threshold: threshold(), usual: usual(), current, report: state.report });
  showHistory(threshold(), { open, replay: ({ samples, rate }) => play(samples, rate) });
}

function showRecording(current) {
  const live = current instanceof Live;
  const { detections } = live ? current : current.answer;
  $('recordingTitle').textContent = live ? say(state.stop ? 'listening' : 'listened') : current.name;
  $('now').textContent = live ? '' : say('found', detections.length, number(current.answer.duration_s, 1));
  $('playAll').hidden = live;
  showFound(detections, live ? () => true : counts, (index) => {
    const { start_s, end_s, samples, rate } = detections[index];
    if (live) return play(samples, rate);
    const middle_s = (start_s + end_s) / 2;
    return play(current.samples.slice(Math.max(0, (middle_s - 0.5) * RATE), (middle_s + 0.5) * RATE));
  });
}

function draw() {
  if (state.current instanceof Live) state.current.draw();
  else if (state.current?.kind === 'word') drawAnswer(state.current, state.info?.log_mel);
  else if (state.current?.kind === 'recording') drawRecording(state.current, counts);
}

function showKnownWords() {
  if (!state.info) return;
  const heard = state.current?.kind === 'word' && counts(state.current.answer) ? state.current.answer.label : '';
  $('words').replaceChildren(...state.info.labels.filter(isKeyword).map((label) =>
    element('li', { textContent: label, lang: languageOf(label), className: label === heard ? 'heard' : '' })));
  $('known').hidden = false;
}

function showExamples() {
  $('examples').replaceChildren(...EXAMPLES.map((example) => {
    const title = say('exampleNames')[example];
    const press = () => work(() => hearExample(`${example}.mp3`), 'filesProblem');
    return element('li', {}, element('button', {
      type: 'button', textContent: title ?? example, lang: title ? '' : 'en', onclick: press,
    }));
  }));
}

function showCode() {
  const kind = document.querySelector('[name=code]:checked').value;
  const answer = state.answer ? JSON.stringify(state.answer, null, 2) : say('noAnswer');
  $('code').textContent = kind === 'json' ? answer : code(kind, state.request);
}

function present(entry) {
  state.current = entry;
  showResults();
  showKnownWords();
  // On a phone it may be out of sight.
  for (const id of ['verdict', 'recording']) $(id).scrollIntoView({ block: 'nearest' });
}

// --- One word, one file, several of them ---

// Runs `task`, one at a time, and not while listening; what only waits for an answer gives way. `at` is for `fail`.
async function work(task, at) {
  if (state.task) {
    if (!api.giveUp()) return;
    await state.task;
  }
  state.task = run(task, at); // at once if it can be, so that what is pressed can be released
  await state.task;
}

async function run(task, at) {
  if (state.problem) hint(...state.hint); // it was another task's
  if (state.stop) await state.stop(); // at once if not, so that what is pressed can be released
  $('ask').classList.add('busy');
  try {
    await task();
  } catch (error) {
    fail(error, at);
  } finally {
    state.task = null;
    $('ask').classList.remove('busy');
  }
}

async function hear(recording) {
  hint('thinking');
  try {
    await answer(recording);
  } catch (error) {
    state.current = null; // an older answer would seem to be this one's
    showResults();
    showKnownWords();
    throw error;
  }
  hint('again');
}

async function answer({ blob, name: file, source, samples }) {
  samples ??= await decode(blob);
  const isLong = samples?.length > LONG_S * RATE && source !== 'microphone';
  const entry = isLong ? { kind: 'recording', source, name: file, samples, blob } : { kind: 'word', source, name: file, samples };
  if (isLong) await search(entry);
  else {
    const { start, samples: second } = samples ? loudestSecond(samples) : {};
    Object.assign(entry, { second, start });
    // Of the microphone just the second that is heard, so that the server sees the very same samples.
    entry.answer = await ask('predict', source === 'microphone' ? wav(second) : blob, file);
    $('spoken').textContent = spoken(entry.answer, threshold());
    setSaved(entry);
  }
  if (source !== 'live') remember(entry); // what was heard while listening is in the history already
  present(entry);
}

async function search(entry) {
  entry.answer = await ask('detect', entry.blob, entry.name);
  $('spoken').textContent = [
    say('found', entry.answer.detections.length, number(entry.answer.duration_s, 1)),
    entry.answer.detections.map(({ label }) => label).join(', '),
  ].filter(Boolean).join(': ');
}

async function ask(path, recording, file) {
  state.request = { path: path + query(), file };
  try {
    state.answer = await (await there())[path](recording, file, query());
    return state.answer;
  } catch (error) {
    state.answer = error.answer ?? null;
    throw error;
  } finally {
    showCode();
  }
}

const give = (files) => work(() => hearFiles(files), 'filesProblem');

async function hearFiles(files) {
  const refusals = [];
  for (const file of files) {
    try {
      await hear({ blob: file, name: file.name, source: 'file' });
    } catch (error) {
      if (error.key === 'givenUp') throw error;
      refusals.push(Object.assign(error, { file: files.length > 1 && file.name }));
      remember({ kind: 'refused', source: 'file', name: file.name });
      showResults();
    }
  }
  if (refusals.length) fail(refusals, 'filesProblem');
}

async function hearExample(file) {
  const blob = await api.reach(`examples/${file}`, api.file, { givesWay: true });
  await hear({ blob, name: file, source: 'example' });
}

function setSaved({ second }) {
  if ($('save').href) URL.revokeObjectURL($('save').href);
  if (second) $('save').href = URL.createObjectURL(wav(second));
}

// Shows an entry of the history again; of a command heard while listening the server is asked anew.
function open(entry) {
  if (entry.kind === 'heard') {
    return work(() => hear({ blob: wav(entry.samples, entry.rate), name: entry.name, source: 'live' }));
  }
  if (entry.kind === 'word') setSaved(entry);
  present(entry);
}

function press() {
  if (state.stop) return undefined; // the microphone is in use
  if (state.talk) return state.talk.stop();
  return work(async () => {
    hint('allow');
    $('record').classList.add('on');
    state.talk = talk((done, block) => {
      if (state.hint[0] !== 'speak') hint('speak');
      $('record').style.setProperty('--done', done);
      meter.measure(block);
    });
    let samples;
    try {
      samples = await state.talk.samples;
    } finally {
      state.talk = null;
      $('record').classList.remove('on');
      meter.reset();
    }
    await hear({ samples, name: 'microphone.wav', source: 'microphone' });
  });
}

// --- Listening ---

function showListening() {
  $('listen').textContent = say(state.stop ? 'stopListening' : 'startListening');
  $('listen').ariaPressed = Boolean(state.stop);
  $('record').ariaDisabled = Boolean(state.stop);
  $('ask').classList.toggle('listening', Boolean(state.stop));
}

function startListening() {
  const live = new Live();
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  return work(async () => {
    hint('allow');
    const { listen } = await import('./listen.js').catch(() => { // few listen: it need not weigh on the others
      throw new api.Refusal('away');
    });
    state.request = { path: `stream?sample_rate=${RATE}${query().replace('?', '&')}` };
    state.answer = null;
    state.stop = await listen(query().replace('?', '&'), {
      onBlock(block) {
        if (live.bars.length === 0) {
          hint('listeningHint');
          present(live);
        }
        live.push(block);
        meter.measure(block);
        const every = still.matches ? 20 : 1; // of 20 blocks a second
        if (state.current === live && live.bars.length % every === 0) live.draw();
      },
      onDetection: (detection, samples, rate) => heard(live, { ...detection, samples, rate }),
      onScore({ label, confidence }) {
        if (state.current === live) $('now').textContent = say('now', name(label), percent(confidence, 0));
      },
      onEnd(error) {
        state.stop = null;
        meter.reset();
        showListening();
        showResults();
        if (error) fail(error);
        else hint('ready');
      },
    });
    showListening();
    showResults();
    showCode();
  });
}

function heard(live, detection) {
  const { samples, rate, ...plain } = detection;
  live.detections.unshift(detection);
  state.answer = plain;
  remember({ kind: 'heard', source: 'live', name: `${plain.label}.wav`, detection: plain, samples, rate });
  $('spoken').textContent = `${plain.label}, ${percent(plain.confidence)}`;
  showResults();
  showCode();
}

// --- Wiring ---

onHold($('record'), press, () => state.talk?.release());

$('listen').addEventListener('click', () => (state.stop ? state.stop() : startListening()));
addEventListener('pagehide', () => state.stop?.());
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') state.stop?.();
});

$('file').addEventListener('change', ({ target }) => {
  const files = [...target.files];
  target.value = ''; // the same file may be chosen again
  give(files);
});
for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  // Anywhere on the page: a file that misses would otherwise replace it.
  addEventListener(kind, (event) => {
    event.preventDefault();
    $('files').classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
  });
}
addEventListener('drop', ({ dataTransfer }) => give([...dataTransfer.files]));
addEventListener('paste', ({ clipboardData }) => {
  const files = [...clipboardData.files];
  if (files.length) give(files);
});

$('play').addEventListener('click', () => play(state.current.samples));
$('playAll').addEventListener('click', () => play(state.current.samples));

$('threshold').addEventListener('input', ({ target }) => choose(Number(target.value)));
$('threshold').addEventListener('change', searchAgain);
$('usualThreshold').addEventListener('click', () => {
  choose(null);
  $('threshold').focus(); // the button goes
  searchAgain();
});

function choose(chosen) {
  state.threshold = chosen;
  showResults();
  showKnownWords();
}

// A word's probability is known; where in a recording one is detected depends on the threshold.
function searchAgain() {
  const entry = state.current;
  if (entry?.kind !== 'recording') return;
  work(async () => {
    await search(entry);
    showResults();
  });
}

$('export').addEventListener('click', () => {
  const href = URL.createObjectURL(new Blob([csv(counts)], { type: 'text/csv' }));
  element('a', { href, download: 'heard.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000); // the download has begun by then
});
$('clear').addEventListener('click', () => {
  entries.length = 0;
  if (!(state.current instanceof Live)) state.current = null;
  showResults();
  $('record').focus(); // the button goes with the list
});

$('languages').addEventListener('change', showCode);
$('copy').addEventListener('click', async () => {
  getSelection().selectAllChildren($('code')); // what a page without https can do
  const isCopied = await navigator.clipboard?.writeText($('code').textContent).then(() => true, () => false);
  $('copy').textContent = say(isCopied ? 'copied' : 'selected');
  setTimeout(() => { $('copy').textContent = say('copy'); }, 1500);
});

for (const button of document.querySelectorAll('[data-where]')) {
  button.addEventListener('click', () => work(async () => {
    know(await move(button.dataset.where));
    await refreshTeaching();
    show();
  }));
}

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    speakIn(button.dataset.language);
    show();
  });
}

setUpTeaching({
  work: (task) => work(task, 'teachProblem'),
  async changed() {
    know(await (await there()).info());
    showModel(state.info, state.report);
    showKnownWords();
  },
});

// On a phone the answer comes right below the button, for the eye and for the Tab key alike.
function placeAnswer() {
  const isWide = getComputedStyle(document.querySelector('main')).display === 'grid';
  const before = $(isWide ? 'nothing' : 'ask');
  if (before.nextElementSibling !== $('answer')) before.after($('answer'), $('recording'));
}

new ResizeObserver(() => {
  placeAnswer();
  draw();
}).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

async function begin() {
  show();
  meter.reset();
  know(await settle(fail));
  show();
  await refreshTeaching();
  state.report = reportOf(state.info, await api.report());
  show();
}

begin().catch(fail);
