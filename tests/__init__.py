"""Tests of llamaq. See CONTRIBUTING.md for how they are run, and what a test owes its reader."""
