"""What was measured, and what becomes of it: results, tables, plots and the page."""
