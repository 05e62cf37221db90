"""Typed values out of text: schemas, the grammars they become, and objects that are still growing."""
