"""What is kept of a conversation, what it is set to, and the list of all."""

import json
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet
from llamaq import BrokerUnavailable, Conversation, InvalidRequest, Limits
from llamaq.settings.producer import Settings
from tests.unit.store.conversation.talking import NAME, hold_conversation, submit_turn


@pytest.fixture
def talk(fleet: Fleet) -> Conversation:
    return fleet.queue.conversation(NAME)


def test_messages_know_their_turn(fleet: Fleet, talk: Conversation) -> None:
    """Those of one job are one turn, also where the same was said twice."""
    hold_conversation(fleet, "a", "a")

    assert [(said.turn, said.role, said.content) for said in talk.history()] == [
        (1, "user", "a"), (1, "assistant", "re: a"), (2, "user", "a"), (2, "assistant", "re: a"),
    ]  # fmt: skip


def test_messages_without_a_job_are_turns_all_the_same(fleet: Fleet, talk: Conversation) -> None:
    """An answer ends a turn, in what was kept before jobs were noted beside the messages."""
    said = [{"role": role, "content": role} for role in ("user", "assistant", "user", "tool", "assistant")]
    fleet.redis.rpush(fleet.keys.conversation("default", NAME), *map(json.dumps, said))

    assert [message.turn for message in talk.history()] == [1, 1, 2, 2, 2]


def test_settings_are_set_changed_and_cleared_one_by_one(talk: Conversation) -> None:
    """What is not named stays; None clears."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"required": [], "big": 2**60}}}
    talk.set(model="Llama3.2", system="Be kind.", options={"num_ctx": 64}, tools=[tool], ttl=50)
    talk.set(system=None, ttl=60)

    settings = talk.settings()

    assert (settings.model, settings.system, settings.ttl) == ("llama3.2:latest", None, 60)
    assert settings.options is not None
    assert (settings.options.num_ctx, settings.tools) == (64, [tool])


def test_its_own_time_to_live_goes_before_the_common_one(fleet: Fleet, talk: Conversation) -> None:
    """Messages and settings lapse together; each turn begins the time anew."""
    talk.set(ttl=5000)
    hold_conversation(fleet, "a")

    keys = [fleet.keys.conversation("default", NAME), fleet.keys.about("default", NAME)]
    assert all(4900 < fleet.redis.ttl(key) <= 5000 for key in keys)
    talk.set(ttl=None)
    assert all(fleet.redis.ttl(key) == 2_592_000 for key in keys)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"options": {"num_ctx": "many"}}, "options.num_ctx"),
        ({"ttl": 0}, "ttl"),
        ({"system": ""}, "system"),
        ({"system": "x" * 101}, "system"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(fleet: Fleet, prefix: str, changes: Any, field: str) -> None:
    """And nothing of the call is set."""
    narrow = Fleet(fleet.url, prefix, limits=Limits(prompt_chars=100))
    talk = narrow.queue.conversation(NAME)
    with pytest.raises(InvalidRequest) as refused:
        talk.set(model="m", **changes)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert talk.settings().model is None
    narrow.close()


def test_a_turn_without_a_model_goes_to_the_conversations(fleet: Fleet, talk: Conversation) -> None:
    """A model that is named goes before it; where there is none at all, the turn is refused."""
    fleet.add_host(models=[MODEL, "other:latest"])
    with pytest.raises(InvalidRequest, match="model"):
        talk.send("a")
    talk.set(model="other")

    jobs = [talk.send("a"), talk.send("b", model=MODEL), fleet.queue.chat(conversation=NAME, message="c")]

    assert [fleet.record(job.id)["model"] for job in jobs] == ["other:latest", MODEL, "other:latest"]
    with pytest.raises(InvalidRequest, match="model"):
        fleet.queue.chat(messages=[{"role": "user", "content": "x"}])


def test_the_runner_of_the_conversations_options_is_the_turns(fleet: Fleet, talk: Conversation) -> None:
    """So that its turns are assigned where no model must be loaded anew; a turn's own options go before."""
    fleet.add_host()
    talk.set(model=MODEL, options={"num_ctx": 64, "seed": 1})

    jobs = [talk.send("a"), talk.send("b", options={"num_ctx": 128})]
    talk.set(options=None)
    jobs.append(talk.send("c"))

    assert [fleet.record(job.id)["runner"] for job in jobs] == ["num_ctx=64", "num_ctx=128", ""]


# --- the list


def test_conversations_are_listed_the_latest_first(fleet: Fleet, talk: Conversation) -> None:
    """Of one tenant; with how much is kept, and what waits."""
    hold_conversation(fleet, "a")
    fleet.queue.conversation("older").set(model="m")
    fleet.queue.conversation("others", "someone").set(model="m")
    submit_turn(fleet, "b")
    talk.set(system="s")

    found = fleet.queue.conversations()

    assert [(one.name, one.messages, one.turns_waiting, one.model) for one in found] == [
        (NAME, 2, 1, None), ("older", 0, 0, "m:latest"),
    ]  # fmt: skip
    assert found[0].created_at <= found[0].updated_at < found[0].expires_at
    assert [one.name for one in fleet.queue.conversations(limit=1)] == [NAME]
    assert [one.name for one in fleet.queue.conversations(tenant="someone")] == ["others"]


def test_no_tenant_is_the_default_one(fleet: Fleet, talk: Conversation) -> None:
    """None is absent, as in a request: also for what is read, and for the model of a turn."""
    nobody: Any = None
    hold_conversation(fleet, "a")
    same = fleet.queue.conversation(NAME, nobody)
    same.set(model=MODEL, system="s")

    assert same.tenant == "default"
    assert same.history() == talk.history() != []
    assert talk.settings().system == "s"
    assert [one.name for one in fleet.queue.conversations(tenant=nobody)] == [NAME]
    assert fleet.queue.chat(conversation=NAME, message="b", tenant=nobody).status().model == MODEL


def test_what_lapsed_leaves_the_list_and_the_indexes(fleet: Fleet) -> None:
    """Names do not gather for ever: each touch takes a few away that have lapsed."""
    for number in range(5):
        fleet.queue.conversation(f"c{number}").set(model="m", ttl=1000)
        fleet.redis.delete(fleet.keys.about("default", f"c{number}"))
    fleet.redis.zadd(f"{fleet.keys.prefix}:lapses", {f"default c{number}": 1 for number in range(3)})

    fleet.queue.conversation("new").set(model="m")
    assert fleet.redis.zcard(f"{fleet.keys.prefix}:conversations:default") == 3
    assert [one.name for one in fleet.queue.conversations()] == ["new"]
    assert fleet.redis.zcard(f"{fleet.keys.prefix}:conversations:default") == 1


def test_a_name_or_tenant_that_cannot_be_a_key_is_refused(fleet: Fleet) -> None:
    """A tenant stands between colons."""
    for name, tenant, field in (("", "default", "name"), ("c", "a:b", "tenant"), ("x" * 513, "default", "name")):
        with pytest.raises(InvalidRequest) as refused:
            fleet.queue.conversation(name, tenant)
        assert refused.value.problems[0].field == field
    assert Settings().conversation_ttl == 2_592_000


def test_messages_that_were_written_over_are_set_aside_by_the_next_turn(fleet: Fleet, talk: Conversation) -> None:
    """A reader alone cannot do that: it says when it will be done."""
    fleet.redis.set(fleet.keys.conversation("default", NAME), "no list")

    with pytest.raises(BrokerUnavailable, match="is set aside as soon as llamaq writes to it"):
        talk.history()
    hold_conversation(fleet, "a")

    assert [said.content for said in talk.history()] == ["a", "re: a"]
