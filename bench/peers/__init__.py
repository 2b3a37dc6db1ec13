"""The same features in the project's engine and in the libraries that people else would use; see bench/README.md."""
