"""The service as a PyTorch user writes it: Flask, torchaudio, the same network, `POST /predict`.

`flask_original.py MODEL PORT` runs it as `app.run` does; gunicorn takes `flask_original:app`, with the model's
path in the environment variable MODEL.
"""

import io
import os
import sys

import soundfile
import torch
from flask import Flask, jsonify, request

import network

MODEL = sys.argv[1] if __name__ == "__main__" else os.environ["MODEL"]
N_SAMPLES = 16_000

app = Flask(__name__)
header = network.read_header(MODEL)
log_mel = network.LogMel(header["log_mel"])
model = network.load(MODEL)


@app.get("/health")
def health():
    return jsonify(status="healthy")


@app.post("/predict")
def predict():
    samples, _ = soundfile.read(io.BytesIO(request.files["file"].read()), dtype="float32")
    waveform = torch.from_numpy(samples[:N_SAMPLES])
    waveform = torch.nn.functional.pad(waveform, (0, N_SAMPLES - len(waveform)))
    with torch.inference_mode():
        logits = model(log_mel(waveform.unsqueeze(0)))[0]
        probabilities = torch.softmax(logits / header["temperature"], 0)
    top = torch.topk(probabilities, 5)
    scored = [
        {"label": header["labels"][index], "probability": probability}
        for index, probability in zip(top.indices.tolist(), top.values.tolist())
    ]
    confidence = scored[0]["probability"]
    accepted = confidence >= header["threshold"] and not scored[0]["label"].startswith("_")
    return jsonify(label=scored[0]["label"], confidence=confidence, accepted=accepted, predictions=scored)


if __name__ == "__main__":
    app.run(port=int(sys.argv[2]), threaded=True)
