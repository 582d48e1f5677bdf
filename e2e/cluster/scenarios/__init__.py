"""The scenarios, one module a subject. Uses the modules of the folder above; `__main__` imports them in the order in which they run."""
