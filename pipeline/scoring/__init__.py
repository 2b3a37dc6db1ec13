"""Batch scores: of snapshots, of files, and the requests that a CRM would send."""
