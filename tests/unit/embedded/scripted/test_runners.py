"""Models of the same weights share a runner, as on a real Ollama."""

from api_client import OllamaClient
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import ScriptedModel


def test_one_load_serves_all_names_of_the_weights() -> None:
    """`/api/ps` has the name loaded first; another context loads the runner again; each file names its blob."""
    models = [ScriptedModel("a:1", weights="w"), ScriptedModel("b:1", weights="w"), ScriptedModel("c:1")]
    with ScriptedOllama.start(models=models, max_models=1) as ollama, OllamaClient(ollama.url) as client:
        for name in ("b:1", "a:1", "b:1"):
            list(client.generate({"model": name, "prompt": "x"}))
        assert [model.name for model in client.ps()] == ["b:1"]
        assert ollama.stats()["loads"] == {"b:1": 1}
        files = {model.name: client.show(model.name).modelfile.splitlines()[0] for model in models}
        assert files["a:1"] == files["b:1"] != files["c:1"]

        list(client.generate({"model": "a:1", "prompt": "x", "options": {"num_ctx": 1024}}))
        assert ollama.stats()["loads"] == {"b:1": 1, "a:1": 1}
        list(client.generate({"model": "b:1", "prompt": "", "keep_alive": 0}))
        assert not client.ps()
