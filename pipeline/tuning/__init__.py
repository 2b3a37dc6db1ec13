"""The search for better values of the section `train`: the study, its trials, and what came of them."""
