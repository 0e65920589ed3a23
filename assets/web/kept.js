// The model with words of its own that this device keeps.

export const TAUGHT = new URL('taught.safetensors', document.baseURI);

// Browsers keep files on https and localhost only, and may forbid it.
export const keptModel = async () => globalThis.caches?.match(TAUGHT).catch(() => undefined);
