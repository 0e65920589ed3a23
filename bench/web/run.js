// run.js node|chromium ONNX ROUNDS prints what `measure` returns, as JSON.

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const [where, onnx, rounds] = process.argv.slice(2);

async function inNode() {
  const [{ measure }, { Recognizer }, ort] = await Promise.all([
    import('./measure.js'), import('../../assets/web/device/index.js'), import('onnxruntime-web'),
  ]);
  const record = readFileSync(join(ROOT, 'assets/model.safetensors'));
  return measure({ Recognizer, ort, record, onnx: readFileSync(onnx), rounds: Number(rounds) });
}

async function inChromium() {
  const { chromium } = await import('playwright-core');
  const server = createServer(({ url }, response) => {
    const path = url === '/network.onnx' ? onnx : join(ROOT, normalize(url));
    const body = url === '/' ? '<!doctype html>' : existsSync(path) && readFileSync(path);
    response.writeHead(body ? 200 : 404, { 'Content-Type': TYPES[extname(path)] ?? 'text/html' });
    response.end(body || '');
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || BROWSERS.find(existsSync) });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const result = await page.evaluate(async (n) => {
    const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
    const [{ measure }, { Recognizer }, ort] = await Promise.all([
      import('/bench/web/measure.js'), import('/assets/web/device/index.js'),
      import('/bench/web/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs'),
    ]);
    const [record, network] = await Promise.all([bytes('/assets/model.safetensors'), bytes('/network.onnx')]);
    return measure({ Recognizer, ort, record, onnx: network, rounds: n });
  }, Number(rounds));
  await browser.close();
  server.close();
  return result;
}

process.stdout.write(JSON.stringify(await (where === 'node' ? inNode() : inChromium())));
