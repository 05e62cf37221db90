"""When all jobs have ended, and their results are no longer kept, nothing of them is left in Redis."""

import io
import json

import PIL.Image
import redis

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq.store.worker.outcome import Completed

OF_THE_HOST = {
    ":hosts",
    ":host:alpha",
    ":host:alpha:models",
    ":host:alpha:sizes",
    ":host:alpha:workers",
    ":host:alpha:loaded",
    ":host:alpha:generation",
    f":model:{MODEL}:hosts",
    f":model:{MODEL}:offers",
}
FOR_SECONDS = {f":forecast:{MODEL}"}  # expires by itself
OF_THE_FLEET = {":service", ":reaper", ":jobs", ":expiring", ":ended"}


def _picture() -> bytes:
    data = io.BytesIO()
    PIL.Image.new("L", (32, 32)).save(data, "PNG")
    return data.getvalue()


def _every_ending(fleet: Fleet) -> list[str]:
    """A job for each way through the service, of which none is left running; their ids."""
    store = fleet.add_host(slots=9)
    completed, claimed = fleet.start_job(store, idempotency_key="k", start_within=60)
    fleet.append(claimed, 1, text="x")
    store.complete(claimed, make_outcome())
    picture = fleet.queue.multimodal(MODEL, "x", images=[_picture()])
    store.fail(fleet.claim(store, picture), make_error())
    cancelled, claimed = fleet.start_job(store)
    cancelled.cancel()
    store.free_slot(claimed)
    expired = fleet.submit(start_within=60)
    fleet.expire_start_within(expired.id)
    assert store.claim(expired.id) is None
    retried, claimed = fleet.start_job(store)
    store.release(claimed, make_error(), 30, counts=True)
    fleet.make_retry_due(retried.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None
    fleet.claim(store, retried)
    fleet.expire_lease(retried.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None
    store.complete(fleet.claim(store, retried), make_outcome())
    turns = [fleet.queue.chat(MODEL, conversation="c", message="a") for _ in range(2)]
    for turn in turns:
        message = {"role": "assistant", "content": "b"}
        store.complete(fleet.claim(store, turn), Completed({"message": message}, (message,)))
    return [job.id for job in (completed, picture, cancelled, expired, retried, *turns)]


def test_nothing_but_what_is_kept_on_purpose_stays(fleet: Fleet) -> None:
    """No lease, slot, place in a line, delay, turn or count survives the jobs; what stays has a time to live."""
    ids = _every_ending(fleet)
    fleet.take_messages()  # as Celery's consumer takes them

    kept = {f":{{{job_id}}}" for job_id in ids} | {f":{{{job_id}}}:events" for job_id in ids}
    blobs = {name for name in fleet.key_names() if name.startswith(":blob:")}
    shown = {name.replace(":blob:", ":shown:") for name in blobs}
    conversation = {":conversation:default:c", ":about:default:c", ":conversations:default", ":lapses"}
    lapsing = kept | blobs | shown | conversation | {":idem:default:k"}
    assert len(blobs) == 1
    assert fleet.key_names() - FOR_SECONDS == lapsing | OF_THE_HOST | OF_THE_FLEET
    assert all(fleet.redis.ttl(fleet.keys.prefix + name) > 0 for name in lapsing)


def test_after_the_times_to_live_only_the_fleet_is_left(fleet: Fleet) -> None:
    """Once the records have lapsed and the workers have left, what remains does not grow with the number of jobs."""
    ids = _every_ending(fleet)
    for name in fleet.key_names() - OF_THE_HOST - OF_THE_FLEET - FOR_SECONDS:
        fleet.redis.delete(fleet.keys.prefix + name)
    fleet.expire_kept()

    fleet.open_store().leave()
    fleet.silence_host("alpha")
    fleet.open_store().reap()

    assert ids
    assert fleet.key_names() - FOR_SECONDS == {":service", ":reaper", ":ended"}


def test_short_results_really_lapse(redis_server: object, fleet: Fleet, prefix: str) -> None:
    """LLAMAQ_RESULT_TTL is the producer's, and Redis itself removes the record and the log."""
    brief = Fleet(fleet.url, prefix, result_ttl=1)
    store = brief.add_host()
    job, claimed = brief.start_job(store)
    store.complete(claimed, make_outcome())
    with (
        redis.Redis.from_url(fleet.url, decode_responses=True) as client,
        client.pubsub(ignore_subscribe_messages=True) as pubsub,
    ):
        # An expiry is an event of Redis' own: wait for that, not for a second to pass.
        client.config_set("notify-keyspace-events", "Ex")
        pubsub.psubscribe("__keyevent@0__:expired")
        gone: set[str] = set()
        wanted = {brief.keys.record(job.id), brief.keys.events(job.id)}
        while client.exists(*wanted):
            message = pubsub.get_message(timeout=0.1)
            gone |= {message["data"]} if message else set()

    assert json.dumps(sorted(brief.key_names() & {f":{{{job.id}}}"})) == "[]"
    brief.close()
