"""Sends one call with OpenTelemetry's own exporter: `exporter.py http|grpc ENDPOINT pipecat|livekit`.

What the spans are called is what the framework's own source says; their attributes are written by its own functions, or have the
names that its own constants give them.
"""

import importlib
import sys
import sysconfig
import types

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, framework = sys.argv[1:]
if protocol == "http":
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", compression=Compression.Gzip)
else:
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=grpc.Compression.Gzip)

provider = TracerProvider(resource=Resource({"service.name": framework, "service.version": "1.2"}))
provider.add_span_processor(BatchSpanProcessor(exporter))


def source(name):
    """A module of an installed package, without what the packages around it load."""
    around = name.split(".")[:-1]
    for depth in range(1, len(around) + 1):
        bare = types.ModuleType(".".join(around[:depth]))
        bare.__path__ = ["/".join([sysconfig.get_paths()["purelib"], *around[:depth]])]
        sys.modules[bare.__name__] = bare
    return importlib.import_module(name)


def under(tracer, name, parent, attributes=None):
    context = trace.set_span_in_context(parent) if parent else None
    span = tracer.start_span(name, context=context)
    for key, value in (attributes or {}).items():
        span.set_attribute(key, value)
    return span


def pipecat():
    own = source("pipecat.utils.tracing.service_attributes")
    frames, services = provider.get_tracer("pipecat.turn"), provider.get_tracer("pipecat")
    call = under(frames, "conversation", None, {"conversation.id": "pipecat-1", "conversation.type": "voice"})
    turn = under(frames, "turn", call, {"turn.number": 1, "turn.user_bot_latency_seconds": 0.75, "turn.was_interrupted": True})
    stt = under(services, "stt", turn)
    own.add_stt_span_attributes(
        stt, service_name="DeepgramSTTService", model="nova-3", transcript="do you open on sundays", is_final=True, ttfb=0.2
    )
    llm = under(services, "llm", turn, {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 8})
    own.add_llm_span_attributes(
        llm, service_name="OpenAILLMService", model="gpt-4o", stream=True, output="we open at noon", ttfb=0.3
    )
    tts = under(services, "tts", turn)
    own.add_tts_span_attributes(
        tts, service_name="CartesiaTTSService", model="sonic", voice_id="v", text="we open at noon", character_count=15, ttfb=0.1
    )
    for span in (stt, llm, tts, turn, call):
        span.end()


def livekit():
    own = source("livekit.agents.telemetry.trace_types")
    tracer = provider.get_tracer("livekit-agents")
    session = under(tracer, "agent_session", None, {own.ATTR_JOB_ID: "AJ_1"})
    user = under(tracer, "user_turn", session, {own.ATTR_USER_TRANSCRIPT: "is there parking"})
    turn = under(tracer, "agent_turn", session, {own.ATTR_E2E_LATENCY: 1.5, own.ATTR_SPEECH_INTERRUPTED: False})
    node = under(tracer, "llm_node", turn, {own.ATTR_RESPONSE_TEXT: "behind the house", own.ATTR_RESPONSE_TTFT: 0.4})
    usage = {own.ATTR_GEN_AI_USAGE_INPUT_TOKENS: 50, own.ATTR_GEN_AI_USAGE_OUTPUT_TOKENS: 5}
    request = under(tracer, "llm_request", node, usage)
    tool = {
        own.ATTR_FUNCTION_TOOL_NAME: "find_parking",
        own.ATTR_FUNCTION_TOOL_ARGS: '{"near": "house"}',
        own.ATTR_FUNCTION_TOOL_OUTPUT: "lot 7",
    }
    tool = under(tracer, "function_tool", turn, tool)
    voice = under(tracer, "tts_node", turn, {own.ATTR_RESPONSE_TTFB: 0.1})
    for span in (user, request, node, tool, voice, turn, session):
        span.end()


{"pipecat": pipecat, "livekit": livekit}[framework]()
assert provider.force_flush(20_000)
provider.shutdown()
