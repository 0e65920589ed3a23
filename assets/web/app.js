// The page: what is pressed, dropped or said is answered on the server or on this device, and the answer is shown.

import * as api from './api.js';
import { accepts, drawAnswer, showAnswer, spoken } from './answer.js';
import { $, element, onFiles, onHold, refill } from './dom.js';
import { addToHistory, showHistory } from './history.js';
import { isKeyword, keep, languageOf, learn, name, number, percent, recall, say, speakIn, translate } from './language.js';
import * as meter from './meter.js';
import { reportOf, showModel } from './model.js';
import { csv, entries, remember } from './session.js';
import { RATE, decode, loudestSecond, play } from './sound.js';
import { talk } from './talk.js';
import { refresh as refreshTeaching, setUpTeaching, showTeaching, teaches } from './teach.js';
import { showThreshold } from './threshold.js';
import { Live, addFound, drawRecording, showFound } from './timeline.js';
import { wav } from './wav.js';
import { askThere, forTask, isOnDevice, move, settle, showWhere } from './where.js';
import { clearProblem, fail, forgive, hint, listening, showHint, whenIdle, work } from './work.js';

const LONG_S = 2; // a longer file is searched, not cut to its loudest second
const LARGE = 16 * 2 ** 20; // bytes of a file, over which its samples are sent if they are fewer
const MOST_LOST = 30; // times that it looks for a server that was lost
const LOOK_MS = 2000; // from one look to the next
const EXAMPLES = ['yes', 'stop', 'banana', 'noise', 'several'];

const state = {
  info: null, // `GET /info`
  shipped: undefined, // the report of the shipped model
  threshold: null, // as chosen; the model's own until then
  current: null, // the entry that is shown, or a `Live`
  request: { path: 'predict', file: 'word.wav' },
  answer: null, // the last JSON
  talk: null, // what is being recorded
  live: null, // what is listened to, until that is to end
  listens: false, // as was asked for last
  isLost: false, // while it waits to listen again
  nLost: 0, // how often the server was looked for since it was heard last
};

const usual = () => state.info?.threshold ?? 0.5;
const threshold = () => state.threshold ?? usual();
const counts = (answer) => accepts(answer, threshold());
const query = () => (state.threshold === null ? '' : `?threshold=${state.threshold}`);
const report = () => state.info && reportOf(state.info, state.shipped); // of the model that answers

// --- What is shown ---

function show() {
  translate();
  showWhere();
  $('private').textContent = isOnDevice() ? say('privateDevice') : say('private', teaches());
  showHint();
  showExamples();
  showListening();
  if (state.info) showModel(state.info, report());
  showKnownWords();
  showTeaching();
  showResults();
  showCode();
}

function know(info) {
  state.info = info;
  learn(info);
}

function showResults() {
  const { current } = state;
  const shown = current instanceof Live ? 'recording' : { word: 'answer' }[current?.kind] ?? current?.kind ?? 'nothing';
  for (const id of ['nothing', 'answer', 'recording']) $(id).hidden = id !== shown;
  if (shown === 'answer') showAnswer(current, threshold());
  if (shown === 'recording') showRecording(current);
  draw();
  showSure();
  showHistory(threshold(), { open, replay });
}

const showSure = () => showThreshold({ threshold: threshold(), usual: usual(), current: state.current, report: report() });

const replay = ({ samples, rate }) => play(samples, rate);

function showRecording(current) {
  const live = current instanceof Live;
  const { detections } = live ? current : current.answer;
  $('recordingTitle').textContent = live ? say(listening.stop ? 'listening' : 'listened') : current.name;
  $('now').textContent = live ? '' : say('found', detections.length, number(current.answer.duration_s, 1));
  $('playAll').hidden = !current.samples;
  showFound(detections, counts, live ? replay : current.samples && (({ start_s, end_s }) => {
    const middle_s = (start_s + end_s) / 2;
    play(current.samples.slice(Math.max(0, (middle_s - 0.5) * RATE), (middle_s + 0.5) * RATE));
  }));
}

function draw() {
  if (state.current instanceof Live) state.current.draw(counts);
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
  refill($('examples'), EXAMPLES.map((example) => {
    const title = say('exampleNames')[example];
    const press = () => work(() => hearExample(`${example}.mp3`), 'filesProblem');
    return element('li', {}, element('button', {
      type: 'button', textContent: title ?? example, lang: title ? '' : 'en', onclick: press,
    }));
  }));
}

async function showCode() {
  if (!$('developers').open) return;
  // Few look: it need not weigh on the others.
  const { code } = await import('./code.js').catch(() => ({ code: () => say('away') }));
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

async function hear(recording, which) {
  hint('thinking', which);
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
  // What this browser cannot read is searched in any case: the server tells how long it is.
  const found = samples ? undefined : await detect(blob, file);
  const length_s = samples ? samples.length / RATE : found.answer.duration_s;
  // A server refuses what is large, as a video is.
  if (samples && blob?.size > Math.max(LARGE, 44 + 2 * samples.length)) blob = wav(samples);
  const isLong = length_s > LONG_S && source !== 'microphone';
  const entry = { kind: isLong ? 'recording' : 'word', source, name: file, samples };
  if (isLong) await search(Object.assign(entry, { blob }), found);
  else await recognise(entry, blob);
  if (source !== 'live') remember(entry); // what was heard while listening is in the history already
  present(entry);
}

async function recognise(entry, blob) {
  const { start, samples: second } = entry.samples ? loudestSecond(entry.samples) : {};
  Object.assign(entry, { second, start });
  // Of the microphone just the second that is heard, so that the server sees the very same samples.
  entry.answer = await ask('predict', blob ?? wav(second), entry.name);
  $('spoken').textContent = spoken(entry.answer, threshold());
  setSaved(entry);
}

async function search(entry, found) {
  Object.assign(entry, found ?? await detect(entry.blob, entry.name));
  while (isOutdated(entry)) { // it was moved meanwhile
    const again = await detect(entry.blob, entry.name).catch((error) => {
      if (error.key === 'givenUp') throw error;
    });
    if (!again) break; // what was found stays, and is searched again when it is opened
    Object.assign(entry, again);
  }
  $('spoken').textContent = [
    say('found', entry.answer.detections.length, number(entry.answer.duration_s, 1)),
    entry.answer.detections.map(({ label }) => label).join(', '),
  ].filter(Boolean).join(': ');
}

// An answer, with the threshold that it is asked by.
const detect = async (blob, file) => ({ threshold: threshold(), answer: await ask('detect', blob, file) });

async function ask(path, recording, file) {
  const asked = query(); // the threshold may be moved meanwhile
  try {
    const place = await api.yielding(forTask());
    state.request = { path: path + asked, file, isHere: isOnDevice() };
    state.answer = await place[path](recording, file, asked, (share) => hint('thinking', percent(share, 0)));
    await learnOf(state.answer.predictions ?? state.answer.detections);
    return state.answer;
  } catch (error) {
    state.answer = error.answer ?? null;
    throw error;
  } finally {
    showCode();
  }
}

// Asks for the words again if there is one among the answers that the page does not know: another page has taught it.
async function learnOf(answers) {
  if (answers.every(({ label }) => state.info?.labels.includes(label))) return;
  await learnAgain().catch(() => {}); // what was heard is known all the same
  await refreshTeaching();
}

async function learnAgain() {
  know(await askThere((place) => place.info()));
  showModel(state.info, report());
  showKnownWords();
  showResults(); // another model has another threshold
}

const give = (files) => work(() => hearFiles(files), 'filesProblem');

async function hearFiles(files) {
  const refusals = [];
  const fault = (why, ...files) => {
    for (const { name } of files) remember({ kind: 'fault', source: 'file', name, why });
    showResults();
  };
  for (const [i, file] of files.entries()) {
    try {
      await hear({ blob: file, name: file.name, source: 'file' }, files.length > 1 ? `${i + 1}/${files.length}` : '');
    } catch (error) {
      if (error.key === 'givenUp') {
        if (files.length > 1) fault('unanswered', ...files.slice(i));
        throw error;
      }
      refusals.push(Object.assign(error, { file: files.length > 1 && file.name }));
      fault(error.key, file);
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

// Shows an entry of the history again; a command heard while listening is answered anew.
function open(entry) {
  if (entry.kind === 'heard') {
    return work(() => hear({ blob: wav(entry.samples, entry.rate), name: entry.name, source: 'live' }));
  }
  if (entry.kind === 'word') setSaved(entry);
  if (isOutdated(entry)) {
    return work(async () => {
      await search(entry);
      present(entry);
    });
  }
  return present(entry);
}

function press() {
  if (isHearing()) return undefined; // the microphone is in use
  if (state.talk) return state.talk.stop();
  return work(async () => {
    hint('allow');
    $('record').classList.add('on');
    state.talk = talk((done, block) => {
      hint('speak');
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

const isHearing = () => Boolean(listening.stop) && !state.isLost;

function showListening() {
  $('listen').textContent = say(listening.stop ? 'stopListening' : 'startListening');
  $('listen').ariaPressed = Boolean(listening.stop);
  $('record').ariaDisabled = isHearing();
  $('ask').classList.toggle('listening', Boolean(listening.stop));
}

function stopBy(stop) {
  listening.stop = stop;
  showListening();
}

function stopListening() {
  state.listens = false;
  return listening.stop?.();
}

function startListening() {
  state.listens = true;
  return work(beginListening);
}

async function beginListening() {
  if (!state.listens) throw new api.Refusal('givenUp'); // while what went before ended
  hint('allow');
  stopBy(api.giveUp); // until the microphone is open
  try {
    const { listen } = await api.yielding(import('./listen.js').catch(() => { // few listen: it need not weigh on the others
      throw new api.Refusal('away');
    }));
    state.live = new Live(threshold());
    state.request = { path: `stream?sample_rate=${RATE}${query().replace('?', '&')}`, isHere: isOnDevice() };
    state.answer = null;
    stopBy(await listen(query().replace('?', '&'), hearing(state.live)));
  } catch (error) {
    stopBy(null);
    throw error;
  }
  showResults();
  showCode();
}

// Hears what comes while it listens.
function hearing(live) {
  const every = matchMedia('(prefers-reduced-motion: reduce)').matches ? 20 : 1; // of 20 blocks a second
  return {
    onBlock(block) {
      if (live.bars.length === 0) {
        hint('listeningHint');
        present(live);
      }
      live.push(block);
      meter.measure(block);
      if (state.current === live && live.bars.length % every === 0) draw();
    },
    onDetection: (detection, samples, rate) => heard(live, detection, { samples, rate }),
    onScore({ label, confidence }) {
      state.nLost = 0;
      if (state.current === live) $('now').textContent = say('now', name(label), percent(confidence, 0));
    },
    onChanged: hearAnew,
    onStop() {
      state.live = null;
    },
    onEnd(error) {
      stopBy(null);
      meter.reset();
      showResults();
      if (error?.key === 'lost') listenAgain();
      else if (error) fail(error);
      else hint('ready');
    },
  };
}

const pause = (ms) => new Promise((go) => { setTimeout(go, ms); });

// The words have changed, which what listens does not hear.
function hearAnew() {
  if (listening.stop && state.live) startListening();
  learnAgain().then(refreshTeaching, () => {});
}

// Waits for the server that was lost, until something else is asked, and listens again.
async function listenAgain() {
  state.isLost = true;
  stopBy(() => {
    state.isLost = false;
    stopBy(null);
    hint('ready');
  });
  const { stop } = listening;
  fail(new api.Refusal('lostAgain'));
  for (let next = pause(1000); state.nLost < MOST_LOST;) {
    state.nLost += 1;
    await next;
    next = pause(LOOK_MS);
    const isBack = await api.isThere(LOOK_MS);
    if (listening.stop !== stop) return;
    if (isBack) return startListening();
  }
  stop();
  fail(new api.Refusal('lost'));
}

// Adds to what is shown: to show everything anew would take longer with every word.
function heard(live, detection, sound) {
  const { label, confidence } = detection;
  const entry = remember({ kind: 'heard', source: 'live', name: `${label}.wav`, detection, ...sound });
  live.add({ ...detection, ...sound });
  if (state.current === live) addFound(live.detections[0], counts, replay);
  addToHistory(entry, threshold(), { open, replay });
  showSure();
  if (counts(detection)) $('spoken').textContent = `${label}, ${percent(confidence)}`;
  state.answer = detection;
  showCode();
  learnOf([detection]);
}

// --- Wiring ---

onHold($('record'), press, () => state.talk?.release());

$('listen').addEventListener('click', () => (listening.stop ? stopListening() : startListening()));
addEventListener('pagehide', stopListening);
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') stopListening();
});

onFiles($('file'), give);
for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  // Anywhere on the page: a file that misses would otherwise replace it. Text may be dragged into a field.
  addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    $('files').classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
    if (kind === 'drop') give([...event.dataTransfer.files]);
  });
}
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
  keep('threshold', chosen ?? '');
  showResults();
  showKnownWords();
}

const chosenBefore = Number.parseFloat(recall('threshold'));
if (chosenBefore >= 0 && chosenBefore <= 1) state.threshold = chosenBefore; // other pages of the origin may keep one

// A word's probability is known; what is detected, and how surely, in a recording or live, depends on the threshold.
const isOutdated = (entry) => entry?.kind === 'recording' && entry.threshold !== threshold();

function searchAgain() {
  const { current, live } = state;
  if (isOutdated(current)) {
    work(async () => {
      await search(current);
      hint('again');
      showResults();
    });
  } else if (listening.stop && threshold() < live?.threshold) startListening(); // which ends what went before
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

$('developers').addEventListener('toggle', showCode);
$('languages').addEventListener('change', showCode);
$('copy').addEventListener('click', async () => {
  getSelection().selectAllChildren($('code')); // what a page without https can do
  const isCopied = await navigator.clipboard?.writeText($('code').textContent).then(() => true, () => false);
  $('copy').textContent = say(isCopied ? 'copied' : 'selected');
  setTimeout(() => { $('copy').textContent = say('copy'); }, 1500);
});

for (const button of document.querySelectorAll('[data-where]')) {
  button.addEventListener('click', () => arrive(move(button.dataset.where)));
}
addEventListener('wordschanged', () => isOnDevice() && hearAnew()); // by another page
addEventListener('visibilitychange', () => { // another client may have taught or forgotten a word
  if (!document.hidden) learnAgain().then(refreshTeaching, () => {});
});
addEventListener('wordslost', () => whenIdle().then(() => fail(new api.Refusal('wordsLost'))));

// What is asked before a place can answer waits for it, so that nothing has to give way to the move but the listening.
async function arrive(arriving) {
  clearProblem();
  show();
  try {
    const [info] = await Promise.all([arriving, stopListening()]);
    if (info) know(info);
  } catch (error) {
    await listening.stop?.(); // whose end has words of its own
    fail(error);
  }
  await refreshTeaching();
  document.body.classList.remove('beginning');
  show();
}

const away = new api.Refusal('away');
for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => speakIn(button.dataset.language).then(() => {
    forgive(away);
    show();
  }, () => fail(away)));
}

setUpTeaching(learnAgain);

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
  meter.reset();
  await arrive(settle((info) => {
    if (info) know(info);
    show();
  }));
  if (!state.info) return;
  state.shipped = await api.report();
  show();
}

begin().catch(fail);
