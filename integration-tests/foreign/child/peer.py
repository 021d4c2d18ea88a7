# Sends one message with W3C headers of OpenTelemetry's Python SDK, or gets one and tells in which trace it was sent.
# usage: peer.py <kombu | aio-pika | kafka-python> <send | get> <url> <destination>
import asyncio
import json
import sys

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider

client, role, url, destination = sys.argv[1:]
trace.set_tracer_provider(TracerProvider())


def headers():
    carrier = {}
    propagate.inject(carrier)
    return carrier


def trace_in(carrier):
    context = trace.get_current_span(propagate.extract(carrier)).get_span_context()
    return format(context.trace_id, "032x")


def kombu():
    from kombu import Connection, Queue

    with Connection(url) as connection:
        if role == "send":
            connection.Producer().publish("hello", routing_key=destination, headers=headers())
            return None
        message = Queue(destination, channel=connection.channel()).get()
        message.ack()
        return trace_in(message.headers)


async def aio_pika():
    import aio_pika

    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        if role == "send":
            message = aio_pika.Message(b"hello", headers=headers())
            await channel.default_exchange.publish(message, routing_key=destination)
            return None
        queue = await channel.get_queue(destination)
        message = await queue.get(timeout=10)
        await message.ack()
        return trace_in(message.headers)


def kafka():
    from kafka import KafkaConsumer, KafkaProducer

    if role == "send":
        producer = KafkaProducer(bootstrap_servers=url.split(","))
        fields = [(name, value.encode()) for name, value in headers().items()]
        producer.send(destination, b"hello", headers=fields).get(10)
        producer.close()
        return None
    consumer = KafkaConsumer(destination, bootstrap_servers=url.split(","), auto_offset_reset="earliest", consumer_timeout_ms=10000)
    message = next(iter(consumer))
    consumer.close()
    return trace_in({name: value.decode() for name, value in message.headers})


run = {"kombu": kombu, "aio-pika": lambda: asyncio.run(aio_pika()), "kafka-python": kafka}[client]
with trace.get_tracer("peer").start_as_current_span("send") as span:
    sent = format(span.get_span_context().trace_id, "032x")
    print(json.dumps({"traceId": run() or sent}))
