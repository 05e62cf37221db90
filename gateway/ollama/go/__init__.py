"""JSON as Go reads and writes it: Ollama's bodies, down to the texts of errors."""
