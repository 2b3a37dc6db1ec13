"""How good probabilities are, and whether a model may be promoted. Figures and codes, no pages."""
