"""What the offline side and the service share to protect persons: keys, pseudonyms, the suppression list."""
