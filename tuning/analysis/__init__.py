"""What a search found, from its records alone: numbers, sentences and pictures of it."""

from tuning.analysis.found import Found, is_search, read, searches_in

__all__ = ["Found", "is_search", "read", "searches_in"]
