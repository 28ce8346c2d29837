"""The subject, checked: each module is one recipe, for one numbered claim or a few of them.

A recipe's docstring begins with the numbers of its claims. `python -m recipes.claims` runs all.
"""
