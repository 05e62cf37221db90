"""What is said on the wire: requests, results, events, status and errors. Imports nothing else of ours."""
