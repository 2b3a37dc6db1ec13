"""Analyses of the funnel: the points audit, and whose gap a bad MQL-SQL rate is."""
