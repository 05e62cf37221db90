"""What was measured, and what becomes of it: medians, arithmetic, plots and the page."""
