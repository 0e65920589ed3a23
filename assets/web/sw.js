// Keeps the page for when there is no network. With one, every file comes from it, so that all are of one version;
// without, all are of the version that was kept whole.

const LIST = 'files.json'; // { version, files }
const MODEL = 'model.safetensors'; // a server with a model of its own does not hand it out
const SILENCE_MS = 5000; // a server that says nothing for so long counts as away
const AWAY_MS = 30_000; // for so long it is asked for nothing: the page comes at once, and of one version
const PAGE = `page at ${self.registration.scope}, version `; // other pages of this origin have caches of their own

let silentUntil = 0; // in milliseconds, as `Date.now()`

async function keep() {
  const [list, model] = await Promise.all([LIST, MODEL].map((path) => fetch(path, { cache: 'no-cache' })));
  if (!model.ok && model.status !== 404) throw new Error(`${MODEL}: ${model.status}`); // what was kept has it
  const { version, files } = await list.clone().json();
  const name = `${PAGE}${version} ${model.headers.get('ETag')}`;
  const cache = await caches.open(name);
  if (!await cache.match(LIST)) {
    await cache.addAll(files.map((path) => new Request(path, { cache: 'no-cache' })));
    if (model.ok) await cache.put(MODEL, model);
    await cache.put(LIST, list); // last: the version is whole
  }
  for (const other of await caches.keys()) if (other !== name && other.startsWith(PAGE)) await caches.delete(other);
}

async function answer(request) {
  const kept = await caches.match(request.url, { ignoreSearch: true });
  if (Date.now() < silentUntil) return kept ?? Response.error();
  if (!kept) return fetch(request);
  const response = await Promise.race([fetch(request).catch(() => kept), silence()]);
  if (response) return response;
  silentUntil = Date.now() + AWAY_MS;
  return kept;
}

const silence = () => new Promise((end) => { setTimeout(end, SILENCE_MS); });

self.addEventListener('install', (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (!['GET', 'HEAD'].includes(request.method) || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
  if (request.mode === 'navigate') event.waitUntil(keep().catch(() => {})); // away, or changing just now: next time
});
