"""The engine of the embedded Ollama: llama.cpp, the scheduler of models in memory, and the formats of answers."""
