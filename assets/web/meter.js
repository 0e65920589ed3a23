// How loud the microphone is, and whether that will do.

import { isClipped, isQuiet } from './answer.js';
import { $ } from './dom.js';
import { say } from './language.js';
import { loudness, peak } from './sound.js';

const FLOOR_DB = -60;
const REMEMBERED = 40; // blocks, of which there are 20 a second
const PATIENCE = 20; // blocks before silence is called too quiet

let recent = [];
let isHeard = false; // loud enough once: what is quiet after it is a pause

export function measure(block) {
  const loudest = peak(block);
  recent = [...recent, loudest].slice(-REMEMBERED);
  const db = loudness(loudest, FLOOR_DB);
  $('meter').ariaValueNow = Math.round(db);
  $('meter').style.setProperty('--level', 1 - db / FLOOR_DB);
  $('record').style.setProperty('--level', loudest);
  show(judge());
}

export function reset() {
  [recent, isHeard] = [[], false];
  $('meter').ariaValueNow = FLOOR_DB;
  $('meter').style.setProperty('--level', 0);
  $('record').style.setProperty('--level', 0);
  $('record').style.setProperty('--done', 0);
  show('');
}

function judge() {
  const loudest = Math.max(...recent);
  if (isClipped(loudest)) return 'clipped';
  isHeard ||= !isQuiet(loudest);
  return recent.length > PATIENCE && !isHeard ? 'tooQuiet' : '';
}

function show(problem) {
  const words = problem && say(problem);
  if ($('loudness').textContent !== words) $('loudness').textContent = words; // said once, not 20 times a second
  $('meter').className = `meter ${problem}`;
}
