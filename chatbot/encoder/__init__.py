"""Texts to vectors with multilingual-e5-small, its upper layers trained here. Knows no answers, customers or Django."""
