"""What one attempt works with: its services, its question to Ollama, its result, and what a failure means."""
