"""The chain of schema changes, one file a step; `python -m hub.store.migrations "what changes"` drafts the next one."""
