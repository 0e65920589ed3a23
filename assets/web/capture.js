// Runs on the audio thread: hands every block of samples to the page.
registerProcessor('capture', class extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples) this.port.postMessage(samples.slice()); // the browser reuses its block
    return true;
  }
});
