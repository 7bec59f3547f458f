"""Texts to vectors with multilingual-e5-small, its upper layers trained here; classifiers on top of them.

Knows no answers, customers or Django.
"""
