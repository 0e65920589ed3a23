// Hands the samples of the audio thread on, a twentieth of a second at a time.

registerProcessor('speech-commands', class extends AudioWorkletProcessor {
  block = new Float32Array(Math.round(sampleRate / 20));
  filled = 0;
  to = this.port; // unless another comes

  constructor() {
    super();
    // Comes with the port to the worker, and with the word that the sound is over.
    this.port.onmessage = ({ data }) => {
      if (data !== 'end') {
        this.to = data;
        return;
      }
      this.handOn();
      this.to.postMessage(data);
    };
  }

  handOn() {
    this.to.postMessage(this.block.subarray(0, this.filled));
    this.filled = 0;
  }

  process([[samples = []]]) {
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled === this.block.length) this.handOn();
    }
    return true;
  }
});
