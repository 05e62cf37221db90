"""What each endpoint of Ollama answers, as types. Every field that is read is checked here, where it enters."""
