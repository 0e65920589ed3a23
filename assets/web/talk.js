// One recording from the microphone: as long as the button is held, or a while after a tap.

import { Refusal, giveUp } from './api.js';
import { open } from './microphone.js';
import { concat, decode } from './sound.js';
import { wav } from './wav.js';

const TAP_S = 2; // the loudest second is heard: this leaves time to begin
const HELD_S = 10;
const SHORTEST_S = 0.4; // what is held for less was tapped, and what is recorded for less holds no word
const TAIL_S = 0.2; // people let go while they still speak

// Records from now on. `release()` says that the button was let go, `stop()` ends it in any case;
// `samples` resolves to what was heard, at 16 kHz, and rejects if that is too little. `onSound(done, block)` hears each block.
export function talk(onSound) {
  const blocks = [];
  let limit_s = HELD_S;
  let heard_s = 0;
  let end;
  const ended = new Promise((resolve) => { end = resolve; }); // why: the refusal of what is too little
  return {
    release() {
      limit_s = heard_s < SHORTEST_S ? TAP_S : heard_s + TAIL_S;
    },
    stop() {
      giveUp(); // the microphone, if it is not allowed yet
      end('givenUp');
    },
    samples: (async () => {
      const microphone = await open((block) => {
        blocks.push(block);
        heard_s += block.length / microphone.rate;
        onSound(Math.min(1, heard_s / limit_s), block);
        if (heard_s >= limit_s) end();
      }, () => end('NotFoundError'));
      const why = await ended;
      await microphone.close();
      if (heard_s < SHORTEST_S) throw new Refusal(why);
      return decode(wav(concat(blocks), microphone.rate)); // the samples as they will be sent
    })(),
  };
}
