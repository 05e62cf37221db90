"""The settings of a producer, and how any setting is declared."""
