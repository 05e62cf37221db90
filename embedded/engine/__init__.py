"""The models behind the embedded Ollama: llama.cpp, what is in memory, and what an answer may look like."""
