"""The measures of docs/scaling.md."""
