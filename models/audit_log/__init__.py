"""The audit log: who scored, viewed, decided, exported and erased, chained by keyed MACs so that a change is found."""
