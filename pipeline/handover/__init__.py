"""What the stage `timing` does: from hand-overs to models of when to call."""
