// A server, a browser with a microphone of its own, and what the tests do again and again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

export const REPOSITORY = resolve(import.meta.dirname, '../../../..');
const TARGET = resolve(REPOSITORY, process.env.CARGO_TARGET_DIR ?? 'target');
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const EXAMPLES = ['yes', 'stop', 'banana', 'noise', 'several'];
export const GOLDEN = join(REPOSITORY, 'crates/sc-data/tests/golden');
export const example = (name) => join(REPOSITORY, 'assets/web/examples', `${name}.mp3`);
export const folder = mkdtempSync(join(tmpdir(), 'page-')); // for what the tests leave to look at

// The server that cargo built, on a free port.
export async function serve(...options) {
  const server = spawn(join(TARGET, 'debug/sc-server'), ['--port', '0', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface(server.stderr)) {
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address) {
      server.stderr.resume();
      const stop = () => {
        const gone = once(server, 'exit');
        server.kill('SIGKILL'); // SIGTERM would let it finish first
        return gone;
      };
      return { address, stop, hang: () => server.kill('SIGSTOP') };
    }
  }
  throw new Error('the server did not start');
}

// A browser whose microphone plays `wav` over and over, if there is one.
export function launch({ wav, options = [] } = {}) {
  const microphone = wav
    ? ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${wav}`]
    : [];
  return chromium.launch({
    executablePath: process.env.CHROMIUM || BROWSERS.find(existsSync),
    args: ['--autoplay-policy=no-user-gesture-required', ...microphone, ...options],
  });
}

// Keeps whatever a page opens, to see that it closes it.
function watch() {
  window.opened = { tracks: [], contexts: [], sockets: [] };
  const media = navigator.mediaDevices;
  const getUserMedia = media?.getUserMedia.bind(media);
  if (media) media.getUserMedia = async (wanted) => {
    const stream = await getUserMedia(wanted);
    window.opened.tracks.push(...stream.getTracks());
    return stream;
  };
  for (const [kind, list] of [['AudioContext', 'contexts'], ['WebSocket', 'sockets']]) {
    window[kind] = class extends window[kind] {
      constructor(...values) {
        super(...values);
        window.opened[list].push(this);
      }
    };
  }
}

// The browser's own words where listening ends before the server has answered.
const STOPPED = /WebSocket is closed before the connection is established/;

// A page of its own; `problems` gathers what the console complains of.
export async function visit(browser, address, { problems = [], path = '/', ...options } = {}) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !STOPPED.test(message.text())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.stack));
  page.on('dialog', (dialog) => dialog.accept());
  await page.addInitScript(watch);
  await page.goto(address + path);
  await page.waitForSelector('#known:not([hidden])');
  return page;
}

// What of all that was opened still runs, once it had time to end.
export const running = (page) => page.evaluate(async () => {
  const alive = () => [
    ...window.opened.tracks.filter((track) => track.readyState !== 'ended'),
    ...window.opened.contexts.filter((context) => context.state !== 'closed'),
    ...window.opened.sockets.filter((socket) => socket.readyState !== WebSocket.CLOSED),
  ].length;
  for (let tries = 0; alive() && tries < 30; tries += 1) await new Promise((go) => { setTimeout(go, 100); });
  return alive();
});

export const press = (page, name) =>
  page.click(`#examples li:nth-child(${1 + EXAMPLES.indexOf(name)}) button`);

// Waits until the hint, or what is said of a problem elsewhere, matches.
export const hint = (page, pattern, id = 'hint') => page.waitForFunction(
  ([source, id]) => new RegExp(source, 'u').test(document.getElementById(id).textContent), [pattern.source, id]);

// Waits until the page has said something that matches.
export const hears = (page, pattern) => hint(page, pattern, 'spoken');

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// What axe-core finds, a line for each rule that is broken.
export async function audit(page) {
  await page.evaluate(axe); // as a script element the page's policy would refuse it
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ target }) => target.join(' ')) }));
}
