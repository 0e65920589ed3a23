// What was just done, as a program would do it.

import { say } from './language.js';

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`; // for a shell
const literal = (text) => JSON.stringify(text); // for Python and JavaScript

// `{ path, file }` of a request, or `{ path }` of a stream, as `curl`, `python` or `javascript`. `isHere` tells that this
// device answered.
export function code(kind, { isHere, ...request }) {
  const remark = isHere ? `${kind === 'javascript' ? '//' : '#'} ${say('codeHere')}\n` : '';
  return remark + asked(kind, request);
}

function asked(kind, { path, file }) {
  const address = new URL(path, location);
  if (path.startsWith('stream')) {
    address.protocol = address.protocol.replace('http', 'ws');
    return live[kind](address.href);
  }
  return upload[kind](address.href, file);
}

const upload = {
  // curl takes a comma or a semicolon for the end of a name that is not quoted.
  curl: (address, file) => `curl -F ${quoted(`file=@"${file.replaceAll(/["\\]/g, '\\$&')}"`)} ${quoted(address)}`,
  python: (address, file) => `import requests

with open(${literal(file)}, "rb") as file:
    response = requests.post(${literal(address)}, files={"file": file})
response.raise_for_status()
print(response.json())`,
  javascript: (address, file) => `import { openAsBlob } from "node:fs";

const form = new FormData();
form.append("file", await openAsBlob(${literal(file)}), ${literal(file)});
const response = await fetch(${literal(address)}, { method: "POST", body: form });
console.log(await response.json());`,
};

// curl speaks to no microphone: `arecord` does on Linux, and websocat carries its samples.
const live = {
  curl: (address) => `arecord -q -f S16_LE -r 16000 -c 1 -t raw | websocat -b --no-close ${quoted(address)}`,
  python: (address) => `import asyncio, sounddevice, websockets

async def listen():
    async with websockets.connect(${literal(address)}) as socket:
        loop = asyncio.get_running_loop()
        samples = asyncio.Queue()
        hear = lambda block, *_: loop.call_soon_threadsafe(samples.put_nowait, bytes(block))

        async def send():
            while True:
                await socket.send(await samples.get())

        with sounddevice.RawInputStream(16000, 1600, channels=1, dtype="int16", callback=hear):
            sending = asyncio.create_task(send())
            async for event in socket:
                print(event)

asyncio.run(listen())`,
  javascript: (address) => `// 16-bit little-endian mono samples at 16 kHz on the standard input.
const socket = new WebSocket(${literal(address)});
socket.onmessage = ({ data }) => console.log(data);
socket.onopen = async () => {
  for await (const samples of process.stdin) socket.send(samples);
  socket.send("end");
};`,
};
