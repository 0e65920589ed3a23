// Pictures of sound, in the colours of the style sheet.

import { loudness } from './sound.js';

const QUIET_DB = -48; // what is quieter draws as a line

// Fits a canvas to its box and the screen's pixels, and paints it in its box's units.
function paint(canvas, painter) {
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext('2d');
  context.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  painter(context, { width, height, style, colour: (name) => style.getPropertyValue(`--${name}`) });
}

const BAR = 3; // px from bar to bar
export const nBars = (canvas) => Math.max(1, Math.floor(canvas.clientWidth / BAR));

// Peaks over time as bars, and `marks`, each `{ from, to, label, faint }` in shares of the width.
export function drawSound(canvas, peaks, marks) {
  paint(canvas, (context, { width, height, style, colour }) => {
    const top = marks.some(({ label }) => label) ? 22 : 0;
    const middle = top + (height - top) / 2;
    context.font = `600 13px ${style.fontFamily}`;
    context.textBaseline = 'middle';
    let free = 0; // where the next label may begin
    for (const { from, to, label, faint } of marks.toSorted((a, b) => a.from - b.from)) {
      context.globalAlpha = faint ? 0.35 : 1;
      context.fillStyle = colour('mark');
      context.beginPath();
      context.roundRect(from * width, top, (to - from) * width, height - top, 6);
      context.fill();
      if (!label) continue;
      const wide = context.measureText(label).width;
      const left = Math.max(0, Math.min(width - wide, ((from + to) * width - wide) / 2));
      if (left < free) continue;
      context.fillStyle = colour('accent-text');
      context.fillText(label, left, 10);
      free = left + wide + 6;
    }
    context.globalAlpha = 1;
    const bar = width / peaks.length;
    peaks.forEach((peak, i) => {
      const at = (i + 0.5) / peaks.length;
      const inside = marks.some(({ from, to, faint }) => !faint && from <= at && at <= to);
      context.fillStyle = colour(inside ? 'accent' : 'wave');
      const tall = Math.max(1.5, (1 - loudness(peak, QUIET_DB) / QUIET_DB) * (height - top - 4));
      context.beginPath();
      context.roundRect(i * bar + bar * 0.15, middle - tall / 2, bar * 0.7, tall, bar / 2);
      context.fill();
    });
  });
}

// A row of `features` is a frame; frequency goes up. Each value is one cell, as the network gets it.
export function drawSpectrogram(canvas, features) {
  const [nFrames, nBands] = [features.length, features[0].length];
  const values = features.flat();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  paint(canvas, (context, { width, height, colour }) => {
    const ramp = [0, 1, 2, 3, 4].map((i) => rgb(colour(`heat-${i}`)));
    const cells = new OffscreenCanvas(nFrames, nBands);
    const image = new ImageData(nFrames, nBands);
    features.forEach((row, frame) => row.forEach((value, band) => {
      const share = (value - low) / (high - low || 1);
      image.data.set([...between(ramp, share), 255], 4 * ((nBands - 1 - band) * nFrames + frame));
    }));
    cells.getContext('2d').putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(cells, 0, 0, width, height);
  });
}

const rgb = (hex) => hex.trim().match(/[\da-f]{2}/gi).map((part) => parseInt(part, 16));

function between(ramp, share) {
  const at = share * (ramp.length - 1);
  const i = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[i].map((from, channel) => from + (at - i) * (ramp[i + 1][channel] - from));
}
