"""From a feature matrix to a decision. Code, never binaries."""
