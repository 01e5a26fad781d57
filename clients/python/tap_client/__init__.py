"""The Python SDK of Tap: connect, follow, post; also what bots and load tools speak."""
