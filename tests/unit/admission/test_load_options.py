"""The runner that a job's options ask for."""

from llamaq.admission.load_options import LOAD_OPTIONS, load_options_key
from llamaq.vocabulary.options import Options


def test_only_options_that_reload_the_model_count() -> None:
    """Sampling is of a single request; the order in which options are given does not matter."""
    assert load_options_key(Options(temperature=0.1, num_predict=5, seed=1, stop=["x"])) == ""
    assert load_options_key(Options(num_gpu=0, num_ctx=8192, top_k=3)) == "num_ctx=8192,num_gpu=0"
    assert load_options_key(Options(num_gpu=0, num_ctx=8192)) == load_options_key(Options(num_ctx=8192, num_gpu=0))
    assert (
        load_options_key(Options(use_mmap=False))
        != load_options_key(Options(use_mmap=True))
        != load_options_key(Options())
    )


def test_it_stays_short() -> None:
    """It is a part of keys: many options, or huge numbers, become a digest, and others another."""
    keys = {load_options_key(Options(num_ctx=10**300 + number)) for number in range(3)}
    assert len(keys) == 3
    assert all(len(key) <= 64 for key in keys)


def test_every_name_is_an_option() -> None:
    """A name that Options does not know would never count."""
    assert set(LOAD_OPTIONS) <= set(Options.model_fields)
