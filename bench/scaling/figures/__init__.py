"""Medians of the results, and the arithmetic, plots and page that are made from them."""
