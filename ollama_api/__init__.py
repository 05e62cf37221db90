"""What Ollama's API takes: bodies and options as its Go code reads them, down to the texts of errors.

The gateway answers as Ollama does, and the embedded Ollama stands for one: both read requests by these modules.
"""
