// Measures the network in WebAssembly, here and in onnxruntime-web, in turn.

const TIMES = 20; // calls of each side in a turn
const TOLERANCE = 1e-4;

// Returns the milliseconds a call of each turn: of our network, of onnxruntime's, and of ours with its front end.
export async function measure({ Recognizer, ort, record, onnx, rounds }) {
  ort.env.wasm.numThreads = 1;
  const recognizer = await Recognizer.load(record);
  const session = await ort.InferenceSession.create(onnx, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
  const samples = Float32Array.from({ length: 16_000 }, (_, i) => 0.3 * Math.sin(i / 20) * Math.sin(i / 5_000));
  const features = recognizer.logMel(samples, 16_000);
  const shape = [1, 101, 40];
  const sides = {
    ours: () => recognizer.logits(features),
    theirs: async () => (await session.run({ log_mel: new ort.Tensor('float32', features, shape) })).logits.data,
    whole: () => recognizer.classify(samples, 16_000),
  };
  const [a, b] = [await sides.ours(), await sides.theirs()];
  const furthest = Math.max(...a.map((logit, i) => Math.abs(logit - b[i])));
  if (!(furthest <= TOLERANCE)) throw new Error(`onnxruntime-web: logits are ${furthest} from ours`);
  const result = { ours: [], theirs: [], whole: [] };
  for (let round = 0; round <= rounds; round += 1) {
    for (const [side, run] of Object.entries(sides)) {
      const start = performance.now();
      for (let i = 0; i < TIMES; i += 1) await run();
      if (round > 0) result[side].push((performance.now() - start) / TIMES); // the first one compiles
    }
  }
  return result;
}
