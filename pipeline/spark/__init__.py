"""The engine `spark`: matrices and scores from a cluster, equal to those of one machine to the bit."""
