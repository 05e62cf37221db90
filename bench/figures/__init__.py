"""Results, and the tables, plots and page that are made from them."""
