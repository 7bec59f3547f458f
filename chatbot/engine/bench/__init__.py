"""The engine beside its peers: the same prompts, each engine in a process of its own, rounds that alternate.

`python -m chatbot.engine.bench --help`. Owns the measuring; nothing of the product imports it, and the peers' packages
are nobody's requirement: an engine whose package is missing is left out with a message.
"""
