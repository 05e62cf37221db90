"""An Ollama in one Python process: its HTTP API on tornado, with an exchangeable engine."""
