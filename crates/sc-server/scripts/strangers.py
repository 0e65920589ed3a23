#!/usr/bin/env python3
"""Tests a running server with public clients that were not made for it: those of Triton and KServe, and schemathesis.

    python3 -m venv /tmp/strangers
    /tmp/strangers/bin/pip install -r crates/sc-server/scripts/strangers.txt
    /tmp/strangers/bin/python crates/sc-server/scripts/strangers.py http://localhost:8000 localhost:8001

The second address is that of --grpc-port, if the server has one.
"""

import asyncio
import pathlib
import queue
import subprocess
import sys

import numpy as np
import tritonclient.http as triton
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

MODEL = "speech-commands"
WORD = pathlib.Path(__file__).parents[2] / "sc-data/tests/media/word.wav"


def samples() -> np.ndarray:
    return np.frombuffer(WORD.read_bytes()[-32000:], "<i2").astype(np.float32)[None] / 32768


def try_triton(url: str) -> None:
    client = triton.InferenceServerClient(url.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    print("triton: metadata", client.get_model_metadata(MODEL)["outputs"])

    file = triton.InferInput("AUDIO_FILE", [2], "BYTES")
    file.set_data_from_numpy(np.array([WORD.read_bytes()] * 2, dtype=object))
    answer = client.infer(MODEL, [file], request_id="7")
    assert answer.get_response()["id"] == "7"
    assert list(answer.as_numpy("LABEL")) == [b"yes", b"yes"], answer.as_numpy("LABEL")
    print("triton: two files in binary", answer.as_numpy("LABEL"), answer.as_numpy("ACCEPTED"))

    audio = triton.InferInput("AUDIO", [1, 16000], "FP32")
    audio.set_data_from_numpy(samples())
    wanted = [
        triton.InferRequestedOutput("PROBABILITIES", class_count=3),
        triton.InferRequestedOutput("LABEL", binary_data=False),
    ]
    answer = client.infer(MODEL, [audio], outputs=wanted)
    assert answer.as_numpy("PROBABILITIES")[0][0].endswith(b":yes")
    print("triton: three likeliest", answer.as_numpy("PROBABILITIES"), answer.as_numpy("LABEL"))

    try:
        client.infer("other", [audio])
        raise AssertionError("another model answers")
    except triton.InferenceServerException as error:
        print("triton: refused", error)


def try_triton_grpc(address: str) -> None:
    import tritonclient.grpc as triton_grpc

    client = triton_grpc.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    print("triton over gRPC: metadata", client.get_model_metadata(MODEL, as_json=True)["outputs"])

    file = triton_grpc.InferInput("AUDIO_FILE", [2], "BYTES")
    file.set_data_from_numpy(np.array([WORD.read_bytes()] * 2, dtype=object))
    answer = client.infer(MODEL, [file], request_id="7")
    assert answer.get_response().id == "7"
    assert list(answer.as_numpy("LABEL")) == [b"yes", b"yes"], answer.as_numpy("LABEL")
    print("triton over gRPC: two files", answer.as_numpy("LABEL"), answer.as_numpy("ACCEPTED"))

    audio = triton_grpc.InferInput("AUDIO", [1, 16000], "FP32")
    audio.set_data_from_numpy(samples())
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer(MODEL, [audio])
    client.async_stream_infer("other", [audio])
    (result, error), (_, refusal) = answers.get(timeout=10), answers.get(timeout=10)
    client.stop_stream()
    assert error is None and list(result.as_numpy("LABEL")) == [b"yes"], error
    assert "no model other" in refusal.message(), refusal
    print("triton over gRPC: a stream", result.as_numpy("LABEL"), refusal)


async def try_kserve(url: str) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
    assert await client.is_server_live(url) and await client.is_server_ready(url)
    assert await client.is_model_ready(url, MODEL)
    audio = InferInput(name="AUDIO", shape=[1, 16000], datatype="FP32", data=samples())
    request = InferRequest(model_name=MODEL, infer_inputs=[audio])
    answer = await client.infer(url, request, model_name=MODEL)
    labels = {output.name: output.data for output in answer.outputs}
    assert labels["LABEL"] == ["yes"], labels
    print("kserve: samples", labels["LABEL"], labels["ACCEPTED"])


def try_schemathesis(url: str) -> None:
    subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json",
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
            "--max-examples=100", "--phases=examples,coverage,fuzzing", "--exclude-path=/stream",
        ],
        check=True,
    )


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
    try_triton(url)
    if len(sys.argv) > 2:
        try_triton_grpc(sys.argv[2])
    asyncio.run(try_kserve(url))
    try_schemathesis(url)
