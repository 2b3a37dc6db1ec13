"""How well the analyses of the funnel find what the simulator planted, and how long they take."""
