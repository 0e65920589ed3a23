// Hands the samples of the audio thread on, a twentieth of a second at a time.

registerProcessor('speech-commands', class extends AudioWorkletProcessor {
  block = new Float32Array(Math.round(sampleRate / 20));
  filled = 0;
  to = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.to = data;
    };
  }

  process([[samples = []]]) {
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled === this.block.length) {
        this.to?.postMessage(this.block);
        this.filled = 0;
      }
    }
    return true;
  }
});
