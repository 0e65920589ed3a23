// Runs on the audio thread: hands the page a block of samples 20 times a second.
const BLOCK = Math.round(sampleRate / 20);

registerProcessor('capture', class extends AudioWorkletProcessor {
  block = new Float32Array(BLOCK);
  filled = 0;

  process([[samples = []]]) {
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled === BLOCK) {
        this.port.postMessage(this.block);
        this.block = new Float32Array(BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
});
