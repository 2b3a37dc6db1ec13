"""From one request to its answer: score, reasons, warnings, decision."""
