"""The score log, and how later rows compare with those of the training."""
