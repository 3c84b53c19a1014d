"""OpenAI-shaped HTTP requests on loopback in, OpenAI-shaped answers out; knows nothing of how a model works.

Start it with `.venv/bin/python front.py [--port 8093]`; it says when it is ready.
"""

import argparse
import email
import json
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import models

LARGEST_BODY = 25 * 1024 * 1024
PCM_RATE = 24_000


class Refused(Exception):
    """A request that gets an error body, as OpenAI words it."""

    def __init__(self, message, param=None, code=None, status=400):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


class Front(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    # A token would wait for the next one.
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer({"/health": self.health, "/v1/models": self.list_models})

    def do_POST(self):
        self.answer(
            {
                "/v1/audio/speech": self.speech,
                "/v1/audio/transcriptions": self.transcription,
                "/v1/chat/completions": self.chat_completion,
            }
        )

    def answer(self, routes):
        self.started = time.monotonic()
        try:
            # Read first: a body left unread would be taken for the next request.
            self.body = self.read_body()
            route = routes.get(self.path.partition("?")[0])
            if route is None:
                raise Refused(f"Unknown request URL: {self.command} {self.path}", code="unknown_url", status=404)
            route()
        except Refused as refused:
            self.send_json(refused.body, refused.status)
        except ConnectionError:
            self.close_connection = True
        except Exception as cause:
            self.log_error("%s: %r", self.path, cause)
            error = {"message": repr(cause), "type": "server_error", "param": None, "code": None}
            self.send_json({"error": error}, 500)

    def health(self):
        self.send_json({"status": "ok"})

    def list_models(self):
        names = [self.server.chat.name, self.server.transcriber.name, self.server.speaker.name]
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
        self.send_json({"object": "list", "data": entries})

    def transcription(self):
        form = self.read_form()
        require_model(form.get("model", b"").decode(), self.server.transcriber)
        if "file" not in form:
            raise Refused("A file is needed.", "file")
        shape = one_of(form, "response_format", ["json", "text", "verbose_json"], "json")
        one_of(form, "language", ["en"], "en")
        words = form.get("timestamp_granularities[]") == b"word"
        prompt = form.get("prompt", b"").decode() or None
        temperature = number(form.get("temperature", b"0").decode(), "temperature", 0, 1)
        try:
            segments, info = self.server.transcriber.transcribe(form["file"], prompt, temperature, words)
        except ValueError as cause:
            raise Refused(f"Invalid file: {cause}.", "file") from cause
        text = "".join(segment.text for segment in segments).strip()
        usage = {"type": "duration", "seconds": info.duration}
        if shape == "text":
            self.send_bytes(f"{text}\n".encode(), "text/plain; charset=utf-8")
        elif shape == "json":
            self.send_json({"text": text, "usage": usage})
        else:
            self.send_json(verbose(text, segments, info, usage, words))

    def chat_completion(self):
        asked = self.read_json()
        require_model(asked.get("model"), self.server.chat)
        try:
            answer = self.server.chat.ask(self.body)
        except ValueError as cause:
            raise Refused(str(cause)) from cause
        with answer:
            if asked.get("stream"):
                self.pass_on(answer)
            else:
                self.send_bytes(answer.read(), answer.headers["Content-Type"])

    def speech(self):
        asked = self.read_json()
        require_model(asked.get("model"), self.server.speaker)
        if not asked.get("voice"):
            raise Refused("A voice is needed, though there is only one here.", "voice")
        shape = one_of(asked, "response_format", ["pcm", "wav"], "wav")
        text = asked.get("input")
        if not isinstance(text, str) or not any(map(str.isalnum, text)):
            raise Refused("Something that can be said is needed.", "input")
        speed = number(asked.get("speed", 1), "speed", 0.25, 4)
        wav = self.server.speaker.speak(text, speed)
        if shape == "wav":
            self.send_bytes(wav, "audio/wav")
        else:
            self.send_bytes(models.raw_pcm(wav, PCM_RATE), "audio/pcm")

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self.read_chunks()
        else:
            length = self.headers.get("Content-Length", "0")
            self.refuse_larger(int(length) if length.isdecimal() else LARGEST_BODY + 1)
            body = self.rfile.read(int(length))
        return body

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            self.refuse_larger(len(body) + size)
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def refuse_larger(self, length):
        if length > LARGEST_BODY:
            self.close_connection = True
            raise Refused(f"More than {LARGEST_BODY} bytes.", status=413)

    def read_json(self):
        try:
            asked = json.loads(self.body)
        except ValueError as cause:
            raise Refused(f"The body is not JSON: {cause}.") from cause
        if not isinstance(asked, dict):
            raise Refused("The body is not a JSON object.")
        return asked

    def read_form(self):
        kind = email.message_from_string(f"Content-Type: {self.headers.get('Content-Type', '')}")
        boundary = kind.get_boundary()
        if kind.get_content_type() != "multipart/form-data" or not boundary:
            raise Refused("A multipart/form-data body is needed.")
        form = {}
        for part in (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())[1:-1]:
            head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            name = email.message_from_bytes(head).get_param("name", header="Content-Disposition")
            form[name] = content
        return form

    def send_json(self, body, status=200):
        self.send_bytes(json.dumps(body).encode(), "application/json", status)

    def send_bytes(self, body, kind, status=200):
        self.start(kind, status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self, answer):
        """Passes a stream on as it comes."""
        self.start(answer.headers["Content-Type"], 200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read1():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def start(self, kind, status):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("openai-processing-ms", str(round((time.monotonic() - self.started) * 1000)))


def require_model(name, model):
    if name != model.name:
        message = f"The model {name!r} does not exist here: use {model.name!r}."
        raise Refused(message, "model", "model_not_found", 404)


def one_of(asked, name, values, default=None):
    value = asked.get(name, default)
    value = value.decode() if isinstance(value, bytes) else value
    if value not in values:
        raise Refused(f"{value!r} is not supported here: use {' or '.join(values)}.", name, "unsupported_value")
    return value


def number(value, name, least, most):
    try:
        value = float(value)
    except (TypeError, ValueError) as cause:
        raise Refused(f"{value!r} is not a number.", name) from cause
    if not least <= value <= most:
        raise Refused(f"{value} is not between {least} and {most}.", name)
    return value


def verbose(text, segments, info, usage, words):
    shape = {"task": "transcribe", "language": "english", "duration": info.duration, "text": text, "usage": usage}
    if words:
        shape["words"] = [
            {"word": word.word.strip(), "start": float(word.start), "end": float(word.end)}
            for segment in segments
            for word in segment.words
        ]
    else:
        kept = "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob".split()
        shape["segments"] = [{key: getattr(segment, key) for key in kept} for segment in segments]
    return shape


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=8093)
    port = arguments.parse_args().port
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    server = ThreadingHTTPServer((models.LOOPBACK, port), Front, bind_and_activate=False)
    # Bound before the models load, so that a port in use is known at once; listening only when they have.
    server.server_bind()
    began = time.monotonic()
    server.speaker = models.Speaker()
    try:
        server.transcriber = models.Transcriber()
        server.chat = models.Chat()
        server.server_activate()
        print(f"ready on http://{models.LOOPBACK}:{port}/v1 after {time.monotonic() - began:.1f} s", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        server.server_close()
        server.speaker.stop()


if __name__ == "__main__":
    main()
