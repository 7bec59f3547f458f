"""The page /desk/insight/: filters from the address, figures as charts with their findings in words, tables and CSV."""
