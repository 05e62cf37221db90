"""An Ollama whose answers a test scripts, with the same HTTP server as the embedded one."""

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import Fault, Script, ScriptedModel

__all__ = ["Fault", "Script", "ScriptedModel", "ScriptedOllama"]
