"""The models of the wire protocol: requests, results, events, status and errors. Imports nothing else of ours."""
