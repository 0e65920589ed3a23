// Keeps the page for when there is no network. With one, every file comes from it, so that all are of one version;
// without, all are of the version that was kept whole.

const LIST = 'files.json'; // { version, files }
const MODEL = 'model.safetensors'; // a server with a model of its own does not hand it out
const PAGE = `page at ${self.registration.scope}, version `; // other pages of this origin have caches of their own

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
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request.url, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener('install', (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (!['GET', 'HEAD'].includes(request.method) || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
  if (request.mode === 'navigate') event.waitUntil(keep().catch(() => {})); // away, or changing just now: next time
});
