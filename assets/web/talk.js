// One recording from the microphone: as long as the button is held, or a while after a tap.

import { open } from './microphone.js';
import { concat, decode } from './sound.js';
import { wav } from './wav.js';

const TAP_S = 2; // the loudest second is heard: this leaves time to begin
const HELD_S = 10;
const SHORTEST_HOLD_S = 0.4; // what is shorter was a tap
const TAIL_S = 0.2; // people let go while they still speak

// Records from now on. `release()` says that the button was let go, `stop()` ends it in any case;
// `samples` resolves to what was heard, at 16 kHz. `onSound(done, block)` hears each block.
export function talk(onSound) {
  let limit_s = HELD_S;
  let heard_s = 0;
  let end = () => {};
  return {
    release() {
      limit_s = heard_s < SHORTEST_HOLD_S ? TAP_S : heard_s + TAIL_S;
    },
    stop: () => end(),
    samples: (async () => {
      const blocks = [];
      const ended = new Promise((resolve) => {
        end = resolve;
      });
      const microphone = await open((block) => {
        blocks.push(block);
        heard_s += block.length / microphone.rate;
        onSound(Math.min(1, heard_s / limit_s), block);
        if (heard_s >= limit_s) end();
      }, end);
      await ended;
      await microphone.close();
      return decode(wav(concat(blocks), microphone.rate)); // the samples as they will be sent
    })(),
  };
}
