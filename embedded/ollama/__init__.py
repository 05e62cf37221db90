"""An Ollama in one Python process: the same HTTP API, on tornado, with whatever engine it is given behind it."""
